import xml.etree.ElementTree as ElementTree

import pytest

from overton.base.svg import nice_ticks
from overton.evaluate import Row
from overton.experiments.baseline import Baseline, Comparison
from overton.experiments.curves import WITH, WITHOUT, Curves, figures_of, payoff, sizes_of
from overton.experiments.figures import draw
from overton.experiments.plot import wrap
from overton.experiments.points import Job, Measured, Point
from overton.experiments.render import render_outcome

SVG = "{http://www.w3.org/2000/svg}"
TASKS = ("Intent", "A<b> & 'c'", "POS")


def curves(kind="scaling", seeds=3, sizes=(1, 2, 4), arms=("",)):
    points = [
        Point(
            Job(arm, size, seed, "k"),
            Measured(100 * size, dict.fromkeys(TASKS, 300 * size), rows(size, seed, arm), 2.0),
        )
        for size in sizes
        for seed in range(seeds)
        for arm in arms
    ]
    found = Curves(
        kind, {}, TASKS, dict.fromkeys(TASKS, 50), sizes_of(points), figures_of(points, TASKS), tuple(points)
    )
    if kind == "scaling":
        return found
    payoffs = {task: payoff(found.find(task, "difference")) for task in TASKS}
    return Curves(kind, {}, TASKS, found.units, found.sizes, found.figures, found.points, payoffs, ("a <note>",))


def rows(size, seed, arm):
    value = 0.5 + 0.05 * size + 0.01 * seed + (0.02 if arm == WITH else 0)
    return tuple(Row(task, "test", "*", "accuracy", value, 0.4, 0.6, 50) for task in TASKS)


def comparison(task, before, now, factor_high=2.5):
    factor = before / now if now else None
    return Comparison(task, 1000, 3, before, now, 50.0, 40.0, 60.0, factor, 1.7, factor_high, 5000, 0.95)


def baseline(*comparisons):
    return Baseline("legacy <v1>", "abc123", ("annotator",), 0, {}, comparisons, ("a note",))


def parsed(outcome):
    return ElementTree.fromstring(draw(outcome))


def texts(tree):
    return [element.text for element in tree.iter(f"{SVG}text")]


OUTCOMES = {
    "scaling": curves(),
    "scaling, one seed": curves(seeds=1),
    "scaling, one size": curves(sizes=(1,)),
    "pretrained": curves("pretrained", arms=(WITHOUT, WITH)),
    "pretrained, one seed": curves("pretrained", seeds=1, arms=(WITHOUT, WITH)),
    "baseline": baseline(comparison("Intent", 400, 200), comparison("A<b>", 10, 30)),
    "baseline without errors": baseline(comparison("Intent", 40, 0, None), comparison("POS", 0, 5, None)),
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_a_drawing_is_well_formed_and_stays_inside_its_frame(name):
    tree = parsed(OUTCOMES[name])
    assert tree.tag == f"{SVG}svg"
    width, height = float(tree.get("width")), float(tree.get("height"))
    for element in tree.iter():
        for key, limit in (("x", width), ("x2", width), ("cx", width), ("y", height), ("y2", height), ("cy", height)):
            place = element.get(key)
            assert place is None or -1 <= float(place) <= limit, (element.tag, key, place)


def test_a_drawing_of_curves_has_axes_points_and_a_spread_for_each_size():
    tree = parsed(OUTCOMES["scaling"])
    said = texts(tree)
    assert said.count("amount of weak supervision") == 2
    assert {"1x", "2x", "4x", "quality on test", "A<b> & 'c' (accuracy)"} <= set(said)
    assert sum(1 for _ in tree.iter(f"{SVG}circle")) == 1 + 2 * 3  # of the legend, and of each size on both panels
    assert "prefers-color-scheme: dark" in draw(OUTCOMES["scaling"])


def test_what_is_without_is_dashed():
    lines = list(parsed(OUTCOMES["pretrained"]).iter(f"{SVG}polyline"))
    assert [line.get("stroke-dasharray") is not None for line in lines] == [False] * 3 + [False, True] * 3


@pytest.mark.parametrize("name", OUTCOMES)
def test_a_table_tells_each_task(name):
    outcome = OUTCOMES[name]
    told = render_outcome(outcome, width=100)
    tasks = TASKS if isinstance(outcome, Curves) else [row.task for row in outcome.comparisons]
    assert all(task in told for task in tasks)
    assert "None" not in told
    assert "nan" not in told


def test_a_table_of_one_seed_has_no_empty_columns():
    assert "least .. most" in render_outcome(OUTCOMES["scaling"])
    assert "least .. most" not in render_outcome(OUTCOMES["scaling, one seed"])


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.5, 0.5), (0.917, 0.931), (1, 37.5), (0, 0), (-0.2, 0.1)])
def test_ticks_are_few_and_reach_over_the_range(low, high):
    ticks = nice_ticks(low, high)
    assert ticks[0] <= low
    assert ticks[-1] >= high
    assert 2 <= len(ticks) <= 9
    assert ticks == sorted(set(ticks))


def test_a_caption_is_wrapped_between_words():
    assert wrap("one two three four", 100) == ["one two", "three four"]
