"""Would chance alone set two versions so far apart? The exact test of swaps, for every group of records at once.

Where nothing changed, it is chance which of two outcomes of a record is the old one. So swap the two of each record, or
not, by the toss of a coin: the share of all ways to do so that make the new version come off as badly as it did, or
worse, is the p-value. It is exact whatever the number of records, and swaps whole records, so that the tokens of one
stay together. For one item a record it is McNemar's exact test (McNemar 1947, doi:10.1007/BF02295996); for F1 it is the
randomisation test of Yeh 2000 (https://aclanthology.org/C00-2137), in all its ways rather than in a sample of them.

The sum of the swapped differences is a sum of independent coins, so its distribution is a product of one factor a
record, and one Fourier transform gives it for each group. Beyond `LARGEST` steps it is as good as normal.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy import ndarray

LARGEST = 4096  # of the sum of all differences, in steps: what is enumerated
STEPS = 16, 64  # of the mean difference of a group, where differences are no whole numbers: the fewer, the more differ
CHUNK = 64  # groups that are transformed together
LEVELS_TO = 0.5
NORMAL, BEYOND = NormalDist(), 40.0  # nothing is as far from the mean in numbers of 64 bits
LEAST = 1e-12  # of a p-value: what is smaller is lost in the rounding of the transform


@dataclass(frozen=True, slots=True)
class SwapTest:
    """Outcome of the test in every group.

    Attributes:
        p: Probability, without any change, of a sum of differences as low as it was; float64 of shape (group,).
        levels: The p-values up to 0.5 that each group could have had, ascending; None where any is possible.
    """

    p: ndarray
    levels: tuple[ndarray | None, ...]


def swap_test(group: ndarray, difference: ndarray, n_groups: int) -> SwapTest:
    """Test whether the differences of each group are too low for chance.

    Args:
        group: Group of each pair of a group and a record whose outcomes differ, int64 of shape (pair,).
        difference: New minus old, of the record in that group, float64 of shape (pair,).
        n_groups: Number of groups.

    Example:
        >>> swap_test(np.zeros(5, np.int64), np.array([-1.0, -1, -1, -1, 1]), 1).p.tolist()
        [0.1875]
    """
    size = np.abs(difference)
    step = np.ones(n_groups)
    if (np.rint(difference) != difference).any():
        # Of the mean: beside one great difference many small ones, which weigh as much together, must not round to 0.
        differ = np.maximum(np.bincount(group, minlength=n_groups), 1)
        mean = np.bincount(group, size, n_groups) / differ
        step = np.maximum(mean, 1e-12) / np.clip(LARGEST // differ - 1, *STEPS)
    whole = np.rint(size / step[group]).astype(np.int64)
    total = np.bincount(group, whole, n_groups).astype(np.int64)
    fell = np.bincount(group, whole * (difference > 0), n_groups).astype(np.int64)  # how much of the total stood up
    p = np.ones(n_groups)
    levels: list[ndarray | None] = [np.zeros(0)] * n_groups
    many = np.flatnonzero(total > LARGEST)
    spread = np.sqrt(np.bincount(group, difference**2, n_groups))
    summed = np.bincount(group, difference, n_groups)
    p[many] = np.maximum(lower_tail(summed[many] / spread[many]), LEAST)
    for number in many.tolist():
        levels[number] = None
    few = np.flatnonzero((total > 0) & (total <= LARGEST))
    for groups in np.array_split(few[np.argsort(total[few], kind="stable")], max(-(-len(few) // CHUNK), 1)):
        if len(groups):
            _enumerate(groups, group, whole, total, fell, p, levels)
    return SwapTest(p, tuple(levels))


def _enumerate(
    groups: ndarray,
    group: ndarray,
    whole: ndarray,
    total: ndarray,
    fell: ndarray,
    p: ndarray,
    levels: list[ndarray | None],
) -> None:
    """Fill in p-values and levels of some groups, from the distribution of their sums."""
    place = np.full(len(total), -1, np.int64)
    place[groups] = np.arange(len(groups))
    mine = (place[group] >= 0) & (whole > 0)
    longest = int(whole[mine].max())
    count = np.bincount(place[group[mine]] * (longest + 1) + whole[mine], minlength=len(groups) * (longest + 1))
    cdf = np.cumsum(_distribution(count.reshape(len(groups), -1), int(total[groups].max())), axis=1)
    cdf = np.clip(cdf, LEAST, 1)
    p[groups] = cdf[np.arange(len(groups)), fell[groups]]
    for row, number in enumerate(groups.tolist()):
        own = cdf[row, : total[number] + 1]
        levels[number] = np.unique(own[own <= LEVELS_TO])


def _distribution(count: ndarray, total: int) -> ndarray:
    """Probability of each sum of coins, float64 of shape (group, sum).

    Args:
        count: How many coins of each worth a group has, int64 of shape (group, worth).
        total: The largest sum there is.
    """
    n_points = 1 << total.bit_length()
    worth = np.flatnonzero(count.any(axis=0))
    count = count[:, worth].astype(np.float64)
    # The factor of a coin of worth w at angle a is (1 + exp(-i w a)) / 2 = cos(w a / 2) exp(-i w a / 2).
    half = np.pi * np.outer(worth, np.arange(n_points // 2 + 1)) / n_points
    cosine = np.cos(half)
    size = count @ np.log(np.maximum(np.abs(cosine), 1e-300))
    turns = (count @ (cosine < 0)) * np.pi - count @ half
    found: ndarray = np.maximum(np.fft.irfft(np.exp(size + 1j * turns), n_points, axis=1), 0)
    return found


def lower_tail(z: ndarray) -> ndarray:
    """Probability that a standard normal variable is at most so high."""
    return np.array([0.5 * math.erfc(-value / math.sqrt(2)) for value in np.ravel(z).tolist()]).reshape(np.shape(z))


def upper_point(p: float) -> float:
    """The value that a standard normal variable exceeds with a probability.

    Example:
        >>> round(upper_point(0.025), 4)
        1.96
    """
    if not 0 < p < 1:
        return BEYOND if p <= 0 else -BEYOND
    return -NORMAL.inv_cdf(p)
