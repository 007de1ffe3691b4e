"""A report as a matrix: a row for each tag, a column for each task, first the tag that is shown to be worst."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from overton.evaluate import Report, Row
from overton.evaluate.groups import WHOLE
from overton.evaluate.render import FEW, ORDER

MOST_ROWS = 200
FAR, NEAR = 0.15, 0.05  # shown shortfalls that are coloured as grave, and as middling

Mark = Literal["below", "above", "few", ""]


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure with its interval, beside that of the whole split.

    Attributes:
        value: The figure; None where there is nothing to say.
        low: Lower end of its 95 % interval; None where it has none.
        high: Upper end.
        n: Items with gold that it rests on.
        mark: `below` or `above` where the interval leaves the value of the whole split out, `few` where it rests on
            less than 30 items.
        level: How far below, where it is: 1, 2 or 3; else 0.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    mark: Mark = ""
    level: int = 0


@dataclass(frozen=True, slots=True)
class Column:
    """One task: its name, the metric that it is judged by, and the split that is shown of it."""

    task: str
    metric: str
    split: str


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One tag.

    Attributes:
        tag: The tag; `*` for the whole split.
        n: The most items that a figure of it rests on.
        figures: A figure for each column; None where the report has none.
        gap: By how much the tag is shown to fall short of the whole split on its worst task: from the value of the
            whole down to the upper end of the interval; below 0 where nothing is shown.
    """

    tag: str
    n: int
    figures: tuple[Figure | None, ...]
    gap: float

    @property
    def marks(self) -> tuple[str, ...]:
        """The marks of its figures."""
        return tuple(sorted({figure.mark for figure in self.figures if figure is not None and figure.mark}))


@dataclass(frozen=True, slots=True)
class Matrix:
    """Tags by tasks.

    Attributes:
        columns: The tasks.
        whole: The whole split.
        rows: The tags, the one with the greatest gap first.
        hidden: Tags that are left out, those with the least gaps.
    """

    columns: tuple[Column, ...]
    whole: MatrixRow
    rows: tuple[MatrixRow, ...]
    hidden: int = 0

    @property
    def start(self) -> float:
        """Where a scale begins on which all figures have room that rest on enough items: a tenth below 1 or less."""
        told = [figure for row in (self.whole, *self.rows) for figure in row.figures if figure and figure.mark != "few"]
        lows = [figure.low for figure in told if figure.low is not None]
        return min(math.floor(min(lows, default=0) * 10) / 10, 0.9)

    def to_json(self) -> dict[str, Any]:
        """The matrix as a JSON value."""
        return asdict(self)


def matrix_of(report: Report, *, limit: int = MOST_ROWS) -> Matrix:
    """The matrix of a report: of each task the main metric on test, or on the first of dev and train that has gold.

    Args:
        report: The report.
        limit: Most tags that are told.
    """
    columns = tuple(_column(report, task) for task in report.main_metric)
    found = {(row.task, row.tag): row for column in columns for row in _rows(report, column)}
    whole = [found.get((column.task, WHOLE)) for column in columns]
    tags = dict.fromkeys(tag for _, tag in found if tag != WHOLE)
    rows = [_row(tag, [found.get((column.task, tag)) for column in columns], whole) for tag in tags]
    rows.sort(key=lambda row: (-row.gap, row.tag))
    shown = rows[:limit]
    return Matrix(columns, _row(WHOLE, whole, [None] * len(columns)), tuple(shown), len(rows) - len(shown))


def split_of(report: Report, task: str) -> str:
    """The split that is shown of a task: the first of test, dev and train that has gold; test where none has."""
    with_gold = {row.split for row in report.rows if row.task == task and row.n}
    return next((split for split in ORDER if split in with_gold), ORDER[0])


def figure_of(row: Row | None, whole: Row | None) -> Figure | None:
    """One row of a report beside that of the whole split; None where there is no row."""
    if row is None:
        return None
    if row.n < FEW:
        return Figure(row.value, row.low, row.high, row.n, "few")
    if whole is None or whole.value is None or row.low is None or row.high is None:
        return Figure(row.value, row.low, row.high, row.n)
    if row.low > whole.value:
        return Figure(row.value, row.low, row.high, row.n, "above")
    gap = whole.value - row.high
    if gap <= 0:
        return Figure(row.value, row.low, row.high, row.n)
    return Figure(row.value, row.low, row.high, row.n, "below", 3 if gap >= FAR else 2 if gap >= NEAR else 1)


def _column(report: Report, task: str) -> Column:
    return Column(task, report.main_metric[task], split_of(report, task))


def _rows(report: Report, column: Column) -> list[Row]:
    key = (column.task, column.split, column.metric)
    return [row for row in report.rows if (row.task, row.split, row.metric) == key]


def _row(tag: str, rows: Sequence[Row | None], whole: Sequence[Row | None]) -> MatrixRow:
    figures = tuple(figure_of(row, reference) for row, reference in zip(rows, whole, strict=True))
    gaps = [
        reference.value - row.high
        for row, reference in zip(rows, whole, strict=True)
        if row is not None and reference is not None and row.high is not None and reference.value is not None
    ]
    return MatrixRow(tag, max((row.n for row in rows if row is not None), default=0), figures, max(gaps, default=-1.0))
