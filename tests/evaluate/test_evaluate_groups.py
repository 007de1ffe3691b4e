import numpy as np
import pytest

from overton.evaluate import groups
from overton.evaluate.groups import Items, group_records
from overton.evaluate.ragged import row_sums, spread, starts_of, steps
from tests.evaluate.evaluate_factories import tags_of

BY_RECORD = [["b", "test"], [], ["a", "b"], ["test"], ["a"]]


def made(rows=(0, 1, 2, 3, 4)):
    return group_records(tags_of(BY_RECORD), np.array(rows, np.int64))


def test_groups_are_the_whole_and_the_tags_but_not_the_splits():
    assert made().names == ("*", "a", "b")
    assert made().sizes.tolist() == [5, 2, 2]


def test_groups_are_those_of_the_records_asked_for():
    assert made([3, 4]).names == ("*", "a")
    assert made([]).names == ("*",)


def test_a_column_is_summed_over_every_group():
    assert made().total(np.array([1.0, 2, 4, 8, 16])).tolist() == [31, 20, 5]


def test_groups_of_some_records_leave_the_others_out():
    assert made().of(np.array([2, 3])).total(np.array([4.0, 8])).tolist() == [12, 4, 4]


@pytest.mark.parametrize("block", [1, 3, 1 << 17])
def test_weights_of_items_are_summed_by_code_block_by_block(block, monkeypatch):
    monkeypatch.setattr(groups, "BLOCK", block)
    items = Items(first=np.array([0, 2, 2, 3, 4, 6]), code=np.array([0, 1, 1, 0, 0, 0]), n_codes=2)
    total, square = made().total_squares(items, np.array([1.0, 2, 3, 4, 5, 6]))
    assert total.tolist() == [[16, 5], [11, 3], [1, 5]]
    assert square.tolist() == [[78, 13], [61, 9], [1, 13]]


@pytest.mark.parametrize("kept", [0, 1 << 20])
def test_influence_is_squared_by_record(kept, monkeypatch):
    monkeypatch.setattr(groups, "KEPT", kept)
    items = Items(first=np.array([0, 2, 2, 3, 4, 6]), code=np.array([0, 1, 1, 0, 0, 0]), n_codes=2)
    counts, square = made().total_influence(items, lambda counts: np.broadcast_to([1.0, 10.0], counts.shape))
    assert counts.tolist() == [[4, 2], [2, 1], [1, 2]]
    assert square.tolist() == [121 + 100 + 1 + 4, 100 + 4, 121 + 100]


def test_ragged_rows_may_be_empty():
    first = starts_of(np.array([2, 0, 3]))
    assert first.tolist() == [0, 2, 2, 5]
    assert spread(first, np.array([2, 1, 0])).tolist() == [2, 3, 4, 0, 1]
    assert steps(np.array([3, 9]), np.array([0, 0])).tolist() == []
    assert row_sums(np.array([1, 2, 3, 4, 5]), first).tolist() == [3, 0, 12]
