"""Records and targets to training batches: shuffled anew in every epoch, records of like length together."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy import ndarray

from overton.codec import Encoder
from overton.compile import MEMBERSHIP
from overton.data import Batch, parts_of
from overton.supervision import Targets
from overton.train.schedule import batch_size_for
from overton.train.slices import Memberships, n_extra_of, sample_extra

Gather = Callable[[ndarray], Batch]
BATCHES_PER_POOL = 50


@dataclass(frozen=True, slots=True)
class TrainingBatch:
    """Some records as the model reads them, with their targets.

    Attributes:
        inputs: The model's inputs by name.
        targets: By task, what `Targets.gather` gives: probabilities of shape (row, unit, label), and which units
            have a target, bool of shape (row, unit).
        members: 1 for the members of each slice, float32 of shape (row, slice); None where there are no slices.
        share: Where these are a part of a batch: by task, the share of its records with a target that are among them.
            Empty for a whole batch.
        is_last: Whether a step is taken after it. Records too long to lie in memory together come as several parts,
            one after the other, whose gradients are added up.
    """

    inputs: Mapping[str, ndarray]
    targets: Mapping[str, tuple[ndarray, ndarray]]
    members: ndarray | None = None
    share: Mapping[str, float] = field(default_factory=dict)
    is_last: bool = True


class Batches(Protocol):
    """Where training gets its batches from."""

    @property
    def n_records(self) -> int:
        """Records of one epoch."""
        ...

    @property
    def n_batches(self) -> int:
        """Batches of one epoch, each once however many parts it comes in."""
        ...

    def epoch(self, seed: int) -> Iterator[TrainingBatch]:
        """All records once, in an order that the seed decides."""
        ...


@dataclass(frozen=True, slots=True)
class GatheredBatches:
    """Batches gathered from a row store.

    Attributes:
        gather: Gives some records by their numbers.
        encoder: Makes the model's inputs of them.
        targets: The targets by task.
        rows: The records to train on, each with a target of some task.
        lengths: How long each of them is, of shape (row,); batches hold records of like length.
        batch_size: Records of one batch.
        memberships: Who belongs to which slice; None for no slices.
        extra: How often each record is seen again in an epoch, on average, of shape (row,); empty for never.
        part: Which part of every batch to give.
        n_parts: Into how many parts batches are divided, one for each process that trains.
    """

    gather: Gather
    encoder: Encoder
    targets: Mapping[str, Targets]
    rows: ndarray
    lengths: ndarray
    batch_size: int
    memberships: Memberships | None = None
    extra: ndarray = field(default_factory=lambda: np.zeros(0))
    part: int = 0
    n_parts: int = 1

    @property
    def n_records(self) -> int:
        """Records of one epoch."""
        return len(self.rows)

    @property
    def n_batches(self) -> int:
        """Batches of one epoch."""
        return -(-(len(self.rows) + n_extra_of(self.extra)) // self.batch_size)

    def epoch(self, seed: int) -> Iterator[TrainingBatch]:
        """All records once, in an order that the seed decides, and members of small slices again."""
        random = np.random.default_rng(seed)
        seen = np.concatenate([np.arange(len(self.rows)), sample_extra(self.extra, random)])
        labelled = {name: target.has_target() for name, target in self.targets.items()}
        for chosen in _buckets(self.lengths[seen], self.batch_size, random):
            whole = seen[chosen]
            own = whole[self.part :: self.n_parts]
            parts = [own[part] for part in parts_of(self.lengths[own].tolist(), self.batch_size)]
            for number, part in enumerate(parts or [own], 1):
                share = _shares(labelled, self.rows[part], self.rows[whole]) if len(part) < len(whole) else {}
                # A rank for which there is no record takes one that counts for nothing, since a model needs some.
                batch = self._gathered(self.rows[part if len(part) else whole[:1]])
                yield replace(batch, share=share, is_last=number >= len(parts))

    def _gathered(self, rows: ndarray) -> TrainingBatch:
        batch = gather_batch(self.gather, self.encoder, self.targets, rows)
        return replace(batch, members=self.memberships.gather(rows) if self.memberships else None)


def training_batches(
    gather: Gather,
    encoder: Encoder,
    targets: Mapping[str, Targets],
    rows: ndarray,
    lengths: ndarray,
    batch_size: int,
    memberships: Memberships | None = None,
) -> GatheredBatches:
    """Batches of those records that have a target of some task.

    Args:
        gather: Gives some records by their numbers, such as `Dataset.gather`.
        encoder: The encoder of the program.
        targets: The targets by task.
        rows: Numbers of the training records.
        lengths: Length of every record of the data set, of shape (record,); what is alike in length is trained
            together, which saves padding.
        batch_size: Records of one batch; 0 lets their number decide (`batch_size_for`).
        memberships: Who belongs to which slice; None for no slices.
    """
    some = np.zeros(len(rows), bool)
    for target in targets.values():
        some |= target.has_target()[rows]
    rows = rows[some]
    extra = memberships.extra(rows) if memberships else np.zeros(0)
    batch_size = batch_size or batch_size_for(len(rows))
    return GatheredBatches(gather, encoder, targets, rows, lengths[rows], batch_size, memberships, extra)


def gather_batch(gather: Gather, encoder: Encoder, targets: Mapping[str, Targets], rows: ndarray) -> TrainingBatch:
    """One batch of some records."""
    inputs = encoder.encode(gather(rows))
    return TrainingBatch(inputs, {name: target.gather(rows) for name, target in targets.items()})


def _shares(labelled: Mapping[str, ndarray], rows: ndarray, whole: ndarray) -> dict[str, float]:
    """By task, which share of the records of a batch that have a target is in a part; where that is empty, 0."""
    shares = {name: float(has[rows].sum()) / max(int(has[whole].sum()), 1) for name, has in labelled.items()}
    return {**shares, MEMBERSHIP: len(rows) / len(whole)}


def _buckets(lengths: ndarray, batch_size: int, random: np.random.Generator) -> list[ndarray]:
    """Positions of the records of each batch: shuffled, sorted by length within pools of batches, cut, shuffled."""
    order = random.permutation(len(lengths))
    pool = batch_size * BATCHES_PER_POOL
    batches: list[ndarray] = []
    for start in range(0, len(order), pool):
        part = order[start : start + pool]
        part = part[np.argsort(lengths[part], kind="stable")]
        batches.extend(part[first : first + batch_size] for first in range(0, len(part), batch_size))
    return [batches[number] for number in random.permutation(len(batches))]
