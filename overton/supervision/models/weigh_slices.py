"""What the votes of each source count within a slice, where known truth shows that they count otherwise elsewhere.

A source that is good on the whole may be wrong on most of a slice: a rule that takes the longest mention, where the
longest is not what is meant. The weights of a slice are fitted as those of all units are, and drawn to them (partial
pooling, Gelman & Hill 2007, ch. 12), so that a slice with little known truth keeps what holds elsewhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy import ndarray

from overton.supervision.models.evidence import FOLDS, Known
from overton.supervision.models.label_model import FittedModel, SliceWeights
from overton.supervision.models.weigh import Parts, choose_known, fit_weights, log_loss, parts_of, said_without

LEAST_KNOWN = 30  # units of a slice with votes and known truth, below which it is left alone
LEAST_SURE = 2.5  # standard errors by which units that the weights were not fitted on must gain


def weigh_slices(
    model: FittedModel, without: Sequence[FittedModel], known: Mapping[str, Known], *, seed: int = 0
) -> tuple[SliceWeights, ...]:
    """The slices in which votes count otherwise, the surest first.

    Args:
        model: The weighed model.
        without: For each part of the known units, a model that was fitted without it.
        known: Votes beside known truth on the units of each slice, in the same parts.
        seed: Seed of the choice of units, where there are very many.
    """
    found = []
    for name, units in known.items():
        voted = np.bincount(units.cells.row, minlength=len(units.truth)) > 0
        if units.count[voted].sum() < LEAST_KNOWN:
            continue
        units = units.take(choose_known(units, len(model.log_prior), seed))
        parts = replace(
            parts_of(said_without(without, units, len(model.log_prior)), units, model.log_prior, model),
            start=np.append(model.weight, 1.0),
        )
        gain, error = _gain(parts)
        if gain > LEAST_SURE * error:  # where one part holds all of its units there is no gain to be seen
            weights = fit_weights(parts)
            found.append((gain / max(error, 1e-9), SliceWeights(name, weights[:-1], float(weights[-1]))))
    return tuple(weights for _, weights in sorted(found, key=lambda pair: -pair[0]))


def _gain(parts: Parts) -> tuple[float, float]:
    """Log loss that own weights save on units that they were not fitted on, in nats, and its standard error."""
    saved: ndarray = np.zeros(len(parts.truth))
    for number in range(FOLDS):
        inside = parts.fold == number
        if inside.any() and not inside.all():
            part = parts.take(inside)
            saved[inside] = log_loss(part, parts.start) - log_loss(part, fit_weights(parts.take(~inside)))
    return float(parts.count @ saved), float(np.sqrt(parts.count @ saved**2))
