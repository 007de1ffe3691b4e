"""Records as padded arrays of numbers of strings: what the row store gathers and what serving makes of a request."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from overton.data.pool import Pool


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
