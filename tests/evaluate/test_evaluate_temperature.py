import numpy as np
import pytest

from overton.codec import Predictions
from overton.data import Gold
from overton.evaluate import best_temperature, render_temperatures
from overton.evaluate.temperature import AS_IT_IS, CANDIDATES
from overton.schema import Task


def softmax(logits):
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def sampled(true_temperature, n_units=20000):
    """Labels drawn from the logits under a temperature, and predictions that know nothing of it."""
    random = np.random.default_rng(0)
    logits = random.normal(size=(n_units, 3)) * 4
    shares = softmax(logits / true_temperature)
    label = (shares.cumsum(axis=1) > random.random((n_units, 1))).argmax(axis=1).astype(np.int32)
    task = Task("Intent", "query", "multiclass", ("a", "b", "c"))
    offsets = np.arange(n_units + 1)
    said = Predictions(task, offsets, softmax(logits).astype(np.float32), logits.argmax(axis=1).astype(np.int32))
    return said, Gold(task, offsets, np.ones(n_units, np.bool_), label)


@pytest.mark.long
@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 3.0])
def test_the_temperature_under_which_labels_were_drawn_is_found(true_temperature):
    said, gold = sampled(true_temperature)
    assert best_temperature(said, gold, np.arange(20000)) == pytest.approx(true_temperature, rel=0.1)


def test_too_few_labels_leave_probabilities_as_they_are():
    said, gold = sampled(3.0, n_units=50)
    temperature = best_temperature(said, gold, np.arange(50))
    assert temperature == AS_IT_IS == 1.0
    assert AS_IT_IS not in CANDIDATES
    told = render_temperatures({"A": temperature, "B": 3.0, "C": temperature})
    assert told == "B 3.00; A, C as they are, with fewer than 100 gold labels on dev"


def test_a_hundred_labels_are_enough():
    for n, is_left in ((99, True), (100, False)):
        said, gold = sampled(3.0, n_units=n)
        assert (best_temperature(said, gold, np.arange(n)) == AS_IT_IS) == is_left


def test_a_model_without_an_error_on_few_records_is_not_made_as_sure_as_can_be():
    random = np.random.default_rng(0)
    task, offsets = Task("Intent", "query", "multiclass", ("a", "b", "c")), np.arange(151)
    label = random.integers(0, 3, 150).astype(np.int32)
    logits = 6.0 * (label[:, None] == np.arange(3)) + random.normal(size=(150, 3)) / 2
    said = Predictions(task, offsets, softmax(logits).astype(np.float32), label)
    gold = Gold(task, offsets, np.ones(150, np.bool_), label)
    assert 0.4 < best_temperature(said, gold, np.arange(150)) <= 1  # it was 0.2, the lowest that is tried


def test_padding_of_a_set_is_no_candidate():
    task = Task("Pick", "entities", "select")
    offsets = np.arange(401)
    probability = np.tile(np.array([[0.9, 0.1, 0, 0, 0, 0]], np.float32), (400, 1))
    label = np.tile(np.array([0, 0, 0, 1], np.int32), 100)
    said = Predictions(task, offsets, probability, np.zeros(400, np.int32))
    temperature = best_temperature(said, Gold(task, offsets, np.ones(400, np.bool_), label), np.arange(400))
    assert temperature == pytest.approx(2.0, rel=0.1)  # 0.9 : 0.1 becomes 3 : 1


def test_bits_are_cooled_too():
    random = np.random.default_rng(1)
    logits = random.normal(size=(3000, 2)) * 3
    holds = random.random((3000, 2)) < 1 / (1 + np.exp(-logits / 2))
    task = Task("Types", "query", "bitvector", ("x", "y"))
    offsets = np.arange(3001)
    said = Predictions(task, offsets, (1 / (1 + np.exp(-logits))).astype(np.float32), logits > 0)
    temperature = best_temperature(said, Gold(task, offsets, np.ones(3000, np.bool_), holds), np.arange(3000))
    assert temperature == pytest.approx(2.0, rel=0.1)


def test_bits_of_records_on_which_nothing_is_predicted_tell_nothing_of_how_sure_a_model_is():
    random = np.random.default_rng(0)
    odds = random.normal(size=(2000, 2)) * 3
    holds = random.random(odds.shape) < 1 / (1 + np.exp(-odds))
    unknown = np.arange(2000) < 60
    probability = np.where(unknown[:, None], 0, 1 / (1 + np.exp(-odds))).astype(np.float32)  # as `decode` gives it
    task, offsets = Task("Kind", "text", "bitvector", ("a", "b")), np.arange(2001)
    said = Predictions(task, offsets, probability, probability > 0.5, unknown)
    gold = Gold(task, offsets, np.ones(2000, np.bool_), holds | unknown[:, None])
    assert best_temperature(said, gold, np.arange(2000)) == pytest.approx(1, rel=0.1)
