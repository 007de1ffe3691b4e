"""A build that searches: killed and taken up again, bound by what serving can bear, told afterwards."""

import json
import signal
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

import overton
from overton import trials
from overton.application import Application
from overton.base import OvertonError, Problem
from overton.cli.main import main
from overton.combining import combine_all
from overton.evaluate import Gate
from overton.exporting import export
from overton.fitting import untrained
from overton.pipeline import plan
from overton.trials import goal_of, space_for
from overton.tune import Goal, Score, Trial
from tests.test_warm_build import TASKS, write_application

BUILD = [sys.executable, "-m", "overton.cli.main", "build"]
LISTS = {
    "payloads": {
        "tokens": {"size": [16, 8], "encoder": ["cnn", "bag"]},
        "query": {"size": 16},
        "entities": {"size": 16},
    },
    "training": {"epochs": 2, "dropout": [0.3, 0.1, 0.2]},
}


def write(directory: Path, **more: object) -> Path:
    write_application(directory)
    (directory / "tuning.json").write_text(json.dumps({**LISTS, **more}))
    return directory


def journal_of(directory: Path) -> dict[str, bytes]:
    """What is kept of the trials that are over, by file."""
    content = {path.name: path.read_bytes() for path in (directory / ".overton" / "searches").glob("*/*.json")}
    return {name: text for name, text in content.items() if json.loads(text)["status"] != "running"}


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_search_that_is_killed_ends_as_if_it_never_was(tmp_path: Path, capsys) -> None:
    killed, whole = (write(tmp_path / name, serving={"int8": "off"}) for name in ("killed", "whole"))
    left = killed / ".overton" / "runs" / "0" / ".checkpoint.safetensors.a.tmp"  # as of a process that was killed
    left.parent.mkdir(parents=True)
    left.touch()
    command = [*BUILD, str(killed), "--trials", "5", "--on", "local:2"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "search: trial 2:" in line and " s; " in line:
                process.send_signal(signal.SIGKILL)
                break
    done = journal_of(killed)
    assert 2 <= len(done) < 5
    rows = overton.load(killed).runs()
    assert (rows[0]["status"], len(rows[0]["trials"]) >= 2) == ("stopped", True)
    assert main(["build", str(killed), "--trials", "5", "--on", "local:1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {name: journal_of(killed)[name] for name in done} == done
    assert len(journal_of(killed)) == len(told["search"]["trials"]) == 5

    other = overton.load(whole).build(trials=5, on="local:2")
    found, study = overton.load(killed).version(), other.study()
    assert study is not None
    # A trial whose workers the system ended three times has failed, and another may be the best: that is told first.
    for ended in ([one["reason"] for one in told["search"]["trials"]], [one.score.reason for one in study.trials]):
        assert ended == [""] * 5
    assert found.artifact.files["weights.safetensors"] == other.artifact.files["weights.safetensors"]
    assert found.artifact.files["choices.json"] == other.artifact.files["choices.json"]
    assert [one["picked"] for one in told["search"]["trials"]] == [dict(one.picked) for one in study.trials]
    assert [one["value"] for one in told["search"]["trials"]] == [one.score.value for one in study.trials]
    assert list((killed / ".overton").glob("runs/*")) == []  # no checkpoint is left, of the best or of any other
    # What a worker left of a graph stays for an hour, since another process might be writing it.
    assert [path for path in killed.rglob("*.tmp") if path.parent.name != "graphs"] == []
    if find_spec("tensorboardX"):
        watched = {path.parent.name for path in whole.glob(".overton/builds/*/*/events.out.tfevents.*")}
        assert watched == {f"trial-{trial.number:04}" for trial in study.trials}

    resumed, stopped = overton.load(killed).runs()
    before = {one["number"] for one in stopped["trials"]}
    assert before == {one["number"] for one in resumed["trials"] if one["earlier"]}
    assert {1, 2} <= before < {1, 2, 3, 4, 5}
    assert main(["report", str(killed)]) == 0
    assert "search: mean over tasks on dev; 5 trials, seed 0" in capsys.readouterr().out
    assert main(["explain", f"{killed}@latest"]) == 0
    assert f"picked by trial {study.best.number} of 5" in capsys.readouterr().out
    assert main(["runs", str(killed)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[3] == f"{study.best.score.value:.4f}"
    assert [line.split()[1] for line in lines if line.startswith("20")] == ["done", "stopped"]
    assert sum(line.startswith("  trial") for line in lines[:7]) == 5

    (whole / "tuning.json").write_bytes(other.artifact.files["choices.json"])
    assert main(["build", str(whole), "--trials", "5"]) == 0
    assert "every setting is pinned: there is nothing to search for" in capsys.readouterr().err
    pinned = overton.load(whole).version()
    assert pinned.study() is None
    assert pinned.artifact.files["weights.safetensors"] == other.artifact.files["weights.safetensors"]


@pytest.mark.slow
def test_a_build_tells_how_good_the_model_is_that_it_serves(tmp_path: Path) -> None:
    app = write(tmp_path / "app", serving={"int8": "off"}, training={"epochs": 1, "learning_rate": 0.0003})
    said = (app / "tuning.json").read_text()
    write_application(app, (*TASKS, "TokenBits"), n_records=240)
    (app / "tuning.json").write_text(said)
    version = overton.load(app).build(trials=2, on="local:1")
    study = version.study()
    assert study is not None
    best = study.best.score
    (app / "tuning.json").write_bytes(version.artifact.files["choices.json"])
    overton.load(app).build()  # the same program, not searched for
    pinned, searched = overton.load(app).runs()
    assert (searched["score"], searched["p99_ms"]) == (best.value, best.p99_ms)
    assert pinned["score"] == pytest.approx(best.value)
    assert pinned["size_mb"] == searched["size_mb"] == best.size_mb
    # Thresholds of bits are found when training is over: what it saw of the best epoch is another figure.
    lineage = version.artifact.json("lineage.json")
    seen = lineage["epochs"][lineage["best_epoch"] - 1]["scores"].values()
    assert sum(seen) / len(seen) != pytest.approx(best.value, abs=1e-3)


@pytest.mark.slow
def test_what_is_too_large_to_serve_is_not_even_trained(tmp_path: Path) -> None:
    blocks = {"tokens": {"size": 8, "characters": [True, False]}, "query": {"size": 8}, "entities": {"size": 8}}
    app = overton.load(write(tmp_path / "app", payloads=blocks, training={"epochs": 1}))
    dataset, sizes = app.dataset(), {}
    for picked in space_for(dataset, app.tuning, app.directory):
        planned = plan(dataset, app.tuning, choices=space_for(dataset, app.tuning, app.directory).choices(picked))
        sizes[picked["tokens.characters"]] = (
            len(export(dataset, planned, untrained(planned, 0)).files["model.onnx"]) / 1e6
        )
    bound = (sizes[True] + sizes[False]) / 2
    serving = {"size_mb": bound, "int8": "off"}
    app = overton.load(write(tmp_path / "app", payloads=blocks, training={"epochs": 1}, serving=serving))
    version = app.build(trials=2, on="local:1")
    study = version.study()
    assert study is not None
    first, second = (one.score for one in study.trials)
    assert (first.status, first.curve, second.status, len(second.curve)) == ("infeasible", (), "done", 1)
    assert first.size_mb == pytest.approx(sizes[True], abs=0.01)
    assert len(version.artifact.files["model.onnx"]) / 1e6 == pytest.approx(sizes[False], abs=0.01)
    assert version.artifact.json("choices.json")["payloads"]["tokens"]["characters"] is False


def test_only_latency_and_size_are_bounds_of_a_search(tmp_path: Path) -> None:
    app = overton.load(write(tmp_path / "app", serving={"int8": "off", "p99_ms": 5}))
    assert dict(goal_of(app.dataset(), app.tuning).bounds) == {"p99_ms": 5}


def test_what_a_search_looks_for_must_be_on_dev(tmp_path: Path) -> None:
    app = write(tmp_path / "app", search={"trials": 2, "objective": "slice:bigg"})
    said = r"tuning.json:1: \$.search.objective: no record has the tag 'slice:bigg'.* Did you mean 'slice:big'\?"
    with pytest.raises(OvertonError, match=said):
        overton.load(app).build(on="local:1")
    assert overton.load(app).runs()[0]["status"] == "failed"
    assert "slice:bigg" in overton.load(app).runs()[0]["reason"]


@pytest.mark.parametrize(
    ("objective", "said"),
    [
        ("slice:big & !dev", r"'slice:big & !dev' matches no record on dev"),
        ("Record@slice:big & (trian | dev)", r"no record has the tag 'trian', at character 14 .* 'train'\?"),
        ("slice:big & (dev", r"the bracket opened at character 13 is not closed"),
        ("Record@", None),
        ("Record@slice:big & !train", None),
        ("!slice:big", None),
    ],
)
def test_expressions_over_tags_may_be_looked_for(tmp_path: Path, objective: str, said: str | None) -> None:
    app = overton.load(write(tmp_path / "app", search={"trials": 2, "objective": objective}))
    if said is None:
        assert goal_of(app.dataset(), app.tuning).objective == objective
    else:
        with pytest.raises(OvertonError, match=rf"tuning.json(:1)?: \$.search.objective: {said}"):
            goal_of(app.dataset(), app.tuning)


def test_bits_that_gold_nowhere_holds_are_not_looked_for(tmp_path: Path) -> None:
    directory = write(tmp_path / "app", search={"trials": 2, "objective": "Topic"})
    schema = json.loads((directory / "schema.json").read_text())
    schema["tasks"]["Topic"] = {"payload": "query", "type": "bitvector", "classes": ["a", "b"]}
    (directory / "schema.json").write_text(json.dumps(schema))
    path = directory / "data" / "a.jsonl"
    lines = path.read_text()
    for label, is_refused in (([], True), (["a"], False)):
        records = [json.loads(line) for line in lines.splitlines()]
        for record in records:
            record.setdefault("tasks", {})["Topic"] = {"rule": ["a"], "gold": label}
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        app = overton.load(directory)
        with pytest.raises(OvertonError, match="nothing is known of Topic") if is_refused else nullcontext():
            goal_of(app.dataset(), app.tuning)


def test_what_nothing_is_known_of_is_not_looked_for(tmp_path: Path, capsys) -> None:
    directory = write(tmp_path / "app", search={"trials": 2, "objective": "Record@slice:big"})
    path = directory / "data" / "a.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    for record in records:
        if "slice:big" in record["tags"]:
            record["tasks"].get("Record", {}).pop("gold", None)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    said = "tuning.json:1: $.search.objective: nothing is known of Record on the dev records of slice:big. Add gold"
    assert main(["check", str(directory), "-q"]) == 1
    assert said in capsys.readouterr().err
    assert main(["build", str(directory), "-q", "--on", "local:1"]) == 1
    assert said in capsys.readouterr().err
    assert overton.load(directory).runs()[0]["trials"] == [], "no trial is trained to find that out"
    for record in records:
        if "dev" in record["tags"]:
            record["tasks"].get("Record", {}).pop("gold", None)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    app = overton.load(directory)
    assert goal_of(app.dataset(), app.tuning).objective == "Record@slice:big", "votes count where dev has no gold"


def test_what_is_looked_for_is_told_of_the_records_of_an_expression(kinds_application: Application) -> None:
    expression, version, dataset = "!slice:big & !train", kinds_application.version(), kinds_application.dataset()
    recipe = SimpleNamespace(goal=Goal(f"Record@{expression}", {}), combined=combine_all(dataset))
    scores = trials._scores_of(recipe, dataset, version.artifact)
    report = version.evaluate(tags=[expression]).report
    for task, score in scores.items():
        row, whole = (report.row(task, "dev", tag, report.main_metric[task]) for tag in (expression, "*"))
        assert score == pytest.approx(row.value), task
        assert 0 < row.n < whole.n
    assert {task.name for task in dataset.schema.tasks} == set(scores)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--trials", "0"], "--trials is a whole number from 1 to 1000"),
        (["--trials", "2000"], "--trials is a whole number from 1 to 1000"),
        (["--trials", "2", "--ranks", "2", "-q"], "each trial of a search trains alone, so --ranks says nothing"),
        (["--promote", ""], "--promote is empty; name an alias, or leave it out"),
        (["--from", " "], "--from is empty; name a version, or leave it out"),
        (["--on", "moon"], "there is no engine 'moon'"),
    ],
)
def test_what_no_build_can_do_is_told_at_once(tmp_path: Path, words: list[str], said: str, capsys) -> None:
    app = write(tmp_path / "app")
    assert main(["build", str(app), *words]) == (1 if "--on" in words else 2)
    assert said in capsys.readouterr().err
    assert not (app / ".overton").exists()


def test_an_effort_that_no_tuning_file_may_ask_for_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OvertonError, match="trials: expected a whole number from 1 to 1000, got 2000"):
        overton.load(write(tmp_path / "app")).build(trials=2000)


def test_an_application_that_was_never_built_has_no_runs(tmp_path: Path, capsys) -> None:
    app = write(tmp_path / "app")
    assert main(["runs", str(app), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"runs": []}


@pytest.mark.parametrize(("search", "wanted"), [({"minutes": 0}, False), ({"minutes": 0.5}, True), ({}, False)])
def test_no_minutes_ask_for_no_search(tmp_path: Path, search: dict, wanted: bool) -> None:
    app = overton.load(write(tmp_path / "app", search=search))
    assert trials.is_searched(app.tuning) is wanted


def test_minutes_that_are_asked_for_go_before_a_file_that_wants_no_search(tmp_path: Path) -> None:
    tuning = overton.load(write(tmp_path / "app", search={"trials": 1, "at_once": 2})).tuning
    assert not trials.is_searched(tuning)
    assert tuning.searched(minutes=5).search == {"at_once": 2, "minutes": 5}
    assert trials.is_searched(tuning.searched(minutes=5))
    assert not trials.is_searched(tuning.searched(trials=1, minutes=5))
    more = overton.load(write(tmp_path / "more", search={"trials": 7})).tuning
    assert more.searched(minutes=5).search == {"trials": 7, "minutes": 5}


def test_a_search_goes_on_only_from_trials_of_the_same_gate_vectors_parent_seed_and_goal(tmp_path: Path) -> None:
    embedding = {"tokens": {"embedding": ["hash", "vectors:words.txt"]}}
    app = overton.load(write(tmp_path / "app", payloads=embedding))
    dataset, tuning = app.dataset(), app.tuning

    def key(gate: Gate | None = None, seed: int = 0, parent: object = None, **search: object) -> str:
        own = replace(tuning, search=search)
        return trials._key(dataset, own, space_for(dataset, own, app.directory), seed, parent, gate, app.directory)

    (app.directory / "words.txt").write_text("red 1 2\n")
    before = key()
    assert key(Gate()) == before
    assert key(Gate(margin=0.5)) != before
    (app.directory / "words.txt").write_text("red 1 3\n")
    assert key() != before
    own = {"payloads": {"tokens": {}}}
    (app.directory / "tuning.json").write_text(json.dumps(own))
    (app.directory / "resources").mkdir()
    at_hand = overton.load(app.directory).tuning

    def key_of(vectors: str) -> str:
        (app.directory / "resources" / "words.txt").write_text(vectors)
        space = space_for(dataset, at_hand, app.directory)
        assert space.embeddings["tokens.embedding"] == ["hash", "vectors:resources/words.txt"]
        return trials._key(dataset, at_hand, space, 0, None, None, app.directory)

    assert key_of("red 1 2\n") != key_of("red 1 3\n")
    same, others = (
        {key(trials=3), key(minutes=5.0)},
        {key(seed=1), key(parent=SimpleNamespace(id="a")), key(objective="T")},
    )
    assert len(same) == 1
    assert len(same | others) == 4


def test_a_trial_is_trained_with_the_seed_of_its_search_and_from_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, object] = {}

    def fit(*_: object, **named: object) -> None:
        given.update(named)
        raise OvertonError(Problem("enough", "test.enough"))

    monkeypatch.setattr(trials, "fit", fit)
    monkeypatch.setattr(trials, "plan", lambda *_, **__: None)
    bench = SimpleNamespace(folder=None, watch=None, graphs=lambda: None, resume=lambda: None)
    recipe = SimpleNamespace(bench=bench, tuning=None, goal=Goal(), combined={}, seed=7, parent="a parent")
    with pytest.raises(OvertonError, match="enough"):
        trials._score(recipe, None, [], {}, SimpleNamespace(choices=None, number=1, picked={}, limits=()), print)
    assert (given["seed"], given["parent"]) == (7, "a parent")


def test_the_checkpoint_of_the_best_trial_stays_for_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    removed: list[str] = []
    monkeypatch.setattr("overton.train.files.remove_checkpoint", lambda folder: removed.append(folder.name))
    scores = [Score("done", 0.5, run="a"), Score("done", 0.9, run="b"), Score("pruned", 0.8, run="c"), Score("failed")]
    trials._forget_worse(tmp_path, tuple(Trial(number, {}, score) for number, score in enumerate(scores, 1)))
    assert removed == ["a", "c"]
