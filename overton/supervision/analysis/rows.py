"""What each source of a task is worth: how much it labels, how often others disagree, how often it is right."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy import ndarray

from overton.data import GOLD, SPLITS, Gold, Splits, Votes, gold_of
from overton.supervision.combine import Combined, combine
from overton.supervision.models.evidence import telling, voting_cells
from overton.supervision.models.patterns import Cells, mix

COMBINED, MAJORITY = "combined", "majority"


@dataclass(frozen=True, slots=True)
class SourceRow:
    """Figures of one source of one task on one split.

    Attributes:
        task: Name of the task.
        source: Name of the source; `combined` and `majority` are the votes taken together.
        split: `train`, `dev` or `test`.
        coverage: Share of the units that it labels.
        overlap: Share of the units that it labels and another source does too.
        conflict: Share of the units that it labels and another source labels otherwise.
        estimated_accuracy: How often it is right, by the label model; None where there is none.
        gold_accuracy: How often it is right where gold stands; None where none stands. A bitvector is right where
            all its bits are.
        n: Number of units that it labels.
    """

    task: str
    source: str
    split: str
    coverage: float
    overlap: float
    conflict: float
    estimated_accuracy: float | None
    gold_accuracy: float | None
    n: int

    def to_json(self) -> dict[str, Any]:
        """The row of `overton sources --json`."""
        return asdict(self)


def source_rows(votes: Votes, combined: Combined, splits: Splits) -> tuple[SourceRow, ...]:
    """The rows of a task: split by split, first the source that likely gives the most wrong labels.

    The rows of the combined labels, of the majority vote and of gold close each split, where there are any.
    """
    facts = _Facts.gather(votes, voting_cells(votes), gold_of(votes))
    majority = combine(votes, method="majority")
    rows: list[SourceRow] = []
    for split in SPLITS:
        inside = np.zeros(votes.n_records, bool)
        inside[getattr(splits, split)] = True
        units = np.repeat(inside, np.diff(votes.offsets))
        if units.any():
            rows += sorted(_rows_of_sources(votes, combined.accuracy, facts, split, units), key=_wrong_share)
            if len(facts.said):
                rows.append(_row_of_targets(votes, combined, facts, split, units, COMBINED))
                rows.append(_row_of_targets(votes, majority, facts, split, units, MAJORITY))
            if (facts.known & units).any():
                rows.append(_row_of_gold(votes, facts, split, units))
    return tuple(rows)


@dataclass(frozen=True, slots=True)
class _Facts:
    """Facts of votes.

    Attributes:
        cells: The votes other than gold; `row` is the unit.
        said: What each cell says, as one number, shape (cell,).
        n_votes: Votes of each unit, shape (unit,).
        disagreed: Units on which two sources disagree, bool of shape (unit,).
        gold: The gold labels.
        known: Units of which gold says something, bool of shape (unit,).
        truth: What gold says, as one number, shape (unit,).
    """

    cells: Cells
    said: ndarray
    n_votes: ndarray
    disagreed: ndarray
    gold: Gold
    known: ndarray
    truth: ndarray

    @classmethod
    def gather(cls, votes: Votes, cells: Cells, gold: Gold) -> "_Facts":
        if votes.task.type == "bitvector":
            code = mix(np.arange(1, len(votes.task.classes) + 1, dtype=np.uint64))
            holds = cells.weight >= 0.5
            running = np.concatenate([np.zeros(1, np.uint64), np.cumsum(code[cells.label] * holds, dtype=np.uint64)])
            said = running[cells.first[1:]] - running[cells.first[:-1]]
            truth = (gold.label * code).sum(1, dtype=np.uint64)
        else:
            order = np.lexsort((cells.weight, cells.entry_cell))
            said = cells.label[order][cells.first[1:] - 1].astype(np.int64)
            truth = gold.label.astype(np.int64)
        starts = np.flatnonzero(np.diff(cells.row, prepend=-1))
        disagreed = np.zeros(votes.n_units, bool)
        if len(starts):
            low, high = np.minimum.reduceat(said, starts), np.maximum.reduceat(said, starts)
            disagreed[cells.row[starts]] = low != high
        n_votes = np.bincount(cells.row, minlength=votes.n_units)
        return cls(cells, said, n_votes, disagreed, gold, telling(gold), truth)


def _rows_of_sources(
    votes: Votes, accuracy: Mapping[str, float], facts: _Facts, split: str, units: ndarray
) -> Iterator[SourceRow]:
    cells, n_units, n_sources = facts.cells, int(units.sum()), len(votes.sources)
    inside = units[cells.row]

    def count(which: ndarray) -> ndarray:
        return np.bincount(cells.source[inside & which], minlength=n_sources)

    n = count(np.ones(len(cells.row), bool))
    overlap, conflict = count(facts.n_votes[cells.row] > 1), count(facts.disagreed[cells.row])
    judged = facts.known[cells.row]
    n_judged, n_right = count(judged), count(judged & (facts.said == facts.truth[cells.row]))
    for source in np.flatnonzero(n):
        yield SourceRow(
            task=votes.task.name,
            source=votes.sources[source],
            split=split,
            coverage=float(n[source] / n_units),
            overlap=float(overlap[source] / n_units),
            conflict=float(conflict[source] / n_units),
            estimated_accuracy=accuracy.get(votes.sources[source]),
            gold_accuracy=float(n_right[source] / n_judged[source]) if n_judged[source] else None,
            n=int(n[source]),
        )


def _row_of_targets(
    votes: Votes, combined: Combined, facts: _Facts, split: str, units: ndarray, name: str
) -> SourceRow:
    targets = combined.targets
    labelled = units & (targets.index >= 0)
    voted = labelled & (facts.n_votes > 0)
    n_units, n = int(units.sum()), int(labelled.sum())
    judged = np.flatnonzero(voted & facts.known & (targets.index < len(targets.table) - combined.n_certain_rows))
    right = _right(votes, targets.table[targets.index[judged]], facts.gold.label[judged])
    row = SourceRow(
        task=votes.task.name,
        source=name,
        split=split,
        coverage=n / n_units,
        overlap=float((voted & (facts.n_votes > 1)).sum() / n_units),
        conflict=float((voted & facts.disagreed).sum() / n_units),
        estimated_accuracy=None,
        gold_accuracy=float(right.mean()) if len(right) else None,
        n=n,
    )
    if name == MAJORITY or not n:
        return row
    return replace(row, estimated_accuracy=float(combined.expected[targets.index[labelled]].mean()))


def _row_of_gold(votes: Votes, facts: _Facts, split: str, units: ndarray) -> SourceRow:
    n_units, judged = int(units.sum()), units & facts.known
    contradicted = np.zeros(votes.n_units, bool)
    contradicted[facts.cells.row[facts.said != facts.truth[facts.cells.row]]] = True
    return SourceRow(
        task=votes.task.name,
        source=GOLD,
        split=split,
        coverage=float(judged.sum() / n_units),
        overlap=float((judged & (facts.n_votes > 0)).sum() / n_units),
        conflict=float((judged & contradicted).sum() / n_units),
        estimated_accuracy=None,
        gold_accuracy=None,
        n=int(judged.sum()),
    )


def _right(votes: Votes, table: ndarray, label: ndarray) -> ndarray:
    """How far the most probable labels are right: of k labels that tie, each counts 1/k."""
    if votes.task.type == "bitvector":
        share = np.where(table == 0.5, 0.5, (table > 0.5) == label)
        right: ndarray = share.prod(1)
        return right
    top = table >= table.max(1, keepdims=True, initial=0) - 1e-6
    return top[np.arange(len(label)), label] / top.sum(1) if len(label) else np.zeros(0)


def _wrong_share(row: SourceRow) -> tuple[float, str]:
    accuracy = row.gold_accuracy if row.gold_accuracy is not None else row.estimated_accuracy
    return (-row.coverage * (1 - (accuracy if accuracy is not None else 1.0)), row.source)
