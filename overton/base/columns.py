"""Text in the columns of a terminal: how wide it is, padded, cut, wrapped, and aligned as a table.

A character of East Asian scripts or an emoji takes two columns, a mark that is set over another takes none, and what
`legible` shows by its number takes the columns of that.

Source: Unicode Standard Annex 11, East Asian Width.
"""

import re
import textwrap
import unicodedata
from collections.abc import Sequence
from itertools import accumulate

from overton.base.legible import legible

GAP = "  "
_WORD = re.compile(r"(\S+)(\s*)")
_WIDE = frozenset("WF")
_WITHOUT_WIDTH = frozenset({"Mn", "Me", "Cf"})
_SOFT_HYPHEN = "\u00ad"  # a format character that terminals show
_JAMO = range(0x1160, 0x1200)  # vowels and finals, drawn into the syllable before them


def width_of(text: str) -> int:
    r"""Columns that a line of text takes.

    Example:
        >>> width_of("Zurich"), width_of("Zu\u0308rich"), width_of("東京"), width_of("\x1b")
        (6, 6, 4, 6)
    """
    return len(text) if text.isascii() and text.isprintable() else sum(map(_width, text))


def padded(text: str, width: int, *, right: bool = False) -> str:
    """A text with blanks after it, or before it where it stands to the right, up to so many columns.

    Example:
        >>> padded("東京", 6) + "|" + padded("7", 3, right=True)
        '東京  |  7'
    """
    blanks = " " * (width - width_of(text))
    return blanks + text if right else text + blanks


def cut(text: str, width: int, mark: str = "…") -> str:
    """A text that ends with a mark where it takes more columns than there are.

    Example:
        >>> cut("Tokyo", 5), cut("Kyoto Tokyo", 5), cut("東京都港区", 6)
        ('Tokyo', 'Kyot…', '東京…')
    """
    if width_of(text) <= width:
        return text
    return text[: _fitting(text, width - width_of(mark))] + mark


def shortened(text: str, width: int) -> str:
    """As many words of a text as fit into so many columns, with one blank between them, and a mark after them.

    Example:
        >>> shortened("Kyoto  and Tokyo", 11), shortened("東京都港区", 8)
        ('Kyoto and …', '東京都 …')
    """
    text = " ".join(text.split())
    return text if width_of(text) <= width else wrapped(text, width - 2)[0] + " …"


def wrapped(
    text: str,
    width: int,
    *,
    indent: str = "",
    indent_rest: str | None = None,
    break_on_hyphens: bool = True,
    break_long_words: bool = True,
) -> list[str]:
    """A text as lines of so many columns; as `textwrap` has them where each character takes one.

    Args:
        text: The text.
        width: Columns of a line, its indent included.
        indent: Stands before the first line.
        indent_rest: Stands before the others; the same where it is not given.
        break_on_hyphens: Whether a line may end with a hyphen.
        break_long_words: Whether a word that is wider than a line is broken.

    Example:
        >>> wrapped("Kyoto 東京都港区", 8, indent_rest="  ")
        ['Kyoto 東', '  京都港', '  区']
    """
    rest = indent if indent_rest is None else indent_rest
    if not text.isascii() and any(_width(character) != 1 for character in text):
        return _wrapped(text, width, indent, rest, break_long_words=break_long_words)
    return textwrap.wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=rest,
        break_on_hyphens=break_on_hyphens,
        break_long_words=break_long_words,
    )


def aligned(rows: Sequence[Sequence[str]], *, n_left: int | None = None) -> list[str]:
    """Rows of cells as lines, each column as wide as its widest cell.

    Args:
        rows: The cells of each row, as many in each; the head is a row as others are.
        n_left: How many columns stand to the left, the others to the right; all to the left where it is not given.

    Example:
        >>> aligned([("city", "n"), ("東京", "12")], n_left=1)
        ['city   n', '東京  12']
    """
    widths = [max(map(width_of, column)) for column in zip(*rows, strict=True)]
    n_left = len(widths) if n_left is None else n_left
    return [
        GAP.join(
            padded(cell, width, right=place >= n_left)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def ruled(title: str, width: int) -> str:
    """A title with a line drawn from it to the edge.

    Example:
        >>> ruled("東京  ", 10)
        '東京  ----'
    """
    return title + "-" * (width - width_of(title))


def _wrapped(text: str, width: int, indent: str, rest: str, *, break_long_words: bool) -> list[str]:
    lines: list[str] = []
    # Blanks before the text stay, as with `textwrap`. Bare: the line holds its indent alone.
    line, gap, bare = indent, " " * (len(text) - len(text.lstrip())), True
    for word, blanks in _WORD.findall(text):
        while word and width_of(line + gap + word) > width:
            if bare and gap:
                gap = ""
                continue
            long = break_long_words and width_of(rest + word) > width
            n = _fitting(word, width - width_of(line + gap)) if long else 0
            if bare:  # something goes onto each line, however narrow
                n = max(n, 1) if long else len(word)
            lines.append(line + gap + word[:n] if n else line)
            word, line, gap, bare = word[n:], rest, "", True
        if word:
            line, gap, bare = line + gap + word, " " * len(blanks), False
    return lines if bare else [*lines, line]


def _fitting(text: str, width: int) -> int:
    """How many characters of a text fit into so many columns; a mark stays with the character that it is set over."""
    return sum(taken <= width for taken in accumulate(map(_width, text)))


def _width(character: str) -> int:
    if unicodedata.east_asian_width(character) in _WIDE:
        return 2
    shown = legible(character)
    if shown != character:
        return len(shown)
    hidden = unicodedata.category(character) in _WITHOUT_WIDTH and character != _SOFT_HYPHEN
    return 0 if hidden or ord(character) in _JAMO else 1
