"""Small drawings within tables: a figure with its interval on a scale, a change about zero, a share as a bar.

They have no text: what they show stands beside them in figures, so they have no title either.
"""

from markupsafe import Markup

WIDTH, HEIGHT = 84, 12  # pixels, as the style sheet has them; text without a box to scale is shorter


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
        return f"{max(value - start, 0) / (1 - start) * WIDTH:.0f}"

    parts = [f'<path class="l" d="M{at(level)} 0V{HEIGHT}"/>'] if level is not None else []
    if low is not None and high is not None:
        parts.append(f'<path d="M{at(low)} 6H{at(high)}"/>')
    if other is not None:
        parts.append(f'<path class="o" d="M{at(other)} 2l4 4l-4 4l-4 -4z"/>')
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
        return f"{(min(max(change / reach, -1), 1) + 1) / 2 * WIDTH:.0f}"

    parts = [f'<path class="l" d="M{WIDTH / 2:g} 0V{HEIGHT}"/>']
    if low is not None and high is not None:
        parts.append(f'<path d="M{at(low)} 6H{at(high)}"/>')
    if value is not None:
        parts.append(f'<circle cx="{at(value)}" cy="6" r="3"/>')
    return _small("".join(parts))


def bar(share: float | None) -> Markup:
    """A share from 0 to 1 as a bar."""
    return _small(f'<path class="b" d="M0 6H{min(max(share, 0), 1) * WIDTH:.0f}"/>' if share else "")


def _small(parts: str) -> Markup:
    return Markup(f'<svg class="iv">{parts}</svg>')
