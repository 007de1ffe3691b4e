import numpy as np
import pytest

from overton.evaluate.judge import is_bio
from overton.evaluate.spans import find_spans, match_spans, take_apart
from tests.evaluate.evaluate_factories import random_task, spans

CLASSES = ("B-a", "B-b", "I-a", "I-b", "O")


def found(text, first=None):
    label = np.array([CLASSES.index(name) if name != "?" else -1 for name in text.split()])
    bio = take_apart(CLASSES)
    result = find_spans(label, np.array([0, len(label)]) if first is None else np.array(first), bio)
    return [(s, e, bio.types[t]) for s, e, t in zip(result.start, result.end, result.type, strict=True)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("O O", []),
        ("B-a I-a O", [(0, 2, "a")]),
        ("B-a B-a", [(0, 1, "a"), (1, 2, "a")]),
        ("I-a I-a", [(0, 2, "a")]),
        ("B-a I-b", [(0, 1, "a"), (1, 2, "b")]),
        ("B-a O I-a", [(0, 1, "a"), (2, 3, "a")]),
        ("B-a ? I-a", [(0, 1, "a"), (2, 3, "a")]),
        ("O B-b I-b I-b", [(1, 4, "b")]),
    ],
)
def test_spans_follow_conlleval(text, expected):
    assert found(text) == expected


def test_a_span_ends_with_its_record():
    assert found("B-a I-a I-a", first=[0, 2, 2, 3]) == [(0, 2, "a"), (2, 3, "a")]


def test_no_token_has_no_span():
    assert found("") == []


@pytest.mark.parametrize("seed", range(5))
def test_spans_of_random_tokens_equal_the_plain_loop(seed):
    _, gold = random_task(np.random.default_rng(seed), "span", 200)
    bio = take_apart(CLASSES)
    result = find_spans(np.where(gold.known, gold.label, -1), gold.offsets, bio)
    ours = {(s, e, bio.types[t]) for s, e, t in zip(result.start, result.end, result.type, strict=True)}
    assert ours == set().union(*(spans(gold, record, gold.label, CLASSES) for record in range(200)))


def test_a_match_has_the_same_start_end_and_type():
    bio = take_apart(CLASSES)
    said, held = (
        find_spans(np.array([CLASSES.index(name) for name in text.split()]), np.array([0, 7]), bio)
        for text in ("B-a I-a O B-a O B-b O", "B-a I-a O B-b O B-b I-b")
    )
    right, hit = match_spans(said, held, 7)
    assert right.tolist() == [True, False, False]
    assert hit.tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (("B-x", "I-x", "O"), True),
        (("B-x", "O"), True),
        (("O",), False),
        (("B-x", "I-x"), False),
        (("NOUN", "O"), False),
        ((), False),
    ],
)
def test_bio_is_told_by_the_names_of_the_classes(classes, expected):
    assert is_bio(classes) is expected
