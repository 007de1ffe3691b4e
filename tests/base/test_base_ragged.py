import numpy as np

from overton.base.ragged import positions, row_sums, spread, starts_of, steps


def test_ragged_rows_may_be_empty():
    first = starts_of(np.array([2, 0, 3]))
    assert first.tolist() == [0, 2, 2, 5]
    assert spread(first, np.array([2, 1, 0])).tolist() == [2, 3, 4, 0, 1]
    assert steps(np.array([3, 9]), np.array([0, 0])).tolist() == []
    assert positions(np.array([0, 2, 0])).tolist() == [0, 1]
    assert row_sums(np.array([1, 2, 3, 4, 5]), first).tolist() == [3, 0, 12]
