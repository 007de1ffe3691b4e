"""What stands around a token, in numbers: by place, by pairs and by affixes."""

import numpy as np
import pytest

from overton.codec.features import hash_features
from overton.codec.windows import Windows, n_windows

COLUMNS = ("word", "word", "prefix3", "suffix2", "gram")
FEATURES = {"function": "words.v2", "columns": COLUMNS, "buckets": (32768, 32768, 8192, 8192, 8192)}
SETTINGS = {**FEATURES, "window_buckets": 65537, "window_words": 2}
NEAR, LEFT, RIGHT, PREFIX = range(5), 5, 6, 7  # places -2 to 2, both pairs, and the first affix


def windows(*texts, width=0, settings=SETTINGS):
    rows = [text.split() for text in texts]
    width = max(width, *(len(row) for row in rows))
    features = np.zeros((len(rows), width, len(COLUMNS)), np.int32)
    given = np.zeros((len(rows), width), bool)
    for number, row in enumerate(rows):
        features[number, : len(row)] = hash_features(row, FEATURES)
        given[number, : len(row)] = True
    return Windows(settings).of(features, given)


def test_a_token_has_a_bucket_for_each_word_around_it_each_pair_and_each_affix():
    found = windows("we fly home")
    assert found.shape == (1, 3, n_windows(SETTINGS)) == (1, 3, 9)
    assert found.dtype == np.int32
    assert 1 <= found.min() <= found.max() <= 65536
    assert len(set(found[0, 1].tolist())) == 9


def test_padding_has_none_and_changes_nothing():
    found = windows("we fly", "we fly home to see you", width=8)
    assert not found[0, 2:].any()
    assert np.array_equal(found[0, :2], windows("we fly")[0])


@pytest.mark.parametrize(
    ("other", "changed"),
    [
        ("xx b c d e", {0}),
        ("a xx c d e", {1, LEFT}),
        ("a b xx d e", {2, LEFT, RIGHT, PREFIX, PREFIX + 1}),
        ("a b c xx e", {3, RIGHT}),
        ("a b c d xx", {4}),
        ("a b c d e yy", set()),
    ],
)
def test_a_word_changes_what_looks_at_it_and_nothing_else(other, changed):
    before, after = windows("a b c d e")[0, 2], windows(other)[0, 2]
    assert set(np.flatnonzero(before != after).tolist()) == changed


def test_the_same_word_at_another_place_is_another_thing():
    found = windows("go go go go go")[0, 2]
    assert len(set(found[list(NEAR)].tolist())) == 5
    assert found[LEFT] != found[RIGHT]


def test_buckets_are_spread_evenly():
    features = np.arange(1, 500 * 10 * len(COLUMNS) + 1, dtype=np.int32).reshape(500, 10, len(COLUMNS))
    found = Windows(SETTINGS).of(features, np.ones((500, 10), bool))[:, 2:-2]  # all different, and none at an end
    expected = 65536 * (1 - np.exp(-found.size / 65536))
    assert abs(len(np.unique(found)) - expected) < 0.02 * expected


def test_a_table_with_more_buckets_splits_those_of_a_smaller_one():
    """Row `1 + b` of a table becomes rows `1 + b` and `1 + b + buckets` of one of twice the size."""
    small, large = windows("we fly home", settings={**SETTINGS, "window_buckets": 4097}), windows("we fly home")
    assert np.array_equal((large - 1) % 4096 + 1, small)


def test_the_same_text_has_the_same_buckets_on_every_machine():
    assert windows("we fly home")[0, 1].tolist() == [56623, 50338, 20592, 27912, 44535, 47452, 6298, 59861, 8536]
