"""What a trained model says as one more voice in the targets: from it a smaller one learns."""

from dataclasses import replace

import numpy as np
from numpy import ndarray

from overton.codec import Predictions, widened
from overton.supervision.targets import Targets

SHARE = 0.5


def taught_by(
    targets: Targets, predictions: Predictions, rows: ndarray, share: float = SHARE, *, certain: bool = False
) -> Targets:
    """Targets of which a share is what a model says; where the votes say nothing, all of it.

    Args:
        targets: The combined votes.
        predictions: What the model says of some records, as probabilities.
        rows: Numbers of these records, ascending; the targets of others stay.
        share: What the model counts beside the votes, from 0 to 1.
        certain: Whether its labels are taken for certain: where neighbours are learned together, since probabilities of
            each by itself would teach pairs of them that the model holds impossible.

    Source: Hinton et al. 2015, arXiv:1503.02531, with the probabilities as they are, since they are calibrated.
    """
    inside = np.zeros(len(targets.offsets) - 1, bool)
    inside[rows] = True
    units = np.flatnonzero(np.repeat(inside, np.diff(targets.offsets)))
    assert len(units) == len(predictions.probability), "predictions and targets number the same units"
    probability = predictions.probability
    if certain:
        probability = (np.arange(probability.shape[1]) == predictions.label[:, None]).astype(np.float32)
    width = max(targets.n_labels, probability.shape[1])
    table, said = (widened(values, width) for values in (targets.table, probability))
    index = targets.index[units]
    voted = table[index] if len(table) else np.zeros_like(said)
    mixed = np.where((index >= 0)[:, None], (1 - share) * voted + share * said, said).astype(np.float32)
    renewed = targets.index.copy()
    renewed[units] = np.where(predictions.nothing, index, len(table) + np.arange(len(units)))
    return replace(targets, index=renewed, table=np.concatenate([table, mixed]))
