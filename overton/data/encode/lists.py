"""Labels of decoded lines to numbers, a task at a time, with every loop in the interpreter's own C.

All labels of one source for one record are a *list* here: a single value for a task on records, one value a token or
member for the others. A value is the number of a label (a class, or a tuple of classes); -1 abstains; -2 - k is soft
vote k of those at hand. For `select` a plain value is the index itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy import ndarray

from overton.base.ragged import lengths, starts_of
from overton.data.encode.patterns import Patterns, TaskLabels
from overton.data.record import HIGHEST_INDEX, SUM_TOLERANCE, member_index
from overton.data.rows.codes import ABSTAIN, FIRST_SOFT

_NONE: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class SoftVotes:
    """Some soft votes, ragged.

    Attributes:
        length: Entries of each vote, int64 of shape (vote,).
        label: Class or member of each entry, int32 of shape (entry,).
        probability: Its probability, float32 of shape (entry,).
    """

    length: ndarray
    label: ndarray
    probability: ndarray


@dataclass(frozen=True, slots=True)
class Lists:
    """The labels of one task for some records.

    Attributes:
        n_records: Number of records.
        owner: Record of each list, int64, ascending.
        source: Source of each list, int32.
        length: Values of each list, int64.
        value: The values of all lists, int64.
        soft: The soft votes.
        wrong: Values with a fault of their own: a negative index, a probability that is none.
        n_keys: Keys of JSON objects within the labels of each record, int64 of shape (record,).
    """

    n_records: int
    owner: ndarray
    source: ndarray
    length: ndarray
    value: ndarray
    soft: SoftVotes
    wrong: ndarray
    n_keys: ndarray

    def list_of(self, values: ndarray) -> ndarray:
        """The list that each of some values is in."""
        found: ndarray = np.searchsorted(starts_of(self.length), values, side="right") - 1
        return found


def read_lists(tasks: Sequence[dict[str, Any]], known: TaskLabels, sources: Patterns) -> Lists:
    """The labels of one task.

    Args:
        tasks: Decoded labels of each record, by task.
        known: The labels of this task so far; new ones are added.
        sources: Names of sources so far; new ones are added.
    """
    name = known.task.name
    by_source = [record.get(name) or _NONE for record in tasks]
    count = lengths(by_source, len(by_source))
    n_lists = int(count.sum())
    source = np.fromiter(map(sources.__getitem__, chain.from_iterable(by_source)), np.int32, n_lists)
    for place in np.flatnonzero(np.bincount(source)).tolist():
        known.sources[sources.seen[place]]  # asking is what keeps the name
    values: list[Any] = list(chain.from_iterable(map(dict.values, by_source)))
    owner = np.repeat(np.arange(len(count)), count)
    if known.unit == "record":
        length = np.ones(n_lists, np.int64)
        number, soft, wrong = _numbers([values], n_lists, known)
    else:
        try:
            length = lengths(values, n_lists)
        except TypeError:  # null, which has no length: the source abstains from the whole record
            there = np.fromiter((value is not None for value in values), bool, n_lists)
            values = [value for value in values if value is not None]
            owner, source, length = owner[there], source[there], lengths(values, len(values))
        number, soft, wrong = _numbers(values, int(length.sum()), known)
    lists = Lists(len(tasks), owner, source, length, number, soft, wrong, count)
    if not len(soft.length):
        return lists
    soft_owner = owner[lists.list_of(np.flatnonzero(number <= FIRST_SOFT))]
    n_keys = count + np.bincount(soft_owner, soft.length, len(tasks)).astype(np.int64)
    return Lists(len(tasks), owner, source, length, number, soft, wrong, n_keys)


def no_lists(n: int) -> Lists:
    """Those of some records without labels."""
    nothing = np.zeros(0, np.int64)
    return Lists(n, nothing, np.zeros(0, np.int32), nothing, nothing, _NO_SOFT, _NO_PLACES, np.zeros(n, np.int64))


def join_lists(parts: Sequence[Lists]) -> Lists:
    """The labels of one task for the records of several runs."""
    if len(parts) == 1:
        return parts[0]
    records = starts_of(np.array([part.n_records for part in parts]))
    values = starts_of(np.array([len(part.value) for part in parts]))
    softs = [part.soft for part in parts]
    votes = starts_of(np.array([len(soft.length) for soft in softs]))
    return Lists(
        n_records=int(records[-1]),
        owner=np.concatenate([part.owner + first for part, first in zip(parts, records, strict=False)]),
        source=np.concatenate([part.source for part in parts]),
        length=np.concatenate([part.length for part in parts]),
        value=np.concatenate(
            [renumber_soft(part.value, int(first)) for part, first in zip(parts, votes, strict=False)]
        ),
        soft=SoftVotes(*(np.concatenate([getattr(soft, name) for soft in softs]) for name in _SOFT_FIELDS)),
        wrong=np.concatenate([part.wrong + first for part, first in zip(parts, values, strict=False)]),
        n_keys=np.concatenate([part.n_keys for part in parts]),
    )


def renumber_soft(value: ndarray, first: int) -> ndarray:
    """The same values where so many soft votes come before theirs."""
    return np.where(value <= FIRST_SOFT, value - first, value) if first else value


def _numbers(groups: list[Any], n: int, known: TaskLabels) -> tuple[ndarray, SoftVotes, ndarray]:
    """Number of each value, the soft votes among them, and which values are wrong by themselves."""
    is_select = known.task.type == "select"
    flat = chain.from_iterable(groups)
    try:
        number = np.fromiter(flat if is_select else map(known.values.__getitem__, flat), np.int64, n)
    except (TypeError, OverflowError):
        # An abstention where indexes are, a soft vote, which is a dict and cannot be looked up, or an enormous index.
        return _mixed_numbers(list(chain.from_iterable(groups)), known)
    if not is_select:
        return number, _NO_SOFT, _NO_PLACES
    return np.clip(number, ABSTAIN, HIGHEST_INDEX), _NO_SOFT, np.flatnonzero(number < 0)


def _mixed_numbers(values: list[Any], known: TaskLabels) -> tuple[ndarray, SoftVotes, ndarray]:
    is_select = known.task.type == "select"
    number = np.full(len(values), ABSTAIN, np.int64)
    wrong = np.zeros(len(values), bool)
    votes: list[dict[str, float]] = []
    soft_places: list[int] = []
    lookup = known.values.__getitem__
    for place, value in enumerate(values):
        if isinstance(value, dict):
            number[place] = FIRST_SOFT - len(votes)
            votes.append(value)
            soft_places.append(place)
        elif value is not None:
            number[place] = min(max(value, ABSTAIN), HIGHEST_INDEX) if is_select else lookup(value)
            wrong[place] = is_select and value < 0
    soft, soft_wrong = _soft_votes(votes, known)
    wrong[np.array(soft_places, np.int64)[soft_wrong]] = True
    return number, soft, np.flatnonzero(wrong)


def _soft_votes(votes: list[dict[str, float]], known: TaskLabels) -> tuple[SoftVotes, ndarray]:
    length = lengths(votes, len(votes))
    n = int(length.sum())
    names = chain.from_iterable(votes)
    is_select = known.task.type == "select"
    label = np.fromiter(map(member_index if is_select else known.classes.__getitem__, names), np.int64, n)
    probability = np.fromiter(chain.from_iterable(map(dict.values, votes)), np.float64, n)
    owner = np.repeat(np.arange(len(votes)), length)
    wrong = np.zeros(len(votes), bool)
    wrong[owner[(probability < 0) | (probability > 1) | (label < 0)]] = True
    if known.task.type != "bitvector":
        wrong |= np.abs(np.bincount(owner, probability, len(votes)) - 1) > SUM_TOLERANCE
    if known.task.classes:
        wrong[owner[label >= len(known.task.classes)]] = True
    probability = np.clip(probability, 0, 1)  # what is outside is wrong, and may be more than 32 bits hold
    return SoftVotes(length, label.astype(np.int32), probability.astype(np.float32)), wrong


_SOFT_FIELDS = ("length", "label", "probability")
_NO_SOFT = SoftVotes(np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32))
_NO_PLACES = np.zeros(0, np.int64)
