"""The figures of each kind of task, in one table, and how each is made of sums over groups of records.

A figure is a share, an F1, a mean, a macro F1 or a calibration error; which sums it takes is all that differs between
accuracy and recall. What each means is said in `METRICS`, how sure it is in `intervals`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy import ndarray

from overton.evaluate.calibration import BINS, Calibration, calibrate
from overton.evaluate.groups import Groups
from overton.evaluate.intervals import (
    RatioSums,
    Z,
    caution,
    divide,
    f1_of_share,
    mean_interval,
    share_interval,
    wilson,
)
from overton.evaluate.judge import Judged, Kind
from overton.evaluate.outcomes import HIT, MADE_UP, MISSED, Outcomes, losses_of, outcomes_of

Form = Literal["share", "f1", "mean", "macro_f1", "calibration"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure: `top` over `bottom`, both columns of `Sums.columns`, in one of the forms."""

    name: str
    form: Form
    top: str = ""
    bottom: str = ""


ACCURACY = Metric("accuracy", "share", "right", "units")
EXACT_MATCH = Metric("exact_match", "share", "right", "units")
PRECISION = Metric("precision", "share", "hit", "said")
RECALL = Metric("recall", "share", "hit", "held")
MICRO_F1 = Metric("micro_f1", "f1", "hit", "either")
SPAN_F1 = Metric("span_f1", "f1", "hit", "either")
MACRO_F1 = Metric("macro_f1", "macro_f1")
ECE = Metric("ece", "calibration")
LOG_LOSS = Metric("log_loss", "mean", "loss", "units")

METRICS: Mapping[Kind, tuple[Metric, ...]] = {
    "multiclass": (ACCURACY, MACRO_F1, ECE, LOG_LOSS),
    "span": (SPAN_F1, PRECISION, RECALL, MACRO_F1, ACCURACY, ECE, LOG_LOSS),
    "bitvector": (MICRO_F1, PRECISION, RECALL, MACRO_F1, EXACT_MATCH, ECE, LOG_LOSS),
    "select": (ACCURACY, ECE, LOG_LOSS),
}
"""By kind of task, the main metric first."""


@dataclass(frozen=True, slots=True)
class Figures:
    """A metric in every group: value and interval, float64 of shape (group,); not a number where there is none."""

    value: ndarray
    low: ndarray
    high: ndarray


class Sums:
    """The columns of judged units, and their sums over groups, each made when first asked for."""

    def __init__(self, judged: Judged, groups: Groups) -> None:
        self.judged = judged
        self.groups = groups.of(judged.records)
        self.outcomes = outcomes_of(judged)

    @cached_property
    def columns(self) -> dict[str, ndarray]:
        """What is summed, each float64 of shape (record,)."""
        columns = columns_of(self.outcomes) | {"loss": losses_of(self.judged)}
        used = {name for metric in METRICS[self.judged.kind] for name in (metric.top, metric.bottom) if name}
        bottoms = {metric.bottom for metric in METRICS[self.judged.kind] if metric.bottom}
        counts = {_has(name): columns[name] > 0 for name in sorted(bottoms) if columns[name].max(initial=0) > 1}
        return {name: columns[name] for name in sorted(used)} | counts

    @cached_property
    def n(self) -> ndarray:
        """Units with gold in each group, int64."""
        return self.ratio("right", "units").b.astype(np.int64)

    @cached_property
    def calibration(self) -> Calibration:
        """Confidence against outcome."""
        return calibrate(self.judged)

    def ratio(self, top: str, bottom: str) -> RatioSums:
        """The sums of a ratio of two columns."""
        total, product = self._products
        has_bottom = _has(bottom) if _has(bottom) in self.columns else bottom  # where no record has two it is the same
        a, b, has = (list(self.columns).index(name) for name in (top, bottom, has_bottom))
        squares = (product[:, a, a], product[:, a, b], product[:, b, b])
        return RatioSums(total[:, a], total[:, b], *squares, records=total[:, has])

    @cached_property
    def _products(self) -> tuple[ndarray, ndarray]:
        # Small counts, and losses that are float32 anyway: half as many bytes to look up.
        columns = np.empty((self.groups.n_records, len(self.columns)), np.float32)
        for number, column in enumerate(self.columns.values()):
            columns[:, number] = column
        return self.groups.total_products(columns)


def _has(column: str) -> str:
    """Name of the column that tells whether a record has any of another."""
    return f"has {column}"


def columns_of(outcomes: Outcomes) -> dict[str, ndarray]:
    """Counts by record, each float64 of shape (record,)."""
    hit, made_up, missed = (outcomes.outcome(outcome) for outcome in (HIT, MADE_UP, MISSED))
    return {
        "units": outcomes.units,
        "right": outcomes.right,
        "hit": hit,
        "said": hit + made_up,
        "held": hit + missed,
        "either": hit + made_up + missed,
    }


def figures_of(metric: Metric, sums: Sums, noise: ndarray) -> Figures:
    """One metric in every group.

    Args:
        metric: One of the kind of the judged task.
        sums: The sums it is made of.
        noise: Draws from the standard normal distribution for the bootstrap, float64 of shape (sample, bin + 1).
    """
    if metric.form == "calibration":
        return _calibration_error(sums, noise)
    if metric.form == "macro_f1":
        return _macro_f1(sums)
    ratio = sums.ratio(metric.top, metric.bottom)
    if metric.form == "mean":
        return Figures(ratio.ratio, *mean_interval(ratio))
    low, high = share_interval(ratio)
    if metric.form == "f1":
        return Figures(*(f1_of_share(share) for share in (ratio.ratio, low, high)))
    return Figures(ratio.ratio, low, high)


def main_value(judged: Judged) -> float | None:
    """The main metric over all judged units, without an interval; None where there is nothing to say."""
    metric = METRICS[judged.kind][0]
    columns = columns_of(outcomes_of(judged))
    top, bottom = float(columns[metric.top].sum()), float(columns[metric.bottom].sum())
    if not bottom:
        return None
    return 2 * top / (top + bottom) if metric.form == "f1" else top / bottom


def _macro_f1(sums: Sums) -> Figures:
    """Mean F1 of the labels that are true or predicted anywhere in the group."""
    items = sums.outcomes.items
    counts, square = sums.groups.total_influence(items, _worth)
    hit, either, f1, n_labels = _by_label(counts)
    value = divide(f1.sum(axis=1), n_labels)
    records = sums.groups.total((np.diff(items.first) > 0) * 1.0)
    variance = square * np.nan_to_num(divide(records, records - 1))
    # A label that was right all of its three times has no variance in the sample, yet we are not sure of it.
    careful = (hit + 1) / (either + 2)
    doubt = np.nan_to_num(divide(careful * (1 - careful) - divide(hit, either) * (1 - divide(hit, either)), either))
    slope = 2 / (1 + careful) ** 2
    variance += divide((np.maximum(doubt, 0) * slope**2).sum(axis=1), n_labels**2)
    middle = divide((f1_of_share(careful) * (either > 0)).sum(axis=1), n_labels)
    return Figures(value, *wilson(value, divide(middle * (1 - middle), variance) * caution(records)))


def _worth(counts: ndarray) -> ndarray:
    """Derivative of macro F1 by the counts of outcomes, both of shape (group, outcome x label)."""
    hit, either, f1, n_labels = _by_label(counts)
    share = np.nan_to_num(divide(1 / np.maximum(n_labels, 1)[:, None], hit + either))
    worth = np.empty((len(counts), 3, hit.shape[1]))
    worth[:, HIT], worth[:, MADE_UP], worth[:, MISSED] = (2 - 2 * f1) * share, -f1 * share, -f1 * share
    return worth.reshape(counts.shape)


def _by_label(counts: ndarray) -> tuple[ndarray, ndarray, ndarray, ndarray]:
    """Hits, all outcomes and F1, each of shape (group, label); number of labels that occur, of shape (group,)."""
    by_outcome = counts.reshape(len(counts), 3, -1)
    hit, either = by_outcome[:, HIT], by_outcome.sum(axis=1)
    return hit, either, np.nan_to_num(divide(2 * hit, hit + either)), (either > 0).sum(axis=1)


def _calibration_error(sums: Sums, noise: ndarray) -> Figures:
    """Mean gap between confidence and outcome; the interval is freed of the bias that noise brings."""
    calibration, groups = sums.calibration, sums.groups
    if calibration.bin is None:
        # The bins of one record may err together: how much, the sum over all of them tells, the last column here.
        both = np.empty((groups.n_records, BINS + 1), np.float32)
        both[:, :BINS], both[:, BINS] = calibration.gap, calibration.gap.sum(axis=1)
        total, square = groups.total_squares(both)
    else:
        total, square = groups.total_squares_by(calibration.bin, calibration.gap, BINS)
        square = np.column_stack([square, square.sum(axis=1)])
    gap, square, together = total[:, :BINS], square[:, :BINS], square[:, BINS]
    spread = np.sqrt(square)
    apart = square.sum(axis=1)
    common = np.clip(np.nan_to_num(divide(together - apart, spread.sum(axis=1) ** 2 - apart)), 0, 1)[:, None]
    n = (sums.n * calibration.per_unit).astype(np.float64)
    drawn = np.zeros((len(gap), len(noise)))
    for number in range(BINS):
        draw = np.sqrt(1 - common) * noise[:, number] + np.sqrt(common) * noise[:, BINS]
        drawn += np.abs(gap[:, number, None] + spread[:, number, None] * draw)
    value = divide(np.abs(gap).sum(axis=1), n)
    drawn = divide(drawn, n[:, None])
    # Where there is no true gap, noise on top of noise adds sqrt(2) - 1 of what the first noise did.
    bias, half = (drawn.mean(axis=1) - value) / (np.sqrt(2) - 1), Z * drawn.std(axis=1)
    return Figures(value, np.clip(value - bias - half, 0, value), np.clip(value + half, value, 1))
