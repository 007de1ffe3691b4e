"""Conjunctions of literals under which errors gather: from a column a literal and an error a record to slices.

A slice is scored by how much greater its error is than the average, against how small it is:

    score = alpha (error of the slice / average error - 1) - (1 - alpha) (records / records of the slice - 1)

Level by level literals are joined, and only what can still beat the best that were found is joined further: a
conjunction has no more records and no more errors than any of its parts. The counts of a level are one product of
matrices.

Source: Sagadeeva & Boehm 2021, SliceLine, doi:10.1145/3448016.3457323. The bound is theirs (section 3.2); the caps
below, which they do without, keep the third level within seconds on one core.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

ALPHA = 0.95
MOST_COLUMNS = 600  # literals that are joined, those with the highest bounds
MOST_PAIRS = 1500  # pairs that a third literal is joined to, likewise
MOST_FOUND = 1000  # conjunctions that are handed on
KEPT = 200  # best scores that a conjunction has to be able to beat
BLOCK = 256
LEAST_SKEW = 1e-3
SMALLER = 0.95  # of the records of a part, from which on a literal more says nothing


@dataclass(frozen=True, slots=True)
class Conjunction:
    """Some literals that hold together.

    Attributes:
        literals: Their numbers, ascending.
        score: How bad and how large the slice is.
    """

    literals: tuple[int, ...]
    score: float


@dataclass(frozen=True)
class Searched:
    """What a search found.

    Attributes:
        found: The best conjunctions, the best first.
        z: How far each one that was looked at lies above the average, as `excess_z` has it, ascending, float64.
    """

    found: tuple[Conjunction, ...]
    z: ndarray


def search(
    columns: ndarray,
    error: ndarray,
    groups: Sequence[str],
    sides: Sequence[int] = (),
    *,
    least: int,
    levels: int = 3,
    alpha: float = ALPHA,
) -> Searched:
    """Search for the slices with the highest scores.

    Args:
        columns: Whether each literal holds of each record, bool of shape (literal, record).
        error: Error of each record, from 0 to 1, float64 of shape (record,).
        groups: Group of each literal; two of one group are not joined.
        sides: -1, 0 or 1 for each literal; those of opposite sides are not joined. All 0 where there is none.
        least: Least records of a slice.
        levels: Most literals of a slice, 1 to 3.
        alpha: Weight of the error against the size, from 0 to 1.
    """
    if not columns.size or not error.any():
        return Searched((), np.zeros(0))
    space = _Space(error, least, alpha)
    size, wrong = columns.sum(axis=1).astype(np.float64), columns @ error
    single = np.flatnonzero(size >= least)
    best = _Best()
    best.add(single[:, None], space.score(size[single], wrong[single]), space.z(size[single], wrong[single]))
    bound = space.bound(size[single], wrong[single], np.full(len(single), error.max()))
    order = np.argsort(-bound, kind="stable")
    kept = np.sort(single[order[bound[order] > best.least()][:MOST_COLUMNS]])
    if levels > 1 and len(kept) > 1:
        _join(space, columns[kept], kept, _clashes(groups, sides, kept), best, levels)
    return Searched(best.found(), np.sort(np.concatenate(best.z)))


def _clashes(groups: Sequence[str], sides: Sequence[int], kept: ndarray) -> ndarray:
    """Which of some literals may not be joined, bool of shape (literal, literal)."""
    number = {name: place for place, name in enumerate(dict.fromkeys(groups))}
    group = np.array([number[groups[k]] for k in kept.tolist()])
    side = np.array(sides)[kept] if sides else np.zeros(len(kept), np.int64)
    clashes: ndarray = (group[:, None] == group) | (side[:, None] * side < 0)
    return clashes


@dataclass(frozen=True)
class _Space:
    """Scores in one data set of errors."""

    error: ndarray
    least: int
    alpha: float

    @property
    def average(self) -> float:
        """Average error."""
        return float(self.error.mean())

    def score(self, size: ndarray, wrong: ndarray) -> ndarray:
        """Score of slices by their records and the sum of their errors."""
        n = len(self.error)
        excess = wrong / np.maximum(size, 1) / self.average - 1
        score: ndarray = self.alpha * excess - (1 - self.alpha) * (n / np.maximum(size, 1) - 1)
        return score

    def bound(self, size: ndarray, wrong: ndarray, most: ndarray) -> ndarray:
        """What no slice within can score above: it is greatest at the least or at the greatest size there may be."""
        small = np.minimum(np.maximum(self.least, wrong / np.maximum(most, 1e-12)), size)
        bound: ndarray = np.maximum(self.score(small, wrong), self.score(size, wrong))
        return bound

    def z(self, size: ndarray, wrong: ndarray) -> ndarray:
        """How far above the average of as many records drawn at random, as a normal variable."""
        return excess_z(self.error, size, wrong)


def score_of(error: ndarray, inside: ndarray) -> float:
    """Score of one slice.

    Args:
        error: Error of each record, from 0 to 1, float64 of shape (record,).
        inside: Which records are in it, bool of shape (record,).
    """
    size, wrong = np.array([float(inside.sum())]), np.array([float(error[inside].sum())])
    return float(_Space(error, 1, ALPHA).score(size, wrong)[0])


def excess_z(error: ndarray, size: ndarray, wrong: ndarray) -> ndarray:
    """How far the error of some records lies above that of as many drawn without return, as a normal variable.

    Errors are rare and a slice is small, so that sums of them are skewed: to be many standard errors above the average
    is far likelier by chance than of a normal variable. They are taken for a gamma variable of the same skew.

    Source: Wilson & Hilferty 1931, doi:10.1073/pnas.17.12.684, for its normal variable; the moments of a sample
        without return, Cochran 1977, Sampling Techniques, 2.4 and 2.15.
    """
    n, safe = len(error), np.maximum(size, 1)
    average, variance = error.mean(), error.var()
    deviation = np.sqrt(variance / safe * np.maximum(n - safe, 0) / max(n - 1, 1))
    excess = wrong / safe - average
    z: ndarray = np.divide(excess, deviation, out=np.zeros_like(excess), where=deviation > 0)
    if not variance:
        return z
    one = float(((error - average) ** 3).mean()) / variance**1.5
    skew = one * (n - 2 * safe) / np.sqrt(safe * np.maximum(n - safe, 1)) * np.sqrt(max(n - 1, 1)) / max(n - 2, 1)
    skew = np.maximum(skew, LEAST_SKEW)  # below it, as good as normal; less than none makes the upper tail lighter
    normal: ndarray = (np.cbrt(np.maximum(1 + skew * z / 2, 0)) - 1 + skew**2 / 36) * 6 / skew
    return normal


class _Best:
    """The best conjunctions so far, and the z of all that were looked at."""

    def __init__(self) -> None:
        self.scores: dict[tuple[int, ...], float] = {}
        self.z: list[ndarray] = [np.zeros(0)]

    def add(self, literals: ndarray, score: ndarray, z: ndarray) -> None:
        """Take in conjunctions, their literals of shape (conjunction, literal)."""
        self.z.append(z)
        order = np.argsort(-score, kind="stable")[:MOST_FOUND]
        for place in order[score[order] > self.least(MOST_FOUND)].tolist():
            self.scores[tuple(sorted(literals[place].tolist()))] = float(score[place])
        if len(self.scores) > 4 * MOST_FOUND:
            self.scores = dict(self._ordered()[:MOST_FOUND])

    def least(self, kept: int = KEPT) -> float:
        """The score that a conjunction has to beat to be among the best; never below 0, which is the average."""
        if len(self.scores) < kept:
            return 0.0
        return max(float(np.partition(np.array(list(self.scores.values())), -kept)[-kept]), 0.0)

    def found(self) -> tuple[Conjunction, ...]:
        """The best, the best first, and of equal ones those with fewer literals."""
        return tuple(Conjunction(literals, score) for literals, score in self._ordered()[:MOST_FOUND])

    def _ordered(self) -> list[tuple[tuple[int, ...], float]]:
        return sorted(self.scores.items(), key=lambda pair: (-pair[1], len(pair[0]), pair[0]))


def _join(space: _Space, columns: ndarray, number: ndarray, clash: ndarray, best: _Best, levels: int) -> None:
    """Conjunctions of two literals, and of three.

    Args:
        space: The scores.
        columns: The literals that are joined, bool of shape (literal, record).
        number: Their numbers.
        clash: Which of them are not joined, bool of shape (literal, literal).
        best: Takes what is found.
        levels: Most literals.
    """
    held = columns.astype(np.float32)
    wrongly = held[:, space.error > 0] * space.error[space.error > 0].astype(np.float32)
    some = held[:, space.error > 0]
    together, wrong = (held @ held.T).astype(np.float64), (some @ wrongly.T).astype(np.float64)
    own_size = np.diag(together)
    one, other = np.triu_indices(len(number), 1)
    part = np.minimum(own_size[one], own_size[other])
    pair_size, pair_wrong = together[one, other], wrong[one, other]
    fits = ~clash[one, other] & (pair_size >= space.least) & (pair_size <= SMALLER * part)
    one, other, pair_size, pair_wrong = one[fits], other[fits], pair_size[fits], pair_wrong[fits]
    pairs = np.stack([number[one], number[other]], axis=1)
    best.add(pairs, space.score(pair_size, pair_wrong), space.z(pair_size, pair_wrong))
    if levels < 3 or not len(one):
        return
    bound = space.bound(pair_size, pair_wrong, np.full(len(one), space.error.max()))
    order = np.argsort(-bound, kind="stable")
    chosen = order[bound[order] > best.least()][:MOST_PAIRS]
    for start in range(0, len(chosen), BLOCK):
        block = chosen[start : start + BLOCK]
        both = held[one[block]] * held[other[block]]
        size = (both @ held.T).astype(np.float64)
        wrong = (both[:, space.error > 0] @ wrongly.T).astype(np.float64)
        fits = ~clash[one[block]] & ~clash[other[block]]
        part = np.minimum(pair_size[block, None], np.minimum(together[one[block]], together[other[block]]))
        fits &= (size >= space.least) & (size <= SMALLER * part)
        at, third = np.nonzero(fits)
        triples = np.concatenate([pairs[block[at]], number[third, None]], axis=1)
        best.add(triples, space.score(size[at, third], wrong[at, third]), space.z(size[at, third], wrong[at, third]))
