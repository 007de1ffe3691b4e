"""Pieces of drawings as SVG text, and round values for their axes: what every drawing of Overton is made of."""

import math
from xml.sax.saxutils import escape

TICKS = 5


def text(
    x: float,
    y: float,
    content: str,
    *,
    size: float | None = None,
    anchor: str = "start",
    kind: str = "text",
    weight: int | None = None,
) -> str:
    """One line of text.

    Args:
        x: Where it is anchored.
        y: Its base line.
        content: What it says; escaped here.
        size: Height of its letters; that of what is around it where None.
        anchor: `start`, `middle` or `end`.
        kind: Its class.
        weight: How heavy its letters are; as what is around it where None.
    """
    more = "" if size is None else f' font-size="{size:g}"'
    more += "" if weight is None else f' font-weight="{weight}"'
    more += "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text class="{kind}" x="{number(x)}" y="{number(y)}"{more}>{escape(content)}</text>'


def line(x: float, y: float, x_end: float, y_end: float, kind: str, *, width: float = 1, dashed: bool = False) -> str:
    """One straight line."""
    more = "" if width == 1 else f' stroke-width="{width:g}"'
    more += ' stroke-dasharray="5 4"' if dashed else ""
    ends = f'x1="{number(x)}" y1="{number(y)}" x2="{number(x_end)}" y2="{number(y_end)}"'
    return f'<line class="{kind}" {ends}{more}/>'


def whisker(x: float, low: float, high: float, kind: str) -> str:
    """An upright spread with its two ends."""
    ends = "".join(line(x - 3, y, x + 3, y, kind, width=1.5) for y in (low, high))
    return line(x, low, x, high, kind, width=1.5) + ends


def number(value: float) -> str:
    """A coordinate, to a tenth.

    Example:
        >>> number(12.04), number(3.46)
        ('12', '3.5')
    """
    return f"{value:.1f}".removesuffix(".0")


def nice_ticks(low: float, high: float, n: int = TICKS) -> list[float]:
    """About so many round values that reach over a range.

    Example:
        >>> nice_ticks(0.62, 0.91)
        [0.6, 0.7, 0.8, 0.9, 1.0]
    """
    span = max(high - low, abs(high) * 0.02, 1e-6)
    rough = span / n
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    digits = max(0, 3 - math.floor(math.log10(step)))
    return [round(place * step, digits) for place in range(first, max(last, first + 1) + 1)]
