"""A version beside the records of its application: predictions, errors, slices, each in one function of values."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from numbers import Integral

import numpy as np
from numpy import ndarray

from overton.artifact import Runtime
from overton.base import Observe, OvertonError, Problem, did_you_mean, ignore
from overton.codec import Predictions
from overton.combining import combine_votes
from overton.compile import SupervisionSettings
from overton.compile.tuning import DEFAULT_SUPERVISION
from overton.data import SPLITS, Dataset, Splits, is_made_of_tags, tag_mask
from overton.pipeline import predict_rows
from overton.review.annotate import candidates, uncertain_rows
from overton.review.discover import SlicePage, find_slices, named_apart
from overton.review.errors import ErrorPage, find_errors
from overton.supervision import Combined

ALL = "all"
Predict = Callable[[ndarray], Mapping[str, Predictions]]


def review_errors(
    dataset: Dataset,
    runtime: Runtime,
    task: str,
    *,
    version: str,
    splits: Splits,
    split: str = "test",
    tags: Sequence[str] = (),
    limit: int = 20,
    annotate: int = 5,
    supervision: SupervisionSettings = DEFAULT_SUPERVISION,
    predict: Predict | None = None,
    combined: Combined | None = None,
    observe: Observe = ignore,
) -> ErrorPage:
    """The errors of a version on one task, and where an annotation would help.

    Args:
        dataset: The records.
        runtime: The model.
        task: Name of the task.
        version: Id of the version.
        splits: Which record counts where.
        split: `train`, `dev`, `test` or `all`.
        tags: Tags, or expressions over tags, all of which hold of the records.
        limit: Most records that are told.
        annotate: Most records to annotate that are told; none are looked for where it is 0.
        supervision: What is said of the sources of labels.
        predict: What tells the predictions of some records, where they may be known; by the model where None.
        combined: The combined votes of the task, where they are known.
        observe: Told of the progress.

    Raises:
        OvertonError: Where there is no such task or tag, or a number is none of records.
    """
    check_task(runtime, task)
    check_most(limit=limit, annotate=annotate)
    bearing = bear_all(dataset, tags)
    rows = rows_of(splits, [split])
    rows = rows[bearing[rows]]
    if not len(rows):
        raise OvertonError(no_rows(split, tags))
    predict = predict or partial(predict_rows, dataset, runtime, observe=observe)
    combined = combined or combine_votes(dataset, task, supervision=supervision)
    said = predict(rows)[task]
    page = find_errors(dataset, rows, said, combined, version=version, split=split, tags=tags, limit=limit)
    train = splits.train[bearing[splits.train]]
    near = uncertain_rows(dataset, combined, train) if annotate else train[:0]
    if not len(near):
        return page
    return replace(page, annotate=candidates(dataset, combined, near, predict(near)[task], annotate))


def review_slices(
    dataset: Dataset,
    runtime: Runtime,
    tasks: Sequence[str],
    *,
    version: str,
    splits: Splits,
    names: Sequence[str] = ("dev", "test"),
    tags: Sequence[str] = (),
    least: int | None = None,
    limit: int = 10,
    predict: Predict | None = None,
    observe: Observe = ignore,
) -> tuple[SlicePage, ...]:
    """Slices that nobody defined in which a version errs most, task by task.

    Args:
        dataset: The records.
        runtime: The model.
        tasks: Names of the tasks; all where there is none.
        version: Id of the version.
        splits: Which record counts where.
        names: Splits to look at.
        tags: Tags, or expressions over tags, all of which hold of the records.
        least: Least records of a slice; by the number of records where None.
        limit: Most slices of a task.
        predict: What tells the predictions of some records, where they may be known; by the model where None.
        observe: Told of the progress.

    Raises:
        OvertonError: Where there is no such task or tag, or the limit is no number of slices.
    """
    for task in tasks:
        check_task(runtime, task)
    check_most(limit=limit)
    rows = rows_of(splits, names)
    rows = rows[bear_all(dataset, tags)[rows]]
    if not len(rows):
        raise OvertonError(no_rows(" and ".join(names), tags))
    predictions = (predict or partial(predict_rows, dataset, runtime, observe=observe))(rows)
    pages = [
        find_slices(dataset, rows, predictions, task, version=version, splits=names, least=least, limit=limit)
        for task in tasks or predictions
    ]
    return named_apart(pages, dataset.tags.names)


def check_task(runtime: Runtime, task: str) -> None:
    """Refuse a task that the version does not have.

    Raises:
        OvertonError: Where it has none of the name.
    """
    names = [known.name for known in runtime.schema.learnable().tasks]
    if task not in names:
        message = f"the version has no task {task!r}"
        raise OvertonError(Problem(message, "application.unknown-task", hint=did_you_mean(task, names)))


def check_most(**most: int) -> None:
    """Refuse what says by name how much is told at most, and cannot: a slice would take -1 for all but the last.

    Raises:
        OvertonError: Where one is no whole number, or below 0.
    """
    for name, number in most.items():
        if not isinstance(number, Integral) or number < 0:
            message = f"`{name}` is {number!r}, expected a whole number, 0 or more"
            raise OvertonError(
                Problem(message, "review.bad-limit", hint="0 tells none of them, only how many there are")
            )


def rows_of(splits: Splits, names: Sequence[str]) -> ndarray:
    """The records of some splits, `all` for all of them, int64, ascending.

    Raises:
        OvertonError: Where a name is that of no split.
    """
    for name in names:
        if name not in (*SPLITS, ALL):
            hint = did_you_mean(name, (*SPLITS, ALL))
            raise OvertonError(Problem(f"there is no split {name!r}", "review.unknown-split", hint=hint))
    wanted = SPLITS if ALL in names else tuple(names)
    rows: ndarray = np.unique(np.concatenate([np.zeros(0, np.int64), *(getattr(splits, name) for name in wanted)]))
    return rows.astype(np.int64)


def bear_all(dataset: Dataset, tags: Sequence[str]) -> ndarray:
    """Of which records some tags, or expressions over tags, all hold, bool of shape (record,).

    Raises:
        OvertonError: Where no record bears one of them.
    """
    bearing = np.ones(dataset.n_records, np.bool_)
    for tag in tags:
        if tag not in dataset.tags.names and is_made_of_tags(tag):
            bearing &= tag_mask(tag, dataset.tags)
            continue
        if tag not in dataset.tags.names:
            hint = did_you_mean(tag, dataset.tags.names)
            raise OvertonError(Problem(f"no record has the tag {tag!r}", "review.unknown-tag", hint=hint))
        bearing &= dataset.tags.has(tag)
    return bearing


def no_rows(split: str, tags: Sequence[str]) -> Problem:
    """What is wrong where a choice of records is empty."""
    what = f"no record of {split} has {' and '.join(repr(tag) for tag in tags)}" if tags else f"{split} has no record"
    return Problem(what, "review.no-records", hint="Choose another split, or fewer tags")
