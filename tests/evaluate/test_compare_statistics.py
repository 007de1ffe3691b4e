import itertools
from math import comb

import numpy as np
import pytest

from overton.codec import Predictions
from overton.data import Gold
from overton.evaluate.compare.calibrated import ece_change
from overton.evaluate.compare.correct import Family, benjamini_hochberg, first_level, holm, plain, weights
from overton.evaluate.compare.gate import Gate
from overton.evaluate.compare.paired import Paired, change_of, detectable_fall
from overton.evaluate.compare.rows import ECE, TaskChange, compared_rows
from overton.evaluate.compare.swap import swap_test, upper_point
from overton.evaluate.groups import Groups
from overton.evaluate.judge import judge
from overton.schema import Task
from tests.evaluate.planted_changes import f1_table, rows_of, slices_of, tokens_table


def one_group(difference):
    return swap_test(np.zeros(len(difference), np.int64), np.asarray(difference, float), 1)


def binomial_tail(won, n):
    return sum(comb(n, k) for k in range(won + 1)) / 2**n


@pytest.mark.parametrize(("lost", "won"), [(3, 0), (19, 4), (4, 19), (130, 90)])
def test_with_one_item_a_record_it_is_mcnemars_exact_test(lost, won):
    found = one_group([-1] * lost + [1] * won)
    assert found.p.item() == pytest.approx(binomial_tail(won, lost + won), rel=1e-6)
    assert found.levels[0].max() <= 0.5
    for k in range((lost + won) // 2):
        assert np.isclose(found.levels[0], binomial_tail(k, lost + won), rtol=1e-6, atol=1e-12).any()


@pytest.mark.parametrize("difference", [[-3, -2, 1, -1, 2], [-5, -5, 4], [2, 2, -1, -1, -1, -1]])
def test_records_with_several_items_are_swapped_whole(difference):
    ways = [np.dot(signs, np.abs(difference)) for signs in itertools.product([-1, 1], repeat=len(difference))]
    assert one_group(difference).p.item() == pytest.approx(np.mean(np.array(ways) <= sum(difference)))


def test_differences_that_are_no_whole_numbers_keep_the_test_exact():
    difference = np.array([-1.7, -0.4, 0.9, -1.1, 0.2])
    step = np.rint(difference / 1.7 * 16)
    ways = [np.dot(signs, np.abs(step)) for signs in itertools.product([-1, 1], repeat=5)]
    assert one_group(difference).p.item() == pytest.approx(np.mean(np.array(ways) <= step.sum()))


@pytest.mark.long
@pytest.mark.parametrize(
    "difference",
    [
        [44.0] + [-0.9] * 120,  # one long document of which all spans were found, and one lost in each of many others
        [9.0, -9.0] + [-0.9] * 110 + [1.1] * 90,
        [1.1 * n for n in range(1, 30, 2)] + [-0.9 * n for n in range(1, 30, 2)] + [-0.9] * 100 + [1.1] * 60,
    ],
)
def test_small_differences_beside_a_great_one_count_what_they_are(difference):
    difference = np.array(difference)
    signs = 2.0 * np.random.default_rng(0).integers(0, 2, (60_000, len(difference))) - 1
    share = (signs @ np.abs(difference) <= difference.sum() + 1e-9).mean()
    assert one_group(difference).p.item() == pytest.approx(share, rel=0.15)


def test_what_is_too_much_to_enumerate_is_normal():
    exact, normal = one_group([-1] * 2080 + [1] * 2000), one_group([-1] * 2100 + [1] * 2020)
    assert exact.levels[0] is not None
    assert normal.levels[0] is None
    assert normal.p.item() == pytest.approx(exact.p.item(), rel=0.1)


def test_groups_are_tested_as_if_each_stood_alone():
    rng = np.random.default_rng(0)
    group, difference = np.sort(rng.integers(0, 150, 2000)), rng.choice([-2, -1, 1, 3], 2000).astype(float)
    found = swap_test(group, difference, 151)
    for number in (0, 17, 149):
        assert found.p[number] == pytest.approx(one_group(difference[group == number]).p.item(), rel=1e-6)
    assert found.p[150] == 1
    assert not len(found.levels[150])


def test_corrections_of_tests_that_reach_every_level_are_the_plain_ones():
    p = np.array([0.0001, 0.004, 0.03, 0.6, 0.01])
    assert holm(plain(p)) == pytest.approx([0.0005, 0.016, 0.06, 0.6, 0.03])
    # Benjamini and Hochberg, stepping down, but for p / (1 - p) in place of p
    assert benjamini_hochberg(plain(p)) == pytest.approx([0.0005, 0.01, 0.0387, 1, 0.0168], rel=0.01)


def test_tests_that_can_reach_nothing_take_nothing():
    never = (np.array([0.25, 0.5]),) * 50
    alone = Family(np.array([0.004]), (None,), np.ones(1))
    among = Family(np.array([0.004, *[0.5] * 50]), (None, *never), np.ones(51))
    for correct in (holm, benjamini_hochberg):
        assert correct(among)[0] == pytest.approx(correct(alone)[0])
    assert first_level(among, 0.05) == pytest.approx(first_level(alone, 0.05))


def test_a_group_in_which_more_records_differ_weighs_more():
    differ, usual, records = np.array([5.0, 5, 5, 25, 0, 9] * 4), np.full(24, 5.0), np.full(24, 100.0)
    differ[4:] = np.minimum(differ[4:], 9)
    weight = weights(differ, usual, records, 0.05)
    assert weight.mean() == pytest.approx(1)
    assert weight[3] == weight.max() > 3
    assert weight[1] == weight[2]
    assert (weight >= 0.2).all()


def test_where_slices_are_not_all_as_unsteady_a_number_that_differ_tells_less():
    usual, records = np.full(100, 15.0), np.full(100, 150.0)
    steady = np.random.default_rng(0).poisson(15, 100).astype(float)
    unsteady = np.random.default_rng(0).poisson(15 * np.exp(np.linspace(-1.2, 1.2, 100))).astype(float)
    steady[7] = unsteady[7] = 40
    first, second = (weights(differ, usual, records, 0.05)[7] for differ in (steady, unsteady))
    assert first > 10 * second


def test_a_test_whose_usual_number_is_unknown_weighs_one():
    usual, records = np.array([np.nan, 0, *[5] * 20]), np.array([6000.0, *[100] * 21])
    differ = np.array([300.0, 0, *[3, 5, 8, 5] * 4, 5, 5, 5, 25])
    weight = weights(differ, usual, records, 0.05)
    assert weight[0] == weight[1] == 1
    assert weight[-1] == weight.max() > 3
    assert weights(differ[:5], usual[:5], records[:5], 0.05).tolist() == [1] * 5


def test_a_point_of_the_normal_distribution_is_the_tabled_one():
    assert [upper_point(p) for p in (0.5, 0.2, 0.025, 0.0005)] == pytest.approx([0, 0.8416, 1.96, 3.2905], abs=1e-4)


def test_more_records_show_smaller_falls():
    falls = [detectable_fall(0.05, np.sqrt(0.05 / n), 1 / n) for n in (20, 100, 1000, 100_000)]
    assert falls == sorted(falls, reverse=True)
    assert falls[-1] < 0.003
    assert detectable_fall(0.05, 1.0, 1.0) == 1


@pytest.mark.parametrize("make", [tokens_table, f1_table])
def test_figures_and_counts_are_those_of_a_loop_over_groups(make):
    rng = np.random.default_rng(0)
    groups, members = slices_of(rng, 400, 5, 30)
    table = make(rng, 400, 0.3)
    change = change_of(table, groups)
    for number, rows in enumerate([np.arange(400), *members]):
        top, bottom = table.top[rows].sum(axis=0), table.bottom[rows].sum(axis=0)
        old, new = table.factor * top / bottom
        assert (change.old[number], change.new[number]) == pytest.approx((old, new))
        assert change.low[number] <= new - old <= change.high[number]
        both = table.factor * top.sum() / bottom.sum()
        rise, wide = (np.diff(column[rows], axis=1)[:, 0] for column in (table.top, table.bottom))
        worth = table.factor * rise - both * wide
        assert (change.worse[number], change.better[number]) == ((worth < -1e-9).sum(), (worth > 1e-9).sum())
        assert np.sign(worth.sum()) == np.sign(np.round(new - old, 12))


def test_intervals_widen_where_no_record_differs_and_there_are_few():
    groups = Groups(("*", "few"), np.array([0, 2, 4, *range(5, 203)]), np.array([0, 1, 0, 1, *[0] * 198]))
    same = np.ones((200, 2))
    change = change_of(Paired("T", "accuracy", 1, np.arange(200), same[:, 0], same, same), groups)
    assert (change.high - change.low)[0] < 0.06
    assert (change.high - change.low)[1] > 1
    assert change.test.p.tolist() == [1, 1]


def test_intervals_are_those_of_students_distribution():
    groups = Groups(("*",), np.arange(11), np.zeros(10, np.int64))
    old, new = np.arange(10) % 2, np.arange(10) % 3 > 0
    change = change_of(
        Paired("T", "accuracy", 1, np.arange(10), np.ones(10), np.stack([old, new], 1), np.ones((10, 2))), groups
    )
    half = (change.high - change.low)[0] / 2
    assert half / change.error[0] == pytest.approx(2.262, abs=1e-3)  # the point of 9 degrees of freedom


def test_no_test_is_surer_after_correction_than_one_before_it():
    for correct in (holm, benjamini_hochberg):
        adjusted = correct(plain(np.array([0.05, 0.04, 0.5])))
        assert adjusted[1] <= adjusted[0] <= adjusted[2]


def test_a_version_that_is_surer_takes_no_noise_away_from_its_calibration_error():
    random, task, gold = np.random.default_rng(0), Task("T", "q", "multiclass", ("a", "b")), np.zeros(200, np.int32)
    judged = []
    for low, high in ((0.5, 0.7), (0.9, 1.0)):
        sure = random.uniform(low, high, 200)
        table = np.stack([sure, 1 - sure], axis=1).astype(np.float32)
        label = (random.random(200) >= sure).astype(np.int32)
        said = Predictions(task, np.arange(201), table, gold)
        true = Gold(task, np.arange(201), np.ones(200, np.bool_), label)
        judged.append(judge(said, true, np.arange(200), np.arange(200)))
    assert ece_change(*judged).noise == 0
    assert ece_change(*reversed(judged)).noise > 0


def test_a_table_without_records_in_a_group_says_nothing():
    rng = np.random.default_rng(0)
    groups, _ = slices_of(rng, 50, 2, 5)
    table = f1_table(rng, 50, 0.2)
    empty = Paired("T", "micro_f1", 2, table.records, table.units, table.top * 0, table.bottom * 0)
    rows = rows_of([empty], groups)
    assert {row.verdict for row in rows} == {"not enough data"}
    assert {row.old for row in rows} == {None}


def calibration_row(seed, n, surer, too_sure):
    """The row of calibration of a version that is too sure by `too_sure`, after one that is surer and rightly so."""
    random, task = np.random.default_rng(seed), Task("T", "query", "multiclass", ("a", "b"))
    sure = random.uniform(0.55, 0.8, n)
    judged = []
    for says, true in ((sure + surer, sure + surer), (sure, sure - too_sure)):
        label = (random.random(n) >= true).astype(np.int32)  # the first class is said of all
        table = np.stack([says, 1 - says], axis=1).astype(np.float32)
        said = Predictions(task, np.arange(n + 1), table, np.zeros(n, np.int32))
        gold = Gold(task, np.arange(n + 1), np.ones(n, np.bool_), label)
        judged.append(judge(said, gold, np.arange(n), np.arange(n)))
    one = np.ones((n, 2))
    groups = Groups(("*",), np.arange(n + 1), np.zeros(n, np.int64))
    change = change_of(Paired("T", "accuracy", 1, np.arange(n), one[:, 0], one, one), groups)
    rows = compared_rows([TaskChange("T", "accuracy", change, ece_change(*judged))], ("*",), Gate())
    return next(row for row in rows if row.metric == ECE)


@pytest.mark.parametrize("n", [30, 120])
def test_a_version_that_is_less_sure_and_rightly_so_is_not_refused_for_its_calibration(n):
    rows = [calibration_row(seed, n, surer=0.19, too_sure=0.0) for seed in range(30)]
    assert sum(row.change > 0.02 for row in rows) > 20  # of so few records the error of any unsure version is great
    assert not any(row.verdict == "regressed" for row in rows)
    assert all(row.low < 0.02 for row in rows)


def test_a_version_that_is_less_sure_and_still_too_sure_is_refused_where_records_show_it():
    assert sum(calibration_row(seed, 800, surer=0.19, too_sure=0.2).verdict == "regressed" for seed in range(8)) == 8
