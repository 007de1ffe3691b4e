"""Targets to labels in the form of a data file, so that combined votes are one more source."""

from typing import Any

import numpy as np
from numpy import ndarray

from overton.supervision.targets import Targets

DIGITS = 4
LEAST = 5e-5  # what is less is left out

Label = dict[str, float] | list[Any] | None


def combined_labels(targets: Targets, rows: ndarray, *, per_item: bool) -> list[Label]:
    """The JSON label of each record: class (or index of a member) to probability, null where there is no target.

    Args:
        targets: The targets of a task.
        rows: Numbers of the records, shape (row,).
        per_item: Whether the task has a label for each token or member, and not one for the record.

    Returns:
        A label, or a list of labels where `per_item`; probabilities have four digits, and those below 0.00005 are left
        out. What is left adds up to one, as data files want it, but for bitvectors: of these, one of which no bit is
        left is an empty list, a label by which no class holds.
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
    probability = targets.table[row].astype(np.float64)
    names = targets.task.classes or tuple(str(number) for number in range(targets.n_labels))
    if targets.task.type == "bitvector":
        rounded = np.round(probability, DIGITS)
        return {names[number]: float(rounded[number]) for number in np.flatnonzero(rounded > 0)} or []
    # Rounded by their size: of hundreds of classes the parts of a digit that are lost would else add up.
    kept = np.flatnonzero(probability >= min(LEAST, probability.max(initial=0.0)))
    shares = probability[kept] / probability[kept].sum()
    return {names[number]: float(f"{share:.{DIGITS}g}") for number, share in zip(kept, shares, strict=True)}
