"""The loss: how unlikely the model holds the targets, expected under the votes' uncertainty.

The loss of a record in a task is the sum over its units with a target; that of a batch the mean over the records
that have one; that of all tasks the sum. A unit without target adds nothing (Ratner et al. 2016, arXiv:1605.07723, the
noise-aware loss).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor
from torch.nn import functional

from overton.schema import Task
from overton.supervision import Targets

SMALLEST_PRIOR = 1e-6
LEAST_LOG = -30.0  # padding scores so low that its cost must not reach infinity times zero


@dataclass(frozen=True, slots=True)
class Rebalance:
    """What is added for rare classes of one task.

    Attributes:
        shift: Added to the logits while training, of shape (class,): `rebalance * log P(class)`, so that the model
            need not learn which classes are frequent (Menon et al. 2021, arXiv:2007.07314). None for none.
        bit_weight: Weight of a bit where it holds, of shape (class,). None for 1.
    """

    shift: Tensor | None = None
    bit_weight: Tensor | None = None


def rebalance_of(targets: Targets, rows: ndarray, *, rebalance: float, bit_weight: float) -> Rebalance:
    """What the frequency of the classes in the targets of some records asks for."""
    if targets.task.type == "select" or not len(targets.table):
        return Rebalance()
    share = _shares(targets, rows)
    if targets.task.type == "multiclass":
        shift = rebalance * np.log(np.maximum(share, SMALLEST_PRIOR)) if rebalance else None
        return Rebalance(shift=None if shift is None else torch.from_numpy(shift.astype(np.float32)))
    weight = np.sqrt((1 - share) / np.maximum(share, SMALLEST_PRIOR)).clip(1, bit_weight)
    return Rebalance(bit_weight=torch.from_numpy(weight.astype(np.float32)) if bit_weight > 1 else None)


def task_loss(
    task: Task, logits: Tensor, probability: Tensor, known: Tensor, rebalance: Rebalance, robustness: float = 0.0
) -> Tensor:
    """Loss of one task in one batch.

    Args:
        task: The task.
        logits: The model's, with rows first and labels last.
        probability: The targets, of shape (row, unit, label).
        known: Which units have one, bool of shape (row, unit).
        rebalance: What is added for rare classes.
        robustness: For `select`, how far a target that the model finds absurd is let go: 0 is the cross entropy,
            1 the mean absolute error. Sources of a `select` task are heuristics of what the model sees as well (the
            longest span, the last mention), so their common errors can be learned by heart.

    Returns:
        The sum over units, by the number of records with one; zero where there is none.
    """
    if logits.ndim == 2:
        logits = logits.unsqueeze(1)
    logits, probability = _same_width(logits, probability)
    logits = logits[:, : known.shape[1]]
    if task.type == "bitvector":
        unit = functional.binary_cross_entropy_with_logits(
            logits, probability, pos_weight=rebalance.bit_weight, reduction="none"
        ).sum(-1)
    else:
        shifted = logits if rebalance.shift is None else logits + rebalance.shift
        power = robustness if task.type == "select" else 0.0
        unit = (probability * _cost(shifted.log_softmax(-1), power)).sum(-1)
    labelled = known.any(1).sum().clamp(min=1)
    return (unit * known).sum() / labelled


def _cost(log_probability: Tensor, power: float) -> Tensor:
    """What a label costs: (1 - p^q) / q, which is -log p where q is 0.

    Source: Zhang & Sabuncu 2018, arXiv:1805.07836.
    """
    return -torch.expm1(power * log_probability.clamp(min=LEAST_LOG)) / power if power else -log_probability


def total_loss(losses: Mapping[str, Tensor]) -> Tensor:
    """The sum over the tasks, of equal weight."""
    return torch.stack(list(losses.values())).sum()


def _same_width(logits: Tensor, probability: Tensor) -> tuple[Tensor, Tensor]:
    """Both as wide as the logits: for `select`, the table is as wide as the largest set of the data."""
    missing = logits.shape[-1] - probability.shape[-1]
    if missing > 0:
        return logits, functional.pad(probability, (0, missing))
    return logits, probability[..., : logits.shape[-1]]


def _shares(targets: Targets, rows: ndarray) -> ndarray:
    """Share of each class among the units with a target of some records, of shape (class,)."""
    inside = np.zeros(len(targets.offsets) - 1, bool)
    inside[rows] = True
    index = targets.index[np.repeat(inside, np.diff(targets.offsets))]
    counts = np.bincount(index[index >= 0], minlength=len(targets.table)).astype(np.float64)
    shares: ndarray = counts @ targets.table / max(counts.sum(), 1)
    return shares
