"""Drift of records that a version is asked about, from the profile that its build kept."""

import json
import random
import re
from dataclasses import replace
from pathlib import Path

import pytest

from overton.application import Application
from overton.cli.main import main
from overton.evaluate import DriftReport, DriftRow
from overton.review import render_drift
from overton.serve.log import RequestLog
from overton.serve.metrics import Metrics
from tests.kinds import make_record


def write_log(path: Path, n_records: int, change=lambda payloads, choose: payloads) -> Path:
    """Unlabelled records like those of the application, or changed ones."""
    choose = random.Random(1)
    lines = []
    for _ in range(n_records):
        record = make_record(1, choose)
        lines.append(json.dumps({"payloads": change(record["payloads"], choose)}))
    path.write_text("\n".join(lines))
    return path


def test_records_of_the_same_kind_show_no_drift(kinds_application: Application, tmp_path: Path) -> None:
    report = kinds_application.version().drift(write_log(tmp_path / "log.jsonl", 200))
    assert report.n == 200
    assert report.drifted == ()
    assert {row.what for row in report.rows} == {"new words", "words", "length", "prediction", "confidence", "slice"}


def test_new_words_longer_records_and_other_predictions_are_told(
    kinds_application: Application, tmp_path: Path
) -> None:
    def change(payloads, choose):
        if choose.random() < 0.6:
            payloads["tokens"] = ["zorblax", "big", "green", *payloads["tokens"]]
            payloads["entities"] = []
        return payloads

    report = kinds_application.version().drift(write_log(tmp_path / "log.jsonl", 200, change))
    drifted = {(row.what, row.name) for row in report.drifted}
    assert {("new words", "tokens"), ("length", "tokens"), ("length", "entities"), ("prediction", "Pick")} <= drifted
    assert ("slice", "slice:big") in drifted
    assert next(iter(report.new_words["tokens"])) == "zorblax"
    assert len(report.to_pandas()) == len(report.rows)


def test_a_log_of_requests_with_nothing_in_them_is_read(kinds_application: Application, tmp_path: Path) -> None:
    version, path = kinds_application.version(), tmp_path / "requests.jsonl"
    log = RequestLog(path, metrics=Metrics())
    sent = [{"payloads": {}}, {"payloads": make_record(1, random.Random(1))["payloads"]}]
    log.write(version.id, [json.dumps(one).encode() for one in sent], version.predict(sent))
    log.close()
    assert version.drift(path).n == 2


def test_few_records_are_not_enough(kinds_application: Application, tmp_path: Path) -> None:
    report = kinds_application.version().drift(write_log(tmp_path / "log.jsonl", 20))
    assert {row.verdict for row in report.rows} == {"not enough data"}
    first = report.rows[0]
    other = replace(first, verdict="no change shown")
    heads = [render_drift(replace(report, rows=rows), width=500) for rows in ((first,), (first, other), (other,))]
    assert [head.splitlines()[0].partition(": ")[2] for head in heads] == [
        "too little data to tell of anything",
        "no drift shown, and too little data to tell of 1 of 2",
        "no drift shown",
    ]


def test_a_share_that_is_nearly_nothing_is_not_told_as_nothing() -> None:
    row = DriftRow(
        "new words", "t", 0.0002, 0.9998, 0.99, "difference", 0.0, 0.0, 5000, "drifted", {"w": (0.0, 0.0003)}
    )
    told = render_drift(DriftReport("v", "log.jsonl", 5000, (row,), {}))
    assert re.search(r"new words +t +0\.1% +99\.9% ", told)
    assert "w 0.0% -> 0.1%" in told


def test_words_that_nobody_would_see_stand_in_quotes_and_no_line_ends_within_one() -> None:
    words = {"": 9, " ": 8, "a\t": 7, "plain": 6, "two words": 5}
    row = DriftRow("new words", "tokens", 0.0, 0.5, 0.5, "difference", 0.0, 0.0, 90, "drifted", {" ": (0.0, 0.25)})
    report = DriftReport("v", "log.jsonl", 90, (row,), {"tokens": words})
    assert repr(report).endswith("n=90, rows=<1>, new_words=<1>)")
    for width in range(34, 100):
        told = [part for line in render_drift(report, width=width).splitlines() for part in line.strip().split(", ")]
        parts = {part.removesuffix(",") for part in told}
        assert {"' ' 0.0% -> 25.0%", "'' 9", "' ' 8", r"'a\t' 7", "plain 6"} <= parts
    assert report.to_json()["new_words"] == {"tokens": words}


def test_a_version_of_before_profiles_is_profiled_anew(kinds_application: Application, tmp_path: Path) -> None:
    version = kinds_application.version()
    kept = {name: content for name, content in version.artifact.files.items() if name != "profile.json"}
    old = replace(version, artifact=replace(version.artifact, files=kept))
    log = write_log(tmp_path / "log.jsonl", 100)
    assert old.drift(log).rows == version.drift(log).rows


def test_the_command_tells_drift_on_a_terminal_and_as_json(
    kinds_application: Application, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    write_log(tmp_path / "log.jsonl", 200, lambda payloads, _: {**payloads, "tokens": ["novelty"], "entities": []})
    assert main(["drift", str(kinds_application.directory), "log.jsonl", "-q"]) == 0
    printed = capsys.readouterr().out
    assert "novelty 200" in printed
    assert max(map(len, printed.splitlines())) <= 80
    assert main(["drift", str(kinds_application.directory), "log.jsonl", "-q", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n"] == 200
    assert main(["drift", str(kinds_application.directory), "nowhere.jsonl", "-q"]) == 1
    assert "[application.no-file]" in capsys.readouterr().err
