"""The search behind a version on its page: the trials ranked, the front drawn, the bound marked."""

from dataclasses import replace

from overton.tune import Score, Study, Trial
from overton.web import render_file
from overton.web.pages import trials_of
from overton.web.svg import trials_chart
from tests.web.web_factories import PLAIN, big_page

STUDY = Study(
    trials=(
        Trial(1, {"size": 128}, Score("done", value=0.8, p99_ms=1.0, size_mb=30.0)),
        Trial(2, {"size": 256}, Score("done", value=0.9, p99_ms=3.0, size_mb=60.0)),
        Trial(3, {"size": 64}, Score("done", value=0.7, p99_ms=2.0, size_mb=31.0)),
        Trial(4, {"size": 512}, Score("infeasible", p99_ms=9.0, size_mb=90.0, reason="p99_ms 9 of 5")),
        Trial(5, {"size": 32}, Score("pruned", value=0.95, curve=(0.9, 0.95), n_epochs=8)),
    ),
    bounds={"p99_ms": 5.0},
    options={"size": (128, 256, 64, 512, 32)},
)


def test_trials_stand_by_quality_with_those_that_nothing_beats_marked() -> None:
    trials = trials_of(STUDY)
    assert [(line.number, line.mark) for line in trials.lines] == [
        (2, "best"),
        (1, "front"),
        (3, ""),
        (4, "infeasible"),
        (5, "pruned"),
    ]
    assert trials.lines[1].picked == "as without a search"
    assert [line.number for line in trials.measured] == [2, 1, 3]
    assert (trials.lines[4].value, trials.lines[4].reason) == (None, "at epoch 2 of 8, 0.9500 in training")


def test_the_drawing_has_a_dot_a_trial_the_front_from_left_to_right_and_the_bound() -> None:
    drawing = str(trials_chart(trials_of(STUDY).measured, 5.0, "trials"))
    assert drawing.count("<circle") == 3
    assert drawing.count("stroke-dasharray") == 1
    (places,) = [part.split('"')[0] for part in drawing.split('points="')[1:]]
    (x_first, y_first), (x_last, y_last) = [map(float, place.split(",")) for place in places.split()]
    assert x_first < x_last, "the quicker one is on the left"
    assert y_first > y_last, "and lower, since it is less good"
    assert trials_chart(trials_of(STUDY).measured[:1], None, "trials") == ""


def test_a_page_has_the_section_where_there_was_a_search() -> None:
    page = big_page(tasks=2, slices=3, versions=2, texts=PLAIN)
    assert 'id="search"' not in render_file(page)
    text = render_file(replace(page, trials=trials_of(STUDY)))
    assert 'id="search"' in text
    assert "p99_ms at most 5" in text
    assert "p99_ms 9 of 5" in text
