"""Small drawings within tables: a figure with its interval on a scale, a change about zero, a share as a bar.

They have no text: what they show stands beside them in figures, so they are hidden from screen readers.
"""

from markupsafe import Markup

from overton.base.svg import number

WIDTH, HEIGHT = 100, 12
MIDDLE = HEIGHT / 2


def interval(
    value: float | None,
    low: float | None,
    high: float | None,
    level: float | None = None,
    other: float | None = None,
    start: float = 0.0,
) -> Markup:
    """A figure on a scale that ends at 1.

    Args:
        value: The figure: a dot.
        low: Lower end of its interval; None for none.
        high: Upper end.
        level: A value that is marked by an upright line; None for none.
        other: A second figure, as a hollow diamond; None for none.
        start: Where the scale begins; what lies before it is shown there.
    """

    def at(value: float) -> str:
        return number(max(value - start, 0) / (1 - start) * WIDTH)

    parts = [f'<path class="lv" d="M{at(level)} 0V{HEIGHT}"/>'] if level is not None else []
    if low is not None and high is not None:
        parts.append(f'<path class="wh" d="M{at(low)} 6H{at(high)}"/>')
    if other is not None:
        parts.append(f'<path class="ot" d="M{at(other)} 2l4 4l-4 4l-4 -4z"/>')
    if value is not None:
        parts.append(f'<circle cx="{at(value)}" cy="6" r="3"/>')
    return _small("".join(parts))


def change(value: float | None, low: float | None, high: float | None, reach: float) -> Markup:
    """A change on a scale about zero.

    Args:
        value: The change: a dot.
        low: Lower end of its interval; None for none.
        high: Upper end.
        reach: The greatest change that the scale shows; what lies beyond ends at its edge.
    """

    def at(change: float) -> str:
        return number((min(max(change / reach, -1), 1) + 1) / 2 * WIDTH)

    parts = [f'<path class="lv" d="M{WIDTH / 2:g} 0V{HEIGHT}"/>']
    if low is not None and high is not None:
        parts.append(f'<path class="wh" d="M{at(low)} 6H{at(high)}"/>')
    if value is not None:
        parts.append(f'<circle cx="{at(value)}" cy="6" r="3"/>')
    return _small("".join(parts))


def bar(share: float | None) -> Markup:
    """A share from 0 to 1 as a bar."""
    return _small(f'<path class="br" d="M0 6H{number(min(max(share, 0), 1) * WIDTH)}"/>' if share else "")


def _small(parts: str) -> Markup:
    return Markup(f'<svg class="iv" viewBox="-4 0 108 12" aria-hidden="true">{parts}</svg>')
