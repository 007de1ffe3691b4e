"""Predictions into labels as they stand in a data file: what `predict` writes and the server answers."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy import ndarray

from overton.codec.predictions import Predictions
from overton.schema import Unit

DIGITS = 4
NEGLIGIBLE = 0.001
MOST_LOST = 0.01  # of all probability, by what is negligible: a label of a data file adds up to one
SMALL = 0.01  # below which the digits that count are told, since of very many the lost ones would add up


def labels_json(predictions: Predictions, unit: Unit, *, probabilities: bool = False) -> list[Any]:
    """The label of every record as a JSON value.

    Args:
        predictions: Predictions of one task.
        unit: What one label of the task is about, as `Schema.unit` says.
        probabilities: Objects from class to probability in place of labels; those below 0.001 are left out, but never
            the best one, nor where so many are that they add up. The members of a set go by their index, as text.

    Returns:
        Per record: the name of a class, a list of names, an index, or for tokens and members a list of those. None
        where there was nothing to predict on.
    """
    items = _soft(predictions) if probabilities else _plain(predictions)
    if predictions.unknown is not None:
        for position in predictions.unknown.nonzero()[0].tolist():
            items[position] = None
    if unit == "record":
        return items
    offsets = predictions.offsets.tolist()
    return [items[first:end] or None for first, end in pairwise(offsets)]


def label_json(predictions: Predictions, record: int, unit: Unit, *, probabilities: bool = False) -> Any:
    """The label of one record as a JSON value, as `labels_json` gives it."""
    first, end = predictions.offsets[record : record + 2]
    one = Predictions(
        task=predictions.task,
        offsets=np.array([0, end - first]),
        probability=predictions.probability[first:end],
        label=predictions.label[first:end],
        unknown=None if predictions.unknown is None else predictions.unknown[first:end],
    )
    return labels_json(one, unit, probabilities=probabilities)[0]


def _plain(predictions: Predictions) -> list[Any]:
    task, label = predictions.task, predictions.label
    if task.type == "bitvector":
        return _names_of_bits(label, task.classes)
    if task.type == "select":
        return [index if index >= 0 else None for index in label.tolist()]
    names = (*task.classes, None)  # -1, nothing to predict on, is the last
    return [names[index] for index in label.tolist()]


def _names_of_bits(bits: ndarray, classes: Sequence[str]) -> list[list[str]]:
    named: list[list[str]] = [[] for _ in range(len(bits))]
    width = len(classes)
    for cell in bits.ravel().nonzero()[0].tolist():  # of one axis, which is three times as quick as of two
        named[cell // width].append(classes[cell % width])
    return named


def _soft(predictions: Predictions) -> list[Any]:
    task, probability = predictions.task, predictions.probability
    if not probability.shape[1]:
        return [None] * len(probability)
    names = task.classes or [str(index) for index in range(probability.shape[1])]
    keep = probability >= NEGLIGIBLE
    keep[np.arange(len(keep)), probability.argmax(axis=1)] = True
    if task.type != "bitvector":
        lost = np.flatnonzero((probability * ~keep).sum(axis=1) > MOST_LOST)
        keep[lost] |= probability[lost] >= MOST_LOST / probability.shape[1]
    soft: list[Any] = [{} for _ in range(len(probability))]
    rows, columns = keep.nonzero()
    least = 0.0 if task.type == "bitvector" else SMALL
    for row, column, value in zip(rows.tolist(), columns.tolist(), probability[keep].tolist(), strict=True):
        soft[row][names[column]] = round(value, DIGITS) if value >= least else float(f"{value:.{DIGITS}g}")
    if task.type != "bitvector":
        for row in np.flatnonzero(predictions.label < 0).tolist():
            soft[row] = None
    return soft
