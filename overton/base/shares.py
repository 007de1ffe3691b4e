"""Shares and their 95 % intervals where the items of one record resemble each other.

What is a share, how many independent items it rests on, and Wilson's interval of it; the sources are told in
`overton/evaluate/intervals.py`, which goes on from here to the figures that are no plain shares.
"""

from dataclasses import dataclass

import numpy as np
from numpy import ndarray

Z = 1.959963984540054  # from a figure to an end of its 95 % interval, in standard errors
SHRINK = 30.0
T_OF_FEW = {1: 12.706204736432095, 2: 4.302652729696142, 3: 3.182446305284263}


@dataclass(frozen=True, slots=True)
class RatioSums:
    """Sums over the records of each group for a ratio a/b; each float64 of shape (group,).

    Attributes:
        a: Sum of the numerators.
        b: Sum of the denominators.
        aa: Sum of the squared numerators.
        ab: Sum of the products.
        bb: Sum of the squared denominators.
        records: Records with a denominator above zero.
    """

    a: ndarray
    b: ndarray
    aa: ndarray
    ab: ndarray
    bb: ndarray
    records: ndarray

    @property
    def ratio(self) -> ndarray:
        """The ratio; not a number where the denominator is 0."""
        return divide(self.a, self.b)

    @property
    def variance(self) -> ndarray:
        """Variance of the ratio between records; not a number below two records."""
        ratio = self.ratio
        square = np.maximum(self.aa - 2 * ratio * self.ab + ratio * ratio * self.bb, 0)
        return divide(square * self.records, (self.records - 1) * self.b * self.b)


def divide(top: ndarray, bottom: ndarray) -> ndarray:
    """The quotient; not a number where the divisor is 0."""
    top, bottom = np.broadcast_arrays(np.asarray(top, np.float64), bottom)
    quotient: ndarray = np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)
    return quotient


def wilson(share: ndarray, n: ndarray) -> tuple[ndarray, ndarray]:
    """Wilson's interval of a share of n.

    Example:
        >>> low, high = wilson(np.array([0.5]), np.array([10.0]))
        >>> round(float(low[0]), 4), round(float(high[0]), 4)
        (0.2366, 0.7634)
    """
    square = divide(np.full(np.shape(n), Z * Z), n)
    middle = (share + square / 2) / (1 + square)
    half = np.sqrt(share * (1 - share) * square + square * square / 4) / (1 + square)
    return np.clip(middle - half, 0, share), np.clip(middle + half, share, 1)


def effective_size(sums: RatioSums) -> ndarray:
    """How many independent items a share rests on, of shape (group,). Group 0 is the whole split.

    Never more than there are items.
    """
    ratio = sums.ratio
    single = sums.bb <= sums.b
    mean_size = divide(sums.bb, sums.b)
    own = divide(sums.variance * sums.b, ratio * (1 - ratio))
    rho = np.clip((own[0] - 1) / (mean_size[0] - 1), 0, 1) if mean_size[0] > 1 and np.isfinite(own[0]) else 1.0
    implied = 1 + (mean_size - 1) * rho
    trust = np.where(np.isfinite(own), divide(sums.records, sums.records + SHRINK), 0)
    effect = np.maximum(trust * np.nan_to_num(own) + (1 - trust) * implied, 1)
    return np.where(single, sums.b, sums.b / effect * caution(sums.records))


def caution(records: ndarray) -> ndarray:
    """By how much a size shrinks because the variance itself was estimated from few records, up to 1."""
    shrunk: ndarray = (Z / student(np.maximum(records - 1, 3))) ** 2
    return shrunk


def share_interval(sums: RatioSums) -> tuple[ndarray, ndarray]:
    """Interval of a share."""
    return wilson(sums.ratio, effective_size(sums))


def student(freedom: ndarray) -> ndarray:
    """The 97.5 % quantile of Student's t; not a number below one degree of freedom.

    Source: Abramowitz & Stegun 1964, 26.7.5; good to three digits from four degrees of freedom on.
    """
    powers = [(Z**3 + Z) / 4, (5 * Z**5 + 16 * Z**3 + 3 * Z) / 96, (3 * Z**7 + 19 * Z**5 + 17 * Z**3 - 15 * Z) / 384]
    safe = np.maximum(np.asarray(freedom, np.float64), 1)
    quantile = Z + sum(power / safe ** (index + 1) for index, power in enumerate(powers))
    for few, exact in T_OF_FEW.items():
        quantile = np.where(safe == few, exact, quantile)
    return np.where(freedom >= 1, quantile, np.nan)
