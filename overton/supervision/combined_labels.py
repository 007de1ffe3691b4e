"""Targets to labels in the form of a data file, so that combined votes are one more source."""

from typing import Any

import numpy as np
from numpy import ndarray

from overton.supervision.targets import Targets

DIGITS = 4

Label = dict[str, float] | list[Any] | None


def combined_labels(targets: Targets, rows: ndarray, *, per_item: bool) -> list[Label]:
    """The JSON label of each record: class (or index of a member) to probability, null where there is no target.

    Args:
        targets: The targets of a task.
        rows: Numbers of the records, shape (row,).
        per_item: Whether the task has a label for each token or member, and not one for the record.

    Returns:
        A label, or a list of labels where `per_item`; probabilities have four digits, and zeros are left out. A
        bitvector of which no bit is left is an empty list: a label by which no class holds.
    """
    used = np.unique(targets.index) if len(targets.index) else np.zeros(0, np.int32)
    label_by_row: dict[int, Label] = {int(row): _label(targets, int(row)) for row in used if row >= 0}
    labels: list[Label] = []
    for row in rows:
        index = targets.index[targets.offsets[row] : targets.offsets[row + 1]].tolist()
        found = [label_by_row.get(number) for number in index]
        if not any(number >= 0 for number in index):
            labels.append(None)
        else:
            labels.append(found if per_item else found[0])
    return labels


def _label(targets: Targets, row: int) -> Label:
    rounded = np.round(targets.table[row].astype(np.float64), DIGITS)
    names = targets.task.classes or tuple(str(number) for number in range(targets.n_labels))
    label = {names[number]: float(rounded[number]) for number in np.flatnonzero(rounded > 0)}
    return label if label or targets.task.type != "bitvector" else []
