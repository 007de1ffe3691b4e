"""Records as padded arrays of numbers of strings: what the row store gathers and what serving makes of a request."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from overton.data.pool import Pool

MOST_PAIRS = 512 * 512**2  # pairs of items of one record, all records of a batch together: what attention looks at


@dataclass(frozen=True, slots=True)
class Column:
    """One payload of some records.

    Attributes:
        strings: Number in the pool of each token or member id, int32 of shape (record, item); -1 where padded.
            A singleton with a base has no strings: the shape is (record, 0).
        length: How many items each record has, int32 of shape (record,); 0 for a null payload.
        range: For a set that points into a sequence, the half-open span of tokens of each member, int32 of
            shape (record, member, 2), (0, 0) where it has none; else None. Spans are within `max_length`.
        present: Whether the record has the payload at all (not null), bool of shape (record,).
    """

    strings: ndarray
    length: ndarray
    present: ndarray
    range: ndarray | None = None

    @property
    def mask(self) -> ndarray:
        """Which cells of `strings` are items and not padding, bool of shape (record, item)."""
        mask: ndarray = np.arange(self.strings.shape[1], dtype=np.int32) < self.length[:, None]
        return mask


@dataclass(frozen=True, slots=True)
class Batch:
    """Some records: a column for each payload of the schema, by name, and the pool that their numbers are of."""

    columns: Mapping[str, Column]
    pool: Pool
    n_records: int


def alike_parts(lengths: ndarray, most: int) -> list[ndarray]:
    """Rows of about the same length together, since a batch is as wide as its longest; each int64 of shape (row,).

    Args:
        lengths: Items of the longest payload of each row, int64 of shape (row,).
        most: Rows of a batch; fewer where they are long, as `parts_of` has it.
    """
    order = np.argsort(lengths, kind="stable")
    if most * int(lengths.max(initial=1)) ** 2 <= MOST_PAIRS:
        return [order[start : start + most] for start in range(0, len(order), most)]
    return [order[part] for part in parts_of(lengths[order].tolist(), most)]


def parts_of(lengths: Iterable[int], most: int) -> Iterator[slice]:
    """Records one after the other in batches: so many at most, and fewer where they are long.

    A batch is as wide as its longest record, so one long record among hundreds takes the memory of hundreds.

    Args:
        lengths: Items of the longest payload of each record.
        most: Records of a batch.

    Example:
        >>> list(parts_of([3, 5, 20_000, 4], 2))
        [slice(0, 2, None), slice(2, 3, None), slice(3, 4, None)]
    """
    start, longest, end = 0, 1, 0
    for end, length in enumerate(lengths, 1):
        n, wide = end - start, max(longest, length)
        if n > most or (n > 1 and n * wide**2 > MOST_PAIRS):
            yield slice(start, end - 1)
            start, wide = end - 1, max(length, 1)
        longest = wide
    if end > start:
        yield slice(start, end)
