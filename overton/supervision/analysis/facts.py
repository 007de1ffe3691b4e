"""What there is to count about the votes of one task: who said what where, who disagreed, what is true."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy import ndarray

from overton.data import GOLD, SPLITS, Gold, Splits, Votes, gold_of
from overton.supervision.combine import Combined
from overton.supervision.models.evidence import label_count, telling, voting_cells
from overton.supervision.models.majority import likeliest_entries, majority_table, mean_of_likeliest
from overton.supervision.models.patterns import Cells, Patterns, mix

HALF = 0.5
SAME = 1e-6  # within which two probabilities tie
LEAST = 1e-12  # probability


@dataclass(frozen=True)
class Facts:
    """Facts of the votes of one task and of their combined labels.

    Attributes:
        votes: The votes.
        combined: Their combined labels.
        cells: The votes other than gold; `row` is the unit.
        said: What each cell says, as one number, shape (cell,); of one that is `undecided` one of what it may mean.
        undecided: Cells that hold several labels for the likeliest, and so say none of them, bool of shape (cell,).
        n_votes: Votes of each unit, shape (unit,).
        disagreed: Units on which two sources disagree, bool of shape (unit,); who cannot tell disagrees with nobody.
        gold: The gold labels.
        known: Units of which gold says something, bool of shape (unit,).
        truth: What gold says, as one number, shape (unit,).
        record: Record of each unit, int64 of shape (unit,).
        split: Split of each record, its place in `SPLITS`, int64 of shape (record,); -1 where it is in none.
    """

    votes: Votes
    combined: Combined
    cells: Cells
    said: ndarray
    undecided: ndarray
    n_votes: ndarray
    disagreed: ndarray
    gold: Gold
    known: ndarray
    truth: ndarray
    record: ndarray
    split: ndarray

    @property
    def patterns(self) -> Patterns:
        """The different rows of votes."""
        return self.combined.patterns

    @property
    def is_bits(self) -> bool:
        """Whether the task is a bitvector."""
        return self.votes.task.type == "bitvector"

    @cached_property
    def n_labels(self) -> int:
        """Number of classes, or size of the largest set."""
        return label_count(self.votes)

    @cached_property
    def certain(self) -> ndarray:
        """Units whose target is gold, or what a trusted source says, bool of shape (unit,)."""
        return self.combined.certain()

    @cached_property
    def judged(self) -> ndarray:
        """Units with votes and a combined label that gold can judge, bool of shape (unit,)."""
        judged: ndarray = self.known & ~self.certain & (self.combined.targets.index >= 0) & (self.n_votes > 0)
        return judged

    @cached_property
    def majority(self) -> ndarray:
        """The majority vote of each pattern, of shape (pattern, label)."""
        return majority_table(self.patterns, self.n_labels, bits=self.is_bits)

    @cached_property
    def given(self) -> ndarray:
        """Probability that the targets give to what each cell says, of shape (cell,); of bits, to all of them."""
        targets, cells = self.combined.targets, self.cells
        row = targets.index[cells.row]
        cell = cells.entry_cell
        if not self.is_bits:
            given = np.bincount(cell, cells.weight * targets.table[row[cell], cells.label], len(row))
            return np.clip(given, 0.0, 1.0)
        absent, present = (
            np.log(np.maximum(part.astype(np.float64), LEAST)) for part in (1 - targets.table, targets.table)
        )
        gained = (present - absent)[row[cell], cells.label] * (cells.weight >= HALF)
        exact: ndarray = np.exp(absent.sum(1)[row] + np.bincount(cell, gained, len(row)))
        return exact

    @cached_property
    def voting(self) -> ndarray:
        """Numbers of the sources that vote at all, ascending."""
        return np.unique(self.cells.source)

    @cached_property
    def right_cells(self) -> ndarray:
        """How far each cell is right by gold, 0 where that says nothing, shape (cell,): of k that tie each is 1/k."""
        cells, row = self.cells, self.cells.row
        if not self.undecided.any():
            right: ndarray = (self.known[row] & (self.said == self.truth[row])).astype(np.float64)
            return right
        unit = row[cells.entry_cell]
        return mean_of_likeliest(cells, self.known[unit] & (cells.label == self.truth[unit]))

    @cached_property
    def silent(self) -> tuple[int, ...]:
        """Numbers of the sources that the data name and that abstain everywhere, ascending."""
        speaking = {*self.votes.speaking, GOLD}
        return tuple(self.votes.sources.index(name) for name in self.votes.named if name not in speaking)

    def right(self, table: ndarray, units: ndarray) -> ndarray:
        """How far the most probable labels of some units are right, shape (row,): of k labels that tie each is 1/k.

        Args:
            table: Probabilities of shape (row, label).
            units: Unit of each row; gold must stand there.
        """
        label = self.gold.label[units]
        if self.is_bits:
            share = np.where(table == HALF, HALF, (table > HALF) == label)
            right: ndarray = share.prod(1)
            return right
        top = table >= table.max(1, keepdims=True, initial=0) - SAME
        return top[np.arange(len(label)), label] / top.sum(1) if len(label) else np.zeros(0)


def gather_facts(votes: Votes, combined: Combined, splits: Splits) -> Facts:
    """The facts of one task."""
    cells, gold = voting_cells(votes), gold_of(votes)
    said, truth = _what_is_said(votes, cells, gold)
    undecided = np.zeros(len(cells.row), bool)
    if votes.task.type != "bitvector":  # of a set of bits none is likelier than another, and it may be empty
        undecided = np.bincount(cells.entry_cell, likeliest_entries(cells), len(cells.row)) > 1
    row, told = cells.row[~undecided], said[~undecided]
    starts = np.flatnonzero(np.diff(row, prepend=-1))
    disagreed = np.zeros(votes.n_units, bool)
    if len(starts):
        low, high = np.minimum.reduceat(told, starts), np.maximum.reduceat(told, starts)
        disagreed[row[starts]] = low != high
    split = np.full(votes.n_records, -1)
    for number, name in enumerate(SPLITS):
        split[getattr(splits, name)] = number
    return Facts(
        votes=votes,
        combined=combined,
        cells=cells,
        said=said,
        undecided=undecided,
        n_votes=np.bincount(cells.row, minlength=votes.n_units),
        disagreed=disagreed,
        gold=gold,
        known=telling(gold),
        truth=truth,
        record=np.repeat(np.arange(votes.n_records), np.diff(votes.offsets)),
        split=split,
    )


def _what_is_said(votes: Votes, cells: Cells, gold: Gold) -> tuple[ndarray, ndarray]:
    """What each cell says, and what gold says of each unit, as one number: the likeliest label, or a code of bits."""
    if votes.task.type == "bitvector":
        code = mix(np.arange(1, len(votes.task.classes) + 1, dtype=np.uint64))
        holds = cells.weight >= HALF
        running = np.concatenate([np.zeros(1, np.uint64), np.cumsum(code[cells.label] * holds, dtype=np.uint64)])
        said = running[cells.first[1:]] - running[cells.first[:-1]]
        return said, (gold.label * code).sum(1, dtype=np.uint64)
    order = np.lexsort((cells.weight, cells.entry_cell))
    return cells.label[order][cells.first[1:] - 1].astype(np.int64), gold.label.astype(np.int64)
