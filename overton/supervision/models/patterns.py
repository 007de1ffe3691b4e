"""Votes to vote patterns: units that were labelled alike are one row, with a count.

A label model then costs as much as there are different patterns. A pattern is known by a hash of its votes that
depends on nothing else, so the counts of two parts of the data add up.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy import ndarray

from overton.base.ragged import ranges, starts_of
from overton.data import Votes
from overton.supervision.models.distinct import number_hashes

# Odd constants of splitmix64 (Steele, Lea & Flood 2014, doi:10.1145/2660193.2660195), whose last step mixes the bits.
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX_FIRST = np.uint64(0xBF58476D1CE4E5B9)
MIX_SECOND = np.uint64(0x94D049BB133111EB)
MOST_PLAIN = 1 << 20  # different plain votes, up to which each is hashed once


@dataclass(frozen=True, slots=True)
class Cells:
    """Some cells of `Votes`, as arrays: one label of one source for one row each.

    Attributes:
        row: Unit or pattern of each cell, int64 of shape (cell,), ascending.
        source: Number of its source, int32 of shape (cell,).
        first: First entry of each cell, int64 of shape (cell + 1,).
        label: Labels of the entries, int32 of shape (entry,).
        weight: Probability of the entries, float64 of shape (entry,).
    """

    row: ndarray
    source: ndarray
    first: ndarray
    label: ndarray
    weight: ndarray

    @property
    def entry_cell(self) -> ndarray:
        """Cell of each entry, int64 of shape (entry,)."""
        size = np.diff(self.first)
        return np.arange(len(size)) if (size == 1).all() else np.repeat(np.arange(len(size)), size)


@dataclass(frozen=True, slots=True)
class Patterns:
    """The different rows of votes, ascending by their hash.

    Attributes:
        index: Pattern of each unit, int32 of shape (unit,); -1 where nobody voted.
        count: Number of units of each pattern, float64 of shape (pattern,).
        n_options: Number of labels to choose among in each pattern, int64 of shape (pattern,).
        cells: The votes of each pattern; `row` is the pattern. The labels of a cell are ascending.
        group: Group of units that each pattern is of, int64 of shape (pattern,); None where all are of one.
    """

    index: ndarray
    count: ndarray
    n_options: ndarray
    cells: Cells
    group: ndarray | None = None

    @property
    def n_patterns(self) -> int:
        """Number of patterns."""
        return len(self.count)

    def agreed(self) -> ndarray:
        """Which patterns name one label alone, bool of shape (pattern,). For labels that every vote names one of."""
        named = self.cells.label
        starts = self.cells.first[np.flatnonzero(np.diff(self.cells.row, prepend=-1))]
        alike: ndarray = np.maximum.reduceat(named, starts) == np.minimum.reduceat(named, starts)
        return alike


def take_cells(votes: Votes, keep: ndarray, *, share: bool) -> Cells:
    """Some of the cells of votes.

    Args:
        votes: The votes.
        keep: Which cells, bool of shape (cell,).
        share: Whether a cell is one vote shared among its labels: entries that add up to more than one are
            scaled down to it, and cells without any weight are left out as abstentions.

    Returns:
        The cells, in which no label has probability 0.
    """
    plain = not any(votes.probability.strides)  # one number stands for all, so a look at it is enough
    weight = np.broadcast_to(np.float64(1), len(votes.label)) if plain else votes.probability.astype(np.float64)
    size = np.diff(votes.first)
    if share and not (len(weight) == len(size) and (size == 1).all() and (plain or (weight == 1).all())):
        total = np.bincount(np.repeat(np.arange(len(size)), size), weight, len(size))
        keep = keep & (total > 0)
        weight = weight / np.repeat(np.maximum(total, 1.0), size)
    cells = Cells(votes.unit, votes.source, votes.first, votes.label, weight)
    return keep_cells(cells if plain else _without_nothing(cells), keep)


def _without_nothing(cells: Cells) -> Cells:
    """The cells without labels of probability 0, which say no more than labels that are not named."""
    some = cells.weight > 0
    if some.all():
        return cells
    first = starts_of(some)[cells.first]
    return replace(cells, first=first, label=cells.label[some], weight=cells.weight[some])


def keep_cells(cells: Cells, keep: ndarray) -> Cells:
    """Some of the cells; `keep` is bool of shape (cell,)."""
    if keep.all():
        return cells
    size = np.diff(cells.first)
    single = len(cells.label) == len(size) and bool((size == 1).all())
    entries = keep if single else np.repeat(keep, size)
    first = starts_of(size[keep])
    label = cells.label[entries]
    plain = len(label) and not any(cells.weight.strides)  # one number that stands for all still does
    weight = np.broadcast_to(cells.weight[0], len(label)) if plain else cells.weight[entries]
    return Cells(cells.row[keep], cells.source[keep], first, label, weight)


def find_patterns(cells: Cells, n_options: ndarray) -> Patterns:
    """The patterns of cells.

    Args:
        cells: The votes; `row` is the unit.
        n_options: Number of labels to choose among in each unit, shape (unit,).
    """
    starts = row_starts(cells)
    units = cells.row[starts]
    distinct, number = number_hashes(hash_rows(cells, starts, n_options[units]))
    index = np.full(len(n_options), -1, np.int32)
    index[units] = number
    example = np.zeros(len(distinct), np.int64)
    example[number] = np.arange(len(number))
    of_patterns = sort_entries(cut_cells(cells, starts[example], np.append(starts, len(cells.row))[example + 1]))
    count = np.bincount(number, minlength=len(distinct)).astype(np.float64)
    return Patterns(index, count, n_options[units[example]].astype(np.int64), of_patterns)


def row_starts(cells: Cells) -> ndarray:
    """First cell of each row that has any, int64."""
    if not len(cells.row):
        return np.zeros(0, np.int64)
    return np.append(0, np.flatnonzero(cells.row[1:] != cells.row[:-1]) + 1)


def hash_rows(cells: Cells, starts: ndarray, n_options: ndarray) -> ndarray:
    """Hash of the votes of each row that has any, and of the number of labels it chooses among.

    Args:
        cells: The votes.
        starts: First cell of each of these rows.
        n_options: Number of labels to choose among in each of these rows.
    """
    return mix(_sum_by_start(_hash_cells(cells), starts) + n_options.astype(np.uint64) * GOLDEN)


def cut_cells(cells: Cells, start: ndarray, stop: ndarray) -> Cells:
    """The cells of half-open ranges of them, each range a row; one cell may stand in many."""
    chosen = ranges(start, stop)
    begin, end = cells.first[:-1][chosen], cells.first[1:][chosen]
    entries = ranges(begin, end)
    return Cells(
        row=np.repeat(np.arange(len(start)), stop - start),
        source=cells.source[chosen],
        first=starts_of(end - begin),
        label=cells.label[entries],
        weight=cells.weight[entries],
    )


def cells_of(patterns: Patterns, number: ndarray) -> Cells:
    """The votes of some patterns by number, -1 for none, int of shape (row,); rows are numbered from 0."""
    row = patterns.cells.row
    number = number.astype(row.dtype)  # of another type all rows would be copied to search them; -1 finds none
    return cut_cells(patterns.cells, np.searchsorted(row, number), np.searchsorted(row, number, side="right"))


def sort_entries(cells: Cells) -> Cells:
    """The same cells, the labels of each ascending."""
    if len(cells.label) == len(cells.row) and (np.diff(cells.first) == 1).all():
        return cells
    order = np.lexsort((cells.weight, cells.label, cells.entry_cell))
    return replace(cells, label=cells.label[order], weight=cells.weight[order])


def select_patterns(patterns: Patterns, count: ndarray) -> Patterns:
    """The patterns with other counts, those that count nothing left out; they have no index of units."""
    keep = count > 0
    chosen = keep_rows(patterns.cells, keep)
    return Patterns(np.zeros(0, np.int64), count[keep], patterns.n_options[keep], chosen)


def without_units(patterns: Patterns, units: ndarray) -> Patterns:
    """The patterns counted without some units, bool of shape (unit,)."""
    if not units.any():
        return patterns
    left_out = patterns.index[units & (patterns.index >= 0)]
    return select_patterns(patterns, patterns.count - np.bincount(left_out, minlength=patterns.n_patterns))


def split_patterns(patterns: Patterns, group: ndarray) -> Patterns:
    """The patterns of units by their group, so that units that were labelled alike in two groups are two rows.

    Args:
        patterns: Patterns of all units.
        group: Group of each unit, int64 of shape (unit,), from 0.
    """
    voted = patterns.index >= 0
    key = group[voted] * patterns.n_patterns + patterns.index[voted]
    distinct, number, count = np.unique(key, return_inverse=True, return_counts=True)
    of_group, pattern = np.divmod(distinct, max(patterns.n_patterns, 1))
    index = np.full(len(patterns.index), -1, np.int32)
    index[voted] = number
    cells = cells_of(patterns, pattern)
    return Patterns(index, count.astype(np.float64), patterns.n_options[pattern], cells, of_group)


def keep_rows(cells: Cells, keep: ndarray) -> Cells:
    """The cells of some rows, which are numbered anew; `keep` is bool of shape (row,)."""
    kept = keep_cells(cells, keep[cells.row])
    return replace(kept, row=(np.cumsum(keep) - 1)[kept.row])


def runs(size: ndarray, most: int) -> Iterator[slice]:
    """Things one after the other, in runs whose sizes add up to so much at most; what is larger is a run by itself.

    Args:
        size: Size of each thing, int64 of shape (thing,).
        most: Largest sum of sizes.

    Example:
        >>> list(runs(np.array([3, 1, 9, 2]), 4))
        [slice(0, 2, None), slice(2, 3, None), slice(3, 4, None)]
    """
    end, start = np.cumsum(size), 0
    while start < len(size):
        before = int(end[start - 1]) if start else 0
        stop = max(int(np.searchsorted(end, before + most, side="right")), start + 1)
        yield slice(start, stop)
        start = stop


def _hash_cells(cells: Cells) -> ndarray:
    """A number for what each cell says, whatever the order of its entries."""
    single = len(cells.label) == len(cells.row) and bool((np.diff(cells.first) == 1).all())
    if single and not any(cells.weight.strides) and len(cells.row):
        n_sources, n_labels = int(cells.source.max()) + 1, int(cells.label.max()) + 1
        if n_sources * n_labels <= MOST_PLAIN:
            said = _hash_labels(np.arange(n_labels), np.broadcast_to(cells.weight[0], n_labels))
            by_number = mix(_hash_sources(np.arange(n_sources))[:, None] ^ said).ravel()
            hashes: ndarray = by_number[cells.source * np.int32(n_labels) + cells.label]
            return hashes
    said = _hash_labels(cells.label, cells.weight)
    if not single:
        running = np.concatenate([np.zeros(1, np.uint64), np.cumsum(said, dtype=np.uint64)])
        said = running[cells.first[1:]] - running[cells.first[:-1]]
    return mix(_hash_sources(cells.source) ^ said)


def _hash_sources(source: ndarray) -> ndarray:
    # Not by the constant of labels: a source would cancel out the label of its own number with probability 0.
    return mix((source.astype(np.uint64) + np.uint64(1)) * MIX_FIRST)


def _hash_labels(label: ndarray, weight: ndarray) -> ndarray:
    return mix((label.astype(np.uint64) + np.uint64(1)) * GOLDEN ^ np.ascontiguousarray(weight).view(np.uint64))


def _sum_by_start(values: ndarray, starts: ndarray) -> ndarray:
    return np.add.reduceat(values, starts) if len(starts) else values[:0]


def mix(numbers: ndarray) -> ndarray:
    """Spread every bit over all bits; wraps around by intent."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * MIX_FIRST
    numbers = (numbers ^ (numbers >> np.uint64(27))) * MIX_SECOND
    mixed: ndarray = numbers ^ (numbers >> np.uint64(31))
    return mixed
