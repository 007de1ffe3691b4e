from itertools import pairwise

import numpy as np
import pytest

from overton.base import OvertonError
from overton.experiments.subsample import check_sizes, count_at, draw_order

IDS = [f"r{number}" for number in range(1000)]
SIZES = (1, 2, 4, 8, 16, 32)


def test_a_smaller_amount_is_part_of_a_larger_one_and_the_largest_is_all():
    order = draw_order(IDS, seed=0)
    drawn = [set(order[: count_at(size, SIZES, len(IDS))].tolist()) for size in SIZES]
    assert all(small < large for small, large in pairwise(drawn))
    assert [len(rows) for rows in drawn] == [31, 62, 125, 250, 500, 1000]


def test_another_seed_draws_others_and_the_same_draws_the_same():
    assert draw_order(IDS, 0).tolist() == draw_order(IDS, 0).tolist()
    shared = set(draw_order(IDS, 0)[:500].tolist()) & set(draw_order(IDS, 1)[:500].tolist())
    assert 200 < len(shared) < 300


def test_a_record_keeps_its_turn_when_others_go():
    order = [IDS[place] for place in draw_order(IDS, 3)]
    left = IDS[::2]
    assert [left[place] for place in draw_order(left, 3)] == [id_ for id_ in order if id_ in set(left)]


@pytest.mark.parametrize(
    ("sizes", "seeds", "code"),
    [
        ((), 3, "experiment.bad-sizes"),
        ((0, 1), 3, "experiment.bad-sizes"),
        ((1, 4, 2), 3, "experiment.bad-sizes"),
        ((1, 1), 3, "experiment.bad-sizes"),
        ((1, 5000), 3, "experiment.bad-sizes"),
        ((1, 2), 0, "experiment.bad-seeds"),
    ],
)
def test_sizes_without_a_curve_are_refused(sizes, seeds, code):
    with pytest.raises(OvertonError) as raised:
        check_sizes(sizes, seeds, 1000)
    assert raised.value.problems[0].code == code


def test_sizes_that_increase_are_accepted():
    check_sizes((1, 8), 1, 16)
    check_sizes((3,), 1, 1)
    assert count_at(1, (1, 8), 16) == 2
    assert np.array(SIZES).max() == 32
