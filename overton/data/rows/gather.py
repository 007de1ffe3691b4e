"""Rows of the store to padded arrays, with no loop over records.

Every column is read from the map as runs of words, all as long as the longest record of the batch needs, by one look-up
in a view of the map in which each word begins such a run; what lies behind a record's own items is then padded.
"""

from functools import cache

import numpy as np
from numpy import ndarray

from overton.data.batch import Column
from overton.data.rows.layout import Layout

PADDING = -1
_WIDEST_TABLE = 128


def cut_columns(
    words: ndarray, begin: ndarray, layout: Layout, remap: ndarray | None = None, base: ndarray | None = None
) -> dict[str, Column]:
    """The columns of some rows, by name of payload.

    Args:
        words: Rows one after the other, int32, with as many words behind the last as the widest row has.
        begin: First word of each row, int64 of shape (record,).
        layout: The plan of a row.
        remap: Number in the common pool of the strings of every shard, one shard after the other; None where the
            words have these numbers already.
        base: First entry of `remap` of the shard of each row, int of shape (record,).
    """
    head = take_words(words, begin, len(layout.items)).T
    lengths = np.maximum(head, 0, order="C")
    present = np.greater_equal(head, 0, order="C")
    longest = lengths.max(axis=1, initial=0).tolist()
    begin = begin + len(layout.items)
    columns: dict[str, Column] = {}
    for place, payload in enumerate(layout.items):
        length, width = lengths[place], longest[place]
        found = take_words(words, begin, width)
        if remap is not None and base is not None:
            found = remap.take(found + base[:, None], mode="clip")
        ranges = None
        begin = begin + length
        if payload.range:
            ranges = _zero_behind(take_words(words, begin, 2 * width), length, width)
            begin = begin + 2 * length
        columns[payload.name] = Column(_pad_behind(found, length, width), length, present[place], ranges)
    for payload in layout.resting:
        bases = layout.item_bases[payload.name]
        columns[payload.name] = resting_column(
            present[bases[0]] if len(bases) == 1 else present[list(bases)].any(axis=0)
        )
    return columns


def take_words(words: ndarray, begin: ndarray, width: int) -> ndarray:
    """Runs of words, int32 of shape (run, width).

    Args:
        words: All words, int32, contiguous.
        begin: First word of each run; there are `width` words from each on.
        width: Words of each run.
    """
    # Looking up rows of this view copies whole runs; an index of every word would cost more than the words.
    view: ndarray = np.ndarray((len(words) - width + 1, width), np.int32, words, 0, (4, 4))
    runs: ndarray = view[begin]
    return runs


def resting_column(present: ndarray) -> Column:
    """The column of a singleton that holds nothing but its bases.

    Args:
        present: Whether any of them is there, bool of shape (record,).
    """
    return Column(np.zeros((len(present), 0), np.int32), np.zeros(len(present), np.int32), present)


def _pad_behind(found: ndarray, length: ndarray, width: int) -> ndarray:
    """The same numbers, none of them negative, with padding behind the items of each record."""
    # -1 has all bits set, so that "or" writes it; a table look-up and an "or" cost half of a mask and a choice.
    padded: ndarray = (
        found | _paddings(width).take(length, axis=0) if width <= _WIDEST_TABLE else found | _padding(length, width)
    )
    return padded


def _zero_behind(spans: ndarray, length: ndarray, width: int) -> ndarray:
    """Spans, int32 of shape (record, member, 2), with (0, 0) behind the members of each record."""
    if width <= _WIDEST_TABLE:
        kept: ndarray = spans & _pairs(width).take(length, axis=0)
    else:
        kept = spans & ~_padding(length, width).repeat(2, axis=1)
    return kept.reshape(len(length), width, 2)


def _padding(length: ndarray, width: int) -> ndarray:
    padding: ndarray = np.where(np.arange(width) < length[:, None], np.int32(0), np.int32(PADDING))
    return padding


@cache
def _paddings(width: int) -> ndarray:
    """For every length 0 behind which padding begins: 0 for an item and -1 for padding, shape (length, item)."""
    return _padding(np.arange(width + 1), width)


@cache
def _pairs(width: int) -> ndarray:
    """For every length: -1 for both ends of the span of a member and 0 behind, shape (length, 2 * member)."""
    pairs: ndarray = ~_paddings(width).repeat(2, axis=1)
    return pairs
