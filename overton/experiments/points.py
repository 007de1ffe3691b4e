"""Points: what was measured of one size, seed and arm; those measured before are not measured again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from overton.base import Event, Observe, ignore
from overton.evaluate import Row

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Job:
    """One point to be measured.

    Attributes:
        arm: Which of the programs that are compared: a word for a person.
        size: The amount of supervision, as a multiple of what is called 1.
        seed: Decides which records are drawn, and everything random in training.
        key: Digest of all that decides what will be measured.
    """

    arm: str
    size: int
    seed: int
    key: str


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured.

    Attributes:
        records: Number of training records.
        labels: Number of labels on them, those of `gold` left out, by name of task.
        rows: The main metric of each task on the whole of test.
        seconds: How long it took.
    """

    records: int
    labels: Mapping[str, int]
    rows: tuple[Row, ...]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """The JSON value that is kept of a point."""
        return {"format": FORMAT, **asdict(self)}


@dataclass(frozen=True, slots=True)
class Point:
    """A job, and what it measured."""

    job: Job
    measured: Measured

    def to_json(self) -> dict[str, Any]:
        """The JSON value of a point in the document of an experiment."""
        return asdict(self.job) | asdict(self.measured)


def parse_measured(value: Any) -> Measured | None:
    """What was kept of a point; None where it is of another format, or damaged: then it is measured again."""
    if not isinstance(value, Mapping) or value.get("format") != FORMAT:
        return None
    try:
        return msgspec.convert(value, Measured)
    except msgspec.ValidationError:
        return None


def measure_all(
    jobs: Sequence[Job],
    measure: Callable[[Job], Measured],
    *,
    load: Callable[[str], Measured | None],
    save: Callable[[str, Measured], None],
    observe: Observe = ignore,
) -> tuple[Point, ...]:
    """Measure every point that was not measured before, and keep it as soon as it is there.

    Args:
        jobs: The points, in the order in which they are measured.
        measure: Measures one.
        load: Gives what was kept under a key; None where there is nothing.
        save: Keeps what was measured.
        observe: Told of every point.
    """
    points = []
    for number, job in enumerate(jobs, 1):
        found = load(job.key)
        known = found is not None
        if found is None:
            found = measure(job)
            save(job.key, found)
        points.append(Point(job, found))
        told = ", ".join(f"{row.task} {row.value:.3f}" for row in found.rows if row.value is not None)
        when = "measured before" if known else f"{found.seconds:.0f} s"
        message = f"{number}/{len(jobs)}: {describe(job)}, {found.records:,} records: {told} ({when})"
        observe(Event("experiment", message, done=number, total=len(jobs)))
    return tuple(points)


def describe(job: Job) -> str:
    """A point in words."""
    return f"{job.size}x, seed {job.seed}" + (f", {job.arm}" if job.arm else "")
