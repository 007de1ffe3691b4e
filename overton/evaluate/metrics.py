"""The figures of each kind of task, in one table, and how each is made of sums over groups of records.

A figure is a share, an F1, a mean, a macro F1 or a calibration error; which sums it takes is all that differs between
accuracy and recall. What each means is said in `METRICS`, how sure it is in `intervals`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy import ndarray

from overton.evaluate.alike import number_alike, one_of_each
from overton.evaluate.calibration import BINS, Calibration, calibrate
from overton.evaluate.groups import CELLS, Groups
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


LOSS = "loss"
COUNTED = ("units", "right", "hit", "said", "held", "either")  # the other columns, small whole numbers

ACCURACY = Metric("accuracy", "share", "right", "units")
EXACT_MATCH = Metric("exact_match", "share", "right", "units")
PRECISION = Metric("precision", "share", "hit", "said")
RECALL = Metric("recall", "share", "hit", "held")
MICRO_F1 = Metric("micro_f1", "f1", "hit", "either")
SPAN_F1 = Metric("span_f1", "f1", "hit", "either")
MACRO_F1 = Metric("macro_f1", "macro_f1")
ECE = Metric("ece", "calibration")
LOG_LOSS = Metric("log_loss", "mean", LOSS, "units")

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
        self._known: dict[tuple[str, ...], ndarray] = {}

    @cached_property
    def columns(self) -> dict[str, ndarray]:
        """What is summed, each float64 of shape (record,)."""
        used = {name for metric in METRICS[self.judged.kind] for name in (metric.top, metric.bottom) if name}
        return columns_of(self.outcomes, used) | {LOSS: losses_of(self.judged)}

    @cached_property
    def n(self) -> ndarray:
        """Units with gold in each group, int64."""
        return self.total("units").astype(np.int64)

    @cached_property
    def calibration(self) -> Calibration:
        """Confidence against outcome."""
        return calibrate(self.judged)

    def ratio(self, top: str, bottom: str) -> RatioSums:
        """The sums of a ratio of two columns."""
        return RatioSums(
            a=self.total(top),
            b=self.total(bottom),
            aa=self.total(top, top),
            ab=self.total(top, bottom),
            bb=self.total(bottom, bottom),
            records=self._records(bottom),
        )

    def total(self, *names: str) -> ndarray:
        """Sum over the records of each group of a column, or of the product of two."""
        key = tuple(sorted(names))
        if key not in self._known:
            self._known[key] = self._total(key)
        return self._known[key]

    def _total(self, names: tuple[str, ...]) -> ndarray:
        if self._alike is not None and LOSS not in names:
            counts, values = self._alike
            found: ndarray = counts @ np.prod([values[name] for name in names], axis=0)
            return found
        left = [name for name in names if name == LOSS or not self._is_one(name)]
        if len(left) < len(names):
            return self.total(*left) if left else self.groups.sizes.astype(np.float64)
        columns = [self.columns[name] for name in names]
        return self.groups.total(columns[0] if len(columns) == 1 else columns[0] * columns[1])

    def _records(self, name: str) -> ndarray:
        """How many records of each group have any of a column."""
        if self._alike is not None:
            counts, values = self._alike
            found: ndarray = counts @ (values[name] > 0)
            return found
        return self.groups.total((self.columns[name] > 0) * 1.0)

    def _is_one(self, name: str) -> bool:
        """Whether a column is 1 in every record, as units often are."""
        column = self.columns[name]
        return bool(column.min(initial=1) == 1 == column.max(initial=1))

    @cached_property
    def _alike(self) -> tuple[ndarray, dict[str, ndarray]] | None:
        """Records with the same counts, counted together: how many kinds of them are in each group, and their counts.

        None where there are too many kinds.
        """
        counted = {name: column for name, column in self.columns.items() if name != LOSS}
        found = number_alike(list(counted.values()), CELLS // len(self.groups.names))
        if found is None:
            return None
        return self.groups.count(*found), {name: one_of_each(column, *found) for name, column in counted.items()}


def columns_of(outcomes: Outcomes, names: Collection[str] = COUNTED) -> dict[str, ndarray]:
    """Counts by record, each float64 of shape (record,).

    Args:
        outcomes: What became of the units of the records.
        names: Which of `COUNTED` are wanted.
    """
    columns = {"units": outcomes.units, "right": outcomes.right}
    if {*names} - {*columns}:
        hit, made_up, missed = (outcomes.outcome(outcome) for outcome in (HIT, MADE_UP, MISSED))
        columns |= {"hit": hit, "said": hit + made_up, "held": hit + missed, "either": hit + made_up + missed}
    return {name: column for name, column in columns.items() if name in names}


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
    """The main metric over all judged units, without an interval; None where gold has nothing that it counts.

    So whether there is a value depends on gold alone, and values of two models can be set side by side.
    """
    metric = METRICS[judged.kind][0]
    columns = columns_of(outcomes_of(judged))
    top, bottom = float(columns[metric.top].sum()), float(columns[metric.bottom].sum())
    if not bottom or (metric.form == "f1" and not columns["held"].any()):
        return None
    return 2 * top / (top + bottom) if metric.form == "f1" else top / bottom


def _macro_f1(sums: Sums) -> Figures:
    """Mean F1 of the labels that are true or predicted anywhere in the group."""
    items = sums.outcomes.items
    counts, square = sums.groups.total_influence(items, _worth)
    hit, either, f1, n_labels = _by_label(counts)
    value = divide(f1.sum(axis=1), n_labels)
    some = np.diff(items.first) > 0
    records = sums.groups.total(some * 1.0) if not some.all() else sums.groups.sizes.astype(np.float64)
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
        # The bins of one record may err together: how much, the sum over all of them tells.
        gap, square = groups.total_squares(calibration.gap)
        together = groups.total(calibration.gap.sum(axis=1, dtype=np.float64) ** 2)
    else:
        gap, square = groups.total_squares_by(calibration.bin, calibration.gap, BINS)
        together = square.sum(axis=1)
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
