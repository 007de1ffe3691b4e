"""Votes in long form: who labelled which item, and how.

An item (a *unit*) is a record, a token or a member, as `Schema.unit` says. Units are numbered over the whole
data set: those of record r are `offsets[r]` to `offsets[r + 1]`.
"""

from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from overton.schema import Task


@dataclass(frozen=True, slots=True)
class Votes:
    """All labels of one task. A *cell* is one label of one source for one unit; abstentions have no cell.

    Attributes:
        task: The task, its classes told.
        sources: Names of the sources, sorted; `gold` stands among them where there is gold.
        offsets: First unit of each record, int64 of shape (record + 1,).
        unit: Unit of each cell, int64 of shape (cell,), ascending.
        source: Number of the source of each cell, int32 of shape (cell,), ascending within a unit.
        first: First entry of each cell in `label`, int64 of shape (cell + 1,).
        label: The labels, int32 of shape (entry,): one per cell for a plain multiclass or select vote; the
            classes that hold, perhaps none, for a bitvector vote; several for a soft vote.
        probability: Probability of each entry, float32 of shape (entry,): 1 for a plain vote. A class that
            a soft vote does not name has probability 0 for it.
        candidates: For select, the number of members of each unit's set, int32 of shape (unit,); else None.
        ordered: Whether the units of a record follow each other: they are tokens.
        named: Names of the sources that the data name as those of labels of the task, which perhaps only abstain.
    """

    task: Task
    sources: tuple[str, ...]
    offsets: ndarray
    unit: ndarray
    source: ndarray
    first: ndarray
    label: ndarray
    probability: ndarray
    candidates: ndarray | None = None
    ordered: bool = False
    named: tuple[str, ...] = ()

    @property
    def n_units(self) -> int:
        """Number of units, voted on or not."""
        return int(self.offsets[-1])

    @property
    def speaking(self) -> tuple[str, ...]:
        """The sources that label anything."""
        counts = np.bincount(self.source, minlength=len(self.sources)).tolist()
        return tuple(name for name, n in zip(self.sources, counts, strict=True) if n)

    @property
    def n_records(self) -> int:
        """Number of records."""
        return len(self.offsets) - 1
