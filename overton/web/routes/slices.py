"""One tag or one expression over tags: its figures on every task beside the whole, and the errors of one of them."""

from dataclasses import asdict, dataclass
from typing import Any

from overton.base import OvertonError, Problem
from overton.data import SPLITS
from overton.evaluate import Report
from overton.version import Version
from overton.web.dashboard import Dashboard
from overton.web.pages.matrix import Figure, figure_of, split_of
from overton.web.routes.errors import EVERY, ErrorsPage, Filter, errors_page, filter_of
from overton.web.routing import Query, Shown


@dataclass(frozen=True, slots=True)
class TaskFigure:
    """The main figure of one task on the tag.

    Attributes:
        task: Its name.
        metric: The metric.
        split: The split that is shown.
        figure: The figure; None where there is none.
        whole: That of the whole split; likewise.
    """

    task: str
    metric: str
    split: str
    figure: Figure | None
    whole: float | None

    @property
    def gap(self) -> float:
        """By how much it falls short of the whole; below all others where that is not known."""
        if self.figure is None or self.figure.value is None or self.whole is None:
            return -1.0
        return self.whole - self.figure.value


@dataclass(frozen=True, slots=True)
class SlicePage:
    """The page.

    Attributes:
        tag: The tag, or an expression over tags.
        version: Id of the version.
        figures: Its figures, task by task.
        records: How many records of each split bear it.
        errors: The errors of one task; None where the split has none of its records.
        problem: Why there are none.
    """

    tag: str
    version: str
    figures: tuple[TaskFigure, ...]
    records: dict[str, int]
    errors: ErrorsPage | None
    problem: Problem | None = None

    @property
    def title(self) -> str:
        """What the page is called."""
        return self.tag

    def to_json(self) -> dict[str, Any]:
        """The page as a JSON value."""
        return {
            "tag": self.tag,
            "version": self.version,
            "records": self.records,
            "figures": [asdict(figure) for figure in self.figures],
            "errors": self.errors.to_json() if self.errors else None,
            "why_none": self.problem.message if self.problem else "",
        }


def slice_view(dashboard: Dashboard, query: Query) -> Shown:
    """The page of a tag; of its worst task where the query names none.

    Raises:
        OvertonError: Where the query names no tag, a split, or a tag that no record has.
    """
    version = dashboard.version(query.get("version", ""))
    tag = query.get("tag", "")
    if tag.strip() in EVERY:
        hint = "A tag, or an expression such as slice:a & lang:en"
        raise OvertonError(Problem("the page of which tag?", "web.bad-query", field="tag", hint=hint))
    if tag.strip() in SPLITS:
        message, hint = f"{tag.strip()!r} is a split, not a tag within one", "The report tells of whole splits"
        raise OvertonError(Problem(message, "web.bad-query", field="tag", hint=hint))
    records = dashboard.records(version)
    tag = tag if tag in records.dataset.tags.names else tag.strip()  # a tag may begin or end with a blank
    found = dashboard.rows_of_tag(records, tag)  # refuses an unknown one
    report = dashboard.report_on(version, tag)
    figures = tuple(_figure(report, task, tag) for task in report.main_metric)
    worst = max(figures, key=lambda one: one.gap)
    asked = {**query, "tag": tag, "task": query.get("task") or worst.task}
    asked["split"] = query.get("split") or next((f.split for f in figures if f.task == asked["task"]), "test")
    wanted = filter_of(version, asked)
    errors, problem = _errors(dashboard, version, wanted)
    page = SlicePage(tag, version.id, figures, found, errors, problem)
    return Shown("slice.html.j2", page)


def _errors(dashboard: Dashboard, version: Version, wanted: Filter) -> tuple[ErrorsPage | None, Problem | None]:
    """The errors; or why there are none, where no record of the split bears the tag."""
    try:
        return errors_page(dashboard, version, wanted), None
    except OvertonError as error:
        if error.problems[0].code != "review.no-records":
            raise
        return None, error.problems[0]


def _figure(report: Report, task: str, tag: str) -> TaskFigure:
    metric, split = report.main_metric[task], split_of(report, task)
    rows = {row.tag: row for row in report.rows if (row.task, row.split, row.metric) == (task, split, metric)}
    whole = rows.get("*")
    return TaskFigure(task, metric, split, figure_of(rows.get(tag), whole), whole.value if whole else None)
