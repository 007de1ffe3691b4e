"""Which records of a split bear which tag, as a sparse matrix, and sums over it.

Group 0 is the whole split, the others are its tags. Everything that a figure needs is a sum over records, so all
groups are served by one pass over the (record, group) pairs: five hundred tags cost about what their records cost.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy import ndarray

from overton.base.ragged import spread, starts_of, steps
from overton.data import SPLITS, Tags
from overton.evaluate.alike import number_alike, one_of_each

WHOLE = "*"  # group 0, where the name of a tag stands
BLOCK = 1 << 17
KEPT = 1 << 23
CELLS = 1 << 22  # of a table of groups and kinds of records
IN_CACHE = 1 << 16
FEW = 2


@dataclass(frozen=True, slots=True)
class Items:
    """Ragged lists of coded things, such as outcomes of classes, one list a record.

    Attributes:
        first: First item of each record, int64 of shape (record + 1,).
        code: What it is, from 0 to `n_codes`, shape (item,).
        n_codes: Number of codes.
    """

    first: ndarray
    code: ndarray
    n_codes: int


@dataclass(frozen=True)
class Groups:
    """The sparse matrix of records and groups.

    Attributes:
        names: Names of the groups; the first is `*`.
        first: First group of each record in `group`, int64 of shape (record + 1,).
        group: Numbers of groups, int32 of shape (pair,); each record begins with 0.
    """

    names: tuple[str, ...]
    first: ndarray
    group: ndarray

    @property
    def n_records(self) -> int:
        """Number of records."""
        return len(self.first) - 1

    @cached_property
    def record(self) -> ndarray:
        """Record of each pair, int32 of shape (pair,), int64 where there are very many records."""
        narrow = np.int32 if self.n_records < 1 << 31 else np.int64  # half as many bytes to make and to read
        return np.repeat(np.arange(self.n_records, dtype=narrow), np.diff(self.first))

    @cached_property
    def sizes(self) -> ndarray:
        """Records of each group, int64 of shape (group,)."""
        return np.bincount(self.group, minlength=len(self.names))

    def of(self, records: ndarray) -> "Groups":
        """The same groups over some of the records, given by their numbers, ascending."""
        if len(records) == self.n_records:
            return self
        return Groups(self.names, starts_of(np.diff(self.first)[records]), self.group[spread(self.first, records)])

    def total(self, column: ndarray) -> ndarray:
        """Sum of a column over the records of each group, float64 of shape (group,)."""
        total = np.zeros(len(self.names))
        for start in range(0, len(self.group), BLOCK):  # as much at a time as a cache holds
            pairs = slice(start, start + BLOCK)
            total += np.bincount(self.group[pairs], weights=column[self.record[pairs]], minlength=len(total))
        return total

    def count(self, code: ndarray, n_codes: int) -> ndarray:
        """How many records of each group have each code, float64 of shape (group, code); codes of shape (record,)."""
        counts = np.zeros(len(self.names) * n_codes, np.int64)
        for start in range(0, len(self.group), BLOCK):
            pairs = slice(start, start + BLOCK)
            key = self.group[pairs] * n_codes + code[self.record[pairs]]
            counts += np.bincount(key, minlength=len(counts))
        return counts.reshape(len(self.names), n_codes).astype(np.float64)

    def total_products(self, columns: ndarray) -> tuple[ndarray, ndarray]:
        """Sums of columns over the records of each group, and of the products of each two of them.

        Args:
            columns: Of shape (record, column); in float32, where that holds them, half as many bytes are looked up.

        Returns:
            Float64 of shape (group, column), and of shape (group, column, column).
        """
        total = np.zeros((len(self.names), columns.shape[1]))
        product = np.zeros((*total.shape, columns.shape[1]))
        for number, block in self._members(columns):
            total[number] += np.ones(len(block)) @ block
            product[number] += block.T @ block
        return total, product

    def total_squares(self, columns: ndarray) -> tuple[ndarray, ndarray]:
        """Sums of columns over the records of each group, and of their squares, float64 of shape (group, column)."""
        total, square = np.zeros((2, len(self.names), columns.shape[1]))
        for number, block in self._members(columns):
            total[number] += np.ones(len(block)) @ block
            square[number] += np.einsum("rc,rc->c", block, block)
        return total, square

    def total_squares_by(self, code: ndarray, weight: ndarray, n_codes: int) -> tuple[ndarray, ndarray]:
        """As `total_squares` of columns of which each record fills one: its number and its value, shape (record,)."""
        total, square = np.zeros((2, len(self.names) * n_codes))
        for start in range(0, len(self.group), BLOCK):
            record = self.record[start : start + BLOCK]
            key, value = self.group[start : start + BLOCK] * n_codes + code[record], weight[record]
            total += np.bincount(key, weights=value, minlength=len(total))
            square += np.bincount(key, weights=value * value, minlength=len(total))
        return total.reshape(-1, n_codes), square.reshape(-1, n_codes)

    def total_influence(self, items: Items, worth_of: Callable[[ndarray], ndarray]) -> tuple[ndarray, ndarray]:
        """Count the items of each code in each group, then square what each record contributes to a figure of them.

        Args:
            items: The items of each record.
            worth_of: Takes the counts, of shape (group, code), to what one more item of a code is worth in a group,
                likewise: the derivative of the figure.

        Returns:
            The counts, and the sum over the records of each group of the squared sum of what its items are worth,
            float64 of shape (group,).
        """
        alike = self._alike(items)
        if alike is not None:
            return self._influence_of_alike(*alike, items.n_codes, worth_of)
        counts, square = np.zeros(self._size(items)), np.zeros(len(self.names))
        kept = list(self._blocks(items)) if self._n_expanded(items)[-1] <= KEPT else None
        for block in kept or self._blocks(items):
            counts += np.bincount(block.key, minlength=len(counts))
        table: ndarray = counts.reshape(-1, items.n_codes)
        worth = worth_of(table).ravel()
        for block in kept or self._blocks(items):
            contribution = np.bincount(block.owner, weights=worth[block.key], minlength=len(block.group))
            square += np.bincount(block.group, weights=contribution * contribution, minlength=len(square))
        return table, square

    def _alike(self, items: Items) -> tuple[ndarray, ndarray] | None:
        """Records with the same items counted together, where none has more than two.

        Returns:
            How many of each kind are in each group, float64 of shape (group, kind), and the codes of each kind, int64
            of shape (2, kind), `n_codes` for none; None where records have more items, or are of too many kinds.
        """
        lengths = np.diff(items.first)
        if lengths.max(initial=0) > FEW:
            return None
        columns = [np.full(self.n_records, items.n_codes, np.int64) for _ in range(FEW)]
        for place, column in enumerate(columns):
            there = lengths > place
            column[there] = items.code[items.first[:-1][there] + place]
        found = number_alike(columns, CELLS // len(self.names))
        if found is None:
            return None
        return self.count(*found), np.stack([one_of_each(column, *found) for column in columns])

    def _influence_of_alike(
        self, counts: ndarray, codes: ndarray, n_codes: int, worth_of: Callable[[ndarray], ndarray]
    ) -> tuple[ndarray, ndarray]:
        """As `total_influence`, from what `_alike` gives."""
        has = np.zeros((codes.shape[1], n_codes + 1))
        for code in codes:
            has[np.arange(len(code)), code] += 1
        table = counts @ has[:, :n_codes]
        worth = np.pad(worth_of(table), ((0, 0), (0, 1)))
        return table, (counts * sum(worth[:, code] for code in codes) ** 2).sum(axis=1)

    @cached_property
    def _by_group(self) -> ndarray:
        """The records of all groups but the whole, one group after the other, int32 or int64."""
        rest = self.group > 0
        group, record = self.group[rest], self.record[rest]
        short = group.astype(np.int16) if len(self.names) < 1 << 15 else group  # sorted much faster
        return record[np.argsort(short, kind="stable")]

    def _members(self, columns: ndarray) -> Iterator[tuple[int, ndarray]]:
        """The rows of each group in turn, some at a time so that a cache holds them: its number, and float64 rows.

        The rows are written over by the next.
        """
        step = max(IN_CACHE // max(columns.shape[1], 1), 1)
        narrow, wide = np.empty((step, columns.shape[1]), columns.dtype), np.empty((step, columns.shape[1]))
        sizes = self.sizes.copy()
        sizes[0] = 0
        bounds = [(0, self.n_records), *pairwise(starts_of(sizes).tolist()[1:])]
        for number, (first, last) in enumerate(bounds):
            for start in range(first, last, step):
                stop = min(start + step, last)
                rows = wide[: stop - start]
                if number:
                    found = narrow[: stop - start]
                    columns.take(self._by_group[start:stop], axis=0, out=found, mode="clip")  # "raise" copies once more
                    rows[...] = found
                else:  # the whole
                    rows[...] = columns[start:stop]
                yield number, rows

    def _size(self, items: Items) -> int:
        return len(self.names) * items.n_codes

    def _n_expanded(self, items: Items) -> ndarray:
        """Items of the pairs of the records before each, int64 of shape (record + 1,)."""
        return starts_of(np.diff(self.first) * np.diff(items.first))

    def _blocks(self, items: Items) -> Iterator["_Block"]:
        """The items of all pairs, some records at a time so that memory stays bounded."""
        lengths, done = np.diff(items.first), self._n_expanded(items)
        cuts = np.searchsorted(done, np.arange(BLOCK, done[-1], BLOCK))
        bounds = np.unique([0, *cuts.tolist(), self.n_records]).tolist()
        for start, stop in pairwise(bounds):
            pairs = slice(int(self.first[start]), int(self.first[stop]))
            record, group = self.record[pairs], self.group[pairs]
            length = lengths[record]
            if (length == 1).all():
                owner, place, groups = np.arange(len(record)), items.first[record], group
            else:
                owner, place = np.repeat(np.arange(len(record)), length), steps(items.first[record], length)
                groups = group[owner]
            yield _Block(group=group, owner=owner, key=groups * items.n_codes + items.code[place], place=place)


@dataclass(frozen=True, slots=True)
class _Block:
    """The items of some pairs.

    Attributes:
        group: Group of each pair.
        owner: Pair of each item, ascending.
        key: `group * n_codes + code` of each item.
        place: Where the item stands among all.
    """

    group: ndarray
    owner: ndarray
    key: ndarray
    place: ndarray


def group_records(tags: Tags, rows: ndarray) -> Groups:
    """The groups of some records of a data set: the whole of them and each tag that stands on one.

    The names of the splits are left out.

    Args:
        tags: The tags of the whole data set.
        rows: Numbers of the records, int64.
    """
    tag = tags.tag[spread(tags.first, rows)]
    owner = np.repeat(np.arange(len(rows)), (tags.first[rows + 1] - tags.first[rows]))
    stands = np.bincount(tag, minlength=len(tags.names)) > 0
    kept = [number for number, name in enumerate(tags.names) if stands[number] and name not in SPLITS]
    kept.sort(key=lambda number: tags.names[number])
    number = np.zeros(len(tags.names), np.int32)
    number[kept] = np.arange(1, len(kept) + 1)
    group = number[tag]
    group, owner = group[group > 0], owner[group > 0]
    first = starts_of(np.bincount(owner, minlength=len(rows)) + 1)
    whole = np.zeros(int(first[-1]), np.int32)
    rest = np.ones(len(whole), np.bool_)
    rest[first[:-1]] = False
    whole[rest] = group
    return Groups((WHOLE, *(tags.names[number] for number in kept)), first, whole)
