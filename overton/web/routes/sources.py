"""What every source of labels is worth, and what to look at."""

from dataclasses import dataclass
from typing import Any

from overton.supervision import SourceReport
from overton.web.dashboard import Dashboard
from overton.web.pages import SourceLine, source_lines
from overton.web.routing import Query, Shown


@dataclass(frozen=True, slots=True)
class SourcesPage:
    """The page.

    Attributes:
        task: The task that is shown.
        tasks: All of them.
        lines: A line a source.
    """

    task: str
    tasks: tuple[str, ...]
    lines: tuple[SourceLine, ...]

    @property
    def title(self) -> str:
        """What the page is called."""
        return f"Sources of {self.task}"

    def to_json(self) -> dict[str, Any]:
        """The page as a JSON value."""
        return {"task": self.task, "sources": [line.to_json() for line in self.lines]}


def sources_view(dashboard: Dashboard, query: Query) -> Shown:
    """The page of the sources of one task, the first where the query names none."""
    application = dashboard.application()
    tasks = application.task_names()
    task = application.task_names(query.get("task") or tasks[0])[0]

    def look() -> SourceReport:
        own = dashboard.own_records()
        return application.source_report(task, tags=(), combined={task: dashboard.combined(own, task)})

    report: SourceReport = dashboard.page(("sources", task), look)
    return Shown("sources.html.j2", SourcesPage(task, tasks, source_lines(report)))
