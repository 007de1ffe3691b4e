"""What is taken for what, as a map: rows are true, columns are predicted, darker where more of the row is."""

from collections.abc import Sequence

from markupsafe import Markup, escape

from overton.base.svg import number, text
from overton.web.text import cut, shown

CELL = 30
LETTER = 6.2  # about the width of a letter of the labels
LONGEST = 18
SHADES = 5  # of a colour, by the share of the row


def confusion_map(classes: Sequence[str], counts: Sequence[Sequence[int]], title: str) -> Markup:
    """The map.

    Args:
        classes: Names of the classes.
        counts: How often each class (a row) is predicted as each (a column).
        title: What it shows.
    """
    names = [cut(shown(name), LONGEST) for name in classes]
    left = max((len(name) for name in names), default=0) * LETTER + 12
    top = left * 0.72 + 8
    side = CELL * len(classes)
    parts = []
    for place, name in enumerate(names):
        middle = CELL * (place + 0.5)
        parts.append(text(left - 6, top + middle + 4, name, anchor="end", kind="tx"))
        x = left + middle
        parts.append(f'<g transform="translate({number(x - 2)} {number(top - 6)}) rotate(-45)">{text(0, 0, name)}</g>')
    parts.append(f'<path class="gd" d="{_frame(left, top, side)}"/>')
    for row, line in enumerate(counts):
        total = sum(line)
        for column, n in enumerate(line):
            if n:
                parts.append(_cell(left + CELL * column, top + CELL * row, n, n / total, right=row == column))
    width, height = left + side + left * 0.5, top + side + 8
    return Markup(
        f'<svg class="cm" viewBox="0 0 {number(width)} {number(height)}" width="{number(width)}" role="img">'
        f"<title>{escape(title)}</title>{''.join(parts)}</svg>"
    )


def _cell(x: float, y: float, n: int, share: float, *, right: bool) -> str:
    shade = min(int(share * SHADES) + 1, SHADES)
    kind = f"{'ok' if right else 'no'}{shade}"
    x, y = x + 1, y + 1
    told = f"{n}" if n < 10000 else f"{n / 1000:.0f}k"
    size = CELL - 2
    middle = f'x="{number(x + size / 2)}" y="{number(y + size / 2 + 4)}"'
    return f'<path class="{kind}" d="M{number(x)} {number(y)}h{size}v{size}h-{size}z"/><text {middle}>{told}</text>'


def _frame(left: float, top: float, side: float) -> str:
    x, y = number(left), number(top)
    return f"M{x} {y}h{number(side)}v{number(side)}h-{number(side)}z"
