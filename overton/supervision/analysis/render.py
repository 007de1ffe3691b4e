"""The page about every source as text for a terminal: what to look at, then one aligned table a task."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from overton.base import cut, padded, share_text, width_of, wrapped
from overton.supervision.analysis.report import SourceReport
from overton.supervision.analysis.rows import SourceRow
from overton.supervision.analysis.slices import SliceRow
from overton.supervision.analysis.tally import WHOLE
from overton.supervision.analysis.warn import SourceWarning
from overton.supervision.analysis.weighed import WeighedSlice

SHORTEST_NAME = 8
ENOUGH_NAME = 24  # columns of a long name, for which others give way
LONGEST_CLASS = 12
SHOWN_SLICES = 3
SHOWN_COUNTS = 3  # sources of a slice that are weighed otherwise there
SHOWN_OF_CODE = 5  # warnings of one code


@dataclass(frozen=True, slots=True)
class _Column:
    """One column of the table.

    Attributes:
        head: What stands above it.
        text: The cell of a row.
        rank: Where the terminal is narrow, the column with the highest rank goes first; 0 never goes.
        left: Whether it is aligned to the left.
    """

    head: str
    text: Callable[[SourceRow], str]
    rank: int = 0
    left: bool = False


def render_sources(report: SourceReport, width: int = 100) -> str:
    """Warnings, table and slices of each task, in the order of the rows.

    Args:
        report: As `source_report` gives it.
        width: Columns of the terminal; columns of less weight are left out and long names shortened to fit.

    Returns:
        The text, which ends with a newline; empty where there are no rows.
    """
    tasks = dict.fromkeys([row.task for row in report.rows] + [warning.task for warning in report.warnings])
    return "\n".join(
        _render_task(
            task,
            [row for row in report.rows if row.task == task],
            [warning for warning in report.warnings if warning.task == task],
            [row for row in report.slices if row.task == task],
            [row for row in report.weighed if row.task == task],
            width,
        )
        for task in tasks
    )


def _render_task(
    task: str,
    rows: list[SourceRow],
    warnings: list[SourceWarning],
    slices: list[SliceRow],
    weighed: list[WeighedSlice],
    width: int,
) -> str:
    parts = [task, *_render_warnings(warnings, width)]
    if rows:
        parts += _render_table(rows, width)
    parts += _render_slices(slices, width)
    parts += _render_weighed(weighed, width)
    return "\n".join(parts) + "\n"


def _render_warnings(warnings: list[SourceWarning], width: int) -> list[str]:
    if not warnings:
        return []
    lines = ["to look at:"]
    warnings = _together(warnings)
    for place, warning in enumerate(warnings):
        before = sum(other.code == warning.code for other in warnings[:place])
        if before >= SHOWN_OF_CODE:
            more = sum(other.code == warning.code for other in warnings) - SHOWN_OF_CODE
            lines += (
                [f"  {warning.code:<9} ... and {more} more: --json has them all"] if before == SHOWN_OF_CODE else []
            )
            continue
        text = f"{warning.source}: {warning.message}. {warning.hint}"
        head = f"  {warning.code:<9} "
        lines += wrapped(text, width, indent=head, indent_rest=" " * 12, break_on_hyphens=False)
    return [*lines, ""]


def _together(warnings: list[SourceWarning]) -> list[SourceWarning]:
    """The warnings, those that say the same of several sources as one."""
    names: dict[tuple[str, str], list[str]] = {}
    for warning in warnings:
        names.setdefault((warning.code, warning.message), []).append(warning.source)
    first = {(warning.code, warning.message): warning for warning in reversed(warnings)}
    return [replace(first[key], source=", ".join(sources)) for key, sources in names.items()]


def _render_table(rows: list[SourceRow], width: int) -> list[str]:
    columns = _columns(rows)
    table = [[column.head for column in columns], *([column.text(row) for column in columns] for row in rows)]
    widths = [max(width_of(line[place]) for line in table) for place in range(len(columns))]
    enough = min(widths[0], ENOUGH_NAME)
    kept = list(range(len(columns)))
    while sum(widths[place] + 2 for place in kept[1:]) + enough > width:
        weakest = max(kept, key=lambda place: columns[place].rank)
        if not columns[weakest].rank:
            break
        kept.remove(weakest)
    texts = [place for place in kept if columns[place].head in ("source", "tag")]
    while sum(widths[place] + 2 for place in kept) - 2 > width:
        longest = max(texts, key=lambda place: widths[place])
        if widths[longest] <= SHORTEST_NAME:
            break
        widths[longest] -= 1
    lines: list[str] = []
    tagged = any(row.tag != WHOLE for row in rows)
    for _, part in groupby(rows, key=lambda row: (row.split, row.tag)):
        if lines and tagged:
            lines.append("")
        lines += [_align([column.text(row) for column in columns], columns, widths, kept) for row in part]
    return [_align(table[0], columns, widths, kept), *lines]


def _columns(rows: list[SourceRow]) -> list[_Column]:
    columns = [
        _Column("source", lambda row: row.source, left=True),
        _Column("split", lambda row: row.split, left=True),
        _Column("tag", lambda row: row.tag, left=True),
        _Column("coverage", lambda row: _share(row.coverage)),
        _Column("overlap", lambda row: _share(row.overlap), 5),
        _Column("conflict", lambda row: _share(row.conflict)),
        _Column("says", _said, 6, left=True),
        _Column("estimated", lambda row: _share(row.estimated_accuracy)),
        _Column("change", lambda row: _signed(row.estimated_change), 2),
        _Column("gold", lambda row: _share(row.gold_accuracy)),
        _Column("95 %", _interval, 7, left=True),
        _Column("moves", lambda row: _share(row.marginal.changed if row.marginal else None), 4),
        _Column("gains", lambda row: _signed(row.marginal.gold if row.marginal else None), 3),
        _Column("n", lambda row: f"{row.n:,}"),
    ]
    tagged = any(row.tag != WHOLE for row in rows)
    return [column for column in columns if _is_telling(column, rows, tagged=tagged)]


def _is_telling(column: _Column, rows: list[SourceRow], *, tagged: bool) -> bool:
    """Whether a column of those that may be missing has anything to tell."""
    if column.head == "tag":
        return tagged
    return column.rank in (0, 5) or any(column.text(row) != "-" for row in rows)


def _align(line: list[str], columns: list[_Column], widths: list[int], kept: list[int]) -> str:
    cells = []
    for place in kept:
        text = cut(line[place], widths[place])
        cells.append(padded(text, widths[place], right=not columns[place].left))
    return "  ".join(cells).rstrip()


def _share(share: float | None) -> str:
    return "-" if share is None else share_text(share)


def _signed(change: float | None) -> str:
    if change is None:
        return "-"
    text = f"{change:+.3f}"
    return text if text[1:] != "0.000" else "0.000"


def _interval(row: SourceRow) -> str:
    return "-" if row.gold_low is None or row.gold_high is None else f"{row.gold_low:.2f}..{row.gold_high:.2f}"


def _said(row: SourceRow) -> str:
    """The one class that it says, or how many."""
    if not row.polarity:
        return "-" if row.polarity is None else "nothing"
    if len(row.polarity) > 1:
        return f"{len(row.polarity)} classes"
    return cut(row.polarity[0], LONGEST_CLASS)


def _render_weighed(weighed: Sequence[WeighedSlice], width: int) -> list[str]:
    """The slices in which votes count otherwise, with the sources of which that is true most."""
    if not weighed:
        return []
    lines = ["", "where gold says that votes count otherwise than elsewhere (here, elsewhere):"]
    name = max(width_of(row.tag) for row in weighed)
    for row in weighed:
        first = list(row.counts.items())[:SHOWN_COUNTS]
        counts = "; ".join(f"{source} {here:.2f}, {elsewhere:.2f}" for source, (here, elsewhere) in first)
        text = f"{padded(row.tag, name)}  n {row.n:,}; {counts}"
        lines += wrapped(text, width, indent="  ", indent_rest="      ", break_on_hyphens=False)
    return lines


def _render_slices(slices: Sequence[SliceRow], width: int) -> list[str]:
    """The slices in which sources disagree more than in the whole, the worst first."""
    worse = [row for row in slices if row.disagreement > row.whole][:SHOWN_SLICES]
    if not worse:
        return []
    lines = ["", f"where sources disagree (on {worse[0].whole:.1%} of all units with votes):"]
    name = max(width_of(row.slice) for row in worse)
    for row in worse:
        text = f"{padded(row.slice, name)}  {row.disagreement:6.1%} of {row.n:,}"
        if row.pairs:
            pair = row.pairs[0]
            text += f"; {' and '.join(pair.sources)} on {pair.disagreement:.0%} of {pair.n:,}"
        lines += wrapped(text, width, indent="  ", indent_rest="      ", break_on_hyphens=False)
    return lines
