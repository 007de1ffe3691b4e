import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from overton.codec import decode
from overton.codec.bio import find_bio
from overton.schema import Task
from tests.properties import examples

CLASSES = ("B-city", "B-time", "I-city", "I-time", "O")


def is_valid(names: list[str]) -> bool:
    before = ["O", *names]
    return all(
        name[0] != "I" or previous in (name, "B" + name[1:]) for previous, name in zip(before, names, strict=False)
    )


def best_valid(logits: np.ndarray) -> float:
    """The score of the best valid sequence, by trying all."""
    n_tokens, n_classes = logits.shape
    paths = itertools.product(range(n_classes), repeat=n_tokens)
    return max(
        sum(float(logits[token, label]) for token, label in enumerate(path))
        for path in paths
        if is_valid([CLASSES[label] for label in path])
    )


@given(st.integers(0, 10_000), st.lists(st.integers(0, 4), min_size=1, max_size=5))
@examples(20)
def test_the_decoded_sequence_is_the_best_of_all_valid_ones(seed, lengths):
    task = Task("Slot", "tokens", "multiclass", CLASSES)
    logits = np.random.default_rng(seed).normal(size=(len(lengths), 4, len(CLASSES))).astype(np.float32) * 2
    predictions = decode(task, logits, np.array(lengths, np.int32))
    for row, length in enumerate(lengths):
        label = predictions.label[predictions.offsets[row] : predictions.offsets[row + 1]]
        assert is_valid([CLASSES[index] for index in label])
        if length:
            score = logits[row, np.arange(length), label].sum()
            assert score == pytest.approx(best_valid(logits[row, :length]), abs=1e-4)


def test_a_valid_sequence_is_left_as_it_is():
    rule = find_bio(CLASSES)
    label = np.array([0, 2, 2, 4, 1], np.int32)
    assert rule.mend(np.zeros((5, 5), np.float32), label, np.array([0, 5])) is label


def test_a_span_does_not_run_on_from_the_record_before():
    rule = find_bio(CLASSES)
    label = np.array([0, 2, 2], np.int32)  # the second record begins with I-city
    assert rule.broken(label, np.array([0, 2, 3])).tolist() == [1]
    assert rule.broken(label, np.array([0, 3])).tolist() == []
    assert rule.broken(label, np.array([0, 2, 2, 2, 3])).tolist() == [3]


@pytest.mark.parametrize(
    "classes",
    [
        ("NOUN", "VERB"),
        ("O", "NOUN"),
        ("B-city", "I-city"),
        ("O", "I-city"),
        ("O",),
        ("O", "B-city"),
        ("O", "B-", "I-"),
    ],
)
def test_other_classes_have_no_rule_to_keep(classes):
    assert find_bio(classes) is None


def test_an_inside_without_a_beginning_may_stand_anywhere():
    rule = find_bio(("O", "B-city", "I-city", "I-time"))
    assert rule.broken(np.array([3, 0, 3], np.int32), np.array([0, 3])).tolist() == []
    assert rule.broken(np.array([2, 0, 3], np.int32), np.array([0, 3])).tolist() == [0]
