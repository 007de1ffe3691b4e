"""The payloads of a chunk of records to rows: ranges placed, everything laid out as `Layout` says."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from overton.base.ragged import positions, starts_of, steps
from overton.data.encode.items import NO_RANGE, NULL, Items
from overton.data.rows.hashing import hash_rows
from overton.data.rows.layout import Layout


@dataclass(frozen=True, slots=True)
class Rows:
    """The payloads of the records of a chunk.

    Attributes:
        words: The rows one after the other, int32.
        length: Words of each row, int64 of shape (record,).
        full: Number of items as given, int32 of shape (record, payload with items); -1 for a null payload.
        content: Hash of the tokens of each record, uint64 of shape (record,).
        texts: Texts of each singleton as bytes, each ended by a line feed, nothing where null: one list a payload.
        bad: Records with a fault, bool of shape (record,).
        n_keys: Keys of JSON objects within the payloads of each record, int64 of shape (record,).
    """

    words: ndarray
    length: ndarray
    full: ndarray
    content: ndarray
    texts: tuple[list[bytes], ...]
    bad: ndarray
    n_keys: ndarray


def encode_rows(
    columns: Sequence[Items], texts: Sequence[list[bytes]], layout: Layout, string_hash: ndarray | None
) -> Rows:
    """Lay out the rows of a chunk.

    Args:
        columns: The payloads with items, in the order of the layout.
        texts: The texts of singletons, in the order of the layout.
        layout: The plan of a row.
        string_hash: Hash of every string of the pool; None where no hash of the content is wanted.
    """
    n = len(columns[0].full)
    bad = np.zeros(n, bool)
    ranges: list[ndarray | None] = []
    for payload, column in zip(layout.items, columns, strict=True):
        bad |= column.bad
        ranges.append(None)
        if payload.range:
            ranges[-1], wrong = _place_ranges(column, columns[layout.index[payload.range]])
            bad |= wrong
    words, length = _assemble(columns, ranges)
    return Rows(
        words=words,
        length=length,
        full=np.stack([column.full for column in columns], axis=1).astype(np.int32),
        content=np.zeros(n, np.uint64) if string_hash is None else _content(layout, columns, string_hash),
        texts=tuple(texts),
        bad=bad,
        n_keys=_keys(layout, columns),
    )


def _keys(layout: Layout, columns: Sequence[Items]) -> ndarray:
    """Keys of JSON objects within the payloads of each record, those of a field once where several payloads read it."""
    by_field: dict[str, ndarray] = {}
    for payload, column in zip(layout.items, columns, strict=True):
        by_field[payload.field] = np.maximum(by_field.get(payload.field, 0), column.n_keys)
    return sum(by_field.values(), np.zeros(len(columns[0].full), np.int64))


def _place_ranges(members: Items, sequence: Items) -> tuple[ndarray, ndarray]:
    """Spans of the kept members within the kept tokens, and the records where a span is wrong."""
    count = np.maximum(members.full, 0)
    owner = np.repeat(np.arange(len(count)), count)
    start, end = members.ranges[::2], members.ranges[1::2]
    none = start == NO_RANGE
    right = none | ((start >= 0) & (start < end) & (end <= sequence.full[owner]))
    bad = np.zeros(len(count), bool)
    bad[owner[~right]] = True
    last = sequence.kept[owner]
    inside = ~none & (start < last)
    placed = np.zeros((len(owner), 2), np.int64)
    placed[:, 0] = np.where(inside, start, 0)
    placed[:, 1] = np.where(inside, np.minimum(end, last), 0)
    if (members.kept < count).any():
        placed = placed[positions(count) < np.repeat(members.kept, count)]
    return placed.ravel(), bad


def _assemble(columns: Sequence[Items], ranges: list[ndarray | None]) -> tuple[ndarray, ndarray]:
    head = len(columns)
    parts: list[tuple[ndarray, ndarray]] = []
    for column, spans in zip(columns, ranges, strict=True):
        parts.append((column.kept, column.strings))
        if spans is not None:
            parts.append((2 * column.kept, spans))
    length = sum((kept for kept, _ in parts), np.full(len(columns[0].full), head, np.int64))
    first = starts_of(length)
    words = np.empty(int(first[-1]), np.int32)
    for place, column in enumerate(columns):
        words[first[:-1] + place] = np.where(column.full < 0, NULL, column.kept)
    begin = first[:-1] + head
    for kept, numbers in parts:
        words[steps(begin, kept)] = numbers
        begin = begin + kept
    return words, length


def _content(layout: Layout, columns: Sequence[Items], string_hash: ndarray) -> ndarray:
    content = np.zeros(len(columns[0].full), np.uint64)
    for payload, column in zip(layout.items, columns, strict=True):
        if payload.type != "set":
            content = content * np.uint64(31) + hash_rows(string_hash[column.strings], column.kept)
    return content
