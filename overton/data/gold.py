"""Curated truth: the votes of the source `gold`, as plain labels."""

from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from overton.base.ragged import steps
from overton.data.names import GOLD
from overton.data.votes import Votes
from overton.schema import Task


@dataclass(frozen=True, slots=True)
class Gold:
    """The true labels of one task, where they are known.

    Attributes:
        task: The task, its classes told.
        offsets: First unit of each record, int64 of shape (record + 1,), as in `Votes`.
        known: Which units have a gold label, bool of shape (unit,).
        label: `multiclass` and `select`: the class or member of each unit, int32 of shape (unit,), -1 where unknown.
            `bitvector`: bool of shape (unit, label).
    """

    task: Task
    offsets: ndarray
    known: ndarray
    label: ndarray


def gold_of(votes: Votes, source: str = GOLD) -> Gold:
    """The gold labels among the votes of a task; of a soft one the most probable class, or the bits from 0.5 on.

    Where two classes or members are the most probable, nobody knows which it means: it says nothing there.

    Args:
        votes: The votes of the task.
        source: Whose labels are asked for.
    """
    known = np.zeros(votes.n_units, bool)
    is_bits = votes.task.type == "bitvector"
    label = (
        np.zeros((votes.n_units, len(votes.task.classes)), bool) if is_bits else np.full(votes.n_units, -1, np.int32)
    )
    if source not in votes.sources:
        return Gold(votes.task, votes.offsets, known, label)
    cells = np.flatnonzero(votes.source == votes.sources.index(source))
    known[votes.unit[cells]] = True
    count = votes.first[cells + 1] - votes.first[cells]
    entries = steps(votes.first[cells], count)
    unit, entry_label, probability = (
        np.repeat(votes.unit[cells], count),
        votes.label[entries],
        votes.probability[entries],
    )
    if is_bits:
        holds = probability >= 0.5
        label[unit[holds], entry_label[holds]] = True
    else:
        order = np.argsort(probability, kind="stable")  # of each unit the most probable is written last
        label[unit[order]] = entry_label[order]
        best = np.zeros(votes.n_units, probability.dtype)
        np.maximum.at(best, unit, probability)
        tied = np.bincount(unit[probability == best[unit]], minlength=votes.n_units) > 1
        known[tied], label[tied] = False, -1
    return Gold(votes.task, votes.offsets, known, label)
