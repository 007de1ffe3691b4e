import numpy as np

from overton.schema import Task
from overton.supervision import Targets, label_sets
from overton.supervision.sets import MOST_SETS


def targets(table, index, n_classes=3):
    task = Task("Types", "query", "bitvector", tuple("abcdefghijkl"[:n_classes]))
    return Targets(task, np.arange(len(index) + 1), np.array(index, np.int32), np.array(table, np.float32))


def test_sets_are_those_of_the_likeliest_bits_the_most_frequent_first():
    found = targets([[0.9, 0.2, 0.1], [0.8, 0.9, 0.0], [1.0, 0.0, 0.0], [0.1, 0.2, 0.3]], [1, 0, 2, 0, 3, -1, 1])
    assert label_sets(found, np.arange(7)) == (("a",), ("a", "b"), ())


def test_only_the_given_records_tell():
    found = targets([[1, 0, 0], [0, 1, 0], [0, 0, 1]], [0, 1, 0, 2, 2])
    assert label_sets(found, np.array([0, 1, 2])) == (("a",), ("b",))


def test_no_sets_where_there_is_no_target_or_no_choice():
    assert label_sets(targets([[1, 0, 0]], [-1, -1]), np.arange(2)) == ()
    assert label_sets(targets([[1, 0, 0]], [0, 0]), np.arange(2)) == ()


def test_no_sets_where_they_are_too_many():
    every = (np.arange(2**11)[:, None] >> np.arange(11)) & 1
    assert label_sets(targets(every, np.arange(2**11), 11), np.arange(2**11)) == ()
    frequent = np.concatenate([np.arange(20), np.repeat(np.arange(30, 40), 2000)])
    found = label_sets(targets(every, frequent, 11), np.arange(len(frequent)))
    assert 10 < len(found) <= MOST_SETS
