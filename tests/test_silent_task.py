"""A task that the schema declares and nobody has labelled yet: all else is built, and it waits."""

import json
from pathlib import Path

import pytest

import overton
from overton.application import Application
from overton.cli.main import main
from overton.combining import combine_all
from overton.pipeline import plan

SCHEMA = {
    "payloads": {"tokens": {"type": "sequence"}, "query": {"type": "singleton", "base": ["tokens"]}},
    "tasks": {
        "Intent": {"payload": "query", "type": "multiclass"},
        "Part": {"payload": "tokens", "type": "multiclass"},
        "Topic": {"payload": "query", "type": "bitvector"},
    },
}
SMALL = {"tokens": {"size": 8, "layers": 1, "encoder": "bag"}, "query": {"size": 8}}


def record(number: int) -> dict:
    label = ("a", "b")[number % 2]
    tags = [("train", "dev", "test")[number % 3]]
    return {
        "id": f"r{number}",
        "payloads": {"tokens": [label, "x"]},
        "tasks": {"Intent": {"rule": label, "gold": label}, "Part": {}, "Topic": {}},
        "tags": tags,
    }


@pytest.fixture
def application(tmp_path: Path) -> Application:
    (tmp_path / "data").mkdir()
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))
    tuning = {"payloads": SMALL, "training": {"epochs": 1}, "serving": {"int8": "off"}}
    (tmp_path / "tuning.json").write_text(json.dumps(tuning))
    lines = [json.dumps(record(number)) + "\n" for number in range(30)]
    (tmp_path / "data" / "records.jsonl").write_text("".join(lines))
    return overton.load(tmp_path)


def test_a_task_without_labels_and_classes_is_left_out_of_the_model_and_said_so(application: Application) -> None:
    dataset = application.dataset()
    left_out = "no class in the schema or in a label: the task is left out"
    assert {f"Part: {left_out}", f"Topic: {left_out}"} <= set(dataset.notes)
    assert set(combine_all(dataset)) == {"Intent"}
    assert set(plan(dataset, application.tuning).program.all_outputs) == {"Intent"}


@pytest.mark.slow
def test_the_version_serves_without_the_task(application: Application) -> None:
    told: list[str] = []
    version = application.build(observe=lambda event: told.append(event.message))
    assert set(application.dataset().notes) <= set(told)
    assert set(version.artifact.signature.output_by_task) == {"Intent"}
    assert set(version.predict([record(0)])[0]) == {"Intent"}
    assert main(["report", str(application.directory), "--data", str(application.directory / "data")]) == 0
