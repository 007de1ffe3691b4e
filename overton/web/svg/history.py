"""A figure by version: one chart a task, every tag a line in it, of which those chosen are seen; and sparklines.

All lines are drawn into one box of `WIDTH` x `HEIGHT`, once. The chart and the sparklines show the same lines by
reference, so that thirty versions of fifty slices stay small.
"""

from collections.abc import Sequence

from markupsafe import Markup, escape

from overton.base.svg import line, nice_ticks, number, text
from overton.web.pages.history import Line, Moment, TaskHistory
from overton.web.text import WHOLE, cut, day, shown

WIDTH, HEIGHT = 480, 160
LEFT, TOP, RIGHT, BOTTOM = 44, 12, 16, 36
LONGEST = 80  # characters of a tag's name, by which a line is found
SPARK = 4  # room around a sparkline, so that no end is cut off


def history_chart(history: TaskHistory, moments: Sequence[Moment], name: str, current: int | None = None) -> Markup:
    """The chart of one task.

    Args:
        history: The task.
        moments: The versions, oldest first.
        name: Begins the ids of its lines.
        current: Place of the version that the page is about; None for none.
    """
    low, high = _range(history)
    ticks = nice_ticks(low, high, 4)
    low, high = ticks[0], ticks[-1]
    n = len(moments)
    parts = []
    for tick in ticks:
        y = HEIGHT * (1 - (tick - low) / (high - low))
        parts.append(line(0, y, WIDTH, y, "gd"))
        parts.append(text(-8, y + 4, f"{tick:g}", anchor="end", kind="qt"))
    for place in _labelled(n):
        anchor = "start" if place == 0 and n > 1 else "end" if place == n - 1 and n > 1 else "middle"
        parts.append(text(_x(place, n), HEIGHT + 16, moments[place].version[:6], anchor=anchor, kind="qt"))
        parts.append(text(_x(place, n), HEIGHT + 29, day(moments[place].created), anchor=anchor, kind="qt"))
    if current is not None:
        parts.append(line(_x(current, n), 0, _x(current, n), HEIGHT, "ax", dashed=True))
    parts.append("<defs>" + "".join(_path(one, n, (low, high), f"{name}-{p}") for p, one in enumerate(history.lines)))
    parts.append("</defs>")
    parts += [_use(one, f"{name}-{place}") for place, one in enumerate(history.lines)]
    whole = next((one for one in history.lines if one.tag == WHOLE), None)
    parts += _dots(whole, moments, (low, high)) if whole else []
    title = f"{history.task} {history.metric} by version"
    box = f"{-LEFT} {-TOP} {WIDTH + LEFT + RIGHT} {HEIGHT + TOP + BOTTOM}"
    return Markup(f'<svg class="hc" viewBox="{box}" role="img"><title>{escape(title)}</title>{"".join(parts)}</svg>')


def sparkline(name: str) -> Markup:
    """A line of a chart by itself.

    Args:
        name: Its id.
    """
    box = f"{-SPARK * 4} {-SPARK * 4} {WIDTH + SPARK * 8} {HEIGHT + SPARK * 8}"
    return Markup(
        f'<svg class="sp" viewBox="{box}" preserveAspectRatio="none" aria-hidden="true"><use href="#{name}"/></svg>'
    )


def _path(one: Line, n: int, scale: tuple[float, float], name: str) -> str:
    """A line, broken where a version has no figure; a version alone is a short stroke."""
    steps, pen = [], "M"
    for place, value in enumerate(one.values):
        if value is None:
            pen = "M"
            continue
        alone = (place == 0 or one.values[place - 1] is None) and (place + 1 == n or one.values[place + 1] is None)
        steps.append(f"{pen}{_x(place, n):.0f} {_y(value, scale):.0f}{'h4' if alone else ''}")
        pen = "L"
    return f'<path id="{name}" d="{"".join(steps)}"/>'


def _use(one: Line, name: str) -> str:
    """A line where it is seen."""
    if one.tag == WHOLE:
        return f'<use class="hw" href="#{name}"/>'
    return f'<use class="hl" href="#{name}" data-tag="{escape(cut(shown(one.tag), LONGEST))}"/>'


def _dots(one: Line, moments: Sequence[Moment], scale: tuple[float, float]) -> list[str]:
    """A dot for each version on the line of the whole split, which tells the figure."""
    return [
        f'<circle class="hd" cx="{number(_x(place, len(moments)))}" cy="{number(_y(value, scale))}" r="3">'
        f"<title>{escape(_told(moment))}: {value:.3f}</title></circle>"
        for place, (moment, value) in enumerate(zip(moments, one.values, strict=True))
        if value is not None
    ]


def _told(moment: Moment) -> str:
    aliases = f" ({', '.join(moment.aliases)})" if moment.aliases else ""
    return f"{moment.version}{aliases}, {day(moment.created)}"


def _range(history: TaskHistory) -> tuple[float, float]:
    there = [value for one in history.lines for value in one.values if value is not None]
    return (min(there), max(there)) if there else (0.0, 1.0)


def _labelled(n: int) -> list[int]:
    """Places of the versions that are named below the chart: the first, the last, and some between."""
    if n <= 4:
        return list(range(n))
    return [0, n // 3, 2 * n // 3, n - 1]


def _x(place: int, n: int) -> float:
    return WIDTH / 2 if n == 1 else WIDTH * place / (n - 1)


def _y(value: float, scale: tuple[float, float]) -> float:
    low, high = scale
    return HEIGHT * (1 - (value - low) / (high - low))
