import numpy as np
import pytest

from overton.codec import Predictions
from overton.data import Gold
from overton.evaluate import best_thresholds
from overton.schema import Task

TASK = Task("Types", "query", "bitvector", ("x", "y", "z"))


def drawn(n_units, skew=(1.0, 1.0, 1.0), seed=0):
    """Bits drawn from probabilities, and predictions that tell these probabilities to a power."""
    random = np.random.default_rng(seed)
    probability = random.beta(0.4, 1.2, size=(n_units, 3))
    holds = random.random(probability.shape) < probability
    said = (probability ** np.array(skew)).astype(np.float32)
    offsets = np.arange(n_units + 1)
    return Predictions(TASK, offsets, said, said >= 0.5), Gold(TASK, offsets, np.ones(n_units, np.bool_), holds)


def micro_f1(said, holds):
    return 2 * (said & holds).sum() / (said.sum() + holds.sum())


def test_bits_with_true_probabilities_hold_from_half_of_the_figure_that_is_reached():
    said, gold = drawn(20_000)
    found = best_thresholds(said, gold, np.arange(20_000))
    figure = micro_f1(said.probability >= found, gold.label)
    assert found.tolist() == pytest.approx([figure / 2] * 3, abs=0.04)
    assert figure > micro_f1(said.label, gold.label) + 0.01


def test_a_bit_whose_probabilities_are_wrong_gets_a_threshold_of_its_own():
    said, gold = drawn(20_000, skew=(3.0, 1.0, 0.5))
    found = best_thresholds(said, gold, np.arange(20_000))
    usual = float(found[1])
    assert found[0] == pytest.approx(usual**3, abs=0.05)
    assert found[2] == pytest.approx(usual**0.5, abs=0.05)
    fresh, truth = drawn(20_000, skew=(3.0, 1.0, 0.5), seed=1)
    assert micro_f1(fresh.probability >= found, truth.label) > micro_f1(fresh.label, truth.label) + 0.03


def test_the_logits_may_be_divided_afterwards():
    said, gold = drawn(20_000)
    odds = said.probability / (1 - said.probability)
    sharp = Predictions(TASK, said.offsets, odds**2 / (1 + odds**2), said.label)
    wanted = best_thresholds(said, gold, np.arange(20_000))
    assert best_thresholds(sharp, gold, np.arange(20_000), temperature=2.0) == pytest.approx(wanted, abs=0.01)


def test_few_units_with_a_bit_move_its_threshold_little():
    """A bit that is never right on dev, in a hundred units, is still said where the model is sure."""
    said, gold = drawn(150)
    holds = gold.label.copy()
    holds[:, 2] = False
    found = best_thresholds(said, Gold(TASK, gold.offsets, gold.known, holds), np.arange(150))
    assert found.min() >= 0.05
    assert found.max() <= 0.95
    assert found[2] < 0.6


def test_too_few_labels_leave_thresholds_as_they_are():
    said, gold = drawn(50)
    assert best_thresholds(said, gold, np.arange(50)).tolist() == [0.5] * 3


def test_a_bit_that_is_never_said_and_one_that_always_holds_are_no_trouble():
    offsets = np.arange(201)
    probability = np.tile(np.array([[0.0, 1.0, 0.4]], np.float32), (200, 1))
    holds = np.tile(np.array([[False, True, False]]), (200, 1))
    said = Predictions(TASK, offsets, probability, probability >= 0.5)
    found = best_thresholds(said, Gold(TASK, offsets, np.ones(200, np.bool_), holds), np.arange(200))
    assert np.isfinite(found).all()
    assert ((probability >= found) == holds)[:, :2].all()


@pytest.mark.parametrize("seed", range(4))
def test_units_that_are_equally_sure_are_told_alike_in_whatever_order_they_come(seed):
    probability = np.repeat([0.9, 0.45], 100).astype(np.float32)[:, None]
    holds = (np.arange(200) < 120)[:, None]  # one in five of those at 0.45, which stand first if one is lucky
    order = np.random.default_rng(seed).permutation(200) if seed else np.arange(200)
    task, offsets = Task("T", "p", "bitvector", ("a",)), np.arange(201)
    said = Predictions(task, offsets, probability[order], probability[order] > 0.5)
    (threshold,) = best_thresholds(said, Gold(task, offsets, np.ones(200, np.bool_), holds[order]), np.arange(200))
    assert 0.45 < threshold <= 0.9


def test_records_with_nothing_to_predict_on_are_missed_whatever_the_threshold():
    said, gold = drawn(4000)
    nothing = np.arange(4000) < 2000
    holds = gold.label | nothing[:, None]
    probability = np.where(nothing[:, None], 0, said.probability).astype(np.float32)
    with_them = Predictions(TASK, said.offsets, probability, probability >= 0.5, nothing)
    truth = Gold(TASK, gold.offsets, gold.known, holds)
    found = best_thresholds(with_them, truth, np.arange(4000), temperature=8.0)
    cooled = 1 / (1 + ((1 - said.probability) / said.probability) ** (1 / 8))

    def figure(threshold):
        return micro_f1((cooled >= threshold) & ~nothing[:, None], holds)

    assert figure(found) > max(map(figure, np.linspace(0.05, 0.95, 19))) - 0.01
