"""Votes counted: all that combining them needs, in a form that adds up.

A tally is the different rows of votes (*patterns*), how many units have each, and which of them every unit has. The
tallies of two parts of the records make that of the whole (`merge`), and so do those of two parts of the sources
(`join`); votes of a source are taken out again without knowing them (`without`). So a count may be spread over shards,
and when one source changes, nobody else's votes are read. Each way leads to the same tally, bit for bit.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy import ndarray

from overton.data import Votes
from overton.supervision.models.distinct import number_hashes
from overton.supervision.models.evidence import option_counts, voting_cells
from overton.supervision.models.patterns import (
    Cells,
    Patterns,
    cut_cells,
    find_patterns,
    hash_rows,
    keep_cells,
    mix,
    row_starts,
    sort_entries,
)


@dataclass(frozen=True, slots=True)
class Tally:
    """The counted votes of one task, those of `gold` left out.

    Attributes:
        sources: Names of the sources by number, sorted, whether they vote or not.
        classes: Names of the classes by number; none where a member is selected.
        patterns: The different rows of votes, and which of them each unit has.
    """

    sources: tuple[str, ...]
    classes: tuple[str, ...]
    patterns: Patterns


def count(votes: Votes) -> Tally:
    """Count votes; those of `gold` are left out."""
    return Tally(votes.sources, votes.task.classes, find_patterns(voting_cells(votes), option_counts(votes)))


def merge(parts: Sequence[Tally]) -> Tally:
    """The tally of records from those of their parts, in the order of the records.

    Sources and classes are matched by name. Classes that differ from part to part are sorted, as they are where a
    schema leaves them to the data.

    Args:
        parts: One or more tallies of the same task.
    """
    sources = tuple(sorted({name for part in parts for name in part.sources}))
    classes = parts[0].classes
    if any(part.classes != classes for part in parts):
        classes = tuple(sorted({name for part in parts for name in part.classes}))
    patterns = [renumber(part, sources, classes).patterns for part in parts]
    first = np.cumsum([0, *(part.n_patterns for part in patterns)])
    settled, number = _settle(
        _concatenate([part.cells for part in patterns], first),
        np.concatenate([part.n_options for part in patterns]),
        np.concatenate([part.count for part in patterns]),
    )
    index = [number[np.where(part.index < 0, -1, part.index + low)] for part, low in zip(patterns, first, strict=False)]
    return Tally(sources, classes, replace(settled, index=np.concatenate(index)))


def without(tally: Tally, sources: Collection[str]) -> Tally:
    """The tally as if some sources had never voted; they keep their numbers."""
    patterns = tally.patterns
    stays = np.array([name not in sources for name in tally.sources], np.bool_)
    keep = stays[patterns.cells.source]
    if keep.all():
        return tally
    settled, number = _settle(keep_cells(patterns.cells, keep), patterns.n_options, patterns.count)
    return replace(tally, patterns=replace(settled, index=number[patterns.index]))


def renumber(tally: Tally, sources: tuple[str, ...], classes: tuple[str, ...]) -> Tally:
    """The same tally where sources and classes have other numbers, found by name; all that vote must be among them."""
    if (tally.sources, tally.classes) == (sources, classes):
        return tally
    cells, n_options = tally.patterns.cells, tally.patterns.n_options
    source = _numbers(tally.sources, sources)[cells.source]
    label = cells.label
    if tally.classes:
        label = _numbers(tally.classes, classes)[label]
        n_options = np.full(len(n_options), len(classes))
    assert (source >= 0).all(), "a source that votes has a number"
    assert (label >= 0).all(), "a class that is voted for has a number"
    settled, number = _settle(replace(cells, source=source, label=label), n_options, tally.patterns.count)
    return Tally(sources, classes, replace(settled, index=number[tally.patterns.index]))


def join(one: Tally, other: Tally) -> Tally:
    """The tally of the votes of all sources from those of two parts of them, with the same numbers.

    Units are looked at only where the other has votes: give as the other what is smaller.
    """
    assert (one.sources, one.classes) == (other.sources, other.classes), "sources and classes have the same numbers"
    left, right = one.patterns, other.patterns
    touched = np.flatnonzero(right.index >= 0)
    key = left.index[touched].astype(np.int64) * right.n_patterns + right.index[touched]  # negative where no one voted
    pair, number = _distinct(key, -right.n_patterns, left.n_patterns * right.n_patterns)
    of_left, of_right = np.divmod(pair, max(right.n_patterns, 1))
    n_units = np.bincount(number, minlength=len(pair))
    left_behind = left.count.copy()
    was_voted = of_left >= 0
    left_behind -= np.bincount(of_left[was_voted], n_units[was_voted], left.n_patterns)
    settled, place = _settle(
        _concatenate([left.cells, _side_by_side(left, of_left, right, of_right)], np.array([0, left.n_patterns])),
        np.concatenate([left.n_options, right.n_options[of_right]]),
        np.concatenate([left_behind, n_units]),
    )
    index = place[left.index]
    index[touched] = place[left.n_patterns + number]
    return replace(one, patterns=replace(settled, index=index))


def replace_votes(tally: Tally, sources: Collection[str], votes: Votes) -> Tally:
    """The tally after the votes of some sources have changed.

    Args:
        tally: All votes as they were.
        sources: The sources whose votes have changed, come or gone.
        votes: All votes that these sources now have, and no other's.
    """
    others = renumber(without(tally, sources), votes.sources, votes.task.classes)
    return join(others, count(votes))


def _settle(cells: Cells, n_options: ndarray, count: ndarray) -> tuple[Patterns, ndarray]:
    """Rows of votes to patterns, equal ones added up, those without votes or units left out.

    Returns:
        The patterns without an index of units; and the pattern of each row, int32 of shape (row + 1,), -1 where it is
        left out, and at the end, where a unit without votes looks.
    """
    cells = sort_entries(keep_cells(cells, (count > 0)[cells.row]))
    starts = row_starts(cells)
    rows = cells.row[starts]
    distinct, number = number_hashes(hash_rows(cells, starts, n_options[rows]))
    of_row = np.full(len(count) + 1, -1, np.int32)
    of_row[rows] = number
    example = np.zeros(len(distinct), np.int64)
    example[number] = np.arange(len(number))
    cut = cut_cells(cells, starts[example], np.append(starts, len(cells.row))[example + 1])
    added = np.bincount(number, count[rows], len(distinct)).astype(np.float64)  # which it is not where there are none
    return Patterns(np.zeros(0, np.int32), added, n_options[rows[example]], cut), of_row


def _concatenate(parts: Sequence[Cells], first: ndarray) -> Cells:
    """Cells one after the other, the rows of each part numbered from `first` of it."""
    entries = np.cumsum([0, *(len(part.label) for part in parts)])
    return Cells(
        row=np.concatenate([part.row + low for part, low in zip(parts, first, strict=False)]),
        source=np.concatenate([part.source for part in parts]),
        first=np.concatenate(
            [[0], *(part.first[1:] + low for part, low in zip(parts, entries, strict=False))],
        ).astype(np.int64),
        label=np.concatenate([part.label for part in parts]),
        weight=np.concatenate([part.weight for part in parts]),
    )


def _side_by_side(left: Patterns, of_left: ndarray, right: Patterns, of_right: ndarray) -> Cells:
    """Rows that hold the votes of a pattern here (none where -1) and of one there, ordered by source."""
    none = of_left < 0
    start, stop = _ends(left)
    here = cut_cells(left.cells, np.where(none, 0, start[of_left]), np.where(none, 0, stop[of_left]))
    start, stop = _ends(right)
    there = cut_cells(right.cells, start[of_right], stop[of_right])
    both = _concatenate([here, there], np.zeros(2, np.int64))
    order = np.lexsort((both.source, both.row))
    ordered = cut_cells(both, order, order + 1)
    return replace(ordered, row=both.row[order])


def _ends(patterns: Patterns) -> tuple[ndarray, ndarray]:
    ends = np.searchsorted(patterns.cells.row, np.arange(patterns.n_patterns + 1))
    padded = np.append(ends, 0)  # for -1 where there is no pattern at all
    return padded[:-1], padded[1:]


def _distinct(key: ndarray, low: int, high: int) -> tuple[ndarray, ndarray]:
    """The different keys from `low` to `high`, and the number among them of each."""
    if high - low <= max(len(key), 1 << 16):
        there = np.bincount(key - low, minlength=high - low) > 0
        number = (np.cumsum(there) - 1)[key - low]
        return np.flatnonzero(there) + low, number
    hashes = mix((key - low).astype(np.uint64))
    distinct, number = number_hashes(hashes)
    pair = np.zeros(len(distinct), np.int64)
    pair[number] = key
    return pair, number


def _numbers(old: tuple[str, ...], new: tuple[str, ...]) -> ndarray:
    """The new number of each name, -1 where it has none, int32."""
    number = {name: place for place, name in enumerate(new)}
    return np.array([number.get(name, -1) for name in old], np.int32)
