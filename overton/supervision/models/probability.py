"""Scores to probabilities."""

import numpy as np
from numpy import ndarray

FEW = 12  # labels up to which a label at a time is faster than a row at a time


def softmax(scores: ndarray) -> ndarray:
    """Probabilities along the last axis; -inf gets none."""
    if scores.ndim == 2 and scores.shape[1] <= FEW:
        by_label = np.ascontiguousarray(scores.T)
        powers = np.exp(by_label - by_label.max(0))
        few: ndarray = (powers / powers.sum(0)).T
        return few
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    probabilities: ndarray = powers / powers.sum(-1, keepdims=True)
    return probabilities


def sigmoid(log_odds: ndarray) -> ndarray:
    """Probabilities from log-odds."""
    probabilities: ndarray = 1 / (1 + np.exp(-np.clip(log_odds, -500, 500)))
    return probabilities
