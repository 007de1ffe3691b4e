"""Bitvectors and selections on plain arrays: labels of any number of classes, or of one member of a set each.

Example:
    >>> import numpy as np
    >>> says = np.array([[0, 0, 2], [1, 1, 0], [0, -1, 0]])
    >>> combine_select(says, np.array([3, 2, 2])).targets.to_array().argmax(1).tolist()
    [0, 1, 0]
"""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy import ndarray

from overton.data import Votes
from overton.supervision.array_votes import (
    as_labels,
    check_labels,
    reject,
    scan,
    source_names,
    task_of,
    votes_of_bits,
    votes_of_matrix,
)
from overton.supervision.combine import Combined, combine


def combine_bits(
    labels: object,
    *,
    gold: object = None,
    method: str = "auto",
    sources: Sequence[object] | None = None,
    classes: Sequence[Hashable] | None = None,
    seed: int = 0,
) -> Combined:
    """Combine labels of which any number hold of an item.

    Args:
        labels: What each source says of each bit of each item, of shape (item, source, bit): 1 it holds, 0 it does
            not; all -1 where the source abstains on the item.
        gold: The true bits of each item, of shape (item, bit), all -1 where they are not known: they teach the sources.
        method: A name in `METHODS`.
        sources: Names of the sources; without them numbers.
        classes: Names of the bits; without them numbers.
        seed: Seed of the choice of items that the model is fitted on, where there are very many.

    Returns:
        The combined labels; `targets.to_array()` is P(bit) of shape (item, bit).

    Raises:
        OvertonError: Where the labels cannot be what they should be, or nobody votes.
    """
    bits = as_labels(labels, (None, None, None), "the labels (item, source, bit)")
    n_items, n_sources, n_bits = bits.shape
    names = source_names(sources, None, n_sources)
    truth = None if gold is None else as_labels(gold, (n_items, n_bits), "gold (item, bit)")
    for array, name in ((bits, "the array"), (truth, "gold")):
        if array is not None:
            check_labels(scan(array).low, scan(array).high, 2, name)
    task = task_of("bitvector", range(n_bits) if classes is None else classes)
    return _combine(votes_of_bits(bits, truth, names, task), n_sources, method, seed)


def combine_select(
    labels: object,
    candidates: object,
    *,
    gold: object = None,
    method: str = "auto",
    sources: Sequence[object] | None = None,
    seed: int = 0,
) -> Combined:
    """Combine choices of one member of a set, where every item has a set of its own.

    Args:
        labels: Number of the member that each source chooses for each item, of shape (item, source); -1 abstains.
        candidates: Number of members of the set of each item, of shape (item,).
        gold: The right member of each item, of shape (item,), -1 where it is not known: it teaches the sources.
        method: A name in `METHODS`.
        sources: Names of the sources; without them the columns of a frame, or numbers.
        seed: Seed of the choice of items that the model is fitted on, where there are very many.

    Returns:
        The combined labels; `targets.to_array()` is P(member) of shape (item, member), zero beyond an item's set.

    Raises:
        OvertonError: Where the labels cannot be what they should be, or nobody votes.
    """
    members = as_labels(labels, (None, None), "the matrix (item, source)")
    n_items, n_sources = members.shape
    names = source_names(sources, labels, n_sources)
    size = as_labels(candidates, (n_items,), "the numbers of candidates (item)").astype(np.int32)
    truth = None if gold is None else as_labels(gold, (n_items,), "gold (item)")
    check_labels(scan(members).low, np.iinfo(np.int32).max - 1, np.iinfo(np.int32).max, "the matrix")
    for array in (members, truth):
        if array is not None:
            outside = (array >= (size[:, None] if array.ndim > 1 else size)).reshape(n_items, -1).any(1)
            if outside.any():
                item = int(np.argmax(outside))
                message = f"item {item} has {size[item]} candidates, but a label of a later one"
                reject("supervision.bad-label", message, "Candidates count from 0")
    votes = votes_of_matrix(members, truth, names, task_of("select"), size)
    return _combine(votes, n_sources, method, seed)


def _combine(votes: Votes, n_sources: int, method: str, seed: int) -> Combined:
    if not (votes.source < n_sources).any():
        reject("supervision.no-votes", "no source votes on any item")
    everywhere: ndarray = np.ones(votes.n_records, np.bool_)
    return combine(votes, method=method, dev=everywhere, seed=seed)
