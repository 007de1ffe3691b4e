"""Whether records have drifted from those of a version: words, lengths, predictions, slices, confidence.

Each row holds what is seen now against a profile, by a test for whether it is chance and by a measure for how much it
is. Only what is both is called drift: of very many records the least difference is beyond chance.

Sources: G-test, Sokal & Rohlf 1981 (17.2); Kolmogorov-Smirnov with the correction of Stephens 1970; population
stability index, as in Siddiqi 2006; Benjamini & Hochberg 1995 over all rows.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy import ndarray

from overton.base import brief
from overton.evaluate.profile import TaskProfile
from overton.notebook import drift_html

if TYPE_CHECKING:
    from pandas import DataFrame

Verdict = Literal["drifted", "no change shown", "not enough data"]

LEAST_RECORDS = 50  # on either side, below which nothing is said
LEAST_EXPECTED = 5.0  # records of a bin; rarer ones are taken together
FALSE_SHARE = 0.05
# From which on a difference matters: of shares, of the PSI, of the distance of two distributions.
LEAST_EFFECT = {"difference": 0.02, "psi": 0.05, "distance": 0.05}
REST = "(rest)"


@dataclass(frozen=True, slots=True)
class DriftRow:
    """One thing that may have drifted.

    Attributes:
        what: `new words`, `words`, `length`, `prediction`, `confidence` or `slice`.
        name: The payload, task or slice.
        before: Share or mean on the records of the version; None where it has none.
        now: The same of the records that are looked at.
        effect: How much it is.
        measure: What that is: `difference` of shares, `psi`, or `distance` of two distributions (Kolmogorov-Smirnov).
        p: Probability of so much by chance; None where there is not enough data.
        q: The same where all rows are looked at (Benjamini-Hochberg).
        n: Records that are looked at.
        verdict: What to make of it.
        most: What differs most: share before and now, by class, length or word.
    """

    what: str
    name: str
    before: float | None
    now: float | None
    effect: float | None
    measure: str
    p: float | None
    q: float | None
    n: int
    verdict: Verdict
    most: Mapping[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class DriftReport:
    """What drifted.

    Attributes:
        version: Id of the version.
        data: The records that are looked at.
        n: Their number.
        rows: What may have drifted, payloads before tasks.
        new_words: Words that training never had, by payload, with how many records have them, the commonest first.
    """

    version: str
    data: str
    n: int
    rows: tuple[DriftRow, ...]
    new_words: Mapping[str, Mapping[str, int]]

    __repr__ = brief

    @property
    def drifted(self) -> tuple[DriftRow, ...]:
        """The rows that drifted."""
        return tuple(row for row in self.rows if row.verdict == "drifted")

    def to_json(self) -> dict[str, Any]:
        """The document of `overton drift --json`."""
        return asdict(self)

    def _repr_html_(self) -> str:
        """How a notebook shows it."""
        return drift_html(self.to_json())

    def to_pandas(self) -> "DataFrame":
        """The rows as a pandas frame, one column an attribute of `DriftRow`."""
        from pandas import DataFrame

        return DataFrame([astuple(row) for row in self.rows], columns=[field.name for field in fields(DriftRow)])


def share_row(
    what: str, name: str, before: tuple[float, float], now: tuple[float, float], *, more: bool = False
) -> DriftRow:
    """A share of records, before and now: how many, of how many; with `more` only a greater share is a change."""
    (old, n_old), (new, n_new) = before, now
    shares = (old / n_old if n_old else None, new / n_new if n_new else None)
    p = effect = None
    if n_old and n_new:
        effect = abs(new / n_new - old / n_old)
        counts = np.array([[old, n_old - old], [new, n_new - new]])
        p = g_test(*counts) if min(n_old, n_new) >= LEAST_RECORDS else None
        if more and p is not None:
            p = p / 2 if new / n_new > old / n_old else 1.0
    return _row(what, name, shares, effect, "difference", p, int(n_new), {})


def count_row(
    what: str, name: str, before: Mapping[str, float], now: Mapping[str, float], n: tuple[int, int]
) -> DriftRow:
    """A distribution over bins, before and now, and the numbers of independent records that they rest on."""
    names, old, new = merged(before, now, n)
    effect = psi(old, new) if min(n) else None
    p = g_test(old, new) if min(n) >= LEAST_RECORDS else None
    shares = {
        one: (float(a / max(old.sum(), 1)), float(b / max(new.sum(), 1)))
        for one, a, b in zip(names, old, new, strict=True)
    }
    most = dict(sorted(shares.items(), key=lambda pair: -abs(pair[1][1] - pair[1][0]))[:3])
    return _row(what, name, (None, None), effect, "psi", p, n[1], most)


def confidence_row(name: str, before: TaskProfile, now: TaskProfile) -> DriftRow:
    """How sure the version is, before and now."""
    old, new = (np.array(one.confidence) for one in (before, now))
    means = (float(old.mean()) if len(old) else None, float(new.mean()) if len(new) else None)
    p = effect = None
    if len(old) and len(new):
        effect = ks_distance(old, new)
        p = ks_test(effect, len(old), len(new)) if min(len(old), len(new)) >= LEAST_RECORDS else None
    return _row("confidence", name, means, effect, "distance", p, now.records, {})


def words_row(name: str, before: tuple[Mapping[str, int], int], now: tuple[Mapping[str, int], int]) -> DriftRow:
    """In how many records each common word stands, before and now: the greatest change, corrected for their number.

    What is beyond chance has to be a change that matters: of a rare word next to nothing is beyond chance already.
    """
    (old, n_old), (new, n_new) = before, now
    shares = {word: (count / max(n_old, 1), new.get(word, 0) / max(n_new, 1)) for word, count in old.items()}
    order = sorted(shares.items(), key=lambda pair: (-abs(pair[1][1] - pair[1][0]), pair[0]))
    p = effect = None
    if order and n_old and n_new:
        effect = abs(order[0][1][1] - order[0][1][0])
        if min(n_old, n_new) >= LEAST_RECORDS:
            matter = [share for _, share in order if abs(share[1] - share[0]) >= LEAST_EFFECT["difference"]]
            tested = matter or [share for _, share in order]
            tables = ([[a * n_old, (1 - a) * n_old], [b * n_new, (1 - b) * n_new]] for a, b in tested)
            p = min(min(g_test(*np.array(table)) for table in tables) * len(order), 1.0)
    most = {word: share for word, share in order[:5] if abs(share[1] - share[0]) >= LEAST_EFFECT["difference"]}
    return _row("words", name, (None, None), effect, "difference", p, n_new, most)


def judged_rows(rows: Sequence[DriftRow]) -> tuple[DriftRow, ...]:
    """The rows with q and verdict, corrected for their number."""
    tested = sorted((row.p, place) for place, row in enumerate(rows) if row.p is not None)
    q, least = {}, 1.0
    for rank in range(len(tested), 0, -1):
        p, place = tested[rank - 1]
        least = min(least, p * len(tested) / rank)
        q[place] = least
    found = []
    for place, row in enumerate(rows):
        if place not in q:
            found.append(row)
            continue
        beyond = q[place] <= FALSE_SHARE and (row.effect or 0) >= LEAST_EFFECT[row.measure]
        verdict: Verdict = "drifted" if beyond else "no change shown"
        values = {field.name: getattr(row, field.name) for field in fields(DriftRow)}
        found.append(DriftRow(**{**values, "q": q[place], "verdict": verdict}))
    return tuple(found)


def _row(
    what: str,
    name: str,
    shares: tuple[float | None, float | None],
    effect: float | None,
    measure: str,
    p: float | None,
    n: int,
    most: Mapping[str, tuple[float, float]],
) -> DriftRow:
    return DriftRow(what, name, *shares, effect, measure, p, None, n, "not enough data", most)


def merged(
    before: Mapping[str, float], now: Mapping[str, float], n: tuple[int, int]
) -> tuple[list[str], ndarray, ndarray]:
    """Counts of the same bins, scaled to numbers of records, those with few taken together as `(rest)`."""
    names = [*before, *(name for name in now if name not in before)]
    counts = np.array([[one.get(name, 0.0) for name in names] for one in (before, now)]).reshape(2, -1)
    total = counts.sum(axis=1, keepdims=True)
    counts = counts / np.maximum(total, 1e-9) * np.array(n, np.float64)[:, None]
    expected = counts.sum(axis=0) * min(n) / max(sum(n), 1)
    enough = expected >= LEAST_EXPECTED
    kept, rest = counts[:, enough], counts[:, ~enough].sum(axis=1, keepdims=True)
    if rest.any():
        kept = np.concatenate([kept, rest], axis=1)
    chosen = [name for name, many in zip(names, enough, strict=True) if many]
    return [*chosen, *([REST] if rest.any() else [])], kept[0], kept[1]


def psi(before: ndarray, now: ndarray) -> float:
    """Population stability index of two counts over the same bins; half a record is added to each.

    Example:
        >>> round(psi(np.array([50, 50]), np.array([50, 50])), 3), round(psi(np.array([50, 50]), np.array([80, 20])), 2)
        (0.0, 0.41)
    """
    old, new = ((counts + 0.5) / (counts + 0.5).sum() for counts in (before, now))
    return float(((new - old) * np.log(new / old)).sum())


def g_test(before: ndarray, now: ndarray) -> float:
    """Probability by chance that two counts over the same bins differ so much or more.

    Example:
        >>> round(g_test(np.array([50.0, 50]), np.array([50.0, 50])), 3)
        1.0
        >>> round(g_test(np.array([60.0, 40]), np.array([40.0, 60])), 4)
        0.0045
    """
    counts = np.stack([before, now])
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / max(counts.sum(), 1e-9)
    there = counts > 0
    statistic = 2 * float((counts[there] * np.log(counts[there] / expected[there])).sum())
    return chi_square_tail(max(statistic, 0.0), int((counts.sum(axis=0) > 0).sum()) - 1)


def chi_square_tail(value: float, freedom: int) -> float:
    """P(chi-square >= value), by the recurrence of the incomplete gamma function over halves.

    Source: Abramowitz & Stegun 1964, 26.4.4 and 26.4.5.

    Example:
        >>> round(chi_square_tail(3.841, 1), 4), round(chi_square_tail(18.307, 10), 4)
        (0.05, 0.05)
    """
    if freedom < 1 or value <= 0:
        return 1.0
    half = value / 2
    shape = 0.5 if freedom % 2 else 1.0
    tail = math.erfc(math.sqrt(half)) if freedom % 2 else math.exp(-half)
    while shape < freedom / 2:
        tail += math.exp(shape * math.log(half) - half - math.lgamma(shape + 1))
        shape += 1
    return min(tail, 1.0)


def ks_distance(before: ndarray, now: ndarray) -> float:
    """Greatest distance of two distribution functions, of samples in any order."""
    every = np.concatenate([before, now])
    old, new = (np.searchsorted(np.sort(one), every, side="right") / len(one) for one in (before, now))
    return float(np.abs(old - new).max())


def ks_test(distance: float, n_before: int, n_now: int) -> float:
    """Probability by chance that two samples of one distribution are so far apart.

    Example:
        >>> ks_test(0.0, 100, 100), round(ks_test(0.1923, 100, 100), 3)
        (1.0, 0.043)
    """
    root = math.sqrt(n_before * n_now / (n_before + n_now))
    scaled = (root + 0.12 + 0.11 / root) * distance
    if scaled < 0.3:
        return 1.0
    terms = (2.0 * (1 if k % 2 else -1) * math.exp(-2 * k * k * scaled * scaled) for k in range(1, 101))
    return min(max(sum(terms), 0.0), 1.0)
