"""The errors of a task on the records that a filter chooses, the surest first; and where an annotation would help."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from overton.base import OvertonError, Problem, did_you_mean, whole_number
from overton.data import SPLITS
from overton.review import ErrorPage, bear_all, review_errors
from overton.review.review import check_task
from overton.version import Version
from overton.web.dashboard import Dashboard, Fitted, Records
from overton.web.pages.examples import Example, example_of
from overton.web.pages.record import Known, TaskView, task_view
from overton.web.routing import Query, Shown

MOST = 500
SHOWN = 20
EVERY = ("", "*")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which errors are asked for.

    Attributes:
        version: Id of the version.
        task: Name of the task.
        tag: A tag or an expression over tags; empty for all records.
        split: `train`, `dev`, `test` or `all`.
        limit: Most records.
    """

    version: str
    task: str
    tag: str
    split: str
    limit: int = SHOWN

    def query(self, **other: Any) -> dict[str, Any]:
        """The filter as the query of an address, with other values for some of its parts."""
        return {name: value for name, value in {**asdict(self), **other}.items() if value != ""}


@dataclass(frozen=True, slots=True)
class Failure:
    """One record with errors, with what can be said of its units."""

    example: Example
    task: TaskView
    wrong: tuple[int, ...]
    probability: float


@dataclass(frozen=True, slots=True)
class Promise:
    """One training record whose annotation promises much."""

    example: Example
    task: TaskView
    unit: int
    promise: float
    doubt: str = ""  # of bits which one is most in doubt, and what is said of it


@dataclass(frozen=True, slots=True)
class ErrorsPage:
    """The page.

    Attributes:
        filter: What was asked for.
        tasks: Names of all tasks.
        tags: Tags to choose from.
        errors: What was found.
        failures: The records with errors.
        promises: Records of train to annotate.
        fresh: Whether the combined votes are those of now.
    """

    filter: Filter
    tasks: tuple[str, ...]
    tags: tuple[str, ...]
    errors: ErrorPage
    failures: tuple[Failure, ...]
    promises: tuple[Promise, ...]
    fresh: bool

    @property
    def most(self) -> int:
        """Most records that can be asked for."""
        return MOST

    @property
    def title(self) -> str:
        """What the page is called."""
        return f"Errors on {self.filter.task}{f' in {self.filter.tag}' if self.filter.tag else ''}"

    def to_json(self) -> dict[str, Any]:
        """The page as a JSON value: the document of `overton errors --json`, and what it was asked for."""
        return {"filter": asdict(self.filter), "fresh": self.fresh, **self.errors.to_json()}


def errors_view(dashboard: Dashboard, query: Query) -> Shown:
    """The page of errors."""
    version = dashboard.version(query.get("version", ""))
    asked = filter_of(version, query)
    return Shown("errors.html.j2", errors_page(dashboard, version, asked))


def errors_page(dashboard: Dashboard, version: Version, asked: Filter) -> ErrorsPage:
    """The value of the page."""
    records = dashboard.records(version)
    fitted = fitted_of(dashboard, records, asked.task, asked.tag)
    found = errors_of(dashboard, version, asked, fitted)
    known = replace(dashboard.known(records, asked.task), combined=fitted.combined)
    dataset = records.dataset
    promised = [one.id for one in found.annotate]
    rows = [dashboard.row(records, one) for one in [*(failure.id for failure in found.records), *promised]]
    views = _views(dashboard, version, records, known, rows)
    failures = tuple(
        Failure(
            example_of(dataset.schema, asked.task, one.id, one.payloads, tags=one.tags, errors=one.units),
            view,
            tuple(unit.unit for unit in one.units),
            one.probability,
        )
        for one, view in zip(found.records, views, strict=False)
    )
    payloads = dataset.payloads(np.array(rows[len(found.records) :], np.int64)) if promised else []
    promises = tuple(
        Promise(
            example_of(dataset.schema, asked.task, one.id, payload, about=one.unit),
            view,
            one.unit,
            one.promise,
            one.doubt,
        )
        for one, payload, view in zip(found.annotate, payloads, views[len(failures) :], strict=True)
    )
    tasks = tuple(task.name for task in version.runtime.schema.learnable().tasks)
    tags = tuple(name for name in dataset.tags.names if name not in SPLITS)
    return ErrorsPage(asked, tasks, tags, found, failures, promises, fitted.fresh)


def fitted_of(dashboard: Dashboard, records: Records, task: str, tag: str) -> Fitted:
    """The combined votes of a task, if from before the last edits; waits for them where there are none.

    It waits too where the edits changed of which records a tag, or expression over tags, holds.
    """
    fitted = dashboard.fitted(records, task)
    if fitted and (fitted.fresh or tag in EVERY or _holds_as_before(fitted.records, records, tag)):
        return fitted
    return Fitted(dashboard.combined(records, task), records, fresh=True)


def _holds_as_before(before: Records, records: Records, tag: str) -> bool:
    now = bear_all(records.dataset, [tag])
    try:
        return np.array_equal(bear_all(before.dataset, [tag]), now)
    except OvertonError:  # a tag that came with the edits
        return False


def errors_of(dashboard: Dashboard, version: Version, asked: Filter, fitted: Fitted) -> ErrorPage:
    """The errors that a filter chooses, by labels of the time at which the votes were combined."""
    records = fitted.records

    def find() -> ErrorPage:
        return review_errors(
            records.dataset,
            version.runtime,
            asked.task,
            version=version.id,
            splits=records.dataset.splits,
            split=asked.split,
            tags=() if asked.tag in EVERY else (asked.tag,),
            limit=asked.limit,
            annotate=min(asked.limit, 10),
            predict=dashboard.predictor(version, records),
            combined=fitted.combined,
        )

    key = ("errors", asked, records.dataset.digest, tuple(records.dataset.files), records.supervision)
    found: ErrorPage = dashboard.kept(key, find)
    return found


def filter_of(version: Version, query: Query) -> Filter:
    """What a query asks for; the first task, test, and twenty records where it does not say.

    Raises:
        OvertonError: Where it asks for a task, a split or a number that there is not.
    """
    task = query.get("task") or version.runtime.schema.learnable().tasks[0].name
    split = query.get("split") or "test"
    check_task(version.runtime, task)
    if split not in (*SPLITS, "all"):
        hint = did_you_mean(split, (*SPLITS, "all"))
        raise OvertonError(Problem(f"there is no split {split!r}", "web.bad-query", field="split", hint=hint))
    limit = whole_number(query.get("limit") or str(SHOWN))
    if limit is None or not 0 < limit <= MOST:
        raise OvertonError(Problem(f"a number from 1 to {MOST} is expected", "web.bad-query", field="limit"))
    tag = query.get("tag", "")  # which may begin or end with a blank
    return Filter(version.id, task, tag if tag.strip() not in EVERY else tag.strip(), split, limit)


def _views(
    dashboard: Dashboard, version: Version, records: Records, known: Known, rows: Sequence[int]
) -> list[TaskView]:
    """What can be said of the units of some records."""
    if not rows:
        return []
    order = np.unique(np.array(rows, np.int64))
    said = dashboard.predict(version, records, order)[known.votes.task.name]
    places = np.searchsorted(order, rows).tolist()
    return [task_view(known, row, said.only(np.array([place]))) for row, place in zip(rows, places, strict=True)]
