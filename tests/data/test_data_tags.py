import numpy as np

from overton.data import Tags

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
