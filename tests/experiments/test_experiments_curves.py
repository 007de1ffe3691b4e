import pytest

from overton.evaluate import Row
from overton.experiments.curves import WITH, WITHOUT, Figure, figures_of, payoff, sizes_of
from overton.experiments.points import Job, Measured, Point


def point(size, seed, value, arm="", records=None):
    row = Row("T", "test", "*", "accuracy", value, None, None, 50)
    return Point(Job(arm, size, seed, "k"), Measured(records or 10 * size, {"T": 30 * size + seed}, (row,), 1.0))


def find(figures, figure, arm=""):
    return [row for row in figures if (row.figure, row.arm) == (figure, arm)]


def test_quality_is_the_mean_over_seeds_with_their_range():
    figures = figures_of([point(1, 0, 0.4), point(1, 1, 0.6), point(4, 0, 0.8), point(4, 1, 0.9)], ["T"])
    low, high = find(figures, "value")
    assert (low.value, low.least, low.most, low.seeds) == (pytest.approx(0.5), 0.4, 0.6, 2)
    assert high.low < 0.8 < high.value < 0.9 < high.high


def test_what_is_relative_pairs_the_seeds():
    figures = figures_of([point(1, 0, 0.4), point(1, 1, 0.5), point(4, 0, 0.8), point(4, 1, 0.9)], ["T"])
    first, last = find(figures, "relative")
    assert (first.value, first.least, first.most) == (1.0, 1.0, 1.0)
    assert last.value == pytest.approx((0.8 / 0.4 + 0.9 / 0.5) / 2)


def test_nothing_is_relative_to_zero():
    figures = figures_of([point(1, 0, 0.0), point(4, 0, 0.8)], ["T"])
    assert find(figures, "relative") == []
    assert [row.value for row in find(figures, "value")] == [0.0, 0.8]


def test_one_seed_has_no_interval():
    (row,) = find(figures_of([point(1, 0, 0.4)], ["T"]), "value")
    assert (row.low, row.high, row.least, row.most) == (None, None, 0.4, 0.4)


def test_with_is_set_beside_without_seed_by_seed():
    points = [
        point(1, seed, value + gain, arm)
        for seed, value in ((0, 0.4), (1, 0.5))
        for arm, gain in ((WITHOUT, 0), (WITH, 0.1))
    ]
    (ratio,) = find(figures_of(points, ["T"]), "ratio")
    (difference,) = find(figures_of(points, ["T"]), "difference")
    assert ratio.value == pytest.approx((0.5 / 0.4 + 0.6 / 0.5) / 2)
    assert (difference.low, difference.high) == (pytest.approx(0.1), pytest.approx(0.1))


def test_sizes_tell_records_and_labels():
    first, last = sizes_of([point(1, 0, 0.4), point(1, 1, 0.4), point(4, 0, 0.5), point(4, 1, 0.5)])
    assert (first.share, first.records, first.labels) == (0.25, 10, {"T": 30.5})
    assert last.share == 1.0


def differences(*intervals, seeds=3):
    return [
        Figure("T", "accuracy", "", 2**place, "difference", (low + high) / 2, low, high, low, high, seeds)
        for place, (low, high) in enumerate(intervals)
    ]


@pytest.mark.parametrize(
    ("intervals", "told"),
    [
        ([(0.1, 0.2), (0.01, 0.1)], "pays at every size; at 2x the gain is"),
        ([(0.1, 0.2), (-0.01, 0.1), (-0.1, 0.1)], "no gain beyond the noise of 3 seeds from 2x on"),
        ([(-0.1, 0.2), (-0.01, 0.1)], "no gain beyond the noise of 3 seeds at any size; at 2x"),
        ([(-0.1, 0.2), (0.01, 0.1)], "pays at 2x, and not at 1x"),
        ([(0.1, 0.2), (-0.2, -0.1)], "; it is worse at 2x"),
    ],
)
def test_the_line_about_what_is_pretrained_says_what_the_seeds_show(intervals, told):
    assert told in payoff(differences(*intervals))


def test_one_seed_says_nothing_about_noise():
    row = Figure("T", "accuracy", "", 1, "difference", 0.1, 0.1, 0.1, None, None, 1)
    assert payoff([row]).startswith("one seed")
