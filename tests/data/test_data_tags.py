import sys
from difflib import SequenceMatcher

import numpy as np
import pytest

from overton.data import SPLITS, Tags, is_bad_tag, meant_tag
from overton.data.encode import encoder as encoding
from overton.data.encode.encoder import Encoder
from tests.data_schema import SCHEMA

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


@pytest.mark.parametrize("split", SPLITS)
def test_a_tag_is_a_near_miss_where_it_is_alike_enough(split):
    changed = {
        split[:place] + letter + split[place + n :] for place in range(6) for letter in ("", "x") for n in (0, 1)
    }
    words = {word[:place] + more + word[place:] for word in changed for place in range(7) for more in ("", "z")}
    alike = {word for word in words - {*SPLITS} if SequenceMatcher(None, word, split).ratio() > 0.85}
    assert alike
    assert {word for word in words if meant_tag(word) == split} == alike


def test_each_tag_of_a_file_is_looked_at_once_however_many_there_are(monkeypatch: pytest.MonkeyPatch):
    asked: list[str] = []
    monkeypatch.setattr(encoding, "is_bad_tag", lambda tag: asked.append(tag) or tag == "bad3")
    encoder = Encoder(SCHEMA)
    for begin in range(0, 40, 10):
        lines = [b'{"payloads": {}, "tags": ["t%d", "t%d"]}' % (n, n // 2) for n in range(begin, begin + 10)]
        chunk, suspects = encoder.encode(lines)
        assert chunk is not None
        assert not suspects
    assert sorted(asked) == sorted(f"t{n}" for n in range(40))
    _, suspects = encoder.encode([b'{"payloads": {}, "tags": ["bad3"]}', b'{"payloads": {}, "tags": ["t1"]}'])
    assert suspects == [0]
    chunk, suspects = encoder.encode([b'{"payloads": {}, "tags": ["t99"]}', b'{"payloads": {}, "tags": ["t1"]}'])
    assert chunk is not None
    assert not suspects
