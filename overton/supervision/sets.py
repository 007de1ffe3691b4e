"""The sets of bits that targets hold together: where they are few, a model chooses among them."""

import numpy as np
from numpy import ndarray

from overton.supervision.targets import Targets

MOST_SETS = 512
COVERED = 0.95  # share of the units whose set is among them, below which bits are predicted each by itself


def label_sets(targets: Targets, rows: ndarray) -> tuple[tuple[str, ...], ...]:
    """The sets of bits that are the likeliest ones of some records, the most frequent first.

    Args:
        targets: The targets of a `bitvector` task.
        rows: Numbers of the records.

    Returns:
        The sets by the names of their bits, at most 512; none where those leave out more than a twentieth of the units.
    """
    index = targets.known_index(rows)
    if not len(index) or not targets.n_labels:
        return ()
    kinds, row_kind = np.unique(targets.table > 0.5, axis=0, return_inverse=True)
    counts = np.bincount(row_kind.reshape(-1)[index], minlength=len(kinds))
    order = np.argsort(-counts, kind="stable")[: min(MOST_SETS, int((counts > 0).sum()))]
    if len(order) < 2 or counts[order].sum() < COVERED * len(index):
        return ()
    classes = np.array(targets.task.classes, object)
    return tuple(tuple(classes[kinds[kind]].tolist()) for kind in order)
