"""Comparing, the gate before an alias, and releases, as a user or a build server runs them."""

import errno
import json
import random
import shutil
import xml.etree.ElementTree as ET
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import overton
from overton import comparing
from overton.application import Application
from overton.base import OvertonError
from overton.cli.main import main
from overton.comparing import compare_artifacts, latency_of
from overton.data.files import load
from overton.evaluate import Gate, render_comparison
from overton.release import release
from overton.version import Version
from tests.tiny_artifact import tiny_artifact

COLOURS = ("red", "blue", "green")


def write_application(directory: Path, n_records: int = 300) -> Path:
    """Texts whose colour is the class; tagged by length, and a slice for each third."""
    (directory / "data").mkdir(parents=True)
    schema = {
        "payloads": {"text": {"type": "singleton"}},
        "tasks": {"Colour": {"payload": "text", "type": "multiclass"}},
    }
    (directory / "schema.json").write_text(json.dumps(schema))
    training = {"epochs": 8, "batch_size": 16}
    tuning = {
        "payloads": {"text": {"size": 16, "encoder": "bag", "aggregate": "mean", "wide": False}},
        "training": training,
        "serving": {"int8": "off"},
    }
    (directory / "tuning.json").write_text(json.dumps(tuning))
    choose = random.Random(0)
    lines = []
    for number in range(n_records):
        colour = choose.choice(COLOURS)
        words = [colour, *(choose.choice(("a", "the", "some", "old")) for _ in range(choose.randrange(3)))]
        tags = ["test" if number % 2 else "train", f"slice:{colour}", "short" if len(words) < 3 else "long"]
        record = {"id": f"r{number}", "payloads": {"text": " ".join(words)}, "tags": tags}
        lines.append(json.dumps({**record, "tasks": {"Colour": {"gold": colour}}}) + "\n")
    (directory / "data" / "a.jsonl").write_text("".join(lines))
    return directory


def spoil(directory: Path) -> None:
    """Say in training that every red thing is blue."""
    lines = [json.loads(line) for line in (directory / "data" / "a.jsonl").read_text().splitlines()]
    red = [line["id"] for line in lines if "slice:red" in line["tags"] and "train" in line["tags"]]
    said = [json.dumps({"id": name, "tasks": {"Colour": {"gold": "blue"}}}) + "\n" for name in red]
    (directory / "data" / "b.jsonl").write_text("".join(said))


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> Application:
    """An application whose version `live` is good and whose newest one, of spoilt data, is not."""
    directory = write_application(tmp_path_factory.mktemp("compare") / "app")
    application = overton.load(directory)
    application.build().promote("live")
    spoil(directory)
    overton.load(directory).build(seed=1)
    return overton.load(directory)


def copy_of(application: Application, directory: Path) -> Path:
    return Path(shutil.copytree(application.directory, directory / "app"))


def test_a_comparison_names_what_fell_with_its_records(spoilt: Application, capsys: pytest.CaptureFixture[str]) -> None:
    app = str(spoilt.directory)
    assert main(["compare", f"{app}@live", app, "-q", "--json", "--tag", "slice:red & short", "--tag", "short"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["old"], told["new"]) == (spoilt.version("live").id, spoilt.version().id)
    first = next(row for row in told["rows"] if row["metric"] != "ece")
    assert (first["tag"], first["verdict"], first["metric"]) == ("slice:red", "regressed", "accuracy")
    assert first["new"] < 0.5 < first["old"]
    assert {row["tag"] for row in told["rows"]} == {
        *("*", "long", "short", "slice:blue", "slice:green", "slice:red", "slice:red & short")
    }
    assert {"*", "ece"} == {cell for row in told["rows"] if row["metric"] == "ece" for cell in (row["tag"], "ece")}
    overlap = next(overlap for overlap in told["overlaps"] if overlap["tag"] == "*")
    assert (overlap["of"], overlap["shared"]) == ("slice:red", first["worse"])
    flips = [flip for flip in told["examples"] if flip["tag"] == "slice:red"]
    assert flips
    assert {(flip["old"], flip["new"], flip["gold"]) for flip in flips} == {("red", "blue", "red")}
    assert {refusal["code"] for refusal in told["refused"]} == {"gate.regressed"}
    assert [row["old"] for row in told["tags"] if row["tag"] == "long"] == [
        row["now"] for row in told["tags"] if row["tag"] == "long"
    ]
    assert {row["status"] for row in told["tags"]} == {"same"}  # an expression is no tag of the data
    assert [(row["source"], row["status"]) for row in told["sources"]] == []


def test_a_comparison_is_a_page_of_80_columns_too(
    spoilt: Application, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    app = str(spoilt.directory)
    assert main(["compare", f"{app}@live", app, "-q"]) == 1
    page = capsys.readouterr().out
    assert "REFUSED" in page
    assert ": red -> blue, true is red" in page
    assert "records worse are of slice:red" in page
    assert "slice:red" in page
    assert max(len(line) for line in page.splitlines() if not line.startswith("note:")) <= 80


def test_a_version_compared_with_itself_is_ok(spoilt: Application, capsys: pytest.CaptureFixture[str]) -> None:
    app = str(spoilt.directory)
    assert main(["compare", f"{app}@live", f"{app}@live", "-q", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {(row["change"], row["p"], row["worse"]) for row in told["rows"] if row["metric"] != "ece"} == {(0, 1, 0)}
    assert "regressed" not in {row["verdict"] for row in told["rows"]}
    assert told["refused"] == told["examples"] == []
    assert any("both are one version" in note for note in told["notes"])
    assert main(["compare", f"{app}@live", f"{app}@live", "-q"]) == 0
    assert "note: both are one version" in capsys.readouterr().out.splitlines()[2]
    main(["compare", f"{app}@live", app, "-q"])
    assert "both are one version" not in capsys.readouterr().out


def test_the_page_of_a_comparison_has_its_examples_though_a_line_has_faults(
    spoilt: Application, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = copy_of(spoilt, tmp_path)
    (app / "data" / "z.jsonl").write_text('{"id": "bad", "payloads": {"text": 7}}\n')
    words = ["compare", f"{app}@live", str(app), "-q", "--json", "--max-bad", "1"]
    assert main([*words, "--html", str(tmp_path / "page.html")]) == 1
    examples, page = json.loads(capsys.readouterr().out)["examples"], (tmp_path / "page.html").read_text()
    assert any(f">{one['id']}</" in page for one in examples)


def test_who_forgot_to_build_after_an_edit_is_told_by_a_comparison_of_one_version(
    spoilt: Application, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = copy_of(spoilt, tmp_path)
    for edited in ("nothing", "schema", "data"):
        if edited == "schema":
            schema = json.loads((app / "schema.json").read_text())
            schema["tasks"]["Tone"] = {**schema["tasks"]["Colour"], "classes": ["kind", "rude"]}
            (app / "schema.json").write_text(json.dumps(schema))
        if edited == "data":
            (app / "data" / "z.jsonl").write_text(json.dumps({"id": "r0", "tags": ["new"]}) + "\n")
        assert main(["compare", str(app), str(app), "-q"]) == 0
        assert ("the data files have changed since it was built" in capsys.readouterr().err) is (edited == "data")


def test_a_report_tells_of_labels_that_came_after_the_build(
    spoilt: Application, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, told = copy_of(spoilt, tmp_path), "the data files are others than those that it was built of"
    for edited in (False, True):
        if edited:
            (app / "data" / "z.jsonl").write_text(json.dumps({"id": "r1", "tasks": {"Colour": {"gold": "red"}}}) + "\n")
        assert main(["report", str(app), "-q", "--json"]) == 0
        assert (told in capsys.readouterr().err) is edited
    assert main(["report", str(app), "-q", "--data", str(app / "data")]) == 0
    assert told not in capsys.readouterr().err
    (app / "data" / "z.jsonl").unlink()
    monkeypatch.setattr(load, "__version__", "99.0")  # of another release, and by another schema, the data are the same
    schema = json.loads((app / "schema.json").read_text())
    schema["tasks"]["Other"] = {"payload": "text", "type": "multiclass", "classes": ["a", "b"]}
    (app / "schema.json").write_text(json.dumps(schema))
    assert main(["report", str(app), "-q"]) == 0
    assert told not in capsys.readouterr().err


def test_other_records_are_compared_on_as_well(
    spoilt: Application, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = {"payloads": {"text": "red"}, "tasks": {"Colour": {"gold": "red"}}, "tags": ["mine"]}
    (tmp_path / "new.jsonl").write_text((json.dumps(line) + "\n") * 8)
    app = str(spoilt.directory)
    assert main(["compare", f"{app}@live", app, "-q", "--json", "--data", str(tmp_path / "new.jsonl")]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["records"] == 8
    assert [refusal["code"] for refusal in told["refused"]] == ["gate.no-evidence"]  # eight are too few to judge
    assert {row["verdict"] for row in told["rows"]} == {"not enough data"}
    artefact = tmp_path / "artefact"
    from overton.artifact.files import save_artifact

    save_artifact(spoilt.version("live").artifact, artefact)
    assert main(["compare", f"{app}@live", str(artefact), "-q"]) == 1
    assert "has no records of its own" in capsys.readouterr().err


def test_the_gate_stands_before_an_alias_and_force_needs_a_reason(
    spoilt: Application, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = copy_of(spoilt, tmp_path)
    newest = spoilt.version().id
    assert main(["promote", str(app), "live", "-q"]) == 1
    assert "[gate.regressed]" in capsys.readouterr().err
    assert overton.load(app).store.aliases()["live"] != newest
    assert main(["promote", str(app), "live", "-q", "--force"]) == 2
    assert main(["promote", str(app), "live", "-q", "--force", "--why", "  "]) == 2
    assert main(["promote", str(app), "live", "-q", "--force", "--why", "red is blue now"]) == 0
    last = overton.load(app).store.history("live")[-1]
    assert (last.version, last.why, last.forced) == (newest, "red is blue now", True)
    assert last.gate is not None
    assert (last.gate.outcome, last.gate.verdicts["regressed"] > 0) == ("refused", True)
    assert any(" fell from " in reason for reason in last.gate.refused)


def test_bad_lines_may_be_left_out_of_a_comparison(spoilt: Application, tmp_path: Path) -> None:
    app = copy_of(spoilt, tmp_path)
    (app / "data" / "z.jsonl").write_text("{\n")
    (app / "gate.json").write_text(json.dumps({"margin": 1, "ece": 1}))
    for words in (["compare", f"{app}@live", str(app)], ["promote", str(app), "live"]):
        assert main([*words, "-q"]) == 1
        assert main([*words, "-q", "--max-bad", "1"]) == 0


def test_margins_let_a_known_fall_pass(spoilt: Application, tmp_path: Path) -> None:
    app = copy_of(spoilt, tmp_path)
    (app / "gate.json").write_text(json.dumps({"margin": 1, "ece": 1}))
    assert main(["promote", str(app), "live", "-q"]) == 0


def test_a_margin_of_a_tag_with_blanks_is_that_of_its_row(
    spoilt: Application, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = copy_of(spoilt, tmp_path)
    lines = (app / "data" / "a.jsonl").read_text()
    (app / "data" / "a.jsonl").write_text(lines.replace('"slice:red"', '"slice:so red"'))
    margins = {'"slice:so red"': 1, "*": 1, "short": 1, "long": 1}
    (app / "gate.json").write_text(json.dumps({"margins": margins, "critical": ['"slice:so red"'], "ece": 1}))
    assert main(["compare", f"{app}@live", str(app), "-q", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    (row,) = [row for row in told["rows"] if "so red" in row["tag"]]
    assert (row["tag"], row["margin"], row["critical"]) == ("slice:so red", 1, True)
    assert told["gate"]["margins"]["slice:so red"] == 1


def test_a_gate_may_bound_the_latency_and_need_critical_slices(
    spoilt: Application, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = copy_of(spoilt, tmp_path)
    (app / "gate.json").write_text(json.dumps({"p99_ms": 0.01, "critical": ["slice:gone", "slice:red"]}))
    assert main(["compare", f"{app}@live", f"{app}@live", "-q", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert [refusal["code"] for refusal in told["refused"]] == ["gate.no-support", "gate.latency"]
    assert told["latency"]["p50_ms"] <= told["latency"]["p99_ms"]
    assert {row["tag"] for row in told["rows"] if row["critical"]} == {"slice:red"}
    assert told["refused"][0]["message"].startswith("no record has the tag 'slice:gone', which gate.json")
    (app / "gate.json").write_text(json.dumps({"critical": ["slice:redd"], "margins": {"slice:bleu": 0.1}}))
    assert main(["compare", f"{app}@live", f"{app}@live", "-q"]) == 1
    page = capsys.readouterr().out
    assert (
        "  no record has the tag 'slice:redd', which gate.json declares critical\n    Did you mean 'slice:red'" in page
    )
    told = "note: no record has the tag 'slice:bleu', to which gate.json gives a margin. Did you mean 'slice:blue'"
    assert told in " ".join(page.partition("whole split")[0].split())
    assert main(["compare", f"{app}@live", f"{app}@live", "-q", "--tag", "slice:bleu"]) == 1
    refused = capsys.readouterr()
    assert "no record has the tag 'slice:bleu'. Did you mean 'slice:blue'" in refused.err
    assert not refused.out
    (app / "gate.json").write_text(json.dumps({"critical": ["short & !slice:redd"]}))
    assert main(["compare", f"{app}@live", str(app), "-q"]) == 1
    said = capsys.readouterr().err
    assert "gate.json: no record has the tag 'slice:redd', at character 10 of" in said
    (app / "gate.json").write_text(json.dumps({"criticall": []}))
    assert main(["compare", f"{app}@live", str(app), "-q"]) == 1
    assert "gate.json:1: $.criticall: unknown key 'criticall'. Did you mean 'critical'?" in capsys.readouterr().err


@pytest.mark.slow
def test_a_release_promotes_once_and_then_has_nothing_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app, junit, summary = write_application(tmp_path / "app", 200), tmp_path / "rows.xml", tmp_path / "summary.md"
    words = ["build", str(app), "--promote", "live", "--junit", str(junit), "--summary", str(summary), "-q", "--json"]
    assert main([*words, "--why", "first"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert (first["outcome"], first["before"], first["comparison"]) == ("promoted", None, None)
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out)["outcome"] == "nothing to do"
    (case,) = ET.parse(junit).getroot().iter("testcase")
    assert case.get("name") == "nothing to do"
    more = {"id": "new", "payloads": {"text": "green"}, "tasks": {"Colour": {"gold": "green"}}, "tags": ["train"]}
    (app / "data" / "c.jsonl").write_text(json.dumps(more) + "\n")
    assert main(words) == 0
    second = json.loads(capsys.readouterr().out)
    assert (second["outcome"], second["before"]) == ("promoted", first["version"])
    assert overton.load(app).version(second["version"]).artifact.json("lineage.json")["parent"] == first["version"]
    assert summary.read_text().startswith(f"### live: {first['version']} -> {second['version']}\n")
    spoil(app)
    assert main(words) == 3
    third = json.loads(capsys.readouterr().out)
    assert (third["outcome"], third["before"]) == ("refused", second["version"])
    assert overton.load(app).store.aliases()["live"] == second["version"]
    root = ET.parse(junit).getroot()
    assert int(root.get("failures", 0)) == len(root.findall(".//failure")) > 0
    assert "**regressed**" in summary.read_text()
    versions = len(overton.load(app).version_rows())
    assert main(words) == 3
    assert json.loads(capsys.readouterr().out)["version"] == third["version"]
    assert len(overton.load(app).version_rows()) == versions


@pytest.mark.long
def test_what_was_rolled_back_is_not_promoted_again_by_the_next_release(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app, junit, summary = write_application(tmp_path / "app", 200), tmp_path / "rows.xml", tmp_path / "summary.md"
    words = ["build", str(app), "--promote", "live", "--junit", str(junit), "--summary", str(summary), "-q", "--json"]
    assert main(words) == 0
    first = json.loads(capsys.readouterr().out)["version"]
    more = {"id": "new", "payloads": {"text": "green"}, "tasks": {"Colour": {"gold": "green"}}, "tags": ["train"]}
    (app / "data" / "c.jsonl").write_text(json.dumps(more) + "\n")
    assert main(words) == 0
    second = json.loads(capsys.readouterr().out)["version"]
    assert main(["store", "rollback", str(app), "live", "--why", "answers are wrong", "-q"]) == 0
    capsys.readouterr()
    assert main(words) == 3
    told = json.loads(capsys.readouterr().out)
    assert (told["outcome"], told["before"], told["version"]) == ("refused", first, second)
    assert [refusal["code"] for refusal in told["refused"]] == ["gate.rolled-back"]
    assert main(["build", str(app), "--seed", "1", "-q"]) == 0  # what others build since does not bring it back
    capsys.readouterr()
    assert main(words) == 3
    told = json.loads(capsys.readouterr().out)
    assert (told["outcome"], told["before"], told["version"]) == ("refused", first, second)
    assert told["refused"][0]["message"].endswith(": answers are wrong")
    assert ET.parse(junit).getroot().get("failures") == "1"
    assert summary.read_text().startswith(f"### live stays {first}: it was rolled back from {second}\n")
    assert main(["promote", f"{app}@{second}", "live", "-q"]) == 0  # somebody who knows better
    assert main(["store", "rollback", str(app), "live", "-q"]) == 0
    assert main(["promote", f"{app}@{second}", "live", "-q"]) == 0
    capsys.readouterr()
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out)["outcome"] == "nothing to do"


@pytest.mark.parametrize(
    "words",
    [
        ["--promote", "live", "--from", "live"],
        ["--junit", "x.xml"],
        ["--summary", "x.md"],
        ["--why", "x"],
        ["--promote", "live", "--junit", "x", "--summary", "./x"],
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(words: list[str], spoilt: Application) -> None:
    assert main(["build", str(spoilt.directory), "-q", *words]) == 2


def test_what_breaks_clients_is_told_before_anything_is_trained(
    spoilt: Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, told = copy_of(spoilt, tmp_path), []

    def build(*_: Any, **__: Any) -> Version:
        raise InterruptedError

    monkeypatch.setattr(Application, "build", build)
    for name, breaks in (("Colour", False), ("Hue", True)):
        for path in (app / "schema.json", app / "tuning.json", *(app / "data").iterdir()):
            path.write_text(path.read_text().replace('"Colour"', f'"{name}"'))
        told.clear()
        with pytest.raises(InterruptedError):
            release(overton.load(app), "live", seed=2, observe=lambda event: told.append(event.message))
        assert any("would break, so what is built now will be refused" in message for message in told) == breaks


@pytest.mark.parametrize(
    ("file", "text", "place"),
    [
        ("gate.json", "{", "gate.json:1"),
        ("data/z.jsonl", '{"id": "<z>"\n{', "data/z.jsonl:1"),
        ("schema.json", "[", ""),
    ],
)
def test_what_is_to_be_mended_stands_in_the_files_for_a_build_server(
    file: str, text: str, place: str, spoilt: Application, tmp_path: Path
) -> None:
    app, junit, summary = copy_of(spoilt, tmp_path), tmp_path / "rows.xml", tmp_path / "summary.md"
    (app / file).write_text(text)
    for path in (junit, summary):
        path.write_text("what an earlier run left")
    words = ["build", str(app), "--promote", "live", "-q", "--junit", str(junit), "--summary", str(summary)]
    assert main(words) == 1
    root = ET.parse(junit).getroot()
    errors = root.findall(".//error")
    assert (root.get("failures"), root.get("errors")) == ("0", str(len(errors)))
    assert errors
    assert all(error.get("type") and error.get("message") for error in errors)
    assert any(case.get("name", "").endswith(place) for case in root.iter("testcase"))
    lines = summary.read_text().splitlines()
    assert lines[0] == "### live stays as it is: something is to be mended"
    assert any(place in line for line in lines[2:])


@pytest.mark.parametrize(
    ("error", "place"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "app/.overton"), "app/.overton"),
        (ModuleNotFoundError("No module named 'torch'", name="torch"), "install.missing-package"),
    ],
)
def test_what_the_system_refuses_stands_in_the_files_for_a_build_server(
    error: Exception, place: str, spoilt: Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any, **__: Any) -> Version:
        raise error

    app, junit, summary = copy_of(spoilt, tmp_path), tmp_path / "rows.xml", tmp_path / "summary.md"
    (app / "data" / "new.jsonl").write_text(json.dumps({"id": "r0", "tags": ["new"]}) + "\n")
    monkeypatch.setattr(Application, "build", refused)
    words = ["build", str(app), "--promote", "live", "-q", "--junit", str(junit), "--summary", str(summary)]
    assert main(words) == 1
    root = ET.parse(junit).getroot()
    assert (root.get("tests"), root.get("errors")) == ("1", "1")
    assert [case.get("name") for case in root.iter("testcase")] == [place]
    assert place in summary.read_text()


def test_a_release_that_is_killed_leaves_no_files_of_an_earlier_one(
    spoilt: Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any, **__: Any) -> Version:
        raise KeyboardInterrupt

    app, junit = copy_of(spoilt, tmp_path), tmp_path / "rows.xml"
    junit.write_text("what an earlier run left")
    monkeypatch.setattr(Application, "build", killed)
    assert main(["build", str(app), "--seed", "7", "--promote", "live", "-q", "--junit", str(junit)]) == 130
    assert not junit.exists()


def test_an_expression_of_the_gate_over_a_tag_of_no_record_is_told_before_anything_is_built(
    spoilt: Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    app = copy_of(spoilt, tmp_path)
    (app / "gate.json").write_text(json.dumps({"critical": ["slice:gone & short"]}))
    (app / "data" / "new.jsonl").write_text(json.dumps({"id": "r0", "tags": ["new"]}) + "\n")
    monkeypatch.setattr(Application, "build", lambda *_, **__: pytest.fail("it was built"))
    assert main(["build", str(app), "--promote", "live", "-q"]) == 1
    assert "gate.json: no record has the tag 'slice:gone'" in capsys.readouterr().err


def test_what_a_user_can_mend_exits_with_1_before_anything_is_built(spoilt: Application, tmp_path: Path) -> None:
    app = copy_of(spoilt, tmp_path)
    (app / "gate.json").write_text("{")
    assert main(["build", str(app), "--promote", "live", "-q"]) == 1
    assert main(["build", str(app), "--promote", "latest", "-q"]) == 1
    (app / "gate.json").unlink()
    assert main(["build", str(app), "--promote", "live", "-q", "--junit", str(tmp_path / "no" / "x.xml")]) == 1
    assert len(overton.load(app).version_rows()) == 2


def test_versions_of_other_tasks_and_payloads_are_compared_on_what_they_share(spoilt: Application) -> None:
    version = spoilt.version("live")
    dataset, splits = version.records(None, spoilt.schema)
    found = compare_artifacts(tiny_artifact(), version.artifact, dataset, splits, Gate())
    assert found.rows == ()
    assert found.compared.left_out["Colour"] == "only in the new version"
    assert found.compared.left_out["Intent"] == "only in the old version"
    assert "not compared: Intent: only in the old version" in render_comparison(found, width=80)


def test_a_payload_that_was_renamed_is_no_want_of_gold_and_no_fault_of_the_data(
    spoilt: Application, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = copy_of(spoilt, tmp_path)
    for path in (app / "schema.json", app / "tuning.json", *(app / "data").iterdir()):
        path.write_text(path.read_text().replace('"text"', '"utt"'))
    assert main(["errors", f"{app}@live", "--task", "Colour", "-q"]) == 1
    told = capsys.readouterr().err
    assert "was built before the schema changed: it reads 'text', where the data have 'utt'. Build again" in told
    assert "[review.other-payloads]" in told
    assert "too-many-bad" not in told
    assert main(["report", f"{app}@live", "--tag", "slice:a & !slice:b", "-q"]) == 1
    assert "[review.other-payloads]" in capsys.readouterr().err
    version = spoilt.version("live")
    (app / "schema.json").write_text(
        (app / "schema.json").read_text().replace('"singleton"', '"singleton", "field": "text"')
    )
    (app / "data" / "a.jsonl").write_text((app / "data" / "a.jsonl").read_text().replace('"utt"', '"text"'))
    application = overton.load(app)
    dataset = application.dataset()
    found = compare_artifacts(version.artifact, version.artifact, dataset, dataset.splits, Gate())
    (refusal,) = found.refusals
    why = "Colour is left out: of another type, or on another payload"
    assert (refusal.code, refusal.message) == ("gate.no-evidence", f"nothing can be compared: {why}")
    assert "gold" not in refusal.hint


def test_a_task_that_is_of_another_type_now_is_no_fault_of_the_data(
    spoilt: Application, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = copy_of(spoilt, tmp_path)
    (app / "schema.json").write_text((app / "schema.json").read_text().replace('"multiclass"', '"bitvector"'))
    (app / "data" / "b.jsonl").unlink()
    lines = (app / "data" / "a.jsonl").read_text()
    for colour in COLOURS:
        lines = lines.replace(f'"gold": "{colour}"', f'"gold": ["{colour}"]')
    (app / "data" / "a.jsonl").write_text(lines)
    assert main(["errors", f"{app}@live", "--task", "Colour", "-q"]) == 1
    told = capsys.readouterr().err
    assert "was built when the task 'Colour' was multiclass on 'text', and it is bitvector on 'text' now. Build" in told
    assert "too-many-bad" not in told


def test_records_that_a_version_cannot_read_are_told(tmp_path: Path) -> None:
    app = write_application(tmp_path / "app", 20)
    schema = {
        "payloads": {"tokens": {"type": "singleton"}},
        "tasks": {"Colour": {"payload": "tokens", "type": "multiclass"}},
    }
    (app / "schema.json").write_text(json.dumps(schema))
    lines = (app / "data" / "a.jsonl").read_text().replace('"text"', '"tokens"')
    (app / "data" / "a.jsonl").write_text(lines)
    dataset = overton.load(app).dataset()
    with pytest.raises(OvertonError) as fault:
        compare_artifacts(tiny_artifact(), tiny_artifact(1), dataset, dataset.splits, Gate())
    assert fault.value.problems[0].code == "compare.other-payloads"


def test_that_the_records_are_cut_shorter_than_a_version_reads_is_told(spoilt: Application, tmp_path: Path) -> None:
    app = copy_of(spoilt, tmp_path)
    (app / "schema.json").write_text(
        (app / "schema.json").read_text().replace('"singleton"', '"singleton", "max_length": 1')
    )
    version = spoilt.version("live")
    dataset = overton.load(app).dataset()
    found = compare_artifacts(version.artifact, version.artifact, dataset, dataset.splits, Gate())
    (warning,) = found.warnings
    n = dataset.n_cut("text", dataset.splits.test)
    assert 0 < n < len(dataset.splits.test)
    assert warning.startswith(f"the schema of the records cuts 'text' of {n} of them to max_length 1; ")
    assert warning.endswith(f"{version.id} reads up to 128, and is judged on what is left")


def test_a_tag_without_a_test_record_is_noted_and_a_split_is_refused(spoilt: Application) -> None:
    version = spoilt.version("live")
    dataset, splits = version.records(None, spoilt.schema)
    red = np.flatnonzero(dataset.tags.has("slice:red")[splits.test])
    few = replace(splits, test=np.delete(splits.test, red))
    compare = partial(compare_artifacts, version.artifact, version.artifact, dataset, few)
    found = compare(Gate(margins={"slice:red": 0.1}))
    assert "slice:red matches no record" in found.notes
    assert "slice:red matches no record" in compare(Gate(), tags=["slice:red", "slice:blue"]).notes
    assert not any("slice:blue" in note for note in found.notes)
    with pytest.raises(OvertonError) as fault:
        compare(Gate(), tags=["test"])
    assert fault.value.problems[0].code == "compare.split"


def test_tasks_that_one_version_lacks_are_named(kinds_application: Application, tmp_path: Path) -> None:
    version = kinds_application.version()
    dataset, splits = version.records(None, kinds_application.schema)
    found = compare_artifacts(version.artifact, version.artifact, dataset, splits, Gate())
    assert {row.task for row in found.rows} | set(found.compared.left_out) == {
        task.name for task in kinds_application.schema.tasks
    }
    assert {row.change for row in found.rows if row.metric != "ece"} <= {0, None}
    assert len(found.to_pandas()) == len(found.rows)


def test_latency_is_measured_on_the_golden_records(spoilt: Application) -> None:
    found = latency_of(spoilt.version().artifact)
    assert found["records"] == 100
    assert 0 < found["p50_ms"] <= found["p99_ms"]


def test_without_golden_records_latency_is_that_of_a_made_up_one() -> None:
    found = latency_of(tiny_artifact())
    assert found["records"] == 1
    assert 0 < found["p50_ms"] <= found["p99_ms"], "a gate with a bound would let any version pass"


def test_the_latency_that_a_gate_bounds_is_that_of_the_new_version(
    spoilt: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = spoilt.version()
    old = replace(new, artifact=replace(new.artifact))
    took = {id(old.artifact): 9.0, id(new.artifact): 1.0}
    monkeypatch.setattr(comparing, "latency_of", lambda artifact: {"records": 1, "p99_ms": took[id(artifact)]})
    comparison = new.compare(old, gate=Gate(p99_ms=5.0))
    assert comparison.latency == {"records": 1, "p99_ms": 1.0}


def test_a_lineage_of_an_older_overton_tells_nothing_of_tags(spoilt: Application) -> None:
    version = spoilt.version("live")
    lineage = version.artifact.json("lineage.json")
    assert lineage["tags"]["train"]["long"] > 0
    assert "train" not in lineage["tags"]["train"]
    from overton.evaluate import tag_changes

    old = {key: value for key, value in lineage.items() if key != "tags"}
    rows = tag_changes(old, lineage, lineage)
    assert {(row.old, row.status) for row in rows} == {(None, "same")}
    fewer = {**lineage, "tags": {"train": {"long": 1, "gone": 5}}}
    status = {row.tag: row.status for row in tag_changes(fewer, lineage, lineage)}
    assert (status["gone"], status["slice:red"], status["long"]) == ("vanished", "appeared", "changed")
    now = {**lineage, "tags": {"train": {**lineage["tags"]["train"], "slice:new": 3, "long": 0}}}
    status = {row.tag: row.status for row in tag_changes(lineage, lineage, now)}
    assert (status["slice:new"], status["long"], status["slice:red"]) == ("appeared", "vanished", "same")
    assert np.isfinite([row.now_share for row in rows]).all()
    assert isinstance(version, Version)
