"""Labels and units of one record, as they stand in a data file and as a person reads them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from overton.data import Dataset, Votes
from overton.supervision import Combined, item_texts, record_text

LEAST = 0.005  # probability from which a label is told
HALF = 0.5  # probability from which a bit holds


@dataclass(frozen=True, slots=True)
class Names:
    """What a record and its units are called.

    Attributes:
        id: Id of the record.
        text: What it says.
        payloads: Its payloads, as in a data file.
        items: The tokens or members that a task labels, or chooses among; empty where it labels the record.
        listed: Whether the task labels each of them.
        payload: The field of the payload that the task is on.
        range: The field of the sequence that its members point into; empty where there is none.
    """

    id: str
    text: str
    payloads: Mapping[str, Any]
    items: tuple[str, ...]
    listed: bool
    payload: str
    range: str = ""

    def unit(self, number: int) -> str:
        """A unit by itself; nothing where it is the record."""
        return self.items[number] if self.listed and number < len(self.items) else ""


def names_of(dataset: Dataset, task: str, row: int) -> Names:
    """The names of one record for one task."""
    found = dataset.schema.task(task)
    payloads = dataset.payloads(np.array([row]))[0]
    payload = dataset.schema.payload(found.payload)
    return Names(
        id=dataset.ids(np.array([row]))[0],
        text=record_text(payloads),
        payloads=payloads,
        items=tuple(item_texts(payloads, dataset, found.payload)),
        listed=dataset.schema.unit(found) != "record",
        payload=payload.field,
        range=dataset.schema.payload(payload.range).field if payload.range else "",
    )


def vote_label(votes: Votes, cell: int) -> Any:
    """One vote as it stands in a data file: a class, an index, a list of classes, or label to probability."""
    entries = slice(int(votes.first[cell]), int(votes.first[cell + 1]))
    numbers, weights = votes.label[entries].tolist(), votes.probability[entries].tolist()
    certain = all(weight == 1 for weight in weights)
    if votes.task.type == "bitvector" and certain:
        return [votes.task.classes[number] for number in sorted(numbers)]  # as gold and predictions name them
    if certain and len(numbers) == 1:
        return votes.task.classes[numbers[0]] if votes.task.classes else numbers[0]
    names = [votes.task.classes[number] if votes.task.classes else str(number) for number in numbers]
    return {name: round(weight, 4) for name, weight in zip(names, weights, strict=True)}


def agrees(label: Any, gold: Any) -> bool:
    """Whether a vote says what gold says: of one that knows its doubt its likeliest class, of bits those from 0.5 on.

    Args:
        label: What a source says, as `vote_label` gives it.
        gold: What is true, as `plain_label` gives it.

    Example:
        >>> agrees(["a", "b"], ["b", "a"]), agrees({"x": 0.7, "y": 0.3}, "x"), agrees({"x": 0.5, "y": 0.5}, "x")
        (True, True, False)
    """
    if isinstance(gold, list):
        held = [name for name, share in label.items() if share >= HALF] if isinstance(label, Mapping) else label
        return set(held) == set(gold)
    if isinstance(label, Mapping):
        most = max(label.values(), default=0.0)
        return [name for name, share in label.items() if share == most] == [str(gold)]
    return bool(label == gold)


def plain_label(label: Any, classes: Sequence[str]) -> Any:
    """A label as it stands in a data file: a class, an index, a list of classes; None for -1."""
    if np.ndim(label):
        return [classes[number] for number in np.flatnonzero(label).tolist()]
    if label < 0:
        return None
    return classes[int(label)] if classes else int(label)


def combined_label(combined: Combined, unit: int) -> dict[str, float]:
    """The combined labels of a unit with their probabilities, the likeliest first; empty where it has none."""
    targets = combined.targets
    if targets.index[unit] < 0:
        return {}
    row = targets.table[targets.index[unit]]
    order = np.argsort(-row, kind="stable")
    names = targets.task.classes
    return {
        names[label] if names else str(label): round(float(row[label]), 4)
        for label in order.tolist()
        if row[label] >= LEAST
    }
