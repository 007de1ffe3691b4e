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
        if len(pool.texts) >= len(self._known):
            self._grow(len(pool.texts) + 1)
        if not self._known.take(rows).all():
            self._learn(rows, pool)
        found: ndarray = self._rows.take(rows, axis=0)
        return found

    def _grow(self, size: int) -> None:
        more = max(size, 2 * len(self._known)) - len(self._known)
        self._rows = np.concatenate([self._rows, np.zeros((more, self._rows.shape[1]), np.int32)])
        self._known = np.concatenate([self._known, np.zeros(more, bool)])

    def _learn(self, rows: ndarray, pool: Pool) -> None:
        missing = np.unique(rows)
        missing = missing[~self._known[missing]]
        self._rows[missing] = self._function([pool.texts[row - 1] for row in missing.tolist()])
        self._known[missing] = True
