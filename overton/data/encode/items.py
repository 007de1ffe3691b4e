"""Payloads of decoded lines to numbers, a payload at a time, with every loop in the interpreter's own C.

Short runs of lines are read, so that what was decoded is still in the processor's cache; the numbers of many runs are
then joined, and checked and laid out as one (`rows`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import Any

import numpy as np
from msgspec import UNSET
from numpy import ndarray

from overton.base.ragged import lengths
from overton.data.pool import Pool
from overton.data.tokens import tokenize
from overton.schema import Payload

NULL = -1
NO_RANGE = -(2**62)  # an end of a span that no line can hold
_id, _range = attrgetter("id"), attrgetter("range")


@dataclass(frozen=True, slots=True)
class Items:
    """One payload with items, of some records.

    Attributes:
        full: Number of items as given, int64 of shape (record,); -1 for a null payload.
        kept: Number of items that are kept, int64 of shape (record,).
        strings: Numbers of the kept strings, int32 of shape (item,).
        ranges: Both ends of the spans of all members, cut ones too, int64 of shape (2 * member,), `NO_RANGE` where
            there is none; of length 0 for a payload without a range.
        bad: Records with a fault, bool of shape (record,).
        n_keys: Keys of JSON objects within the value of each record, int64 of shape (record,).
    """

    full: ndarray
    kept: ndarray
    strings: ndarray
    ranges: ndarray
    bad: ndarray
    n_keys: ndarray


def read_items(payload: Payload, values: list[Any], pool: Pool) -> Items:
    """The numbers of one payload.

    Args:
        payload: The payload.
        values: Its decoded value in each record.
        pool: Where strings get their numbers.
    """
    n = len(values)
    ranges = np.zeros(0, np.int64)
    if payload.is_text:
        full, tokens = _lengths([None if value is None else tokenize(value) for value in values])
        return _items(payload, full, tokens, pool, ranges, np.zeros(n, bool), np.zeros(n, np.int64))
    if payload.type == "sequence":
        full, tokens = _lengths(values)
        return _items(payload, full, tokens, pool, ranges, np.zeros(n, bool), np.zeros(n, np.int64))
    values, bad, n_keys = _indexed_sets(values)
    full, members = _lengths(values)
    count = np.maximum(full, 0)
    n_keys += count
    if payload.range:
        ranges, named = _ranges(list(chain.from_iterable(members)))
        owner = np.repeat(np.arange(n), count)
        n_keys += count if named is None else np.bincount(owner, named, n).astype(np.int64)
    return _items(payload, full, members, pool, ranges, bad, n_keys)


def join_items(parts: Sequence[Items]) -> Items:
    """The items of the records of several runs."""
    if len(parts) == 1:
        return parts[0]
    names = ("full", "kept", "strings", "ranges", "bad", "n_keys")
    return Items(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _lengths(values: list[Any]) -> tuple[ndarray, list[Any]]:
    """Length of each value, -1 where it is null, and the values with nothing in place of null."""
    try:
        return lengths(values, len(values)), values
    except TypeError:  # null has no length
        full = np.fromiter((NULL if value is None else len(value) for value in values), np.int64, len(values))
        return full, [() if value is None else value for value in values]


def _items(
    payload: Payload, full: ndarray, values: list[Any], pool: Pool, ranges: ndarray, bad: ndarray, n_keys: ndarray
) -> Items:
    kept = np.clip(full, 0, payload.max_length)
    if int(full.max(initial=0)) > payload.max_length:
        values = [value[: payload.max_length] for value in values]
    flat = chain.from_iterable(values)
    strings = map(_id, flat) if payload.type == "set" else flat
    numbers = np.fromiter(map(pool.__getitem__, strings), np.int32, int(kept.sum()))
    return Items(full, kept, numbers, ranges, bad, n_keys)


def _indexed_sets(values: list[Any]) -> tuple[list[Any], ndarray, ndarray]:
    """Sets written as an object keyed by index become lists; a set with other keys is marked bad."""
    bad = np.zeros(len(values), bool)
    n_keys = np.zeros(len(values), np.int64)
    if dict not in set(map(type, values)):
        return values, bad, n_keys
    listed = list(values)
    for place, value in enumerate(values):
        if isinstance(value, dict):
            n_keys[place] = len(value)
            members = [value.get(str(index)) for index in range(len(value))]
            bad[place] = None in members
            listed[place] = [] if bad[place] else members
    return listed, bad, n_keys


def _ranges(members: list[Any]) -> tuple[ndarray, ndarray | None]:
    """Both ends of the span of each member; and which members name one, None where all do."""
    spans = list(map(_range, members))
    named = None
    if not set(map(type, spans)) <= {tuple}:
        named = np.fromiter((span is not UNSET for span in spans), bool, len(spans))
        spans = [span if isinstance(span, tuple) else (NO_RANGE, NO_RANGE) for span in spans]
    return np.fromiter(chain.from_iterable(spans), np.int64, 2 * len(spans)), named
