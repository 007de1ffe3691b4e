"""Dawid-Skene: a confusion matrix for every source and a class prior, by expectation maximisation.

A source that does not vote says nothing. Each row of a confusion matrix is drawn to that of a one-coin source of the
same accuracy, and the prior has pseudo counts, so that what was seen seldom is not believed too much (maximum a
posteriori). Source: Dawid & Skene 1979, doi:10.2307/2346806.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy import ndarray

from overton.supervision.models.patterns import Cells
from overton.supervision.models.probability import softmax

ENOUGH_CHANGE = 1e-4


@dataclass(frozen=True, slots=True)
class Confusion:
    """A fitted model of classes.

    Attributes:
        log_prior: log P(class), shape (class,).
        log_vote: log P(vote | class) up to a constant, of shape (source * class, class): row s * k + v for vote v
            of source s.
        accuracy: P(a vote is right) of each source, shape (source,).
    """

    log_prior: ndarray
    log_vote: ndarray
    accuracy: ndarray


@dataclass(frozen=True, slots=True)
class ConfusionSettings:
    """What is assumed beforehand, in votes.

    Attributes:
        accuracy: Accuracy of a source of which nothing is known.
        strength: Votes that this is worth.
        row_strength: Votes for which the one-coin row stands in every row of a confusion matrix.
        prior_strength: Units that every class has before any is seen.
        highest: Highest accuracy of a one-coin row.
        rounds: Most rounds.
    """

    accuracy: float = 0.75
    strength: float = 8.0
    row_strength: float = 4.0
    prior_strength: float = 5.0
    highest: float = 0.99
    rounds: int = 30


def one_coin_rows(accuracy: ndarray, n_classes: int) -> ndarray:
    """Log confusion matrices of sources that err evenly, of shape (source * class, class)."""
    wrong = (1 - accuracy) / max(n_classes - 1, 1)
    rows = np.repeat(wrong[:, None, None], n_classes, 1).repeat(n_classes, 2)
    diagonal = np.arange(n_classes)
    rows[:, diagonal, diagonal] = accuracy[:, None]
    logs: ndarray = np.log(rows).reshape(-1, n_classes)
    return logs


def class_scores(
    cells: Cells, n_rows: int, log_prior: ndarray, log_vote: ndarray, scale: ndarray | None = None
) -> ndarray:
    """The logarithm of P(class, votes) up to a constant per row, of shape (row, class).

    Args:
        cells: The votes.
        n_rows: Number of rows.
        log_prior: log P(class), shape (class,).
        log_vote: As in `Confusion`.
        scale: What each cell counts, shape (cell,); one where not given.
    """
    entries = _Entries.of(cells, len(log_prior))
    if scale is not None:
        entries = replace(entries, weight=entries.weight * scale[cells.entry_cell])
    return _scores(entries, n_rows, log_prior, log_vote)


def fit_prior(
    cells: Cells, count: ndarray, log_vote: ndarray, known: ndarray, settings: ConfusionSettings, rounds: int = 20
) -> ndarray:
    """The logarithm of P(class) where the sources are given; the likelihood has one maximum.

    Args:
        cells: Votes of the patterns.
        count: Number of units of each pattern.
        log_vote: As in `Confusion`.
        known: Number of units of each class whose truth is known, shape (class,).
        settings: What is assumed beforehand.
        rounds: Most rounds.
    """
    k = len(known)
    log_prior = np.full(k, -np.log(k))
    said = class_scores(cells, len(count), np.zeros(k), log_vote)
    for _ in range(rounds):
        new = _log_prior(count @ softmax(said + log_prior) + known, settings)
        change, log_prior = np.abs(np.exp(new) - np.exp(log_prior)).max(), new
        if change < ENOUGH_CHANGE:
            break
    return log_prior


def fit_confusion(
    cells: Cells,
    count: ndarray,
    accuracy: ndarray,
    settings: ConfusionSettings,
    seen: ndarray,
    known: ndarray,
) -> Confusion:
    """Confusion matrices and class prior.

    Args:
        cells: Votes of the patterns, every pattern with at least one.
        count: Number of units of each pattern, shape (row,).
        accuracy: Accuracy of each source to start from, shape (source,).
        settings: What is assumed beforehand.
        seen: Votes beside known truth, counts of shape (source * class, class).
        known: Number of units of each class whose truth is known, shape (class,).
    """
    log_vote = one_coin_rows(accuracy, len(known))
    log_prior = fit_prior(cells, count, log_vote, known, settings)
    entries = _Entries.of(cells, len(known))
    counted = replace(entries, weight=entries.weight * count[entries.row])
    posterior = softmax(_scores(entries, len(count), log_prior, log_vote))
    for _ in range(settings.rounds):
        votes = _expected_votes(counted, posterior, len(log_vote)) + seen
        log_prior = _log_prior(count @ posterior + known, settings)
        log_vote, accuracy = _log_vote(votes, settings)
        new = softmax(_scores(entries, len(count), log_prior, log_vote))
        change = (np.abs(new - posterior).sum(1) * count).sum() / max(count.sum(), 1.0)
        posterior = new
        if change < ENOUGH_CHANGE:
            break
    return Confusion(log_prior, log_vote, accuracy)


@dataclass(frozen=True, slots=True)
class _Entries:
    """Number of the vote (source * class + label), row and weight of each entry of cells."""

    vote: ndarray
    row: ndarray
    weight: ndarray

    @classmethod
    def of(cls, cells: Cells, n_classes: int) -> "_Entries":
        cell = cells.entry_cell
        return cls(cells.source[cell].astype(np.int64) * n_classes + cells.label, cells.row[cell], cells.weight)


def _scores(entries: _Entries, n_rows: int, log_prior: ndarray, log_vote: ndarray) -> ndarray:
    scores = np.empty((n_rows, len(log_prior)), order="F")
    for number, said in enumerate(np.ascontiguousarray(log_vote.T)):  # a class at a time: a fast sum, and little memory
        scores[:, number] = np.bincount(entries.row, said[entries.vote] * entries.weight, n_rows)
    scores += log_prior
    return scores


def _expected_votes(counted: _Entries, posterior: ndarray, n_votes: int) -> ndarray:
    """Expected number of units of each class under each vote, of shape (source * class, class)."""
    by_class = [
        np.bincount(counted.vote, counted.weight * column[counted.row], n_votes)
        for column in np.ascontiguousarray(posterior.T)
    ]
    return np.stack(by_class, axis=1)


def _log_prior(units: ndarray, settings: ConfusionSettings) -> ndarray:
    log_prior: ndarray = np.log((units + settings.prior_strength) / (units + settings.prior_strength).sum())
    return log_prior


def _log_vote(votes: ndarray, settings: ConfusionSettings) -> tuple[ndarray, ndarray]:
    """Confusion matrices, logarithms, and accuracies from the expected votes."""
    k = votes.shape[1]
    cube = votes.reshape(-1, k, k)  # source, vote, class
    right = np.trace(cube, axis1=1, axis2=2)
    accuracy = (right + settings.strength * settings.accuracy) / (cube.sum((1, 2)) + settings.strength)
    drawn_to = np.exp(one_coin_rows(np.clip(accuracy, 1 / k, settings.highest), k)).reshape(-1, k, k)
    rows = (cube + settings.row_strength * drawn_to) / (cube.sum(1, keepdims=True) + settings.row_strength)
    return np.log(rows).reshape(-1, k), accuracy
