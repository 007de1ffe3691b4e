"""What the combined labels lose without a source: votes are scored again without its own, by the fitted model.

Nothing is fitted again. Units that were labelled alike are one pattern, so that leaving each source out in turn costs
as much as there are different rows of votes; a random part of them stands for all where there are many.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from overton.base.ragged import ranges, spread, starts_of
from overton.data import SPLITS
from overton.supervision.analysis.facts import HALF, SAME, Facts
from overton.supervision.models.majority import majority_table
from overton.supervision.models.patterns import Cells, Patterns

MOST_VOTES = 8_000_000  # scored again, all sources together
MOST_NUMBERS = 8_000_000  # of a table held at once


@dataclass(frozen=True, slots=True)
class Marginal:
    """What becomes of the combined labels of a split without the votes of a source; shares of all units of the split.

    Attributes:
        changed: Units whose most likely label becomes another.
        lost: Units that have no other vote.
        expected: By how much the probability of the best guess is higher with the source, where others vote too.
        gold: By how much more labels are right by gold with the source, as a share of the units with votes and gold;
            positive where the source helps. None where no gold stands beside its votes and those of others.
        n_gold: Number of units that this rests on.
    """

    changed: float
    lost: float
    expected: float
    gold: float | None
    n_gold: int


@dataclass(frozen=True, slots=True)
class Gain:
    """What a source adds to the labels that gold can judge, over all splits.

    Attributes:
        units: Right labels with it less right labels without it.
        error: Standard error of that, from the differences of the records.
        n: Units with its vote, another's and gold.
    """

    units: float = 0.0
    error: float = 0.0
    n: int = 0


@dataclass(frozen=True, slots=True)
class _Scored:
    """Patterns of one source with it and without it.

    Attributes:
        rows: The patterns, ascending.
        whole: Probabilities with all votes, of shape (row, label).
        rest: Without the source; meaningless where it is alone.
        alone: Patterns in which nobody else votes, bool of shape (row,).
    """

    rows: ndarray
    whole: ndarray
    rest: ndarray
    alone: ndarray


def marginals(facts: Facts) -> tuple[Mapping[str, Mapping[str, Marginal]], Mapping[str, Gain]]:
    """What each source that votes is worth to the combined labels: by source and split, and by gold of all splits."""
    patterns, n_splits = facts.patterns, len(SPLITS)
    if not patterns.n_patterns:
        return {}, {}
    whole = _table(facts, patterns)
    chosen, share = _sample(patterns)
    open_units = np.flatnonzero((patterns.index >= 0) & ~facts.certain & (facts.split[facts.record] >= 0))
    place = patterns.index[open_units] * n_splits + facts.split[facts.record[open_units]]
    count = np.bincount(place, minlength=patterns.n_patterns * n_splits).reshape(-1, n_splits) / share
    n_units = np.bincount(facts.split[facts.record] + 1, minlength=n_splits + 1)[1:]
    judged = np.flatnonzero(facts.judged)
    judged = judged[np.argsort(patterns.index[judged], kind="stable")]
    n_judged = np.bincount(facts.split[facts.record[judged]] + 1, minlength=n_splits + 1)[1:]
    by_source, gains = {}, {}
    for source, rows in _patterns_of_sources(patterns, chosen):
        scored = _score(facts, rows, whole, source)
        changed, expected = _effects(facts, scored)
        effects = count[rows].T @ np.stack([changed, scored.alone, expected], axis=1)
        unit, gain = _gain_by_unit(facts, scored, judged)
        in_split = np.bincount(facts.split[facts.record[unit]] + 1, minlength=n_splits + 1)[1:]
        gained = np.bincount(facts.split[facts.record[unit]] + 1, gain, n_splits + 1)[1:] / share
        name = facts.votes.sources[source]
        by_source[name] = {
            split: Marginal(
                changed=float(effects[number, 0] / max(n_units[number], 1)),
                lost=float(effects[number, 1] / max(n_units[number], 1)),
                expected=float(effects[number, 2] / max(n_units[number], 1)),
                gold=float(gained[number] / n_judged[number]) if in_split[number] else None,
                n_gold=int(in_split[number]),
            )
            for number, split in enumerate(SPLITS)
        }
        gains[name] = _pooled(facts.record[unit], gain)
    return by_source, gains


def pooled_error(record: ndarray, difference: ndarray) -> float:
    """Standard error of a sum of differences whose units hang together within a record."""
    _, place = np.unique(record, return_inverse=True)
    return float(np.sqrt((np.bincount(place, difference, 1) ** 2).sum()))


def _pooled(record: ndarray, gain: ndarray) -> Gain:
    return Gain(float(gain.sum()), pooled_error(record, gain), len(gain))


def _sample(patterns: Patterns) -> tuple[ndarray, float]:
    """Patterns that are scored again, bool of shape (pattern,), and which share of all they are."""
    size = np.bincount(patterns.cells.row, minlength=patterns.n_patterns).astype(np.float64)
    share = min(MOST_VOTES / max(float((size**2).sum()), 1.0), 1.0)
    if share == 1.0:
        return np.ones(patterns.n_patterns, bool), 1.0
    chosen = np.random.default_rng(0).random(patterns.n_patterns) < share
    return chosen, max(float(patterns.count[chosen].sum() / patterns.count.sum()), 1e-9)


def _patterns_of_sources(patterns: Patterns, chosen: ndarray) -> list[tuple[int, ndarray]]:
    cells = patterns.cells
    order = np.argsort(cells.source, kind="stable")
    order = order[chosen[cells.row[order]]]
    sources = np.unique(cells.source)
    first = np.searchsorted(cells.source[order], [*sources, cells.source.max(initial=0) + 1])
    return [
        (int(source), cells.row[order[start:stop]])
        for source, start, stop in zip(sources, first[:-1], first[1:], strict=True)
    ]


def _score(facts: Facts, rows: ndarray, whole: ndarray, source: int) -> _Scored:
    rest = np.zeros((len(rows), whole.shape[1]))
    alone = np.zeros(len(rows), bool)
    step = max(MOST_NUMBERS // max(whole.shape[1], 1), 1)
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        without = _without(facts.patterns, rows[part], source)
        alone[part] = np.bincount(without.cells.row, minlength=without.n_patterns) == 0
        if len(without.cells.row):
            rest[part] = _table(facts, without)
    return _Scored(rows, whole[rows], rest, alone)


def _table(facts: Facts, patterns: Patterns) -> ndarray:
    """Probabilities of patterns, of shape (pattern, label), by the way in which the votes were combined."""
    model = facts.combined.model
    return majority_table(patterns, facts.n_labels, bits=facts.is_bits) if model is None else model.table(patterns)


def _without(patterns: Patterns, rows: ndarray, source: int) -> Patterns:
    """Some patterns, numbered anew, without the votes of a source."""
    cells = patterns.cells
    start, stop = np.searchsorted(cells.row, rows), np.searchsorted(cells.row, rows, side="right")
    chosen = ranges(start, stop)
    row = np.repeat(np.arange(len(rows)), stop - start)
    kept = cells.source[chosen] != source
    chosen, row = chosen[kept], row[kept]
    entries = spread(cells.first, chosen)
    first = starts_of(cells.first[chosen + 1] - cells.first[chosen])
    left = Cells(row, cells.source[chosen], first, cells.label[entries], cells.weight[entries])
    group = None if patterns.group is None else patterns.group[rows]
    return Patterns(np.zeros(0, np.int64), patterns.count[rows], patterns.n_options[rows], left, group)


def _effects(facts: Facts, scored: _Scored) -> tuple[ndarray, ndarray]:
    """Whether the best guess changes, and what is expected of it more than without, of shape (row,) each."""
    whole, rest = scored.whole, scored.rest
    if facts.is_bits:
        changed = ((whole > HALF) != (rest > HALF)).any(1)
        gained = np.maximum(whole, 1 - whole).prod(1) - np.maximum(rest, 1 - rest).prod(1)
    else:
        best = rest[np.arange(len(rest)), whole.argmax(1)]
        changed = best < rest.max(1) - SAME
        gained = whole.max(1) - rest.max(1)
    return changed & ~scored.alone, gained * ~scored.alone


def _gain_by_unit(facts: Facts, scored: _Scored, judged: ndarray) -> tuple[ndarray, ndarray]:
    """Units that gold judges and others label too, and by how much they are more right with the source."""
    pattern = facts.patterns.index[judged]
    start, stop = np.searchsorted(pattern, scored.rows), np.searchsorted(pattern, scored.rows, side="right")
    place = np.repeat(np.arange(len(scored.rows)), stop - start)
    unit = judged[ranges(start, stop)]
    shared = ~scored.alone[place]
    place, unit = place[shared], unit[shared]
    return unit, facts.right(scored.whole[place], unit) - facts.right(scored.rest[place], unit)
