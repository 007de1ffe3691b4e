"""What happened on each example, as columns: predicted, true, what every source said, right or wrong.

One row an example (a record) and task; the rows of one task stand together. It is what an engineer filters to see the
errors of a slice, in pandas, DuckDB or polars, from one Parquet file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy import ndarray

from overton.base.ragged import spread, starts_of
from overton.codec import Predictions
from overton.data import SPLITS, Gold, Splits, Tags, Votes
from overton.evaluate.judge import judge
from overton.evaluate.label_text import LabelText, gold_texts, prediction_texts, vote_texts
from overton.evaluate.outcomes import outcomes_of


@dataclass(frozen=True, slots=True)
class ExampleRows:
    """The columns; rows are (task, record) pairs, tasks in their order, within a task the records in theirs.

    Attributes:
        ids: Ids of the records, in all tasks the same.
        split: Split of each record, empty where it is in none.
        tags: Tags of each record, without the names of splits.
        tasks: What belongs to each task, by name.
    """

    ids: tuple[str, ...]
    split: tuple[str, ...]
    tags: tuple[tuple[str, ...], ...]
    tasks: Mapping[str, "TaskRows"]


@dataclass(frozen=True, slots=True)
class TaskRows:
    """What belongs to one task, one entry a record.

    A label is told as text: the name of the class, the index of the member, or JSON where it is a list or soft.

    Attributes:
        first: First entry of each record in `source` and `label`, int64 of shape (record + 1,).
        source: Which source labelled.
        label: What it said.
        gold: What is true; None where that is not known.
        prediction: What the model said; None where it had nothing to predict on.
        probability: Probability of the prediction, float32, not a number where there is none. Where a record has
            several units or bits it is that of the least sure of them.
        correct: 1 where all that is known to be true was predicted, 0 where not, -1 where nothing is known; int8.
    """

    first: ndarray
    source: list[str]
    label: list[str]
    gold: list[str | None]
    prediction: list[str | None]
    probability: ndarray
    correct: ndarray


def example_rows(
    ids: Sequence[str],
    rows: ndarray,
    tags: Tags,
    splits: Splits,
    votes: Mapping[str, Votes],
    predictions: Mapping[str, Predictions],
    gold: Mapping[str, Gold],
) -> ExampleRows:
    """The examples behind a report.

    A task counts as one on whole records where every record of the data set has exactly one unit.

    Args:
        ids: Ids of the records.
        rows: Their numbers in the data set, int64, in the same order.
        tags: The tags of the whole data set.
        splits: The splits of the whole data set.
        votes: The labels of the whole data set, by name of task.
        predictions: What the model said of these records, in their order, by name of task.
        gold: What is true, over the whole data set, by name of task.
    """
    rows = np.asarray(rows, np.int64)
    return ExampleRows(
        ids=tuple(ids),
        split=_splits(splits, rows, len(tags.first) - 1),
        tags=_tags(tags, rows),
        tasks={name: _task_rows(said, votes[name], gold[name], rows) for name, said in predictions.items()},
    )


def _splits(splits: Splits, rows: ndarray, n_records: int) -> tuple[str, ...]:
    number = np.zeros(n_records, np.int8)
    for index, name in enumerate(SPLITS, start=1):
        number[getattr(splits, name)] = index
    return tuple(("", *SPLITS)[index] for index in number[rows].tolist())


def _tags(tags: Tags, rows: ndarray) -> tuple[tuple[str, ...], ...]:
    names = [tags.names[number] for number in tags.tag[spread(tags.first, rows)].tolist()]
    bounds = starts_of(tags.first[rows + 1] - tags.first[rows]).tolist()
    return tuple(tuple(name for name in names[start:stop] if name not in SPLITS) for start, stop in pairwise(bounds))


def _task_rows(said: Predictions, votes: Votes, gold: Gold, rows: ndarray) -> TaskRows:
    """The rows of one task."""
    listed = said.task.type != "select" and bool((np.diff(votes.offsets) != 1).any())
    text = LabelText(said.task.classes, said.task.type, listed)
    first, source, label = vote_texts(votes, rows, listed=listed)
    judged = judge(said, gold, np.arange(len(rows)), rows)
    outcomes = outcomes_of(judged)
    correct = np.full(len(rows), -1, np.int8)
    correct[judged.records] = outcomes.right == outcomes.units
    return TaskRows(
        first=first,
        source=source,
        label=label,
        gold=gold_texts(gold, rows, listed=listed),
        prediction=prediction_texts(said, text),
        probability=least_sure(said),
        correct=correct,
    )


def least_sure(said: Predictions) -> ndarray:
    """Probability of the least sure prediction of each record, float32; not a number where it has none."""
    return _least(_sureness(said), said.offsets)


def _sureness(said: Predictions) -> ndarray:
    """Probability of what was predicted of each unit, float32; not a number where nothing was."""
    if said.task.type == "bitvector":
        decided: ndarray = np.where(said.label, said.probability, 1 - said.probability).min(axis=1, initial=1)
        return decided if said.unknown is None else np.where(said.unknown, np.float32(np.nan), decided)
    if not said.probability.shape[1]:
        return np.full(len(said.label), np.nan, np.float32)
    chosen = said.probability[np.arange(len(said.label)), np.maximum(said.label, 0)]
    return np.where(said.label >= 0, chosen, np.float32(np.nan))


def _least(values: ndarray, first: ndarray) -> ndarray:
    """The least value of each record, float32; not a number where there is none."""
    least = np.full(len(first) - 1, np.nan, np.float32)
    filled = first[:-1] < first[1:]
    if filled.any():
        least[filled] = np.fmin.reduceat(values, first[:-1][filled])
    return least
