"""Scores to probabilities."""

import numpy as np
from numpy import ndarray


def softmax(scores: ndarray) -> ndarray:
    """Probabilities along the last axis; -inf gets none."""
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    probabilities: ndarray = powers / powers.sum(-1, keepdims=True)
    return probabilities


def sigmoid(log_odds: ndarray) -> ndarray:
    """Probabilities from log-odds."""
    probabilities: ndarray = 1 / (1 + np.exp(-np.clip(log_odds, -500, 500)))
    return probabilities
