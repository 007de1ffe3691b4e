"""A fitted label model: what each vote adds to the score of each label, and the posterior that the sums give.

All models here are additive: the score of a label is a prior plus what the votes of the row add to it. So one class
serves every kind of task, a target can be explained vote by vote, and predicting costs one pass over the votes.
"""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy import ndarray

from overton.schema import TaskType
from overton.supervision.models.blocks import collapse_blocks
from overton.supervision.models.patterns import Cells, Patterns
from overton.supervision.models.probability import sigmoid, softmax

LEAST_LEAD = 0.05  # log-odds by which the label that all agree on leads


class Scorer(Protocol):
    """What votes say, by the model of one kind of task."""

    def scores(self, cells: Cells, n_options: ndarray, scale: ndarray) -> ndarray:
        """What the votes of each row add to the score of each label.

        Args:
            cells: The votes, after blocks of copies were collapsed.
            n_options: Number of labels to choose among in each row, int64 of shape (row,).
            scale: What each cell counts, float64 of shape (cell,).

        Returns:
            Float64 of shape (row, label); for bitvectors log-odds of each bit, else log-likelihoods up to a constant.
        """


@dataclass(frozen=True, slots=True)
class SliceWeights:
    """What votes count on the records of one slice.

    Attributes:
        name: The tag.
        weight: What a vote of each source counts there, of shape (source,).
        prior: What the log-prior of the model counts there.
    """

    name: str
    weight: ndarray
    prior: float


@dataclass(frozen=True, slots=True)
class FittedModel:
    """A fitted model of one task.

    Attributes:
        type: Type of the task.
        method: Its name: `leave_one_out` or `dawid_skene`.
        scorer: What votes say.
        log_prior: Log-probability of each class, or log-odds of each bit, of shape (label,).
        weight: What a vote of each source counts; 1 where no gold says otherwise, of shape (source,).
        correlation: Of the errors of two votes on one row: n votes count as n / (1 + (n - 1) * correlation).
        block: Number of the block of each source; copies share one, and vote as one. Shape (source,).
        accuracy: Estimated accuracy of each source, of shape (source,).
        prior: P(class) or P(bit) as estimated, of shape (label,); None where the model has none.
        silence: What it says of each label that its rules are silent, of shape (label,); None where the model does not
            tell. Believed of labels without a vote alone: between labels that were voted for, the votes decide.
        slices: Slices in which votes count otherwise; rows of group n are of the nth, from 1, those of 0 of none.
    """

    type: TaskType
    method: str
    scorer: Scorer
    log_prior: ndarray
    weight: ndarray
    correlation: float
    block: ndarray
    accuracy: ndarray
    prior: ndarray | None = None
    silence: ndarray | None = None
    slices: tuple[SliceWeights, ...] = ()

    def scores(self, cells: Cells, n_options: ndarray, group: ndarray | None = None) -> ndarray:
        """Score of each label of each row, prior included, of shape (row, label).

        Args:
            cells: The votes.
            n_options: Number of labels to choose among in each row, int64 of shape (row,).
            group: The slice of each row, int64 of shape (row,); none where None.
        """
        cells = collapse_blocks(cells, self.block)
        scores = self.scorer.scores(cells, n_options, self._weights(cells, group))
        if self.correlation:
            scores *= worth(np.bincount(cells.row, minlength=len(n_options)), self.correlation)[:, None]
        scores += self.prior_of(group, len(n_options))
        if self.silence is not None:
            scores += self.silence_of(cells, len(n_options))
        return scores

    def prior_of(self, group: ndarray | None, n_rows: int) -> ndarray:
        """The log-prior of each row, of shape (row, label)."""
        if group is None or not self.slices:
            whole: ndarray = np.broadcast_to(self.log_prior, (n_rows, len(self.log_prior)))
            return whole
        counts = np.array([1.0, *(found.prior for found in self.slices)])
        prior: ndarray = counts[group][:, None] * self.log_prior
        return prior

    def _weights(self, cells: Cells, group: ndarray | None) -> ndarray:
        """What each vote counts, of shape (cell,)."""
        if group is None or not self.slices:
            whole: ndarray = self.weight[cells.source]
            return whole
        weights: ndarray = np.stack([self.weight, *(found.weight for found in self.slices)])[
            group[cells.row], cells.source
        ]
        return weights

    def silence_of(self, cells: Cells, n_rows: int) -> ndarray:
        """What silent rules add to the score of each label, of shape (row, label); zeros where it does not tell."""
        if self.silence is None:
            return np.zeros((n_rows, len(self.log_prior)))
        voted = np.zeros((n_rows, len(self.log_prior)), np.bool_)
        voted[cells.row[cells.entry_cell], cells.label] = True
        level = voted @ self.silence / np.maximum(voted.sum(1), 1)
        added: ndarray = np.where(voted, 0.0, self.silence - level[:, None])
        return added

    def table(self, patterns: Patterns) -> ndarray:
        """Posterior of each pattern of votes, of shape (pattern, label)."""
        return self.posterior(self.scores(patterns.cells, patterns.n_options, patterns.group), patterns)

    def posterior(self, scores: ndarray, patterns: Patterns) -> ndarray:
        """Scores of patterns to probabilities by which no label that all votes agree on is lost."""
        if self.type == "bitvector":
            return _keep_agreed_bits(sigmoid(scores), patterns)
        if self.type == "select":
            scores[np.arange(scores.shape[1]) >= patterns.n_options[:, None]] = -np.inf
        return softmax(keep_agreed(scores, patterns.cells))

    def contributions(self, cells: Cells, n_options: ndarray, group: ndarray | None = None) -> ndarray:
        """What each vote by itself adds to the score of each label, of shape (cell, label).

        A vote of a block of copies adds its share of what the block adds, so that the votes of a row, times what
        several votes are worth, and the prior make up its score.
        """
        key = cells.row * (len(self.block) + 1) + self.block[cells.source]
        _, number, size = np.unique(key, return_inverse=True, return_counts=True)
        alone = replace(cells, row=np.arange(len(cells.row)), source=self.block[cells.source].astype(np.int32))
        share = self._weights(alone, None if group is None else group[cells.row]) / size[number]
        parts = self.scorer.scores(alone, n_options[cells.row], share)
        if self.correlation:
            n_votes = np.bincount(cells.row, 1 / size[number], len(n_options))
            parts *= worth(n_votes, self.correlation)[cells.row, None]
        return parts


def worth(n_votes: ndarray, correlation: float) -> ndarray:
    """What a vote of each row is worth, shape (row,): n votes whose errors go together are worth less than n.

    This is the design effect of a cluster sample, 1 + (n - 1) * correlation. Source: Kish 1965, Survey Sampling, 5.4.
    """
    shares: ndarray = 1 / (1 + correlation * np.maximum(n_votes - 1.0, 0))
    return shares


def keep_agreed(scores: ndarray, cells: Cells) -> ndarray:
    """Scores of shape (row, label) by which no row loses the label that all its votes say, or say most."""
    starts = np.flatnonzero(np.diff(cells.row, prepend=-1))
    if not len(starts):
        return scores
    said = most_said(cells)
    low, high = np.minimum.reduceat(said, starts), np.maximum.reduceat(said, starts)
    agreed = (low == high) & (low >= 0)
    row, label = cells.row[starts[agreed]], low[agreed]
    lead = scores[row].max(1) + LEAST_LEAD * (scores[row].argmax(1) != label)
    scores[row, label] = np.maximum(scores[row, label], lead)
    return scores


def most_said(cells: Cells) -> ndarray:
    """The most probable label of each cell, int32 of shape (cell,); -1 where several are."""
    if (np.diff(cells.first) == 1).all():
        return cells.label
    cell = cells.entry_cell
    order = np.lexsort((cells.weight, cell))
    said: ndarray = cells.label[order][cells.first[1:] - 1]
    top = np.maximum.reduceat(cells.weight, cells.first[:-1])
    n_top = np.bincount(cell, cells.weight >= top[cell], len(said))
    return np.where(n_top == 1, said, -1)


def _keep_agreed_bits(table: ndarray, patterns: Patterns) -> ndarray:
    """The table by which no bit goes against all votes."""
    cells, n_bits = patterns.cells, table.shape[1]
    n_votes = np.bincount(cells.row, minlength=len(table))[:, None]
    place = cells.row[cells.entry_cell] * n_bits + cells.label
    votes = np.bincount(place, cells.weight, table.size).reshape(table.shape)
    table = np.where((votes > n_votes * (1 - 1e-9)) & (n_votes > 0), np.maximum(table, 0.51), table)
    return np.where((votes < 1e-9) & (n_votes > 0), np.minimum(table, 0.49), table)
