"""`overton experiment` as a user runs it, on the example application made small."""

import json
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from overton.application import Application
from overton.cli.main import main

TINY = {"payloads": {"tokens": {"size": 16, "layers": 1}, "query": {"size": 16}}, "training": {"epochs": 1}}


@pytest.fixture
def app(tmp_path: Path) -> Path:
    directory = tmp_path / "app"
    assert main(["init", str(directory), "--example", "factoid", "--records", "120"]) == 0
    (directory / "tuning.json").write_text(json.dumps(TINY))
    return directory


def written(folder: Path, kind: str) -> dict:
    assert ElementTree.parse(folder / f"{kind}.svg").getroot().tag.endswith("svg")
    return json.loads((folder / f"{kind}.json").read_text())


@pytest.mark.long
def test_scaling_tells_draws_and_goes_on_where_it_stood(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["experiment", "scaling", str(app), "--seeds", "1", "--on", "local:1"]
    assert main([*words, "--sizes", "1,4"]) == 0
    told = capsys.readouterr()
    assert "Intent  accuracy on test" in told.out
    assert told.err.count("experiment: ") == 2
    folder = app / ".overton" / "experiments"
    document = written(folder, "scaling")
    assert (document["format"], document["kind"], len(document["points"])) == (1, "scaling", 2)
    assert {row["figure"] for row in document["rows"]} == {"value", "relative"}
    assert main([*words, "--sizes", "1,4", "--json", "--task", "POS", "--output", str(app / "out")]) == 0
    told = capsys.readouterr()
    assert told.err.count("(measured before)") == 2
    assert json.loads(told.out) == written(app / "out", "scaling")
    assert json.loads(told.out)["shown"] == ["POS"]
    assert len(list((folder / "points").iterdir())) == 2


def test_what_is_pretrained_is_measured_beside_what_is_not(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (app / "vectors.txt").write_text(
        "".join(f"{word} {n} 1 -1\n" for n, word in enumerate(["how", "tall", "is", "the"]))
    )
    assert main(["experiment", "scaling", str(app), "--seeds", "1", "--sizes", "1", "-q", "--on", "local:1"]) == 0
    words = ["experiment", "pretrained", str(app), "--embedding", "vectors:vectors.txt", "--sizes", "1", "--seeds", "1"]
    words += ["--on", "local:1"]
    assert main(words) == 0
    told = capsys.readouterr()
    assert "one seed: whether a difference is more than noise cannot be told" in told.out
    assert told.err.count("(measured before)") == 1  # without: the point of the other experiment
    document = written(app / ".overton" / "experiments", "pretrained")
    assert {row["figure"] for row in document["rows"]} == {"value", "relative", "ratio", "difference"}
    assert document["choices"]["with"]["payloads"]["tokens"]["embedding"] == "vectors:vectors.txt"
    assert document["choices"]["without"]["payloads"]["tokens"]["embedding"] == "hash"


def test_a_version_is_set_beside_a_former_system(
    tmp_path: Path, kinds_application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    app = shutil.copytree(kinds_application.directory, tmp_path / "app")
    words = ["experiment", "baseline", str(app), "--source", "rule", "--task", "Record", "-q"]
    for named in (f"{app}@latest", "latest"):  # as `build --from` and `tag --version` take it
        assert main([*words, "--version", named]) == 0
        assert "beside rule, on test" in capsys.readouterr().out
    document = written(app / ".overton" / "experiments", "baseline")
    (row,) = document["rows"]
    assert row["task"] == "Record"
    assert (row["n"], row["former_errors"]) == (34, 0)  # rule is right wherever gold is


@pytest.mark.slow
def test_a_version_is_built_where_there_is_none(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["experiment", "baseline", str(app), "--source", "legacy_v1", "--task", "Intent"]) == 0
    assert "there is no version yet: one is built" in capsys.readouterr().err
    assert list((app / "store" / "versions").iterdir())


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["scaling", "--sizes", "4,2"], "experiment.bad-sizes"),
        (["scaling", "--task", "Intnet"], "application.unknown-task"),
        (["baseline", "--source", "legacy"], "experiment.unknown-source"),
        (["pretrained", "--embedding", "vectors:none.txt"], "pretrained.not-found"),
    ],
)
def test_a_fault_of_the_user_is_told_in_one_line(
    words: list[str], code: str, app: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["experiment", words[0], str(app), "-q", *words[1:]]) == 1
    told = capsys.readouterr().err
    assert told.endswith(f"[{code}]\n")
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["scalign"],
        ["scaling"],
        ["scaling", "APP", "--sizes", "1,two"],
        ["pretrained", "APP"],
        ["baseline", "APP"],
        ["baseline", "APP", "--source", "s", "--sizes", "1,2"],
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_with_2(words: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["experiment", *words])
    assert stopped.value.code == 2


@pytest.mark.parametrize("kind", ["scaling", "pretrained", "baseline"])
def test_every_experiment_has_help_with_an_example(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["experiment", kind, "--help"])
    assert stopped.value.code == 0
    assert f"example:\n  overton experiment {kind}" in capsys.readouterr().out
