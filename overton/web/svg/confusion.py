"""What is taken for what, as a map: rows are true, columns are predicted, darker where more of the row is."""

from collections.abc import Sequence

from markupsafe import Markup, escape

from overton.base import legible
from overton.base.svg import number, text
from overton.web.text import cut

CELL = 30
LETTER = 6.2  # about the width of a letter of the labels
LONGEST = 18
SHADES, DARK = 5, 4  # of a colour, by the share of the row, and from which on the ink is another
MANY = 10_000


def confusion_map(classes: Sequence[str], counts: Sequence[Sequence[int]], title: str) -> Markup:
    """The map.

    Args:
        classes: Names of the classes.
        counts: How often each class (a row) is predicted as each (a column).
        title: What it shows.
    """
    names = [cut(legible(name), LONGEST) for name in classes]
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
    parts += _cells(counts, left, top)
    width, height = left + side + left * 0.5, top + side + 8
    return Markup(
        f'<svg class="cm" viewBox="0 0 {number(width)} {number(height)}" width="{number(width)}" role="img">'
        f"<title>{escape(legible(title))}</title>{''.join(parts)}</svg>"
    )


def _cells(counts: Sequence[Sequence[int]], left: float, top: float) -> list[str]:
    """The cells that hold something: one path for each shade, and the counts in the ink that is seen on it."""
    squares: dict[str, list[str]] = {}
    told: dict[str, list[str]] = {"": [], "on": []}
    size = CELL - 2
    for row, line in enumerate(counts):
        total = sum(line)
        for column, n in enumerate(line):
            if not n:
                continue
            shade = min(int(n / total * SHADES) + 1, SHADES)
            x, y = round(left + CELL * column + 1), round(top + CELL * row + 1)
            squares.setdefault(f"{'ok' if row == column else 'no'}{shade}", []).append(
                f"M{x} {y}h{size}v{size}h-{size}"
            )
            words = f"{n}" if n < MANY else f"{n / 1000:.0f}k"
            told["on" if shade >= DARK else ""].append(
                f'<text x="{x + size // 2}" y="{y + size // 2 + 4}">{words}</text>'
            )
    paths = [f'<path class="{kind}" d="{"".join(steps)}"/>' for kind, steps in squares.items()]
    return [*paths, *(f'<g class="n {kind}">{"".join(words)}</g>' for kind, words in told.items() if words)]


def _frame(left: float, top: float, side: float) -> str:
    x, y = number(left), number(top)
    return f"M{x} {y}h{number(side)}v{number(side)}h-{number(side)}z"
