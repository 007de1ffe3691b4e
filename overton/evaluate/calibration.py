"""Does a probability mean what it says? Confidence against outcome, in bins of equal mass.

For multiclass and select the confidence is P(predicted label) and the outcome whether it is right; for bitvectors it
is P(bit) and whether the bit holds. The expected calibration error is the mean gap between the two over the bins
(Naeini et al. 2015; 15 bins of equal mass as in Nixon et al. 2019, arXiv:1904.01685). The bins of a split serve all
of its tags, so that the gaps of a tag are sums like everything else.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import ndarray

from overton.evaluate.judge import Judged
from overton.evaluate.outcomes import bit_blocks, confidence_of, right_units

BINS = 15
ENOUGH = 1 << 20


@dataclass(frozen=True, slots=True)
class Calibration:
    """Confidence against outcome.

    Attributes:
        gap: Sum of confidence minus outcome: of each record and bin, float32 of shape (record, bin); or, where each
            record has one probability, of each record, float64 of shape (record,).
        bin: The bin of each record in that case, int64 of shape (record,); else None.
        per_unit: How many probabilities a unit has: 1, or the number of bits.
        n: Probabilities in each bin, of shape (bin,).
        confidence: Their sum, likewise.
        outcome: How many of them came true, likewise.
    """

    gap: ndarray
    bin: ndarray | None
    per_unit: int
    n: ndarray
    confidence: ndarray
    outcome: ndarray

    def to_json(self) -> dict[str, Any]:
        """The bins that hold something, by rising confidence."""
        filled = self.n > 0
        n = self.n[filled]
        return {
            "n": n.astype(np.int64).tolist(),
            "confidence": np.round(self.confidence[filled] / n, 6).tolist(),
            "outcome": np.round(self.outcome[filled] / n, 6).tolist(),
        }


def calibrate(judged: Judged) -> Calibration:
    """Put the probabilities of judged units into bins."""
    return _calibrate_bits(judged) if judged.kind == "bitvector" else _calibrate_units(judged)


def _calibrate_units(judged: Judged) -> Calibration:
    known = np.flatnonzero(judged.known)
    confidence, right = confidence_of(judged)[known], right_units(judged)[known]
    bin_of = _bins(_edges(confidence), confidence)
    difference = confidence.astype(np.float64) - right
    by_bin = _by_bin(bin_of, confidence, right)
    if len(known) == judged.n_records:
        return Calibration(difference, bin_of, 1, *by_bin)
    gap = np.zeros((judged.n_records, BINS), np.float32)
    _add_gaps(gap, judged.record[known], bin_of, difference)
    return Calibration(gap, None, 1, *by_bin)


def _calibrate_bits(judged: Judged) -> Calibration:
    n_classes = len(judged.classes)
    step = max(len(judged.place) * n_classes // ENOUGH, 1)
    sample = [said[::step].ravel() for _, said in bit_blocks(judged)]
    edges = _edges(np.concatenate(sample) if sample else np.zeros(0, np.float32))
    gap = np.zeros((judged.n_records, BINS), np.float32)
    by_bin = np.zeros((3, BINS))
    for part, said in bit_blocks(judged):
        confidence, holds = said.ravel(), judged.gold[part].ravel()
        bin_of = _bins(edges, confidence)
        _add_gaps(gap, np.repeat(judged.record[part], n_classes), bin_of, confidence - holds)
        by_bin += _by_bin(bin_of, confidence, holds)
    return Calibration(gap, None, n_classes, *by_bin)


def _edges(confidence: ndarray) -> ndarray:
    """The inner edges of bins of equal mass, of shape (bin - 1,); of a sample where there are very many values."""
    if not len(confidence):
        return np.zeros(BINS - 1, np.float32)
    sample = confidence[:: max(len(confidence) // ENOUGH, 1)]
    edges: ndarray = np.quantile(sample, np.arange(1, BINS) / BINS, method="higher").astype(confidence.dtype)
    return edges


def _bins(edges: ndarray, confidence: ndarray) -> ndarray:
    """Bin of each confidence, int64 from 0 to BINS - 1: how many edges it has reached."""
    reached = np.zeros(len(confidence), np.int8)  # fourteen passes over bytes are quicker than a search for each
    for edge in edges:
        reached += confidence >= edge
    return reached.astype(np.int64)


def _by_bin(bin_of: ndarray, confidence: ndarray, outcome: ndarray) -> tuple[ndarray, ndarray, ndarray]:
    """Count, summed confidence and summed outcome of each bin."""
    weights = (None, confidence, outcome)
    n, sum_confidence, sum_outcome = (np.bincount(bin_of, weights=weight, minlength=BINS) for weight in weights)
    return n, sum_confidence, sum_outcome


def _add_gaps(gap: ndarray, record: ndarray, bin_of: ndarray, difference: ndarray) -> None:
    """Add to the gaps, of shape (record, bin); the records ascend."""
    if len(record):
        part = gap[record[0] : record[-1] + 1]
        key = (record - record[0]) * BINS + bin_of
        part += np.bincount(key, weights=difference, minlength=part.size).reshape(part.shape)
