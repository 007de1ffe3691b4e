"""Where sources disagree: slice by slice, and which two of them most."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy import ndarray

from overton.base.ragged import spread, starts_of
from overton.data import SLICE_PREFIX, Splits, Tags, Votes
from overton.supervision.analysis.facts import Facts, gather_facts
from overton.supervision.combine import Combined
from overton.supervision.models.patterns import runs

MOST_PAIRS = 4_000_000  # pairs of votes looked at; a sample of the units where there are more
MOST_KEYS = 4_000_000  # slice x source x source, counted in one table
MOST_COUNTED = 1_000_000  # at once
SHOWN_PAIRS = 3


@dataclass(frozen=True, slots=True)
class PairOfSources:
    """Two sources on the units of a slice that both label.

    Attributes:
        sources: Their names.
        disagreement: Share of these units on which they say different things.
        n: Number of these units; of very many it is told by a part of them.
    """

    sources: tuple[str, str]
    disagreement: float
    n: int


@dataclass(frozen=True, slots=True)
class SliceRow:
    """How far sources disagree in a slice, over all splits.

    Attributes:
        task: Name of the task.
        slice: The tag.
        n: Units of the slice with votes.
        disagreement: Share of them on which two sources disagree.
        whole: The same share of all units with votes.
        pairs: The sources that differ on most units of the slice, at most three pairs.
    """

    task: str
    slice: str
    n: int
    disagreement: float
    whole: float
    pairs: tuple[PairOfSources, ...]

    def to_json(self) -> dict[str, Any]:
        """The row as it stands in `overton sources --json`."""
        return asdict(self)


def slice_rows(facts: Facts, tags: Tags) -> tuple[SliceRow, ...]:
    """A row for each slice that has votes, first the one in which sources disagree most beyond the whole."""
    names = [name for name in tags.names if name.startswith(SLICE_PREFIX)]
    voted = np.flatnonzero(facts.n_votes > 0)
    if not names or not len(voted):
        return ()
    first, number = _slices_of_records(tags, names)
    n, differ = (np.bincount(facts.record[voted], weight, len(first) - 1) for weight in (None, facts.disagreed[voted]))
    record = np.repeat(np.arange(len(first) - 1), np.diff(first))
    n_in, differ_in = (np.bincount(number, count[record], len(names)) for count in (n, differ))
    pairs = _pairs(facts, first, number, len(names))
    whole = float(facts.disagreed[voted].mean())
    rows = [
        SliceRow(facts.votes.task.name, name, int(n_in[k]), float(differ_in[k] / n_in[k]), whole, pairs.get(k, ()))
        for k, name in enumerate(names)
        if n_in[k]
    ]
    return tuple(sorted(rows, key=lambda row: (-(row.disagreement - whole) * np.sqrt(row.n), row.slice)))


def disagreement_in(votes: Votes, combined: Combined, splits: Splits, rows: ndarray) -> SliceRow | None:
    """How far sources disagree on some records, as if these were a slice; None where nobody votes on them.

    Args:
        votes: The votes of the task.
        combined: Their combined labels.
        splits: The splits of the whole data set.
        rows: Numbers of the records, int64, ascending.
    """
    first = np.searchsorted(rows, np.arange(votes.n_records + 1))
    chosen = Tags((SLICE_PREFIX,), first, np.zeros(len(rows), np.int32))
    return next(iter(slice_rows(gather_facts(votes, combined, splits), chosen)), None)


def _slices_of_records(tags: Tags, names: list[str]) -> tuple[ndarray, ndarray]:
    number_of = {name: number for number, name in enumerate(names)}
    number = np.array([number_of.get(name, -1) for name in tags.names] or [0], np.int64)[tags.tag]
    kept = starts_of(number >= 0)
    return kept[tags.first], number[number >= 0]


def _pairs(facts: Facts, first: ndarray, number: ndarray, n_slices: int) -> dict[int, tuple[PairOfSources, ...]]:
    cells, n_sources, size = facts.cells, len(facts.votes.sources), np.diff(first)
    cell = np.flatnonzero((size > 0)[facts.record[cells.row]] & (facts.n_votes[cells.row] > 1))
    cell, share = _sampled(facts, cell)
    counts = _Counts(n_slices * n_sources**2)
    place, shift = np.arange(max(len(cell) - 1, 0)), 1
    while len(place):
        place = place[cells.row[cell[place]] == cells.row[cell[place + shift]]]
        for part in runs(size[facts.record[cells.row[cell[place]]]], MOST_COUNTED):
            one, other = cell[place[part]], cell[place[part] + shift]
            record = facts.record[cells.row[one]]
            pair = cells.source[one].astype(np.int64) * n_sources + cells.source[other]
            key = number[spread(first, record)] * n_sources**2 + np.repeat(pair, size[record])
            differ = (facts.said[one] != facts.said[other]) & ~facts.undecided[one] & ~facts.undecided[other]
            counts.add(key, np.repeat(differ, size[record]))
        shift += 1
        place = place[place + shift < len(cell)]
    found, n, differ = counts.found()
    return _worst(facts, found, n / share, differ / share, n_slices)


class _Counts:
    """How often keys come, and how often with a mark; in one table where all keys fit into it."""

    def __init__(self, n_keys: int) -> None:
        self.n_keys = n_keys
        self.n = np.zeros(n_keys if n_keys <= MOST_KEYS else 0)
        self.marked = np.zeros_like(self.n)
        self.parts: list[tuple[ndarray, ndarray, ndarray]] = []

    def add(self, keys: ndarray, marks: ndarray) -> None:
        """Count some keys, int64 of shape (key,), and their marks, bool of shape (key,)."""
        if len(self.n):
            self.n += np.bincount(keys, minlength=self.n_keys)
            self.marked += np.bincount(keys[marks], minlength=self.n_keys)
        else:
            found, place = np.unique(keys, return_inverse=True)
            n, marked = (np.bincount(place, weight, len(found)) for weight in (None, marks))
            self.parts.append((found, n, marked))

    def found(self) -> tuple[ndarray, ndarray, ndarray]:
        """The different keys, ascending, how often each came and how often with a mark."""
        if len(self.n):
            found = np.flatnonzero(self.n)
            return found, self.n[found], self.marked[found]
        none = (np.zeros(0, np.int64), np.zeros(0), np.zeros(0))
        keys, n, marked = (np.concatenate(parts) for parts in zip(none, *self.parts, strict=True))
        found, place = np.unique(keys, return_inverse=True)
        return found, np.bincount(place, n, len(found)), np.bincount(place, marked, len(found))


def _sampled(facts: Facts, cell: ndarray) -> tuple[ndarray, float]:
    """Those of some cells that are looked at, and which share of the units they are of."""
    size = facts.n_votes.astype(np.int64)[np.unique(facts.cells.row[cell])]
    share = MOST_PAIRS / max(int((size * (size - 1) // 2).sum()), 1)
    if share >= 1:
        return cell, 1.0
    chosen = np.random.default_rng(0).random(facts.votes.n_units) < share
    return cell[chosen[facts.cells.row[cell]]], share


def _worst(
    facts: Facts, found: ndarray, n: ndarray, differ: ndarray, n_slices: int
) -> dict[int, tuple[PairOfSources, ...]]:
    n_sources, names = len(facts.votes.sources), facts.votes.sources
    of_slice, pair = found // n_sources**2, found % n_sources**2
    order = np.lexsort((pair, -differ, of_slice))
    order = order[differ[order] > 0]
    rank = np.arange(len(order)) - np.searchsorted(of_slice[order], np.arange(n_slices))[of_slice[order]]
    worst: dict[int, tuple[PairOfSources, ...]] = {}
    for at in order[rank < SHOWN_PAIRS].tolist():
        sources = (names[pair[at] // n_sources], names[pair[at] % n_sources])
        one = PairOfSources(sources, float(differ[at] / n[at]), round(float(n[at])))
        worst[int(of_slice[at])] = (*worst.get(int(of_slice[at]), ()), one)
    return worst
