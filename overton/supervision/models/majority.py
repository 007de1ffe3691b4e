"""Majority vote: the baseline that every label model is shown beside."""

import numpy as np
from numpy import ndarray

from overton.supervision.models.evidence import vote_count
from overton.supervision.models.patterns import Cells, Patterns

TIE = 1e-9


def majority_table(patterns: Patterns, n_labels: int, *, bits: bool) -> ndarray:
    """Shares of the labels by vote, of shape (pattern, label).

    The label with most votes, ties shared; a soft vote adds its probabilities. A bit holds where more than half of the
    sources say so, and half where they are even.
    """
    cells = patterns.cells
    place = cells.row[cells.entry_cell] * n_labels + cells.label
    votes = np.bincount(place, cells.weight, patterns.n_patterns * n_labels).reshape(patterns.n_patterns, n_labels)
    if bits:
        share = votes / np.maximum(vote_count(cells, patterns.n_patterns), 1)[:, None]
        return np.where(share > 0.5 + TIE, 1.0, np.where(share < 0.5 - TIE, 0.0, 0.5))
    top = votes >= votes.max(1, keepdims=True, initial=0) - TIE
    table: ndarray = top / top.sum(1, keepdims=True)
    return table


def agreement(patterns: Patterns, table: ndarray, n_sources: int) -> ndarray:
    """Share of the votes of each source that a table agrees with, of shape (source,); nan where it never votes."""
    cells = patterns.cells
    cell = cells.entry_cell
    times = cells.weight * patterns.count[cells.row][cell]
    total = np.bincount(cells.source[cell], times, n_sources)
    right = np.bincount(cells.source[cell], times * table[cells.row[cell], cells.label], n_sources)
    share: ndarray = np.divide(right, total, out=np.full(n_sources, np.nan), where=total > 0)
    return share


def likeliest_gain(patterns: Patterns, table: ndarray, n_sources: int) -> ndarray:
    """By how much oftener a table agrees with the likeliest labels of each source than with its votes as they stand.

    Of labels that know no doubt 0. Gold judges a source by its likeliest label, of k that tie by 1/k of each, and so
    has an estimate to.

    Args:
        patterns: The votes.
        table: Probability of each label, of shape (pattern, label).
        n_sources: Number of sources.

    Returns:
        Differences, of shape (source,).
    """
    cells = patterns.cells
    times = patterns.count[cells.row]
    cell = cells.entry_cell
    given = table[cells.row[cell], cells.label]
    as_it_stands = np.bincount(cell, cells.weight * given, len(cells.row))
    likeliest = mean_of_likeliest(cells, given)
    total = np.bincount(cells.source, times, n_sources)
    gain: ndarray = np.bincount(cells.source, times * (likeliest - as_it_stands), n_sources) / np.maximum(total, 1e-9)
    return gain


def likeliest_entries(cells: Cells) -> ndarray:
    """The entries that no other of their cell outweighs, bool of shape (entry,)."""
    if not len(cells.row):
        return np.zeros(0, np.bool_)
    best = np.maximum.reduceat(cells.weight, cells.first[:-1])
    top: ndarray = cells.weight == best[cells.entry_cell]
    return top


def mean_of_likeliest(cells: Cells, value: ndarray) -> ndarray:
    """The mean over the likeliest entries of each cell, shape (cell,), of which k that tie count 1/k each.

    Args:
        cells: The votes.
        value: What each entry has, shape (entry,).
    """
    top, n = likeliest_entries(cells), len(cells.row)
    mean: ndarray = np.bincount(cells.entry_cell, value * top, n) / np.maximum(np.bincount(cells.entry_cell, top, n), 1)
    return mean


def exact_agreement(patterns: Patterns, table: ndarray, n_sources: int) -> ndarray:
    """Probability that all bits of a vote are right, by a table of P(bit), averaged over the votes of each source."""
    cells = patterns.cells
    n_cells = len(cells.row)
    absent = np.log(np.maximum(1 - table, 1e-12))
    present = np.log(np.maximum(table, 1e-12))
    all_absent = absent.sum(1)[cells.row]
    cell = cells.entry_cell
    said = cells.weight >= 0.5
    gained = (present - absent)[cells.row[cell], cells.label] * said
    exact = np.exp(all_absent + np.bincount(cell, gained, n_cells))
    times = patterns.count[cells.row]
    total = np.bincount(cells.source, times, n_sources)
    right = np.bincount(cells.source, times * exact, n_sources)
    share: ndarray = np.divide(right, total, out=np.full(n_sources, np.nan), where=total > 0)
    return share
