"""The different ones among very many 64-bit hashes, and which of them each is, without sorting them all."""

import numpy as np
from numpy import ndarray

SLOTS = 4  # per different hash: how thinly the table is filled


def number_hashes(hashes: ndarray) -> tuple[ndarray, ndarray]:
    """The different hashes, ascending, and the number among them of each.

    Args:
        hashes: Uint64 of shape (row,), well mixed: their last bits say where they are looked for.

    Returns:
        Uint64 of shape (number,), and int32 of shape (row,).

    Example:
        >>> number_hashes(np.array([7, 3, 7], np.uint64))
        (array([3, 7], dtype=uint64), array([1, 0, 1], dtype=int32))
    """
    distinct = np.unique(hashes)
    return distinct, _look_up(hashes, distinct, _table(distinct))


def _table(distinct: ndarray) -> ndarray:
    """A hash table with linear probing: number of a hash at its last bits, or at the next free place behind them."""
    table = np.full(1 << (SLOTS * max(len(distinct), 1) - 1).bit_length(), -1, np.int32)
    place = _places(distinct, table)
    left = np.arange(len(distinct), dtype=np.int32)
    while len(left):
        free = table[place] < 0
        table[place[free]] = left[free]
        lost = table[place] != left
        left, place = left[lost], (place[lost] + 1) & (len(table) - 1)
    return table


def _look_up(hashes: ndarray, distinct: ndarray, table: ndarray) -> ndarray:
    place = _places(hashes, table)
    number: ndarray = table[place]
    wrong = np.flatnonzero(distinct[number] != hashes) if len(hashes) else place
    place = place[wrong]
    while len(wrong):
        place = (place + 1) & (len(table) - 1)
        number[wrong] = table[place]
        other = distinct[number[wrong]] != hashes[wrong]
        wrong, place = wrong[other], place[other]
    return number


def _places(hashes: ndarray, table: ndarray) -> ndarray:
    places: ndarray = (hashes & np.uint64(len(table) - 1)).astype(np.int64)
    return places
