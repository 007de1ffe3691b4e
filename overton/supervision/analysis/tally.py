"""Sums over all splits, tags and sources in one pass over a sparse incidence of tags and records.

What is counted is first summed for each record and source, then added to every tag that the record has, so the cost is
that of the tags that records have: hundreds of tags cost about what one costs. Some records are looked at at once, so
that memory does not grow with their number.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from overton.base.ragged import spread, starts_of
from overton.base.shares import RatioSums, effective_size, wilson
from overton.data import SPLITS, Tags
from overton.supervision.analysis.facts import Facts
from overton.supervision.models.patterns import runs

WHOLE = "*"
MOST_ENTRIES = 2_000_000  # held at once
# Sums of each record and actor: units that it labels, those with another vote, those with another label, those that
# gold judges, those of them that are right, probability that the label is right; then products for the variance.
N, OVERLAP, CONFLICT, JUDGED, RIGHT, EXPECTED = range(6)
N_COUNTED = 6
RIGHT_RIGHT, RIGHT_JUDGED, JUDGED_JUDGED, RECORDS = range(6, 10)
N_SUMS = 10


@dataclass(frozen=True, slots=True)
class Tally:
    """Sums of every split, tag and actor; the actors are the sources, then the combined labels, majority and gold.

    Attributes:
        tags: The tags; the first is `*`, the whole split.
        units: Number of units, float64 of shape (split, tag).
        sums: Float64 of shape (sum, split, tag, actor).
    """

    tags: tuple[str, ...]
    units: ndarray
    sums: ndarray

    def interval(self, split: int, actor: int) -> tuple[ndarray, ndarray]:
        """Interval of the share that is right, of each tag; not a number where nothing is judged."""
        a, b, aa, ab, bb, records = self.sums[
            (RIGHT, JUDGED, RIGHT_RIGHT, RIGHT_JUDGED, JUDGED_JUDGED, RECORDS), split, :, actor
        ]
        sums = RatioSums(a=a, b=b, aa=aa, ab=ab, bb=bb, records=records)
        return wilson(sums.ratio, effective_size(sums))


@dataclass(frozen=True, slots=True)
class _Block:
    """Some records that follow each other.

    Attributes:
        units: Their units.
        cells: The votes on these.
    """

    units: slice
    cells: slice


def tally(facts: Facts, tags: Tags | None, names: Sequence[str]) -> Tally:
    """Sum up.

    Args:
        facts: The facts of a task.
        tags: The tags of all records.
        names: Which of them to sum up for, beside the whole of each split.
    """
    first, tag = _incidence(facts, tags, names)
    n_tags, n_actors = len(names) + 1, len(facts.votes.sources) + 3
    shape = (len(SPLITS), n_tags, n_actors)
    total = np.zeros((N_SUMS, int(np.prod(shape))))
    for block in _blocks(facts, np.diff(first)):
        record, actor, sums = _by_record(facts, block, n_actors)
        kept = facts.split[record] >= 0
        record, actor, sums = record[kept], actor[kept], sums[:, kept]
        entry = np.repeat(np.arange(len(record)), first[record + 1] - first[record])
        of_tag = tag[spread(first, record)]
        key = (facts.split[record[entry]] * n_tags + of_tag) * n_actors + actor[entry]
        for number in range(N_SUMS):
            np.add.at(total[number], key, sums[number, entry])  # one by one, so that blocks change no last digit
    every = np.repeat(np.arange(facts.votes.n_records), np.diff(first))
    inside = facts.split[every] >= 0
    length = np.diff(facts.votes.offsets)[every[inside]]
    units = np.bincount(facts.split[every[inside]] * n_tags + tag[inside], length, len(SPLITS) * n_tags)
    return Tally((WHOLE, *names), units.reshape(shape[:2]), total.reshape(N_SUMS, *shape))


def _blocks(facts: Facts, n_tags: ndarray) -> Iterator[_Block]:
    """All records in blocks that are summed up one at a time: memory does not grow with their number.

    Args:
        facts: The facts of a task.
        n_tags: Number of tags of each record, shape (record,).
    """
    offsets = facts.votes.offsets
    cells = np.searchsorted(facts.cells.row, offsets)
    for run in runs((np.diff(cells) + 3 * np.diff(offsets)) * n_tags, MOST_ENTRIES):
        start, stop = run.start, run.stop
        yield _Block(slice(offsets[start], offsets[stop]), slice(cells[start], cells[stop]))


def _incidence(facts: Facts, tags: Tags | None, names: Sequence[str]) -> tuple[ndarray, ndarray]:
    """First entry of each record and the tags of all, in which 0 is the whole and the names follow."""
    n_records = facts.votes.n_records
    if tags is None or not names:
        return np.arange(n_records + 1), np.zeros(n_records, np.int64)
    number_of = {name: number for number, name in enumerate(names, 1)}
    number = np.array([number_of.get(name, 0) for name in tags.names], np.int64)[tags.tag]
    record = np.repeat(np.arange(n_records), np.diff(tags.first))
    record = np.concatenate([np.arange(n_records), record[number > 0]])
    number = np.concatenate([np.zeros(n_records, np.int64), number[number > 0]])
    order = np.argsort(record, kind="stable")
    return starts_of(np.bincount(record, minlength=n_records)), number[order]


def _by_record(facts: Facts, block: _Block, n_actors: int) -> tuple[ndarray, ndarray, ndarray]:
    """Record and actor of each sum, int64 of shape (entry,), and the sums, of shape (sum, entry)."""
    parts = [_of_sources(facts, block), *(_of_units(facts, block, n_actors - 3 + place, place) for place in range(3))]
    key = np.concatenate([facts.record[unit] * n_actors + actor for unit, actor, _ in parts])
    counted = np.concatenate([part for _, _, part in parts], axis=1)
    keys, place = np.unique(key, return_inverse=True)
    sums = np.zeros((N_SUMS, len(keys)))
    for number in range(N_COUNTED):
        sums[number] = np.bincount(place, counted[number], len(keys))
    right, judged = sums[RIGHT], sums[JUDGED]
    sums[RIGHT_RIGHT], sums[RIGHT_JUDGED], sums[JUDGED_JUDGED] = right * right, right * judged, judged * judged
    sums[RECORDS] = judged > 0
    return keys // n_actors, keys % n_actors, sums


def _of_sources(facts: Facts, block: _Block) -> tuple[ndarray, ndarray, ndarray]:
    """Unit, actor and what is counted of every vote."""
    unit, undecided = facts.cells.row[block.cells], facts.undecided[block.cells]
    judged, right = facts.known[unit], facts.right_cells[block.cells]
    given = facts.given[block.cells]
    given = np.where(facts.certain[unit] & judged, right, given)  # gold of a trusted source judges nobody
    conflict = facts.disagreed[unit] & ~undecided
    counted = [np.ones(len(unit)), facts.n_votes[unit] > 1, conflict, judged, right, given]
    actor = facts.cells.source[block.cells].astype(np.int64)
    return unit, actor, np.array(counted, np.float64).reshape(N_COUNTED, -1)


def _of_units(facts: Facts, block: _Block, actor: int, place: int) -> tuple[ndarray, ndarray, ndarray]:
    """The same of the combined labels (0), the majority vote (1), and gold (2)."""
    targets, begin, n_votes = facts.combined.targets, block.units.start, facts.n_votes[block.units]
    voted = n_votes > 0
    if place == 2:
        row = facts.cells.row[block.cells]
        contradicted = np.zeros(len(voted), bool)
        other = (facts.said[block.cells] != facts.truth[row]) & ~facts.undecided[block.cells]
        contradicted[row[other] - begin] = True
        known = np.flatnonzero(facts.known[block.units])
        return known + begin, np.full(len(known), actor), _counted(known, voted, contradicted)
    local = np.flatnonzero(targets.index[block.units] >= 0 if place == 0 else voted)
    counted = _counted(local, n_votes > 1, voted & facts.disagreed[block.units])
    unit = local + begin
    judged = (facts.judged if place == 0 else facts.known)[unit]
    table, row = (targets.table, targets.index) if place == 0 else (facts.majority, facts.patterns.index)
    counted[JUDGED] = judged
    counted[RIGHT, judged] = facts.right(table[row[unit[judged]]], unit[judged])
    if place == 0:
        counted[EXPECTED] = facts.combined.expected[targets.index[unit]]
    return unit, np.full(len(unit), actor), counted


def _counted(unit: ndarray, overlap: ndarray, conflict: ndarray) -> ndarray:
    counted = np.zeros((N_COUNTED, len(unit)))
    counted[N], counted[OVERLAP], counted[CONFLICT] = 1, overlap[unit], conflict[unit]
    return counted
