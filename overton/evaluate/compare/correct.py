"""P-values corrected for their number: many slices are looked at, and chance alone makes some of them fall.

Two things keep that from costing the power to see a fall, and neither touches the rate of false alarms:

- A p-value of few records cannot be small: a slice where three records differ reaches 1/8 at the least, so it takes
  nothing from the others (Tarone 1990, doi:10.2307/2531456). Instead of counting each test, count how often it would
  reach the level where nothing changed. Where every level can be reached, the corrections are what their names say.
- Where nothing changed, which records differ says nothing about the direction. So a test may weigh more for how many
  differ (`weights`): p-values are divided by their weights (Genovese, Roeder & Wasserman 2006,
  doi:10.1093/biomet/93.3.509; weights from the data, Ignatiadis et al. 2016, doi:10.1038/nmeth.3885).
"""

from dataclasses import dataclass

import numpy as np
from numpy import ndarray

LOOKED_AT = 1000  # the lowest p-values; those behind them are not adjusted to less than they are told
EVEN = 0.3  # share of the weight that does not depend on the records that differ
STEEP = 2.0
NEVER = 0.999


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


def weights(differ: ndarray, records: ndarray) -> ndarray:
    """What each group weighs: more, the more of its records differ beyond what is usual.

    A fall makes records differ, so a group where no more than usual do is unlikely to be one that fell.

    Args:
        differ: Records of each group whose outcomes differ, float64 of shape (group,); the first group is the whole.
        records: Records of each group, likewise.

    Returns:
        Weights whose mean is 1.
    """
    usual = records * (differ[0] / max(records[0], 1))
    excess = np.clip((differ - usual) / np.sqrt(np.maximum(differ, 1)), 0, 30)
    steep = np.exp(STEEP * (excess - excess.max(initial=0)))
    found: ndarray = EVEN + (1 - EVEN) * steep / steep.mean()
    return found


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
