"""What is known of each string of a pool, in growing tables, so that a string is looked at once."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy import ndarray

from overton.data import Pool

FIRST_SIZE = 1024


class Table:
    """Numbers of the strings of a pool, a row each, made when first asked for; row 0 is that of padding, all zero.

    Args:
        width: Numbers of a string.
        function: Gives the numbers of some strings, of shape (text, width).
    """

    def __init__(self, width: int, function: Callable[[Sequence[str]], ndarray]) -> None:
        self._function = function
        self._rows = np.zeros((FIRST_SIZE, width), np.int32)
        self._known = np.zeros(FIRST_SIZE, bool)
        self._known[0] = True

    def take(self, strings: ndarray, pool: Pool) -> ndarray:
        """Numbers of strings by their places in the pool, int32 of shape (row, item, width)."""
        rows = strings + 1
        self._learn(rows, pool)
        found: ndarray = self._rows.take(rows, axis=0)
        return found

    def learn(self, strings: ndarray, pool: Pool) -> None:
        """Look at those strings that are new, of any shape."""
        self._learn(strings + 1, pool)

    def _learn(self, rows: ndarray, pool: Pool) -> None:
        if len(pool.texts) >= len(self._known):
            self._rows = grown(self._rows, len(pool.texts) + 1, 0)
            self._known = grown(self._known, len(pool.texts) + 1, False)
        known = self._known.take(rows)
        if known.all():
            return
        missing = np.unique(rows[~known])
        self._rows[missing] = self._function([pool.texts[row - 1] for row in missing.tolist()])
        self._known[missing] = True


def grown(array: ndarray, size: int, fill: int | bool) -> ndarray:
    """An array with the same beginning and room for at least so many rows, twice as many as before or more."""
    more = max(size, 2 * len(array)) - len(array)
    return np.concatenate([array, np.full((more, *array.shape[1:]), fill, array.dtype)])
