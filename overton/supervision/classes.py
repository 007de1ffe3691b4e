"""Multiclass: votes for one of a fixed list of classes, on records, tokens or members alike.

Which model can be trusted depends on the sources. Rules that only ever say one class leave open which of two rules
is at fault where they conflict: confusion matrices and a class prior drift there, and one accuracy a source, fitted
leave-one-out and drawn half-way back to what is assumed of any source, does not. Sources that use nearly every class
carry a class prior, and where there are enough of them confusion matrices too: with two classes all errors of a kind
coincide, so that sources whose errors go together look like one more truth, and more sources are needed.
"""

from dataclasses import replace

import numpy as np
from numpy import ndarray

from overton.supervision.confusion import (
    ConfusionSettings,
    class_scores,
    fit_confusion,
    fit_prior,
    one_coin_rows,
)
from overton.supervision.evidence import Evidence, Fitted, Known, worth
from overton.supervision.one_coin import (
    OneCoinSettings,
    find_slots,
    fit_one_coin,
    keep_agreed,
    label_votes,
    right_votes,
)
from overton.supervision.probability import softmax

ONE_COIN = OneCoinSettings(accuracy=0.75, strength=64, lowest=1.0, highest=0.95)
ONE_COIN_OF_RULES = replace(ONE_COIN, levelled=0.35)
CONFUSION = ConfusionSettings()

# Judged by log loss on labelled sets of rules, taggers and crowds.
BROAD = 0.9  # a source is broad that uses this share of the classes, mean of: share of all classes, share of all votes
MOSTLY_BROAD = 0.4  # share of the votes that broad sources must give for a class prior
FEW_SOURCES = 4  # with fewer, or of two classes with fewer than enough, confusion matrices show errors that go together
ENOUGH_SOURCES = 8  # to believe confusion matrices more than one coin
ESTIMATE_SHARE = 0.5  # of the log-odds of a one-coin source; the rest is that of any source
CONFUSION_SHARE = 0.75  # of the log-odds of a confusion matrix; the rest is that of one coin
CONFUSION_SHARE_OF_FEW = 0.5  # the same with few sources; the rest is that of any source
PRIOR_SHARE = 0.5  # of the class prior
MOST_NUMBERS = 50_000_000  # in all confusion matrices together


def fit_classes(evidence: Evidence) -> Fitted:
    """The model that suits the sources."""
    n_voting = len(np.unique(evidence.sample.cells.source))
    if broad_share(evidence) < MOSTLY_BROAD:
        return _leave_one_out(evidence, _fit_accuracy(evidence, ONE_COIN_OF_RULES), with_prior=False)
    accuracy = _fit_accuracy(evidence, ONE_COIN)
    least = FEW_SOURCES if evidence.n_labels > 2 else ENOUGH_SOURCES
    if n_voting < least or evidence.n_sources * evidence.n_labels**2 > MOST_NUMBERS:
        return _leave_one_out(evidence, accuracy, with_prior=n_voting > 2)
    if n_voting < ENOUGH_SOURCES:
        assumed = np.full(evidence.n_sources, ONE_COIN.accuracy)
        return _dawid_skene(evidence, accuracy, assumed, CONFUSION_SHARE_OF_FEW, PRIOR_SHARE)
    return _dawid_skene(evidence, accuracy, accuracy, CONFUSION_SHARE, PRIOR_SHARE)


def fit_dawid_skene(evidence: Evidence) -> Fitted:
    """Confusion matrices and class prior, whatever the sources are like."""
    accuracy = _fit_accuracy(evidence, ONE_COIN)
    return _dawid_skene(evidence, accuracy, accuracy, 1.0, 1.0)


def broad_share(evidence: Evidence) -> float:
    """Share of the votes that come from sources that use nearly every class."""
    votes = label_votes(evidence.sample.cells, evidence.sample.count, evidence.n_sources, evidence.n_labels)
    total = max(votes.sum(), 1e-9)
    breadth = 0.5 * ((votes > 0).mean(1) + (votes > 0) @ (votes.sum(0) / total))
    return float(votes[(breadth >= BROAD) & ((votes > 0).sum(1) > 1)].sum() / total)


def _fit_accuracy(evidence: Evidence, settings: OneCoinSettings) -> ndarray:
    sample = evidence.sample
    known = right_votes(evidence.known, evidence.n_sources)
    return fit_one_coin(sample.cells, sample.count, sample.n_options, evidence.n_sources, settings, known)


def _leave_one_out(evidence: Evidence, accuracy: ndarray, *, with_prior: bool) -> Fitted:
    k, sample = evidence.n_labels, evidence.sample
    assumed = one_coin_rows(np.full(evidence.n_sources, ONE_COIN.accuracy), k)
    estimated = one_coin_rows(accuracy, k)
    log_vote = ESTIMATE_SHARE * estimated + (1 - ESTIMATE_SHARE) * assumed
    log_prior = np.full(k, -np.log(k))
    if with_prior:
        log_prior = fit_prior(sample.cells, sample.count, estimated, _known_classes(evidence.known, k), CONFUSION)
    share = PRIOR_SHARE if with_prior else 0.0
    table = _table(evidence, log_vote, share * log_prior)
    return Fitted(table, accuracy, table.max(1, initial=0), "leave_one_out", np.exp(log_prior))


def _dawid_skene(
    evidence: Evidence, accuracy: ndarray, coins: ndarray, confusion_share: float, prior_share: float
) -> Fitted:
    """Confusion matrices started from accuracies; the share that they leave over goes to one-coin rows of `coins`."""
    k, sample = evidence.n_labels, evidence.sample
    seen = _known_votes(evidence.known, evidence.n_sources, k)
    known = _known_classes(evidence.known, k)
    fitted = fit_confusion(sample.cells, sample.count, accuracy, CONFUSION, seen, known)
    log_vote = confusion_share * fitted.log_vote + (1 - confusion_share) * one_coin_rows(coins, k)
    table = _table(evidence, log_vote, prior_share * fitted.log_prior)
    return Fitted(table, fitted.accuracy, table.max(1, initial=0), "dawid_skene", np.exp(fitted.log_prior))


def _table(evidence: Evidence, log_vote: ndarray, log_prior: ndarray) -> ndarray:
    """Posterior of each pattern."""
    patterns = evidence.patterns
    scores = class_scores(patterns.cells, patterns.n_patterns, np.zeros(evidence.n_labels), log_vote)
    scores = scores * worth(patterns.cells, patterns.n_patterns)[:, None] + log_prior
    slots = find_slots(patterns.cells, patterns.n_options)
    return softmax(keep_agreed(scores, slots))


def _known_votes(known: Known, n_sources: int, k: int) -> ndarray:
    """Votes beside known truth, counts of shape (source * class, class)."""
    cells = known.cells
    cell = cells.entry_cell
    vote = cells.source[cell].astype(np.int64) * k + cells.label
    pair = vote * k + known.truth[cells.row[cell]]
    return np.bincount(pair, cells.weight, n_sources * k * k).reshape(-1, k)


def _known_classes(known: Known, k: int) -> ndarray:
    return np.bincount(known.truth, minlength=k).astype(np.float64)
