import msgspec
import numpy as np
import pytest

from overton.codec import Predictions, decode, label_json, labels_json
from overton.data.record import SUM_TOLERANCE
from overton.schema import Task

INTENT = Task("Intent", "query", "multiclass", ("age", "height"))
POS = Task("POS", "tokens", "multiclass", ("NOUN", "VERB"))
TYPES = Task("Type", "tokens", "bitvector", ("location", "title"))
ARG = Task("Arg", "entities", "select")

HIGH, LOW = 9.0, -9.0


def array(values) -> np.ndarray:
    return np.array(values, np.float32)


def test_a_record_label_is_the_name_of_its_class():
    predictions = decode(INTENT, array([[LOW, HIGH], [HIGH, LOW], [0, 0]]), np.array([1, 1, 0]))
    assert labels_json(predictions, "record") == ["height", "age", None]


def test_a_token_label_is_a_list_with_one_class_a_token_even_for_one_token():
    predictions = decode(POS, array([[[HIGH, LOW], [LOW, HIGH]], [[LOW, HIGH], [0, 0]]]), np.array([2, 1]))
    assert labels_json(predictions, "token") == [["NOUN", "VERB"], ["VERB"]]


def test_a_bitvector_label_is_the_list_of_classes_that_hold():
    predictions = decode(TYPES, array([[[HIGH, HIGH], [LOW, LOW], [LOW, HIGH]]]), np.array([3]))
    assert labels_json(predictions, "token") == [[["location", "title"], [], ["title"]]]


def test_a_select_label_is_an_index():
    predictions = decode(ARG, array([[LOW, HIGH], [0, 0]]), np.array([2, 0]))
    assert labels_json(predictions, "record") == [1, None]


def test_a_record_without_tokens_has_no_label():
    predictions = decode(POS, array([[[HIGH, LOW]], [[0, 0]]]), np.array([1, 0]))
    assert labels_json(predictions, "token") == [["NOUN"], None]
    assert labels_json(predictions, "token", probabilities=True)[1] is None


def test_probabilities_are_by_class_and_leave_out_what_is_negligible():
    predictions = decode(INTENT, array([[LOW, HIGH], [0, 0]]), np.array([1, 1]))
    assert labels_json(predictions, "record", probabilities=True) == [{"height": 1.0}, {"age": 0.5, "height": 0.5}]


def test_the_best_probability_is_never_left_out():
    predictions = decode(TYPES, array([[[-20, -12]]]), np.array([1]))
    assert labels_json(predictions, "token", probabilities=True) == [[{"title": 0.0}]]


def test_the_probabilities_of_members_go_by_index_and_an_empty_set_has_none():
    predictions = decode(ARG, array([[0, 1, 5], [0, 0, 0]]), np.array([2, 0]))
    assert labels_json(predictions, "record", probabilities=True) == [{"0": 0.2689, "1": 0.7311}, None]


def test_one_record_has_the_label_that_it_has_among_all():
    predictions = decode(TYPES, array(np.random.default_rng(0).normal(size=(4, 3, 2))), np.array([3, 0, 1, 2]))
    for probabilities in (False, True):
        labels = labels_json(predictions, "token", probabilities=probabilities)
        alone = [label_json(predictions, row, "token", probabilities=probabilities) for row in range(4)]
        assert alone == labels


def test_labels_are_plain_json_values():
    for task, unit, shape in ((INTENT, "record", (2, 2)), (TYPES, "token", (2, 3, 2)), (ARG, "record", (2, 3))):
        predictions = decode(task, np.zeros(shape, np.float32), np.array([1, 2]))
        for probabilities in (False, True):
            labels = labels_json(predictions, unit, probabilities=probabilities)
            assert msgspec.json.decode(msgspec.json.encode(labels)) == labels


@pytest.mark.parametrize(("n_classes", "best"), [(3, 0.5), (150, 0.85), (1200, 0.6), (960, 1 / 960), (40_000, 0.2)])
def test_probabilities_of_any_number_of_classes_add_up_to_one(n_classes, best):
    classes = tuple(f"c{number}" for number in range(n_classes))
    rest = (1 - best) / (n_classes - 1)
    probability = np.full((1, n_classes), rest, np.float32)
    probability[0, 1] = best
    task = Task("T", "p", "multiclass", classes)
    said = Predictions(task, np.array([0, 1]), probability, probability.argmax(axis=1).astype(np.int32))
    (label,) = labels_json(said, "record", probabilities=True)
    assert sum(label.values()) == pytest.approx(1, abs=SUM_TOLERANCE / 1.5)
    assert label["c1"] == pytest.approx(best, rel=1e-3)
