"""Probabilities against what came true: on the diagonal they mean what they say."""

import math
from collections.abc import Sequence

from markupsafe import Markup, escape

from overton.base import legible
from overton.base.svg import line, number, text

SIDE, LEFT, TOP, RIGHT, BOTTOM = 200, 52, 10, 12, 40
LEAST, MOST = 2.5, 7.0  # radii
Z = 1.96


def calibration_curve(n: Sequence[int], confidence: Sequence[float], outcome: Sequence[float], title: str) -> Markup:
    """The curve.

    Args:
        n: Probabilities in each bin; the larger the bin, the larger its dot.
        confidence: Their mean.
        outcome: Share of them that came true, with its spread of 95 %.
        title: What it shows.
    """
    right, bottom = LEFT + SIDE, TOP + SIDE
    parts = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(line(LEFT, _y(tick), right, _y(tick), "gd"))
        parts.append(line(_x(tick), TOP, _x(tick), bottom, "gd"))
        parts.append(text(LEFT - 6, _y(tick) + 4, f"{tick:g}", anchor="end", kind="qt"))
        parts.append(text(_x(tick), bottom + 15, f"{tick:g}", anchor="middle", kind="qt"))
    parts.append(line(LEFT, bottom, right, TOP, "ax", dashed=True))
    parts.append(text(LEFT + SIDE / 2, bottom + 33, "probability", anchor="middle", kind="qt"))
    upright = text(0, 0, "share that came true", anchor="middle", kind="qt")
    parts.append(f'<g transform="translate(11 {TOP + SIDE / 2:g}) rotate(-90)">{upright}</g>')
    places = " ".join(f"{number(_x(c))},{number(_y(o))}" for c, o in zip(confidence, outcome, strict=True))
    parts.append(f'<polyline class="ln" points="{places}"/>')
    most = max(n, default=1)
    spreads, dots = [], []
    for count, said, true in zip(n, confidence, outcome, strict=True):
        low, high = _spread(true, count)
        spreads.append(_whisker(_x(said), _y(low), _y(high)))
        radius = LEAST + (MOST - LEAST) * math.sqrt(count / most)
        dots.append(f'<circle class="dt" cx="{number(_x(said))}" cy="{number(_y(true))}" r="{number(radius)}"/>')
    parts += [f'<path class="wh" d="{"".join(spreads)}"/>', *dots]
    width, height = right + RIGHT, bottom + BOTTOM
    return Markup(
        f'<svg class="cc" viewBox="0 0 {width} {height}" width="{width}" role="img">'
        f"<title>{escape(legible(title))}</title>{''.join(parts)}</svg>"
    )


def _x(value: float) -> float:
    return LEFT + SIDE * value


def _y(value: float) -> float:
    return TOP + SIDE * (1 - value)


def _whisker(x: float, low: float, high: float) -> str:
    """An upright spread with its two ends, as steps of a path."""
    left = number(x - 3)
    return f"M{left} {number(low)}h6m-3 0V{number(high)}m-3 0h6"


def _spread(share: float, n: int) -> tuple[float, float]:
    """Wilson's interval of a share of n."""
    square = Z * Z / n
    middle = (share + square / 2) / (1 + square)
    half = Z * math.sqrt(share * (1 - share) / n + square / (4 * n)) / (1 + square)
    return max(middle - half, 0), min(middle + half, 1)
