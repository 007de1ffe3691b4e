"""The commands, run as a user runs them: words in, text and exit status out."""

import json
import shutil
from pathlib import Path

import pytest

from overton.application import Application
from overton.cli.main import COMMANDS, main


def test_the_loop_from_init_to_served_prediction_works(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app = str(tmp_path / "app")
    assert main(["init", app, "--example", "factoid", "--records", "60"]) == 0
    assert main(["check", app, "-q"]) == 0
    assert main(["sources", app, "-q", "--task", "Intent"]) == 0
    assert "keyword_rules" in capsys.readouterr().out
    assert main(["combine", app, str(tmp_path / "combined.jsonl"), "-q"]) == 0
    first = json.loads((tmp_path / "combined.jsonl").read_text().splitlines()[0])
    assert sum(first["tasks"]["Intent"]["combined"].values()) == pytest.approx(1, abs=0.01)


def test_combined_labels_are_a_data_file_that_checks(tmp_path: Path, kinds_application: Application) -> None:
    app = tmp_path / "app"
    shutil.copytree(kinds_application.directory, app, ignore=shutil.ignore_patterns("store", ".overton"))
    assert main(["combine", str(app), str(app / "data" / "zz.jsonl"), "-q"]) == 0
    assert main(["check", str(app), "-q"]) == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])
    assert stopped.value.code == 0
    assert f"example:\n  overton {command}" in capsys.readouterr().out


def test_wrong_usage_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["biuld"])
    assert stopped.value.code == 2


def test_a_folder_without_a_schema_is_told_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path)]) == 1
    assert "it has no schema.json. `overton init" in capsys.readouterr().err


def test_an_unknown_example_names_those_there_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path / "app"), "--example", "factiod"]) == 1
    assert "Did you mean 'factoid'?" in capsys.readouterr().err


def test_an_unknown_task_names_the_near_one(kinds_application: Application, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sources", str(kinds_application.directory), "-q", "--task", "Recrod"]) == 1
    assert "the schema has no task 'Recrod'. Did you mean 'Record' or 'RecordBits'?" in capsys.readouterr().err


def test_check_tells_the_faults_of_tuning_and_data_together(
    tmp_path: Path, kinds_application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    app = tmp_path / "app"
    shutil.copytree(kinds_application.directory, app, ignore=shutil.ignore_patterns("store", ".overton"))
    (app / "tuning.json").write_text('{"training": {"epoch": 3}}')
    with (app / "data" / "more.jsonl").open("w") as file:
        file.write('{"id": "x", "payloads": {"tokens": ["a"], "entities": [{"id": "A", "range": [0, 9]}]}}\n')
    assert main(["check", str(app), "-q", "--quarantine", str(tmp_path / "bad.jsonl")]) == 1
    told = capsys.readouterr().err
    assert "tuning.json: $.training.epoch: unknown key 'epoch'. Did you mean 'epochs'? [tuning.unknown-key]" in told
    assert "more.jsonl:1: $.payloads.entities[0].range" in told
    assert json.loads((tmp_path / "bad.jsonl").read_text())["line"] == 1


def test_a_build_refuses_bad_lines_unless_told_how_many_it_may_leave_out(
    tmp_path: Path, kinds_application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    app = tmp_path / "app"
    shutil.copytree(kinds_application.directory, app, ignore=shutil.ignore_patterns("store", ".overton"))
    (app / "data" / "more.jsonl").write_text('{"id": "x", "payloads": {"tokens"\n')
    assert main(["build", str(app), "-q"]) == 1
    assert "more.jsonl:1" in capsys.readouterr().err
    assert not (app / "store").exists()


def test_report_prints_a_table_and_writes_its_files(
    tmp_path: Path, kinds_application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = str(kinds_application.directory)
    assert main(["report", directory, "-q", "--out", str(tmp_path)]) == 0
    assert "slice:big" in capsys.readouterr().out
    rows = json.loads((tmp_path / "report.json").read_text())["rows"]
    assert set(rows[0]) == {"task", "split", "tag", "metric", "value", "low", "high", "n"}
    assert (tmp_path / "predictions.parquet").stat().st_size > 1000


def test_a_version_is_evaluated_on_other_data(
    tmp_path: Path, kinds_application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    line = {"payloads": {"tokens": ["red"]}, "tasks": {"Record": {"gold": "red"}}, "tags": ["mine"]}
    (tmp_path / "new.jsonl").write_text(json.dumps(line) + "\n")
    words = ["report", str(kinds_application.directory), "-q", "--json", "--out", str(tmp_path / "out")]
    assert main([*words, "--data", str(tmp_path / "new.jsonl")]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    mine = [row for row in rows if row["tag"] == "mine" and row["metric"] == "accuracy" and row["task"] == "Record"]
    assert [(row["split"], row["n"]) for row in mine] == [("test", 1)]


def test_predictions_are_a_data_file_with_one_more_source(tmp_path: Path, kinds_application: Application) -> None:
    source = kinds_application.directory / "data" / "records.jsonl"
    assert main(["predict", str(kinds_application.directory), str(source), str(tmp_path / "out.jsonl.gz"), "-q"]) == 0
    app = tmp_path / "app"
    (app / "data").mkdir(parents=True)
    shutil.copy(kinds_application.directory / "schema.json", app)
    shutil.copy(tmp_path / "out.jsonl.gz", app / "data")
    assert main(["check", str(app), "-q"]) == 0
    name = f"overton@{kinds_application.version().id}"
    assert main(["sources", str(app), "-q", "--json"]) == 0
    from overton import load

    assert name in load(app).dataset().sources


def test_a_version_is_promoted_and_found_by_its_alias(
    tmp_path: Path, kinds_application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    app = tmp_path / "app"
    shutil.copytree(kinds_application.directory, app)
    assert main(["promote", str(app), "live", "--why", "first"]) == 0
    assert "live: nothing -> " in capsys.readouterr().out
    assert main(["versions", str(app)]) == 0
    assert "live" in capsys.readouterr().out
    assert main(["explain", f"{app}@live"]) == 0
    assert "multiclass_head.v1" in capsys.readouterr().out
    assert main(["explain", f"{app}@dead"]) == 1


def test_explaining_an_application_needs_no_version(
    tmp_path: Path, kinds_application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    app = tmp_path / "app"
    shutil.copytree(kinds_application.directory, app, ignore=shutil.ignore_patterns("store", ".overton"))
    assert main(["explain", str(app), "-q"]) == 0
    assert "select_head.v1" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["schema", "record", "tuning"])
def test_json_schemas_are_printed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "--json-schema", name]) == 0
    assert json.loads(capsys.readouterr().out)["$schema"] == "https://json-schema.org/draft/2020-12/schema"
