"""Points to curves: quality by size over several seeds, beside 1x, and with beside without what is pretrained.

Seeds are paired: what is set against another is measured with the same seed on the same drawn records, and the mean
is taken of the differences or ratios.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from overton.base.shares import student
from overton.experiments.points import Point

FORMAT = 1
WITHOUT, WITH = "without", "with"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a task at a size, over all seeds.

    Attributes:
        task: Name of the task.
        metric: The metric that it is judged by.
        arm: Which program; empty where there is but one.
        size: The amount of supervision.
        figure: `value` is the metric itself; `relative` the metric over that of the smallest size; `ratio` and
            `difference` set the program with what is pretrained against the one without.
        value: Mean over the seeds.
        least: The least of the seeds.
        most: The greatest.
        low: Lower end of the 95 % interval of the mean, by Student's t; None of a single seed.
        high: Upper end.
        seeds: Number of seeds.
    """

    task: str
    metric: str
    arm: str
    size: int
    figure: str
    value: float
    least: float
    most: float
    low: float | None
    high: float | None
    seeds: int


@dataclass(frozen=True, slots=True)
class Size:
    """An amount of supervision: its share of the training records, how many they are, and their labels by task."""

    size: int
    share: float
    records: int
    labels: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Curves:
    """The outcome of `scaling` and of `pretrained`.

    Attributes:
        kind: Which of the two.
        facts: What it was measured on: data, splits, choices, release.
        shown: The tasks that are drawn.
        units: Number of units of test that each task is judged on.
        sizes: The amounts.
        figures: The figures.
        points: What they are made of.
        payoffs: Of `pretrained`: what the curve of each task says.
        notes: What a reader should know.
    """

    kind: str
    facts: Mapping[str, Any]
    shown: tuple[str, ...]
    units: Mapping[str, int]
    sizes: tuple[Size, ...]
    figures: tuple[Figure, ...]
    points: tuple[Point, ...]
    payoffs: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def find(self, task: str, figure: str, arm: str = "") -> tuple[Figure, ...]:
        """One curve, by size."""
        return tuple(row for row in self.figures if (row.task, row.figure, row.arm) == (task, figure, arm))

    def metric(self, task: str) -> str:
        """Name of the metric that a task is judged by."""
        return next(row.metric for row in self.figures if row.task == task)

    def to_json(self) -> dict[str, Any]:
        """The JSON value that is written."""
        return {
            "format": FORMAT,
            "kind": self.kind,
            **self.facts,
            "shown": list(self.shown),
            "units": dict(self.units),
            "sizes": [asdict(size) for size in self.sizes],
            "rows": [asdict(row) for row in self.figures],
            "payoffs": dict(self.payoffs),
            "points": [point.to_json() for point in self.points],
            "notes": list(self.notes),
        }


def sizes_of(points: Sequence[Point]) -> tuple[Size, ...]:
    """The amounts of supervision that were measured; labels are the mean over the seeds."""
    most = max(point.measured.records for point in points)
    found = []
    for size in sorted({point.job.size for point in points}):
        here = [point.measured for point in points if point.job.size == size]
        labels = {task: float(np.mean([one.labels[task] for one in here])) for task in here[0].labels}
        found.append(Size(size, here[0].records / most, here[0].records, labels))
    return tuple(found)


def figures_of(points: Sequence[Point], tasks: Sequence[str]) -> tuple[Figure, ...]:
    """The figures of some tasks: by task, by arm, by size; then those that set one arm against the other."""
    arms = list(dict.fromkeys(point.job.arm for point in points))
    figures: list[Figure] = []
    for task in tasks:
        metric = next(row.metric for row in points[0].measured.rows if row.task == task)
        by_arm = {arm: _values(points, task, arm) for arm in arms}
        for arm, values in by_arm.items():
            base = values[min(values)]
            for size, found in values.items():
                ratios = {seed: found[seed] / base[seed] for seed in found if base[seed]}
                figures += _summary((task, metric, arm, size, "value"), found)
                figures += _summary((task, metric, arm, size, "relative"), ratios)
        if WITH in by_arm:
            for size, found in by_arm[WITH].items():
                other = by_arm[WITHOUT][size]
                ratios = {seed: found[seed] / other[seed] for seed in found if other[seed]}
                differences = {seed: found[seed] - other[seed] for seed in found}
                figures += _summary((task, metric, "", size, "ratio"), ratios)
                figures += _summary((task, metric, "", size, "difference"), differences)
    return tuple(figures)


def summarize(values: Sequence[float]) -> tuple[float, float, float, float | None, float | None]:
    """Mean, least, greatest, and the 95 % interval of the mean by Student's t; no interval of a single value.

    Example:
        >>> summarize([0.5])
        (0.5, 0.5, 0.5, None, None)
        >>> [round(x, 3) for x in summarize([1.0, 2.0, 3.0])]
        [2.0, 1.0, 3.0, -0.484, 4.484]
    """
    n, mean = len(values), float(np.mean(values))
    if n == 1:
        return mean, mean, mean, None, None
    half = float(student(np.array(n - 1.0))) * float(np.std(values, ddof=1)) / n**0.5
    return mean, min(values), max(values), mean - half, mean + half


def payoff(differences: Sequence[Figure]) -> str:
    """What the differences of one task, by size, say of what is pretrained: from what size on it stops paying.

    It pays at a size where the whole 95 % interval of the mean difference between the paired seeds is above zero. That
    it does not is no proof that there is nothing to gain: few seeds leave wide intervals.
    """
    seeds, first, last = differences[0].seeds, differences[0], differences[-1]
    if last.low is None:
        return "one seed: whether a difference is more than noise cannot be told; take three or more"
    pays = [row.low is not None and row.low > 0 for row in differences]
    tail = next((place for place in range(len(pays)) if not any(pays[place:])), None)
    if tail is None:
        where = "at every size" if all(pays) else f"at {last.size}x, and not at {_missing(differences, pays)}"
        return f"pays {where}; at {last.size}x the gain is {_told(last)}"
    worse = [f"{row.size}x" for row in differences if row.high is not None and row.high < 0]
    harm = f"; it is worse at {', '.join(worse)}" if worse else ""
    since = differences[tail]
    if since is first:
        return f"no gain beyond the noise of {seeds} seeds at any size; at {last.size}x it is {_told(last)}{harm}"
    return f"no gain beyond the noise of {seeds} seeds from {since.size}x on, where it is {_told(since)}{harm}"


def _missing(differences: Sequence[Figure], pays: Sequence[bool]) -> str:
    return ", ".join(f"{row.size}x" for row, paid in zip(differences, pays, strict=True) if not paid)


def _told(row: Figure) -> str:
    return f"{row.value:+.4f} ({row.low:+.4f} .. {row.high:+.4f})"


def _values(points: Sequence[Point], task: str, arm: str) -> dict[int, dict[int, float]]:
    """The main metric of a task, by size and seed."""
    values: dict[int, dict[int, float]] = {}
    for point in points:
        if point.job.arm == arm:
            value = next(row.value for row in point.measured.rows if row.task == task)
            assert value is not None, "tasks without gold on test are left out before"
            values.setdefault(point.job.size, {})[point.job.seed] = value
    return dict(sorted(values.items()))


def _summary(key: tuple[str, str, str, int, str], by_seed: Mapping[int, float]) -> list[Figure]:
    """The figure over all seeds; none where nothing can be divided by."""
    values = [by_seed[seed] for seed in sorted(by_seed)]
    return [Figure(*key, *summarize(values), seeds=len(values))] if values else []
