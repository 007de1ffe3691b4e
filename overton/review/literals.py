"""What can be said of a record in one word, and where it holds: its tags, words, lengths, predictions and votes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from overton.codec import Predictions
from overton.data import GOLD, SPLITS, Dataset, Votes, gold_of
from overton.evaluate import item_payloads, lower_items
from overton.review.words import as_distinct, field, identifier, payload_columns, quoted

CUTS = (0.05, *(tenth / 10 for tenth in range(1, 10)), 0.95)  # quantiles of lengths at which they are cut
WIDEST = 0.9  # share of the records above which a literal says nothing


@dataclass(frozen=True, slots=True)
class Literal:
    """One simple thing that holds of a record or not.

    Attributes:
        where: It as an expression in SQL, as `overton tag` takes it.
        group: What it speaks of: two literals of one group are not joined.
        word: It as a part of a name.
        tag: The tag, where it is one.
        side: 1 for a prediction of the task, -1 for a vote on it, else 0. The two are not joined: that a version says
            other than a good source finds its errors in any slice, and tells nothing of where they are.
    """

    where: str
    group: str
    word: str
    tag: str = ""
    side: int = 0


@dataclass(frozen=True)
class Literals:
    """Literals, and where they hold: bool of shape (literal, record)."""

    literals: tuple[Literal, ...]
    columns: ndarray


Found = Iterator[tuple[Literal, ndarray]]


def literals_of(
    dataset: Dataset, rows: ndarray, task: str, predictions: Mapping[str, Predictions], *, least: int
) -> Literals:
    """The literals that hold of enough of some records, and not of nearly all.

    Args:
        dataset: The records.
        rows: Numbers of the records, int64, ascending.
        task: The task of which votes are looked at.
        predictions: What a version said of these records, by task.
        least: Least records of which a literal holds.
    """
    most = WIDEST * len(rows)
    kept: list[Literal] = []
    columns: list[ndarray] = []
    for part in (
        _tags(dataset, rows),
        _lengths(dataset, rows),
        _words(dataset, rows, least),
        _predicted(dataset, predictions, task),
        _votes(dataset, dataset.votes(task), rows),
    ):
        for literal, column in part:
            if least <= column.sum() <= most:
                kept.append(literal)
                columns.append(column)
    return Literals(tuple(kept), np.array(columns) if columns else np.zeros((0, len(rows)), np.bool_))


def joined_lengths(parts: Sequence[Literal]) -> list[Literal]:
    """The same literals, where two say from which and up to which length, and both are the same, as one that says so.

    Example:
        >>> some = [Literal("n_a <= 2", "n_a <=", "a_to_2"), Literal("n_a >= 2", "n_a >=", "a_from_2")]
        >>> [(one.where, one.word) for one in joined_lengths(some)]
        [('n_a = 2', 'a_2')]
    """
    wheres = {one.where for one in parts}
    kept = []
    for one in parts:
        column, sign, number = one.where.partition(f" {one.group[-2:]} ")
        if not one.group.endswith(("<=", ">=")) or {f"{column} <= {number}", f"{column} >= {number}"} - wheres:
            kept.append(one)
        elif sign == " >= ":
            word = f"{one.word.removesuffix(f'_from_{number}')}_{number}"
            kept.append(Literal(f"{column} = {number}", f"{column} =", word))
    return kept


def _tags(dataset: Dataset, rows: ndarray) -> Found:
    for name in dataset.tags.names:
        if name not in SPLITS:
            where = f"list_contains(tags, {quoted(name)})"
            yield Literal(where, f"tag {name}", name.rpartition(":")[2], name), dataset.tags.has(name)[rows]


def _lengths(dataset: Dataset, rows: ndarray) -> Found:
    columns = payload_columns(dataset)
    for payload in item_payloads(dataset):
        length = dataset.item_lengths(payload.name)[rows]
        column = identifier(columns["count", payload.name])
        for cut in np.unique(np.quantile(length, CUTS, method="lower")).tolist() if len(length) else ():
            yield Literal(f"{column} <= {cut}", f"{column} <=", f"{payload.name}_to_{cut}"), length <= cut
            more = int(cut) + 1
            yield Literal(f"{column} >= {more}", f"{column} >=", f"{payload.name}_from_{more}"), length >= more


def _words(dataset: Dataset, rows: ndarray, least: int) -> Found:
    """Tokens and members that stand in enough records, whatever their case."""
    columns = payload_columns(dataset)
    for payload in item_payloads(dataset):
        column = columns["items", payload.name]
        record, word, names = lower_items(dataset, payload, rows)
        count = np.bincount(word, minlength=len(names))
        order = np.argsort(word, kind="stable")
        ends = np.cumsum(count)
        for number in np.flatnonzero(count >= least).tolist():
            held = np.zeros(len(rows), np.bool_)
            held[record[order[ends[number] - count[number] : ends[number]]]] = True
            name = names[number]
            yield Literal(f"has({identifier(column)}, {quoted(name)})", f"{column} {name}", name), held


def _predicted(dataset: Dataset, predictions: Mapping[str, Predictions], task: str) -> Found:
    """Classes that a version predicts: of the record, or somewhere in it."""
    names = as_distinct(task.name for task in dataset.schema.tasks)
    for name, said in predictions.items():
        if name not in names:
            continue
        column = field("predicted", names[name])
        listed = dataset.schema.unit(dataset.schema.task(name)) != "record"
        bits = said.task.type == "bitvector"
        n_records = len(said.offsets) - 1
        record = np.repeat(np.arange(n_records), np.diff(said.offsets))
        for number, label in enumerate(said.task.classes):
            there = said.label[:, number] if bits else said.label == number
            held = np.zeros(n_records, np.bool_)
            held[record[there]] = True
            if not listed and not bits:
                where, group = f"{column} = {quoted(label)}", column
            else:
                inner = f"flatten({column})" if listed and bits else column
                where, group = f"list_contains({inner}, {quoted(label)})", f"{column} {label}"
            yield Literal(where, group, f"as_{label}", side=int(name == task)), held


def _votes(dataset: Dataset, votes: Votes, rows: ndarray) -> Found:
    """What each source says of a record, that it says nothing, and that two of them disagree."""
    if dataset.schema.unit(votes.task) != "record" or votes.task.type == "bitvector":
        return
    said: dict[str, ndarray] = {}
    columns = _vote_columns(dataset, votes)
    for source in votes.sources:
        own = gold_of(votes, source)
        if source == GOLD or not own.known.any():
            continue
        column, label = columns[source], own.label[rows]
        said[source] = label
        yield Literal(f"{column} IS NULL", column, f"without_{source}", side=-1), label < 0
        for number in np.unique(label[label >= 0]).tolist():
            value = quoted(votes.task.classes[number]) if votes.task.classes else str(number)
            name = votes.task.classes[number] if votes.task.classes else str(number)
            yield Literal(f"{column} = {value}", column, f"{source}_{name}", side=-1), label == number
    names = list(said)
    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            differ = (said[one] >= 0) & (said[other] >= 0) & (said[one] != said[other])
            yield (
                Literal(f"{columns[one]} <> {columns[other]}", f"{one} {other}", f"{one}_against_{other}", side=-1),
                differ,
            )


def _vote_columns(dataset: Dataset, votes: Votes) -> dict[str, str]:
    """What holds the labels of each source of a task."""
    task = as_distinct(task.name for task in dataset.schema.tasks)[votes.task.name]
    return {source: field("votes", task, name) for source, name in as_distinct(votes.sources).items()}
