"""The page about one version: all that somebody asks who opens it, in the order in which it is asked."""

from dataclasses import asdict, dataclass
from typing import Any

from overton.web.pages.checks import Checks
from overton.web.pages.compared import ComparisonPage, Verdict
from overton.web.pages.history import History
from overton.web.pages.lineage import Lineage
from overton.web.pages.matrix import Matrix
from overton.web.pages.sources import SourceLine
from overton.web.pages.tasks import TaskPage
from overton.web.pages.trials import Trials


@dataclass(frozen=True, slots=True)
class ReportPage:
    """One version.

    Attributes:
        application: Name of the application; empty for an artefact outside one.
        version: Id of the version.
        aliases: Aliases that name it.
        created: When a store took it, as ISO 8601 text.
        made: When the page was made, likewise.
        data: What it is evaluated on, in words; empty for the records of the build.
        tag: The only tag that is shown; empty for all.
        verdict: What to make of it beside the live version.
        comparison: That comparison; None where there is none.
        matrix: Tags by tasks.
        tasks: The tasks one by one.
        sources: The sources of labels.
        checks: What was found in the data; None where there is no application.
        history: All versions; None where there is no store.
        lineage: Where it comes from and what it costs.
        trials: The search that its choices come from; None without one.
        notes: What a reader of the figures should know.
    """

    application: str
    version: str
    aliases: tuple[str, ...]
    created: str
    made: str
    data: str
    tag: str
    verdict: Verdict
    comparison: ComparisonPage | None
    matrix: Matrix
    tasks: tuple[TaskPage, ...]
    sources: tuple[SourceLine, ...]
    checks: Checks | None
    history: History | None
    lineage: Lineage
    trials: Trials | None = None
    notes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What the page is called."""
        return f"{self.application + ' ' if self.application else ''}{self.version}"

    def to_json(self) -> dict[str, Any]:
        """The page as a JSON value."""
        return {
            "application": self.application,
            "version": self.version,
            "aliases": list(self.aliases),
            "created": self.created,
            "made": self.made,
            "data": self.data,
            "tag": self.tag,
            "verdict": asdict(self.verdict),
            "comparison": self.comparison.to_json() if self.comparison else None,
            "matrix": self.matrix.to_json(),
            "tasks": [task.to_json() for task in self.tasks],
            "sources": [line.to_json() for line in self.sources],
            "checks": self.checks.to_json() if self.checks else None,
            "history": self.history.to_json() if self.history else None,
            "lineage": self.lineage.to_json(),
            "trials": self.trials.to_json() if self.trials else None,
            "notes": list(self.notes),
        }
