import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from overton.base.ragged import ranges
from overton.supervision.models.patterns import Cells, Patterns, cells_of, find_patterns, keep_rows, take_cells
from tests.supervision.planted import votes_of


def patterns_of(rows, **options):
    votes = votes_of(rows, **options)
    n_options = np.full(votes.n_units, 3) if votes.candidates is None else votes.candidates
    share = votes.task.type != "bitvector"
    return find_patterns(take_cells(votes, np.ones(len(votes.unit), bool), share=share), n_options)


def test_units_labelled_alike_are_one_pattern():
    patterns = patterns_of([{"s": 1, "t": 2}, {"s": 1}, {}, {"t": 2, "s": 1}, {"t": 1}])
    assert patterns.n_patterns == 3
    assert patterns.index[0] == patterns.index[3]
    assert patterns.index[2] == -1
    assert len({patterns.index[0], patterns.index[1], patterns.index[4]}) == 3
    assert patterns.count[patterns.index[0]] == 2


def test_a_pattern_holds_the_votes_of_its_units():
    rows = [{"s": 1, "t": {0: 0.5, 2: 0.25}}, {"s": 1}]
    patterns = patterns_of(rows)
    cells = keep_rows(patterns.cells, np.arange(2) == patterns.index[0])
    assert cells.source.tolist() == [0, 1]
    assert cells.label.tolist() == [1, 0, 2]
    assert cells.weight.tolist() == [1, 0.5, 0.25]
    assert cells.first.tolist() == [0, 1, 3]
    assert cells.row.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("one", "other"),
    [({"s": 1}, {"s": 2}), ({"s": 1}, {"t": 1}), ({"s": {0: 0.5}}, {"s": {0: 0.25}}), ({"s": 1}, {"s": 1, "t": 1})],
)
def test_different_votes_are_different_patterns(one, other):
    assert patterns_of([one, other]).n_patterns == 2


def test_no_bit_is_a_vote_and_differs_from_no_vote():
    patterns = patterns_of([{"s": []}, {}, {"s": [0]}, {"s": [1, 2]}, {"s": [2, 1]}], type="bitvector")
    assert patterns.n_patterns == 3
    assert (patterns.index >= 0).tolist() == [True, False, True, True, True]


def test_a_bit_that_does_not_hold_is_a_vote_whatever_its_source():
    patterns = patterns_of([{"s": [0], "t": {1: 0.0}, "u": {2: 0.0}}, {"s": [0]}], type="bitvector")
    assert patterns.n_patterns == 2


def test_sets_of_different_sizes_are_different_patterns():
    assert patterns_of([{"s": 1}, {"s": 1}], type="select", candidates=[2, 3]).n_patterns == 2


def test_a_vote_is_never_worth_more_than_one():
    votes = votes_of([{"s": {0: 1.0, 1: 1.0}}, {"s": {0: 0.3}}])
    cells = take_cells(votes, np.ones(2, bool), share=True)
    assert cells.weight.tolist() == pytest.approx([0.5, 0.5, 0.3])


rows = st.lists(st.dictionaries(st.sampled_from("stuv"), st.integers(0, 2)), min_size=1, max_size=12)


@given(rows, rows)
def test_counts_of_two_parts_add_up(first, second):
    # every source stands in both parts, so that its number is the same in each
    anchor = [{"s": 0, "t": 0, "u": 0, "v": 0}]

    def counts(part):
        patterns = patterns_of(part)
        held = [keep_rows(patterns.cells, np.arange(patterns.n_patterns) == row) for row in range(patterns.n_patterns)]
        names = [tuple(zip(cells.source.tolist(), cells.label.tolist(), strict=True)) for cells in held]
        return dict(zip(names, patterns.count.tolist(), strict=True))

    one, two, whole = counts(anchor + first), counts(anchor + second), counts(anchor + first + anchor + second)
    assert {name: one.get(name, 0) + two.get(name, 0) for name in one | two} == whole


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 4))))
def test_ranges_are_their_numbers_one_after_the_other(pairs):
    start = np.array([first for first, _ in pairs], np.int64)
    stop = start + np.array([size for _, size in pairs], np.int64)
    expected = [number for first, size in pairs for number in range(first, first + size)]
    assert ranges(start, stop).tolist() == expected


def test_the_votes_of_few_patterns_cost_nothing_for_the_others():
    n = 100_000  # a slice is looked at by itself, and there are hundreds of them
    cells = Cells(np.arange(n), np.zeros(n, np.int32), np.arange(n + 1), np.arange(n, dtype=np.int32), np.ones(n))
    patterns = Patterns(np.zeros(0, np.int32), np.ones(n), np.full(n, 3), cells)
    tracemalloc.start()
    chosen = cells_of(patterns, np.array([7, -1, 99_999], np.int32))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (chosen.row.tolist(), chosen.label.tolist()) == ([0, 2], [7, 99_999])
    assert peak < n


def test_no_cells_make_no_patterns():
    empty = Cells(
        np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0)
    )
    patterns = find_patterns(empty, np.full(3, 2))
    assert patterns.index.tolist() == [-1, -1, -1]
    assert patterns.n_patterns == 0


@pytest.mark.parametrize(
    ("type", "plain", "told"), [("multiclass", 1, {0: 0.0, 1: 1.0}), ("bitvector", [1], {1: 1, 2: 0})]
)
def test_a_label_of_probability_0_says_no_more_than_one_that_is_not_named(type, plain, told):
    patterns = patterns_of([{"s": plain}, {"s": told}], type=type, classes=("a", "b", "c"))
    assert patterns.n_patterns == 1
    assert patterns.cells.label.tolist() == [1]
