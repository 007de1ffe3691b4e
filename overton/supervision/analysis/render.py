"""Rows of sources as an aligned text for a terminal."""

from collections.abc import Sequence
from itertools import groupby

from overton.supervision.analysis.rows import SourceRow

HEAD = ("source", "split", "coverage", "overlap", "conflict", "estimated", "gold", "n")
SHORTEST_NAME = 8


def render_sources(rows: Sequence[SourceRow], width: int = 100) -> str:
    """A table for each task, in the order of the rows.

    Args:
        rows: As `source_rows` gives them.
        width: Columns of the terminal; long names are shortened to fit.

    Returns:
        The text, which ends with a newline; empty where there are no rows.
    """
    return "\n".join(_render_task(task, list(part), width) for task, part in groupby(rows, lambda row: row.task))


def _render_task(task: str, rows: list[SourceRow], width: int) -> str:
    cells = [HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEAD))]
    rest = sum(widths[1:]) + 2 * (len(HEAD) - 1)
    widths[0] = max(SHORTEST_NAME, min(widths[0], width - rest))
    return "\n".join([task, *(_align(line, widths) for line in cells)]) + "\n"


def _cells(row: SourceRow) -> tuple[str, ...]:
    shares = (row.coverage, row.overlap, row.conflict, row.estimated_accuracy, row.gold_accuracy)
    return (row.source, row.split, *(_share(share) for share in shares), f"{row.n:,}")


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.3f}"


def _align(line: tuple[str, ...], widths: list[int]) -> str:
    name = line[0] if len(line[0]) <= widths[0] else line[0][: widths[0] - 1] + "…"
    left = f"{name:<{widths[0]}}  {line[1]:<{widths[1]}}"
    return left + "".join(f"  {text:>{width}}" for text, width in zip(line[2:], widths[2:], strict=True))
