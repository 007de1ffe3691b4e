"""A task that the schema declares and nobody has labelled yet: all else is built, and it waits."""

import json
from pathlib import Path

import overton
from overton.cli.main import main

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


def test_a_task_without_labels_and_classes_is_left_out_of_the_model_and_said_so(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))
    (tmp_path / "tuning.json").write_text(json.dumps({"payloads": SMALL, "training": {"epochs": 1}}))
    lines = [json.dumps(record(number)) + "\n" for number in range(30)]
    (tmp_path / "data" / "records.jsonl").write_text("".join(lines))
    told: list[str] = []
    version = overton.load(tmp_path).build(observe=lambda event: told.append(event.message))
    left_out = "no label, and no classes in the schema: the task is left out"
    assert {f"Part: {left_out}", f"Topic: {left_out}"} <= set(told)
    assert set(version.artifact.signature.output_by_task) == {"Intent"}
    assert set(version.predict([record(0)])[0]) == {"Intent"}
    assert main(["report", str(tmp_path), "--data", str(tmp_path / "data")]) == 0
