"""The calibration errors of two versions on the same records, and how sure their difference is.

A Poisson bootstrap over records (Chamandy et al. 2012), which for sums over bins is a normal draw: both versions' bins
are drawn together, so that what the records have in common cancels.

Noise alone makes the error of a perfect model greater than zero, the more the less sure it is: of a hundred records by
.15 where it says .6 throughout, by .07 where it says .95. What is more of that in the new version shows nothing.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy import ndarray

from overton.base.ragged import spread, starts_of
from overton.evaluate.calibration import BINS, Calibration, calibrate
from overton.evaluate.judge import Judged

SAMPLES = 1000
BLOCK = 1 << 15
ENOUGH = 200_000  # records; of more, every so manieth is looked at, which leaves an error below 0.002


@dataclass(frozen=True, slots=True)
class EceChange:
    """Calibration errors of a whole split.

    Attributes:
        old: Of the old version.
        new: Of the new one.
        error: Standard error of new minus old.
        noise: By how much the new one would be greater if both said exactly how often they are right; 0 where less.
    """

    old: float
    new: float
    error: float
    noise: float = 0.0


def ece_change(old: Judged, new: Judged, *, seed: int = 0) -> EceChange:
    """The calibration errors of two judgements of the same records, at least one."""
    both = [calibrate(_thinned(judged)) for judged in (old, new)]
    total, square = np.zeros(2 * BINS), np.zeros((2 * BINS, 2 * BINS))
    for start in range(0, len(both[0].gap), BLOCK):
        part = slice(start, start + BLOCK)
        gaps = np.concatenate([_gaps(calibration, part) for calibration in both], axis=1)
        total += gaps.sum(axis=0)
        square += gaps.T @ gaps
    n = [max(float(calibration.n.sum()), 1.0) for calibration in both]
    drawn = np.random.default_rng(seed).multivariate_normal(total, square, SAMPLES, check_valid="ignore", method="eigh")
    first, second = (np.abs(drawn[:, at : at + BINS]).sum(axis=1) / n[at > 0] for at in (0, BINS))
    old_ece, new_ece = (float(np.abs(total[at : at + BINS]).sum() / n[at > 0]) for at in (0, BINS))
    # A perfect model has gaps of noise: half-normal, of the spread that the records show.
    spread = np.sqrt(np.maximum(np.diag(square), 0)) * np.sqrt(2 / np.pi)
    old_noise, new_noise = (float(spread[at : at + BINS].sum() / n[at > 0]) for at in (0, BINS))
    return EceChange(old_ece, new_ece, float((second - first).std()), max(new_noise - old_noise, 0.0))


def _thinned(judged: Judged) -> Judged:
    """Every record, or every so manieth where there are very many."""
    step = -(-judged.n_records // ENOUGH)
    if step == 1:
        return judged
    kept = np.arange(0, judged.n_records, step)
    units = spread(judged.first, kept)
    return replace(
        judged,
        records=judged.records[kept],
        first=starts_of(np.diff(judged.first)[kept]),
        known=judged.known[units],
        gold=judged.gold[units],
        said=judged.said[units],
        place=judged.place[units],
    )


def _gaps(calibration: Calibration, part: slice) -> ndarray:
    """Gaps of some records, float64 of shape (record, bin)."""
    gap = calibration.gap[part]
    if calibration.bin is None:
        return gap.astype(np.float64)
    wide = np.zeros((len(gap), BINS))
    wide[np.arange(len(gap)), calibration.bin[part]] = gap
    return wide
