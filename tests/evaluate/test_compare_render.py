"""A comparison as text: what stands beyond noise, what chance gives, how frequent tags are."""

from dataclasses import replace

import pytest

from overton.evaluate import Comparison, Gate, render_comparison, render_summary
from overton.evaluate.compare.changes import TagChange, moved_most, tag_changes
from overton.evaluate.compare.comparison import Compared
from tests.web.web_factories import compared_row, comparison_of


def lineage(n_train, **tags):
    return {"splits": {"train": n_train}, "tags": {"train": tags}}


def test_what_got_better_beyond_noise_is_told_apart_from_what_chance_gives():
    rows = [compared_row(tag=f"slice:{number:02}", half=0.04) for number in range(40)]
    rows += [compared_row(tag="slice:risen", change=0.12), compared_row(tag="slice:lucky", change=0.041, half=0.04)]
    comparison = comparison_of(*rows)
    text = render_comparison(comparison)
    head, rest = text.split("what got better, beyond noise, corrected for the number of rows\n")
    assert head.splitlines()[1].endswith("not enough data; 1 better beyond noise")
    shown = rest.split("\n\n")[0]
    assert [line.split()[1] for line in shown.splitlines() if line.endswith(" better")] == ["slice:risen"]
    assert "1 more by their own interval alone" in shown
    assert comparison.to_json()["better"] == [{"task": "Intent", "tag": "slice:risen"}]
    assert "slice:lucky" not in render_summary("title", comparison).split("Better beyond noise")[1]


def test_where_nothing_got_better_beyond_noise_that_is_said():
    rows = [compared_row(tag=f"slice:{number:02}", half=0.04) for number in range(40)]
    lucky = compared_row(tag="slice:lucky", change=0.041, half=0.04)
    assert "corrected for the number of rows: nothing\n  1 more" in render_comparison(comparison_of(*rows, lucky))
    assert "better" not in render_comparison(comparison_of(*rows))


def test_a_fall_that_a_margin_allows_stands_below_the_verdict():
    fell = [replace(compared_row(tag=f"slice:{k}", change=-k / 10, p=1.0), margin=0.5) for k in (2, 4)]
    told = render_comparison(comparison_of(compared_row(), *fell)).splitlines()
    assert told[2] == "  2 rows fell by what a margin of the gate allows, first Intent on slice:4 by 0.400"
    assert "margin" not in render_comparison(comparison_of(compared_row()))


def test_the_column_of_p_says_of_what():
    heads = [line for line in render_comparison(comparison_of(compared_row())).splitlines() if "95 %" in line]
    assert heads
    assert all(line.endswith("95 % interval p fall") for line in heads)


@pytest.mark.parametrize("width", [80, 100, 160])
def test_no_line_is_longer_than_the_terminal(width):
    names = ["slice:" + "x" * 70, "slice:a"]
    rows = [compared_row("A task of a long name", tag, 0.2, half=0.04) for tag in ("*", *names)]
    rows += [compared_row("A task of a long name", tag + "y", -0.2, verdict="regressed", p=1e-9) for tag in names]
    text = render_comparison(comparison_of(*rows), width=width)
    assert max(map(len, text.splitlines())) <= width


def test_calibration_errors_that_cannot_be_judged_are_named():
    rows = [compared_row(), compared_row(metric="ece", verdict="not enough data")]
    assert "not enough data on the calibration error (ece) of Intent" in render_comparison(comparison_of(*rows))


def test_tags_that_moved_most_are_told_and_how_many_more_there_are():
    even = {f"even:{number:02}": 50 for number in range(20)}
    old = lineage(1000, **even, rare=100, gone=3, slow=500)
    new = lineage(1000, **even, rare=300, slow=495)
    rows = tag_changes(old, new, new)
    assert [(row.tag, round(row.moved, 3)) for row in moved_most(rows)[:3]] == [
        ("gone", 0.003),
        ("rare", 0.2),
        ("slow", 0.005),
    ]
    text = render_comparison(comparison_of(compared_row(), tags=rows))
    told = text.split("tags of training records (old, new, now)\n")[1].split("\n\n")[0].splitlines()
    assert told == [
        "  gone vanished: 3 (0.3%), 0 (0.0%), 0 (0.0%)",
        "  rare changed: 100 (10.0%), 300 (30.0%), 300 (30.0%)",
        "  slow: 500 (50.0%), 495 (49.5%), 495 (49.5%)",
        "  ... and 20 more, whose shares moved by next to nothing; --json tells all",
    ]


def test_data_without_training_records_tell_of_no_tag_that_it_vanished():
    then = lineage(100, a=10)
    (row,) = tag_changes(then, then, {"tags": {"train": {}}, "splits": {"train": 0}})
    assert (row.now, row.status) == (None, "same")


def test_a_tag_that_went_since_the_build_is_told_though_nothing_is_known_of_the_version_before():
    new = {"tags": {"train": {"slice:a": 5}}, "splits": {"train": 9}}
    now = {"tags": {"train": {"slice:b": 5}}, "splits": {"train": 9}}
    assert [(row.tag, row.status) for row in tag_changes({}, new, now)] == [
        ("slice:a", "vanished"),
        ("slice:b", "appeared"),
    ]


def test_a_tag_that_moved_since_the_build_moved_too():
    assert TagChange("t", 10, 10, 30, 0.1, 0.1, 0.3, "same").moved == pytest.approx(0.2)
    assert TagChange("t", None, 10, None, None, 0.1, None, "same").moved == 0


def test_tags_that_are_all_as_frequent_as_before_are_counted():
    same = lineage(100, a=10, b=20)
    text = render_comparison(comparison_of(compared_row(), tags=tag_changes(same, same, same)))
    assert "tags of training records (old, new, now): all 2 as frequent as before" in text


def test_a_gate_that_sees_nothing_lets_nothing_pass():
    (nothing,) = comparison_of().refusals
    assert (nothing.code, nothing.message) == (
        "gate.no-evidence",
        "nothing can be compared: no task has gold on these records",
    )
    few = compared_row(n=25, change=-0.1, verdict="not enough data")
    (refusal,) = comparison_of(few, compared_row("POS", n=9, verdict="not enough data")).refusals
    told = "the most is Intent with 25 records, which would show a fall of 0.10"
    assert refusal.message == f"no task has enough gold to tell whether it fell: {told}"
    assert f"  {refusal.message}\n    Label more" in render_comparison(comparison_of(few), width=160)
    (refusal,) = comparison_of(compared_row(n=1, verdict="not enough data")).refusals
    assert "with 1 record, which" in refusal.message
    assert not comparison_of(few, compared_row("POS")).refusals
    # a slice that can be judged is no evidence of the whole
    assert comparison_of(few, compared_row(tag="slice:rare")).refusals


def test_a_critical_tag_that_no_record_has_is_told_with_what_may_be_meant():
    gate = Gate(critical=("slice:rarre", "slice:small"))
    rows = Compared((compared_row(), compared_row(tag="slice:small", n=4)))
    comparison = Comparison("a", "b", gate, rows, unknown={"slice:rarre": "Did you mean 'slice:rare'?"})
    first, second = comparison.refusals
    assert (first.code, second.code) == ("gate.no-support", "gate.no-support")
    assert first.message == "no record has the tag 'slice:rarre', which gate.json declares critical"
    assert second.message == "no task has 10 records with gold in the critical slice:small"
    assert f"  {first.message}\n    Did you mean 'slice:rare'?\n" in render_comparison(comparison)


def test_a_margin_of_a_tag_that_no_record_has_is_told_under_the_verdict():
    gate = Gate(margins={"slice:rarre": 0.1})
    comparison = Comparison(
        "a", "b", gate, Compared((compared_row(),)), unknown={"slice:rarre": "Did you mean 'rare'?"}
    )
    told = "no record has the tag 'slice:rarre', to which gate.json gives a margin. Did you mean 'rare'?"
    assert comparison.warnings == (told,)
    assert comparison.to_json()["warnings"] == [told]
    assert render_comparison(comparison, width=160).splitlines()[2] == f"  note: {told}"
    assert "to which gate.json gives a margin" in comparison._repr_html_()
    assert f"- {told}" in render_summary("t", comparison)


def test_a_summary_shows_names_as_they_are_and_counts_the_rows_that_it_leaves_out():
    names = ["slice:a|b`c", '<b>"q"</b>', "__x__", *(f"slice:{number}" for number in range(10))]
    told = comparison_of(*(compared_row(tag=name, change=-0.1, verdict="regressed", p=0.001) for name in names))
    text = render_summary("refused", told, told.refusals)
    assert "| Intent accuracy ``slice:a\\|b`c`` | 200 |" in text
    assert 'on \\<b>"q"\\</b> (n 200' in text
    assert "on \\_\\_x\\_\\_ (n 200" in text
    assert "\n... and 3 more.\n" in text
