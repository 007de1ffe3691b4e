"""Errors of a version beside those of a former system, whose predictions stand in the data as a source."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy import ndarray

from overton.codec import Predictions
from overton.data import GOLD, Dataset, Gold, gold_of
from overton.evaluate import judge, right_units

FORMAT = 1
SAMPLES = 2000
ZERO_OF_MANY = 3.69  # 97.5 % upper limit of the mean of a count of which none was seen: -ln 0.025
CELLS = 1 << 22  # weights of the bootstrap that are drawn at once


@dataclass(frozen=True, slots=True)
class Errors:
    """What is compared of one task: which units of which records each of the two got wrong.

    Attributes:
        record: Record of each unit that is compared, int64 of shape (unit,), numbered from 0.
        former: Whether the former system is wrong, bool of shape (unit,).
        ours: Whether the version is wrong, likewise.
        silent: Number of units with gold on which the former system says nothing; they are not compared.
    """

    record: ndarray
    former: ndarray
    ours: ndarray
    silent: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """The errors of one task.

    Attributes:
        task: Name of the task.
        n: Units of test that are compared: those with gold and a label of the former system.
        silent: Units of test with gold and without one; they are left out.
        former_errors: Units that the former system got wrong, altogether or in part.
        errors: Units that the version got wrong.
        fewer_percent: How many per cent fewer errors; below zero where there are more. None where the former system
            makes none.
        fewer_percent_low: Lower end of its 95 % interval.
        fewer_percent_high: Upper end.
        factor: Errors of the former system over those of the version; None where the version makes none.
        factor_low: Lower end of its 95 % interval.
        factor_high: Upper end; None where it has no bound.
        labels: Labels on training records.
        weak_share: The share of them that is neither gold nor of a curated source; None where there is no label.
    """

    task: str
    n: int
    silent: int
    former_errors: int
    errors: int
    fewer_percent: float | None
    fewer_percent_low: float | None
    fewer_percent_high: float | None
    factor: float | None
    factor_low: float | None
    factor_high: float | None
    labels: int
    weak_share: float | None


@dataclass(frozen=True, slots=True)
class Baseline:
    """The outcome of `baseline`.

    Attributes:
        source: The source that is the former system.
        version: Id of the version.
        curated: Sources that count as curated beside `gold`.
        seed: Seed of the intervals.
        facts: What it was measured on.
        comparisons: One a task.
        notes: What a reader should know.
    """

    source: str
    version: str
    curated: tuple[str, ...]
    seed: int
    facts: Mapping[str, Any]
    comparisons: tuple[Comparison, ...]
    notes: tuple[str, ...] = ()

    kind = "baseline"

    def to_json(self) -> dict[str, Any]:
        """The JSON value that is written."""
        return {
            "format": FORMAT,
            "kind": self.kind,
            **self.facts,
            "source": self.source,
            "version": self.version,
            "curated": list(self.curated),
            "seed": self.seed,
            "rows": [asdict(row) for row in self.comparisons],
            "notes": list(self.notes),
        }


def errors_of(gold: Gold, former: Gold, said: Predictions, rows: ndarray) -> Errors:
    """Which units each of the two got wrong.

    A unit is a record, a token or a member; one of bits is wrong where any bit is. A unit without a prediction of the
    version counts as wrong.

    Args:
        gold: What is true, over the whole data set.
        former: What the former system said, likewise.
        said: What the version says of some records.
        rows: Numbers of these records, int64, in the same order.
    """
    judged = judge(said, gold, np.arange(len(rows)), rows)
    right = np.zeros(int(said.offsets[-1]), np.bool_)
    right[judged.place] = right_units(judged)
    count = gold.offsets[rows + 1] - gold.offsets[rows]
    record = np.repeat(np.arange(len(rows)), count)
    unit = np.arange(len(record)) + np.repeat(gold.offsets[rows] - np.cumsum(count) + count, count)
    same = former.label[unit] == gold.label[unit]
    former_right = same.all(axis=1) if same.ndim > 1 else same
    known, compared = gold.known[unit], gold.known[unit] & former.known[unit]
    return Errors(record[compared], ~former_right[compared], ~right[compared], int(known.sum() - compared.sum()))


def compare(task: str, errors: Errors, *, labels: int, weak_share: float | None, seed: int = 0) -> Comparison:
    """The errors of one task as counts, and how many fewer they are.

    Args:
        task: Name of the task.
        errors: Who got what wrong, of one unit at least.
        labels: Labels on training records.
        weak_share: The share of them that is weak.
        seed: Seed of the bootstrap.
    """
    before, now = int(errors.former.sum()), int(errors.ours.sum())
    low, high = ratio_interval(errors, seed=seed)
    ratio = now / before if before else None
    return Comparison(
        task=task,
        n=len(errors.record),
        silent=errors.silent,
        former_errors=before,
        errors=now,
        fewer_percent=None if ratio is None else 100 * (1 - ratio),
        fewer_percent_low=None if high is None else 100 * (1 - high),
        fewer_percent_high=None if low is None else 100 * (1 - low),
        factor=before / now if now else None,
        factor_low=1 / high if high else None,
        factor_high=1 / low if low else None,
        labels=labels,
        weak_share=weak_share,
    )


def ratio_interval(errors: Errors, *, seed: int = 0, samples: int = SAMPLES) -> tuple[float | None, float | None]:
    """The 95 % interval of our errors over the former ones, both counted on the same records.

    Poisson bootstrap over records, since the units of a record resemble each other (Chamandy et al. 2012, "Estimating
    uncertainty for massive data streams"). Where we make no error nothing can be drawn from, so the upper end is that
    of a count of zero (Hanley & Lippman-Hand 1983, doi:10.1001/jama.1983.03330370053031).

    Returns:
        Two ends; None for an end without a bound, both where the former system makes no error.
    """
    before, now = int(errors.former.sum()), int(errors.ours.sum())
    if not before:
        return None, None
    if not now:
        return 0.0, ZERO_OF_MANY / before
    n_records = int(errors.record.max()) + 1
    counts = np.stack([np.bincount(errors.record, wrong, n_records) for wrong in (errors.former, errors.ours)], axis=1)
    counts = counts[counts.any(axis=1)]  # records without an error change neither sum
    random = np.random.default_rng(seed)
    at_once = max(CELLS // len(counts), 1)
    sizes = [min(at_once, samples - start) for start in range(0, samples, at_once)]
    sums = np.concatenate([random.poisson(1.0, (size, len(counts))) @ counts for size in sizes])
    ratios = np.full(len(sums), np.inf)
    np.divide(sums[:, 1], sums[:, 0], out=ratios, where=sums[:, 0] > 0)
    low, high = (float(end) for end in np.quantile(ratios, (0.025, 0.975), method="nearest"))
    return low, high if np.isfinite(high) else None


def weak_share(dataset: Dataset, task: str, curated: Collection[str] = ()) -> tuple[int, float | None]:
    """How many labels training records have, and the share of them that is neither gold nor of a curated source."""
    votes = dataset.votes(task)
    training = np.isin(np.arange(dataset.n_records), dataset.splits.train)
    counts = np.repeat(training, np.diff(votes.offsets))[votes.unit]
    weak = np.array([name != GOLD and name not in curated for name in votes.sources], np.bool_)
    labels = int(counts.sum())
    return labels, float(weak[votes.source[counts]].mean()) if labels else None


def compare_all(
    dataset: Dataset,
    source: str,
    predictions: Mapping[str, Predictions],
    tasks: Sequence[str],
    *,
    curated: Collection[str] = (),
    seed: int = 0,
) -> tuple[Comparison, ...]:
    """The errors of every task on which the former system labels test records that have gold.

    Args:
        dataset: The records.
        source: The former system.
        predictions: What the version says of the records of test, in their order, by name of task.
        tasks: The tasks to look at.
        curated: Sources that count as curated beside `gold`.
        seed: Seed of the intervals.
    """
    found = []
    for task in tasks:
        votes = dataset.votes(task, {GOLD, source})
        errors = errors_of(gold_of(votes), gold_of(votes, source), predictions[task], dataset.splits.test)
        if len(errors.record):
            labels, share = weak_share(dataset, task, curated)
            found.append(compare(task, errors, labels=labels, weak_share=share, seed=seed))
    return tuple(found)
