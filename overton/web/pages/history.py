"""The versions of an application as a page: a figure by version, for every task and tag that any of them has."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from overton.evaluate import Report
from overton.evaluate.groups import WHOLE
from overton.web.pages.matrix import split_of

MOST_VERSIONS = 30  # that are told
MOST_TAGS = 60  # that are told of one task, beside the whole split


@dataclass(frozen=True, slots=True)
class Moment:
    """One version in the history.

    Attributes:
        version: Its id.
        created: When it was put, as ISO 8601 text.
        aliases: Aliases that name it now.
        parent: The version whose weights its training began with; empty for none.
        records: Records that it was built on; None where that is not known.
    """

    version: str
    created: str
    aliases: tuple[str, ...] = ()
    parent: str = ""
    records: int | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """The main figure of one task on one tag, version by version; None where a version has none.

    Attributes:
        tag: The tag; `*` for the whole split.
        values: The figures, oldest first.
        low: Lower ends of their intervals.
        high: Upper ends.
    """

    tag: str
    values: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]

    @property
    def last(self) -> float | None:
        """The newest figure."""
        return self.values[-1] if self.values else None

    @property
    def change(self) -> float | None:
        """The newest figure less the first one."""
        there = [value for value in self.values if value is not None]
        return there[-1] - there[0] if len(there) > 1 and self.last is not None else None


@dataclass(frozen=True, slots=True)
class TaskHistory:
    """One task over all versions: its metric and a line a tag, the whole split first, then the worst of the newest."""

    task: str
    metric: str
    lines: tuple[Line, ...]

    def line(self, tag: str) -> Line | None:
        """The line of a tag; None where it has none."""
        return next((line for line in self.lines if line.tag == tag), None)

    def gap(self, line: Line) -> float | None:
        """By how much a tag is shown to fall short of the whole split now: by the upper end of its interval.

        So a single question that is wrong is not the worst slice. None for the whole, and for a tag without a history.
        """
        whole = self.line(WHOLE)
        high = line.high[-1] if line.high else None
        if line.tag == WHOLE or line.change is None or high is None or whole is None or whole.last is None:
            return None
        return whole.last - high


@dataclass(frozen=True, slots=True)
class History:
    """All versions, oldest first.

    Attributes:
        moments: The versions.
        tasks: Their figures, by task.
        current: Place of the version that the page is about; None where it is not among them.
        hidden: Older versions that are left out.
        hidden_tags: Tags that no task has a line of, since there are so many.
    """

    moments: tuple[Moment, ...]
    tasks: tuple[TaskHistory, ...]
    current: int | None = None
    hidden: int = 0
    hidden_tags: int = 0

    @property
    def tags(self) -> tuple[str, ...]:
        """Every tag that has a line, in the order of the first task that has it."""
        return tuple(dict.fromkeys(line.tag for task in self.tasks for line in task.lines))

    @property
    def number_of(self) -> dict[str, int]:
        """The number of each tag, by which a drawing calls its line."""
        return {tag: number for number, tag in enumerate(self.tags)}

    @property
    def chosen(self) -> str:
        """The tag whose line stands beside that of the whole split at first: the worst of those with two figures.

        It is the one that is shown to fall short of the whole by most now, on any task; `*` where none has a history.
        """
        gaps = [(gap, line.tag) for task in self.tasks for line in task.lines if (gap := task.gap(line)) is not None]
        return max(gaps, key=lambda one: one[0])[1] if gaps else WHOLE

    def to_json(self) -> dict[str, Any]:
        """The history as a JSON value."""
        return asdict(self)


def history_of(
    moments: Sequence[Moment],
    reports: Mapping[str, Report],
    *,
    version: str = "",
) -> History:
    """The history of the newest versions.

    Args:
        moments: The versions, oldest first.
        reports: The report of each build, by version; a version without one has no figures.
        version: The version that the page is about; its figures decide which tags are told.
    """
    shown = tuple(moments[-MOST_VERSIONS:])
    newest = reports.get(version) or next((reports[one.version] for one in shown[::-1] if one.version in reports), None)
    tasks, known = [], set()
    for task, metric in newest.main_metric.items() if newest else ():
        split = split_of(newest, task) if newest else "test"
        found = [_by_tag(reports.get(moment.version), task, split, metric) for moment in shown]
        here = _by_tag(newest, task, split, metric)
        order = sorted(here, key=lambda tag: (tag != WHOLE, here[tag][0] is None, here[tag][0] or 0.0, tag))
        known |= set(order)
        lines = [
            Line(tag, *(tuple(by_tag.get(tag, (None, None, None))[part] for by_tag in found) for part in range(3)))
            for tag in order[: MOST_TAGS + 1]
        ]
        tasks.append(TaskHistory(task, metric, tuple(lines)))
    current = next((place for place, moment in enumerate(shown) if moment.version == version), None)
    history = History(shown, tuple(tasks), current, len(moments) - len(shown))
    return replace(history, hidden_tags=len(known) - len(history.tags))


def _by_tag(
    report: Report | None, task: str, split: str, metric: str
) -> dict[str, tuple[float | None, float | None, float | None]]:
    if report is None:
        return {}
    key = (task, split, metric)
    return {row.tag: (row.value, row.low, row.high) for row in report.rows if (row.task, row.split, row.metric) == key}
