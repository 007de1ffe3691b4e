"""Bitvectors: any number of classes hold; every bit is a vote for or against by each source that labelled the unit.

A source has for each bit a sensitivity, P(it says the bit | the bit holds), and a rate of false alarms, P(it says the
bit | it does not hold), both drawn to its own mean over all bits, since most bits are rare. They are fitted by
expectation maximisation from the shares of the votes. This is Dawid-Skene with two classes, a bit at a time.
"""

from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from overton.supervision.models.evidence import CORRELATION, Evidence, Known, vote_count
from overton.supervision.models.label_model import FittedModel
from overton.supervision.models.majority import exact_agreement
from overton.supervision.models.patterns import Cells, Patterns
from overton.supervision.models.probability import sigmoid

ENOUGH_CHANGE = 1e-4
BLOCK = 4_000_000  # numbers held at once


@dataclass(frozen=True, slots=True)
class BitSettings:
    """What is assumed beforehand.

    Attributes:
        sensitivity: Sensitivity of a source of which nothing is known.
        false_alarm: Its rate of false alarms.
        pooled_strength: Votes that these two are worth for the mean of a source over all bits.
        strength: Votes that this mean is worth for one bit.
        prior: P(bit) before any unit is seen.
        prior_strength: Units that this is worth.
        prior_share: Share of the log-odds of the prior that counts in the end; with all of it, bits that only one
            source can see are lost.
        rounds: Most rounds.
    """

    sensitivity: float = 0.7
    false_alarm: float = 0.05
    pooled_strength: float = 2.0
    strength: float = 8.0
    prior: float = 0.1
    prior_strength: float = 5.0
    prior_share: float = 0.85
    rounds: int = 30


SETTINGS = BitSettings()
LOWEST, HIGHEST = 1e-4, 0.98


@dataclass(frozen=True, slots=True)
class BitModel:
    """What was fitted.

    Attributes:
        for_bit: log P(says the bit | holds) - log P(says the bit | does not), of shape (source, bit).
        against_bit: The same for not saying it.
        prior: Log-odds of each bit, of shape (bit,).
    """

    for_bit: ndarray
    against_bit: ndarray
    prior: ndarray


@dataclass(frozen=True, slots=True)
class _Counts:
    """Expected votes of shape (source, bit): units where a bit holds, where it fails, and where each is said."""

    holds: ndarray
    said: ndarray
    fails: ndarray
    false: ndarray

    def __add__(self, other: "_Counts") -> "_Counts":
        return _Counts(
            self.holds + other.holds, self.said + other.said, self.fails + other.fails, self.false + other.false
        )


@dataclass(frozen=True, slots=True)
class BitScorer:
    """Log-odds of every bit given each vote."""

    model: BitModel

    def scores(self, cells: Cells, n_options: ndarray, scale: ndarray) -> ndarray:
        """See `Scorer`."""
        return bit_scores(cells, len(n_options), self.model, scale)


def fit_bits(evidence: Evidence) -> FittedModel:
    """Sensitivities and false alarms of every source and bit."""
    model = fit_bit_model(evidence.sample, evidence.known, evidence.n_sources, evidence.n_labels, SETTINGS)
    sample = evidence.sample
    believed = sigmoid(bit_scores(sample.cells, sample.n_patterns, model) + model.prior)
    return FittedModel(
        type="bitvector",
        method="dawid_skene",
        scorer=BitScorer(model),
        log_prior=SETTINGS.prior_share * model.prior,
        weight=np.ones(evidence.n_sources),
        correlation=CORRELATION,
        block=evidence.block,
        accuracy=exact_agreement(sample, believed, evidence.n_sources),
        prior=sigmoid(model.prior),
    )


def fit_bit_model(sample: Patterns, known: Known, n_sources: int, n_bits: int, settings: BitSettings) -> BitModel:
    """Fit on patterns of votes and on votes beside known truth."""
    truth = known.truth.reshape(-1, n_bits).astype(np.float64)
    seen = _expected(known.cells, truth, known.count, n_sources)
    n_known, known_bits = float(known.count.sum()), known.count @ truth
    posterior = _shares(sample, n_bits)
    model = _model(seen, known_bits, n_known, settings)
    for _ in range(settings.rounds):
        counts = _expected(sample.cells, posterior, sample.count, n_sources) + seen
        n_units = float(sample.count.sum()) + n_known
        model = _model(counts, sample.count @ posterior + known_bits, n_units, settings)
        new = sigmoid(bit_scores(sample.cells, sample.n_patterns, model) + model.prior)
        change = (np.abs(new - posterior).sum(1) * sample.count).sum() / max(sample.count.sum(), 1.0)
        posterior = new
        if change < ENOUGH_CHANGE:
            break
    return model


def bit_scores(cells: Cells, n_rows: int, model: BitModel, scale: ndarray | None = None) -> ndarray:
    """Log-odds of every bit given the votes, without the prior, of shape (row, bit); `scale` is what a cell counts."""
    scale = np.ones(len(cells.row)) if scale is None else scale
    n_bits = len(model.prior)
    scores = np.zeros((n_rows, n_bits))
    per_block = max(BLOCK // max(n_bits, 1), 1)
    for at in range(0, len(cells.row), per_block):
        row, source = cells.row[at : at + per_block], cells.source[at : at + per_block]
        starts = np.flatnonzero(np.diff(row, prepend=-1))
        scores[row[starts]] += np.add.reduceat(
            model.against_bit[source] * scale[at : at + per_block, None], starts, axis=0
        )
    cell = cells.entry_cell
    gained = (model.for_bit - model.against_bit)[cells.source[cell], cells.label] * cells.weight * scale[cell]
    place = cells.row[cell] * n_bits + cells.label
    return scores + np.bincount(place, gained, n_rows * n_bits).reshape(n_rows, n_bits)


def _shares(patterns: Patterns, n_bits: int) -> ndarray:
    """Share of the votes for each bit, of shape (pattern, bit)."""
    cells = patterns.cells
    place = cells.row[cells.entry_cell] * n_bits + cells.label
    votes = np.bincount(place, cells.weight, patterns.n_patterns * n_bits).reshape(-1, n_bits)
    shares: ndarray = votes / np.maximum(vote_count(cells, patterns.n_patterns), 1)[:, None]
    return shares


def _expected(cells: Cells, posterior: ndarray, count: ndarray, n_sources: int) -> _Counts:
    n_bits = posterior.shape[1]
    holds = np.zeros((n_sources, n_bits))
    order = np.argsort(cells.source, kind="stable")
    per_block = max(BLOCK // max(n_bits, 1), 1)
    for at in range(0, len(order), per_block):
        part = order[at : at + per_block]
        row, source = cells.row[part], cells.source[part]
        starts = np.flatnonzero(np.diff(source, prepend=-1))
        holds[source[starts]] += np.add.reduceat(posterior[row] * count[row, None], starts, axis=0)
    total = np.bincount(cells.source, count[cells.row], n_sources)[:, None]
    cell = cells.entry_cell
    place = cells.source[cell].astype(np.int64) * n_bits + cells.label
    times = cells.weight * count[cells.row[cell]]
    size = n_sources * n_bits
    said = np.bincount(place, times * posterior[cells.row[cell], cells.label], size).reshape(-1, n_bits)
    all_said = np.bincount(place, times, size).reshape(-1, n_bits)
    return _Counts(holds, said, total - holds, all_said - said)


def _model(counts: _Counts, units: ndarray, n_units: float, settings: BitSettings) -> BitModel:
    sensitivity = _drawn(counts.said, counts.holds, settings.sensitivity, settings)
    false_alarm = _drawn(counts.false, counts.fails, settings.false_alarm, settings)
    prior = (units + settings.prior * settings.prior_strength) / (n_units + settings.prior_strength)
    sensitivity = np.clip(sensitivity, 1 - HIGHEST, HIGHEST)
    false_alarm = np.clip(false_alarm, LOWEST, HIGHEST)
    return BitModel(
        for_bit=np.log(sensitivity / false_alarm),
        against_bit=np.log((1 - sensitivity) / (1 - false_alarm)),
        prior=np.log(prior) - np.log1p(-prior),
    )


def _drawn(part: ndarray, whole: ndarray, assumed: float, settings: BitSettings) -> ndarray:
    """Shares of each source and bit, drawn to the source's mean, and that to what is assumed."""
    pooled = (part.sum(1) + settings.pooled_strength * assumed) / (whole.sum(1) + settings.pooled_strength)
    shares: ndarray = (part + settings.strength * pooled[:, None]) / (whole + settings.strength)
    return shares
