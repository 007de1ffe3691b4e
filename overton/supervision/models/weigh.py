"""What the votes of each source should count, learned where truth is known.

A label model takes sources to err by themselves. Where gold stands beside votes, one number a source says how far that
is true of it: its votes count that much, fitted by logistic regression on what the model says of units that it was not
fitted on. It drops a source whose errors others repeat, and settles how far the prior is to be believed; with so few
numbers some dozens of units are enough. This is the log-linear pool of opinions (Genest & Zidek 1986,
doi:10.1214/ss/1177013825), its weights stacked as in Wolpert 1992, doi:10.1016/S0893-6080(05)80023-1.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy import ndarray

from overton.supervision.models.evidence import FOLDS, LEAST_KNOWN, Evidence, Known
from overton.supervision.models.label_model import FittedModel, worth
from overton.supervision.models.probability import softmax

MOST_KNOWN = 6000  # different ones that weights are fitted on
MOST_NUMBERS = 40_000_000  # held at once: unit x vote x label
MOST_PAIRS = 4_000_000  # held at once: unit x vote x vote, or as many as there are pairs of sources
STRENGTH = 10.0  # of the pull to what was assumed
ROUNDS = 15
ENOUGH_CHANGE = 1e-4

Fit = Callable[[Evidence], FittedModel]


@dataclass(frozen=True, slots=True)
class Parts:
    """What adds up to the scores of units whose truth is known.

    Attributes:
        added: What each vote, and last the prior, adds to each label, of shape (unit, vote + 1, label).
        weight: Number of the weight of each of them, of shape (unit, vote + 1); the last number pads.
        truth: The right label, shape (unit,).
        count: Number of units that each stands for, shape (unit,).
        outside: Labels that a unit cannot have, bool of shape (unit, label).
        start: The weights before any truth is seen, shape (source + 1,).
        fold: Part of the units, shape (unit,).
    """

    added: ndarray
    weight: ndarray
    truth: ndarray
    count: ndarray
    outside: ndarray
    start: ndarray
    fold: ndarray

    def take(self, keep: ndarray) -> "Parts":
        """Some of the units; `keep` is bool of shape (unit,)."""
        added, weight, truth = self.added[keep], self.weight[keep], self.truth[keep]
        return Parts(added, weight, truth, self.count[keep], self.outside[keep], self.start, self.fold[keep])


def fit_weighed(fit: Fit, evidence: Evidence, *, seed: int = 0) -> tuple[FittedModel, tuple[FittedModel, ...]]:
    """Fit a model, and where enough truth is known weigh its sources.

    Args:
        fit: Fits a model without weights.
        evidence: Votes, and votes beside known truth.
        seed: Seed of the choice of units.

    Returns:
        The model; and where it was weighed, for each part of the known units a model without weights that was fitted
        without it.
    """
    model = fit(evidence)
    known = evidence.known
    voted = np.bincount(known.cells.row, minlength=len(known.truth)) > 0
    if known.count[voted].sum() < LEAST_KNOWN:
        return model, ()
    units = known.take(choose_known(known, evidence.n_labels, seed))
    without = tuple(fit(replace(evidence, known=known.take(known.fold != number))) for number in range(FOLDS))
    shares = np.ptp(model.log_prior) == 0 and model.type == "multiclass"
    prior = _log_shares(known, evidence.n_labels) if shares else model.log_prior
    weights = fit_weights(parts_of(said_without(without, units, evidence.n_labels), units, prior, model))
    return replace(model, weight=weights[:-1], log_prior=weights[-1] * prior, correlation=0.0, silence=None), without


def choose_known(known: Known, n_labels: int, seed: int) -> ndarray:
    """Known units with votes to fit weights on, bool of shape (row,)."""
    size = np.bincount(known.cells.row, minlength=len(known.truth))
    units = np.flatnonzero(size)
    most = max(min(MOST_KNOWN, MOST_NUMBERS // ((int(size.max()) + 1) * n_labels)), LEAST_KNOWN)
    if len(units) > most:
        units = np.random.default_rng(seed).choice(units, most, replace=False)
    chosen = np.zeros(len(known.truth), np.bool_)
    chosen[units] = True
    return chosen


def said_without(without: Sequence[FittedModel], known: Known, n_labels: int) -> ndarray:
    """What each vote by itself adds to each label by the model that did not see its unit, of shape (cell, label)."""
    fold = known.fold[known.cells.row]
    said = np.zeros((len(known.cells.row), n_labels))
    for number, model in enumerate(without):
        inside = fold == number
        said[inside] = _said(model, known)[inside]
    return said


def _log_shares(known: Known, n_labels: int) -> ndarray:
    """A class prior from known truth, for a model that has none."""
    units = np.bincount(known.truth, known.count, n_labels) + 2.0
    shares: ndarray = np.log(units / units.sum())
    return shares


def _said(model: FittedModel, known: Known) -> ndarray:
    """What each vote by itself adds to the score of each label, of shape (cell, label)."""
    cells = known.cells
    alone = replace(cells, row=np.arange(len(cells.row)))
    return model.scorer.scores(alone, known.n_options[cells.row], np.ones(len(cells.row)))


def parts_of(said: ndarray, known: Known, prior: ndarray, model: FittedModel) -> Parts:
    """What adds up to the scores of known units, all of which have votes; for bitvectors each bit is a choice of two.

    Args:
        said: As `said_without` gives it.
        known: The units.
        prior: What is added to each label before any vote, of shape (label,).
        model: A model without weights: what several votes are worth by it is where the weights begin.
    """
    cells, n_units, n_sources = known.cells, len(known.truth), len(model.weight)
    size = np.bincount(cells.row, minlength=n_units)
    place = np.arange(len(cells.row)) - np.repeat(np.cumsum(size) - size, size)
    added = np.zeros((n_units, int(size.max()) + 1, said.shape[1]))
    weight = np.full(added.shape[:2], n_sources + 1)
    added[cells.row, place], weight[cells.row, place] = said, cells.source
    added[:, -1], weight[:, -1] = prior, n_sources
    start = np.full(n_sources + 1, float(np.average(worth(size, model.correlation), weights=known.count)))
    start[-1] = 1.0
    outside = np.arange(said.shape[1]) >= known.n_options[:, None]
    parts = Parts(added, weight, known.truth, known.count, outside, start, known.fold)
    return _by_bit(parts) if model.type == "bitvector" else parts


def _by_bit(parts: Parts) -> Parts:
    """Each bit of each unit as a choice between two labels: it fails, it holds."""
    n_units, width, n_bits = parts.added.shape
    holds = parts.added.transpose(0, 2, 1).reshape(n_units * n_bits, width)
    added = np.stack([np.zeros_like(holds), holds], axis=2)
    weight = np.repeat(parts.weight, n_bits, axis=0)
    return Parts(
        added=added,
        weight=weight,
        truth=parts.truth.reshape(-1).astype(np.int64),
        count=np.repeat(parts.count, n_bits),
        outside=np.zeros((len(added), 2), np.bool_),
        start=parts.start,
        fold=np.repeat(parts.fold, n_bits),
    )


def log_loss(parts: Parts, weights: ndarray) -> ndarray:
    """Minus the log of what weights give to the truth of each unit, shape (unit,)."""
    return _lost(parts, _posterior(parts, weights))


def fit_weights(parts: Parts) -> ndarray:
    """The weights, shape (source + 1,); of sources without a vote on these units those at the start.

    They are left out of what is solved, which costs the cube of the number of sources.
    """
    numbers, place = np.unique(parts.weight, return_inverse=True)
    used = numbers[numbers < len(parts.start)]
    weights = parts.start.copy()
    weights[used] = _solved(replace(parts, weight=place.reshape(parts.weight.shape), start=weights[used]))
    return weights


def _solved(parts: Parts) -> ndarray:
    """The weights of sources that all have votes: Newton's method on a convex loss, halving steps that go too far."""
    weights = parts.start
    loss, posterior = _loss(parts, weights)
    for _ in range(ROUNDS):
        gradient, curvature = _slope(parts, weights, posterior)
        step = np.linalg.solve(curvature, gradient)
        new, (new_loss, new_posterior) = weights - step, _loss(parts, weights - step)
        while new_loss > loss and np.abs(step).max() > ENOUGH_CHANGE:
            step = step / 2
            new, (new_loss, new_posterior) = weights - step, _loss(parts, weights - step)
        if new_loss > loss - ENOUGH_CHANGE:
            break
        weights, loss, posterior = new, new_loss, new_posterior
    return weights


def _posterior(parts: Parts, weights: ndarray) -> ndarray:
    """What weights make of each unit, of shape (unit, label)."""
    padded = np.append(weights, 0.0)[parts.weight]
    scores = np.einsum("uv,uvl->ul", padded, parts.added)
    posterior: ndarray = softmax(np.where(parts.outside, -np.inf, scores))
    return posterior


def _lost(parts: Parts, posterior: ndarray) -> ndarray:
    """Minus the log of what a posterior gives to the truth of each unit, shape (unit,)."""
    right = posterior[np.arange(len(parts.truth)), parts.truth]
    lost: ndarray = -np.log(np.maximum(right, 1e-300))
    return lost


def _loss(parts: Parts, weights: ndarray) -> tuple[float, ndarray]:
    """Penalized log loss, and the posterior of each unit, of shape (unit, label)."""
    posterior = _posterior(parts, weights)
    pull = 0.5 * STRENGTH * float(((weights - parts.start) ** 2).sum())
    return pull + float(parts.count @ _lost(parts, posterior)), posterior


def _slope(parts: Parts, weights: ndarray, posterior: ndarray) -> tuple[ndarray, ndarray]:
    """Gradient and second derivatives of the loss."""
    n = len(weights)
    mean = np.einsum("uvl,ul->uv", parts.added, posterior)
    right = parts.added[np.arange(len(mean)), :, parts.truth]
    surplus = (mean - right) * parts.count[:, None]
    gradient = np.bincount(parts.weight.ravel(), surplus.ravel(), n + 1)[:n] + STRENGTH * (weights - parts.start)
    apart, times = parts.added - mean[..., None], posterior * parts.count[:, None]
    curvature = np.zeros((n + 1) ** 2)
    step = max(max(MOST_PAIRS, len(curvature)) // apart.shape[1] ** 2, 1)
    for start in range(0, len(apart), step):
        some = slice(start, start + step)
        products = np.matmul(apart[some] * times[some, None], apart[some].transpose(0, 2, 1))
        pair = parts.weight[some, :, None] * (n + 1) + parts.weight[some, None, :]
        curvature += np.bincount(pair.ravel(), products.ravel(), len(curvature))
    return gradient, curvature.reshape(n + 1, n + 1)[:n, :n] + STRENGTH * np.eye(n)
