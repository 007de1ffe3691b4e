"""The records behind a change for the worse: what the old version said, what the new one says, and what is true."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy import ndarray

from overton.codec import Predictions
from overton.data import Gold
from overton.evaluate.compare.paired import Paired, worth_of
from overton.evaluate.compare.rows import ECE, HALF, REGRESSED, ComparedRow
from overton.evaluate.groups import WHOLE, Groups
from overton.evaluate.label_text import LabelText, gold_texts, prediction_texts

ROWS = 10  # that examples are told of; more where more regressed
MOST = 50
EXAMPLES = 20  # of a row


@dataclass(frozen=True, slots=True)
class Flip:
    """A record that a version gets less right than the one before.

    Attributes:
        task: Name of the task.
        tag: The tag of the row that it is told for.
        id: Id of the record.
        old: What the old version said, as text; None where it had nothing to predict on.
        new: What the new version says.
        gold: What is true.
        listed: Whether the texts are lists over tokens or members; what else begins with a bracket is none.
    """

    task: str
    tag: str
    id: str
    old: str | None
    new: str | None
    gold: str | None
    listed: bool = False

    def to_json(self) -> dict[str, Any]:
        """The example as it stands in the document."""
        return {name: value for name, value in asdict(self).items() if name != "listed"}


@dataclass(frozen=True, slots=True)
class Overlap:
    """How far the fall of one tag is that of another: the one of the task with the strongest evidence.

    Attributes:
        task: Name of the task.
        tag: The tag of the row.
        of: The tag of the other row.
        worse: Records of the row that got worse.
        shared: Those of them that have the other tag too.
    """

    task: str
    tag: str
    of: str
    worse: int
    shared: int

    def to_json(self) -> dict[str, Any]:
        """The overlap as it stands in the document."""
        return asdict(self)


@dataclass(frozen=True)
class Pairing:
    """One task in two versions.

    Attributes:
        paired: The outcomes.
        both: The figure of both versions taken together, of every group.
        old: What the old version said of the records asked for, in their order.
        new: What the new version said.
        gold: What is true, over the whole data set.
    """

    paired: Paired
    both: ndarray
    old: Predictions
    new: Predictions
    gold: Gold


def flips_of(
    rows: Sequence[ComparedRow],
    pairings: Mapping[str, Pairing],
    groups: Groups,
    numbers: ndarray,
    ids: Callable[[ndarray], Sequence[str]],
) -> tuple[tuple[Flip, ...], tuple[Overlap, ...]]:
    """Examples for the rows that got worse: the records that lost most, in their order; and how far rows overlap.

    Args:
        rows: The rows, the one with the strongest evidence first.
        pairings: The tasks by name.
        groups: The groups of the records that are compared.
        numbers: Numbers of these records in the data set, int64.
        ids: Gives the ids of records by their numbers.
    """
    told = [row for row in rows if row.metric != ECE and row.fall > 0 and row.worse and row.p < HALF]
    told = [row for place, row in enumerate(told[:MOST]) if place < ROWS or row.verdict == REGRESSED]
    found: list[Flip] = []
    overlaps: list[Overlap] = []
    whole = {row.task: row.records for row in rows if row.tag == WHOLE and row.metric != ECE}
    for name, pairing in pairings.items():
        mine = [row for row in told if row.task == name]
        if mine:
            lost = _lost(mine, pairing, groups)
            found += _flips(mine, lost, pairing, numbers, ids)
            overlaps += _overlaps(mine, lost, whole.get(name))
    place = {(row.task, row.tag): number for number, row in enumerate(told)}
    return tuple(sorted(found, key=lambda flip: place[flip.task, flip.tag])), tuple(overlaps)


def _lost(rows: Sequence[ComparedRow], pairing: Pairing, groups: Groups) -> list[ndarray]:
    """The records of each row that got worse, as places among the paired ones, those first that lost most."""
    paired = pairing.paired
    differ = np.flatnonzero((paired.top[:, 0] != paired.top[:, 1]) | (paired.bottom[:, 0] != paired.bottom[:, 1]))
    own = groups.of(paired.records).of(differ)
    number_of = {name: number for number, name in enumerate(groups.names)}
    found = []
    for row in rows:
        number = number_of[row.tag]
        chosen = differ[own.record[own.group == number]]
        worth = worth_of(paired, chosen, pairing.both[number])
        found.append(chosen[np.argsort(worth, kind="stable")][: int((worth < 0).sum())])
    return found


def _overlaps(rows: Sequence[ComparedRow], lost: Sequence[ndarray], whole: int | None) -> Iterator[Overlap]:
    """How far the rows of a task share the records of its first row that is less than the whole split.

    A tag that all of the records have, such as `lang:en`, is the whole split by another name: that what got worse is
    of it tells nothing.
    """
    first = next((place for place, row in enumerate(rows) if row.tag != WHOLE and row.records != whole), None)
    if first is None:
        return
    for place, (row, records) in enumerate(zip(rows, lost, strict=True)):
        if place != first:
            shared = int(np.isin(records, lost[first]).sum())
            yield Overlap(row.task, row.tag, rows[first].tag, len(records), shared)


def _flips(
    rows: Sequence[ComparedRow],
    lost: Sequence[ndarray],
    pairing: Pairing,
    numbers: ndarray,
    ids: Callable[[ndarray], Sequence[str]],
) -> list[Flip]:
    """Examples of some rows of one task."""
    # As in the examples of a report: whether a record has a list of labels.
    listed = pairing.gold.task.type != "select" and bool((np.diff(pairing.gold.offsets) != 1).any())
    found = []
    for row, records in zip(rows, lost, strict=True):
        place = pairing.paired.records[np.sort(records[:EXAMPLES])]
        texts = [_told(said, place, listed=listed) for said in (pairing.old, pairing.new)]
        true = gold_texts(pairing.gold, numbers[place], listed=listed)
        told = zip(ids(numbers[place]), *texts, true, strict=True)
        found += [Flip(row.task, row.tag, record, old, new, gold, listed) for record, old, new, gold in told]
    return found


def _told(said: Predictions, place: ndarray, *, listed: bool) -> list[str | None]:
    """What was said of some records, as text."""
    return prediction_texts(said.only(place), LabelText(said.task.classes, said.task.type, listed))
