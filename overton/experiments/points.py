"""Points: what was measured of one size, seed and arm; those measured before are not measured again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from overton.base import Event, Observe, count_of, ignore
from overton.engine import Engine, Inline, Work
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
    make: Callable[[], Work[Job, Measured]],
    *,
    load: Callable[[str], Measured | None],
    engine: Engine | None = None,
    observe: Observe = ignore,
) -> tuple[Point, ...]:
    """Measure every point that was not measured before.

    Args:
        jobs: The points, in the order in which they are told.
        make: Makes the function that measures one and keeps it, once in each worker.
        load: Gives what was kept under a key; None where there is nothing.
        engine: Where points are measured; here where None.
        observe: Told of every point.
    """
    before: set[str] = set()

    def known(job: Job) -> Measured | None:
        found = load(job.key)
        if found is not None:
            before.add(job.key)
        return found

    points = []
    results = (engine or Inline()).run(make, jobs, known=known, observe=observe)
    for number, (job, found) in enumerate(zip(jobs, results, strict=True), 1):
        points.append(Point(job, found))
        told = ", ".join(f"{row.task} {row.value:.3f}" for row in found.rows if row.value is not None)
        when = "measured before" if job.key in before else f"{found.seconds:.0f} s"
        message = f"{number}/{len(jobs)}: {describe(job)}, {count_of(found.records, 'record')}: {told} ({when})"
        observe(Event("experiment", message, done=number, total=len(jobs)))
    return tuple(points)


def describe(job: Job) -> str:
    """A point in words."""
    return f"{job.size}x, seed {job.seed}" + (f", {job.arm}" if job.arm else "")
