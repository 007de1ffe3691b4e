import numpy as np
import pytest

from overton.base.ragged import starts_of
from overton.evaluate import groups
from overton.evaluate.alike import WIDEST, number_alike, one_of_each
from overton.evaluate.groups import Items, group_records
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


def test_columns_of_which_each_record_fills_one_are_summed_with_their_squares():
    code, weight = np.array([0, 1, 1, 0, 1]), np.array([1.0, 2, 3, 4, 5])
    columns = np.zeros((5, 2))
    columns[np.arange(5), code] = weight
    total, square = made().total_squares_by(code, weight, 2)
    assert total[0].tolist() == [5, 10]
    assert square[0].tolist() == [17, 38]
    for found, expected in zip((total, square), made().total_squares(columns), strict=True):
        assert np.array_equal(found, expected)


@pytest.mark.parametrize("kept", [0, 1 << 20])
def test_influence_is_squared_by_record(kept, monkeypatch):
    monkeypatch.setattr(groups, "KEPT", kept)
    items = Items(first=np.array([0, 2, 2, 3, 4, 6]), code=np.array([0, 1, 1, 0, 0, 0]), n_codes=2)
    counts, square = made().total_influence(items, lambda counts: np.broadcast_to([1.0, 10.0], counts.shape))
    assert counts.tolist() == [[4, 2], [2, 1], [1, 2]]
    assert square.tolist() == [121 + 100 + 1 + 4, 100 + 4, 121 + 100]


@pytest.mark.parametrize("seed", range(4))
def test_records_that_are_alike_give_the_same_influence(seed, monkeypatch):
    rng = np.random.default_rng(seed)
    n_records, n_codes = 300, 7
    own = group_records(
        tags_of([[f"t{n}" for n in np.flatnonzero(rng.random(5) < 0.4)] for _ in range(n_records)]),
        np.arange(n_records),
    )
    lengths = rng.integers(0, 3, n_records)
    items = Items(starts_of(lengths), rng.integers(0, n_codes, lengths.sum()), n_codes)
    worth = rng.normal(size=(len(own.names), n_codes))
    found = own.total_influence(items, lambda counts: worth * counts)
    monkeypatch.setattr(groups, "CELLS", 0)
    for one, other in zip(found, own.total_influence(items, lambda counts: worth * counts), strict=True):
        assert np.allclose(one, other, rtol=1e-12)


def test_records_of_each_code_are_counted_by_group():
    assert made().count(np.array([0, 1, 1, 0, 1]), 2).tolist() == [[2, 3], [0, 2], [1, 1]]
    assert made([]).count(np.zeros(0, np.int64), 0).shape == (1, 0)


def test_rows_of_groups_are_summed_in_any_number_of_pieces(monkeypatch):
    columns = np.arange(15, dtype=np.float32).reshape(5, 3)
    whole = made().total_products(columns)
    monkeypatch.setattr(groups, "IN_CACHE", 3)  # one record at a time
    for one, other in zip(whole, made().total_products(columns), strict=True):
        assert np.array_equal(one, other)
    assert np.array_equal(whole[0][1], columns[[2, 4]].sum(axis=0))


def test_records_that_are_alike_have_one_number():
    columns = [np.array([1, 0, 1, 1, 0]), np.array([2.0, 2, 2, 0, 2])]
    number, n = number_alike(columns, 3)
    assert (number.tolist(), n) == ([2, 0, 2, 1, 0], 3)
    assert one_of_each(columns[1], number, n).tolist() == [2, 0, 2]
    assert number_alike(columns, 2) is None
    assert number_alike([np.array([0, WIDEST])], 10) is None
    assert number_alike([], 10) is None
