"""Multiclass: votes for one of a fixed list of classes, on records, tokens or members alike.

Which model can be trusted depends on the sources. Rules that only ever say one class leave open which of two rules
is at fault where they conflict: confusion matrices and a class prior drift there, and one accuracy a source, fitted
leave-one-out and drawn half-way back to what is assumed of any source, does not. Sources that use nearly every class
carry a class prior, and where there are enough of them confusion matrices too: with two classes all errors of a kind
coincide, so that sources whose errors go together look like one more truth, and more sources are needed.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy import ndarray

from overton.supervision.models.confusion import (
    ConfusionSettings,
    class_scores,
    fit_confusion,
    fit_prior,
    one_coin_rows,
    presence_given,
)
from overton.supervision.models.evidence import BROAD, CORRELATION, Evidence, Known, breadth
from overton.supervision.models.label_model import FittedModel, worth
from overton.supervision.models.one_coin import (
    OneCoinSettings,
    borne_out,
    fit_one_coin,
    label_votes,
    mostly_below_chance,
    right_votes,
    spread_of,
)
from overton.supervision.models.patterns import Cells

ONE_COIN = OneCoinSettings(accuracy=0.75, strength=16, lowest=0.1, highest=0.95, by_information=True)
ONE_COIN_OF_RULES = OneCoinSettings(accuracy=0.75, strength=64, lowest=1.0, highest=0.95)
CONFUSION = ConfusionSettings()
SILENCE = replace(CONFUSION, presence_strength=100.0, presence_share=1.0, sparsest=0.0)

# Judged by log loss on labelled sets of rules, taggers and crowds.
MOSTLY_BROAD = 0.4  # share of the votes that broad sources must give for a class prior
FEW_SOURCES = 4  # with fewer, or of two classes with fewer than enough, confusion matrices show errors that go together
ENOUGH_SOURCES = 8  # to believe confusion matrices more than one coin
ESTIMATE_SHARE = 0.5  # of the log-odds of a one-coin source; the rest is that of any source
CONFUSION_SHARE = 0.75  # of the log-odds of a confusion matrix; the rest is that of one coin
CONFUSION_SHARE_OF_FEW = 0.5  # the same with few sources; the rest is that of any source
PRIOR_SHARE = 0.5  # of the class prior
ONE_CLASS = 0.9  # of the votes of a rule, from which it is one of that class
DENSE = 0.25  # share of the units that the source of a vote labels, on average over votes, from which it is a tool
CORRELATION_OF_TOOLS = 0.35  # of the errors of two tools: they are built alike; workers of a crowd are strangers
MOST_NUMBERS = 50_000_000  # in all confusion matrices together


@dataclass(frozen=True, slots=True)
class ClassScorer:
    """log P(vote | class) of every source.

    Attributes:
        log_vote: As in `Confusion`, of shape (source * class, class).
    """

    log_vote: ndarray

    def scores(self, cells: Cells, n_options: ndarray, scale: ndarray) -> ndarray:
        """See `Scorer`."""
        return class_scores(cells, len(n_options), np.zeros(self.log_vote.shape[1]), self.log_vote, scale)


def fit_classes(evidence: Evidence) -> FittedModel:
    """The model that suits the sources."""
    n_voting = len(evidence.voting)
    if broad_share(evidence) < MOSTLY_BROAD:
        return _leave_one_out(evidence, _fit_accuracy(evidence, ONE_COIN_OF_RULES, of_rules=True), with_prior=False)
    accuracy = _fit_accuracy(evidence, ONE_COIN)
    least = FEW_SOURCES if evidence.n_labels > 2 else ENOUGH_SOURCES
    if n_voting < least or evidence.n_sources * evidence.n_labels**2 > MOST_NUMBERS:
        return _leave_one_out(evidence, accuracy, with_prior=n_voting > 2)
    if n_voting < ENOUGH_SOURCES:
        assumed = np.full(evidence.n_sources, ONE_COIN.accuracy)
        return _dawid_skene(evidence, accuracy, assumed, CONFUSION_SHARE_OF_FEW, PRIOR_SHARE)
    return _dawid_skene(evidence, accuracy, accuracy, CONFUSION_SHARE, PRIOR_SHARE)


def fit_dawid_skene(evidence: Evidence) -> FittedModel:
    """Confusion matrices and class prior, whatever the sources are like."""
    accuracy = _fit_accuracy(evidence, ONE_COIN)
    return replace(_dawid_skene(evidence, accuracy, accuracy, 1.0, 1.0), correlation=CORRELATION)


def broad_share(evidence: Evidence) -> float:
    """Share of the votes that come from sources that use nearly every class."""
    votes = label_votes(evidence.sample.cells, evidence.sample.count, evidence.n_sources, evidence.n_labels)
    return float(votes[breadth(votes) >= BROAD].sum() / max(votes.sum(), 1e-9))


def _fit_accuracy(evidence: Evidence, settings: OneCoinSettings, *, of_rules: bool = False) -> ndarray:
    """Accuracies, of which at least half of the votes are better than chance, unless known truth says otherwise."""
    together = voting_together(evidence) if of_rules else None
    sample, known = evidence.sample, right_votes(evidence.known, evidence.n_sources)
    votes = (sample.cells, sample.count, sample.n_options)
    accuracy = fit_one_coin(*votes, evidence.n_sources, settings, known, together=together)
    if not mostly_below_chance(*votes, accuracy):
        return accuracy
    if evidence.n_labels == 2:  # of two classes the mirror image explains the votes as well
        other = np.clip(1 - accuracy, settings.lowest / 2, settings.highest)
    else:
        other = fit_one_coin(*votes, evidence.n_sources, replace(settings, lowest=1.0), known, together=together)
    return accuracy if borne_out(known, accuracy, other) else other


def voting_together(evidence: Evidence) -> ndarray:
    """How far the rules of each class vote together more than those of all classes, of shape (class,).

    Rules that tell a class from the others, and else have nothing in common, vote together more often than by chance,
    by up to 1 / P(class) times; what is compared is how far they are on the way there. A class of one rule
    has nan: it has no other rule to confirm it wrongly.
    """
    cells, count = evidence.sample.cells, evidence.sample.count
    said = label_votes(cells, count, evidence.n_sources, evidence.n_labels)
    own = np.bincount(cells.source, count[cells.row], evidence.n_sources)
    of_class = said >= ONE_CLASS * np.maximum(said.sum(1, keepdims=True), 1e-9)
    member = of_class & (own > 0)[:, None]
    both = pairs_of_class(cells, count, member)
    units = float(count[np.unique(cells.row)].sum())
    by_chance = ((own @ member) ** 2 - own**2 @ member) / max(units, 1.0)
    share = np.clip(said.sum(0) / max(float(said.sum()), 1e-9), 1e-3, 1 - 1e-3)
    seen = by_chance > 0
    told = np.where(seen, (both / np.maximum(by_chance, 1e-9) - 1) * share / (1 - share), 0.0)
    weight = share * seen
    return np.where(seen, told - told @ weight / max(float(weight.sum()), 1e-9), np.nan)


def pairs_of_class(cells: Cells, count: ndarray, member: ndarray) -> ndarray:
    """How often two rules of each class vote on one unit, of shape (class,): each pair counts on either side.

    Counted by how many of them vote on a row, since a square of all sources would not lie in memory.
    """
    k = member.shape[1]
    class_of = np.where(member.any(1), member.argmax(1), -1)[cells.source]
    rule = class_of >= 0
    key = cells.row[rule] * k + class_of[rule]
    keys, n = np.unique(key, return_counts=True)
    return np.bincount(keys % k, count[keys // k] * n * (n - 1), k)


def _leave_one_out(evidence: Evidence, accuracy: ndarray, *, with_prior: bool) -> FittedModel:
    k, sample = evidence.n_labels, evidence.sample
    assumed = one_coin_rows(np.full(evidence.n_sources, ONE_COIN.accuracy), k)
    estimated = one_coin_rows(accuracy, k)
    # What is assumed of any source is not assumed of one that is worse than a guess.
    share = np.where(np.repeat(accuracy * k < 1, k)[:, None], 1.0, ESTIMATE_SHARE)
    log_vote = share * estimated + (1 - share) * assumed
    if not with_prior:
        even = np.full(k, -np.log(k))
        model = _model(evidence, "leave_one_out", log_vote, accuracy, even, 0.0)
        return replace(model, silence=presence_given(sample.cells, sample.count, even, log_vote, SILENCE).absence)
    log_prior = fit_prior(sample.cells, sample.count, estimated, _known_classes(evidence.known, k), CONFUSION)
    presence = presence_given(sample.cells, sample.count, log_prior, estimated, CONFUSION)
    log_vote += np.repeat(presence.votes, k, axis=0)
    return _model(evidence, "leave_one_out", log_vote, accuracy, log_prior, PRIOR_SHARE, presence.absence)


def _dawid_skene(
    evidence: Evidence, accuracy: ndarray, coins: ndarray, confusion_share: float, prior_share: float
) -> FittedModel:
    """Confusion matrices started from accuracies; the share that they leave over goes to one-coin rows of `coins`.

    Sources that are much alike are drawn to their mean, so that who votes seldom is not judged by luck.
    """
    k, sample = evidence.n_labels, evidence.sample
    seen = _known_votes(evidence.known, evidence.n_sources, k)
    known = _known_classes(evidence.known, k)
    mean, strength = spread_of(sample.cells, sample.count, sample.n_options, accuracy)
    settings = replace(
        CONFUSION, accuracy=mean, strength=strength, row_strength=max(CONFUSION.row_strength, strength / k)
    )
    fitted = fit_confusion(sample.cells, sample.count, accuracy, settings, seen, known)
    log_vote = confusion_share * fitted.log_vote + (1 - confusion_share) * one_coin_rows(coins, k)
    log_vote += np.repeat(fitted.presence.votes, k, axis=0)
    absence = fitted.presence.absence
    return _model(evidence, "dawid_skene", log_vote, fitted.accuracy, fitted.log_prior, prior_share, absence)


def _model(
    evidence: Evidence,
    method: str,
    log_vote: ndarray,
    accuracy: ndarray,
    log_prior: ndarray,
    prior_share: float,
    absence: ndarray | None = None,
) -> FittedModel:
    """A model whose prior, and what abstentions add, are worth as much as a vote is on average.

    Votes that go together are worth less than votes; against a prior in full, they would lose every rare class.
    """
    correlation = _correlation(evidence)
    base = prior_share * log_prior + (0.0 if absence is None else absence)
    return FittedModel(
        type="multiclass",
        method=method,
        scorer=ClassScorer(log_vote),
        log_prior=base * _mean_worth(evidence, correlation),
        weight=np.ones(evidence.n_sources),
        correlation=correlation,
        block=evidence.block,
        accuracy=accuracy,
        prior=np.exp(log_prior),
    )


def _mean_worth(evidence: Evidence, correlation: float) -> float:
    sample = evidence.sample
    n_votes = np.bincount(sample.cells.row, minlength=sample.n_patterns)
    return float((worth(n_votes, correlation) * sample.count).sum() / max(float(sample.count.sum()), 1e-9))


def _correlation(evidence: Evidence) -> float:
    """Of the errors of two votes on one unit."""
    cells, count = evidence.sample.cells, evidence.sample.count
    votes = np.bincount(cells.source, count[cells.row], evidence.n_sources)
    density = float((votes**2).sum() / max(votes.sum() * count.sum(), 1.0))
    return CORRELATION_OF_TOOLS if density >= DENSE else CORRELATION


def _known_votes(known: Known, n_sources: int, k: int) -> ndarray:
    """Votes beside known truth, counts of shape (source * class, class)."""
    cells = known.cells
    cell = cells.entry_cell
    vote = cells.source[cell].astype(np.int64) * k + cells.label
    pair = vote * k + known.truth[cells.row[cell]]
    weight = cells.weight * known.count[cells.row[cell]]
    return np.bincount(pair, weight, n_sources * k * k).reshape(-1, k)


def _known_classes(known: Known, k: int) -> ndarray:
    return np.bincount(known.truth, known.count, k)
