"""Finding lines that hold more keys than were decoded: a key that stands twice, or one that the schema does not know.

A JSON parser keeps the last of two equal keys without a word. Counting keys finds both faults at the price of
one pass over the bytes; only a line whose counts differ is scanned properly.
"""

import re
from collections.abc import Sequence

import numpy as np
from numpy import ndarray

from overton.base.ragged import lengths

_QUOTE, _COLON, _SPACE = 34, 58, 32
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?', re.DOTALL)


def lost_keys(lines: Sequence[bytes], decoded: ndarray) -> ndarray:
    """Which lines hold another number of keys than was decoded.

    Args:
        lines: Lines of JSON.
        decoded: Number of keys that were decoded of each, int of shape (line,).

    Returns:
        Bool of shape (line,).
    """
    lost: ndarray = _plain_keys(lines) != decoded
    for number in np.flatnonzero(lost).tolist():
        lost[number] = _exact_keys(lines[number]) != decoded[number]
    return lost


def _plain_keys(lines: Sequence[bytes]) -> ndarray:
    """Number of `":` in each line, or -1 where a key may stand apart from its colon.

    Text inside strings can only add to it, so a number equal to that of the decoded keys proves that none was lost.
    """
    text = np.frombuffer(b"\n".join(lines), np.uint8)
    colon = np.flatnonzero(text == _COLON)
    before = text[colon - 1]
    line_end = np.cumsum(lengths(lines, len(lines)) + 1)
    keys: ndarray = np.diff(np.searchsorted(colon[before == _QUOTE], line_end), prepend=0)
    keys[np.searchsorted(line_end, _after_quote(text, colon[before <= _SPACE]), side="right")] = -1
    return keys


def _after_quote(text: ndarray, places: ndarray) -> ndarray:
    """Those of some places that have nothing but white space between them and a quote before them."""
    found = [places[:0]]
    back = places - 1
    while len(places):
        before = text[back]
        found.append(places[before == _QUOTE])
        goes_on = (before <= _SPACE) & (back > 0)
        places, back = places[goes_on], back[goes_on] - 1
    after: ndarray = np.concatenate(found)
    return after


def _exact_keys(line: bytes) -> int:
    return sum(1 for colon in _STRING.findall(line) if colon)
