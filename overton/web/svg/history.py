"""A figure by version: a chart a task with the whole split and one other tag, and a sparkline of every tag.

Each line is drawn once, a version to a step to the right, and the chart and the sparklines show it by reference: thirty
versions of fifty slices stay small, and to show another tag in the chart is to name another line.
"""

from collections.abc import Mapping, Sequence

from markupsafe import Markup, escape

from overton.base import legible, share_text
from overton.base.svg import line, nice_ticks, text
from overton.evaluate.groups import WHOLE
from overton.web.pages.history import Line, Moment, TaskHistory
from overton.web.text import day

WIDTH, HEIGHT = 480, 160
UNITS = 100  # of height in which lines are drawn; whole numbers are short
LEFT, TOP, RIGHT, BOTTOM = 44, 12, 16, 40


def history_chart(
    history: TaskHistory,
    moments: Sequence[Moment],
    name: str,
    tags: Mapping[str, int],
    current: int | None = None,
    *,
    chosen: str = WHOLE,
) -> Markup:
    """The chart of one task.

    Args:
        history: The task.
        moments: The versions, oldest first.
        name: Begins the ids of its lines: `name-number`.
        tags: The number of each tag.
        current: Place of the version that the page is about; None for none.
        chosen: The tag that is shown beside the whole split.
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
        parts.append(text(_x(place, n), HEIGHT + 34, day(moments[place].created), anchor=anchor, kind="qt"))
    if current is not None:
        parts.append(line(_x(current, n), 0, _x(current, n), HEIGHT, "ax", dashed=True))
    paths = (_path(one, (low, high), f"{name}-{tags[one.tag]}") for one in history.lines)
    parts.append(f"<defs>{''.join(paths)}</defs>")
    across = f'transform="translate({_x(0, n):g} 0) scale({WIDTH / max(n - 1, 1):.4f} {HEIGHT / UNITS:g})"'
    parts.append(f'<use class="hl" href="#{name}-{tags.get(chosen, 0)}" data-line="{name}" {across}/>')
    parts.append(f'<use class="hw" href="#{name}-{tags[WHOLE]}" {across}/>' if WHOLE in tags else "")
    whole = next((one for one in history.lines if one.tag == WHOLE), None)
    parts.append(_dots(whole, moments, (low, high)) if whole else "")
    title = f"{history.task} {history.metric} by version"
    box = f"{-LEFT} {-TOP} {WIDTH + LEFT + RIGHT} {HEIGHT + TOP + BOTTOM}"
    return Markup(
        f'<svg class="hc" viewBox="{box}" role="img"><title>{escape(legible(title))}</title>{"".join(parts)}</svg>'
    )


def sparkline(name: str) -> Markup:
    """A line of a chart by itself, as wide as the style sheet has it.

    Args:
        name: Its id.
    """
    return Markup(f'<svg class="sp"><use href="#{name}"/></svg>')


def _path(one: Line, scale: tuple[float, float], name: str) -> str:
    """A line in steps of one to the right, broken where a version has no figure."""
    steps: list[str] = []
    last: int | None = None
    for place, value in enumerate(one.values):
        if value is None:
            last = None
            continue
        y = round(_y(value, scale) * UNITS / HEIGHT)
        if last is None:
            steps.append(f"M{place} {y}h0l")
        else:
            steps.append(f"1{y - last}" if y < last else f"1 {y - last}")
            steps.append(" ")
        last = y
    text = "".join(steps).replace(" M", "M").replace("lM", "M").rstrip(" l")
    return f'<path id="{name}" d="{text}"/>'


def _dots(one: Line, moments: Sequence[Moment], scale: tuple[float, float]) -> str:
    """A dot for each version on the line of the whole split, which tells the figure."""
    dots = [
        f'<circle cx="{_x(place, len(moments)):.0f}" cy="{_y(value, scale):.0f}" r="3">'
        f"<title>{escape(_told(moment))} {share_text(value)}</title></circle>"
        for place, (moment, value) in enumerate(zip(moments, one.values, strict=True))
        if value is not None
    ]
    return f'<g class="hd">{"".join(dots)}</g>'


def _told(moment: Moment) -> str:
    return moment.version + (f" ({legible(', '.join(moment.aliases))})" if moment.aliases else "")


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
