"""Judged units into sums by record: how many units, how many right, which classes were hit, missed and made up.

Whatever figure is wanted later is made of these sums, for a record as for any group of records.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from overton.base.ragged import starts_of
from overton.codec import widened
from overton.evaluate.groups import Items
from overton.evaluate.judge import Judged
from overton.evaluate.spans import find_spans, match_spans, take_apart

HIT, MADE_UP, MISSED = range(3)
LEAST = np.float32(1e-7)
BITS = 1 << 18  # as many at a time as a cache holds


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of the units of some records.

    Attributes:
        units: Units with gold, float64 of shape (record,).
        right: Those predicted altogether right, likewise.
        items: By record, what became of each class: code is `outcome * n_labels + label` where an outcome is HIT
            (true and predicted), MADE_UP (predicted, not true) or MISSED (true, not predicted). Labels are classes,
            or types of spans, or none for `select`.
        n_labels: Number of labels.
    """

    units: ndarray
    right: ndarray
    items: Items
    n_labels: int

    def outcome(self, outcome: int) -> ndarray:
        """How many items of each record had an outcome, float64 of shape (record,)."""
        chosen = self.items.code // max(self.n_labels, 1) == outcome
        record = np.repeat(np.arange(len(self.units)), np.diff(self.items.first))
        return np.bincount(record[chosen], minlength=len(self.units)).astype(np.float64)


def outcomes_of(judged: Judged) -> Outcomes:
    """The outcomes of judged units."""
    right = right_units(judged)
    if judged.kind == "bitvector":
        record, code, n_labels = _bit_items(judged)
    elif judged.kind == "span":
        record, code, n_labels = _span_items(judged)
    elif judged.kind == "multiclass":
        record, code, n_labels = _class_items(judged, right)
    else:
        record, code, n_labels = np.zeros(0, np.int64), np.zeros(0, np.int64), 0
    return Outcomes(
        units=_by_record(judged, judged.known),
        right=_by_record(judged, right),
        items=Items(starts_of(np.bincount(record, minlength=judged.n_records)), code, 3 * n_labels),
        n_labels=n_labels,
    )


def right_units(judged: Judged) -> ndarray:
    """Which units have gold and were predicted altogether right, bool of shape (unit,)."""
    same = judged.said == judged.gold
    right: ndarray = judged.known & (same.all(axis=1) & ~judged.nothing if same.ndim == 2 else same)
    return right


def losses_of(judged: Judged) -> ndarray:
    """Log loss summed over the units of each record, float64 of shape (record,).

    A unit costs -ln P(what is true); a unit of bits the mean of that over its bits. Probabilities below 1e-7 count
    as 1e-7, which is also what a unit without a prediction pays.
    """
    probability = judged.predictions.probability
    if judged.kind == "bitvector":
        loss = np.empty(len(judged.place), np.float32)
        for part, said in bit_blocks(judged):
            truth = np.where(judged.gold[part], said, 1 - said)
            loss[part] = -np.log(np.maximum(truth, LEAST)).mean(axis=1) if truth.shape[1] else 0
    else:
        loss = -np.log(np.maximum(_probability_of(probability, judged.place, judged.gold), LEAST))
    loss[judged.nothing] = -np.log(LEAST)
    return np.bincount(judged.record, weights=loss * judged.known, minlength=judged.n_records)


def confidence_of(judged: Judged) -> ndarray:
    """Probability of what was predicted, float32 of shape (unit,); 0 where nothing was. Not for bitvectors."""
    return _probability_of(judged.predictions.probability, judged.place, judged.said)


def bit_blocks(judged: Judged) -> Iterator[tuple[slice, ndarray]]:
    """P(bit) of bitvectors, some units at a time so that memory stays bounded.

    Yields:
        The units, and float32 of shape (unit, class), 0 for a class that the model does not know.
    """
    probability, n_classes = judged.predictions.probability, len(judged.classes)
    size = max(BITS // max(n_classes, 1), 1)
    for start in range(0, len(judged.place), size):
        part = slice(start, min(start + size, len(judged.place)))
        yield part, widened(probability[judged.place[part]], n_classes)


def _probability_of(probability: ndarray, place: ndarray, label: ndarray) -> ndarray:
    """Probability of one label a unit; 0 for a label that the model does not know."""
    inside = (label >= 0) & (label < probability.shape[1])
    if not probability.shape[1]:
        return np.zeros(len(label), np.float32)
    chosen: ndarray = probability[place, np.where(inside, label, 0)] * inside
    return chosen


def _by_record(judged: Judged, chosen: ndarray) -> ndarray:
    """How many units of each record are chosen, float64 of shape (record,)."""
    return np.bincount(judged.record[chosen], minlength=judged.n_records).astype(np.float64)


def _class_items(judged: Judged, right: ndarray) -> tuple[ndarray, ndarray, int]:
    """A right unit hits its class; a wrong one misses the true class and makes the predicted one up."""
    n_labels = len(judged.classes)
    code = np.full((len(right), 2), -1, np.int64)
    code[:, 0] = np.where(right, HIT, MISSED) * n_labels + judged.gold
    wrong = ~right & (judged.said >= 0)
    code[wrong, 1] = MADE_UP * n_labels + judged.said[wrong]
    code[~judged.known] = -1
    kept = code.ravel() >= 0
    return np.repeat(judged.record, 2)[kept], code.ravel()[kept], n_labels


def _bit_items(judged: Judged) -> tuple[ndarray, ndarray, int]:
    """Each class that holds, or that is predicted to hold, of each unit."""
    n_labels = len(judged.classes)
    unit, label = np.nonzero(judged.gold | judged.said)
    outcome = np.where(judged.gold[unit, label], np.where(judged.said[unit, label], HIT, MISSED), MADE_UP)
    return judged.record[unit], outcome * n_labels + label, n_labels


def _span_items(judged: Judged) -> tuple[ndarray, ndarray, int]:
    """Each true and each predicted span. A token without gold counts as outside in both."""
    bio = take_apart(judged.classes)
    n_labels = len(bio.types)
    said = find_spans(np.where(judged.known, judged.said, -1), judged.first, bio)
    held = find_spans(np.where(judged.known, judged.gold, -1), judged.first, bio)
    right, found = match_spans(said, held, len(judged.known))
    start = np.concatenate([said.start, held.start[~found]])
    label = np.concatenate([said.type, held.type[~found]])
    outcome = np.concatenate([np.where(right, HIT, MADE_UP), np.full(int((~found).sum()), MISSED)])
    order = np.argsort(start, kind="stable")
    return judged.record[start[order]], (outcome * n_labels + label)[order], n_labels
