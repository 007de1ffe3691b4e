"""Tables of outcomes of two versions in which the truth is planted: no change at all, or a fall in one slice.

A table is what `compare` makes of predictions and gold, so the tests run the whole of the statistics and no model.
"""

import numpy as np

from overton.evaluate.compare.gate import Gate
from overton.evaluate.compare.paired import Paired, change_of
from overton.evaluate.compare.rows import TaskChange, compared_rows
from overton.evaluate.groups import Groups

ACCURACY = 0.85


def slices_of(rng, n_records, n_slices, size):
    """Slices of some records each, drawn one by one, so that they overlap; and the records of each."""
    members = [np.sort(rng.choice(n_records, size, replace=False)) for _ in range(n_slices)]
    record = np.concatenate([np.arange(n_records), *members])
    group = np.concatenate([np.zeros(n_records, int), *(np.full(size, k + 1) for k in range(n_slices))])
    first = np.concatenate([[0], np.cumsum(np.bincount(record, minlength=n_records))])
    names = ("*", *(f"slice:{k:03}" for k in range(n_slices)))
    return Groups(names, first, group[np.lexsort((group, record))]), members


def flipped(rng, right, churn):
    """The outcomes of a version that is as good, and differs on a share of the units."""
    lost = rng.random(right.shape) < churn / 2 / ACCURACY
    won = rng.random(right.shape) < churn / 2 / (1 - ACCURACY)
    return np.where(right, ~lost, won)


def accuracy_table(rng, n_records, churn, *, fall=0.0, where=None):
    """Outcomes of one unit a record; with a fall on some records beside the churn."""
    old = rng.random(n_records) < ACCURACY
    new = flipped(rng, old, churn)
    if where is not None:
        right = where[new[where]]
        new[rng.choice(right, min(round(fall * len(where)), len(right)), replace=False)] = False
    one = np.ones((n_records, 2))
    return Paired("T", "accuracy", 1, np.arange(n_records), one[:, 0], np.stack([old, new], axis=1) * 1.0, one)


def tokens_table(rng, n_records, churn):
    """Right tokens of records with several, which are easy or hard together, and change together."""
    length = rng.integers(1, 20, n_records)
    ease = rng.random(n_records) ** 0.2
    right = swapped(rng, rng.binomial(length, ease), rng.binomial(length, ease), churn)
    bottom = np.stack([length, length], axis=1) * 1.0
    return Paired("T", "accuracy", 1, np.arange(n_records), length * 1.0, right, bottom)


def f1_table(rng, n_records, churn):
    """Hits, and all that was said or holds, of records with some spans each."""
    held = rng.poisson(1.5, n_records)
    versions = [(hit := rng.binomial(held, 0.8), hit + rng.poisson(0.3, n_records) + held) for _ in range(2)]
    both = swapped(rng, np.stack(versions[0], axis=1), np.stack(versions[1], axis=1), churn)
    top, bottom = both[:, 0], both[:, 1]
    return Paired("T", "micro_f1", 2, np.arange(n_records), np.ones(n_records), top, bottom)


def swapped(rng, one, other, churn):
    """What two versions made of the records, where on a share of them either the old or the new made it otherwise.

    Returns:
        Float64 of the shape of one version and a last axis for old and new.
    """
    shape = (-1, *[1] * (one.ndim - 1))
    struck, turned = rng.random(len(one)) < churn, rng.random(len(one)) < 0.5
    old = np.where((struck & turned).reshape(shape), other, one)
    new = np.where((struck & ~turned).reshape(shape), other, one)
    return np.stack([old, new], axis=-1) * 1.0


def rows_of(tables, groups, gate=None):
    """The rows of a comparison of some tables."""
    found = [TaskChange(table.task, table.metric, change_of(table, groups), None) for table in tables]
    return compared_rows(found, groups.names, gate or Gate())
