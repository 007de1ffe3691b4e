"""The outcomes of two versions on the same records, and how far they are apart in every group of records.

The figure of a task is its main metric, a ratio of sums over records: `factor * top / bottom`, where top are the right
units and bottom all units (accuracy), or top are the hits, bottom what was said and what holds, and the factor is two
(F1). One pass over the sparse matrix of records and groups gives the sums for all groups.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from overton.base.shares import divide, student
from overton.evaluate.compare.swap import SwapTest, lower_tail, swap_test, upper_point
from overton.evaluate.groups import Groups
from overton.evaluate.judge import Judged
from overton.evaluate.metrics import METRICS, columns_of
from overton.evaluate.outcomes import outcomes_of

POWER = 0.8
SMALLEST = 1e-12  # below which what a record adds is rounding
PRIOR = 2  # records that are added to every group, one that got better and one that got worse


@dataclass(frozen=True)
class Paired:
    """What became of the same records in two versions; each array has one entry a record with gold.

    Attributes:
        task: Name of the task.
        metric: Its main metric.
        factor: 1, or 2 where the metric is an F1.
        records: The records, as places in a list of records, int64 of shape (record,), ascending.
        units: Units with gold, float64 of shape (record,).
        top: Of the old and the new version, float64 of shape (record, 2).
        bottom: Likewise.
    """

    task: str
    metric: str
    factor: int
    records: ndarray
    units: ndarray
    top: ndarray
    bottom: ndarray


@dataclass(frozen=True, slots=True)
class Change:
    """How far two versions are apart in every group; each float64 of shape (group,), not a number where unknown.

    Attributes:
        n: Units with gold.
        records: Records that the figure rests on.
        old: The figure of the old version.
        new: The figure of the new version.
        low: Lower end of the 95 % interval of new minus old.
        high: Upper end.
        worse: Records that got worse.
        better: Records that got better.
        error: Standard error of new minus old, which two records more keep from being 0.
        growth: By how much the squared error rises for each unit that the figure falls.
        test: The test whether it fell.
        both: The figure of both versions taken together; 0 where there is none.
    """

    n: ndarray
    records: ndarray
    old: ndarray
    new: ndarray
    low: ndarray
    high: ndarray
    worse: ndarray
    better: ndarray
    error: ndarray
    growth: ndarray
    test: SwapTest
    both: ndarray

    def p_beyond(self, margin: ndarray) -> ndarray:
        """P-value of a fall greater than a margin, both of shape (group,); of any fall where the margin is 0.

        Beyond a margin no swap is without effect, so the studentised distance to it decides as well.
        """
        middle = (self.low + self.high) / 2
        few = np.nan_to_num(upper_point(0.025) / student(self.records - 1))
        far = lower_tail(np.nan_to_num(divide(middle + margin, self.error) * few))
        return np.where(margin > 0, np.maximum(self.test.p, far), self.test.p)


def detectable_fall(level: float, error: float, growth: float) -> float:
    """The least fall beyond the margin that would be shown at a level four times out of five; at most 1.

    A fall makes more records differ, which widens the error with it.

    Args:
        level: The p-value that it must reach.
        error: Standard error of the change as it is.
        growth: By how much the squared error rises for each unit that the figure falls.
    """
    reach = (upper_point(level) + upper_point(1 - POWER)) ** 2
    wide = reach * growth
    return min((wide + math.sqrt(wide**2 + 4 * reach * error**2)) / 2, 1.0)


def pair(task: str, old: Judged, new: Judged) -> Paired:
    """Two judgements of the same records."""
    assert old.kind == new.kind, "both versions are judged by one metric"
    metric = METRICS[old.kind][0]
    first, second = (columns_of(outcomes_of(judged)) for judged in (old, new))
    is_f1 = metric.form == "f1"
    bottoms = [columns["said"] + columns["held"] if is_f1 else columns[metric.bottom] for columns in (first, second)]
    return Paired(
        task=task,
        metric=metric.name,
        factor=2 if is_f1 else 1,
        records=old.records,
        units=first["units"],
        top=np.stack([first[metric.top], second[metric.top]], axis=1),
        bottom=np.stack(bottoms, axis=1),
    )


def change_of(paired: Paired, groups: Groups) -> Change:
    """The change in every group.

    Its variance comes from linearisation, as that of every ratio in `intervals`; one record more that got better and
    one that got worse keep it honest where few records differ (Bonett & Price 2012, doi:10.3102/1076998611411915).

    Args:
        paired: The outcomes.
        groups: The groups of the records that `paired.records` counts in.
    """
    own = groups.of(paired.records)
    columns = [*paired.top.T, *paired.bottom.T, (paired.bottom > 0).any(axis=1), paired.units]
    total, square = own.total_products(np.stack(columns, axis=1).astype(np.float64))
    top, bottom, records, n = total[:, :2], total[:, 2:4], total[:, 4], total[:, 5]
    value = divide(paired.factor * top, bottom)
    both = np.nan_to_num(divide(paired.factor * top.sum(axis=1), bottom.sum(axis=1)))
    at, worth = differences(paired, own, both)
    n_groups = len(own.names)
    size, squared = (np.bincount(at, np.abs(worth) ** power, n_groups) for power in (1, 2))
    typical = np.where(size > 0, divide(squared, size), 1.0)  # what one record that differs counts
    scale = divide(bottom.sum(axis=1), 2 * bottom[:, 0] * bottom[:, 1])
    weight = np.stack(
        [*(sign * divide(np.array(paired.factor), bottom[:, k]) for k, sign in ((0, -1), (1, 1))),
         *(sign * divide(value[:, k], bottom[:, k]) for k, sign in ((0, 1), (1, -1)))], axis=1
    )  # fmt: skip
    linear = np.maximum(np.einsum("gi,gij,gj->g", weight, square[:, :4, :4], weight), 0)
    drawn = divide(records, records + PRIOR)
    few = np.where(records > 1, divide(records, records - 1), 1)
    error = drawn * np.sqrt(linear * few + PRIOR * (typical * scale) ** 2)
    middle = (value[:, 1] - value[:, 0]) * drawn
    half = error * student(records - 1)
    return Change(
        n=n,
        records=records,
        old=value[:, 0],
        new=value[:, 1],
        low=np.maximum(np.minimum(middle - half, value[:, 1] - value[:, 0]), -1),
        high=np.minimum(np.maximum(middle + half, value[:, 1] - value[:, 0]), 1),
        worse=np.bincount(at, worth < 0, n_groups),
        better=np.bincount(at, worth > 0, n_groups),
        error=error,
        growth=typical * scale,
        test=swap_test(at, worth, n_groups),
        both=both,
    )


def differences(paired: Paired, groups: Groups, both: ndarray) -> tuple[ndarray, ndarray]:
    """What each record whose outcomes differ adds to the change of each of its groups.

    Args:
        paired: The outcomes.
        groups: The groups of exactly these records.
        both: The figure of both versions taken together, of shape (group,).

    Returns:
        Group of each pair of a group and a record, int64; and what it adds, float64, never 0.
    """
    rise, wide = (column[:, 1] - column[:, 0] for column in (paired.top, paired.bottom))
    differ = np.flatnonzero((rise != 0) | (wide != 0))
    few = groups.of(differ)
    worth = worth_of(paired, differ[few.record], both[few.group])
    kept = worth != 0
    return few.group[kept], worth[kept]


def worth_of(paired: Paired, records: ndarray, both: ndarray) -> ndarray:
    """What some records add to the change of a group, float64; 0 where they count neither way.

    The sum over a group has the sign of the change of its figure, and is turned by a swap of all its records; with F
    of both versions taken together each record adds `factor * (change of top) - F * (change of bottom)`.

    Args:
        paired: The outcomes.
        records: The records, as places among the paired ones.
        both: F of the group of each, or of all of them.
    """
    rise, wide = (column[records, 1] - column[records, 0] for column in (paired.top, paired.bottom))
    worth = paired.factor * rise - both * wide
    return np.where(np.abs(worth) > SMALLEST, worth, 0.0)
