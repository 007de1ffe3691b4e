"""Strings to rows of a matrix of pretrained vectors.

Row 0 is padding, 1 a string that has no vector, 2 the first word that has one.
"""

import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy import ndarray

from overton.codec.features import DIGITS

UNKNOWN, FIRST = 1, 2


def forms(text: str) -> tuple[str, ...]:
    """The forms under which a string is looked for among the words of a file, the best first.

    Example:
        >>> forms("Paris-24")
        ('Paris-24', 'paris-24', 'paris-00')
    """
    normal = unicodedata.normalize("NFC", text)
    lower = normal.lower()
    return tuple(dict.fromkeys((text, normal, lower, lower.translate(DIGITS))))


class Rows:
    """The words that have a vector, in the order of their rows.

    Args:
        words: The content of a file of strings: the words, one a line.
    """

    def __init__(self, words: str) -> None:
        self._row = {word: row for row, word in enumerate(words.split("\n"), FIRST)}

    def __call__(self, texts: Sequence[str]) -> ndarray:
        """The row of each string, int32 of shape (text, 1)."""
        return np.array([[self._find(text)] for text in texts], np.int32).reshape(-1, 1)

    def _find(self, text: str) -> int:
        return next((self._row[form] for form in forms(text) if form in self._row), UNKNOWN)
