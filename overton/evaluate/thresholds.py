"""From which probability a bit holds: the thresholds under which the bits of dev are told best.

The figure of a bitvector is micro-F1, 2 TP / (said + true). At its greatest value F, a bit is worth saying where its
probability is above F / 2 if probabilities are right (Lipton et al. 2014, arXiv:1402.1892). Where they are not, dev
tells, bit by bit; the fewer units of dev have a bit, the more its probabilities are believed instead.
"""

import numpy as np
from numpy import ndarray

from overton.codec import Predictions
from overton.data import Gold
from overton.evaluate.judge import judge
from overton.evaluate.temperature import FEWEST_UNITS, cooled_logits

PLAIN = 0.5
STRENGTH = 50.0  # units with a bit for which the model's own probabilities stand
LOWEST, HIGHEST = 0.05, 0.95
ROUNDS = 10
ENOUGH_CHANGE = 1e-6


def best_thresholds(predictions: Predictions, gold: Gold, rows: ndarray, temperature: float = 1.0) -> ndarray:
    """The probability from which each bit is best said to hold.

    Args:
        predictions: What the model said of some records, in their order, for a `bitvector` task.
        gold: What is true, over the whole data set.
        rows: Numbers of the records, int64.
        temperature: By what the logits will be divided.

    Returns:
        Float32 of shape (class,), from 0.05 to 0.95; 0.5 where there are too few gold labels to tell.
    """
    n_classes = predictions.probability.shape[1]
    judged = judge(predictions, gold, np.arange(len(rows)), np.asarray(rows, np.int64))
    known = np.flatnonzero(judged.known & ~judged.nothing)
    if len(known) < FEWEST_UNITS:
        return np.full(n_classes, PLAIN, np.float32)
    said = predictions.probability[judged.place[known]].astype(np.float64)
    probability = 1 / (1 + np.exp(-cooled_logits(said, temperature)))
    holds = judged.gold[known][:, :n_classes].astype(np.float64)
    n_missed = float(judged.gold[judged.known].sum() - holds.sum())  # nothing to predict on, or known to gold alone
    believed = STRENGTH / (STRENGTH + holds.sum(0))
    right = believed * probability + (1 - believed) * holds
    order = np.argsort(-probability, axis=0, kind="stable")
    sorted_probability = np.take_along_axis(probability, order, 0)
    gains = np.cumsum(np.take_along_axis(right, order, 0), axis=0)
    return _search(sorted_probability, gains, float(right.sum()) + n_missed)


def _search(probability: ndarray, gains: ndarray, n_true: float) -> ndarray:
    """Dinkelbach's method: for a figure F each bit by itself chooses how much to say, and what they choose gives F.

    Args:
        probability: Of each bit, from the highest down, of shape (unit, class).
        gains: How many of the units down to each are right, of the same shape.
        n_true: Number of bits that hold.
    """
    said = np.arange(1, len(probability) + 1)[:, None]
    inside = (probability >= LOWEST) & (probability <= HIGHEST)
    inside[:-1] &= probability[:-1] > probability[1:]  # no threshold parts units that are equally sure
    # Nothing between the bounds is a choice too: to say all that is surer than the highest.
    surest = (probability > HIGHEST).sum(0)
    figure = 0.0
    for _ in range(ROUNDS):
        worth = np.where(inside, 2 * gains - figure * said, -np.inf)
        best = worth.argmax(0)
        columns = np.arange(probability.shape[1])
        first = np.maximum(surest - 1, 0)
        least = np.where(surest > 0, 2 * gains[first, columns] - figure * surest, 0.0)
        chosen = worth[best, columns] > least
        n_said = np.where(chosen, best + 1, surest)
        n_right = np.where(n_said > 0, gains[np.maximum(n_said - 1, 0), columns], 0.0)
        new = 2 * float(n_right.sum()) / max(float(n_said.sum()) + n_true, 1e-9)
        if abs(new - figure) < ENOUGH_CHANGE:
            break
        figure = new
    return _between(probability, n_said, figure / 2)


def _between(probability: ndarray, n_said: ndarray, usual: float) -> ndarray:
    """Thresholds between the last unit that is said and the first that is not, as near to the usual one as can be."""
    columns = np.arange(probability.shape[1])
    n_units = len(probability)
    last = np.where(n_said > 0, probability[np.maximum(n_said - 1, 0), columns], HIGHEST)
    after = np.where(n_said < n_units, probability[np.minimum(n_said, n_units - 1), columns], LOWEST)
    lowest, highest = np.clip(after, LOWEST, HIGHEST), np.clip(last, LOWEST, HIGHEST)
    middle = lowest + (highest - lowest) / 2
    thresholds: ndarray = np.where((usual > lowest) & (usual <= highest), usual, middle).astype(np.float32)
    return thresholds
