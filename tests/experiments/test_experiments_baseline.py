import numpy as np
import pytest

from overton.experiments.baseline import Errors, compare, errors_of, ratio_interval
from tests.evaluate.evaluate_factories import gold_of_labels, predictions_of, task_of


def errors(former, ours, record=None, silent=0):
    record = np.arange(len(former)) if record is None else np.array(record)
    return Errors(record, np.array(former, bool), np.array(ours, bool), silent)


def many(n, former, ours):
    """Of n records, each with one unit, so many errors of each, as far from each other as possible."""
    return errors(np.arange(n) < former, np.arange(n) >= n - ours)


def test_units_with_gold_and_a_former_label_are_compared():
    task = task_of("multiclass", ("a", "b"))
    gold = gold_of_labels(task, [0, 0, 1, -1, 1, 0])
    former = gold_of_labels(task, [0, 1, -1, 1, 0, 0])
    said = predictions_of(task, [1, 0, 1, 0])  # of the records 0, 1, 2 and 4
    found = errors_of(gold, former, said, np.array([0, 1, 2, 4]))
    assert found.record.tolist() == [0, 1, 3]
    assert found.former.tolist() == [False, True, True]
    assert found.ours.tolist() == [True, False, True]
    assert found.silent == 1


def test_bits_are_wrong_where_any_bit_is_and_tokens_count_one_by_one():
    task = task_of("bitvector", ("x", "y"))
    gold = gold_of_labels(task, [[1, 0], [0, 0], [1, 1]], lengths=[2, 1])
    former = gold_of_labels(task, [[1, 1], [0, 0], [1, 1]], lengths=[2, 1])
    said = predictions_of(task, [[1, 0], [0, 1], [0, 1]], lengths=[2, 1])
    found = errors_of(gold, former, said, np.array([0, 1]))
    assert found.record.tolist() == [0, 0, 1]
    assert (found.former.tolist(), found.ours.tolist()) == ([True, False, False], [False, True, True])


def test_classes_of_the_version_may_stand_in_another_order():
    gold = gold_of_labels(task_of("multiclass", ("a", "b", "new")), [0, 1, 2])
    said = predictions_of(task_of("multiclass", ("b", "a")), [1, 0, 0])
    assert errors_of(gold, gold, said, np.arange(3)).ours.tolist() == [False, False, True]


def test_half_the_errors_are_a_factor_of_two():
    row = compare("T", many(2000, 400, 200), labels=7, weak_share=0.9)
    assert (row.n, row.former_errors, row.errors, row.fewer_percent, row.factor) == (2000, 400, 200, 50.0, 2.0)
    assert 1.6 < row.factor_low < 2 < row.factor_high < 2.5
    assert row.factor_low == pytest.approx(1 / (1 - row.fewer_percent_low / 100))


def test_the_interval_follows_from_the_seed_and_covers_about_as_often_as_it_says():
    random = np.random.default_rng(0)
    inside = 0
    for seed in range(60):
        low, high = ratio_interval(errors(random.random(600) < 0.3, random.random(600) < 0.15), seed=seed, samples=400)
        inside += low <= 0.5 <= high
    assert inside >= 53
    one = many(300, 60, 40)
    assert ratio_interval(one, seed=1) == ratio_interval(one, seed=1) != ratio_interval(one, seed=2)


def test_units_of_one_record_make_a_wider_interval():
    alone = ratio_interval(many(800, 200, 100))
    together = ratio_interval(errors(np.arange(800) < 200, np.arange(800) >= 700, np.arange(800) // 20))
    assert together[1] - together[0] > 1.5 * (alone[1] - alone[0])


def test_without_errors_of_ours_the_factor_has_no_upper_bound():
    row = compare("T", many(100, 37, 0), labels=1, weak_share=1.0)
    assert (row.factor, row.factor_high, row.fewer_percent) == (None, None, 100.0)
    assert row.factor_low == pytest.approx(37 / 3.69)


def test_without_errors_of_the_former_system_nothing_is_fewer():
    row = compare("T", many(100, 0, 3), labels=1, weak_share=None)
    assert (row.fewer_percent, row.fewer_percent_low, row.factor) == (None, None, 0.0)
    assert (row.factor_low, row.factor_high) == (None, None)
