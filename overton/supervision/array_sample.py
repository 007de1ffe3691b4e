"""The items of arrays that a label model is fitted on: a random part of them, as large as the sources need.

What is learned of a source has a standard error that falls with the root of its votes, and the time to fit grows with
them. So the size of the sample is a number of votes, and more where a source votes seldom.
"""

import numpy as np
from numpy import ndarray

from overton.data import Votes
from overton.supervision.array_votes import votes_of_sources

FIT_VOTES = 100_000  # votes that a model is fitted on, at least
FIT_VOTES_OF_SOURCE = 2_000  # the same for each source
RARE = 1_000  # votes of a source among them, below which more items are looked at
MOST_TIMES = 5.0  # so many items, at most
GOLD_VOTES = 400_000  # votes beside known truth that it learns from, at most


def choose_rows(labels: ndarray, known: ndarray, n_votes: int, seed: int) -> ndarray:
    """The rows of a matrix to fit on, ascending.

    Args:
        labels: The matrix, of shape (item, source).
        known: Items whose label is known, bool of shape (item,).
        n_votes: Number of votes in the matrix.
        seed: Seed of the choice.
    """
    per_item, n_sources = n_votes / len(labels), labels.shape[1]
    rows = _choose(known, per_item, n_sources, seed)
    sampled = np.count_nonzero(labels[rows] >= 0, axis=0)
    if len(rows) < len(labels) and sampled.min() < RARE:
        rows = _choose(known, per_item, n_sources, seed, _times(sampled, votes_of_sources(labels)))
    return rows


def choose_units(votes: Votes, seed: int) -> ndarray:
    """The units of votes to fit on, bool of shape (unit,); the last source is gold."""
    n_sources = len(votes.sources) - 1
    is_gold = votes.source == n_sources
    known, chosen = np.zeros(votes.n_units, np.bool_), np.zeros(votes.n_units, np.bool_)
    known[votes.unit[is_gold]] = True
    per_item = float(np.count_nonzero(~is_gold)) / votes.n_units
    chosen[_choose(known, per_item, n_sources, seed)] = True
    total = np.bincount(votes.source[~is_gold], minlength=n_sources)
    sampled = np.bincount(votes.source[~is_gold & chosen[votes.unit]], minlength=n_sources)
    chosen[_choose(known, per_item, n_sources, seed, _times(sampled, total))] = True
    return chosen


def _times(sampled: ndarray, total: ndarray) -> float:
    """How many times as many items give every source enough votes, within reason; votes of shape (source,)."""
    rare = (sampled < RARE) & (sampled < total)
    return min(RARE / max(int(sampled[rare].min()), 1), MOST_TIMES) if rare.any() else 1.0


def _choose(known: ndarray, votes_per_item: float, n_sources: int, seed: int, times: float = 1.0) -> ndarray:
    """Items, ascending: a random part of those whose label is known, and of those where it is not.

    Args:
        known: Items whose label is known, bool of shape (item,).
        votes_per_item: Votes of an item, on average.
        n_sources: Number of sources.
        seed: Seed of the choice.
        times: So many times as many items as usual.
    """
    random = np.random.default_rng(seed)
    most = int(times * max(FIT_VOTES, FIT_VOTES_OF_SOURCE * n_sources))

    def some(n_items: int, n_votes: int) -> ndarray:
        wanted = int(np.ceil(n_votes / votes_per_item))
        if wanted >= n_items:
            return np.arange(n_items)
        # One of each stretch: all parts of ordered data are seen, nothing is sorted, and no item counts twice.
        bounds = np.arange(wanted + 1) * n_items // wanted
        chosen: ndarray = bounds[:-1] + (random.random(wanted) * np.diff(bounds)).astype(np.int64)
        return chosen

    if not known.any():
        return some(len(known), most)
    told, untold = np.flatnonzero(known), np.flatnonzero(~known)
    return np.sort(np.concatenate([told[some(len(told), GOLD_VOTES)], untold[some(len(untold), most)]]))
