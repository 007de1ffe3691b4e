import numpy as np
import pytest

from overton.codec import concatenate, count_units, decode, label_json, labels_json
from overton.data import Batch, Column, Pool
from overton.schema import Payload, Schema, Task

MULTICLASS = Task("Intent", "query", "multiclass", ("age", "height", "president"))
BITVECTOR = Task("Type", "tokens", "bitvector", ("location", "title"))
SELECT = Task("Arg", "entities", "select")


def logits(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32) * 3


def column(lengths: list[int]) -> Column:
    length = np.array(lengths, np.int32)
    return Column(np.zeros((len(lengths), max(lengths)), np.int32), length, length > 0)


def test_a_record_gets_the_class_of_its_highest_logit():
    predictions = decode(MULTICLASS, logits(5, 3), np.ones(5, np.int32))
    assert predictions.label.tolist() == logits(5, 3).argmax(1).tolist()
    np.testing.assert_allclose(predictions.probability.sum(1), 1, rtol=1e-6)
    assert predictions.offsets.tolist() == [0, 1, 2, 3, 4, 5]


def test_a_record_with_nothing_to_read_gets_no_class_and_no_probability():
    values = logits(3, 3)
    values[1] = np.nan  # as a model may say that has nothing to take the mean of
    predictions = decode(MULTICLASS, values, np.array([1, 0, 1]))
    assert decode(BITVECTOR, values, np.array([1, 0, 1])).probability[1].tolist() == [0, 0, 0]
    assert predictions.label[1] == -1
    assert predictions.probability[1].tolist() == [0, 0, 0]
    assert predictions.offsets.tolist() == [0, 1, 2, 3]


def test_bits_of_a_record_with_nothing_to_read_are_unknown_and_no_empty_list():
    halves = [decode(BITVECTOR, logits(2, 2), np.array(lengths)) for lengths in ([1, 1], [0, 1])]
    predictions = concatenate(halves)
    for probabilities in (False, True):
        said = labels_json(predictions, "record", probabilities=probabilities)
        assert [label is None for label in said] == [False, False, True, False]
        assert label_json(predictions, 2, "record", probabilities=probabilities) is None


def test_probabilities_are_those_of_the_softmax_and_the_sigmoid():
    values = logits(4, 3)
    power = np.exp(values.astype(np.float64))
    expected = power / power.sum(1, keepdims=True)
    np.testing.assert_allclose(decode(MULTICLASS, values, np.ones(4)).probability, expected, atol=1e-6)
    bits = decode(BITVECTOR, values[None, :, :2], np.array([4])).probability
    np.testing.assert_allclose(bits, 1 / (1 + 1 / power[:, :2]), atol=1e-6)


@pytest.mark.filterwarnings("error")
def test_huge_logits_do_not_overflow():
    huge = np.array([[1e30, -1e30, 0]], np.float32)
    assert decode(MULTICLASS, huge, np.ones(1)).probability.tolist() == [[1, 0, 0]]
    assert decode(BITVECTOR, huge[None, :, :2], np.ones(1, int)).label.tolist() == [[True, False]]


def test_padding_is_removed_and_the_units_of_a_record_stay_together():
    values = logits(3, 5, 2)
    lengths = np.array([2, 0, 5], np.int32)
    predictions = decode(BITVECTOR, values, lengths)
    assert predictions.offsets.tolist() == [0, 2, 2, 7]
    assert predictions.label.tolist() == [*(values[0, :2] >= 0).tolist(), *(values[2] >= 0).tolist()]


def test_one_record_alone_decodes_as_it_does_in_a_batch():
    values, lengths = logits(4, 6, 2), np.array([6, 1, 0, 3], np.int32)
    whole = decode(BITVECTOR, values, lengths)
    parts = [decode(BITVECTOR, values[[row]], lengths[[row]]) for row in range(4)]
    np.testing.assert_array_equal(concatenate(parts).label, whole.label)
    np.testing.assert_array_equal(concatenate(parts).offsets, whole.offsets)


def test_each_bit_may_have_a_threshold_of_its_own():
    predictions = decode(BITVECTOR, np.zeros((1, 1, 2), np.float32), np.ones(1, int), threshold=np.array([0.4, 0.6]))
    assert predictions.label.tolist() == [[True, False]]


def test_select_chooses_among_the_members_of_the_set_only():
    values = np.array([[1, 2, 9], [5, 1, 9], [3, 3, 3]], np.float32)
    predictions = decode(SELECT, values, np.array([2, 3, 0]))
    assert predictions.label.tolist() == [1, 2, -1]
    np.testing.assert_allclose(predictions.probability.sum(1), [1, 1, 0], rtol=1e-6)
    assert predictions.probability[0, 2] == 0
    assert predictions.probability.dtype == np.float32


def test_select_with_no_member_in_the_whole_batch_chooses_none():
    predictions = decode(SELECT, np.zeros((2, 1), np.float32), np.array([0, 0]))
    assert predictions.label.tolist() == [-1, -1]
    assert decode(SELECT, np.zeros((2, 0), np.float32), np.array([0, 0])).label.tolist() == [-1, -1]


def test_tokens_without_any_item_decode_to_no_units():
    predictions = decode(BITVECTOR, np.zeros((2, 1, 2), np.float32), np.array([0, 0], np.int32))
    assert predictions.offsets.tolist() == [0, 0, 0]
    assert predictions.probability.shape == (0, 2)


def test_a_higher_temperature_makes_probabilities_less_sure():
    sure = decode(MULTICLASS, logits(5, 3), np.ones(5)).probability
    unsure = decode(MULTICLASS, logits(5, 3), np.ones(5), temperature=5).probability
    assert (unsure.max(1) < sure.max(1)).all()


def test_sets_of_different_width_are_joined_with_padding():
    small = decode(SELECT, logits(2, 2), np.array([2, 1]))
    large = decode(SELECT, logits(1, 4), np.array([4]))
    joined = concatenate([small, large])
    assert joined.probability.shape == (3, 4)
    assert joined.label.tolist() == [*small.label.tolist(), *large.label.tolist()]
    assert joined.offsets.tolist() == [0, 1, 2, 3]


def test_units_are_counted_by_the_type_of_the_payload():
    schema = Schema(
        payloads=(
            Payload("tokens", "sequence", "tokens"),
            Payload("entities", "set", "entities", range="tokens"),
            Payload("query", "singleton", "query", base=("tokens", "entities")),
            Payload("title", "singleton", "title"),
        ),
        tasks=(
            Task("POS", "tokens", "multiclass", ("A",)),
            Task("Arg", "entities", "select"),
            Task("Intent", "query", "multiclass", ("A",)),
            Task("Topic", "title", "multiclass", ("A",)),
        ),
    )
    columns = {
        "tokens": column([3, 0, 0]),
        "entities": column([1, 2, 0]),
        "query": Column(np.zeros((3, 0), np.int32), np.zeros(3, np.int32), np.zeros(3, bool)),
        "title": column([4, 0, 1]),
    }
    batch = Batch(columns, Pool(), 3)
    counted = {task.name: count_units(schema, task, batch).tolist() for task in schema.tasks}
    assert counted == {"POS": [3, 0, 0], "Arg": [1, 2, 0], "Intent": [1, 1, 0], "Topic": [1, 0, 1]}
