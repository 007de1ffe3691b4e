"""What lies around a build."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import overton
from overton import building, spreading
from overton.application import Application
from overton.base import OvertonError
from overton.bench import bench_of
from overton.combining import combine_all
from overton.data import Dataset, Votes
from overton.engine import Inline
from overton.fitting import Plan
from overton.pipeline import build, plan
from overton.runs import run_of
from overton.supervision import Combined, combine
from overton.train import Trained
from overton.train.files import FILE
from overton.version import Version
from tests.kinds import write_kinds
from tests.tiny_artifact import tiny_artifact
from tests.watch.test_watch import read_points


def test_more_ranks_than_a_cluster_has_workers_are_refused_before_anything_is_done(tmp_path: Path, monkeypatch) -> None:
    write_kinds(tmp_path / "app", n_records=12, tasks=("Record",))
    monkeypatch.setattr("overton.engine.engine_of", lambda place: Inline())
    with pytest.raises(OvertonError, match=r"2 ranks need as many workers, and ray has 1"):
        overton.load(tmp_path / "app").build(ranks=2, on="ray")


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ({"ranks": 500}, "train.too-many-ranks"),
        ({"ranks": 500, "on": "local:500"}, "train.too-many-ranks"),
        ({"ranks": 2, "trials": 3}, "train.ranks-of-trials"),
    ],
)
def test_ranks_that_would_only_be_in_each_others_way_are_refused(tmp_path: Path, how: dict, code: str) -> None:
    write_kinds(tmp_path / "app", n_records=12, tasks=("Record",))
    with pytest.raises(OvertonError) as raised:
        overton.load(tmp_path / "app").build(**how)
    assert raised.value.problems[0].code == code


def test_what_a_killed_build_was_writing_is_gone_after_an_hour(tmp_path: Path, monkeypatch) -> None:
    write_kinds(tmp_path / "app", n_records=12, tasks=("Record",))
    left = tmp_path / "app" / ".overton" / "votes" / ".Record.tally.x.tmp"
    left.parent.mkdir(parents=True)
    left.touch()
    monkeypatch.setattr("overton.building.time.time", lambda: left.stat().st_mtime + 3601 if left.exists() else 0)
    (tmp_path / "app" / "tuning.json").write_text('{"payloads": {"tokens": {"embedding": "vectors:nowhere.txt"}}}')
    with pytest.raises(OvertonError, match=r"nowhere\.txt"):
        overton.load(tmp_path / "app").build()
    assert not left.exists()


def test_a_version_is_judged_by_the_workers_of_its_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_kinds(tmp_path / "app", n_records=12, tasks=("Record",))
    asked: list[tuple] = []
    monkeypatch.setattr("overton.spreading.predict_on", lambda *given, **_: asked.append(given))
    monkeypatch.setattr("overton.pipeline.build", lambda *_, **given: given["spread"](tiny_artifact())("records"))
    monkeypatch.setattr("overton.building._log", lambda *_: None)
    with pytest.raises(AttributeError):  # nothing was built that a store could take
        overton.load(tmp_path / "app").build(on="local:2")
    ((engine, artifact, cache, records),) = asked
    assert engine.workers == 2
    assert artifact.id == tiny_artifact().id
    assert cache == tmp_path / "app" / ".overton" / "rows"
    assert records == "records"


def test_a_build_hands_its_seed_and_its_parent_to_its_search_and_its_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_kinds(tmp_path / "app", n_records=12, tasks=("Record",))
    asked: list[tuple[int, str]] = []

    def take(*_: object, **given: Any) -> None:
        asked.append((given["seed"], given["parent"].id))

    monkeypatch.setattr("overton.trials.choose", take)
    monkeypatch.setattr("overton.pipeline.build", take)
    parent = Version(tiny_artifact().id, tiny_artifact())
    with pytest.raises(AttributeError):  # nothing was built that a store could take
        overton.load(tmp_path / "app").build(seed=7, parent=parent)
    assert asked == [(7, parent.id)] * 2


def test_a_build_that_ends_takes_nothing_from_one_that_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its checkpoint would be lost, and to lose what it writes would end it."""
    write_kinds(tmp_path / "app", n_records=12, tasks=("Record",))
    home = tmp_path / "app" / ".overton"
    others = [home / "runs" / "key" / FILE, home / "runs" / "key" / f".{FILE}.1.tmp", home / "searches/a/.trial.1.tmp"]
    for path in others:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.setattr("overton.pipeline.build", lambda *_, **__: tiny_artifact())
    monkeypatch.setattr("overton.building.served", lambda artifact: {})
    with run_of(home / "builds", home / "searches"):
        overton.load(tmp_path / "app").build()
        assert all(path.exists() for path in others)
    overton.load(tmp_path / "app").build()
    assert not any(path.exists() for path in others)
    assert list((home / "runs").iterdir()) == []


def test_the_version_built_last_is_the_latest_though_the_clock_was_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_kinds(tmp_path / "app", n_records=12, tasks=("Record",))
    monkeypatch.setattr("overton.building.served", lambda artifact: {})
    application, built = overton.load(tmp_path / "app"), []
    for number, when in enumerate(["2026-01-02T00:00:00.999999+00:00", "2026-01-01T00:00:00.000000+00:00"]):
        monkeypatch.setattr("overton.pipeline.build", lambda *_, number=number, **__: tiny_artifact(number))
        monkeypatch.setattr("overton.building.instant", lambda when=when: when)
        built.append(application.build().id)
    assert application.store.resolve("latest") == built[1]
    assert application.store.manifest(built[1]).created == "2026-01-02T00:00:01.000000+00:00"


@pytest.mark.long
def test_a_profile_of_a_training_lies_beside_the_account_of_its_run(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    write_kinds(tmp_path / "app", n_records=120, tasks=("Record",))
    payloads = {"tokens": {"size": 16, "encoder": "bag"}, "query": {"size": 16}, "entities": {"size": 16}}
    (tmp_path / "app" / "tuning.json").write_text(json.dumps({"payloads": payloads, "training": {"epochs": 4}}))
    application = overton.load(tmp_path / "app")
    dataset = application.dataset()
    planned = plan(dataset, application.tuning, tmp_path / "app")
    bench = bench_of(application.schema, application.data_files, application.directory, application.home)
    bench = replace(bench, watch=tmp_path / "run")
    told: list[str] = []
    building._fit(
        bench, True, dataset, planned, combine_all(dataset), seed=0, observe=lambda event: told.append(event.message)
    )
    folder = tmp_path / "run" / "train"
    operators, parts = (folder / "profile.txt").read_text().split("parts of the training\n")
    assert "aten::" in operators
    assert "forward" not in operators
    assert "forward" in parts
    assert "aten::" not in parts
    assert json.loads((folder / "trace.json").read_text())["traceEvents"]
    assert any("steps profiled" in line for line in told)
    assert any("% of the steps inside" in line for line in told)
    curves = read_points(folder)
    assert {"loss/Record", "dev/Record", "slice/big/Record", "train/learning_rate", "train/records_per_second"} <= {
        *curves
    }
    assert {name: [epoch for epoch, _ in points] for name, points in curves.items()} == {
        name: [1, 2, 3, 4] for name in curves
    }


class Noting(Inline):
    """One process that is taken for two, and remembers what was made of it."""

    workers = 2

    def __init__(self) -> None:
        self.made: list[str] = []

    def run(self, make: Any, pieces: Any, **how: Any) -> Any:
        self.made.append(make.func.__name__)
        return super().run(make, pieces, **how)


@pytest.mark.slow
def test_a_build_reads_counts_searches_and_evaluates_on_the_engine_that_it_is_given(
    tmp_path: Path, monkeypatch
) -> None:
    """Elsewhere it is seen that the outcome is the same, which it would be too if nothing was spread."""
    write_kinds(tmp_path / "app", n_records=60, tasks=("Record",))
    small = {"size": 8, "wide": False}
    payloads = {"tokens": {"size": 8, "encoder": "bag"}, "query": small, "title": small, "entities": {"size": 8}}
    tuning = {"payloads": payloads, "training": {"epochs": 1, "dropout": [0.3, 0.1]}, "serving": {"int8": "off"}}
    (tmp_path / "app" / "tuning.json").write_text(json.dumps(tuning))
    data = tmp_path / "app" / "data" / "records.jsonl"
    lines = data.read_text().splitlines()
    data.write_text("\n".join(lines[:30]))
    data.with_name("more.jsonl").write_text("\n".join(lines[30:]))
    engine = Noting()
    monkeypatch.setattr("overton.engine.engine_of", lambda place: engine)
    monkeypatch.setattr("overton.data.files.load.LEAST_BYTES", 0)
    monkeypatch.setattr(spreading, "COUNT_ROWS", 10)
    monkeypatch.setattr(spreading, "PREDICT_ROWS", 8)
    overton.load(tmp_path / "app").build(trials=2, on="ray")
    assert engine.made == ["_make_ingest", "_make_count", "make_trial", "_make_predict"]


@pytest.mark.long
def test_a_version_evaluates_predicts_and_embeds_on_the_engine_that_it_is_given(
    kinds_application: Application, tmp_path: Path, monkeypatch
) -> None:
    engine, version = Noting(), kinds_application.version()
    monkeypatch.setattr("overton.pipeline.PREDICT_RECORDS", 16)
    here = version.evaluate(tags=["slice:big & dev"]).report
    data = kinds_application.data_files[0]
    shutil.copy(data, tmp_path / "other.jsonl")
    elsewhere = version.evaluate(tmp_path / "other.jsonl").report
    monkeypatch.setattr("overton.engine.engine_of", lambda place: engine if place == "ray" else Inline())
    monkeypatch.setattr(spreading, "PREDICT_ROWS", 16)
    assert version.evaluate(tags=["slice:big & dev"], on="ray").report.rows == here.rows
    assert version.evaluate(tmp_path / "other.jsonl", on="ray").report.rows == elsewhere.rows
    version.predict_files([data], tmp_path / "predictions", on="ray")
    version.embed_files([data], tmp_path / "vectors", payload="query", on="ray")
    version.embed_files([data], tmp_path / "words", payload="tokens", words=True, on="ray")
    assert engine.made == ["_make_predict", "_make_predict", "make_work", "make_work", "make_work"]


def test_a_build_tells_of_files_that_nobody_reads(tmp_path: Path) -> None:
    write_kinds(tmp_path / "app", n_records=12, tasks=("Record",))
    (tmp_path / "app" / "data" / "d.csv").write_text("a,b")
    (tmp_path / "app" / "data" / "bad.jsonl").write_text("{")  # so that nothing is built
    told: list[str] = []
    with pytest.raises(OvertonError, match=r"data\.too-many-bad"):
        overton.load(tmp_path / "app").build(observe=lambda event: told.append(event.message))
    assert [message for message in told if message.startswith("ignored: data/d.csv. Data files are ")]


def test_what_only_a_build_can_know_is_told_with_its_line_of_the_tuning(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("overton.served.least_cost", lambda *_, **__: {"size_mb": 9.0})
    write_kinds(tmp_path / "app", n_records=12, tasks=("Record",))
    tuning = tmp_path / "app" / "tuning.json"
    tuning.write_text('{"training": {"epochs": 1},\n "serving": {"size_mb": 1}}')
    with pytest.raises(OvertonError, match="costs more to serve") as raised:
        overton.load(tmp_path / "app").build()
    problem = raised.value.problems[0]
    assert (problem.place, problem.field) == (f"{tuning}:2", "$.serving")
    told = [json.loads(path.read_text()) for path in (tmp_path / "app" / ".overton" / "builds").glob("*.json")]
    assert [run["reason"].startswith(f"{tuning}:2: $.serving") for run in told] == [True]


@pytest.mark.parametrize("name", ["tuning", "gate"])
def test_a_tuning_or_gate_of_another_encoding_is_a_fault(tmp_path: Path, name: str) -> None:
    write_kinds(tmp_path / "app", n_records=12, tasks=("Record",))
    (tmp_path / "app" / f"{name}.json").write_bytes('{"ä": 1}'.encode("utf-16"))
    told = [problem for problem in overton.load(tmp_path / "app").check().problems if "not UTF-8" in problem.message]
    assert [problem.code for problem in told] == [f"{name}.bad-json"]


def test_a_build_combines_the_votes_of_every_task_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_kinds(tmp_path / "app", n_records=60, tasks=("Record", "RecordBits"))
    application = overton.load(tmp_path / "app")
    combined: list[str] = []

    def combine_counted(gold: Votes, *given: object, **settings: object) -> Combined:
        combined.append(gold.task.name)
        return combine(gold, *given, **settings)

    def teach(dataset: Dataset, planned: Plan, *given: object, **settings: object) -> Trained:
        raise InterruptedError(", ".join(planned.program.tasks_in_sets()))

    monkeypatch.setattr("overton.combining.combine", combine_counted)
    with pytest.raises(InterruptedError, match="RecordBits"):  # planned, in sets of bits
        build(application.dataset(), application.tuning, teach=teach)
    assert combined == ["Record", "RecordBits"]
