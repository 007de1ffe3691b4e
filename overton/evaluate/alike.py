"""Records that are alike: a million records have few different rows of small counts, so these are counted instead."""

from collections.abc import Sequence

import numpy as np
from numpy import ndarray

WIDEST = 1 << 22  # numbers that are told apart at a time


def number_alike(columns: Sequence[ndarray], most: int) -> tuple[ndarray, int] | None:
    """Give records that are alike in all columns one number.

    Args:
        columns: Whole numbers from 0, of any type, each of shape (record,).
        most: How many different rows there may be.

    Returns:
        The number of each record, int64 of shape (record,), and how many there are; None where that is more.

    Example:
        >>> number_alike([np.array([1, 0, 1, 1]), np.array([2, 2, 2, 0])], 10)
        (array([2, 0, 2, 1]), 3)
    """
    if not columns:
        return None
    number, n = np.zeros(len(columns[0]), np.int64), 1
    for column in columns:
        size = int(column.max(initial=0)) + 1
        if n * size > WIDEST:
            return None
        number = number * size + column.astype(np.int64)
        there = np.bincount(number, minlength=n * size) > 0
        n = int(there.sum())
        if n > most:
            return None
        number = (np.cumsum(there) - 1)[number]
    return number, n


def one_of_each(column: ndarray, number: ndarray, n: int) -> ndarray:
    """What records that are alike have in a column, of shape (n,)."""
    value = np.zeros(n, column.dtype)
    value[number] = column
    return value
