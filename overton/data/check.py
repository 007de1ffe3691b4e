"""What a check of data files finds; and what is no fault of any line but makes a data set worth less.

Such warnings are told by `overton check` and never refused.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from overton.base import Problem, did_you_mean
from overton.data.dataset import Dataset
from overton.data.names import COMBINED, GOLD, SLICE_PREFIX, SPLITS
from overton.data.rows.ragged import starts
from overton.data.votes import Votes

MOST_NAMED = 3
FEWEST_VOTES = 10  # of a source that says little one cannot say that it always says the same


@dataclass(frozen=True, slots=True)
class DataCheck:
    """What was found in some data files.

    Attributes:
        problems: Every fault, those of one kind counted together, most frequent first.
        warnings: What is suspicious, but right.
        n_records: Number of good records with payloads.
        n_lines: Number of lines that are not blank.
        counts: Other facts: `bad` lines, `amending` lines, `amended` records, `overridden` labels, records that lost
            items beyond `max_length`, `cut:<payload>` each, and labels that name such an item, `beyond:<task>` each.
    """

    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    n_records: int
    n_lines: int
    counts: Mapping[str, int]


def data_warnings(dataset: Dataset, named: Sequence[str] = ()) -> list[Problem]:
    """Everything suspicious in a data set; `named` are sources that the tuning names."""
    return [
        *same_text(dataset),
        *empty_splits(dataset),
        *empty_slices(dataset),
        *one_label(dataset),
        *silent_sources(dataset, named),
        *counted_twice(dataset),
    ]


def silent_sources(dataset: Dataset, named: Sequence[str]) -> Iterator[Problem]:
    """Sources that the tuning trusts and that label nothing: a name may be misspelt, or its labels yet to come."""
    for name in named:
        if name not in dataset.sources:
            yield Problem(
                message=f"the trusted source {name!r} labels nothing",
                code="data.silent-source",
                hint=did_you_mean(name, dataset.sources),
                kind=name,
            )


def counted_twice(dataset: Dataset) -> Iterator[Problem]:
    """That what was combined of the sources is one more source beside them."""
    if COMBINED in dataset.sources and set(dataset.sources) - {COMBINED, GOLD}:
        yield Problem(
            message=f"the source {COMBINED!r} is what `overton combine` writes: votes that it is made of count twice",
            code="data.counted-twice",
            hint="Take its file out of the data, or give a source of your own another name",
        )


def same_text(dataset: Dataset) -> Iterator[Problem]:
    """Texts that stand in train and in test: the model is asked what it was told."""
    splits = dataset.splits
    content = dataset.joined.column("content")
    with_text = np.zeros(dataset.n_records, bool)
    for payload in dataset.joined.layout.items:
        if payload.type != "set":
            with_text |= dataset.item_lengths(payload.name) > 0
    train, test = splits.train[with_text[splits.train]], splits.test[with_text[splits.test]]
    again = test[np.isin(content[test], content[train])]
    if len(again):
        shard, local = dataset.joined.locate(int(again[0]))
        yield Problem(
            message=f"{len(again):,} of {len(splits.test):,} test records have the text of a training record",
            code="data.same-text",
            path=shard.path,
            line=int(shard.rows["line"][local]),
            hint="Quality on test will look better than it is: keep each text in one split",
        )


def empty_splits(dataset: Dataset) -> Iterator[Problem]:
    """Splits that no record is tagged with."""
    for split, note in zip(SPLITS[1:], (dataset.splits.dev, dataset.splits.test), strict=True):
        if not len(dataset.tags.rows(split)):
            held = (
                f"{len(note):,} training records are held out for it"
                if len(note)
                else "there are too few to hold any out"
            )
            yield Problem(
                message=f"no record is tagged {split!r}: {held}",
                code="data.empty-split",
                hint=f"Tag some records {split!r} so that it stays the same when data is added",
                kind=split,
            )
    if not len(dataset.splits.train):
        yield Problem(
            "no record is left to train on",
            "data.empty-split",
            hint="Records without a split are training data",
            kind="train",
        )


def empty_slices(dataset: Dataset) -> Iterator[Problem]:
    """Slices that cannot be learned, or cannot be judged, because a split has none of their records."""
    for name in dataset.tags.names:
        if not name.startswith(SLICE_PREFIX):
            continue
        has = dataset.tags.has(name)
        for split, rows in zip(SPLITS, (dataset.splits.train, dataset.splits.dev, dataset.splits.test), strict=True):
            if len(rows) and not has[rows].any():
                yield Problem(
                    message=f"the slice {name!r} has no record in {split}",
                    code="data.empty-slice",
                    hint="It cannot be learned" if split == "train" else "Its quality cannot be told",
                    kind=f"{name} {split}",
                )


def one_label(dataset: Dataset) -> Iterator[Problem]:
    """Sources that say the same of everything that they label."""
    for task in dataset.schema.tasks:
        votes = dataset.votes(task.name)
        found = [
            f"{votes.sources[source]!r} says {_said(votes, cell)} ({n:,} times)"
            for source, cell, n in _constant_sources(votes)
        ]
        if found:
            more = f" and {len(found) - MOST_NAMED:,} more" if len(found) > MOST_NAMED else ""
            listed = ", ".join(found[:MOST_NAMED])
            yield Problem(
                message=f"of the task {task.name!r} some sources always say one thing: {listed}{more}",
                code="data.one-label-source",
                hint="That is right for a rule made for one class; an annotator or a model should say more",
                kind=task.name,
            )


def _said(votes: Votes, cell: int) -> str:
    labels = votes.label[votes.first[cell] : votes.first[cell + 1]].tolist()
    return (
        ", ".join(repr(votes.task.classes[label]) if votes.task.classes else str(label) for label in labels)
        or "no class"
    )


def _constant_sources(votes: Votes) -> Iterator[tuple[int, int, int]]:
    """Source, one of its cells and number of them, for every source with one label."""
    mark = _marks(votes)
    order = np.argsort(votes.source, kind="stable")
    first = starts(np.bincount(votes.source, minlength=len(votes.sources)))
    for source, (low, high) in enumerate(zip(first[:-1].tolist(), first[1:].tolist(), strict=True)):
        if high - low >= FEWEST_VOTES and len(np.unique(mark[order[low:high]])) == 1:
            yield source, int(order[low]), high - low


def _marks(votes: Votes) -> ndarray:
    """A number of each cell that is the same for the same labels."""
    weight = (votes.label.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    weight = (weight ^ (weight >> np.uint64(29))) * (votes.probability * 1000 + 1).astype(np.uint64)
    total = np.concatenate([np.zeros(1, np.uint64), np.cumsum(weight, dtype=np.uint64)])
    mark: ndarray = total[votes.first[1:]] - total[votes.first[:-1]]
    return mark
