"""Targets: the probability of each label of an item, after its votes were combined.

Items with the same votes share a target, so a target is a row of a table of the different ones: its size grows
with the number of vote patterns, not with the data.
"""

from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from overton.base.ragged import starts_of
from overton.data import Gold
from overton.schema import Task


@dataclass(frozen=True, slots=True)
class Targets:
    """The combined labels of one task.

    Attributes:
        task: The task, its classes told.
        offsets: First unit of each record, int64 of shape (record + 1,), as in `Votes`.
        index: Row of `table` of each unit, int32 of shape (unit,); -1 where the unit has no target.
        table: Float32 of shape (row, label). `multiclass`: P(class), rows sum to one. `bitvector`: P(bit holds),
            each by itself. `select`: P(member), padded with zeros to the largest set.
    """

    task: Task
    offsets: ndarray
    index: ndarray
    table: ndarray

    @property
    def n_labels(self) -> int:
        """Width of the table."""
        return int(self.table.shape[1])

    @property
    def of_records(self) -> bool:
        """Whether each record is one unit, as it is for tasks on singletons."""
        return len(self.index) == len(self.offsets) - 1

    def has_target(self) -> ndarray:
        """Which records have at least one unit with a target, bool of shape (record,)."""
        labelled = starts_of(self.index >= 0)
        some: ndarray = labelled[self.offsets[1:]] > labelled[self.offsets[:-1]]
        return some

    def teach(self, rows: ndarray) -> bool:
        """Whether any of some records has a target: without one nothing is learned, and what a model says is chance."""
        return bool(self.has_target()[rows].any())

    def known_index(self, rows: ndarray) -> ndarray:
        """Row of the table of every unit with a target, of some records."""
        inside = np.zeros(len(self.offsets) - 1, bool)
        inside[rows] = True
        index: ndarray = self.index[np.repeat(inside, np.diff(self.offsets))]
        return index[index >= 0]

    def to_array(self) -> ndarray:
        """The target of every unit, float32 of shape (unit, label); nan where it has none."""
        nothing = np.full((1, self.n_labels), np.nan, np.float32)
        array: ndarray = np.concatenate([self.table, nothing])[self.index]  # -1 is the last row
        return array

    def most_likely(self) -> Gold:
        """The most likely labels as if they were gold, for records that nobody has checked."""
        is_bits, table = self.task.type == "bitvector", self.table
        if not table.size:  # nobody said anything
            table = np.zeros((1, max(self.n_labels, 1)), np.float32)
        best = table > 0.5 if is_bits else table.argmax(1).astype(np.int32)
        known = self.index >= 0
        label = best[np.where(known, self.index, 0)]
        label[~known] = False if self.task.type == "bitvector" else -1
        return Gold(self.task, self.offsets, known, label)

    def gather(self, rows: ndarray) -> tuple[ndarray, ndarray]:
        """The targets of some records, padded.

        Args:
            rows: Numbers of records, shape (row,).

        Returns:
            Probabilities, float32 of shape (row, unit, label), zero where there is no target; and which units
            have one, bool of shape (row, unit). For tasks on records there is one unit per record.
        """
        first = self.offsets[rows]
        length = self.offsets[rows + 1] - first
        width = int(length.max(initial=0))
        inside = np.arange(width) < length[:, None]
        units = np.where(inside, first[:, None] + np.arange(width), 0)
        index = np.where(inside, self.index[units] if len(self.index) else -1, -1)
        known = index >= 0
        probability = (
            self.table[np.where(known, index, 0)] * known[..., None] if len(self.table) else _nothing(self, known)
        )
        return probability.astype(np.float32, copy=False), known


def _nothing(targets: Targets, known: ndarray) -> ndarray:
    return np.zeros((*known.shape, targets.n_labels), np.float32)
