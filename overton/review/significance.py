"""Whether errors gather in some records beyond chance, and what is left of that when many choices were looked at."""

import math
from functools import lru_cache

import numpy as np
from numpy import ndarray

from overton.review.search import excess_z


def chance_of(error: ndarray, inside: ndarray) -> float:
    """Probability that as many records drawn at random had so much error or more.

    Where an error is all or nothing it is exact (hypergeometric, Fisher 1922); shares of items go by an approximation
    of the same draw that knows how skewed it is.

    Args:
        error: Error of each record, from 0 to 1, float64 of shape (record,).
        inside: Which records, bool of shape (record,).

    Example:
        >>> round(chance_of(np.array([1.0, 1, 0, 0]), np.array([True, True, False, False])), 4)
        0.1667
    """
    n, size, wrong = len(error), int(inside.sum()), float(error[inside].sum())
    if not size or size == n:
        return 1.0
    if ((error == 0) | (error == 1)).all():
        return _hypergeometric(n, int(error.sum()), size, round(wrong))
    z = float(excess_z(error, np.array([float(size)]), np.array([wrong]))[0])
    return math.erfc(z / math.sqrt(2)) / 2


def _hypergeometric(n: int, n_wrong: int, size: int, wrong: int) -> float:
    """P(at least so many wrong among `size` of n, of which n_wrong are wrong)."""
    count = np.arange(max(wrong, size - (n - n_wrong)), min(size, n_wrong) + 1)
    if not len(count):
        return 0.0
    factorial = _log_factorials(n)

    def choose(top: int, part: ndarray) -> ndarray:
        ways: ndarray = factorial[top] - factorial[part] - factorial[top - part]
        return ways

    log = choose(n_wrong, count) + choose(n - n_wrong, size - count) - choose(n, np.array([size]))
    return float(min(np.exp(log).sum(), 1.0))


@lru_cache(maxsize=4)
def _log_factorials(n: int) -> ndarray:
    """Logarithms of the factorials from 0 to n, float64 of shape (n + 1,)."""
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])


def adjusted(p: ndarray, rank: ndarray, n_looked_at: int) -> ndarray:
    """The share of false ones among those taken up to each, where many more were looked at.

    Args:
        p: Probabilities by chance, float64 of shape (one,).
        rank: How many of all that were looked at are at least as unlikely, from 1.
        n_looked_at: How many these are.

    Source: Benjamini & Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x.

    Example:
        >>> adjusted(np.array([0.01, 0.04]), np.array([1, 2]), 2)
        array([0.02, 0.04])
    """
    order = np.argsort(p, kind="stable")
    share = p[order] * n_looked_at / np.maximum(rank[order], 1)
    least = np.minimum.accumulate(share[::-1])[::-1] if len(share) else share
    back = np.empty(len(p))
    back[order] = np.minimum(least, 1.0)
    return back
