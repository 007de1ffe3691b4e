"""Predictions and gold into a report: every task x every tag x every split, with counts and intervals."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy import ndarray

from overton.codec import Predictions
from overton.data import SPLITS, Gold, Splits, Tags
from overton.evaluate.calibration import BINS
from overton.evaluate.groups import Groups, group_records
from overton.evaluate.judge import Judged, judge, kind_of
from overton.evaluate.metrics import METRICS, Figures, Sums, figures_of, main_value
from overton.evaluate.report import Report, Row


def evaluate(
    predictions: Mapping[str, Predictions],
    gold: Mapping[str, Gold],
    tags: Tags,
    splits: Splits,
    *,
    rows: ndarray | None = None,
    seed: int = 0,
    samples: int = 200,
) -> Report:
    """Quality of every task on every tag of every split.

    A split without records has no rows, a tag has none in a split where no record bears it, and a task has none for
    the training split unless gold stands there. A unit without a prediction counts as wrong.

    Args:
        predictions: What the model said, by name of task.
        gold: What is true, by name of task, over the whole data set.
        tags: The tags of the whole data set.
        splits: The splits of the whole data set.
        rows: Numbers of the records that the predictions are of, in their order; None for all.
        seed: Seed of the bootstrap.
        samples: How many times the bootstrap draws.
    """
    noise = np.random.default_rng(seed).standard_normal((samples, BINS + 1))
    predicted = np.arange(len(tags.first) - 1) if rows is None else np.asarray(rows, np.int64)
    report_rows: list[Row] = []
    confusion: dict[str, Any] = {}
    calibration: dict[str, Any] = {}
    notes = list(splits.notes)
    samples_by_split = {split: _sample(split, tags, splits, predicted) for split in SPLITS}
    for name, said in predictions.items():
        for split, (places, groups) in samples_by_split.items():
            judged = judge(said, gold[name], places, predicted[places])
            if not judged.n_records and (split == "train" or not len(places)):
                continue
            if not judged.n_records:
                notes.append(f"task {name} has no gold in {split}")
            sums = Sums(judged, groups)
            report_rows.extend(_rows(name, split, sums, noise))
            if split == "test" and judged.n_records:
                calibration[name] = sums.calibration.to_json()
                if judged.kind in ("multiclass", "span"):
                    confusion[name] = _confusion(judged)
    return Report(
        rows=tuple(report_rows),
        main_metric={name: main_metric(said) for name, said in predictions.items()},
        confusion=confusion,
        calibration=calibration,
        notes=tuple(notes),
    )


def main_scores(predictions: Mapping[str, Predictions], gold: Mapping[str, Gold], rows: ndarray) -> dict[str, float]:
    """The main metric of each task on some records, without intervals: what training watches.

    Args:
        predictions: What the model said of these records, by name of task.
        gold: What is true, by name of task, over the whole data set.
        rows: Numbers of the records in the data set, in the order of the predictions.

    Returns:
        By name of task, from 0 to 1; tasks without gold on these records are left out.
    """
    rows = np.asarray(rows, np.int64)
    scores = {
        name: main_value(judge(said, gold[name], np.arange(len(rows)), rows)) for name, said in predictions.items()
    }
    return {name: score for name, score in scores.items() if score is not None}


def tag_scores(
    predictions: Mapping[str, Predictions], gold: Mapping[str, Gold], rows: ndarray, tags: Tags, prefix: str
) -> dict[str, dict[str, float]]:
    """The main metric of each task on the records of each tag, likewise.

    Args:
        predictions: What the model said of these records, by name of task.
        gold: What is true, by name of task, over the whole data set.
        rows: Numbers of the records in the data set, in the order of the predictions.
        tags: The tags of the whole data set.
        prefix: How the tags begin that are wanted.

    Returns:
        By tag, then by name of task; what is without gold is left out.
    """
    rows = np.asarray(rows, np.int64)
    found: dict[str, dict[str, float]] = {}
    for tag in tags.names:
        places = np.flatnonzero(tags.has(tag)[rows]) if tag.startswith(prefix) else rows[:0]
        if not len(places):
            continue
        scores = {name: main_value(judge(said, gold[name], places, rows[places])) for name, said in predictions.items()}
        found[tag] = {name: score for name, score in scores.items() if score is not None}
    return {tag: scores for tag, scores in found.items() if scores}


def main_metric(predictions: Predictions) -> str:
    """Name of the metric that a task is judged by."""
    return METRICS[kind_of(predictions.task.type, predictions.task.classes)][0].name


def _sample(split: str, tags: Tags, splits: Splits, predicted: ndarray) -> tuple[ndarray, Groups]:
    """The records of a split among those predicted, as places there, and their groups."""
    inside = np.zeros(len(tags.first) - 1, np.bool_)
    inside[getattr(splits, split)] = True
    places = np.flatnonzero(inside[predicted])
    return places, group_records(tags, predicted[places])


def _rows(task: str, split: str, sums: Sums, noise: ndarray) -> Iterator[Row]:
    """The rows of one task and split: by tag, then by metric."""
    names, n = sums.groups.names, sums.n.tolist()
    columns = [(metric.name, _listed(figures_of(metric, sums, noise))) for metric in METRICS[sums.judged.kind]]
    for number, tag in enumerate(names):
        for metric_name, figures in columns:
            value, low, high = figures[number]
            yield Row(task, split, tag, metric_name, value, low, high, n[number])


def _listed(figures: Figures) -> list[tuple[float | None, float | None, float | None]]:
    """Value and interval of each group, None for what is not a number."""
    columns = (figures.value, figures.low, figures.high)
    value, low, high = ([None if x != x else x for x in column.tolist()] for column in columns)
    return list(zip(value, low, high, strict=True))


def _confusion(judged: Judged) -> dict[str, Any]:
    """How often each class (row) was predicted as each class (column); and of which nothing was, where of any."""
    n_classes = len(judged.classes)
    both = judged.known & (judged.said >= 0)
    key = judged.gold[both].astype(np.int64) * n_classes + judged.said[both]
    counts = np.bincount(key, minlength=n_classes * n_classes).reshape(n_classes, n_classes)
    nothing = np.bincount(judged.gold[judged.known & (judged.said < 0)], minlength=n_classes)
    told = {"nothing": nothing.tolist()} if nothing.any() else {}
    return {"classes": list(judged.classes), "counts": counts.tolist(), **told}
