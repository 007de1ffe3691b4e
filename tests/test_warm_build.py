"""A rebuild that begins with the weights of the version before, from the command to what the lineage tells."""

import json
import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import overton
from overton.application import Application
from overton.cli.main import main
from overton.combining import combine_all
from overton.compile import SupervisionSettings
from overton.fitting import Resume, fit
from overton.pipeline import plan
from overton.train import Checkpoint, Parent
from tests.kinds import SCHEMA, make_record

TASKS = ("Record", "Token", "Pick")


def write_application(directory: Path, tasks: tuple[str, ...] = TASKS, n_records: int = 60) -> Path:
    """A small application with three of the kinds of task."""
    (directory / "data").mkdir(parents=True, exist_ok=True)
    payloads = {name: value for name, value in SCHEMA["payloads"].items() if name != "title"}
    small = {name: {"size": 16} for name in payloads}
    said = {"payloads": payloads, "tasks": {name: SCHEMA["tasks"][name] for name in tasks}}
    (directory / "schema.json").write_text(json.dumps(said))
    (directory / "tuning.json").write_text(json.dumps({"payloads": small, "training": {"epochs": 2}}))
    choose = random.Random(0)
    records = [make_record(number, choose) for number in range(n_records)]
    for record in records:
        record["payloads"].pop("title")
        record["tasks"] = {name: record["tasks"][name] for name in tasks if name in record["tasks"]}
    (directory / "data" / "a.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return directory


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Application:
    """An application with one version, which is live."""
    application = overton.load(write_application(tmp_path_factory.mktemp("warm") / "app"))
    application.build().promote("live")
    return application


@pytest.mark.slow
def test_a_build_from_a_version_tells_its_parent(built: Application, tmp_path: Path, capsys) -> None:
    app = tmp_path / "app"
    shutil.copytree(built.directory, app)
    write_application(app, (*TASKS, "TokenBits"))
    more = {"id": "new", "payloads": {"tokens": ["blue"]}, "tasks": {"Record": {"rule": "blue"}}, "tags": ["train"]}
    (app / "data" / "b.jsonl").write_text(json.dumps(more) + "\n")
    assert main(["build", str(app), "--from", "live", "--json"]) == 0
    told = capsys.readouterr()
    parent = built.version("live").id
    assert f"blocks go on from {parent}; " in told.err
    assert "anew: TokenBits.head; Record.head: 1 new" in told.err
    version = overton.load(app).version(json.loads(told.out)["version"])
    lineage = version.artifact.json("lineage.json")
    assert lineage["parent"] == parent
    assert lineage["warm"]["begun"] == ["TokenBits.head"]
    assert lineage["warm"]["rows"] == {"Record.head": {"new": 1, "gone": 0}}
    assert built.version("live").artifact.json("lineage.json")["parent"] is None


@pytest.fixture(scope="module")
def live_application(kinds_application: Application, tmp_path_factory: pytest.TempPathFactory) -> Application:
    """The application of every kind, whose version is live."""
    directory = shutil.copytree(kinds_application.directory, tmp_path_factory.mktemp("live") / "app")
    application = overton.load(directory)
    application.version().promote("live")
    return application


def test_a_parent_is_named_as_any_version_or_by_its_id_alone(live_application: Application, tmp_path: Path) -> None:
    built = live_application
    live = built.version("live")
    place = tmp_path / "artefact"
    place.mkdir()
    for name, content in live.artifact.complete(created="2026-01-01T00:00:00+00:00").items():
        (place / name).write_bytes(content)
    for text in ("live", "latest", live.id, live.id[:6], f"{built.directory}@live", str(built.directory), str(place)):
        assert built.find_version(text).id == live.id, text


def test_a_parent_that_is_not_there_is_told_before_any_work(live_application: Application, capsys) -> None:
    built = live_application
    assert main(["build", str(built.directory), "--from", "lice"]) == 1
    assert "there is no version or alias 'lice'. Did you mean 'live'?" in capsys.readouterr().err
    assert main(["build", str(built.directory), "--from", f"{built.directory}@gone", "-q"]) == 1
    assert main(["build", str(built.directory), "--from", "nowhere@live", "-q"]) == 1
    assert "nowhere is not an application" in capsys.readouterr().err


@pytest.mark.long
def test_a_killed_warm_training_goes_on_with_the_same_bytes_and_apart_from_a_cold_one(tmp_path: Path) -> None:
    application = overton.load(write_application(tmp_path / "app"))
    dataset = application.dataset()
    planned, combined = plan(dataset, application.tuning), combine_all(dataset)
    first = fit(dataset, planned, combined, seed=0).weights
    parents = [None, *(Parent(version, planned.program, first) for version in ("one", "two"))]
    kept: dict[str, Checkpoint] = {}

    def stop_after_one(key: str, checkpoint: Checkpoint) -> None:
        kept[key] = checkpoint
        raise KeyboardInterrupt

    for parent in parents:
        with pytest.raises(KeyboardInterrupt):
            fit(dataset, planned, combined, seed=3, parent=parent, resume=Resume(kept.get, stop_after_one))
    assert len(kept) == len(parents)
    whole = fit(dataset, planned, combined, seed=3, parent=parents[1])
    resumed = fit(dataset, planned, combined, seed=3, parent=parents[1], resume=Resume(kept.get, kept.__setitem__))
    assert (resumed.parent, len(resumed.history)) == ("one", 2)
    assert all(resumed.weights[name].tobytes() == whole.weights[name].tobytes() for name in whole.weights)


@pytest.mark.long
def test_a_training_does_not_go_on_from_one_whose_sources_were_taken_otherwise(tmp_path: Path) -> None:
    application = overton.load(write_application(tmp_path / "app"))
    dataset, tuning = application.dataset(), application.tuning
    kept: dict[str, Checkpoint] = {}
    for supervision in (SupervisionSettings(), SupervisionSettings(trusted=("rule",)), SupervisionSettings(False)):
        planned = plan(dataset, replace(tuning, supervision=supervision))
        combined = combine_all(dataset, supervision=supervision)
        whole = fit(dataset, planned, combined, seed=0)
        resumed = fit(dataset, planned, combined, seed=0, resume=Resume(kept.get, kept.__setitem__))
        assert all(resumed.weights[name].tobytes() == whole.weights[name].tobytes() for name in whole.weights)
    assert len(kept) == 3
