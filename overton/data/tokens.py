"""Overton's own tokenizer: text to tokens, for texts that come without any.

A token is a number (`9.0`, `1,000`), a word (letters of any script with their marks, and digits), one character of a
script that is written without spaces (Han, Kana, Thai, Khmer, ...), or one sign. White space parts tokens.
"""

import re
import unicodedata
from functools import cache

# Scripts without spaces between words: Thai, Lao, Tibetan, Myanmar, Khmer, Kana, Bopomofo, Han and its extensions.
_SPACELESS = (
    "\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46\u0e81-\u0eb0\u0eb2\u0eb3\u0ebd-\u0ec6\u0f40-\u0f6c\u1000-\u102a\u103f\u1780-\u17b3"
    "\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f\u31a0-\u31bf\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
_ASCII = re.compile(r"\d+(?:[.,]\d+)+(?![\w])|\w+|[^\w\s]", re.ASCII)
_MARK_CATEGORIES = frozenset({"Mn", "Mc", "Me"})
_MARK_PLANES = (range(0x300, 0x20000), range(0xE0100, 0xE01F0))


def tokenize(text: str) -> list[str]:
    """The tokens of a text, in order; none for a text of white space.

    Example:
        >>> tokenize("How tall is Mt. Everest, 8,848 m?")
        ['How', 'tall', 'is', 'Mt', '.', 'Everest', ',', '8,848', 'm', '?']
        >>> tokenize("東京タワー is 333m")
        ['東', '京', 'タ', 'ワ', 'ー', 'is', '333m']
    """
    return (_ASCII if text.isascii() else _any_script()).findall(text)


@cache
def _any_script() -> "re.Pattern[str]":
    # Made when the first text beyond ASCII comes: `re` counts combining marks as punctuation, which would cut the words
    # of half the world's scripts in two, so their ranges are read off the Unicode tables (20 ms).
    mark = _marks()
    letter = rf"(?:(?![{_SPACELESS}])[\w{mark}])"
    number = rf"\d+(?:[.,]\d+)+(?![\w{mark}])"
    spaceless = f"[{_SPACELESS}][{mark}]*"
    sign = rf"[^\s][{mark}]*(?:\u200d[^\s][{mark}]*)*"
    return re.compile(f"{number}|{letter}+|{spaceless}|{sign}")


def _marks() -> str:
    points = [
        point for plane in _MARK_PLANES for point in plane if unicodedata.category(chr(point)) in _MARK_CATEGORIES
    ]
    ranges: list[list[int]] = []
    for point in points:
        if ranges and point == ranges[-1][1] + 1:
            ranges[-1][1] = point
        else:
            ranges.append([point, point])
    return "".join(f"{chr(low)}-{chr(high)}" for low, high in ranges)
