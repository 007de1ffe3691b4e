"""What a label model of one task is fitted on: vote patterns, and votes beside known truth."""

from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from overton.data import GOLD, Gold, Votes, gold_of
from overton.supervision.patterns import Cells, Patterns, find_patterns, keep_rows, select_patterns, take_cells

CORRELATION = 0.2  # of the errors of two votes on one row; judged by log loss on labelled sets


@dataclass(frozen=True, slots=True)
class Known:
    """Votes on units whose truth is known.

    Attributes:
        cells: The votes; `row` numbers the known units from 0.
        n_options: Number of labels to choose among in each known unit, int64 of shape (row,).
        truth: The right label, int64 of shape (row,), or for bitvectors bool of shape (row, label).
    """

    cells: Cells
    n_options: ndarray
    truth: ndarray


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that a label model of one task needs.

    Attributes:
        n_sources: Number of sources; the numbers in the cells are below it.
        n_labels: Width of the table of targets.
        patterns: The patterns of all votes.
        sample: The patterns that the model is fitted on, with their counts; `index` is empty.
        known: Votes beside known truth.
    """

    n_sources: int
    n_labels: int
    patterns: Patterns
    sample: Patterns
    known: Known


@dataclass(frozen=True, slots=True)
class Fitted:
    """What a label model says.

    Attributes:
        table: Probability of each label for each pattern, of shape (pattern, label).
        accuracy: Estimated accuracy of each source, of shape (source,).
        expected: Probability that the best guess of each pattern is right, of shape (pattern,).
        method: The method that was used.
        prior: Class prior, of shape (label,); None where the method has none.
    """

    table: ndarray
    accuracy: ndarray
    expected: ndarray
    method: str
    prior: ndarray | None = None


def gather_evidence(votes: Votes, training: ndarray | None, *, fit_units: int, seed: int) -> tuple[Evidence, ndarray]:
    """Votes to evidence.

    Args:
        votes: All votes of a task.
        training: Records whose gold is known truth, bool of shape (record,); none where None.
        fit_units: Most units that the model is fitted on; a sample of them where there are more.
        seed: Seed of the sample.

    Returns:
        The evidence, and which units have known truth, bool of shape (unit,).
    """
    cells = voting_cells(votes)
    n_labels = label_count(votes)
    n_options = np.full(votes.n_units, n_labels) if votes.candidates is None else votes.candidates.astype(np.int64)
    patterns = find_patterns(cells, n_options)
    gold = gold_of(votes)
    certain = known_units(gold) & np.repeat(_chosen(votes, training), np.diff(votes.offsets))
    chosen = _sample(np.flatnonzero(~certain & (patterns.index >= 0)), fit_units, seed)
    count = np.bincount(patterns.index[chosen], minlength=patterns.n_patterns).astype(np.float64)
    known = Known(keep_rows(cells, certain), n_options[certain], gold.label[certain])
    return Evidence(len(votes.sources), n_labels, patterns, select_patterns(patterns, count), known), certain


def voting_cells(votes: Votes) -> Cells:
    """The votes of all sources but `gold`; `row` is the unit."""
    is_gold = votes.source == (votes.sources.index(GOLD) if GOLD in votes.sources else -1)
    return take_cells(votes, ~is_gold, share=votes.task.type != "bitvector")


def label_count(votes: Votes) -> int:
    """Width of the table of targets: number of classes, or size of the largest set."""
    if votes.candidates is None:
        return len(votes.task.classes)
    return max(int(votes.candidates.max(initial=0)), 1)


def vote_count(cells: Cells, n_rows: int) -> ndarray:
    """Number of sources that voted on each row, float64 of shape (row,)."""
    return np.bincount(cells.row, minlength=n_rows).astype(np.float64)


def worth(cells: Cells, n_rows: int) -> ndarray:
    """What a vote of each row is worth, shape (row,): n votes whose errors go together are worth less than n.

    This is the design effect of a cluster sample, 1 + (n - 1) * correlation. Source: Kish 1965, Survey Sampling, 5.4.
    """
    shares: ndarray = 1 / (1 + CORRELATION * np.maximum(vote_count(cells, n_rows) - 1, 0))
    return shares


def known_units(gold: Gold) -> ndarray:
    """Units whose gold label says something, bool of shape (unit,)."""
    says: ndarray = gold.known if gold.task.type == "bitvector" else gold.known & (gold.label >= 0)
    return says


def _chosen(votes: Votes, training: ndarray | None) -> ndarray:
    return np.zeros(votes.n_records, bool) if training is None else training


def _sample(units: ndarray, most: int, seed: int) -> ndarray:
    if len(units) <= most:
        return units
    return units[np.random.default_rng(seed).integers(0, len(units), most)]
