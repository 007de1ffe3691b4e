"""Ragged rows held flat: row r is `first[r]` to `first[r + 1]` of some array, and whole sets of rows at once."""

import numpy as np
from numpy import ndarray


def starts_of(lengths: ndarray) -> ndarray:
    """First place of each row, and the end of the last: int64 of shape (row + 1,)."""
    first = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=first[1:])
    return first


def spread(first: ndarray, rows: ndarray) -> ndarray:
    """Places of the entries of some rows, one row after the other.

    Args:
        first: First place of each row, int64 of shape (row + 1,).
        rows: The rows that are wanted, in any order and as often as one likes.

    Example:
        >>> spread(np.array([0, 2, 2, 5]), np.array([2, 0, 1])).tolist()
        [2, 3, 4, 0, 1]
    """
    if len(rows) == len(first) - 1 and np.array_equal(rows, np.arange(len(rows))):  # all of them in turn
        return np.arange(first[0], first[-1])
    start = first[rows]
    length = first[rows + 1] - start
    return steps(start, length)


def steps(start: ndarray, length: ndarray) -> ndarray:
    """The numbers from each start, as many as its length, one after the other.

    Example:
        >>> steps(np.array([7, 3]), np.array([2, 3])).tolist()
        [7, 8, 3, 4, 5]
    """
    if not length.all():
        filled = np.flatnonzero(length)
        start, length = start[filled], length[filled]
    if not len(length):
        return np.zeros(0, np.int64)
    step = np.ones(int(length.sum()), np.int64)
    step[0] = start[0]
    step[np.cumsum(length[:-1])] = start[1:] - start[:-1] - length[:-1] + 1
    return np.cumsum(step, out=step)


def row_sums(values: ndarray, first: ndarray) -> ndarray:
    """Sum of each row, of the shape (row, ...) and of the type of the values; 0 for an empty row."""
    filled = first[:-1] < first[1:]
    total = np.zeros((len(filled), *values.shape[1:]), values.dtype)
    if filled.any():
        total[filled] = np.add.reduceat(values, first[:-1][filled], axis=0)
    return total
