"""Arrays and frames of labels, as they come from other programs, checked and as `Votes`."""

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy import ndarray

from overton.base import OvertonError, Problem, did_you_mean
from overton.base.ragged import starts_of
from overton.data import GOLD, Votes
from overton.schema import Task, TaskType

if TYPE_CHECKING:
    from pandas import DataFrame

ABSTAIN = -1
BLOCK = 1_000_000  # labels looked at at once
SHOWN = 3  # names told where many are wrong


@dataclass(frozen=True, slots=True)
class Scan:
    """What one pass over an array of labels tells: the lowest and highest label, and the number of votes."""

    low: int
    high: int
    n_votes: int


def as_labels(array: object, shape: Sequence[int | None], name: str) -> ndarray:
    """An array of integers, without a copy where it is one; nan in an array of floats becomes -1.

    Args:
        array: What the caller gave.
        shape: Its shape, None for any length.
        name: What it is called, with its axes.
    """
    labels = np.asarray(array)
    if labels.dtype == object:  # what a frame with missing values turns into
        labels = np.array([np.nan if _is_missing(value) else value for value in labels.flat]).reshape(labels.shape)
    if labels.ndim != len(shape) or any(
        n is not None and n != found for n, found in zip(shape, labels.shape, strict=True)
    ):
        expected = ", ".join("any" if n is None else str(n) for n in shape)
        reject("supervision.bad-array", f"{name} has the shape {labels.shape}, expected ({expected})")
    if labels.dtype.kind == "f":
        abstains = np.isnan(labels)
        whole = np.where(abstains, ABSTAIN, labels)
        if (whole != np.rint(whole)).any() or np.abs(whole).max(initial=0) > np.iinfo(np.int32).max:
            reject(
                "supervision.bad-label",
                f"{name} holds numbers that are no labels",
                "Labels are whole numbers, nan abstains",
            )
        return whole.astype(np.int32)
    if labels.dtype.kind not in "iu":
        hint = "Number the classes from 0, with -1 where a source abstains; `fit_long` takes names as they are"
        reject("supervision.bad-array", f"{name} is of type {labels.dtype}, expected integers", hint)
    return labels


def _is_missing(value: object) -> bool:
    return value is None or str(value) in ("<NA>", "nan", "NaT")


def scan(labels: ndarray) -> Scan:
    """Look at all labels once, a block of rows at a time."""
    low, high, n_votes = 0, ABSTAIN, 0
    step = max(BLOCK // max(int(np.prod(labels.shape[1:])), 1), 1)
    for at in range(0, len(labels), step):
        block = labels[at : at + step]
        if block.size:
            low, high = min(low, int(block.min())), max(high, int(block.max()))
        n_votes += int(np.count_nonzero(block >= 0))
    return Scan(low, high, n_votes)


def votes_of_sources(labels: ndarray) -> ndarray:
    """Number of votes of each source, int64 of shape (source,), of a matrix of shape (item, source)."""
    n_votes = np.zeros(labels.shape[1], np.int64)
    for rows in blocks_of(len(labels), max(BLOCK // max(labels.shape[1], 1), 1)):
        n_votes += np.count_nonzero(labels[rows] >= 0, axis=0)
    return n_votes


def check_labels(low: int, high: int, n_classes: int, name: str) -> None:
    """Reject labels that are neither classes nor -1."""
    if low < ABSTAIN or high >= n_classes:
        wrong = low if low < ABSTAIN else high
        hint = "Labels count from 0, and -1 abstains"
        reject("supervision.bad-label", f"{name} holds the label {wrong}, expected -1 to {n_classes - 1}", hint)


def source_names(given: Sequence[object] | None, array: object, n_sources: int) -> tuple[str, ...]:
    """Names of sources: as given, the columns of a frame, or their numbers."""
    columns = getattr(array, "columns", None)
    found = given if given is not None else columns if columns is not None else range(n_sources)
    names = tuple(str(name) for name in found)
    if len(names) != n_sources:
        reject("supervision.bad-names", f"there are {len(names)} names of sources, but {n_sources} sources")
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        reject("supervision.bad-names", f"two sources have the same name: {_listed(twice)}")
    if GOLD in names:
        reject("supervision.bad-names", f"a source is named {GOLD!r}, which means truth", f"Hand it over as `{GOLD}=`")
    return names


def check_classes(classes: Sequence[Hashable]) -> None:
    """Refuse names of classes of which two are the same: which number would a label of it have?"""
    twice = [str(name) for name, n in Counter(classes).items() if n > 1]
    if twice:
        reject("supervision.bad-names", f"two classes have the same name: {_listed(sorted(twice))}", "Name each once")


def columns_of(matrix: object, sources: Sequence[str]) -> object:
    """The matrix; of a frame the columns of the sources, wherever they stand."""
    columns = getattr(matrix, "columns", None)
    if columns is None:
        return matrix
    names = [str(name) for name in columns]
    missing = [source for source in sources if source not in names]
    if missing:
        reject(
            "supervision.unknown-source",
            f"the frame has no column of {_listed(missing)}",
            did_you_mean(missing[0], names),
        )
    frame: Any = matrix
    return frame.iloc[:, [names.index(source) for source in sources]]


def task_of(task_type: TaskType, classes: Sequence[object] = ()) -> Task:
    """A task for votes that belong to no schema."""
    return Task("labels", "items", task_type, tuple(str(label) for label in classes))


def votes_of_matrix(
    labels: ndarray,
    gold: ndarray | None,
    sources: Sequence[str],
    task: Task,
    candidates: ndarray | None = None,
) -> Votes:
    """Votes of a matrix of shape (item, source); `gold`, of shape (item,), is its last source in any case."""
    whole = labels if gold is None else np.concatenate([labels, gold[:, None].astype(np.int64)], axis=1)
    unit, source = np.nonzero(whole >= 0)
    return Votes(
        task=task,
        sources=(*sources, GOLD),
        offsets=np.arange(len(labels) + 1),
        unit=unit,
        source=source.astype(np.int32),
        first=np.arange(len(unit) + 1),
        label=whole[unit, source].astype(np.int32),
        probability=np.ones(len(unit), np.float32),
        candidates=candidates,
    )


def votes_of_bits(bits: ndarray, gold: ndarray | None, sources: Sequence[str], task: Task) -> Votes:
    """Votes of an array of shape (item, source, bit); `gold`, of shape (item, bit), is its last source in any case."""
    whole = bits if gold is None else np.concatenate([bits, gold[:, None].astype(np.int64)], axis=1)
    says = whole >= 0
    partly = says.any(2) & ~says.all(2)
    if partly.any():
        item, source = np.argwhere(partly)[0]
        hint = "A source labels all bits of an item or none; bits labelled apart are tasks of two classes each"
        reject("supervision.bad-label", f"source {source} leaves out some bits of item {item}", hint)
    unit, source = np.nonzero(says.any(2) if whole.shape[2] else np.zeros(whole.shape[:2], np.bool_))
    holds = whole[unit, source] > 0
    cell, label = np.nonzero(holds)
    return Votes(
        task=task,
        sources=(*sources, GOLD),
        offsets=np.arange(len(bits) + 1),
        unit=unit,
        source=source.astype(np.int32),
        first=starts_of(holds.sum(1)),
        label=label.astype(np.int32),
        probability=np.ones(len(cell), np.float32),
    )


@dataclass(frozen=True, slots=True)
class Long:
    """A long frame, one label a line, by number.

    Attributes:
        items: The items, in the order in which they come.
        item: Item of each line, int64 of shape (line,).
        source: Name of the source of each line.
        label: Label of each line, as given.
        probability: Probability of each line, float64; None where a line is a whole vote.
    """

    items: ndarray
    item: ndarray
    source: ndarray
    label: ndarray
    probability: ndarray | None


def read_long(
    frame: "DataFrame | Mapping[str, Any]", *, item: str, source: str, label: str, probability: str | None
) -> Long:
    """The columns of a long frame; lines without a label are abstentions and left out."""
    from pandas import factorize, isna

    names = [item, source, label, *([probability] if probability else [])]
    missing = [name for name in names if name not in frame]
    if missing:
        known = [str(name) for name in frame]
        reject("supervision.bad-array", f"there is no column {missing[0]!r}", did_you_mean(missing[0], known))
    columns = [np.asarray(frame[name]) for name in names]
    if len({len(column) for column in columns}) > 1:
        reject("supervision.bad-array", "the columns differ in length")
    told = ~isna(columns[2])
    columns = [column[told] for column in columns]
    number, items = factorize(columns[0])
    if (number < 0).any() or isna(columns[1]).any():
        reject("supervision.bad-array", f"a line has a label, but no {item} or no {source}")
    weight = columns[3].astype(np.float64) if probability else None
    if weight is not None and not ((weight >= 0) & (weight <= 1)).all():
        reject("supervision.bad-label", "a probability is not between 0 and 1")
    return Long(np.asarray(items), number.astype(np.int64), columns[1].astype(str), columns[2], weight)


def known_labels(gold: Mapping[Hashable, Any]) -> dict[Hashable, Hashable]:
    """The right labels of items, missing ones left out: no label is a class of its own."""
    from pandas import isna

    return {name: label for name, label in gold.items() if not isna(label)}


def names_among(values: ndarray) -> tuple[Hashable, ...]:
    """The different values, in order; where they cannot be compared, in the order of their texts."""
    from pandas import unique

    different = list(unique(values))
    try:
        return tuple(sorted(different))
    except TypeError:
        return tuple(sorted(different, key=str))


def numbers_of(values: ndarray, names: Sequence[Hashable], code: str) -> ndarray:
    """The number of each value among names, int64; a value that is none of them is rejected."""
    from pandas import Index

    number = Index(np.array([*names, None], dtype=object)[:-1]).get_indexer(Index(values))
    if (number < 0).any():
        unknown = str(values[int(np.argmax(number < 0))])
        hint = did_you_mean(unknown, [str(name) for name in names])
        reject(code, f"{unknown!r} is not among the {len(names)} that the model knows", hint)
    return np.asarray(number, np.int64)


def votes_of_long(
    long: Long, sources: Sequence[str], classes: Sequence[Hashable], gold: Mapping[Hashable, Hashable] | None
) -> Votes:
    """Votes of a long frame. Where a source labels an item twice the later line wins; `gold` is the last source.

    Args:
        long: The lines.
        sources: Names of the sources.
        classes: The classes, in the order of their numbers.
        gold: The right labels of some items, as `known_labels` gives them; None for none.
    """
    source = numbers_of(long.source, sources, "supervision.unknown-source")
    label = numbers_of(long.label, classes, "supervision.bad-label")
    item, weight = long.item, np.ones(len(label)) if long.probability is None else long.probability
    if gold is not None:
        place = {name: number for number, name in enumerate(long.items.tolist())}
        told = [name for name in gold if name in place]
        truth = numbers_of(np.array([gold[name] for name in told], dtype=object), classes, "supervision.bad-label")
        item = np.concatenate([item, np.array([place[name] for name in told], np.int64)])
        source = np.concatenate([source, np.full(len(told), len(sources))])
        label, weight = np.concatenate([label, truth]), np.concatenate([weight, np.ones(len(told))])
    cell = item * (len(sources) + 1) + source
    apart = cell if long.probability is None else cell * len(classes) + label
    order = np.argsort(apart, kind="stable")
    order = order[np.append(apart[order][1:] != apart[order][:-1], np.ones(min(len(order), 1), np.bool_))]
    starts = np.flatnonzero(np.diff(cell[order], prepend=-1))
    return Votes(
        task=task_of("multiclass", classes),
        sources=(*sources, GOLD),
        offsets=np.arange(len(long.items) + 1),
        unit=item[order][starts],
        source=source[order][starts].astype(np.int32),
        first=np.append(starts, len(order)),
        label=label[order].astype(np.int32),
        probability=weight[order].astype(np.float32),
    )


def take_units(votes: Votes, units: ndarray) -> Votes:
    """The votes of some units, which are numbered anew; `units` is bool of shape (unit,), a record each."""
    keep = units[votes.unit]
    size = np.diff(votes.first)
    entries = np.repeat(keep, size)
    return Votes(
        task=votes.task,
        sources=votes.sources,
        offsets=np.arange(int(units.sum()) + 1),
        unit=(np.cumsum(units) - 1)[votes.unit[keep]],
        source=votes.source[keep],
        first=starts_of(size[keep]),
        label=votes.label[entries],
        probability=votes.probability[entries],
        candidates=None if votes.candidates is None else votes.candidates[units],
    )


def blocks_of(n_rows: int, step: int) -> Iterator[slice]:
    """The rows in blocks."""
    return (slice(at, min(at + step, n_rows)) for at in range(0, n_rows, step))


def reject(code: str, message: str, hint: str = "") -> NoReturn:
    """Refuse what the caller can put right.

    Raises:
        OvertonError: Always.
    """
    raise OvertonError(Problem(message=message, code=code, hint=hint))


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(repr(name) for name in names[:SHOWN]) + more
