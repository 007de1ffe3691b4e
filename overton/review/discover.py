"""Slices that nobody defined: what the records have in common on which a version errs most."""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import chain, count
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from overton.base import brief
from overton.codec import Predictions
from overton.data import GOLD, SLICE_PREFIX, Dataset, gold_of
from overton.evaluate import judge, right_units
from overton.notebook import slices_html
from overton.review.literals import Literals, joined_lengths, literals_of
from overton.review.search import MOST_FOUND, Searched, excess_z, score_of, search
from overton.review.significance import adjusted, chance_of

if TYPE_CHECKING:
    from pandas import DataFrame

MOST_RECORDS = 50_000  # records that are searched; a sample of them where there are more
LEAST_RECORDS, LEAST_SHARE, LEAST_CAP = 10, 0.005, 100
FALSE_SHARE = 0.05  # of the slices told, that may be there by chance
ALIKE = 0.7  # records that two slices share of those in either, from which the second says nothing new
NEW_RECORDS = 0.3  # share of the records of a slice that no slice before it has, below which it says nothing new
CHANCE = 0.05  # below which what a literal leaves out counts as better
NEW_CHANCE = 0.001  # from which on errors beyond the slices before count as new; many are asked
NEAR = 1e-3  # of a normal variable, within which two slices are equally unlikely
MOSTLY = 0.8  # share of the records of a slice in another one or a tag, from which on it counts as a part of that
SHELL = 0.5  # errors around a slice, as a share of its own, below which a wider slice says nothing new
LONGEST_NAME, EXAMPLES = 60, 3


@dataclass(frozen=True, slots=True)
class Within:
    """A tag in which most of a slice lies, and which is worse than the rest itself.

    Attributes:
        tag: The tag.
        share: Share of the records of the slice that have it.
        n: Its records.
        error_rate: Their mean error.
    """

    tag: str
    share: float
    n: int
    error_rate: float


@dataclass(frozen=True, slots=True)
class FoundSlice:
    """One slice that was found.

    Attributes:
        task: Name of the task.
        name: A tag to save it by.
        where: What its records have in common, as an expression in SQL that `overton tag` takes.
        n: Its records with gold, of those looked at.
        errors: Sum of their errors: of a task on records how many are wrong, else of the shares of wrong items.
        error_rate: Their mean error.
        elsewhere: Mean error of all other records.
        p: Probability by chance of so many errors among as many records.
        q: Share of false slices among those at least as unlikely, of all that were looked at (Benjamini-Hochberg), as
            it was found: before literals that say nothing were left out, and beside what earlier slices leave.
        score: How bad and how large it is, by SliceLine; 0 is the average.
        tag: The tag that it is, where it is nothing but one; else empty.
        needs_version: Whether the expression speaks of predictions.
        examples: Ids of some of its records with errors.
        within: The worst tag in which most of it lies; None where there is none, or it is a tag itself.
    """

    task: str
    name: str
    where: str
    n: int
    errors: float
    error_rate: float
    elsewhere: float
    p: float
    q: float
    score: float
    tag: str
    needs_version: bool
    examples: tuple[str, ...]
    within: Within | None = None

    def command(self, application: str, version: str, store: Sequence[str] = (), records: Sequence[str] = ()) -> str:
        """The command that saves it, or that looks at its errors where it is a tag already.

        Args:
            application: How it is to name the application.
            version: How it is to name the version.
            store: What it has to be told of the store of the version.
            records: What it has to be told of the records whose errors these are, as `words_of_records` has it.
        """
        words = ["overton", "tag", application, self.name, "--where", self.where]
        words += ["--version", version, *store] if self.needs_version else []
        if self.tag:
            words = ["overton", "errors", version, "--task", self.task, "--tag", self.tag, *records, *store]
        return " ".join(map(_shell, words))


@dataclass(frozen=True, slots=True)
class SlicePage:
    """The slices that were found for one task, the worst first.

    Attributes:
        version: Id of the version.
        task: Name of the task.
        splits: The splits of the records.
        n: Records with gold.
        error_rate: Their mean error.
        least: Least records of a slice.
        n_looked_at: Conjunctions that were looked at.
        slices: Those that are worse beyond chance.
        unit: What the task labels: `record`, `token` or `member`; errors of the last two are shares of a record's.
    """

    version: str
    task: str
    splits: tuple[str, ...]
    n: int
    error_rate: float | None
    least: int
    n_looked_at: int
    slices: tuple[FoundSlice, ...]
    unit: str = "record"
    __repr__ = brief

    def to_json(self) -> dict[str, Any]:
        """What `overton discover --json` tells of the task."""
        return asdict(self)

    def _repr_html_(self) -> str:
        """How a notebook shows it."""
        return slices_html(self.to_json())

    def to_pandas(self) -> "DataFrame":
        """The slices as a pandas frame, one column an attribute of `FoundSlice`."""
        from pandas import DataFrame

        columns = [one.name for one in fields(FoundSlice)]
        return DataFrame([[getattr(row, name) for name in columns] for row in self.slices], columns=columns)


def find_slices(
    dataset: Dataset,
    rows: ndarray,
    predictions: Mapping[str, Predictions],
    task: str,
    *,
    version: str,
    splits: Sequence[str],
    least: int | None = None,
    limit: int = 10,
) -> SlicePage:
    """The slices of one task.

    Args:
        dataset: The records.
        rows: Numbers of the records to look at, int64, ascending.
        predictions: What the version said of these, in their order, by task.
        task: Name of the task.
        version: Id of the version.
        splits: What these records are called.
        least: Least records of a slice; by the number of records where None.
        limit: Most slices.
    """
    judged = judge(predictions[task], gold_of(dataset.votes(task, [GOLD])), np.arange(len(rows)), rows)
    units = np.bincount(judged.record[judged.known], minlength=judged.n_records)
    wrong = np.bincount(judged.record[judged.known & ~right_units(judged)], minlength=judged.n_records)
    error = wrong / np.maximum(units, 1)
    chosen = judged.records
    if len(chosen) > MOST_RECORDS:
        drawn = np.sort(np.random.default_rng(0).choice(len(chosen), MOST_RECORDS, replace=False))
        chosen, error = chosen[drawn], error[drawn]
    if least is None:
        least = int(min(max(LEAST_RECORDS, LEAST_SHARE * len(chosen)), LEAST_CAP))
    own = {name: said.only(chosen) for name, said in predictions.items()}
    literals = literals_of(dataset, rows[chosen], task, own, least=least)
    found, n_looked_at = _search(literals, error, task, least, limit)
    ids = dataset.ids(rows[chosen])
    return SlicePage(
        version=version,
        task=task,
        splits=tuple(splits),
        n=len(chosen),
        error_rate=float(error.mean()) if len(error) else None,
        least=least,
        n_looked_at=n_looked_at,
        slices=tuple(_told(one, literals, error, ids, task) for one in found),
        unit=dataset.schema.unit(dataset.schema.task(task)),
    )


def words_of_records(splits: Sequence[str], tags: Sequence[str] = (), data: str = "") -> list[str]:
    """How `overton errors` is told of the records that slices were found in; it takes one split, or all.

    Args:
        splits: The splits that were looked at.
        tags: The tags, or expressions over tags, by which records were chosen.
        data: The data file or folder in place of the records of the application.

    Example:
        >>> words_of_records(["test"]), words_of_records(["dev", "test"], ["lang:en"])
        ([], ['--split', 'all', '--tag', 'lang:en'])
    """
    split = splits[0] if len({*splits}) == 1 else "all"
    words = [] if split == "test" else ["--split", split]
    for tag in tags:
        words += ["--tag", tag]
    return [*words, "--data", data] if data else words


def named_apart(pages: Sequence[SlicePage], taken: Iterable[str]) -> tuple[SlicePage, ...]:
    """The same pages, no two expressions saved by one name, nor one by that of a tag: the later one gets a number.

    `overton tag` lets the records of an expression take the place of those of another under the same name.

    Args:
        pages: The pages of several tasks; an expression that several tell of has one name.
        taken: The tags that the data has.
    """
    held = set(taken)
    names: dict[str, str] = {}
    for one in (one for page in pages for one in page.slices if not one.tag):
        if one.where not in names:
            numbered = (f"{one.name}_{number}" for number in count(2))
            names[one.where] = next(name for name in chain([one.name], numbered) if name not in held)
            held.add(names[one.where])
    return tuple(
        replace(page, slices=tuple(replace(one, name=names.get(one.where, one.name)) for one in page.slices))
        for page in pages
    )


def _search(literals: Literals, error: ndarray, task: str, least: int, limit: int) -> tuple[list["_One"], int]:
    """The slices to tell, and how many were looked at.

    One slice may be so bad that all of the best are parts of it; then what it leaves is searched once more.
    """
    groups, sides = ([getattr(one, name) for one in literals.literals] for name in ("group", "side"))
    searched = search(literals.columns, error, groups, sides, least=least)
    found = _Choice(literals, error, searched, task, least).choose(limit)
    if not found or len(found) >= limit or len(searched.found) < MOST_FOUND:
        return found, len(searched.z)
    left = ~np.logical_or.reduce([one.inside for one in found])
    rest = replace(literals, columns=literals.columns[:, left])
    again = search(rest.columns, error[left], groups, sides, least=least)
    more = _Choice(rest, error[left], again, task, least).choose(limit - len(found))
    whole = [np.logical_and.reduce(literals.columns[list(one.literals)], axis=0) for one in more]
    found += [replace(one, inside=inside) for one, inside in zip(more, whole, strict=True)]
    return found, len(searched.z) + len(again.z)


@dataclass(frozen=True)
class _One:
    """A slice that was chosen, with where it holds."""

    literals: tuple[int, ...]
    inside: ndarray
    q: float


@dataclass(frozen=True)
class _Choice:
    """Chooses from what a search found those slices that say something new beyond chance."""

    literals: Literals
    error: ndarray
    searched: Searched
    task: str
    least: int

    def choose(self, limit: int) -> list[_One]:
        """At most so many slices, by their score."""
        chosen: list[_One] = []
        covered: ndarray = np.zeros(len(self.error), np.bool_)
        for one in self._beyond_chance():
            if len(chosen) >= limit:
                break
            literals, inside = self._simplest(one.literals)
            if not self._is_new(inside, covered, chosen):
                continue
            chosen.append(_One(literals, inside, one.q))
            np.logical_or(covered, inside, out=covered)
        return chosen

    def _beyond_chance(self) -> list[_One]:
        """What was found that chance does not explain, by score."""
        z, found = self.searched.z, self.searched.found
        if not found:
            return []
        held = [self._inside(one.literals) for one in found]
        p = np.array([chance_of(self.error, inside) for inside in held])
        size = np.array([float(inside.sum()) for inside in held])
        wrong = np.array([float(self.error[inside].sum()) for inside in held])
        # Sums of shares of errors are made in single precision: what is so near is as unlikely.
        rank = len(z) - np.searchsorted(z, excess_z(self.error, size, wrong) - NEAR)
        q = adjusted(p, rank, len(z))
        return [_One(one.literals, held[k], q[k]) for k, one in enumerate(found) if q[k] <= FALSE_SHARE]

    def _inside(self, literals: Sequence[int]) -> ndarray:
        inside: ndarray = np.logical_and.reduce(self.literals.columns[list(literals)], axis=0)
        return inside

    def _simplest(self, found: tuple[int, ...]) -> tuple[tuple[int, ...], ndarray]:
        """The slice without those literals that leave out records as bad as the others."""
        literals = found
        inside = self._inside(literals)
        for number in found:
            rest = tuple(k for k in literals if k != number)
            if not rest:
                break
            wider = self._inside(rest)
            left_out = self.error[wider & ~inside]
            better = chance_of(1 - self.error[wider], ~inside[wider])
            if len(left_out) and better > CHANCE and left_out.mean() > self.error.mean():
                literals, inside = rest, wider
        return literals, inside

    def _is_new(self, inside: ndarray, covered: ndarray, chosen: Sequence[_One]) -> bool:
        """Whether a slice has errors of its own, beyond those of the slices before it."""
        for other in chosen:
            if (inside & other.inside).sum() >= ALIKE * (inside | other.inside).sum():
                return False
        if not chosen:
            return True
        own = inside & ~covered
        if own.sum() < max(self.least / 2, NEW_RECORDS * inside.sum()):
            return False
        if any(self._is_shell(own, inside, other.inside) for other in chosen):
            return False
        return chance_of(self.error[~covered], own[~covered]) <= NEW_CHANCE

    def _is_shell(self, own: ndarray, inside: ndarray, other: ndarray) -> bool:
        """Whether a slice is another one with looser bounds, around which it finds few errors more."""
        around = (inside & other).sum() >= MOSTLY * other.sum()
        return bool(around and self.error[own].sum() < SHELL * self.error[other].sum())


def _told(one: _One, literals: Literals, error: ndarray, ids: Sequence[str], task: str) -> FoundSlice:
    parts = joined_lengths([literals.literals[number] for number in one.literals])
    tag = parts[0].tag if len(parts) == 1 else ""
    inside, outside = error[one.inside], error[~one.inside]
    where = " AND ".join(part.where for part in parts)
    return FoundSlice(
        task=task,
        name=SLICE_PREFIX + _slug("_".join(part.word for part in parts)),
        where=where,
        n=len(inside),
        errors=float(inside.sum()),
        error_rate=float(inside.mean()),
        elsewhere=float(outside.mean()) if len(outside) else 0.0,
        p=chance_of(error, one.inside),
        q=one.q,
        score=score_of(error, one.inside),
        tag=tag,
        needs_version="predicted." in where,
        examples=tuple(ids[place] for place in np.flatnonzero(one.inside & (error > 0))[:EXAMPLES].tolist()),
        within=None if tag else _within(one, literals, error),
    )


def _within(one: _One, literals: Literals, error: ndarray) -> Within | None:
    """The tag with the most errors in which most of a slice lies, of those that are worse beyond chance themselves."""
    found = []
    for literal, held in zip(literals.literals, literals.columns, strict=True):
        share = float(held[one.inside].mean()) if literal.tag else 0.0
        if share >= MOSTLY and chance_of(error, held) <= NEW_CHANCE:
            found.append(Within(literal.tag, share, int(held.sum()), float(error[held].mean())))
    return max(found, key=lambda within: within.error_rate, default=None)


def _shell(word: str) -> str:
    r"""A word as a shell takes it; in double quotes where these do, since expressions are full of single ones.

    Example:
        >>> _shell("demo"), _shell("has(tokens, 'red')")
        ('demo', '"has(tokens, \'red\')"')
    """
    return f'"{word}"' if "'" in word and not set(word) & set('"$`\\!') else shlex.quote(word)


def _slug(text: str) -> str:
    """A text as a part of a tag.

    Example:
        >>> _slug("What's?_tokens_to_4"), _slug("?"), _slug("tokens_" * 9)
        ('what_s_tokens_to_4', 'found', 'tokens_tokens_tokens_tokens_tokens_tokens_tokens_tokens')
    """
    slug = re.sub(r"[^\w.-]+", "_", text.lower()).replace("__", "_").strip("_")
    if len(slug) > LONGEST_NAME:
        slug = slug[:LONGEST_NAME].rpartition("_")[0].strip("_") or slug[:LONGEST_NAME]
    return slug or "found"
