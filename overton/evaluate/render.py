"""A report as text: each task with its figures, then its tags, the worst first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from overton.base import aligned, cut, padded, ruled, share_text, width_of
from overton.evaluate.report import Report, Row

FEW = 30  # items below which a figure is not called worse or better than the whole
NARROWEST = 60
WIDEST_SCALE = 30
NARROWEST_SCALE = 10
ORDER = ("test", "dev", "train")  # of splits: the first that has gold is shown
WHOLE_SPLIT = "whole split"


@dataclass(frozen=True, slots=True)
class _Layout:
    """Columns that a task's table takes for names, for counts, and for the drawing; 0 for none."""

    name: int
    count: int
    scale: int


def render_report(report: Report, *, width: int = 100, limit: int = 12) -> str:
    """The report for a terminal.

    Each task has a line for its main metric on the whole split, a line of its other figures, and a line for each tag:
    how many items, the value, its 95 % interval, the difference from the whole split, and the interval drawn on a
    scale from 0 to 1. `below` or `above` stands where the interval leaves the value of the whole split out, `few`
    where a tag has fewer than 30 items. Tags are sorted by value, the worst first, those with few items after the
    others.

    Args:
        report: The report.
        width: Columns of the terminal.
        limit: Most tags that are shown of one task; slices go before other tags.
    """
    width = max(width, NARROWEST)
    blocks = [_task(report, task, width, limit) for task in report.main_metric]
    notes = [f"note: {note}" for note in report.notes]
    return "\n".join([*("\n".join(block) + "\n" for block in blocks), *notes]).rstrip() + "\n"


def render_models(reports: Mapping[str, Report], sizes: Mapping[str, int]) -> str:
    """The models of one version side by side: the main metrics on test of each, and how large it is.

    Args:
        reports: The reports by name of model.
        sizes: Bytes of each model.
    """
    first = next(iter(reports.values()))
    head = ("model", "MB", *(f"{task} {metric}" for task, metric in first.main_metric.items()))
    body = []
    for name, report in reports.items():
        value = {row.task: row.value for row in report.main_rows()}
        found = map(value.get, first.main_metric)
        figures = ("-" if one is None else share_text(one, 4) for one in found)
        body.append((name, f"{sizes[name] / 1e6:.1f}", *figures))
    return "\n".join(aligned([head, *body])) + "\n"


def _task(report: Report, task: str, width: int, limit: int) -> list[str]:
    """The lines of one task."""
    rows = [row for row in report.rows if row.task == task]
    split = next((split for split in ORDER if any(row.split == split and row.n for row in rows)), None)
    if split is None:
        return [ruled(f"{task}  ", width), "  no gold, so there is nothing to say"]
    everywhere, rows = rows, [row for row in rows if row.split == split]
    whole = [row for row in rows if row.tag == "*"]
    main = [row for row in rows if row.metric == report.main_metric[task]]
    reference = next((row for row in main if row.tag == "*"), None)
    tags = [row for row in main if row.tag != "*"]
    shown = _chosen(tags, limit)
    layout = _layout([*shown, *whole], width)
    lines = [ruled(f"{task}  {report.main_metric[task]} on {split}  ", width), _heading(layout)]
    if reference is not None:
        lines.append(_line(WHOLE_SPLIT, reference, None, layout))
    lines += [_line(row.tag, row, reference, layout) for row in shown]
    if len(shown) < len(tags):
        lines.append(_rest(tags, shown))
    elsewhere = {row.tag for row in everywhere} - {"*"}
    if len(elsewhere) == 1 and not tags:  # that tag was asked for, and would else seem to be overlooked
        lines.append(f"  {elsewhere.pop()}: no record of {split} with gold; the JSON has its figures elsewhere")
    others = [row for row in whole if row.metric != report.main_metric[task]]
    return [*lines, *_others(others, width)]


def _layout(rows: Sequence[Row], width: int) -> _Layout:
    """What there is room for: the figures always, then the names, then the drawing."""
    count = max(len(f"{row.n:,}") for row in rows)
    figures = count + 42
    name = min(max(len(WHOLE_SPLIT), *(width_of(row.tag) for row in rows)), width - figures)
    scale = min(width - figures - name - 3, WIDEST_SCALE)
    return _Layout(name, count, scale if scale >= NARROWEST_SCALE else 0)


def _heading(layout: _Layout) -> str:
    return f"  {'':{layout.name}}  {'n':>{layout.count}}  value  95 % interval   change"


def _line(name: str, row: Row, whole: Row | None, layout: _Layout) -> str:
    """One tag: name, count, value, interval, difference, drawing."""
    interval = f"{_figure(row.low)} .. {_figure(row.high)}" if row.low is not None else ""
    line = f"  {padded(cut(name, layout.name, '...'), layout.name)}  {row.n:>{layout.count},}  {_figure(row.value)}"
    line += f"  {interval:14}  {_change(row, whole):12}"
    if layout.scale:
        line += f" {_drawing(row, layout.scale)}"
    return line.rstrip()


def _figure(value: float | None) -> str:
    return "    -" if value is None else share_text(value)


def _change(row: Row, whole: Row | None) -> str:
    """The difference from the whole split and what to make of it."""
    if whole is None or whole.value is None or row.value is None or row.low is None or row.high is None:
        return "no gold" if whole is not None and not row.n else ""
    mark = "below" if row.high < whole.value else "above" if row.low > whole.value else ""
    if row.n < FEW:
        mark = "few"
    return f"{row.value - whole.value:+.3f} {mark}"


def _drawing(row: Row, scale: int) -> str:
    """The interval on a scale from 0 to 1, the value within it."""
    if row.value is None or row.low is None or row.high is None:
        return ""
    cells = [" "] * scale
    low, value, high = (min(int(figure * scale), scale - 1) for figure in (row.low, row.value, row.high))
    cells[low : high + 1] = "-" * (high - low + 1)
    cells[value] = "o"
    return f"|{''.join(cells)}|"


def _chosen(tags: Sequence[Row], limit: int) -> list[Row]:
    """The tags to show, in the order to show them."""
    first = sorted(tags, key=lambda row: (not row.tag.startswith("slice:"), *_badness(row)))[:limit]
    return sorted(first, key=_badness)


def _badness(row: Row) -> tuple[bool, bool, float, str]:
    """Sorts the worst first, tags with few items after the others, tags with nothing to say last."""
    return row.value is None, row.n < FEW, row.value or 0.0, row.tag


def _rest(tags: Sequence[Row], shown: Sequence[Row]) -> str:
    """How many tags are not shown."""
    hidden = len(tags) - len(shown)
    few = sum(row.n < FEW for row in tags) - sum(row.n < FEW for row in shown)
    what = "tag" if hidden == 1 else "tags"
    return f"  ... and {hidden} more {what}" + (f", {few} of them with fewer than {FEW} items" if few else "")


def _others(rows: Sequence[Row], width: int) -> list[str]:
    """The other figures of the whole split, as many on a line as there is room for."""
    lines, line = [], "  "
    for row in rows:
        part = f"{row.metric} {_figure(row.value).strip()}"
        if row.low is not None and row.high is not None:
            part += f" ({share_text(row.low)} .. {share_text(row.high)})"
        if len(line) > 2 and len(line) + 3 + len(part) > width:
            lines.append(line)
            line = "  "
        line += part if len(line) == 2 else f"   {part}"
    return [*lines, line] if len(line) > 2 else lines
