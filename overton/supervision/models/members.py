"""Select: which member of a set is meant. Sources have one accuracy each, since every record has other members."""

from dataclasses import dataclass, replace

import numpy as np
from numpy import ndarray

from overton.supervision.models.evidence import CORRELATION, Evidence
from overton.supervision.models.label_model import FittedModel
from overton.supervision.models.one_coin import (
    OneCoinSettings,
    borne_out,
    fit_one_coin,
    log_odds,
    mostly_below_chance,
    right_votes,
)
from overton.supervision.models.patterns import Cells

SETTINGS = OneCoinSettings(accuracy=0.6, strength=32, lowest=0.1, highest=0.97)


@dataclass(frozen=True, slots=True)
class MemberScorer:
    """Log-odds of the member that a source names against any one other.

    Attributes:
        accuracy: Accuracy of each source, shape (source,).
        n_labels: Size of the largest set.
    """

    accuracy: ndarray
    n_labels: int

    def scores(self, cells: Cells, n_options: ndarray, scale: ndarray) -> ndarray:
        """See `Scorer`."""
        cell = cells.entry_cell
        odds = log_odds(self.accuracy[cells.source], n_options[cells.row]) * scale
        place = cells.row[cell] * self.n_labels + cells.label
        size = len(n_options) * self.n_labels
        return np.bincount(place, odds[cell] * cells.weight, size).reshape(-1, self.n_labels)


def fit_members(evidence: Evidence) -> FittedModel:
    """Leave-one-out accuracies; the same chance for all members beforehand."""
    sample, known = evidence.sample, right_votes(evidence.known, evidence.n_sources)
    votes = (sample.cells, sample.count, sample.n_options)
    accuracy = fit_one_coin(*votes, evidence.n_sources, SETTINGS, known)
    if mostly_below_chance(*votes, accuracy):
        other = fit_one_coin(*votes, evidence.n_sources, replace(SETTINGS, lowest=1.0), known)
        accuracy = accuracy if borne_out(known, accuracy, other) else other
    return FittedModel(
        type="select",
        method="leave_one_out",
        scorer=MemberScorer(accuracy, evidence.n_labels),
        log_prior=np.zeros(evidence.n_labels),
        weight=np.ones(evidence.n_sources),
        correlation=CORRELATION,
        block=evidence.block,
        accuracy=accuracy,
    )
