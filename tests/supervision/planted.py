"""Votes with a known truth, for the tests of this room."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from overton.data import Votes
from overton.schema import Task, TaskType

# Type of the task, and labelled units of each record: the seven kinds of task.
KINDS: Mapping[str, tuple[TaskType, int]] = {
    "multiclass on a record": ("multiclass", 1),
    "multiclass on tokens": ("multiclass", 5),
    "multiclass on members": ("multiclass", 3),
    "bitvector on a record": ("bitvector", 1),
    "bitvector on tokens": ("bitvector", 5),
    "bitvector on members": ("bitvector", 3),
    "select": ("select", 1),
}

Label = None | int | Sequence[int] | Mapping[int, float]


def votes_of(
    rows: Sequence[Mapping[str, Label]],
    *,
    type: TaskType = "multiclass",
    classes: Sequence[str] = ("a", "b", "c"),
    per_record: int = 1,
    candidates: Sequence[int] | None = None,
) -> Votes:
    """Votes of units, each a mapping from source to label as in a data file, with numbers for classes."""
    names = sorted({name for row in rows for name in row})
    number_of = {name: number for number, name in enumerate(names)}
    unit, source, size, label, probability = [], [], [], [], []
    for number, row in enumerate(rows):
        for name in sorted(row):
            value = row[name]
            if value is None:
                continue
            entries = _entries(value)
            unit.append(number)
            source.append(number_of[name])
            size.append(len(entries))
            label += [entry for entry, _ in entries]
            probability += [weight for _, weight in entries]
    return Votes(
        task=Task("T", "p", type, () if type == "select" else tuple(classes)),
        sources=tuple(names),
        offsets=np.arange(0, len(rows) + 1, per_record, dtype=np.int64),
        unit=np.array(unit, np.int64),
        source=np.array(source, np.int32),
        first=np.concatenate([[0], np.cumsum(size)]).astype(np.int64),
        label=np.array(label, np.int32),
        probability=np.array(probability, np.float32),
        candidates=None if type != "select" else np.array(candidates or [3] * len(rows), np.int32),
    )


def _entries(value: Label) -> list[tuple[int, float]]:
    if isinstance(value, int | np.integer):  # the most frequent first: there are a million of them
        return [(int(value), 1.0)]
    if isinstance(value, Mapping):
        return [(int(label), float(weight)) for label, weight in value.items()]
    return [(int(label), 1.0) for label in value]


def simulate(
    type: TaskType,
    accuracy: Sequence[float],
    *,
    n_units: int = 4000,
    per_record: int = 1,
    n_labels: int = 4,
    coverage: float = 0.6,
    prior: Sequence[float] | None = None,
    seed: int = 0,
) -> tuple[Votes, ndarray]:
    """Votes of sources that are right with these accuracies, and the truth: (unit,), or bool (unit, label) for bits.

    A wrong bitvector has each bit flipped by chance; every source is `s0`, `s1`, ...
    """
    random = np.random.default_rng(seed)
    n_units -= n_units % per_record
    candidates = random.integers(2, n_labels + 1, n_units) if type == "select" else np.full(n_units, n_labels)
    if type == "bitvector":
        return _simulate_bits(random, accuracy, n_units, per_record, n_labels, coverage)
    truth = random.integers(0, candidates) if prior is None else random.choice(n_labels, n_units, p=prior)
    rows: list[dict[str, Label]] = [{} for _ in range(n_units)]
    for source, right in enumerate(accuracy):
        voted = np.flatnonzero(random.random(n_units) < coverage)
        hit = random.random(len(voted)) < right
        other = (truth[voted] + random.integers(1, candidates[voted])) % candidates[voted]
        for unit, label in zip(voted.tolist(), np.where(hit, truth[voted], other).tolist(), strict=True):
            rows[unit][f"s{source}"] = label
    classes = [f"c{number}" for number in range(n_labels)]
    return votes_of(rows, type=type, classes=classes, per_record=per_record, candidates=list(candidates)), truth


def _simulate_bits(
    random: np.random.Generator,
    accuracy: Sequence[float],
    n_units: int,
    per_record: int,
    n_labels: int,
    coverage: float,
) -> tuple[Votes, ndarray]:
    truth = random.random((n_units, n_labels)) < 0.3
    rows: list[dict[str, Label]] = [{} for _ in range(n_units)]
    for source, right in enumerate(accuracy):
        voted = np.flatnonzero(random.random(n_units) < coverage)
        flipped = truth[voted] ^ (random.random((len(voted), n_labels)) >= right)
        for unit, bits in zip(voted.tolist(), flipped.tolist(), strict=True):
            rows[unit][f"s{source}"] = [bit for bit, on in enumerate(bits) if on]
    classes = [f"c{number}" for number in range(n_labels)]
    return votes_of(rows, type="bitvector", classes=classes, per_record=per_record), truth


def probabilities(votes: Votes, targets_index: ndarray, table: ndarray) -> ndarray:
    """The target of every unit, of shape (unit, label); nan where it has none."""
    found = table[np.maximum(targets_index, 0)] if len(table) else np.zeros((votes.n_units, 0))
    return np.where((targets_index >= 0)[:, None], found, np.nan)


def with_copies(votes: Votes, source: str, *, times: int, noise: float = 0.0, seed: int = 0) -> Votes:
    """Votes with so many copies of one source, `copy0` and on, each of whose labels is exchanged with this chance.

    A copied bitvector has each bit flipped with it.
    """
    random = np.random.default_rng(seed)
    rows: list[dict[str, Label]] = rows_of(votes)
    n_labels = len(votes.task.classes)
    for unit, row in enumerate(rows):
        label = row.get(source)
        for number in range(times if label is not None else 0):
            if votes.task.type == "bitvector":
                turned = (random.random(n_labels) < noise).tolist()
                row[f"copy{number}"] = [bit for bit in range(n_labels) if (bit in label) != turned[bit]]
            else:
                options = n_labels if votes.candidates is None else int(votes.candidates[unit])
                other = random.random() < noise
                row[f"copy{number}"] = (label + other * random.integers(1, options)) % options
    per_record = int(votes.offsets[1]) if len(votes.offsets) > 1 else 1
    candidates = None if votes.candidates is None else votes.candidates.tolist()
    classes = votes.task.classes
    return votes_of(rows, type=votes.task.type, classes=classes, per_record=per_record, candidates=candidates)


def rows_of(votes: Votes) -> list[dict[str, Any]]:
    """The rows that `votes_of` would make these votes of."""
    rows: list[dict[str, Any]] = [{} for _ in range(votes.n_units)]
    labels, first = votes.label.tolist(), votes.first.tolist()
    for cell, (unit, source) in enumerate(zip(votes.unit.tolist(), votes.source.tolist(), strict=True)):
        label = labels[first[cell] : first[cell + 1]]
        rows[unit][votes.sources[source]] = label if votes.task.type == "bitvector" else label[0]
    return rows
