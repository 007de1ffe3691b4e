import numpy as np
import pytest

from overton.codec import Predictions
from overton.data import Gold
from overton.evaluate import best_share
from overton.schema import Task

TASK = Task("Intent", "query", "multiclass", ("a", "b", "c"))


def softmax(logits):
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def mean_of(one, other):
    def say(share):
        logits = (1 - share) * one + share * other
        probability = softmax(logits).astype(np.float32)
        return Predictions(TASK, np.arange(len(one) + 1), probability, logits.argmax(1).astype(np.int32))

    return say


def gold_of(label):
    return Gold(TASK, np.arange(len(label) + 1), np.ones(len(label), np.bool_), label.astype(np.int32))


def two_opinions(true_share, n_units):
    """Opinions, and labels drawn from a mean of them at a temperature of 2."""
    random = np.random.default_rng(2)
    one, other = random.normal(size=(2, n_units, 3)) * 5
    shares = softmax(((1 - true_share) * one + true_share * other) / 2)
    return mean_of(one, other), gold_of((shares.cumsum(1) > random.random((n_units, 1))).argmax(1))


@pytest.mark.parametrize("true_share", [0.1, 0.5, 0.8])
def test_the_share_of_an_opinion_under_which_labels_were_drawn_is_found(true_share):
    say, gold = two_opinions(true_share, 5000)
    assert best_share(say, gold, np.arange(5000), temperature=2.0) == pytest.approx(true_share, abs=0.1)


def test_too_few_labels_leave_both_opinions_alike():
    say, gold = two_opinions(0.8, 50)
    assert best_share(say, gold, np.arange(50)) == 0.5


def test_an_opinion_that_is_right_more_often_counts_more_though_it_is_too_sure_when_it_is_wrong():
    random = np.random.default_rng(3)
    label, wrong = random.integers(0, 3, (2, 4000))
    right = random.random(4000)
    sure = np.eye(3)[np.where(right < 0.95, label, wrong)] * 30
    doubtful = np.eye(3)[np.where(right < 0.85, label, wrong)] * 3 + random.normal(size=(4000, 3))
    say, gold = mean_of(sure, doubtful), gold_of(label)
    likeliest = min(
        np.arange(1, 10) / 10, key=lambda share: -np.log(say(share).probability[np.arange(4000), label]).mean()
    )
    found = best_share(say, gold, np.arange(4000))
    assert likeliest > found
    assert (say(found).label == label).mean() > (say(likeliest).label == label).mean()
