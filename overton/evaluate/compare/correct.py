"""P-values corrected for their number: many slices are looked at, and chance alone makes some of them fall.

Two things keep that from costing the power to see a fall, and neither touches the rate of false alarms:

- A p-value of few records cannot be small: a slice where three records differ reaches 1/8 at the least, so it takes
  nothing from the others (Tarone 1990, doi:10.2307/2531456). Instead of counting each test, count how often it would
  reach the level where nothing changed. Where every level can be reached, the corrections are what their names say.
- Where nothing changed, which records differ says nothing about the direction. So a test may weigh more for how many
  differ (`weights`): p-values are divided by their weights (Genovese, Roeder & Wasserman 2006,
  doi:10.1093/biomet/93.3.509; weights from the data, Ignatiadis et al. 2016, doi:10.1038/nmeth.3885).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from overton.evaluate.compare.swap import lower_tail

LOOKED_AT = 1000  # the lowest p-values; those behind them are not adjusted to less than they are told
EVEN = 0.2  # share of the weight that does not depend on the records that differ
NEVER = 0.999
FALLS = (0.02, 0.04, 0.07, 0.1, 0.15, 0.25, 0.4)  # as shares of the records of a group
SIGMAS = np.arange(0, 9, 0.05)
TAILS = np.append(lower_tail(-SIGMAS), 0.0)
FEW = 10  # tests that do not tell how steady slices are, and need little correction
MEDIAN_SQUARE = 0.4549  # of a standard normal variable
FAR = 1000.0


@dataclass(frozen=True, slots=True)
class Family:
    """Some tests that are corrected together.

    Attributes:
        p: Their p-values, float64 of shape (test,).
        levels: The p-values that each could have had, ascending, as `SwapTest` tells them; None where any is possible.
        weight: What each weighs, float64 of shape (test,).
    """

    p: ndarray
    levels: tuple[ndarray | None, ...]
    weight: ndarray

    def reached(self, level: ndarray) -> ndarray:
        """Probability, where nothing changed, of a weighted p-value of at most so much.

        Returns:
            Float64 of shape (test, level).
        """
        reached = np.empty((len(self.levels), len(level)))
        for number, own in enumerate(self.levels):
            asked = np.minimum(level * self.weight[number], NEVER)
            if own is None:
                reached[number] = asked
            else:
                place = np.searchsorted(own, asked * (1 + 1e-9), side="right")
                reached[number] = np.where(place > 0, np.append(own, 0.0)[place - 1], 0.0)
        return reached


def plain(p: ndarray) -> Family:
    """Tests that can reach every level and weigh the same."""
    return Family(p, (None,) * len(p), np.ones(len(p)))


def weights(differ: ndarray, usual: ndarray, records: ndarray, alpha: float) -> ndarray:
    """What each test weighs: more, the likelier a fall that is there would be seen, and the more that one is there.

    A fall makes records differ. So with how many differ, and which way, comes the likelihood of a fall against that
    of no change: each test is given the level at which this ratio is the same for all, which is the most powerful
    way to share `alpha` (Roeder & Wasserman 2009, doi:10.1214/09-STS289). Falls of `FALLS` are held equally likely.

    Args:
        differ: Records of each group whose outcomes differ, float64 of shape (test,).
        usual: How many would be expected to, likewise; not a number where that is unknown, and the weight 1.
        records: Records of each group, likewise.
        alpha: What the tests share.

    Returns:
        Weights whose mean is 1; where there are few tests they are all 1.
    """
    found = np.ones(len(differ))
    known = np.isfinite(usual) & (usual > 0)
    if known.sum() < FEW:
        return found
    ratio = _log_ratio(differ[known], usual[known], records[known])
    low, high = -FAR, FAR
    for _ in range(40):
        middle = (low + high) / 2
        level = TAILS[(ratio < middle).sum(axis=1)]
        low, high = (middle, high) if level.sum() > alpha else (low, middle)
    level = TAILS[(ratio < high).sum(axis=1)]
    if level.any():
        found[known] = EVEN + (1 - EVEN) * level / level.mean()
    return found


def _log_ratio(differ: ndarray, usual: ndarray, records: ndarray) -> ndarray:
    """Log of how much likelier a fall is than no change, by how far the sum of directions lies from 0.

    Returns:
        Float64 of shape (test, point of `SIGMAS`), never falling along the points.
    """
    # Slices are not all as unsteady: what half of them stray from the usual tells by how much.
    stray = np.median(((differ - usual) ** 2 / MEDIAN_SQUARE - usual) / usual**2)
    chance = _chance_of(usual, max(float(stray), 1e-3), int(differ.max(initial=0)))
    told = np.maximum(differ, 1.0)
    parts = []
    for fall in FALLS:
        fell = fall * records
        seen = chance(differ - fell) - chance(differ)
        fell = np.minimum(fell, 0.95 * told)
        spread, mean = np.maximum(1 - fell / told, 0.05), fell / np.sqrt(told)
        away = SIGMAS**2 / 2 - (SIGMAS - mean[:, None]) ** 2 / (2 * spread[:, None])
        parts.append((seen - np.log(spread) / 2)[:, None] + away)
    found: ndarray = np.maximum.accumulate(np.logaddexp.reduce(parts), axis=1)
    return found


def _chance_of(usual: ndarray, stray: float, most: int) -> Callable[[ndarray], ndarray]:
    """Log of the probability of a number of records that differ, by the negative binomial distribution.

    Args:
        usual: Its mean, float64 of shape (test,).
        stray: Its variance beyond that of a Poisson distribution, as a share of the squared mean.
        most: The greatest number that is asked for.
    """
    shape = 1 / stray
    steps = np.log(shape + np.arange(most)) - np.log(np.arange(1, most + 1))
    ways = np.concatenate([[0.0], np.cumsum(steps)])
    each, none = np.log(usual / (shape + usual)), shape * np.log(shape / (shape + usual))

    def chance(number: ndarray) -> ndarray:
        whole = np.rint(number).astype(np.int64)
        return np.where(whole < 0, -FAR, ways[np.maximum(whole, 0)] + whole * each + none)

    return chance


def holm(tests: Family) -> ndarray:
    """Adjusted p-values that keep the probability of any false alarm, float64 of shape (test,).

    Source: Holm 1979, https://www.jstor.org/stable/4615733, with the levels of Westfall & Wolfinger 1997,
        doi:10.1080/00031305.1997.10473577.

    Example:
        >>> holm(plain(np.array([0.01, 0.04, 0.03]))).round(2).tolist()
        [0.03, 0.06, 0.06]
    """
    order, asked = _order(tests)
    reached = tests.reached(asked)[order]
    # At the place k of the order the tests before it are decided and no longer count.
    total = np.array([reached[place:, place].sum() for place in range(len(asked))])
    return _spread(total, order, len(tests.p))


def benjamini_hochberg(tests: Family) -> ndarray:
    """Adjusted p-values that keep the share of false alarms among all alarms, float64 of shape (test,).

    Where nothing changed at all that share is the probability of any alarm.

    Source: Benjamini & Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x; stepping down, for levels that differ,
        Doehler, Durand & Roquain 2018, doi:10.1214/18-EJS1441, procedure HSD.

    Example:
        >>> benjamini_hochberg(plain(np.array([0.001, 0.01]))).round(3).tolist()
        [0.002, 0.01]
    """
    order, asked = _order(tests)
    reached = tests.reached(asked)
    total = (reached / (1 - reached)).sum(axis=0) / np.arange(1, len(asked) + 1)
    return _spread(total, order, len(tests.p))


def first_level(tests: Family, alpha: float) -> float:
    """The p-value that one test of the usual weight needs where no other is low: what a single fall must reach."""
    if not len(tests.p):
        return alpha
    asked = alpha * np.exp(-np.arange(0, 16, 0.05))
    reached = tests.reached(asked)
    enough = np.flatnonzero((reached / (1 - reached)).sum(axis=0) <= alpha)
    return float(asked[enough[0]]) if len(enough) else float(asked[-1])


def _order(tests: Family) -> tuple[ndarray, ndarray]:
    """The tests by rising weighted p-value, and the lowest of these."""
    weighted = tests.p / tests.weight
    order = np.argsort(weighted, kind="stable")
    return order, weighted[order][:LOOKED_AT]


def _spread(total: ndarray, order: ndarray, n: int) -> ndarray:
    """Sums in the order of p-values to adjusted ones in the order of the tests."""
    adjusted = np.ones(n)
    adjusted[order[: len(total)]] = np.minimum(np.maximum.accumulate(total), 1)
    return adjusted
