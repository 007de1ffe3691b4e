"""What a version has predicted since it was loaded, as counts: enough to see drift, and nothing of any record."""

from collections.abc import Mapping

import numpy as np
from numpy import ndarray

from overton.artifact.signature import Signature
from overton.codec import Predictions

NONE = "(none)"
SOME = "(a member)"


class Tally:
    """Counts of predicted labels by task, and of records by slice; not for several threads at once.

    Args:
        signature: The serving contract of the version.

    Attributes:
        records: How many records were predicted.
    """

    def __init__(self, signature: Signature) -> None:
        tasks = signature.schema.learnable().tasks
        self._names = {task.name: (NONE, *((SOME,) if task.type == "select" else task.classes)) for task in tasks}
        self._labels = {task: np.zeros(len(names), np.int64) for task, names in self._names.items()}
        self._slices = signature.slices
        self._members = np.zeros(len(signature.slices), np.int64)
        self.records = 0

    def add(self, n_records: int, predictions: Mapping[str, Predictions], membership: ndarray | None) -> None:
        """Count some predictions.

        Args:
            n_records: Number of records.
            predictions: Predictions by task.
            membership: Logits of slices, of shape (record, slice); None where the version has none.
        """
        self.records += n_records
        for name, said in predictions.items():
            counts, label = self._labels[name], said.label
            if said.task.type == "bitvector":
                counts[1:] += label.sum(axis=0)
                counts[0] += len(label) - int(label.any(axis=1).sum())
            elif said.task.type == "select":
                chosen = int((label >= 0).sum())
                counts += (len(label) - chosen, chosen)
            else:
                counts += np.bincount(label + 1, minlength=len(counts))  # -1, nothing to predict on, comes first
        if membership is not None:
            self._members += (membership > 0).sum(axis=0)

    def labels(self) -> dict[str, dict[str, int]]:
        """How often each label was predicted, by task: of `select` whether a member was chosen, else each class.

        `(none)` counts where nothing was predicted: an empty payload, or no bit that holds.
        """
        return {
            task: dict(zip(self._names[task], counts.tolist(), strict=True)) for task, counts in self._labels.items()
        }

    def slices(self) -> dict[str, int]:
        """How many records were taken to belong to each slice."""
        return dict(zip(self._slices, self._members.tolist(), strict=True))
