"""Rows of different lengths kept one after the other: where each starts, and where each of its items stands."""

from collections.abc import Iterable, Sized

import numpy as np
from numpy import ndarray


def starts(length: ndarray) -> ndarray:
    """First item of each row and the end of the last, int64 of shape (row + 1,)."""
    first = np.zeros(len(length) + 1, np.int64)
    np.cumsum(length, out=first[1:])
    return first


def positions(length: ndarray) -> ndarray:
    """Place of each item within its row, int64 of shape (item,).

    Example:
        >>> positions(np.array([2, 0, 3])).tolist()
        [0, 1, 0, 1, 2]
    """
    first = starts(length)
    place: ndarray = np.arange(first[-1]) - np.repeat(first[:-1], length)
    return place


def spread(start: ndarray, length: ndarray) -> ndarray:
    """Indexes of the items of rows that lie anywhere, int64 of shape (item,).

    Example:
        >>> spread(np.array([10, 50]), np.array([2, 3])).tolist()
        [10, 11, 50, 51, 52]
    """
    first = starts(length)
    index: ndarray = np.arange(first[-1]) + np.repeat(start - first[:-1], length)
    return index


def lengths(rows: Iterable[Sized], n: int) -> ndarray:
    """Length of each of `n` rows, int64 of shape (row,)."""
    return np.fromiter(map(len, rows), np.int64, n)
