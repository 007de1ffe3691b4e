"""Predictions beside gold: the units of some records on which both can be held against each other."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy import ndarray

from overton.base.ragged import row_sums, spread, starts_of
from overton.codec import Predictions, widened
from overton.data import Gold

Kind = Literal["multiclass", "span", "bitvector", "select"]

SPAN = re.compile(r"[BI]-.+")
OUTSIDE = "O"  # the class of tokens outside of all spans


@dataclass(frozen=True)
class Judged:
    """The units of some records, with what is true and what was said of them.

    Attributes:
        kind: Which figures fit: those of the task's type, or `span` where its classes are BIO.
        classes: The classes of the model, then those that only gold knows; empty for `select`.
        records: The records with gold among those asked for, as places in that list, ascending.
        first: First unit of each of these records, int64 of shape (record + 1,).
        known: Whether gold says anything of a unit, bool of shape (unit,).
        gold: What is true: int32 of shape (unit,), or bool of shape (unit, class) for bitvectors.
        said: What was predicted, likewise; -1, or no bit, where nothing was.
        place: The units' rows in `predictions.probability`, int64 of shape (unit,).
        predictions: What the model said of everything.
    """

    kind: Kind
    classes: tuple[str, ...]
    records: ndarray
    first: ndarray
    known: ndarray
    gold: ndarray
    said: ndarray
    place: ndarray
    predictions: Predictions

    @property
    def n_records(self) -> int:
        """Number of records with gold."""
        return len(self.records)

    @cached_property
    def record(self) -> ndarray:
        """Record of each unit, int64 of shape (unit,)."""
        return np.repeat(np.arange(self.n_records), np.diff(self.first))

    @cached_property
    def nothing(self) -> ndarray:
        """Units that a prediction is lacking for: the model had nothing to predict on; bool of shape (unit,)."""
        nothing: ndarray = self.predictions.nothing[self.place]
        return nothing


def kind_of(task_type: str, classes: tuple[str, ...]) -> Kind:
    """Which figures fit a task.

    Example:
        >>> kind_of("multiclass", ("B-city", "I-city", "O"))
        'span'
        >>> kind_of("multiclass", ("A", "B", "O"))
        'multiclass'
    """
    if task_type == "multiclass":
        return "span" if is_bio(classes) else "multiclass"
    return "bitvector" if task_type == "bitvector" else "select"


def may_be_found(gold: Gold, units: ndarray) -> bool:
    """Whether gold on some units has what the main metric counts: something known, for an F1 bits that hold or spans.

    Without any, an F1 is 0 where a model says something and none where it does not.

    Args:
        gold: The truth, over the whole data set.
        units: Numbers of the units, int64.
    """
    kind, label = kind_of(gold.task.type, gold.task.classes), gold.label[units]
    if kind == "bitvector":
        return bool(label.any())
    if kind == "span":
        return bool(((label >= 0) & (label != gold.task.classes.index(OUTSIDE))).any())
    return bool(gold.known[units].any())


def is_bio(classes: tuple[str, ...]) -> bool:
    """Whether classes name the beginning (`B-x`), the inside (`I-x`) and the outside (`O`) of spans."""
    others = [name for name in classes if name != OUTSIDE]
    return 0 < len(others) < len(classes) and all(SPAN.fullmatch(name) for name in others)


def judge(predictions: Predictions, gold: Gold, predicted: ndarray, records: ndarray) -> Judged:
    """Hold the predictions of some records against their gold.

    A record without gold for this task is left out. Of the others, spans need all units, since a span reaches over
    several; everything else needs those with gold alone.

    Args:
        predictions: What the model said.
        gold: What is true, over the whole data set.
        predicted: Numbers of the records in `predictions`, int64.
        records: Numbers of the same records in `gold`, int64.
    """
    lengths = gold.offsets[records + 1] - gold.offsets[records]
    said_lengths = predictions.offsets[predicted + 1] - predictions.offsets[predicted]
    assert np.array_equal(lengths, said_lengths), "predictions and gold number the same units"
    task = predictions.task
    classes = (*task.classes, *(name for name in gold.task.classes if name not in set(task.classes)))
    kind = kind_of(task.type, task.classes)
    true, said = spread(gold.offsets, records), spread(predictions.offsets, predicted)
    known, first = gold.known[true], starts_of(lengths)
    n_known = row_sums(known.astype(np.int64), first)
    kept = np.flatnonzero(n_known)
    if kind == "span":
        chosen, first = spread(first, kept), starts_of(lengths[kept])
    else:
        chosen, first = np.flatnonzero(known), starts_of(n_known[kept])
    if len(chosen) < len(true):
        true, said, known = true[chosen], said[chosen], known[chosen]
    return Judged(
        kind=kind,
        classes=classes if kind != "select" else (),
        records=kept,
        first=first,
        known=known,
        gold=_renumber(gold, classes, true),
        said=widened(predictions.label[said], len(classes)) if kind == "bitvector" else predictions.label[said],
        place=said,
        predictions=predictions,
    )


def _renumber(gold: Gold, classes: tuple[str, ...], units: ndarray) -> ndarray:
    """The gold labels of some units, by the numbers that their classes have among `classes`."""
    label: ndarray = gold.label[units]
    if gold.task.type == "select" or gold.task.classes == classes:
        return label
    number = {name: index for index, name in enumerate(classes)}
    renumbered = np.array([*(number[name] for name in gold.task.classes), -1], np.int32)
    if gold.task.type == "multiclass":
        renamed: ndarray = renumbered[label]
        return renamed
    wide = np.zeros((len(label), len(classes)), np.bool_)
    wide[:, renumbered[:-1]] = label
    return wide
