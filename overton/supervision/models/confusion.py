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
PRIOR_ROUNDS = 20
LOWEST_RATE = 1e-3


@dataclass(frozen=True, slots=True)
class Presence:
    """Whether a source votes, as evidence: it may abstain more on some classes than on others.

    Attributes:
        votes: What a vote adds, less what an abstention does, of shape (source, class).
        absence: What abstentions of all sources add, of shape (class,).
    """

    votes: ndarray
    absence: ndarray


@dataclass(frozen=True, slots=True)
class Confusion:
    """A fitted model of classes.

    Attributes:
        log_prior: log P(class), shape (class,).
        log_vote: log P(vote | class) up to a constant, of shape (source * class, class): row s * k + v for vote v
            of source s.
        presence: What it says of the class that sources vote at all.
        accuracy: P(a vote is right) of each source, shape (source,).
    """

    log_prior: ndarray
    log_vote: ndarray
    presence: Presence
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
        presence_strength: Units that stand for a source that votes on all classes alike.
        presence_share: Share of the log-odds of voting that counts: sources tend to abstain together.
        sparsest: Sources that vote on a smaller share of the units abstain for reasons of their own: nobody asked them.
        rounds: Most rounds.
    """

    accuracy: float = 0.75
    strength: float = 4.0
    row_strength: float = 3.0
    prior_strength: float = 5.0
    highest: float = 0.99
    presence_strength: float = 300.0
    presence_share: float = 0.5
    sparsest: float = 0.05
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


def fit_prior(cells: Cells, count: ndarray, log_vote: ndarray, known: ndarray, settings: ConfusionSettings) -> ndarray:
    """The logarithm of P(class) where the sources are given; the likelihood has one maximum.

    Args:
        cells: Votes of the patterns.
        count: Number of units of each pattern.
        log_vote: As in `Confusion`.
        known: Number of units of each class whose truth is known, shape (class,).
        settings: What is assumed beforehand.
    """
    k = len(known)
    log_prior = np.full(k, -np.log(k))
    said = class_scores(cells, len(count), np.zeros(k), log_vote)
    for _ in range(PRIOR_ROUNDS):
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
    k = len(known)
    log_vote = one_coin_rows(accuracy, k)
    log_prior = fit_prior(cells, count, log_vote, known, settings)
    entries = _Entries.of(cells, k)
    # A vote that stands alone has nothing to be judged by: what it is right on would be whatever suits the model.
    judged = count * (np.bincount(cells.row, minlength=len(count)) > 1)
    counted = replace(entries, weight=entries.weight * judged[entries.row])
    posterior = softmax(_scores(entries, len(count), log_prior, log_vote))
    presence = Presence(np.zeros((len(accuracy), k)), np.zeros(k))
    for _ in range(settings.rounds):
        expected = _expected_votes(counted, posterior, len(log_vote))
        presence = fit_presence(expected.reshape(-1, k, k).sum(1), judged @ posterior, settings)
        log_prior = _log_prior(count @ posterior + known, settings)
        log_vote, accuracy = _log_vote(expected + seen, settings)
        with_presence = log_vote + np.repeat(presence.votes, k, axis=0)
        new = softmax(_scores(entries, len(count), log_prior + presence.absence, with_presence))
        change = (np.abs(new - posterior).sum(1) * count).sum() / max(count.sum(), 1.0)
        posterior = new
        if change < ENOUGH_CHANGE:
            break
    return Confusion(log_prior, log_vote, presence, accuracy)


def fit_presence(voted: ndarray, units: ndarray, settings: ConfusionSettings) -> Presence:
    """What it says of the class that sources vote at all.

    Args:
        voted: Expected units of each class on which each source votes, of shape (source, class).
        units: Expected units of each class, shape (class,).
        settings: What is assumed beforehand.
    """
    share = voted.sum(1, keepdims=True) / max(float(units.sum()), 1e-9)
    strength = settings.presence_strength
    rate = np.clip((voted + strength * share) / (units + strength), LOWEST_RATE, 1 - LOWEST_RATE)
    mean = np.clip(share, LOWEST_RATE, 1 - LOWEST_RATE)
    asked = (share >= settings.sparsest) & (share <= 1 - LOWEST_RATE)
    absent = np.where(asked, np.log1p(-rate) - np.log1p(-mean), 0.0)
    present = np.where(asked, np.log(rate) - np.log(mean), 0.0)
    return Presence(settings.presence_share * (present - absent), settings.presence_share * absent.sum(0))


def presence_given(
    cells: Cells, count: ndarray, log_prior: ndarray, log_vote: ndarray, settings: ConfusionSettings
) -> Presence:
    """What it says of the class that sources vote at all, where the rest of the model is given."""
    k = len(log_prior)
    entries = _Entries.of(cells, k)
    posterior = softmax(_scores(entries, len(count), log_prior, log_vote))
    counted = replace(entries, weight=entries.weight * count[entries.row])
    voted = _expected_votes(counted, posterior, len(log_vote)).reshape(-1, k, k).sum(1)
    return fit_presence(voted, count @ posterior, settings)


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
