"""What was tried, by latency and quality: the line joins those that no other beats, an upright one is the bound."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from overton.base import legible
from overton.base.svg import line, number, text
from overton.web.pages.trials import TrialLine

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 420, 200, 60, 12, 24, 40
ROOM = 0.06  # of each axis, beyond the outermost points
TICKS = 4
RADIUS = {"best": 6.0, "front": 4.5}


def trials_chart(trials: Sequence[TrialLine], bound: float | None, title: str) -> Markup:
    """The drawing; empty where fewer than two trials were measured.

    Args:
        trials: Trials with a value and a latency.
        bound: The latency that serving had to meet, in milliseconds; None for none.
        title: What it shows.
    """
    points = [(one, one.p99_ms, one.value) for one in trials if one.p99_ms is not None and one.value is not None]
    if len(points) < 2:
        return Markup("")
    across = _scale([x for _, x, _ in points] + ([bound] if bound else []), LEFT, LEFT + WIDTH)
    upwards = _scale([y for _, _, y in points], TOP + HEIGHT, TOP)
    parts = []
    for step in range(TICKS + 1):
        x, y = LEFT + WIDTH * step / TICKS, TOP + HEIGHT * step / TICKS
        parts += [line(LEFT, y, LEFT + WIDTH, y, "gd"), line(x, TOP, x, TOP + HEIGHT, "gd")]
        parts.append(text(LEFT - 6, y + 4, f"{upwards.value(y):.3f}", anchor="end", kind="qt"))
        parts.append(text(x, TOP + HEIGHT + 15, f"{across.value(x):.3g}", anchor="middle", kind="qt"))
    parts.append(text(LEFT + WIDTH / 2, TOP + HEIGHT + 33, "p99 of a query, ms", anchor="middle", kind="qt"))
    if bound:
        parts.append(line(across.at(bound), TOP, across.at(bound), TOP + HEIGHT, "ax", dashed=True))
    front = sorted((x, y) for one, x, y in points if one.mark in RADIUS)
    places = " ".join(f"{number(across.at(x))},{number(upwards.at(y))}" for x, y in front)
    parts.append(f'<polyline class="ln" points="{places}"/>')
    for one, x, y in points:
        radius, left, top = RADIUS.get(one.mark, 3.0), across.at(x), upwards.at(y)
        parts.append(f'<circle class="dt" cx="{number(left)}" cy="{number(top)}" r="{number(radius)}"/>')
        parts.append(text(left + radius + 2, top - radius, str(one.number), kind="qt"))
    width, height = LEFT + WIDTH + RIGHT, TOP + HEIGHT + BOTTOM
    return Markup(
        f'<svg class="cc" viewBox="0 0 {width} {height}" width="{width}" role="img">'
        f"<title>{escape(legible(title))}</title>{''.join(parts)}</svg>"
    )


@dataclass(frozen=True, slots=True)
class _Scale:
    """A line from values to places on the page, and back."""

    low: float
    span: float
    start: float
    length: float

    def at(self, value: float) -> float:
        """The place of a value."""
        return self.start + self.length * (value - self.low) / self.span

    def value(self, place: float) -> float:
        """The value at a place."""
        return self.low + self.span * (place - self.start) / self.length


def _scale(values: Sequence[float], start: float, end: float) -> _Scale:
    low, high = min(values), max(values)
    room = (high - low) * ROOM or max(abs(high) * ROOM, 1e-6)
    return _Scale(low - room, high - low + 2 * room, start, end - start)
