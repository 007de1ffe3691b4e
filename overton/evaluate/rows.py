"""Which records are evaluated."""

from collections.abc import Mapping

import numpy as np
from numpy import ndarray

from overton.base.ragged import starts_of
from overton.data import Gold, Splits


def evaluated_rows(splits: Splits, gold: Mapping[str, Gold]) -> ndarray:
    """The records of dev and test, and those of train that have gold."""
    some = np.zeros(sum(map(len, (splits.train, splits.dev, splits.test))), np.bool_)
    for found in gold.values():
        known = starts_of(found.known)
        some |= known[found.offsets[1:]] > known[found.offsets[:-1]]
    some[splits.dev] = some[splits.test] = True
    some[0] |= not some.any()  # where nothing can be evaluated, one record still shows that the model runs
    return np.flatnonzero(some)
