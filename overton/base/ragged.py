"""Rows of different lengths kept flat, one after the other: where each starts, and where its items stand."""

from collections.abc import Iterable, Sized

import numpy as np
from numpy import ndarray


def lengths(rows: Iterable[Sized], n: int) -> ndarray:
    """Length of each of `n` rows, int64 of shape (row,)."""
    return np.fromiter(map(len, rows), np.int64, n)


def starts_of(length: ndarray) -> ndarray:
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
    return steps(np.zeros(len(length), np.int64), length)


def steps(start: ndarray, length: ndarray) -> ndarray:
    """The numbers from each start, as many as its length, one after the other: int64 of shape (item,).

    Example:
        >>> steps(np.array([7, 3]), np.array([2, 3])).tolist()
        [7, 8, 3, 4, 5]
    """
    first = starts_of(length)
    index = np.repeat(start - first[:-1], length)
    index += np.arange(first[-1])
    return index


def reaching(length: ndarray) -> list[int]:
    """How many rows have an item at each place, up to the longest row.

    Example:
        >>> reaching(np.array([3, 0, 1]))
        [2, 1, 1]
    """
    ended = np.cumsum(np.bincount(length))[:-1] if len(length) else np.zeros(0, np.int64)
    counts: list[int] = (len(length) - ended).tolist()
    return counts


def ranges(start: ndarray, stop: ndarray) -> ndarray:
    """The numbers of half-open ranges, one after the other: int64 of shape (item,).

    Example:
        >>> ranges(np.array([0, 7]), np.array([2, 10])).tolist()
        [0, 1, 7, 8, 9]
    """
    return steps(start, stop - start)


def spread(first: ndarray, rows: ndarray) -> ndarray:
    """Indexes of the items of some rows, one row after the other: int64 of shape (item,).

    Args:
        first: First item of each row and the end of the last, of shape (row + 1,).
        rows: The rows that are wanted, in any order and as often as one likes.

    Example:
        >>> spread(np.array([0, 2, 2, 5]), np.array([2, 0, 1])).tolist()
        [2, 3, 4, 0, 1]
    """
    if len(rows) == len(first) - 1 and np.array_equal(rows, np.arange(len(rows))):  # all of them in turn
        return np.arange(first[0], first[-1])
    start = first[rows]
    return steps(start, first[rows + 1] - start)


def row_sums(values: ndarray, first: ndarray) -> ndarray:
    """Sum of each row, of the shape (row, ...) and of the type of the values; 0 for an empty row."""
    filled = first[:-1] < first[1:]
    total = np.zeros((len(filled), *values.shape[1:]), values.dtype)
    if filled.any():
        total[filled] = np.add.reduceat(values, first[:-1][filled], axis=0)
    return total
