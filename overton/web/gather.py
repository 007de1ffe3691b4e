"""A version, or two, to a page: everything that a page says is read or computed here, once."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray

from overton.application import LIVE, Application, load
from overton.base import Event, Observe, OvertonError, ignore, now
from overton.codec import Predictions, label_json
from overton.combining import combine_votes
from overton.comparing import latency_of
from overton.compile import SupervisionSettings
from overton.compile.tuning import DEFAULT_SUPERVISION
from overton.data import Dataset, Splits, data_warnings, tag_mask
from overton.evaluate import Comparison, Report
from overton.evaluation import Evaluation, data_since
from overton.naming import store_words
from overton.pipeline import Predicted, predict_rows
from overton.review import find_errors
from overton.review.files import load_records
from overton.schema import unlinked_payloads
from overton.supervision import Combined
from overton.version import Version
from overton.web.pages import (
    Checks,
    ComparisonPage,
    Example,
    ReportPage,
    SourceLine,
    TaskPage,
    Verdict,
    checks_of,
    comparison_page,
    example_of,
    learned_lines,
    lineage_page,
    matrix_of,
    read_label,
    source_lines,
    split_of,
    task_page,
    trials_of,
)
from overton.web.stored import aliases_of, verdict_alone, version_history

EXAMPLES = 24  # of all tasks together
LEAST_EXAMPLES, MOST_EXAMPLES = 4, 8  # of one
STALE = "The data files have changed since the build: figures are of the build, examples of today's files."
FLIPS = 3  # of a row that got worse


@dataclass(frozen=True)
class Records:
    """The records that examples are taken from, and which of them count where.

    Attributes:
        dataset: The records.
        splits: The splits.
        supervision: What is said of the sources of labels.
        predict: What tells the predictions of some records, where they may be known; the model where None.
        combine: What tells the combined votes of a task, likewise; they are combined where None.
        compare: What tells the comparison with the version of an id, likewise; it is made where None.
    """

    dataset: Dataset
    splits: Splits
    supervision: SupervisionSettings
    predict: Callable[[ndarray], Mapping[str, Predictions]] | None = None
    combine: Callable[[str], Combined] | None = None
    compare: Callable[[str], Comparison] | None = None


def report_page(
    version: Version,
    *,
    data: Path | None = None,
    tag: str = "",
    evaluation: Evaluation | None = None,
    records: Records | None = None,
    predicted: Predicted | None = None,
    made: str = "",
    observe: Observe = ignore,
) -> ReportPage:
    """The page about a version.

    Args:
        version: The version.
        data: A data file or folder to evaluate on, in place of the records of its build.
        tag: The only tag to tell of; empty for all.
        evaluation: Its evaluation on these records; made, or taken from its build, where None.
        records: These records, where they are known; read where None.
        predicted: What was predicted for the evaluation, which errors and the comparison rest on, too.
        made: The time to put on the page, as ISO 8601 text; now where empty.
        observe: Told of the progress.

    Raises:
        OvertonError: Where the data has faults, or no record has the tag.
    """
    predicted = predicted or Predicted()
    if evaluation is None:
        evaluation = version.evaluate(data, predicted=predicted, observe=observe) if data else version.evaluation()
    made = made or now()
    application = application_of(version)
    report = evaluation.report.of_tag(tag) if tag else evaluation.report
    records, problems = (records, None) if records else records_of(version, data, predicted, observe=observe)
    verdict, compared = _against_live(version, data, records, predicted=predicted, made=made, observe=observe)
    stale = bool(not data and data_since(version.home, version.artifact))
    return ReportPage(
        application=application_name(version),
        version=version.label,
        aliases=aliases_of(version),
        created=version.artifact.created,
        made=made,
        data=str(data) if data else "",
        tag=tag,
        verdict=verdict,
        comparison=compared,
        matrix=matrix_of(report),
        tasks=task_pages(version, report, records, data=data, tag=tag, observe=observe),
        sources=_sources(version, application, records, observe),
        checks=_checks(version, records, problems, stale) if application else None,
        history=version_history(version, observe=observe) if version.store else None,
        lineage=lineage_page(
            version.label,
            version.artifact.json("lineage.json"),
            created=version.artifact.created,
            sizes={name: len(content) for name, content in version.artifact.files.items()},
            latency=(compared and compared.comparison.latency) or latency_of(version.artifact),
        ),
        trials=trials_of(study) if (study := version.study()) else None,
        notes=(*report.notes, *([STALE] if stale else [])),
    )


def compare_page(
    old: Version,
    new: Version,
    *,
    data: Path | None = None,
    comparison: Comparison | None = None,
    made: str = "",
    observe: Observe = ignore,
) -> ComparisonPage:
    """The page about two versions.

    Args:
        old: The version that is there.
        new: The version that is to take its place.
        data: A data file or folder; the test records of the application of the new one where None.
        comparison: Their comparison on these records; made where None.
        made: The time to put on the page, as ISO 8601 text; now where empty.
        observe: Told of the progress.
    """
    comparison = comparison or new.compare(old, data, observe=observe)
    records, _ = records_of(new, data, observe=observe)
    named = [alias for alias, version in (old.store.aliases() if old.store else {}).items() if version == old.id]
    return comparison_page(
        comparison,
        application=application_name(new),
        old_name=LIVE if LIVE in named else next(iter(sorted(named)), ""),
        examples=flip_examples(comparison, records.dataset) if records else {},
        made=made or now(),
    )


def application_of(version: Version) -> Application | None:
    """The application that a version lies in; None where there is none."""
    if version.home is None or not (version.home.parent / "schema.json").is_file():
        return None
    return load(version.home.parent, store=version.store)


def application_name(version: Version) -> str:
    """What the application of a version is called: its folder; empty where there is none."""
    return version.home.parent.resolve().name if version.home else ""


def records_of(
    version: Version, data: Path | None, predicted: Predicted | None = None, *, observe: Observe = ignore
) -> tuple[Records | None, OvertonError | None]:
    """The records to take examples from; None, and why, where they cannot be read."""
    recall = predicted or Predicted()
    try:
        if data is None:
            read = partial(load_records, version.artifact, version.home, max_bad=version.max_bad)
            dataset, supervision = read(observe=observe)
            splits = dataset.splits
        else:
            (dataset, splits), supervision = version.records(data, observe=observe), DEFAULT_SUPERVISION
    except OvertonError as error:
        return None, error

    def predict(rows: ndarray) -> Mapping[str, Predictions]:
        return recall(
            version.label, dataset, rows, lambda: predict_rows(dataset, version.runtime, rows, observe=observe)
        )

    weigh = cache(partial(combine_votes, dataset, supervision=supervision))  # once, for errors and for sources
    return Records(dataset, splits, supervision, predict, weigh if data is None else None), None


def task_pages(
    version: Version,
    report: Report,
    records: Records | None,
    *,
    data: Path | None = None,
    tag: str = "",
    observe: Observe = ignore,
) -> tuple[TaskPage, ...]:
    """The tasks of a version, with the surest errors of each where there are records.

    Args:
        version: The version.
        report: Its report.
        records: The records to take errors from; None for none.
        data: The data file or folder that they are of; None for those of the application.
        tag: Only records that bear it.
        observe: Told of the progress.
    """
    pages: dict[str, TaskPage] = {}
    schema = version.artifact.schema
    known = {task.name: f"{task.type} on {task.payload}" for task in schema.tasks}
    by_split: dict[str, list[str]] = {}
    for task in report.main_metric:
        by_split.setdefault(split_of(report, task), []).append(task)
    for split, tasks in by_split.items():
        found = _errors(version, records, tasks, split, tag=tag, observe=observe) if records else {}
        for task in tasks:
            errors, examples = found.get(task, (None, ()))
            command = _errors_command(version, task, split, tag, data) if errors and application_name(version) else ""
            pages[task] = task_page(
                report, task, kind=known.get(task, ""), errors=errors, examples=examples, command=command
            )
    return tuple(pages[task] for task in report.main_metric)


def flip_examples(comparison: Comparison, dataset: Dataset) -> dict[tuple[str, str], tuple[Example, ...]]:
    """Records that got worse as a person reads them, by task and tag."""
    by_key: dict[tuple[str, str], list[Any]] = {}
    for flip in comparison.compared.examples:
        by_key.setdefault((flip.task, flip.tag), []).append(flip)
    flips = [flip for found in by_key.values() for flip in found[:FLIPS]]
    place_of = dataset.rows_of({flip.id for flip in flips})
    schema, tags = dataset.schema, dataset.tags
    found: dict[tuple[str, str], list[Example]] = {}
    for flip in flips:
        row = place_of.get(flip.id)
        task = next((task for task in schema.tasks if task.name == flip.task), None)
        if row is None or task is None:
            continue
        listed = task.type == "bitvector" or schema.unit(task) != "record"
        kind = {"listed": listed, "member": task.type == "select"}
        said, gold, before = (read_label(text, **kind) for text in (flip.new, flip.gold, flip.old))
        own = tags.tag[tags.first[row] : tags.first[row + 1]]
        found.setdefault((flip.task, flip.tag), []).append(
            example_of(
                schema,
                flip.task,
                flip.id,
                dataset.payloads(np.array([row]))[0],
                tags=[tags.names[tag] for tag in own],
                said=said,
                gold=gold,
                before=before,
            )
        )
    return {key: tuple(examples) for key, examples in found.items()}


def _against_live(
    version: Version,
    data: Path | None,
    records: Records | None,
    *,
    predicted: Predicted,
    made: str,
    observe: Observe,
) -> tuple[Verdict, ComparisonPage | None]:
    """What to make of a version beside the live one, a model beside its namesake, and the page of that comparison."""
    alone = verdict_alone(version)
    if alone or version.store is None:
        return alone or Verdict("alone", ""), None
    live = version.store.aliases()[LIVE]
    try:
        if records and records.compare:
            comparison = records.compare(live)
        else:
            old = Version(live, version.store.get(live), version.home, version.store).with_model(version.model)
            comparison = version.compare(old, data, predicted=predicted, observe=observe)
    except OvertonError as error:
        return Verdict("unknown", f"Could not be compared with {LIVE} ({live}): {error.problems[0].message}."), None
    examples = flip_examples(comparison, records.dataset) if records else {}
    page = comparison_page(
        comparison, application=application_name(version), old_name=LIVE, examples=examples, made=made
    )
    return page.verdict, page


def _errors(
    version: Version, records: Records, tasks: Sequence[str], split: str, *, tag: str, observe: Observe
) -> dict[str, tuple[Any, tuple[Example, ...]]]:
    """The errors of some tasks on one split, and as a person reads them, by task."""
    dataset, rows = records.dataset, getattr(records.splits, split)
    if tag:
        rows = rows[tag_mask(tag, dataset.tags)[rows]]
    if not len(rows):
        return {}
    predict = records.predict or partial(predict_rows, dataset, version.runtime, observe=observe)
    combine = records.combine or partial(combine_votes, dataset, supervision=records.supervision)
    predictions = predict(rows)
    place_of = {name: place for place, name in enumerate(dataset.ids(rows))}
    schema = dataset.schema
    limit = min(max(EXAMPLES // len(predictions), LEAST_EXAMPLES), MOST_EXAMPLES)
    found = {}
    for task in tasks:
        if task not in predictions:
            continue
        said = predictions[task]
        page = find_errors(
            dataset,
            rows,
            said,
            combine(task),
            version=version.label,
            split=split,
            tags=[tag] if tag else [],
            limit=limit,
        )
        unit = schema.unit(schema.task(task))
        examples = [
            example_of(
                schema,
                task,
                record.id,
                record.payloads,
                tags=record.tags,
                said=label_json(said, place_of[record.id], unit),
                gold=record.units[0].gold if schema.task(task).type == "select" else None,
                errors=record.units,
            )
            for record in page.records
        ]
        found[task] = (page, tuple(examples))
    return found


def _errors_command(version: Version, task: str, split: str, tag: str, data: Path | None) -> str:
    """The command that shows more errors, as a shell takes it."""
    words = ["overton", "errors", f"{version.home.parent if version.home else ''}@{version.label}", "--task", task]
    words += [] if split == "test" else ["--split", split]
    words += ["--tag", tag] if tag else []
    words += ["--data", str(data)] if data else []
    words += store_words(version.store.url, version.home.parent) if version.store and version.home else []
    return shlex.join(words)


def _sources(
    version: Version, application: Application | None, records: Records | None, observe: Observe
) -> tuple[SourceLine, ...]:
    """What sources are worth: of the records where there are any, else what the version learned of them."""
    if application is not None:
        try:
            own, combined = application.dataset(max_bad=version.max_bad, observe=observe), None
            same = records is not None and records.dataset.digest == own.digest and records.dataset.schema == own.schema
            if records and records.combine and same:
                combined = {name: records.combine(name) for name in application.task_names()}
            report = partial(application.source_report, tags=(), combined=combined, max_bad=version.max_bad)
            return source_lines(report(observe=observe))
        except OvertonError as error:
            observe(Event("report", f"the sources cannot be looked at: {error.problems[0].message}"))
    return learned_lines(version.artifact.json("lineage.json").get("sources", {}))


def _checks(version: Version, records: Records | None, problems: OvertonError | None, stale: bool) -> Checks:
    if records is None:
        return checks_of(records=None, splits={}, problems=problems.problems if problems else ())
    dataset, splits = records.dataset, records.splits
    return checks_of(
        records=dataset.n_records,
        splits=splits.sizes(),
        warnings=(*unlinked_payloads(version.artifact.schema), *data_warnings(dataset, records.supervision.trusted)),
        notes=dataset.notes,
        stale=stale,
    )
