"""What a version has predicted since it was loaded, as counts: enough to see drift, and nothing of any record."""

from collections.abc import Mapping
from threading import Lock

import numpy as np
from numpy import ndarray

from overton.artifact.signature import Signature
from overton.codec import Predictions

NONE = "(none)"
SOME = "(a member)"
TOGETHER = 256  # calls whose labels are counted together


class Tally:
    """Counts of predicted labels by task, and of records by slice.

    Args:
        signature: The serving contract of the version.

    Attributes:
        records: How many records were predicted.
    """

    def __init__(self, signature: Signature) -> None:
        tasks = signature.schema.learnable().tasks
        self._names = {task.name: (NONE, *((SOME,) if task.type == "select" else task.classes)) for task in tasks}
        self._labels = {task: np.zeros(len(names), np.int64) for task, names in self._names.items()}
        self._tasks = {task.name: task for task in tasks}
        self._slices = signature.slices
        self._members = np.zeros(len(signature.slices), np.int64)
        self._waiting: dict[str, list[ndarray]] = {task: [] for task in self._names}
        self._waiting_members: list[ndarray] = []
        self._calls = 0
        self._lock = Lock()
        self.records = 0

    def add(self, n_records: int, predictions: Mapping[str, Predictions], membership: ndarray | None) -> None:
        """Count some predictions.

        Args:
            n_records: Number of records.
            predictions: Predictions by task.
            membership: Logits of slices, of shape (record, slice); None where the version has none.
        """
        with self._lock:
            self.records += n_records
            for name, said in predictions.items():
                self._waiting[name].append(said.label)
            if membership is not None:
                self._waiting_members.append(membership)
            self._calls += 1
            if self._calls % TOGETHER == 0:
                self._count()

    def _count(self) -> None:
        """Count what waits: many labels at once take hardly longer than those of one record."""
        for name, counts in self._labels.items():
            parts, self._waiting[name] = self._waiting[name], []
            if not parts:
                continue
            label = np.concatenate(parts)
            if self._tasks[name].type == "bitvector":
                counts[1:] += label.sum(axis=0)
                counts[0] += len(label) - int(label.any(axis=1).sum())
            elif self._tasks[name].type == "select":
                chosen = int((label >= 0).sum())
                counts += (len(label) - chosen, chosen)
            else:
                counts += np.bincount(label + 1, minlength=len(counts))  # -1, nothing to predict on, comes first
        members, self._waiting_members = self._waiting_members, []
        for logits in members:
            self._members += (logits > 0).sum(axis=0)

    def labels(self) -> dict[str, dict[str, int]]:
        """How often each label was predicted, by task: of `select` whether a member was chosen, else each class.

        `(none)` counts where nothing was predicted: an empty payload, or no bit that holds.
        """
        with self._lock:
            self._count()
        counted = self._labels.items()
        return {task: dict(zip(self._names[task], counts.tolist(), strict=True)) for task, counts in counted}

    def slices(self) -> dict[str, int]:
        """How many records were taken to belong to each slice."""
        with self._lock:
            self._count()
        return dict(zip(self._slices, self._members.tolist(), strict=True))
