"""Panels of points, lines and spreads as SVG text: one file, no script, legible on light and on dark."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from overton.base import wrapped
from overton.base.svg import line, nice_ticks, text, whisker

PANEL_WIDTH, PANEL_HEIGHT = 420, 300
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 34, 52  # room around the plotting area of a panel
HEAD, LEGEND_LINE = 46, 20
DODGE = 5.0  # how far apart the points of two curves stand at one size, so that no spread hides another
LETTER = 6.6  # about the width of a letter of the legend
# Six colours that the colour-blind tell apart (after Okabe & Ito 2008), darkened for white and lightened for black.
COLOURS = (
    ("#0067a3", "#56b4e9"),
    ("#b34700", "#f08a4b"),
    ("#00785a", "#2fc99b"),
    ("#a3508a", "#e39ccb"),
    ("#7a6a00", "#e6d64a"),
    ("#555555", "#bbbbbb"),
)
GROUND = ("#ffffff", "#16181b")
STYLE = """
  text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
  .hollow { stroke-width: 1.5; } .text { fill: #1d1f21; } .quiet { fill: #55595e; }
  .axis { stroke: #55595e; } .grid { stroke: #dfe1e4; } .line { stroke-width: 2; }
"""
DARK = """
    .text { fill: #eceef0; } .quiet { fill: #a8adb3; }
    .axis { stroke: #a8adb3; } .grid { stroke: #33373c; }
"""


@dataclass(frozen=True, slots=True)
class Mark:
    """A point with its spread; an end that is None has none."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """One curve.

    Attributes:
        name: What the legend calls it.
        marks: Its points, from left to right.
        colour: Number of its colour and of the form of its points.
        dashed: Whether its line is dashed and its points are hollow.
    """

    name: str
    marks: tuple[Mark, ...]
    colour: int
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One plot, its horizontal axis logarithmic.

    Attributes:
        title: What it shows.
        x_label: What the horizontal axis is.
        y_label: What the vertical axis is.
        ticks: The values that are told on the horizontal axis, and their words.
        series: The curves.
        level: A value of the vertical axis that is marked by a line; None for none.
    """

    title: str
    x_label: str
    y_label: str
    ticks: tuple[tuple[float, str], ...]
    series: tuple[Series, ...]
    level: float | None = None


def render_panels(panels: Sequence[Panel], title: str, caption: str) -> str:
    """Panels side by side, under a title and one legend, with a caption below, as the text of an SVG file."""
    width = PANEL_WIDTH * len(panels)
    legend, height_of_legend = _legend(panels, width)
    notes = wrap(caption, width)
    top = HEAD + height_of_legend
    height = top + PANEL_HEIGHT + 18 * len(notes) + 10
    parts = [text(16, 28, title, size=16, weight=600), legend]
    for number, panel in enumerate(panels):
        parts.append(f'<g transform="translate({number * PANEL_WIDTH} {top})">{_panel(panel)}</g>')
    for number, words in enumerate(notes):
        parts.append(text(16, top + PANEL_HEIGHT + 16 + 18 * number, words, kind="quiet"))
    return document(width, height, title, parts)


def document(width: float, height: float, title: str, parts: Sequence[str]) -> str:
    """The whole file."""
    light, dark = (_colours(GROUND[number], number) for number in (0, 1))
    style = f"{STYLE}  {light}\n  @media (prefers-color-scheme: dark) {{{DARK}    {dark}\n  }}\n"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" font-size="12" '
        f'viewBox="0 0 {width:g} {height:g}" role="img">\n<title>{escape(title)}</title>\n<style>{style}</style>\n'
        f'<rect class="ground" width="100%" height="100%"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _colours(ground: str, number: int) -> str:
    """The rules of all colours on light (0) or dark (1) ground; those that fill nothing come last and win."""
    rules = [f".c{place} {{ stroke: {pair[number]}; fill: {pair[number]}; }}" for place, pair in enumerate(COLOURS)]
    return " ".join(
        [f".ground {{ fill: {ground}; }}", *rules, f".hollow {{ fill: {ground}; }} .line {{ fill: none; }}"]
    )


def dot(x: float, y: float, colour: int, *, hollow: bool = False) -> str:
    """A point; its form tells curves apart where their colours do not."""
    kind = f"c{colour % len(COLOURS)}" + (" hollow" if hollow else "")
    if colour % 3 == 0:
        return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
    if colour % 3 == 1:
        return f'<rect class="{kind}" x="{x - 3.5:.1f}" y="{y - 3.5:.1f}" width="7" height="7"/>'
    return f'<path class="{kind}" d="M{x:.1f} {y - 5:.1f}l5 5l-5 5l-5 -5z"/>'


def wrap(content: str, width: float) -> list[str]:
    """A caption in lines that fit."""
    return wrapped(content, int((width - 32) / LETTER), break_on_hyphens=False, break_long_words=False)


def _legend(panels: Sequence[Panel], width: float) -> tuple[str, float]:
    """What each curve is, each name once, in as many lines as that takes."""
    named = {series.name: series for panel in panels for series in panel.series}
    parts, x, y = [], 16.0, float(HEAD)
    for name, series in named.items():
        wide = 38 + LETTER * len(name) + 18
        if x > 16 and x + wide > width:
            x, y = 16.0, y + LEGEND_LINE
        kind = f"line c{series.colour % len(COLOURS)}"
        parts.append(line(x, y - 4, x + 28, y - 4, kind, width=2, dashed=series.dashed))
        parts.append(dot(x + 14, y - 4, series.colour, hollow=series.dashed))
        parts.append(text(x + 36, y, name))
        x += wide
    return "".join(parts), y - HEAD + 14


def _panel(panel: Panel) -> str:
    """Axes, grid and curves of one panel."""
    right, bottom = PANEL_WIDTH - RIGHT, PANEL_HEIGHT - BOTTOM
    marks = [mark for series in panel.series for mark in series.marks]
    ends = [end for mark in marks for end in (mark.y, mark.low, mark.high) if end is not None]
    levels = [] if panel.level is None else [panel.level]
    ticks = nice_ticks(min([*ends, *levels]), max([*ends, *levels]))
    first, last = math.log2(panel.ticks[0][0]), math.log2(panel.ticks[-1][0])

    def at_x(value: float) -> float:
        share = (math.log2(value) - first) / (last - first) if last > first else 0.5
        return LEFT + 20 + share * (right - LEFT - 40)

    def at_y(value: float) -> float:
        return bottom - (value - ticks[0]) / (ticks[-1] - ticks[0]) * (bottom - TOP)

    digits = max(len(f"{tick:g}".partition(".")[2]) for tick in ticks)
    parts = [text(LEFT, 16, panel.title, size=13, weight=600)]
    for tick in ticks:
        parts.append(line(LEFT, at_y(tick), right, at_y(tick), "grid"))
        parts.append(text(LEFT - 8, at_y(tick) + 4, f"{tick:.{digits}f}", anchor="end", kind="quiet"))
    parts += [line(LEFT, at_y(level), right, at_y(level), "axis", dashed=True) for level in levels]
    parts.append(line(LEFT, bottom, right, bottom, "axis"))
    for value, word in panel.ticks:
        parts.append(line(at_x(value), bottom, at_x(value), bottom + 5, "axis"))
        parts.append(text(at_x(value), bottom + 19, word, anchor="middle", kind="quiet"))
    parts.append(text((LEFT + right) / 2, bottom + 40, panel.x_label, anchor="middle", kind="quiet"))
    middle = (TOP + bottom) / 2
    upright = text(0, 0, panel.y_label, anchor="middle", kind="quiet")
    parts.append(f'<g transform="translate(16 {middle:.1f}) rotate(-90)">{upright}</g>')
    for number, series in enumerate(panel.series):
        shift = (number - (len(panel.series) - 1) / 2) * DODGE
        places = [(at_x(mark.x) + shift, at_y(mark.y)) for mark in series.marks]
        dash = ' stroke-dasharray="6 4"' if series.dashed else ""
        corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        kind = f"line c{series.colour % len(COLOURS)}"
        parts.append(f'<polyline class="{kind}" stroke-width="2" points="{corners}"{dash}/>')
        for mark, (x, y) in zip(series.marks, places, strict=True):
            if mark.low is not None and mark.high is not None and mark.high > mark.low:
                parts.append(whisker(x, at_y(mark.low), at_y(mark.high), f"c{series.colour % len(COLOURS)}"))
            parts.append(dot(x, y, series.colour, hollow=series.dashed))
    return "".join(parts)
