"""Two versions by what they predict: figures that one lacks, labels that look like lists, records that fell."""

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from overton.base import Problem, digest_json
from overton.evaluate import (
    Comparison,
    Gate,
    compare_predictions,
    render_comparison,
    render_junit,
    render_summary,
)
from tests.evaluate.evaluate_factories import gold_of_labels, predictions_of, tags_of, task_of


def compared(task, gold, old, new, tags, lengths=None, critical=(), **gate):
    said = [{"T": predictions_of(task, label, lengths=lengths)} for label in (old, new)]
    true = {"T": gold_of_labels(task, gold, lengths=lengths)}
    numbers, gate = np.arange(len(tags)), Gate(critical=critical, **gate)
    found = compare_predictions(
        *said, true, tags_of(tags), numbers, gate, ids=lambda rows: [f"r{row}" for row in rows.tolist()]
    )
    return Comparison("old", "new", gate, found, records=len(tags))


def test_a_slice_on_which_a_version_has_no_figure_is_told_without_one():
    bits, none = [True, False], [False, False]
    comparison = compared(
        task_of("bitvector", ("a", "b")),
        [bits] * 30 + [none] * 30,
        [bits] * 30 + [none] * 30,
        [bits] * 50 + [none] * 10,
        [["test"]] * 30 + [["test", "slice:none"]] * 30,
    )
    (row,) = (row for row in comparison.rows if row.tag == "slice:none")
    assert (row.old, row.new, row.verdict, row.detectable) == (None, 0.0, "not enough data", None)
    assert digest_json(comparison.to_json())  # which an alias keeps, and which no number that is none has
    assert "of 20 records, on which a version has no figure" in render_comparison(comparison)
    assert "nan" not in render_junit(comparison) + render_summary("title", comparison)


def test_a_critical_slice_of_which_a_version_has_no_figure_lets_nothing_pass():
    bits, none = [True, False], [False, False]
    told = compared(
        task_of("bitvector", ("a", "b")),
        [bits] * 300 + [none] * 12,
        [bits] * 300 + [none] * 12,
        [bits] * 312,
        [["test"]] * 300 + [["test", "slice:none"]] * 12,
        critical=("slice:none",),
    ).refusals
    assert "gate.no-support" in [refusal.code for refusal in told]


def test_classes_that_one_version_alone_knows_stand_beside_the_verdict():
    labels, tags = [0, 1] * 30, tags_of([["test"]] * 60)
    old, new, gold = (task_of("multiclass", ("other", name)) for name in ("animal", "beast", "beast"))
    said = [{"T": predictions_of(task, labels)} for task in (old, new)]
    true = {"T": gold_of_labels(gold, labels)}
    numbers = np.arange(60)
    found = compare_predictions(*said, true, tags, numbers, Gate(), ids=lambda rows: [str(row) for row in rows])
    comparison = Comparison("old", "new", Gate(), found, records=60)
    (told,) = comparison.warnings
    assert told.startswith(
        "classes of T are others: only the old version knows 'animal'; only the new version knows 'beast'; what gold"
    )
    assert told in " ".join(render_comparison(comparison).partition("whole split")[0].split())
    assert told.partition(":")[0] in render_summary("title", comparison)
    assert comparison.to_json()["warnings"] == [told]
    same = compare_predictions(
        said[1], said[1], true, tags, numbers, Gate(), ids=lambda rows: [str(row) for row in rows]
    )
    assert Comparison("old", "new", Gate(), same, records=60).warnings == ()


def test_a_class_that_begins_with_a_bracket_is_told_as_it_stands():
    comparison = compared(
        task_of("multiclass", ("[1]", "[2]")), [0] * 40, [0] * 40, [1] * 30 + [0] * 10, [["test"]] * 40
    )
    assert "r0: [1] -> [2], true is [1]" in render_comparison(comparison)


def test_of_tokens_the_places_that_differ_are_told_and_of_bits_of_a_record_all():
    tokens = compared(
        task_of("multiclass", ("A", "B")), [0] * 80, [0] * 80, [0, 1] * 40, [["test"]] * 40, lengths=[2] * 40
    )
    assert "r0: [1] A -> B, true is A" in render_comparison(tokens)
    one, other = [True, False], [False, True]
    bits = compared(task_of("bitvector", ("a", "b")), [one] * 40, [one] * 40, [other] * 40, [["test"]] * 40)
    assert 'r0: ["a"] -> ["b"], true is ["a"]' in render_comparison(bits)


def test_as_many_records_are_told_to_be_shared_as_the_row_says_got_worse():
    random = np.random.default_rng(4)
    gold = random.random((200, 8)) < 0.3
    old = np.where(random.random(gold.shape) < 0.05, ~gold, gold)
    new = np.where(random.random(gold.shape) < 0.45, random.random(gold.shape) < 0.6, gold)
    tags = [["test", *(tag for tag in ("slice:a", "slice:b") if random.random() < 0.4)] for _ in gold]
    comparison = compared(task_of("bitvector", tuple("abcdefgh")), gold.tolist(), old, new, tags)
    worse = {row.tag: row.worse for row in comparison.rows if row.metric != "ece"}
    assert comparison.compared.overlaps
    assert all(overlap.worse == worse[overlap.tag] for overlap in comparison.compared.overlaps)


def test_a_tag_that_all_records_have_is_not_told_to_be_where_they_got_worse():
    """It is the whole split by another name; the examples stand there in its place."""
    common = ["test", "lang:en"]
    tags = [[*common, "slice:rare"] if number < 30 else common for number in range(80)]
    new = [1] * 30 + [0] * 50
    comparison = compared(task_of("multiclass", ("A", "B")), [0] * 80, [0] * 80, new, tags)
    assert {overlap.of for overlap in comparison.compared.overlaps} == {"slice:rare"}
    everywhere = compared(task_of("multiclass", ("A", "B")), [0] * 80, [0] * 80, new, [common] * 80)
    assert everywhere.compared.overlaps == ()
    assert "of lang:en" not in render_comparison(everywhere)
    assert {flip.tag for flip in everywhere.compared.examples} == {"*", "lang:en"}


def fell(n, n_fell, tags=("test",), n_rose=0, **gate):
    """The rows, by tag, of a version that errs on the first of n records, where the old one erred on some others."""
    task, gold = task_of("multiclass", ("A", "B")), np.zeros(n, np.int32)
    new, old = np.arange(n) < n_fell, (np.arange(n) >= n_fell) & (np.arange(n) < n_fell + n_rose)
    comparison = compared(task, gold, old, new, [list(tags)] * n, **gate)
    return {row.tag: row for row in comparison.rows if row.metric == "accuracy"}, comparison


def test_the_least_number_of_records_that_a_slice_is_judged_on_is_enough():
    for n, is_judged in ((9, False), (10, True)):
        rows, _ = fell(n, n)
        assert (rows["*"].p_adjusted is not None) == is_judged
        assert (rows["*"].verdict == "regressed") == is_judged


def test_a_critical_slice_alone_among_its_like_pays_for_the_two_families_alone():
    rows, _ = fell(40, 8, ("test", "slice:a"), n_rose=1, critical=("slice:a",))
    assert rows["slice:a"].p == pytest.approx(10 / 512)  # 8 of 9 records that differ got worse
    assert rows["slice:a"].p_adjusted == pytest.approx(2 * rows["slice:a"].p)


def test_what_a_margin_allows_is_ok_where_a_greater_fall_is_ruled_out():
    for margin, verdict in ((0.0, "regressed"), (0.12, "ok")):
        rows, _ = fell(400, 40, margins={"*": margin})
        assert rows["*"].verdict == verdict
        assert rows["*"].change == pytest.approx(-0.1)


def test_a_margin_makes_no_fall_surer_than_the_exact_test_says():
    assert fell(10, 10, margins={"*": 0.01})[0]["*"].p >= 2**-10 * (1 - 1e-9)


def test_a_p_value_that_is_lost_in_rounding_is_not_zero():
    assert fell(200, 200)[0]["*"].p == 1e-12


def test_a_rise_whose_interval_lies_above_zero_is_shown():
    rows, comparison = fell(40, 0, n_rose=6)
    assert 0 < rows["*"].low < rows["*"].change / 4
    assert [row.tag for row in comparison.better] == ["*"]


def test_latency_is_held_against_what_99_of_100_records_take():
    _, comparison = fell(40, 0, p99_ms=5.0)
    for p99_ms, codes in ((4.9, []), (5.1, ["gate.latency"])):
        found = replace(comparison, latency={"records": 100, "p50_ms": 0.1, "p99_ms": p99_ms})
        assert [refusal.code for refusal in found.refusals] == codes


def test_a_task_that_moved_to_another_payload_is_not_compared():
    task = task_of("multiclass", ("A", "B"))
    said = [{"T": predictions_of(one, [0] * 20)} for one in (task, replace(task, payload="q"))]
    tags, gold = tags_of([["test"]] * 20), {"T": gold_of_labels(task, [0] * 20)}
    found = compare_predictions(*said, gold, tags, np.arange(20), Gate(), ids=lambda rows: [""] * len(rows))
    assert found.left_out == {"T": "of another type, or on another payload"}


@pytest.mark.parametrize(
    ("old", "new", "records", "reason"),
    [
        (2, 3, 3, "the versions cut its payload at different lengths"),
        (2, 2, 3, "both versions cut its payload where the schema of the records does not"),
    ],
)
def test_who_cut_a_payload_otherwise_is_told_of_a_task_that_is_not_compared(old, new, records, reason):
    task = task_of("multiclass", ("A", "B"))
    said = [{"T": predictions_of(task, [0] * 20 * length, lengths=[length] * 20)} for length in (old, new)]
    gold = {"T": gold_of_labels(task, [0] * 20 * records, lengths=[records] * 20)}
    tags = tags_of([["test"]] * 20)
    found = compare_predictions(*said, gold, tags, np.arange(20), Gate(), ids=lambda rows: [""] * len(rows))
    assert found.left_out == {"T": reason}


def test_names_of_tags_are_names_of_test_cases_whatever_signs_they_have():
    tag = "slice:\"a\" <b> & 'c'"
    _, comparison = fell(40, 10, ("test", tag))
    cases = ElementTree.fromstring(render_junit(comparison)).iter("testcase")
    assert {case.get("name") for case in cases} == {"*", tag}


def test_where_nothing_was_compared_one_test_case_tells_the_outcome():
    root = ElementTree.fromstring(render_junit(None, outcome="nothing to do", title="live: <v1> is of the same data"))
    (case,) = root.iter("testcase")
    assert (root.get("tests"), root.get("failures"), case.get("name")) == ("1", "0", "nothing to do")
    assert case.findtext("system-out") == "live: <v1> is of the same data"


def test_a_reason_to_refuse_may_have_come_from_a_terminal():
    why = Problem("live was rolled back: \x1b[31mbad\x00\ufffe <nut>\nsecond line", "gate.rolled-back")
    (case,) = ElementTree.fromstring(render_junit(None, [why])).iter("testcase")
    assert case.get("name") == "live was rolled back: \\u001b[31mbad\\u0000\\ufffe <nut>\nsecond line"
    assert "\\u001b" in (told := render_summary("refused", None, [why]))
    assert "\x1b" not in told
