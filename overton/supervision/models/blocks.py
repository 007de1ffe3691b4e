"""Sources that copy each other, or a shared cause, found by how they agree; each block of them votes once.

Where sources err by themselves, how far two of them agree beyond chance is a product of what each is worth:
c_ij = r_i r_j. A block of copies breaks that law: its sources agree with each other far more than what the *other*
sources tell of them allows. With k, l outside the block X, r_X^2 = sum(c_Xk c_Xl) / sum(c_kl), from counts of pairs
alone. Who copied whom cannot be told from one such break (two blocks that contradict each other look alike from either
side), so the tightest candidates are judged first: copies agree with each other more than honest sources do. Some units
are easier than others, so that poor sources agree with each other more than their worth says: they cannot convict good
ones, with whom they agree far more still.

The law of products: Spearman 1904, doi:10.2307/1412107 (one factor); its use for the votes of sources: Fu et al. 2020
(triplets). Judging blocks by those outside is our own.
"""

from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from overton.base.ragged import starts_of
from overton.supervision.models.patterns import Cells, keep_cells

MOST_PAIRS = 4_000_000  # pairs of votes looked at; a sample of the rows where there are more
MOST_SOURCES = 1500  # with more, nobody overlaps enough with anybody
HALF = 0.5
MOST_CANDIDATES = 60  # of one level
LEAST_OVERLAP = 30  # units that two sources both voted on
SHARED = 0.5  # of the units that either votes on, for sources of one block: who copies votes where the other does
LEVELS = (0.95, 0.85, 0.75, 0.65, 0.58)
GAP = 0.25  # by which the sources of a block agree more than those outside allow
ERRORS = 3.0  # standard errors by which they do
BETTER = 1.3  # times as much as with each other those outside agree with the members, who then are better, no copies
LEAST_COHERENCE = 0.08  # mean agreement of those outside: below it they are no measure for anyone
SAME = 0.95  # share of the units of two rules that only ever say one label on which both say it: one rule
IDENTICAL = 0.999  # the same for any two sources


@dataclass(frozen=True, slots=True)
class PairCounts:
    """How often two sources vote on one unit, and agree; sums, so that those of two parts of the data add up.

    All are of the same units, also where these are a sample: shares of one in another would be too small otherwise.

    Attributes:
        both: Units that both voted on, of shape (source, source); units that one voted on stand on the diagonal.
        same: Of these the units on which they say the same; for bitvectors the number of bits that both say.
        said: Units on which each source says each label, of shape (source, label).
        units: Number of units with votes.
    """

    both: ndarray
    same: ndarray
    said: ndarray
    units: float

    def __add__(self, other: "PairCounts") -> "PairCounts":
        return PairCounts(
            self.both + other.both, self.same + other.same, self.said + other.said, self.units + other.units
        )


def count_pairs(cells: Cells, count: ndarray, n_sources: int, n_labels: int, *, seed: int = 0) -> PairCounts:
    """Count pairs of votes.

    Args:
        cells: Votes of patterns.
        count: Number of units of each pattern, shape (row,).
        n_sources: Number of sources.
        n_labels: Number of labels.
        seed: Seed of the sample of rows, where there are too many pairs.
    """
    cells = keep_cells(cells, _sampled(cells, len(count), seed))
    cell = cells.entry_cell
    place = cells.source[cell].astype(np.int64) * n_labels + cells.label
    times = cells.weight * count[cells.row[cell]]
    said = np.bincount(place, times, n_sources * n_labels).reshape(n_sources, n_labels)
    own = np.diag(np.bincount(cells.source, count[cells.row], n_sources))
    row, source = cells.row, cells.source.astype(np.int64)
    both = _pairs_within(row, source, count[row], n_sources)
    units = float(count[np.unique(row)].sum())
    entries = np.flatnonzero(cells.weight >= HALF)
    entries = entries[np.lexsort((cells.source[cell[entries]], cells.label[entries], cells.row[cell[entries]]))]
    row, source = cells.row[cell[entries]], cells.source[cell[entries]].astype(np.int64)
    same = _pairs_within(row * n_labels + cells.label[entries], source, count[row], n_sources)
    return PairCounts(both + own, same + own, said, units)


def _sampled(cells: Cells, n_rows: int, seed: int) -> ndarray:
    """Which cells are looked at, bool of shape (cell,)."""
    size = np.bincount(cells.row, minlength=n_rows)
    pairs = size * (size - 1) // 2
    if pairs.sum() <= MOST_PAIRS:
        return np.ones(len(cells.row), np.bool_)
    order = np.random.default_rng(seed).permutation(n_rows)
    used = np.zeros(n_rows, np.bool_)
    used[order[np.cumsum(pairs[order]) <= MOST_PAIRS]] = True
    kept: ndarray = used[cells.row]
    return kept


def _pairs_within(group: ndarray, source: ndarray, units: ndarray, n_sources: int) -> ndarray:
    """Units of pairs of sources within a group, groups ascending; symmetric, of shape (source, source)."""
    pairs = np.zeros(n_sources**2)
    place = np.arange(len(group) - 1)
    shift = 1
    while len(place):
        place = place[group[place] == group[place + shift]]
        pairs += np.bincount(source[place] * n_sources + source[place + shift], units[place], n_sources**2)
        shift += 1
        place = place[place + shift < len(group)]
    square = pairs.reshape(n_sources, n_sources)
    both: ndarray = square + square.T
    return both


def find_blocks(pairs: PairCounts, *, chance: float | None, judged: ndarray) -> ndarray:
    """Number of the block of each source, the smallest number of a source in it.

    Args:
        pairs: Counts of pairs.
        chance: Share of units on which sources that guess agree; None where the labels that each uses tell.
        judged: Sources that agree and disagree in earnest, bool of shape (source,). Rules that only ever say one label
            always agree with their like; of them only those that are the same rule are one block.
    """
    block = np.arange(len(judged))
    if not 1 < len(block) <= MOST_SOURCES:
        return block
    _join_identical(block, pairs, judged)
    for level in LEVELS:
        while _join_one(block, pairs, chance, judged, level):
            pass
    return block


def collapse_blocks(cells: Cells, block: ndarray) -> Cells:
    """The cells where the votes of a block on one row are one vote that is shared among what they say."""
    if (block == np.arange(len(block))).all():
        return cells
    n_blocks, n_labels = len(block), int(cells.label.max(initial=0)) + 1
    key = cells.row * n_blocks + block[cells.source]
    keys, number, size = np.unique(key, return_inverse=True, return_counts=True)
    cell = cells.entry_cell
    entry = number[cell] * n_labels + cells.label
    entries, place = np.unique(entry, return_inverse=True)
    weight = np.bincount(place, cells.weight / size[number[cell]], len(entries))
    first = starts_of(np.bincount(entries // n_labels, minlength=len(keys)))
    label = (entries % n_labels).astype(np.int32)
    return Cells(keys // n_blocks, (keys % n_blocks).astype(np.int32), first, label, weight)


def _join_identical(block: ndarray, pairs: PairCounts, judged: ndarray) -> None:
    own = np.diag(pairs.both)
    either = np.maximum(own[:, None] + own - pairs.both, 1)
    said = pairs.said.sum(1)
    alike = 2 * pairs.same / np.maximum(said[:, None] + said, 1e-9)
    share = np.minimum(alike, pairs.both / either)
    same = (share >= np.where(judged[:, None] & judged, IDENTICAL, SAME)) & (pairs.both >= LEAST_OVERLAP)
    for one, other in zip(*np.nonzero(np.triu(same, 1)), strict=True):
        block[block == block[other]] = block[one]


def _join_one(block: ndarray, pairs: PairCounts, chance: float | None, judged: ndarray, level: float) -> bool:
    """Join the tightest candidate of this level that those outside do not bear out; False where there is none."""
    names = np.unique(block)
    agreement = _agreement(pairs, block, names, chance)
    open_to = np.array([judged[block == name].all() for name in names])
    linked = (agreement.value >= level) & agreement.shared & open_to & open_to[:, None]
    tried: set[frozenset[int]] = set()
    order = np.argsort(-np.where(np.triu(linked, 1), agreement.value, -np.inf), axis=None, kind="stable")
    for pair in order[: min(int(np.triu(linked, 1).sum()), MOST_CANDIDATES)]:
        members = _grow([int(pair) // len(names), int(pair) % len(names)], linked, agreement.value)
        if frozenset(members) not in tried and _is_block(members, agreement, open_to):
            for member in members:
                block[block == names[member]] = names[min(members)]
            return True
        tried.add(frozenset(members))
    return False


def _grow(members: list[int], linked: ndarray, value: ndarray) -> list[int]:
    """Add the block that agrees best with all members, as long as there is one that is linked to all of them."""
    while True:
        candidates = np.flatnonzero(linked[members].all(0))
        candidates = candidates[~np.isin(candidates, members)]
        if not len(candidates):
            return members
        members = [*members, int(candidates[value[members][:, candidates].mean(0).argmax()])]


@dataclass(frozen=True, slots=True)
class _Agreement:
    """Agreement beyond chance of blocks, of shape (block, block) each.

    Attributes:
        excess: Units of agreement beyond chance.
        scale: What the excess would be if they always agreed.
        variance: Of the excess.
        known: Whether two different blocks share enough units.
        shared: Whether they label mostly the same units as well.
    """

    excess: ndarray
    scale: ndarray
    variance: ndarray
    known: ndarray
    shared: ndarray

    @property
    def value(self) -> ndarray:
        """Agreement beyond chance, 1 where two always agree and 0 where they guess."""
        value: ndarray = self.excess / np.maximum(self.scale, 1e-9)
        return value


def _agreement(pairs: PairCounts, block: ndarray, names: ndarray, chance: float | None) -> _Agreement:
    own = np.maximum(np.diag(pairs.both), 1e-9)
    if chance is None:
        rate = pairs.said / own[:, None]
        by_chance, spread = rate @ rate.T, (rate * (1 - rate)).sum(1)
    else:
        by_chance, spread = np.full_like(pairs.both, chance), np.full(len(own), 1 - chance)
    n, same = pairs.both + 1.0, pairs.same + by_chance
    share = same / n
    member = (block == names[:, None]).astype(np.float64)

    def over_blocks(values: ndarray) -> ndarray:
        values = values.copy()
        np.fill_diagonal(values, 0.0)  # a source with itself
        sums: ndarray = values if len(names) == len(block) else member @ values @ member.T
        return sums

    known = over_blocks(pairs.both) >= LEAST_OVERLAP
    scale = over_blocks(n * np.sqrt(np.outer(spread, spread)))
    known &= scale > 0
    np.fill_diagonal(known, False)
    either = own[:, None] + own - pairs.both
    shared = known & (over_blocks(pairs.both) >= SHARED * over_blocks(either))
    variance = over_blocks(n * np.maximum(share * np.abs(1 - share), 1e-4))
    return _Agreement(over_blocks(same - n * by_chance), scale, variance, known, shared)


def _is_block(members: list[int], agreement: _Agreement, open_to: ndarray) -> bool:
    """Whether the members agree more than what those outside tell of them allows."""
    inside_of = np.array(members)
    inner = np.ix_(inside_of, inside_of)
    inside = agreement.excess[inner].sum() / agreement.scale[inner].sum()
    inside_error = np.sqrt(agreement.variance[inner].sum()) / agreement.scale[inner].sum()
    others = np.setdiff1d(np.flatnonzero(open_to), members)
    others = others[agreement.known[np.ix_(inside_of, others)].any(0)]
    known = np.triu(agreement.known[np.ix_(others, others)], 1)
    if not known.any():
        return False
    cross = np.ix_(inside_of, others)
    scale = np.maximum(agreement.scale[cross].sum(0), 1e-9)
    to_other, to_error = agreement.excess[cross].sum(0) / scale, agreement.variance[cross].sum(0) / scale**2
    outer = np.ix_(others, others)
    value, error = agreement.value[outer] * known, agreement.variance[outer] / agreement.scale[outer].clip(1e-9) ** 2
    both = known + known.T
    side = _sides(value + value.T, error * both)
    value, to_other = value * np.outer(side, side), to_other * side
    product = float(to_other @ known @ to_other)
    product_error = np.sqrt(((both @ to_other) ** 2 * to_error).sum())
    coherence = float(value.sum()) - ERRORS * float(np.sqrt((error * known).sum()))
    if coherence <= LEAST_COHERENCE * known.sum():
        return False
    if float(to_other @ both.sum(1)) > BETTER * 2 * coherence:  # each pair of those outside counts on either side
        return False
    allowed = max(product + ERRORS * product_error, 0.0) / coherence
    return bool(inside - ERRORS * inside_error > allowed + GAP)


def _sides(value: ndarray, error: ndarray) -> ndarray:
    """1 for each source, but -1 for those that contradict the others beyond chance, of shape (source,).

    A source that is worse than a guess is measured by the opposite of what it says: its agreement with good ones lies
    below zero, and would cancel what these tell of each other. The one that contradicts most is turned first.

    Args:
        value: Agreement beyond chance, symmetric, 0 where it is not known, of shape (source, source).
        error: Its variance, 0 where it is not known.
    """
    side = np.ones(len(value))
    noise = np.sqrt(np.maximum(error.sum(1), 1e-12))
    for _ in range(len(value)):
        borne_out = side * (value @ side) / noise
        worst = int(borne_out.argmin())
        if borne_out[worst] >= -ERRORS:
            break
        side[worst] *= -1
    return side
