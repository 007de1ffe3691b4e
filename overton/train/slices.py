"""Slices in training: which records belong to which, how often members are seen, and the loss of membership."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor
from torch.nn import functional

from overton.base.ragged import starts_of
from overton.compile import MEMBERSHIP
from overton.data import Tags
from overton.train.loss import Objective

LOSS_WEIGHT = 2.0
LARGEST_BIT_WEIGHT = 20.0
WANTED_SHARE = 0.05
MOST_SEEN = 5.0
MOST_EXTRA = 0.5


@dataclass(frozen=True, slots=True)
class Memberships:
    """Which slices every record belongs to.

    Attributes:
        n_slices: Number of slices.
        first: First entry of each record in `slice`, int64 of shape (record + 1,).
        slice: Numbers of the slices of all records, int32.
    """

    n_slices: int
    first: ndarray
    slice: ndarray

    def gather(self, rows: ndarray) -> ndarray:
        """1 where a record belongs to a slice, else 0: float32 of shape (row, slice)."""
        row, number = self._entries(rows)
        members = np.zeros((len(rows), self.n_slices), np.float32)
        members[row, number] = 1
        return members

    def count(self, rows: ndarray) -> ndarray:
        """How many of some records belong to each slice, int64 of shape (slice,)."""
        counts: ndarray = np.bincount(self._entries(rows)[1], minlength=self.n_slices)
        return counts

    def extra(self, rows: ndarray) -> ndarray:
        """How often each of some records is seen again in an epoch, on average, float64 of shape (row,).

        A slice of fewer than a twentieth of the records is seen more often, by the root of what it lacks and at most
        five times; a record of several slices as often as the rarest asks for. All that is seen again is at most
        half as much as is seen once.
        """
        share = self.count(rows) / max(len(rows), 1)
        wanted = np.sqrt(WANTED_SHARE / np.maximum(share, 1e-9)).clip(1, MOST_SEEN) - 1
        row, number = self._entries(rows)
        extra = np.zeros(len(rows))
        np.maximum.at(extra, row, wanted[number])
        seen: ndarray = extra * min(1.0, MOST_EXTRA * len(rows) / max(float(extra.sum()), 1e-9))
        return seen

    def bit_weight(self, rows: ndarray) -> ndarray:
        """Weight of a member in the loss of its slice, so that the rare are learned, float32 of shape (slice,)."""
        share = (self.count(rows) / max(len(rows), 1)).clip(1e-9, 1)
        weight: ndarray = np.sqrt((1 - share) / share).clip(1, LARGEST_BIT_WEIGHT).astype(np.float32)
        return weight

    def _entries(self, rows: ndarray) -> tuple[ndarray, ndarray]:
        """Position in `rows` and number of the slice, of every membership of some records."""
        begin = self.first[rows]
        counts = self.first[rows + 1] - begin
        row = np.repeat(np.arange(len(rows)), counts)
        inside = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
        return row, self.slice[begin[row] + inside]


def memberships_of(tags: Tags, slices: Sequence[str]) -> Memberships | None:
    """The memberships in some slices that the tags of all records tell, numbered in their order; None for none."""
    if not slices:
        return None
    number = np.full(len(tags.names), -1, np.int32)
    for position, name in enumerate(slices):
        number[tags.names.index(name)] = position
    found = number[tags.tag]
    kept = starts_of(found >= 0)
    return Memberships(len(slices), kept[tags.first], found[found >= 0])


def sample_extra(extra: ndarray, random: np.random.Generator) -> ndarray:
    """Positions of what is seen again in one epoch: as many in every epoch, each as often as it should on average."""
    n_extra = n_extra_of(extra)
    if not n_extra:
        return np.zeros(0, np.int64)
    total = np.cumsum(extra)
    points = (np.arange(n_extra) + random.random()) * (total[-1] / n_extra)
    again: ndarray = np.searchsorted(total, points, side="right").clip(0, len(extra) - 1)
    return again


def n_extra_of(extra: ndarray) -> int:
    """How many records are seen again in one epoch."""
    return round(float(extra.sum()))


def membership_loss(logits: Tensor, members: Tensor, bit_weight: Tensor | None) -> Tensor:
    """Loss of the predicted memberships: it grows with the root of the number of slices, lest hundreds drown the tasks.

    Args:
        logits: Of shape (row, slice).
        members: 1 for members, else 0, of the same shape.
        bit_weight: Weight of members, of shape (slice,).
    """
    unit = functional.binary_cross_entropy_with_logits(logits, members, pos_weight=bit_weight, reduction="none")
    return LOSS_WEIGHT * unit.mean(0).sum() / float(np.sqrt(logits.shape[1]))


def membership_objective(memberships: Memberships | None, rows: ndarray) -> dict[str, Objective]:
    """The weight of members of rare slices, as the trainer takes it beside those of the tasks."""
    if memberships is None:
        return {}
    return {MEMBERSHIP: Objective(bit_weight=torch.from_numpy(memberships.bit_weight(rows)))}
