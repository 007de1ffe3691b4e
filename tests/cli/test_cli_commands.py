"""The commands, run as a user runs them: words in, text and exit status out."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from overton.application import Application
from overton.base import OvertonError
from overton.cli.main import COMMANDS, main


def copy_of(application: Application, directory: Path, *, built: bool = True) -> Path:
    """A copy to spoil, with its version or without."""
    left_out = shutil.ignore_patterns() if built else shutil.ignore_patterns("store", ".overton")
    return Path(shutil.copytree(application.directory, directory / "app", ignore=left_out))


def test_the_loop_from_init_to_served_prediction_works(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app = str(tmp_path / "app")
    assert main(["init", app, "--example", "factoid", "--records", "60"]) == 0
    assert main(["check", app, "-q"]) == 0
    assert main(["sources", app, "-q", "--task", "Intent"]) == 0
    assert "keyword_rules" in capsys.readouterr().out
    assert main(["combine", app, str(tmp_path / "combined.jsonl"), "-q"]) == 0
    first = json.loads((tmp_path / "combined.jsonl").read_text().splitlines()[0])
    assert sum(first["tasks"]["Intent"]["combined"].values()) == pytest.approx(1, abs=0.01)


def test_no_output_replaces_what_it_was_made_of(tmp_path: Path, kinds_application: Application, capsys) -> None:
    app = copy_of(kinds_application, tmp_path)
    data, schema, link = next((app / "data").iterdir()), app / "schema.json", tmp_path / "link.jsonl"
    gate, elsewhere = app / "gate.json", tmp_path / "elsewhere.jsonl"
    gate.write_text("{}")
    elsewhere.write_bytes(data.read_bytes().splitlines()[0] + b"\n")
    (app / "data" / "linked.jsonl").symlink_to(elsewhere)
    link.symlink_to(data)
    one = tmp_path / "one.jsonl"
    one.write_bytes(elsewhere.read_bytes())
    owned = (data, schema, link, gate, app / "tuning.json", elsewhere)
    before = [own.read_bytes() if own.exists() else None for own in owned]
    assert main(["predict", str(app), str(one), str(one), "-q"]) == 1
    for own in owned:
        assert main(["combine", str(app), str(own), "-q"]) == 1
        assert main(["check", str(app), "--quarantine", str(own), "-q"]) == 1
        assert main(["predict", str(app), str(one), str(own), "-q"]) == 1
        assert main(["embed", str(app), str(one), str(own), "--payload", "tokens", "-q"]) == 1
        assert main(["build", str(app), "--promote", "live", "--junit", str(own), "-q"]) == 1
        assert main(["build", str(app), "--promote", "live", "--summary", str(own), "-q"]) == 1
    assert capsys.readouterr().err.count("[application.output-is-input]") == 1 + 6 * len(owned)
    assert [own.read_bytes() if own.exists() else None for own in owned] == before


def test_nothing_that_would_be_read_as_data_is_written_among_them(
    tmp_path: Path, kinds_application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    app = copy_of(kinds_application, tmp_path, built=False)
    place = app / "data" / "z.jsonl"
    assert main(["combine", str(app), str(place), "-q"]) == 1
    assert main(["check", str(app), "--quarantine", str(place), "-q"]) == 1
    assert capsys.readouterr().err.count("[application.output-is-data]") == 2
    assert not place.exists()
    assert main(["combine", str(app), str(tmp_path / "z.csv"), "-q"]) == 1
    assert "[data.output-name]" in capsys.readouterr().err
    assert main(["combine", str(app), str(tmp_path / "z.jsonl"), "-q"]) == 0
    assert main(["check", str(app), "-q"]) == 0
    assert "data.counted-twice" not in capsys.readouterr().err
    shutil.copy(tmp_path / "z.jsonl", place)
    assert main(["check", str(app), "-q"]) == 0
    assert "[data.counted-twice]" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["combine", "APP", "DIR"],
        ["combine", "APP", "DIR/no/such/folder.jsonl"],
        ["predict", "APP", "DATA", "DIR/no/such/folder.jsonl"],
        ["check", "APP", "--quarantine", "DIR"],
        ["check", "APP", "--quarantine", "DIR/no/such/folder.jsonl"],
        ["report", "APP", "--out", "DATA"],
    ],
    ids=lambda words: " ".join(words),
)
def test_what_the_system_refuses_is_told_in_one_line(
    words: list[str], tmp_path: Path, kinds_application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    data = str(next((kinds_application.directory / "data").iterdir()))
    places = {"APP": str(kinds_application.directory), "DATA": data}
    assert main([places.get(word, word.replace("DIR", str(tmp_path))) for word in words] + ["-q"]) == 1
    told = capsys.readouterr().err
    assert told.endswith("[os.refused]\n")
    assert ".tmp:" not in told
    assert told.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_faulty_schema_is_told_as_json_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "schema.json").write_text(
        json.dumps({"payloads": {f"p{n}": {"type": "seq"} for n in range(30)}, "tasks": {}})
    )
    assert main(["check", str(tmp_path), "--json"]) == 1
    printed = capsys.readouterr()
    answer = json.loads(printed.out)
    assert answer["ok"] is False
    assert len(answer["problems"]) >= 30
    assert answer["problems"][0]["code"].startswith("schema.")
    assert "kind" not in answer["problems"][0]
    assert "more" not in printed.err.splitlines()[-1]
    assert main(["versions", str(tmp_path)]) == 1
    assert capsys.readouterr().err.endswith("more; `overton check` tells all\n")


def test_bad_lines_may_be_left_out_of_every_look_at_the_data(
    tmp_path: Path, kinds_application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    app = copy_of(kinds_application, tmp_path, built=False)
    (app / "data" / "zz.jsonl").write_text("{\n")
    assert main(["sources", str(app), "-q"]) == 1
    assert "--max-bad 1 [data.too-many-bad]" in capsys.readouterr().err
    for words in (["sources", str(app)], ["explain", str(app)], ["combine", str(app), str(tmp_path / "c.jsonl")]):
        assert main([*words, "--max-bad", "1", "-q"]) == 0
    with pytest.raises(SystemExit) as stop:
        main(["build", str(app), "--max-bad", "-1"])
    assert stop.value.code == 2


def test_a_report_on_other_data_leaves_the_own_one_as_it_is(tmp_path: Path, kinds_application: Application) -> None:
    app = copy_of(kinds_application, tmp_path)
    data = str(next((app / "data").iterdir()))
    assert main(["report", str(app), "-q"]) == 0
    (own,) = (app / ".overton" / "reports").glob("*/report.json")
    before = own.read_bytes()
    assert main(["report", str(app), "--data", data, "-q"]) == 0
    assert own.read_bytes() == before
    (other,) = (app / ".overton" / "reports").glob("*/on-*/report.json")
    assert list(json.loads(other.read_text())["data"]) == [Path(data).name]


def test_promoting_what_is_live_adds_nothing_to_the_log(
    tmp_path: Path, kinds_application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    app = copy_of(kinds_application, tmp_path)
    for _ in range(2):
        assert main(["promote", str(app), "again"]) == 0
    assert "again: names" in capsys.readouterr().out
    assert len(list((app / "store" / "aliases" / "again").iterdir())) == 1


def test_a_damaged_version_is_told_and_no_other_takes_its_place(
    tmp_path: Path, kinds_application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    app = copy_of(kinds_application, tmp_path)
    (manifest,) = (app / "store" / "versions").glob("*/manifest.json")
    manifest.write_text("garbage")
    assert main(["report", str(app), "-q"]) == 1
    assert "manifest" in capsys.readouterr().err
    assert main(["versions", str(app)]) == 1
    printed = capsys.readouterr()
    assert "manifest" in printed.err
    assert "no version yet" not in printed.err


def test_combined_labels_are_a_data_file_that_checks(tmp_path: Path, kinds_application: Application) -> None:
    app = copy_of(kinds_application, tmp_path, built=False)
    assert main(["combine", str(app), str(tmp_path / "zz.jsonl"), "-q"]) == 0
    shutil.move(tmp_path / "zz.jsonl", app / "data")
    assert main(["check", str(app), "-q"]) == 0


def test_combined_labels_of_records_that_are_cut_check_too(tmp_path: Path, kinds_application: Application) -> None:
    app = copy_of(kinds_application, tmp_path, built=False)
    schema = json.loads((app / "schema.json").read_text())
    for name in ("tokens", "entities"):
        schema["payloads"][name]["max_length"] = 2
    (app / "schema.json").write_text(json.dumps(schema))
    assert main(["combine", str(app), str(tmp_path / "zz.jsonl"), "-q"]) == 0
    labels = [json.loads(line)["tasks"] for line in (tmp_path / "zz.jsonl").read_text().splitlines()]
    long = [label["Token"]["combined"] for label in labels if len(label.get("Token", {}).get("combined", ())) > 2]
    assert long
    assert all(None not in label[:2] and set(map(str, label[2:])) == {"None"} for label in long)
    shutil.move(tmp_path / "zz.jsonl", app / "data")
    assert main(["check", str(app), "-q"]) == 0


def test_a_full_disk_at_the_other_end_of_stdout_is_told_in_one_line(kinds_application: Application) -> None:
    words = [sys.executable, "-m", "overton.cli.main", "versions", str(kinds_application.directory)]
    with open("/dev/full", "w") as full:
        outcome = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (outcome.returncode, outcome.stderr.count("\n")) == (1, 1)
    assert outcome.stderr.endswith("[os.refused]\n")


def test_a_user_with_a_number_and_no_name_may_promote(
    tmp_path: Path, kinds_application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr("getpass.getuser", nobody)
    app = copy_of(kinds_application, tmp_path)
    assert main(["promote", str(app), "live"]) == 0
    (entry,) = (app / "store" / "aliases" / "live").iterdir()
    assert json.loads(entry.read_text())["who"] == f"uid:{os.getuid()}"


def test_items_beyond_max_length_are_counted(
    tmp_path: Path, kinds_application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    app = copy_of(kinds_application, tmp_path, built=False)
    schema = json.loads((app / "schema.json").read_text())
    schema["payloads"]["tokens"]["max_length"] = 1
    (app / "schema.json").write_text(json.dumps(schema))
    main(["check", str(app), "-q"])
    assert "cut at the max_length of 'tokens'" in capsys.readouterr().out


def test_one_label_that_is_overridden_is_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app = tmp_path / "app"
    assert main(["init", str(app)]) == 0
    (app / "data" / "z.jsonl").write_text('{"id": "example-1", "tasks": {"Topic": {"rules": "sport"}}}\n')
    assert main(["check", str(app), "-q"]) == 0
    assert "1 label overridden)" in capsys.readouterr().out


def test_a_server_for_other_machines_is_told_how_to_ask_for_a_token(
    tmp_path: Path, kinds_application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "token").write_text("short")
    words = ["serve", str(kinds_application.directory), "--host", "0.0.0.0", "--port", "0", "-q"]
    assert main(words) == 1
    assert "--token-file" in capsys.readouterr().err
    assert main([*words, "--token-file", str(tmp_path / "token")]) == 1
    assert "[serve.bad-token]" in capsys.readouterr().err


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


@pytest.mark.parametrize("word", ["live", "@live"])
def test_a_version_without_its_application_is_told_how_it_is_named(
    word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["report", word]) == 1
    told = capsys.readouterr().err
    assert "as in APP@live" in told
    assert "init" not in told


def test_records_of_an_example_that_is_always_the_same_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", str(tmp_path / "app"), "--records", "9"]) == 2
    assert "say nothing of blank" in capsys.readouterr().err
    assert not (tmp_path / "app").exists()


def test_an_unknown_example_names_those_there_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path / "app"), "--example", "factiod"]) == 1
    assert "Did you mean 'factoid'?" in capsys.readouterr().err


def test_what_to_do_next_can_be_copied_into_a_shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app = tmp_path / "mein Projekt é" / "it's"
    assert main(["init", str(app)]) == 0
    command = capsys.readouterr().out.partition("Next: ")[2]
    assert shlex.split(command) == ["overton", "check", str(app)]


@pytest.mark.parametrize("words", [["runs", "--limit"], ["discover", "--limit"], ["discover", "--min-records"]])
def test_nothing_at_all_is_no_number_of_things_to_tell(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With none to tell, it would say that there is none."""
    with pytest.raises(SystemExit) as stop:
        main([words[0], "app", words[1], "0"])
    assert stop.value.code == 2
    assert "expected a whole number, 1 or more, got '0'" in capsys.readouterr().err


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_a_seed_that_is_none_is_wrong_usage(seed: int, kinds_application: Application) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["build", str(kinds_application.directory), "--seed", str(seed)])
    assert stop.value.code == 2
    with pytest.raises(OvertonError, match="expected a seed from 0"):
        kinds_application.build(seed=seed)


def test_an_unknown_task_names_the_near_one(kinds_application: Application, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sources", str(kinds_application.directory), "-q", "--task", "Recrod"]) == 1
    assert "the schema has no task 'Recrod'. Did you mean 'Record' or 'RecordBits'?" in capsys.readouterr().err


def test_check_tells_the_faults_of_tuning_and_data_together(
    tmp_path: Path, kinds_application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    app = copy_of(kinds_application, tmp_path, built=False)
    (app / "tuning.json").write_text('{"training": {"epoch": 3}}')
    with (app / "data" / "more.jsonl").open("w") as file:
        file.write('{"id": "x", "payloads": {"tokens": ["a"], "entities": [{"id": "A", "range": [0, 9]}]}}\n')
    assert main(["check", str(app), "-q", "--quarantine", str(tmp_path / "bad.jsonl")]) == 1
    told = capsys.readouterr().err
    assert "tuning.json:1: $.training.epoch: unknown key 'epoch'. Did you mean 'epochs'? [tuning.unknown-key]" in told
    assert "more.jsonl:1: $.payloads.entities[0].range" in told
    assert json.loads((tmp_path / "bad.jsonl").read_text())["line"] == 1


def test_a_build_refuses_bad_lines_unless_told_how_many_it_may_leave_out(
    tmp_path: Path, kinds_application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    app = copy_of(kinds_application, tmp_path, built=False)
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


def test_a_report_is_shown_where_the_application_may_only_be_read(
    tmp_path: Path, kinds_application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    app = copy_of(kinds_application, tmp_path)
    (app / ".overton" / "reports").write_text("no folder can be made here, whoever runs this")
    assert main(["report", str(app), "-q"]) == 0
    printed = capsys.readouterr()
    assert "slice:big" in printed.out
    assert "no file was written" in printed.err
    assert main(["report", str(app), "-q", "--out", str(app / ".overton" / "reports")]) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names of files are text")
def test_a_data_file_that_is_named_to_report_on_and_whose_name_is_no_text_is_told(
    tmp_path: Path, kinds_application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jsonl")
    shutil.copy(kinds_application.data_files[0], odd)
    assert main(["report", str(kinds_application.directory), "--data", odd, "-q"]) == 1
    assert "the name of the file is not UTF-8" in capsys.readouterr().err


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
    app = copy_of(kinds_application, tmp_path)
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
    app = copy_of(kinds_application, tmp_path, built=False)
    assert main(["explain", str(app), "-q"]) == 0
    told = capsys.readouterr().out
    assert "select_head.v1" in told
    assert re.search(r"\nmay be chosen: [\d,]+ combinations\n(?:  .*\n)*  training.dropout +0.3, 0.15, 0.45\n", told)
    (app / "tuning.json").write_text('{"payloads": {"tokens": {"encoder": ["bag", "cnn"]}}}')
    assert main(["explain", str(app), "-q"]) == 0
    assert capsys.readouterr().out.endswith("may be chosen: 2 combinations\n  tokens.encoder    bag, cnn\n")


def test_of_an_application_of_two_models_the_large_one_is_explained(
    kinds_application: Application, tmp_path: Path, capsys
) -> None:
    app = shutil.copytree(kinds_application.directory, tmp_path / "app")
    own = {name: {"payloads": {"tokens": {"size": size}}} for name, size in {"large": 24, "small": 8}.items()}
    (app / "tuning.json").write_text(json.dumps({"payloads": {"tokens": {"encoder": "bag"}}, "models": own}))
    assert main(["explain", str(app), "-q"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if "tokens.encoder" in line)
    assert "size=24" in line


def test_a_model_of_a_version_is_explained_by_its_name(
    kinds_application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", f"{kinds_application.directory}:small"]) == 1
    assert (
        "has no model 'small'" in capsys.readouterr().err
    )  # of the newest version, not of an application of that name


@pytest.mark.parametrize("name", ["schema", "record", "tuning"])
def test_json_schemas_are_printed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "--json-schema", name]) == 0
    assert json.loads(capsys.readouterr().out)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.long
def test_wherever_a_tag_is_taken_an_expression_over_tags_is_too(
    tmp_path: Path, kinds_application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    app = copy_of(kinds_application, tmp_path)
    assert main(["report", str(app), "-q", "--json", "--tag", "!slice:big"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    n = {(row["tag"], row["split"]): row["n"] for row in rows if row["task"] == "Record" and row["metric"] == "ece"}
    assert main(["report", str(app), "-q", "--json", "--tag", "slice:big"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    other = {(row["tag"], row["split"]): row["n"] for row in rows if row["task"] == "Record" and row["metric"] == "ece"}
    assert n["!slice:big", "test"] == n["*", "test"] - other["slice:big", "test"]
    assert main(["sources", str(app), "-q", "--json", "--task", "Record", "--tag", "slice:big | !slice:big"]) == 0
    tags = {row["tag"] for row in json.loads(capsys.readouterr().out)["rows"]}
    assert tags == {"*", "slice:big | !slice:big"}
    assert main(["errors", str(app), "-q", "--json", "--task", "Token", "--split", "all", "--tag", "!slice:big"]) == 0
    page = json.loads(capsys.readouterr().out)
    gold = sum(n["!slice:big", split] for split in ("dev", "test"))
    assert page["n_records"] == gold
    assert not any("slice:big" in record["tags"] for record in page["records"])
    assert main(["discover", str(app), "-q", "--json", "--task", "Record", "--tag", "!slice:big & (dev | test)"]) == 0
    assert json.loads(capsys.readouterr().out)["tasks"][0]["n"] == gold
    (app / "gate.json").write_text(
        json.dumps({"critical": ["!slice:big & *"], "margins": {"slice:big | !slice:big": 0.1}})
    )
    assert main(["compare", str(app), str(app), "-q", "--json", "--tag", "!(slice:big)"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    compared = {row["tag"]: row for row in rows if row["task"] == "Record" and row["metric"] == "accuracy"}
    assert {tag: row["n"] for tag, row in compared.items() if "!" in tag} == {
        "!slice:big & *": n["!slice:big", "test"],
        "!(slice:big)": n["!slice:big", "test"],
        "slice:big | !slice:big": n["*", "test"],
    }
    assert compared["!slice:big & *"]["critical"]
    assert compared["slice:big | !slice:big"]["margin"] == 0.1
    assert main(["report", str(app), "-q", "--tag", "slice:big & !slice:bigg"]) == 1
    assert "at character 14 of 'slice:big & !slice:bigg'. Did you mean 'slice:big'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    ['"slice:big"', "*", *(pytest.param(text, marks=pytest.mark.slow) for text in (" slice:big ", "(slice:big)"))],
)
def test_quotes_brackets_and_the_star_are_read_wherever_a_tag_is_taken(
    text: str, kinds_application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    app = kinds_application.directory  # nothing is written but what is derived, and that once for all of them

    def told_by(command: str, *more: str) -> dict[str, Any]:
        assert main([command, str(app), *more, "-q", "--json", "--tag", text]) == 0
        return json.loads(capsys.readouterr().out)

    tags = {"*", text}
    assert {row["tag"] for row in told_by("report")["rows"]} == tags
    assert {row["tag"] for row in told_by("sources", "--task", "Record")["rows"]} == tags
    assert {row["tag"] for row in told_by("compare", str(app))["rows"]} >= tags
    assert told_by("errors", "--task", "Token", "--split", "all")["n_records"] > 0
    assert told_by("discover", "--task", "Record")["tasks"][0]["n"] > 0


def test_a_tag_given_after_the_build_is_reported_too(
    tmp_path: Path, kinds_application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    app = copy_of(kinds_application, tmp_path)
    assert main(["tag", str(app), "slice:new", "--where", "list_contains(tags, 'slice:big')"]) == 0
    capsys.readouterr()
    assert main(["report", str(app), "-q", "--json", "--tag", "slice:new"]) == 0
    told = capsys.readouterr()
    assert "slice:new" in {row["tag"] for row in json.loads(told.out)["rows"]}
    assert "the figures are of the files as they are now" in told.err
    assert main(["report", str(app), "-q", "--tag", "slice:enw"]) == 1
    assert "no record has the tag 'slice:enw'. Did you mean 'slice:new' or" in capsys.readouterr().err


def test_an_empty_tag_is_refused(
    tmp_path: Path, kinds_application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    app = copy_of(kinds_application, tmp_path)
    assert main(["report", str(app), "-q", "--tag", ""]) == 1
    assert "expected a tag" in capsys.readouterr().err


def checked(app: Path, capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Faults and warnings of `check`, by their codes."""
    main(["check", str(app), "--json", "-q"])
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] == (not told["problems"])
    faults, warnings = ({one["code"]: str(one) for one in told[part]} for part in ("problems", "warnings"))
    return faults, warnings


def test_a_check_reads_the_gate_as_a_build_does(
    tmp_path: Path, kinds_application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    app = copy_of(kinds_application, tmp_path, built=False)
    for text, code in (("{bad", "gate.bad-json"), ('{"alhpa": 0.1}', "gate.unknown-key")):
        (app / "gate.json").write_text(text)
        faults, _ = checked(app, capsys)
        assert "gate.json" in faults[code]
    (app / "gate.json").write_text(json.dumps({"critical": ["slice:nobody"], "margins": {"*": 0.1}}))
    faults, warnings = checked(app, capsys)
    assert not faults
    assert "no record has the tag 'slice:nobody'" in warnings["tags.unknown-tag"]
    assert "$.critical" in warnings["tags.unknown-tag"]


def test_a_check_tells_an_objective_of_which_no_record_is_as_a_build_does(
    tmp_path: Path, kinds_application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    app = copy_of(kinds_application, tmp_path, built=False)
    (app / "tuning.json").write_text(json.dumps({"search": {"objective": "Record@slice:sevn", "trials": 2}}, indent=1))
    faults, _ = checked(app, capsys)
    assert "no record has the tag 'slice:sevn'" in faults["tags.unknown-tag"]
    assert "'line': 3" in faults["tags.unknown-tag"]


def test_files_that_nobody_reads_are_told_by_a_check(
    tmp_path: Path, kinds_application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    app = copy_of(kinds_application, tmp_path, built=False)
    assert "data.ignored-file" not in checked(app, capsys)[1]
    (app / "data" / "d.csv").write_text("a,b")
    assert "ignored: data/d.csv" in checked(app, capsys)[1]["data.ignored-file"]


def test_bad_lines_may_be_left_out_of_every_look_at_a_version(
    tmp_path: Path, kinds_application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    app = copy_of(kinds_application, tmp_path)
    (app / "data" / "zz.jsonl").write_text("{\n")
    data = ["--data", str(app / "data")]
    for words in (["errors", "--task", "Record"], ["discover", "--task", "Record"], ["report", *data]):
        command = [words[0], str(app), *words[1:], "-q"]
        assert main(command) == 1
        assert "--max-bad 1 [data.too-many-bad]" in capsys.readouterr().err
        assert main([*command, "--max-bad", "1"]) == 0
    assert main(["drift", str(app), str(app / "data"), "-q"]) == 1
    assert main(["drift", str(app), str(app / "data"), "-q", "--max-bad", "1"]) == 0
    tag = ["tag", str(app), "slice:some", "--where", "split = 'test'", "-q"]
    assert main(tag) == 1
    assert main([*tag, "--max-bad", "1"]) == 0
