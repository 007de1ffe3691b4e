import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from overton.supervision.models.distinct import number_hashes

# Many of these share their last bits, so that they want one place of the table.
hashes = st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 40).map(lambda number: number << 32))


@given(hashes)
def test_hashes_are_numbered_as_by_sorting(values):
    array = np.array(values, np.uint64)
    distinct, number = number_hashes(array)
    expected, inverse = np.unique(array, return_inverse=True)
    assert distinct.tolist() == expected.tolist()
    assert number.tolist() == inverse.tolist()
