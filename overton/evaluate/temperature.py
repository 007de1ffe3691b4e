"""How sure a model may be: the temperature that makes the gold labels of dev most likely.

Dividing all logits of a task by one number changes no prediction, only the probabilities (Guo et al. 2017,
arXiv:1706.04599). A model trained on labels that are often wrong, or with a loss that lets go of absurd ones, is
surer or less sure than it is right.
"""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy import ndarray

from overton.codec import Predictions
from overton.data import Gold
from overton.evaluate.judge import Judged, judge

PULL = 1.0  # how far the logarithm of a temperature is usually from 0, its standard deviation before dev is seen
FEWEST_UNITS = 100  # below, a temperature tells more of chance than of the model
MOST_UNITS = 20_000
AS_IT_IS = 1.0  # none of the candidates is just that
CANDIDATES = np.exp(np.linspace(np.log(0.2), np.log(100.0), 125))
LEAST = 1e-38


def best_temperature(predictions: Predictions, gold: Gold, rows: ndarray) -> float:
    """The temperature under which the gold labels of some records are most likely, drawn a little to 1.

    Where a model is right on all of some hundred records their labels are the likelier the surer it is, without end,
    though as good a model may have erred on one of them; so a temperature far from 1 has to be borne out.

    Args:
        predictions: What the model said of these records, in their order.
        gold: What is true, over the whole data set.
        rows: Numbers of the records, int64.

    Returns:
        From 0.2 to 100; above 1 the model was too sure. 1 where there are too few gold labels to tell.
    """
    judged = judge(predictions, gold, np.arange(len(rows)), np.asarray(rows, np.int64))
    losses = losses_under(predictions, judged, CANDIDATES)
    if not losses:
        return AS_IT_IS
    n_told = min(int(judged.known.sum()), MOST_UNITS)
    pull = np.log(CANDIDATES) ** 2 / (2 * PULL**2 * n_told)
    return float(CANDIDATES[int(np.argmin(losses + pull))])


def render_temperatures(temperature: Mapping[str, float]) -> str:
    """Temperatures by task, and of which tasks dev has too little gold for one.

    Example:
        >>> render_temperatures({"Intent": 1.0, "POS": 1.24})
        'POS 1.24; Intent as it is, with fewer than 100 gold labels on dev'
    """
    fitted = ", ".join(f"{name} {value:.2f}" for name, value in temperature.items() if value != AS_IT_IS)
    left = [name for name, value in temperature.items() if value == AS_IT_IS]
    how = f"{'as it is' if len(left) == 1 else 'as they are'}, with fewer than {FEWEST_UNITS} gold labels on dev"
    return "; ".join(part for part in (fitted, f"{', '.join(left)} {how}" if left else "") if part)


def losses_under(predictions: Predictions, judged: Judged, temperatures: Iterable[float]) -> list[float]:
    """Mean -log P of the gold labels of some records under some temperatures; none where too few labels could tell."""
    known = np.flatnonzero(judged.known & ~judged.nothing)  # where nothing is predicted nobody was sure of anything
    if predictions.task.type != "bitvector":  # a class that only gold knows cannot be made more likely
        known = known[(judged.gold[known] >= 0) & (judged.gold[known] < predictions.probability.shape[1])]
    if len(known) < FEWEST_UNITS:
        return []
    known = known[:: -(-len(known) // MOST_UNITS)]
    probability = predictions.probability[judged.place[known]].astype(np.float64)
    if predictions.task.type == "bitvector":
        holds = judged.gold[known][:, : probability.shape[1]]
        return [_bit_loss(probability, holds, value) for value in temperatures]
    return [_class_loss(probability, judged.gold[known], value) for value in temperatures]


def _class_loss(probability: ndarray, label: ndarray, temperature: float) -> float:
    """Mean -log P(label) of a categorical; a probability of 0 is padding unless it is the label's."""
    rows = np.arange(len(label))
    scaled = np.where(probability > 0, np.log(np.maximum(probability, LEAST)), -np.inf)
    scaled[rows, label] = np.log(np.maximum(probability[rows, label], LEAST))
    scaled /= temperature
    highest = scaled.max(axis=1)
    total = highest + np.log(np.exp(scaled - highest[:, None]).sum(axis=1))
    return float((total - scaled[rows, label]).mean())


def _bit_loss(probability: ndarray, holds: ndarray, temperature: float) -> float:
    """Mean -log P of what each bit is."""
    logit = cooled_logits(probability, temperature)
    return float(np.logaddexp(0, np.where(holds, -logit, logit)).mean())


def cooled_logits(probability: ndarray, temperature: float) -> ndarray:
    """Logits of bits, divided by a temperature."""
    clipped = probability.clip(1e-7, 1 - 1e-7)
    logits: ndarray = np.log(clipped / (1 - clipped)) / temperature
    return logits
