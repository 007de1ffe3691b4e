"""Predictions of one task as arrays: the decoded output of a model for some records.

Shared by training (dev metrics), evaluation, batch prediction and serving.
"""

from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from overton.schema import Task


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a model says on one task.

    Attributes:
        task: The task, its classes told.
        offsets: First unit of each record, int64 of shape (record + 1,), units as in `Votes`.
        probability: Float32 of shape (unit, label): P(class) for `multiclass`, P(bit) for `bitvector`,
            P(member) padded with zeros for `select`.
        label: `multiclass` and `select`: number of the predicted class or member, int32 of shape (unit,), -1
            where nothing can be predicted (an empty set, a null payload). `bitvector`: bool of shape (unit, label).
        unknown: `bitvector` on a singleton: where nothing can be predicted, bool of shape (unit,); None for the others.
    """

    task: Task
    offsets: ndarray
    probability: ndarray
    label: ndarray
    unknown: ndarray | None = None

    @property
    def nothing(self) -> ndarray:
        """Units on which there was nothing to predict, bool of shape (unit,)."""
        if self.task.type != "bitvector":
            none: ndarray = self.label < 0
            return none
        return np.zeros(len(self.label), np.bool_) if self.unknown is None else self.unknown

    def only(self, records: ndarray) -> "Predictions":
        """The predictions of some of the records.

        Args:
            records: Their places, int64, in the order that is wanted.
        """
        length = self.offsets[records + 1] - self.offsets[records]
        ends = np.cumsum(length)
        units = np.arange(length.sum()) + np.repeat(self.offsets[records] - (ends - length), length)
        unknown = None if self.unknown is None else self.unknown[units]
        return Predictions(self.task, np.append(0, ends), self.probability[units], self.label[units], unknown)


def widened(values: ndarray, width: int) -> ndarray:
    """Values of shape (unit, label), or bits, with columns of 0 behind them up to a width."""
    missing = width - values.shape[1]
    return np.pad(values, ((0, 0), (0, missing))) if missing else values
