"""The loss: how unlikely the model holds the targets, expected under the votes' uncertainty.

The loss of a record in a task is the sum over its units with a target; that of a batch the mean over the records
that have one; that of all tasks their weighted sum. A unit without target adds nothing (Ratner et al. 2016,
arXiv:1605.07723, the noise-aware loss).
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor
from torch.nn import functional

from overton.compile import TrainingChoices
from overton.schema import Task
from overton.supervision import Targets

SMALLEST_PRIOR = 1e-6
# Of an equal share of the classes, what each is taken to have at least where they are rebalanced: a class that nothing
# but noise says must not be taken for likely.
LEAST_SHARE = 0.1
LEAST_LOG = -30.0  # padding scores so low that its cost must not reach infinity times zero
MOST_PAIRS = 200_000  # neighbours that tell how labels follow each other
LEAST_BIT = 1e-4  # a bit that is certain is held for as sure as this, so that its odds are finite
SURE = 0.999  # probability of a label from which its target is hard
MOSTLY = 0.99  # share of hard targets from which a task is one of hard targets


@dataclass(frozen=True, slots=True)
class Objective:
    """What is asked of the model in one task, beside its targets.

    Attributes:
        shift: Added to the logits while training, of shape (class,): `rebalance * log P(class)`, so that the model
            need not learn which classes are frequent (Menon et al. 2021, arXiv:2007.07314). For classes of records
            alone: of tokens, those outside of anything are frequent by nature. None for none.
        bit_weight: Weight of a bit where it holds, of shape (class,). None for 1.
        robustness: For `select`, how far a target that the model finds absurd is let go: 0 is the cross entropy,
            1 the mean absolute error. Sources of a `select` task are heuristics of what the model sees as well (the
            longest span, the last mention), so their common errors can be learned by heart.
        certainty: How much less a unit counts whose target is unsure: its weight is `(1 - entropy / most)` to this
            power; 0 counts all alike.
        smoothing: Share of a hard target that is spread over all classes (Szegedy et al. 2016, arXiv:1512.00567).
        weight: What the loss of the task counts among those of all tasks.
    """

    shift: Tensor | None = None
    bit_weight: Tensor | None = None
    robustness: float = 0.0
    certainty: float = 0.0
    smoothing: float = 0.0
    weight: float = 1.0


def objectives_of(
    targets: Mapping[str, Targets],
    rows: ndarray,
    settings: TrainingChoices,
    chained: Collection[str] = (),
    in_sets: Collection[str] = (),
) -> dict[str, Objective]:
    """What is asked of the model in each task, by how the targets of some records are.

    Args:
        targets: The targets by task.
        rows: Numbers of the training records.
        settings: How to train.
        chained: The tasks whose neighbouring classes are predicted together.
        in_sets: The tasks whose bits are predicted together, as sets.
    """
    found = {name: _objective(target, rows, settings) for name, target in targets.items()}
    # A robust loss lets go of absurd targets as long as it counts little; `select` tasks stay as they are.
    blind = {
        name: blind_loss(target, rows, chained=name in chained, in_sets=name in in_sets)
        for name, target in targets.items()
        if target.task.type != "select"
    }
    share = {name: value**-settings.balance for name, value in blind.items() if value > 0}
    total = sum(blind[name] for name in share) / max(sum(blind[name] * value for name, value in share.items()), 1e-9)
    return {
        name: replace(objective, weight=share[name] * total) if name in share else objective
        for name, objective in found.items()
    }


def _objective(targets: Targets, rows: ndarray, settings: TrainingChoices) -> Objective:
    objective = Objective(
        robustness=settings.robustness if targets.task.type == "select" else 0.0,
        certainty=settings.certainty,
        smoothing=settings.label_smoothing if _are_hard(targets, rows) else 0.0,
    )
    if targets.task.type == "select" or not len(targets.table):
        return objective
    share = _shares(targets, targets.known_index(rows))
    if targets.task.type == "multiclass":
        if not (settings.rebalance and targets.of_records):
            return objective
        shift = settings.rebalance * np.log(np.maximum(share, LEAST_SHARE / targets.n_labels))
        return replace(objective, shift=torch.from_numpy(shift.astype(np.float32)))
    weight = np.sqrt((1 - share) / np.maximum(share, SMALLEST_PRIOR)).clip(1, settings.bit_weight).astype(np.float32)
    return replace(objective, bit_weight=torch.from_numpy(weight) if settings.bit_weight > 1 else None)


def _are_hard(targets: Targets, rows: ndarray) -> bool:
    """Whether the classes of nearly all units are given for certain, so that nothing else keeps a model modest."""
    if targets.task.type != "multiclass" or not len(targets.table):
        return False
    sure = targets.table.max(axis=1) >= SURE
    index = targets.known_index(rows)
    return bool(len(index)) and float(sure[index].mean()) >= MOSTLY


def blind_loss(targets: Targets, rows: ndarray, *, chained: bool = False, in_sets: bool = False) -> float:
    """Loss of a record for a model that has learned how frequent the labels are, and nothing of the records.

    The mean over some records with a target; 0 where there is none.

    Args:
        targets: The targets of one task.
        rows: Numbers of the records.
        chained: Whether the model also knows which label follows which.
        in_sets: Whether it knows which bits occur together.
    """
    index = targets.known_index(rows)
    if not len(index) or not targets.n_labels:
        return 0.0
    if targets.task.type == "select":
        options = targets.table[index]
        return float(np.log(np.maximum((options > 0).sum(1), 2)).mean())
    share = _shares(targets, index).clip(SMALLEST_PRIOR, 1 - SMALLEST_PRIOR)
    per_record = len(index) / int(targets.has_target()[rows].sum())
    if in_sets:
        kinds = np.unique(targets.table > 0.5, axis=0, return_inverse=True)[1].reshape(-1)
        shares = np.bincount(kinds[index]) / len(index)
        return float(-(shares * np.log(np.maximum(shares, SMALLEST_PRIOR))).sum()) * per_record
    if chained:
        return _chain_entropy(targets.table, index[:MOST_PAIRS], share) * per_record
    rest = (1 - share) * np.log(1 - share) if targets.task.type == "bitvector" else 0.0
    return float(-(share * np.log(share) + rest).sum()) * per_record


def _chain_entropy(table: ndarray, index: ndarray, share: ndarray) -> float:
    """Entropy of a label whose neighbour before is known; a pair that reaches over two records is one of many."""
    pairs = table[index[:-1]].T.astype(np.float64) @ table[index[1:]]
    joint = pairs / max(pairs.sum(), SMALLEST_PRIOR)
    before = joint.sum(1, keepdims=True)
    told = np.where(joint > 0, joint * np.log(np.maximum(joint, 1e-30) / np.maximum(before, 1e-30)), 0.0)
    return min(float(-told.sum()), float(-(share * np.log(share)).sum()))


def task_loss(task: Task, logits: Tensor, probability: Tensor, known: Tensor, objective: Objective) -> Tensor:
    """Loss of one task in one batch.

    Args:
        task: The task.
        logits: The model's, with rows first and labels last.
        probability: The targets, of shape (row, unit, label).
        known: Which units have one, bool of shape (row, unit).
        objective: What is asked beside the targets.

    Returns:
        The sum over units, by the number of records with one; zero where there is none.
    """
    if logits.ndim == 2:
        logits = logits.unsqueeze(1)
    logits, probability = _same_width(logits, probability)
    logits = logits[:, : known.shape[1]]
    weight = known if not objective.certainty else known * certainty_of(task, probability) ** objective.certainty
    if task.type == "bitvector":
        unit = functional.binary_cross_entropy_with_logits(
            logits, probability, pos_weight=objective.bit_weight, reduction="none"
        ).sum(-1)
    else:
        shifted = logits if objective.shift is None else logits + objective.shift
        target = smoothed(probability, objective.smoothing)
        unit = (target * _cost(shifted.log_softmax(-1), objective.robustness)).sum(-1)
    labelled = known.any(1).sum().clamp(min=1)
    return (unit * weight).sum() / labelled


def sets_loss(scores: Tensor, members: Tensor, probability: Tensor, known: Tensor, objective: Objective) -> Tensor:
    """Loss of one `bitvector` task on records that chooses among sets of bits, in one batch.

    The target of a set is how likely its bits hold, and its other bits do not, among all sets: all of it falls on the
    right one where bits are certain. A set that was not among those that the model knows gives its part to the nearest.

    Args:
        scores: Of each set, of shape (row, set).
        members: Which bits are in which set, of shape (set, class).
        probability: The targets, of shape (row, 1, class).
        known: Which records have one, bool of shape (row, 1).
        objective: What is asked beside the targets.

    Returns:
        The mean over records with a target; zero where there is none.
    """
    bits = probability[:, 0].clamp(LEAST_BIT, 1 - LEAST_BIT)
    odds = bits.log() - (1 - bits).log()
    target = (odds @ members.t()).softmax(-1)
    weight = known[:, 0].to(scores.dtype)
    if objective.certainty:
        weight = weight * certainty_of_bits(probability[:, 0]) ** objective.certainty
    return -((target * scores.log_softmax(-1)).sum(-1) * weight).sum() / known.sum().clamp(min=1)


def smoothed(probability: Tensor, share: float) -> Tensor:
    """Targets of shape (row, unit, class) of which the hard ones give a share to all classes alike."""
    if not share:
        return probability
    hard = probability.amax(-1, keepdim=True) >= SURE
    return torch.where(hard, probability * (1 - share) + share / probability.shape[-1], probability)


def certainty_of(task: Task, probability: Tensor) -> Tensor:
    """How sure targets are, from 0 to 1, of shape (row, unit): 1 - entropy / the most that it could be."""
    if task.type == "bitvector":
        return certainty_of_bits(probability)
    entropy = -torch.xlogy(probability, probability).sum(-1)
    n_options = (probability > 0).sum(-1) if task.type == "select" else torch.tensor(float(probability.shape[-1]))
    most = n_options.to(probability.dtype).clamp(min=2).log()
    return (1 - entropy / most).clamp(0, 1)


def certainty_of_bits(probability: Tensor) -> Tensor:
    """The same for bits, of shape (..., bit) to (...)."""
    entropy = -(torch.xlogy(probability, probability) + torch.xlogy(1 - probability, 1 - probability))
    return 1 - entropy.mean(-1) / math.log(2)


def _cost(log_probability: Tensor, power: float) -> Tensor:
    """What a label costs: (1 - p^q) / q, which is -log p where q is 0.

    Source: Zhang & Sabuncu 2018, arXiv:1805.07836.
    """
    return -torch.expm1(power * log_probability.clamp(min=LEAST_LOG)) / power if power else -log_probability


def total_loss(losses: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """The sum over the tasks, each times its weight, which is 1 where none is told."""
    return torch.stack([loss * weights.get(name, 1.0) for name, loss in losses.items()]).sum()


def _same_width(logits: Tensor, probability: Tensor) -> tuple[Tensor, Tensor]:
    """Both as wide as the logits: for `select`, the table is as wide as the largest set of the data."""
    missing = logits.shape[-1] - probability.shape[-1]
    if missing > 0:
        return logits, functional.pad(probability, (0, missing))
    return logits, probability[..., : logits.shape[-1]]


def _shares(targets: Targets, index: ndarray) -> ndarray:
    """Share of each class among units, told by their rows of the table, of shape (class,)."""
    counts = np.bincount(index, minlength=len(targets.table)).astype(np.float64)
    shares: ndarray = counts @ targets.table / max(counts.sum(), 1)
    return shares
