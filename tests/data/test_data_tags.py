import sys

import numpy as np
import pytest

from overton.data import Tags, is_bad_tag, meant_tag

TAGS = Tags(
    names=("slice:a", "slice:b", "train"),
    first=np.array([0, 2, 2, 3, 5]),
    tag=np.array([0, 2, 2, 0, 2], np.int32),
)


def test_tags_that_begin_alike_are_counted_on_some_records():
    assert TAGS.count("slice:", np.array([0, 1, 3])) == {"slice:a": 2, "slice:b": 0}
    assert TAGS.count("slice:", np.array([2])) == {"slice:a": 0, "slice:b": 0}
    assert TAGS.count("t", np.arange(4)) == {"train": 3}
    assert TAGS.count("", np.zeros(0, np.int64)) == {"slice:a": 0, "slice:b": 0, "train": 0}


@pytest.mark.parametrize("tag", ["x" * 100_000, "train" * 20_000, "slice" * 20_000 + ":x"])
def test_a_tag_as_long_as_a_request_costs_no_look_at_each_letter_and_no_memory(tag):
    before = sys.getrefcount(tag)
    steps: list[object] = []
    sys.setprofile(lambda *step: steps.append(step[1]))
    try:
        assert not is_bad_tag(tag)
    finally:
        sys.setprofile(None)
    assert len(steps) < 100
    assert sys.getrefcount(tag) == before


def test_blanks_around_a_tag_hide_no_near_miss():
    assert [meant_tag(tag) for tag in (" " * 200 + "Test", "slice: " + "x" * 200)] == ["test", "slice:" + "x" * 200]
