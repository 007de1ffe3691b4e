"""How each source uses the classes of a task: how often it says one, and how often it is right where it does."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy import ndarray

from overton.base.shares import RatioSums, divide, share_interval
from overton.supervision.analysis.facts import HALF, Facts


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One class as one source says it, over all splits.

    Attributes:
        task: Name of the task.
        source: Name of the source.
        label: Name of the class.
        n: Units of which the source says it; of a soft vote the likeliest class, none where several are, or each bit
            from 0.5 on.
        share: These as a share of all units that the source labels.
        estimated_precision: Probability that the combined labels give to it, on average over these units.
        gold_precision: Share of those with gold that are right; None where no gold stands.
        gold_low: Lower end of its 95 % interval, by Wilson; wider where the units of a record are right together.
        gold_high: Upper end.
        n_gold: Units of these where gold stands.
    """

    task: str
    source: str
    label: str
    n: int
    share: float
    estimated_precision: float
    gold_precision: float | None
    gold_low: float | None
    gold_high: float | None
    n_gold: int

    def to_json(self) -> dict[str, Any]:
        """The row as it stands in `overton sources --json`, where the class is called `class`."""
        row = asdict(self)
        return {"class" if key == "label" else key: value for key, value in row.items()}


@dataclass(frozen=True, slots=True)
class Said:
    """Everything that is said of single classes; empty for `select`, whose members have no names in common.

    Attributes:
        unit: Unit, int64 of shape (saying,).
        source: Number of the source, int64 of shape (saying,).
        label: Number of the class, int64 of shape (saying,).
        judged: Whether gold stands there, bool of shape (saying,).
        right: Whether gold says the class too, bool of shape (saying,).
    """

    unit: ndarray
    source: ndarray
    label: ndarray
    judged: ndarray
    right: ndarray


def what_is_said(facts: Facts) -> Said:
    """Every class that a source says of a unit."""
    cells = facts.cells
    if facts.is_bits:
        entries = np.flatnonzero(cells.weight >= HALF)
        cell, label = cells.entry_cell[entries], cells.label[entries].astype(np.int64)
    else:
        cell = np.flatnonzero(~facts.undecided)
        label = facts.said[cell]
    if facts.votes.task.type == "select":
        cell, label = cell[:0], label[:0]
    unit = cells.row[cell]
    truth = facts.gold.label
    judged = facts.known[unit]
    right = judged & (truth[unit, label] if facts.is_bits else truth[unit] == label)
    return Said(unit, cells.source[cell].astype(np.int64), label, judged, right)


def class_rows(facts: Facts, said: Said) -> tuple[ClassRow, ...]:
    """One row for each class that each source says, by source and then the class that it says most."""
    if not len(said.unit):
        return ()
    n_labels, names, targets = facts.n_labels, facts.votes.sources, facts.combined.targets
    keys, place = np.unique(said.source * n_labels + said.label, return_inverse=True)
    n, n_gold, right, given = (
        np.bincount(place, weight, len(keys))
        for weight in (
            np.ones(len(place)),
            said.judged,
            said.right,
            targets.table[targets.index[said.unit], said.label].astype(np.float64),
        )
    )
    n_votes = np.bincount(facts.cells.source, minlength=len(names))
    precision = divide(right, n_gold)
    low, high = _interval(place[said.judged], facts.record[said.unit[said.judged]], said.right[said.judged], len(keys))
    rows = [
        ClassRow(
            task=facts.votes.task.name,
            source=names[key // n_labels],
            label=facts.votes.task.classes[key % n_labels],
            n=int(n[number]),
            share=float(n[number] / n_votes[key // n_labels]),
            estimated_precision=float(given[number] / n[number]),
            gold_precision=float(precision[number]) if n_gold[number] else None,
            gold_low=float(low[number]) if n_gold[number] else None,
            gold_high=float(high[number]) if n_gold[number] else None,
            n_gold=int(n_gold[number]),
        )
        for number, key in enumerate(keys.tolist())
    ]
    return tuple(sorted(rows, key=lambda row: (row.source, -row.n, row.label)))


def _interval(place: ndarray, record: ndarray, right: ndarray, n_rows: int) -> tuple[ndarray, ndarray]:
    """Interval of the share that is right of each row, of shape (row,); not a number where it has nothing.

    Args:
        place: Row of each saying with gold, int64 of shape (saying,).
        record: Its record, likewise.
        right: Whether it is right, bool of shape (saying,).
        n_rows: Number of rows.
    """
    width = int(record.max(initial=0)) + 1
    pairs, number = np.unique(place * width + record, return_inverse=True)
    a, b = (np.bincount(number, weight, len(pairs)) for weight in (right, None))

    def total(column: ndarray) -> ndarray:
        """Of all rows together, which tell how far the units of a record go together, then of each."""
        of_row = np.bincount(pairs // width, column, n_rows)
        return np.append(of_row.sum(), of_row)

    sums = RatioSums(total(a), total(b), total(a * a), total(a * b), total(b * b), total(np.ones(len(pairs))))
    low, high = share_interval(sums)
    return low[1:], high[1:]
