"""How much each of two opinions should count in their mean, as the gold labels of dev tell.

What is right most often comes first, and of shares that chance cannot tell apart the one under which the gold labels
are most likely. Likelihood alone misleads where one opinion is right more often but too sure when it is wrong.
"""

from collections.abc import Callable
from math import sqrt

import numpy as np
from numpy import ndarray

from overton.codec import Predictions
from overton.data import Gold
from overton.evaluate.judge import judge
from overton.evaluate.metrics import main_value
from overton.evaluate.temperature import losses_under

EVEN = 0.5
SHARES = (0.1, 0.2, 0.3, 0.4, EVEN, 0.6, 0.7, 0.8, 0.9)


def best_share(say: Callable[[float], Predictions], gold: Gold, rows: ndarray, temperature: float = 1.0) -> float:
    """The share of one of two opinions with which their mean is best on some records.

    Args:
        say: What is said of these records, in their order, where that opinion has a share.
        gold: What is true, over the whole data set.
        rows: Numbers of the records, int64.
        temperature: By what the logits will be divided.

    Returns:
        From 0.1 to 0.9; 0.5 where there are too few gold labels to tell. Of those whose main metric is within one
        standard error of the best, the one under which the labels are most likely.
    """
    losses, scores, n_known = {}, {}, 1
    for share in SHARES:
        said = say(share)
        judged = judge(said, gold, np.arange(len(rows)), np.asarray(rows, np.int64))
        loss = losses_under(said, judged, (temperature,))
        if not loss:
            return EVEN
        losses[share], scores[share] = loss[0], main_value(judged) or 0.0
        n_known = int(judged.known.sum())
    best = max(scores.values())
    least = best - sqrt(best * (1 - best) / n_known)
    return min((share for share in SHARES if scores[share] >= least), key=lambda share: losses[share])
