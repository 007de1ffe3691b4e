"""Which training records belong to an amount of supervision: a smaller amount is always part of a larger one."""

from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise

import numpy as np
from numpy import ndarray

from overton.base import OvertonError, Problem, digest_bytes
from overton.data import Dataset

HASH_DIGITS = 16  # hexadecimal: 64 bits


def check_sizes(sizes: Sequence[int], n_seeds: int, n_records: int) -> None:
    """Refuse sizes that no curve can be drawn through.

    Args:
        sizes: The amounts, as multiples of the smallest that is meant by 1; the last is all there is.
        n_seeds: How many seeds each is measured with.
        n_records: Number of training records.

    Raises:
        OvertonError: Where they do not increase, or one of them, or the number of seeds, is less than 1, or the
            smallest has no record.
    """
    given = ", ".join(map(str, sizes)) or "none"
    hint = "Name whole numbers that increase, such as 1,2,4,8,16,32: the last stands for all training records"
    if not sizes or any(size < 1 for size in sizes):
        raise OvertonError(Problem(f"sizes begin with 1, got {given}", "experiment.bad-sizes", hint=hint))
    if any(after <= before for before, after in pairwise(sizes)):
        raise OvertonError(Problem(f"sizes increase, got {given}", "experiment.bad-sizes", hint=hint))
    if n_seeds < 1:
        raise OvertonError(Problem(f"at least one seed is needed, got {n_seeds}", "experiment.bad-seeds"))
    if not count_at(sizes[0], sizes, n_records):
        message = f"{sizes[0]} of {sizes[-1]} parts of {n_records:,} training records is not one record"
        raise OvertonError(Problem(message, "experiment.bad-sizes", hint="Name fewer or closer sizes"))


def count_at(size: int, sizes: Sequence[int], n_records: int) -> int:
    """How many training records a size has, where the largest has all.

    Example:
        >>> [count_at(size, (1, 2, 32), 100) for size in (1, 2, 32)]
        [3, 6, 100]
    """
    return round(n_records * size / max(sizes))


def draws_of(dataset: Dataset, sizes: Sequence[int]) -> Callable[[int, int], Dataset]:
    """The parts of some records that the points of an experiment are measured on, by size and seed.

    Each is an amount of the training records, as the seed draws them, with all records of dev and test.
    """
    splits = dataset.splits
    ids = dataset.ids(splits.train)

    @cache
    def order(seed: int) -> ndarray:
        return draw_order(ids, seed)

    def drawn(size: int, seed: int) -> Dataset:
        chosen = splits.train[order(seed)[: count_at(size, sizes, len(ids))]]
        return dataset.subset(np.sort(np.concatenate([chosen, splits.dev, splits.test])))

    return drawn


def draw_order(ids: Sequence[str], seed: int) -> ndarray:
    """Places of some records in the order in which they are drawn, int64 of shape (record,).

    The order is that of a hash of seed and id, so that a record keeps its turn when others come and go, and whoever is
    drawn first is among those of every larger size.
    """
    turns = [int(digest_bytes(f"{seed}:".encode(), _encoded(id_))[:HASH_DIGITS], 16) for id_ in ids]
    order: ndarray = np.argsort(np.array(turns, np.uint64), kind="stable")
    return order


def _encoded(id_: str) -> bytes:
    return id_.encode("utf-8", "surrogatepass")
