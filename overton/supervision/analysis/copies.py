"""Sources that say the same more often than chance lets them: suspected copies of each other."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from overton.supervision.analysis.facts import Facts
from overton.supervision.models.blocks import MOST_SOURCES, count_pairs
from overton.supervision.models.patterns import Patterns

LEAST_BOTH = 30  # units that two sources both label
SHARED = 0.5  # of the units that either of them labels
NEAR = 0.95  # agreement beyond chance from which a source is named


@dataclass(frozen=True, slots=True)
class Copy:
    """A source that another one may be a copy of, or the other way round.

    Attributes:
        source: Its name.
        agreement: How far the two agree beyond chance: 1 where they always do, 0 where they guess.
        n: Units that both label.
        joined: Whether the label model takes them for one, so that their votes count once.
    """

    source: str
    agreement: float
    n: int
    joined: bool


def find_copies(facts: Facts) -> Mapping[str, tuple[Copy, ...]]:
    """The suspected copies of each source that has any, the most alike first."""
    names, patterns, joined = facts.votes.sources, facts.patterns, facts.combined.copies
    if not patterns.n_patterns or len(names) > MOST_SOURCES:
        return {}
    pairs = count_pairs(patterns.cells, patterns.count, len(names), facts.n_labels)
    own = np.maximum(np.diag(pairs.both), 1e-9)
    rate = pairs.said / own[:, None]
    by_chance, spread = rate @ rate.T, (rate * (1 - rate)).sum(1)
    if facts.votes.task.type == "select":
        chance = float((patterns.count / np.maximum(patterns.n_options, 1)).sum() / patterns.count.sum())
        by_chance, spread = np.full_like(by_chance, chance), np.full_like(spread, 1 - chance)
    scale = np.maximum(pairs.both * np.sqrt(np.outer(spread, spread)), 1e-9)
    agreement = np.clip((pairs.same - pairs.both * by_chance) / scale, -1.0, 1.0)
    agreement[np.outer(spread, spread) < 1e-6] = 0.0  # who only ever says one label agrees with its like by chance
    either = own[:, None] + own - pairs.both
    near = (agreement >= NEAR) & (pairs.both >= LEAST_BOTH) & (pairs.both >= SHARED * either)
    found: dict[str, tuple[Copy, ...]] = {}
    for number in facts.voting.tolist():
        block = joined.get(names[number], ())
        others = {*map(names.index, block), *np.flatnonzero(near[number]).tolist()} - {number}
        copies = [
            Copy(names[other], float(agreement[number, other]), _both(patterns, number, other), names[other] in block)
            for other in others
        ]
        if copies:
            found[names[number]] = tuple(sorted(copies, key=lambda copy: (-copy.agreement, copy.source)))
    return found


def _both(patterns: Patterns, one: int, other: int) -> int:
    """Units that two sources both label: all of them, where pairs were counted on a sample."""
    cells = patterns.cells
    shared = np.intersect1d(cells.row[cells.source == one], cells.row[cells.source == other], assume_unique=True)
    return int(patterns.count[shared].sum())
