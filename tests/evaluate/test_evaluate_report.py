import json

import numpy as np
import pytest

from overton.base import OvertonError
from overton.evaluate import Report, Row, evaluate, parse_report
from overton.evaluate.files import load_report, write_report
from tests.evaluate.evaluate_factories import all_test, random_task, tags_of


@pytest.fixture(scope="module")
def report():
    rng = np.random.default_rng(0)
    tasks = {name: random_task(rng, kind, 40) for name, kind in [("Intent", "multiclass"), ("Types", "bitvector")]}
    said, gold = ({name: pair[index] for name, pair in tasks.items()} for index in (0, 1))
    tags = tags_of([["slice:odd"] if record % 2 else ["lang:en"] for record in range(40)])
    return evaluate(said, gold, tags, all_test(40))


def test_a_report_is_read_back_as_it_was_written(report):
    assert parse_report(json.loads(json.dumps(report.to_json(), allow_nan=False))) == report


def test_a_report_on_disk_is_read_back_as_it_was_written(report, tmp_path):
    write_report(tmp_path / "report.json", report)
    assert load_report(tmp_path / "report.json") == report


def test_rows_stand_in_the_order_of_task_split_tag_and_metric(report):
    assert [(row.task, row.tag, row.metric) for row in report.rows[:9]] == [
        (("Intent", tag, metric))
        for tag in ("*", "lang:en", "slice:odd")
        for metric in ("accuracy", "macro_f1", "ece", "log_loss")
    ][:9]
    assert report.rows[-1].task == "Types"


def test_a_figure_is_found_by_its_names(report):
    assert report.row("Types", "test", "lang:en", "recall").metric == "recall"
    with pytest.raises(KeyError):
        report.row("Types", "dev", "lang:en", "recall")


def test_main_rows_are_what_the_tasks_are_judged_by(report):
    assert [(row.task, row.tag, row.metric) for row in report.main_rows()] == [
        ("Intent", "*", "accuracy"),
        ("Types", "*", "micro_f1"),
    ]
    assert {row.tag for row in report.main_rows(tag=None)} == {"*", "lang:en", "slice:odd"}
    assert report.main_rows(split="dev") == ()


def test_the_report_of_a_tag_keeps_the_whole_split_beside_it(report):
    part = report.of_tag("slice:odd")
    assert {row.tag for row in part.rows} == {"*", "slice:odd"}
    assert part.main_metric == report.main_metric


def test_an_unknown_tag_is_a_fault_with_a_suggestion(report):
    with pytest.raises(OvertonError, match=r"'slice:add'.*Did you mean 'slice:odd'\?.*\[report\.unknown-tag\]"):
        report.of_tag("slice:add")


def test_a_split_and_an_expression_of_no_record_are_told_from_a_tag(report):
    with pytest.raises(OvertonError, match="'dev' is a split, not a tag within one"):
        report.of_tag("dev")
    with pytest.raises(OvertonError, match=r"'!lang:en' matches no evaluated record \["):
        report.of_tag("!lang:en")


def test_a_report_is_a_frame_in_one_call(report):
    frame = report.to_pandas()
    assert list(frame.columns) == ["task", "split", "tag", "metric", "value", "low", "high", "n"]
    assert len(frame) == len(report.rows)
    assert frame.query("task == 'Intent' and tag == '*' and metric == 'accuracy'")["value"].item() == pytest.approx(
        report.row("Intent", "test", "*", "accuracy").value
    )


def test_a_report_without_rows_is_an_empty_frame():
    assert Report(rows=(), main_metric={}).to_pandas().empty


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "this is not a report"),
        ([], "this is not a report"),
        ({"format": 2}, "a report of format 2; expected 1"),
        ({"format": 1, "main_metric": {}}, "missing required field `rows`"),
        ({"format": 1, "rows": [{"task": 1}], "main_metric": {}}, r"Expected `str`, got `int` - at `\$\.rows\[0\]"),
    ],
)
def test_a_value_that_is_no_report_is_refused(value, message):
    with pytest.raises(OvertonError, match=rf"{message}.*\[report\.bad\]"):
        parse_report(value)


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[]"])
def test_a_file_that_is_no_report_is_refused(content, tmp_path):
    (tmp_path / "report.json").write_bytes(content)
    with pytest.raises(OvertonError, match=r"report\.bad"):
        load_report(tmp_path / "report.json")


def test_a_report_that_is_not_there_is_told():
    from pathlib import Path

    with pytest.raises(OvertonError, match="cannot be read: no such file"):
        load_report(Path("nowhere/report.json"))


def test_rows_are_what_the_design_says():
    row = Row("Intent", "test", "*", "accuracy", 0.5, 0.4, 0.6, 100)
    assert Report(rows=(row,), main_metric={"Intent": "accuracy"}).to_json()["rows"] == [
        {
            "task": "Intent",
            "split": "test",
            "tag": "*",
            "metric": "accuracy",
            "value": 0.5,
            "low": 0.4,
            "high": 0.6,
            "n": 100,
        }
    ]
