"""The three experiments on an application: what is asked for is checked, points are measured or found, and told.

    >>> import overton
    >>> from overton.experiments import run_scaling
    >>> curves = run_scaling(overton.load("myapp"), sizes=(1, 4, 16), seeds=3)      # doctest: +SKIP

This is the outer module of the room: it knows the application, the disk and the clock, the others know values.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from overton import __version__
from overton.artifact import LARGE
from overton.base import Event, Observe, OvertonError, digest_json, ignore
from overton.combining import combine_all
from overton.compile import Tuning
from overton.data import GOLD, Dataset
from overton.data.files import DatasetHandle
from overton.engine import LOCAL, Work, engine_of
from overton.experiments.asked import (
    check_comparable,
    check_sources,
    judged_tasks,
    known_tasks,
    pretrained_arms,
    tasks_of,
)
from overton.experiments.baseline import Baseline, compare_all
from overton.experiments.curves import WITH, Curves, figures_of, payoff, sizes_of
from overton.experiments.files import digest_pretrained, point_store
from overton.experiments.measure import check_labelled, measure, steps_alone
from overton.experiments.points import FORMAT, Job, Measured, Point, describe, measure_all
from overton.experiments.subsample import check_sizes, draws_of
from overton.pipeline import plan, predict_rows
from overton.pretrained.files import check_pretrained

if TYPE_CHECKING:
    from overton.application import Application
    from overton.version import Version

SIZES = (1, 2, 4, 8, 16, 32)
SEEDS = 3


def run_scaling(
    application: Application,
    *,
    sizes: Sequence[int] = SIZES,
    seeds: int = SEEDS,
    tasks: Sequence[str] = (),
    max_bad: int = 0,
    on: str = LOCAL,
    observe: Observe = ignore,
) -> Curves:
    """Quality against the amount of weak supervision (Ré et al. 2019, arXiv:1909.05372, figure 4a).

    Args:
        application: The application.
        sizes: The amounts, as multiples of the smallest; the greatest stands for all training records.
        seeds: How many seeds each is measured with; a seed draws the records and trains.
        tasks: The tasks to tell of; all that have gold on test where none is named.
        max_bad: Go on without the lines that have faults where there are at most so many.
        on: Where points are measured, as in `overton build`; the outcome is the same everywhere.
        observe: Told of the progress.

    Raises:
        OvertonError: Where a task is unknown or has no gold on test, or no curve can be drawn through the sizes.
    """
    dataset = application.dataset(max_bad=max_bad, observe=observe)
    names, notes = judged_tasks(application, dataset, tasks)
    check_sizes(sizes, seeds, len(dataset.splits.train))
    arms = {"": application.tuning.of_model(LARGE)}
    points = measure_arms(application, dataset, arms, sizes, seeds, on=on, observe=observe)
    return curves("scaling", dataset, arms, points, names, named=bool(tasks), notes=notes)


def run_pretrained(
    application: Application,
    *,
    embedding: str,
    payload: str | None = None,
    sizes: Sequence[int] = SIZES,
    seeds: int = SEEDS,
    tasks: Sequence[str] = (),
    max_bad: int = 0,
    on: str = LOCAL,
    observe: Observe = ignore,
) -> Curves:
    """The same curve with and without something pretrained (figure 4b of the paper).

    Args:
        application: The application.
        embedding: What is pretrained, as in the tuning: `hf:NAME_OR_FOLDER` or `vectors:FILE`.
        payload: The payload that it embeds; the first sequence or text where None.
        sizes: See `run_scaling`.
        seeds: Likewise.
        tasks: Likewise.
        max_bad: Likewise.
        on: Likewise.
        observe: Told of the progress.

    Raises:
        OvertonError: Also where there is no such payload, or what is pretrained cannot be found or does not fit it.
    """
    chosen, arms = pretrained_arms(application.schema, application.tuning.of_model(LARGE), embedding, payload)
    missing = check_pretrained(arms[WITH], application.directory)
    if missing:  # it was named here, whatever stands in the tuning file
        raise OvertonError(replace(problem, path="", line=0, field="") for problem in missing)
    dataset = application.dataset(max_bad=max_bad, observe=observe)
    names, notes = judged_tasks(application, dataset, tasks)
    check_sizes(sizes, seeds, len(dataset.splits.train))
    points = measure_arms(application, dataset, arms, sizes, seeds, on=on, observe=observe)
    found = curves("pretrained", dataset, arms, points, names, named=bool(tasks), notes=notes)
    payoffs = {name: payoff(found.find(name, "difference")) for name in names}
    given = {"payload": chosen, "embedding": embedding}
    return replace(found, payoffs=payoffs, facts={**found.facts, "pretrained": given})


def run_baseline(
    application: Application,
    *,
    source: str,
    tasks: Sequence[str] = (),
    version: Version | None = None,
    curated: Sequence[str] = (),
    seed: int = 0,
    max_bad: int = 0,
    observe: Observe = ignore,
) -> Baseline:
    """Errors of a version beside those of a former system, which is a source of the data (figure 3 of the paper).

    Args:
        application: The application.
        source: The source that holds the former system's predictions.
        tasks: The tasks to tell of; all on which they can be compared where none is named.
        version: The version; the newest in the store where None, or one that is built where there is none.
        curated: Sources that count as curated beside `gold`, where the share of weak supervision is told.
        seed: Seed of the intervals, and of the build where there is one.
        max_bad: Go on without the lines that have faults where there are at most so many.
        observe: Told of the progress.

    Raises:
        OvertonError: Where a task or source is unknown, or there is nothing to compare.
    """
    wanted = known_tasks(application, tasks)
    dataset = application.dataset(max_bad=max_bad, observe=observe)
    check_sources(dataset, source, curated)
    curated = tuple(name for name in dict.fromkeys(curated) if name != GOLD)  # which is curated whoever says so
    check_comparable(dataset, source, wanted, named=bool(tasks))
    version = version or _newest(application, seed=seed, max_bad=max_bad, observe=observe)
    names = tasks_of(version.artifact.schema, dataset, wanted, named=bool(tasks))
    check_comparable(dataset, source, names, named=bool(tasks))
    predictions = predict_rows(dataset, version.runtime, dataset.splits.test, observe=observe)
    lineage = version.artifact.json("lineage.json")
    others = lineage.get("data", {}).get("digest") != dataset.digest
    note = f"version {version.id} was built on other data than the application has now"
    return Baseline(
        source=source,
        version=version.id,
        curated=curated,
        seed=seed,
        facts=facts_of(dataset),
        comparisons=compare_all(dataset, source, predictions, names, curated=curated, seed=seed),
        notes=(*dataset.notes, *([note] if others else [])),
    )


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that measuring a point needs beside its job: what travels to the workers.

    Attributes:
        records: Where the records are.
        arms: The programs that are compared, by the word for a person.
        sizes: The amounts of supervision.
        folder: The application's, where what is pretrained is looked for.
        kept: Folder of the points that were measured.
    """

    records: DatasetHandle
    arms: Mapping[str, Tuning]
    sizes: tuple[int, ...]
    folder: Path
    kept: Path


def measure_arms(
    application: Application,
    dataset: Dataset,
    arms: Mapping[str, Tuning],
    sizes: Sequence[int],
    seeds: int,
    *,
    on: str,
    observe: Observe = ignore,
) -> tuple[Point, ...]:
    """Every size with every seed and every arm, small sizes first; those measured before are read.

    Raises:
        OvertonError: Where some seed draws no record with a label for the smallest size.
    """
    digests = {
        arm: [
            (choices := tuning.choices(dataset.schema)).to_json(),
            digest_pretrained(choices, application.directory),
            asdict(tuning.supervision),
        ]
        for arm, tuning in arms.items()
    }
    drawn = draws_of(dataset, sizes)
    for seed in range(seeds):
        check_labelled(drawn(sizes[0], seed), seed)
    jobs = [
        Job(arm, size, seed, digest_json([FORMAT, __version__, records, digests[arm], seed]))
        for size in sizes
        for seed in range(seeds)
        for records in [drawn(size, seed).digest]
        for arm in arms
    ]
    handle = DatasetHandle.of(dataset, application.home / "rows")
    recipe = Recipe(handle, arms, tuple(sizes), application.directory, application.home / "experiments" / "points")
    load, _ = point_store(recipe.kept)
    return measure_all(jobs, partial(measurer, recipe), load=load, engine=engine_of(on), observe=observe)


def measurer(recipe: Recipe) -> Work[Job, Measured]:
    """The function that measures a point and keeps it; the records are opened once for all points of a worker.

    Raises:
        OvertonError: Where the data files are no longer those that the experiment began with.
    """
    dataset = recipe.records.open()
    drawn = draws_of(dataset, recipe.sizes)
    texts = cache(dataset.texts)  # of all records: a small draw may have none that is pretrained
    _, save = point_store(recipe.kept)

    def measured(job: Job, observe: Observe) -> Measured:
        start, part = time.perf_counter(), drawn(job.size, job.seed)
        tuning, quiet = recipe.arms[job.arm], steps_alone(describe(job), observe)
        combined = combine_all(part, supervision=tuning.supervision, observe=quiet)
        planned = plan(part, tuning, recipe.folder, combined=combined, texts=texts, observe=quiet)
        labels, rows = measure(part, planned, combined, seed=job.seed, observe=quiet)
        found = Measured(len(part.splits.train), labels, rows, round(time.perf_counter() - start, 1))
        save(job.key, found)
        return found

    return measured


def curves(
    kind: str,
    dataset: Dataset,
    arms: Mapping[str, Tuning],
    points: tuple[Point, ...],
    tasks: Sequence[str],
    *,
    named: bool,
    notes: Sequence[str],
) -> Curves:
    """The outcome of an experiment that measures points."""
    choices = {arm or "choices": tuning.choices(dataset.schema).to_json() for arm, tuning in arms.items()}
    return Curves(
        kind=kind,
        facts={**facts_of(dataset), "choices": choices},
        shown=tuple(tasks) if named else one_of_each_type(dataset, tasks),
        units={row.task: row.n for row in points[0].measured.rows if row.task in tasks},
        sizes=sizes_of(points),
        figures=figures_of(points, tasks),
        points=points,
        notes=(*dataset.notes, *notes),
    )


def facts_of(dataset: Dataset) -> dict[str, Any]:
    """What an experiment was measured on."""
    return {
        "overton": __version__,
        "data": {"digest": dataset.digest, "files": dict(dataset.files), "records": dataset.n_records},
        "splits": dataset.splits.sizes(),
    }


def one_of_each_type(dataset: Dataset, tasks: Sequence[str]) -> tuple[str, ...]:
    """The first task on a singleton, on a sequence and on a set, as far as there are such."""
    first: dict[str, str] = {}
    for name in tasks:
        first.setdefault(dataset.schema.payload(dataset.schema.task(name).payload).type, name)
    return tuple(first[kind] for kind in ("singleton", "sequence", "set") if kind in first)


def _newest(application: Application, *, seed: int, max_bad: int, observe: Observe) -> Version:
    if application.version_rows():
        return application.version()
    observe(Event("experiment", "there is no version yet: one is built"))
    return application.build(seed=seed, max_bad=max_bad, observe=observe)
