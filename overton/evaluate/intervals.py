"""95 % intervals of figures that are made of sums over records.

Records are what is sampled: the tokens of one record resemble each other, so that a hundred right tokens of ten
records say less than a hundred right records. Every interval here starts from the variance between records:

- A share a/b (accuracy, precision, recall, exact match) is a ratio of two sums over records. Its variance comes from
  linearisation (Cochran 1977, Sampling Techniques, 6.3); over the variance that independent items would have that is
  the design effect, and b over the design effect is the effective size that goes into Wilson's interval (Wilson 1927,
  doi:10.1080/01621459.1927.10502953), made smaller for few records by Student's t (Korn & Graubard 1998, Survey
  Methodology 24:193). In a small group the design effect is drawn to the one that the correlation in the whole split
  implies (Kish 1965, Survey Sampling, 5.4: 1 + (m - 1) rho). Where a record has one item at most the effective size is
  the number of items, and the interval the plain one of Wilson.
- F1 is 2J / (1 + J) where J = hits / (hits + made up + missed) is a share, so its interval is that of J, carried over
  (the indirect Wilson interval of Lam et al. 2023, arXiv:2309.14621).
- Macro F1: its variance by linearisation over records, with that the effective size of a share, and Wilson's interval.
- Log loss: a mean per unit, on the logarithmic scale since it is positive and skewed, with Student's t.
- Calibration error: Poisson bootstrap over records (Chamandy et al. 2012, "Estimating uncertainty for massive data
  streams"), which for sums over bins is a normal draw. Noise alone makes the error of a perfect model greater than
  zero; the lower end is freed of that bias, which the bootstrap shows.

The tests simulate how often each of them covers the truth.
"""

import numpy as np
from numpy import ndarray

from overton.base.shares import (
    RatioSums,
    Z,
    caution,
    divide,
    effective_size,
    share_interval,
    student,
    wilson,
)

__all__ = [
    "RatioSums",
    "Z",
    "caution",
    "divide",
    "effective_size",
    "f1_of_share",
    "mean_interval",
    "share_interval",
    "student",
    "wilson",
]


def f1_of_share(share: ndarray) -> ndarray:
    """F1 out of hits / (hits + made up + missed)."""
    f1: ndarray = 2 * share / (1 + share)
    return f1


def mean_interval(sums: RatioSums) -> tuple[ndarray, ndarray]:
    """Interval of a positive mean; not a number below two records."""
    error = divide(np.sqrt(sums.variance), sums.ratio) * student(sums.records - 1)
    factor = np.exp(np.where(np.isfinite(error), error, np.nan))
    return sums.ratio / factor, sums.ratio * factor
