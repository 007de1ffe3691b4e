"""Labels of many records as text, as people read them in a table.

A label of a record is the name of its class or the index of its member as it stands; lists of names, lists over
tokens or members, and soft labels are JSON.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from overton.base.ragged import spread, starts_of
from overton.codec import Predictions
from overton.data import Gold, Votes

NULL = "null"


@dataclass(frozen=True)
class LabelText:
    """How the labels of one task are told.

    Attributes:
        classes: Names of the classes; none for `select`.
        type: Type of the task.
        listed: Whether a record has a list of labels: one for each token or member.
    """

    classes: tuple[str, ...]
    type: str
    listed: bool

    def name(self, number: int) -> str:
        """One class or member by itself."""
        if self.type == "select":
            return str(number)
        return self.quoted(number) if self.listed else self.classes[number]

    def quoted(self, number: int) -> str:
        """One class as JSON; the key of a member in a soft label."""
        return json.dumps(self.classes[number] if self.classes else str(number), ensure_ascii=False)

    def one_each(self, numbers: ndarray) -> ndarray:
        """Text of one label a unit, strings of shape (unit,); `null` where it is -1."""
        top = max(int(numbers.max(initial=-1)) + 1, len(self.classes))
        names = np.array([*(self.name(number) for number in range(top)), NULL], object)
        texts: ndarray = names[numbers]
        return texts

    def bits(self, held: ndarray) -> ndarray:
        """Text of the classes that hold of each unit, strings of shape (unit,)."""
        packed = np.ascontiguousarray(np.packbits(held, axis=1))
        if not packed.size:
            return np.full(len(held), "[]", object)
        _, first, pattern = np.unique(
            packed.view(f"V{packed.shape[1]}").ravel(), return_index=True, return_inverse=True
        )
        names = np.array([self.names(np.flatnonzero(bits).tolist()) for bits in held[first]], object)
        texts: ndarray = names[pattern]
        return texts

    def names(self, numbers: Sequence[int]) -> str:
        """A list of classes as JSON."""
        return f"[{', '.join(self.quoted(number) for number in numbers)}]"

    def soft(self, numbers: Sequence[int], probability: Sequence[float]) -> str:
        """Classes with their probabilities as JSON."""
        parts = (f"{self.quoted(number)}: {p:.6g}" for number, p in zip(numbers, probability, strict=True))
        return f"{{{', '.join(parts)}}}"


def prediction_texts(said: Predictions, text: LabelText) -> list[str | None]:
    """What was predicted of each record; None where nothing was."""
    units = text.bits(said.label) if text.type == "bitvector" else text.one_each(said.label)
    if said.unknown is not None:
        units[said.unknown] = NULL
    return _by_record(units, said.offsets, text)


def gold_texts(gold: Gold, rows: ndarray, *, listed: bool) -> list[str | None]:
    """What is true of some records; None where that is not known of any unit."""
    text = LabelText(gold.task.classes, gold.task.type, listed)
    place = spread(gold.offsets, rows)
    label, known = gold.label[place], gold.known[place]
    units = text.bits(label) if text.type == "bitvector" else text.one_each(np.where(known, label, -1))
    units[~known] = NULL
    return _by_record(units, starts_of(gold.offsets[rows + 1] - gold.offsets[rows]), text)


def vote_texts(votes: Votes, rows: ndarray, *, listed: bool) -> tuple[ndarray, list[str], list[str]]:
    """What every source said of some records.

    Returns:
        First vote of each record, int64 of shape (record + 1,); source of each vote; its text.
    """
    text = LabelText(votes.task.classes, votes.task.type, listed)
    first = starts_of(votes.offsets[rows + 1] - votes.offsets[rows])
    unit_of = np.full(votes.n_units, -1, np.int64)
    unit_of[spread(votes.offsets, rows)] = np.arange(first[-1])
    record_of = np.repeat(np.arange(len(rows)), np.diff(first))
    cells = np.flatnonzero(unit_of[votes.unit] >= 0)
    unit, source = unit_of[votes.unit[cells]], votes.source[cells]
    said = _cell_texts(votes, cells, text)
    owners, names, labels = [np.zeros(0, np.int64)], [], []
    for number in np.unique(source).tolist():
        mine = source == number
        records = np.unique(record_of[unit[mine]])
        units = np.full(len(record_of), NULL, object)
        units[unit[mine]] = said[mine]
        labels += _joined(units, first[records], first[records + 1], text)
        names += [votes.sources[number]] * len(records)
        owners.append(records)
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable").tolist()
    counts = np.bincount(owner, minlength=len(rows))
    return starts_of(counts), [names[place] for place in order], [labels[place] for place in order]


def _cell_texts(votes: Votes, cells: ndarray, text: LabelText) -> ndarray:
    """Text of some votes, strings of shape (cell,)."""
    start, stop = votes.first[cells], votes.first[cells + 1]
    said = np.empty(len(cells), object)
    # A bitvector vote is a list even where it has one entry, and a single entry may be a doubtful one.
    single = np.flatnonzero((stop - start == 1) & (text.type != "bitvector"))
    plain = np.zeros(len(cells), np.bool_)
    plain[single] = votes.probability[start[single]] == 1
    said[plain] = text.one_each(votes.label[start[plain]])
    known: dict[tuple[bytes, bytes], str] = {}
    for place in np.flatnonzero(~plain).tolist():
        entries = slice(int(start[place]), int(stop[place]))
        label, probability = votes.label[entries], votes.probability[entries]
        key = (label.tobytes(), probability.tobytes())
        if key not in known:
            certain = text.type == "bitvector" and bool((probability == 1).all())
            known[key] = text.names(label.tolist()) if certain else text.soft(label.tolist(), probability.tolist())
        said[place] = known[key]
    return said


def _by_record(units: ndarray, first: ndarray, text: LabelText) -> list[str | None]:
    """Texts of units to texts of records; None where no unit says anything."""
    if not text.listed:
        return [None if unit is NULL else unit for unit in units.tolist()]
    silent = starts_of(units != NULL)
    says = (silent[first[1:]] > silent[first[:-1]]).tolist()
    joined = _joined(units, first[:-1], first[1:], text)
    return [label if there else None for label, there in zip(joined, says, strict=True)]


def _joined(units: ndarray, start: ndarray, stop: ndarray, text: LabelText) -> list[str]:
    """The texts of units, those of a record in one list."""
    listed = units.tolist()
    if not text.listed:
        return [listed[place] for place in start.tolist()]
    return [f"[{', '.join(listed[a:b])}]" for a, b in zip(start.tolist(), stop.tolist(), strict=True)]
