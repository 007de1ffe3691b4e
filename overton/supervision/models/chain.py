"""Neighbouring tokens inform each other: the targets of a sequence as a chain, by forward-backward.

Each token has the posterior that its own votes give. Which label follows which is learned from neighbours on which all
sources agree, so that a conflict does not teach the chain the mistake that it is to settle; the model is then

    P(labels of a run) ~ product of P(label | votes of the token) * (P(label, next) / (P(label) P(next))) ^ share.

A run is a stretch of tokens that somebody labelled: that nobody marks a token says nothing about it, so a chain ends
there. Tokens on which all sources agree keep their own posterior. In BIO classes an I-x stands after a B-x or an I-x.
Source: Baum et al. 1970, doi:10.1214/aoms/1177697196; chains over weak labels of tokens: Lison et al. 2020,
arXiv:2004.14723.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy import ndarray

from overton.base.ragged import reaching, starts_of
from overton.supervision.models.patterns import GOLDEN, mix

SHARE = 0.5  # of what neighbours say; judged by log loss and span F1 on labelled sets
STRENGTH = 50.0  # pairs of neighbours that stand for labels which follow each other by chance
FORBIDDEN = -4.0  # log-odds of an I-x after anything but a B-x or I-x: sources differ on where a span begins
SMALL = 1e-9
BLOCK = 4_000_000  # numbers held at once


@dataclass(frozen=True, slots=True)
class Runs:
    """Stretches of labelled units that follow each other within a record.

    Attributes:
        start: First unit of each run, int64 of shape (run,).
        length: Units of each run, int64 of shape (run,).
    """

    start: ndarray
    length: ndarray


def find_runs(labelled: ndarray, offsets: ndarray) -> Runs:
    """The runs of units.

    Args:
        labelled: Which units have a target, bool of shape (unit,).
        offsets: First unit of each record, int64 of shape (record + 1,).

    Example:
        >>> runs = find_runs(np.array([True, True, False, True, True]), np.array([0, 4, 5]))
        >>> runs.start.tolist(), runs.length.tolist()
        ([0, 3, 4], [2, 1, 1])
    """
    units = np.flatnonzero(labelled)
    opens = np.zeros(len(labelled) + 1, np.bool_)
    opens[offsets] = True
    begins = np.diff(units, prepend=-2) > 1
    begins |= opens[units]
    first = np.flatnonzero(begins)
    return Runs(units[first], np.diff(np.append(first, len(units))))


def chain_targets(
    index: ndarray, table: ndarray, agreed: ndarray, offsets: ndarray, classes: tuple[str, ...]
) -> tuple[ndarray, ndarray]:
    """Let neighbours inform the targets of units on which sources disagree.

    Args:
        index: Row of the table of each unit, shape (unit,); -1 where it has no target.
        table: Posteriors by the votes of each unit alone, of shape (row, class).
        agreed: Rows on which all votes agree, or that are certain, bool of shape (row,).
        offsets: First unit of each record, int64 of shape (record + 1,).
        classes: Names of the classes.

    Returns:
        The new index, and rows to be put below the table.
    """
    runs = find_runs(index >= 0, offsets)
    followed = learn_follows(index, table, agreed, runs, classes)
    runs = _with_conflict(runs, index, agreed)
    distinct, number = _distinct(runs, index)
    rows: list[ndarray] = []
    new_index = index.copy()
    n_rows = len(table)
    for part in _parts(distinct, table.shape[1]):
        some = Runs(distinct.start[part], distinct.length[part])
        posterior, place = forward_backward(table, index, some, followed)
        changed = ~agreed[index[place]]
        row_of = np.full(len(place), -1)
        row_of[changed] = n_rows + np.arange(int(changed.sum()))
        rows.append(posterior[changed])
        n_rows += int(changed.sum())
        _spread(new_index, runs, number, part, some, row_of)
    return new_index, np.concatenate(rows) if rows else table[:0]


def learn_follows(index: ndarray, table: ndarray, agreed: ndarray, runs: Runs, classes: tuple[str, ...]) -> ndarray:
    """How much more one class follows another than by chance, as log-odds of shape (class, next class)."""
    k = len(classes)
    inside = np.ones(len(index), np.bool_)
    inside[runs.start] = False
    after = np.flatnonzero(inside & (index >= 0))
    after = after[agreed[index[after]] & agreed[index[after - 1]]]
    label = table.argmax(1) if len(table) else np.zeros(0, np.int64)
    pair = label[index[after - 1]] * k + label[index[after]]
    pairs = np.bincount(pair, minlength=k * k).reshape(k, k).astype(np.float64)
    total = max(float(pairs.sum()), 1.0)
    chance = np.outer(pairs.sum(1) / total + SMALL, pairs.sum(0) / total + SMALL)
    follows: ndarray = SHARE * np.log((pairs + STRENGTH * chance) / ((pairs.sum() + STRENGTH) * chance))
    follows += _broken(classes)
    return follows


def _broken(classes: tuple[str, ...]) -> ndarray:
    """What breaks the rule of BIO, as log-odds of shape (class, next class)."""
    spans = {name[2:] for name in classes if name.startswith("B-")}
    broken = np.zeros((len(classes), len(classes)))
    for place, name in enumerate(classes):
        if name.startswith("I-") and name[2:] in spans:
            goes_on = [other[:2] in ("B-", "I-") and other[2:] == name[2:] for other in classes]
            broken[:, place] = np.where(goes_on, 0.0, FORBIDDEN)
    return broken


def _with_conflict(runs: Runs, index: ndarray, agreed: ndarray) -> Runs:
    """The runs of several units of which some are not agreed on."""
    open_to = starts_of((index >= 0) & ~agreed[np.maximum(index, 0)])
    some = (open_to[runs.start + runs.length] > open_to[runs.start]) & (runs.length > 1)
    return Runs(runs.start[some], runs.length[some])


def _distinct(runs: Runs, index: ndarray) -> tuple[Runs, ndarray]:
    """One run of each kind, longest first, and which kind each run is: most runs repeat."""
    key = np.zeros(len(runs.start), np.uint64)
    longest = np.argsort(-runs.length, kind="stable")  # so that a step looks at those runs alone that reach so far
    for step, n_going in enumerate(reaching(runs.length[longest])):
        going = longest[:n_going]
        row = index[runs.start[going] + step].astype(np.uint64)
        key[going] = mix(key[going] ^ mix((row + np.uint64(1)) * GOLDEN))
    _, example, number = np.unique(key, return_index=True, return_inverse=True)
    order = np.argsort(-runs.length[example], kind="stable")
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    chosen = example[order]
    return Runs(runs.start[chosen], runs.length[chosen]), rank[number]


def _parts(runs: Runs, k: int) -> list[slice]:
    """Runs, longest first, in parts that fit into memory."""
    size = np.cumsum(runs.length * k)
    cuts = np.searchsorted(size, np.arange(BLOCK, int(size[-1]) + BLOCK, BLOCK)) if len(size) else np.zeros(0, np.int64)
    bounds = np.unique(np.concatenate([[0], cuts, [len(runs.start)]]))
    return [slice(low, high) for low, high in pairwise(bounds.tolist())]


def forward_backward(table: ndarray, index: ndarray, runs: Runs, follows: ndarray) -> tuple[ndarray, ndarray]:
    """Posterior of every unit of some runs, longest first.

    Returns:
        Of shape (unit of a run, class), run by run; and the unit of each row.
    """
    first = np.cumsum(runs.length) - runs.length
    place = np.repeat(runs.start - first, runs.length) + np.arange(int(runs.length.sum()))
    own = table[index[place]].astype(np.float64)
    step_to = np.exp(follows)
    going = reaching(runs.length)
    steps = range(len(going))
    forward = np.empty_like(own)
    for step in steps:
        rows = first[: going[step]] + step
        forward[rows] = own[rows] if step == 0 else _normal(forward[rows - 1] @ step_to * own[rows])
    backward = np.ones_like(own)
    for step in reversed(steps[:-1]):
        rows = first[: going[step + 1]] + step
        backward[rows] = _normal((own[rows + 1] * backward[rows + 1]) @ step_to.T)
    return _normal(forward * backward), place


def _normal(weights: ndarray) -> ndarray:
    shares: ndarray = weights / np.maximum(weights.sum(1, keepdims=True), 1e-300)
    return shares


def _spread(new_index: ndarray, runs: Runs, number: ndarray, part: slice, some: Runs, row_of: ndarray) -> None:
    """Give every run the rows of its kind."""
    first = np.cumsum(some.length) - some.length
    ours = np.flatnonzero((number >= part.start) & (number < part.stop))
    kind = number[ours] - part.start
    length = some.length[kind]
    within = np.arange(int(length.sum())) - np.repeat(np.cumsum(length) - length, length)
    unit = np.repeat(runs.start[ours], length) + within
    row = row_of[np.repeat(first[kind], length) + within]
    new_index[unit[row >= 0]] = row[row >= 0]
