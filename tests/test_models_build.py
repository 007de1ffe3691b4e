"""A build of two models: one version, each model asked for by name, the small one taught by the large one."""

import json
from pathlib import Path

import pytest

import overton
from overton.application import find_version
from overton.base import OvertonError
from overton.cli.main import main
from tests.kinds import write_kinds

NARROW = {"size": 8, "encoder": "bag"}


@pytest.mark.slow
def test_two_models_are_one_version_and_answer_by_name(tmp_path: Path, capsys) -> None:
    write_kinds(tmp_path / "app", n_records=60, tasks=("Record", "Token", "Pick"))
    tuning = {
        "training": {"epochs": 2},
        "serving": {"int8": "off"},
        "models": {"large": {}, "small": {"payloads": {"tokens": NARROW, "query": {"size": 8}}}},
    }
    (tmp_path / "app" / "tuning.json").write_text(json.dumps(tuning))
    version = overton.load(tmp_path / "app").build()
    assert version.artifact.models == ("large", "small")
    (told,) = overton.load(tmp_path / "app").runs()
    assert 0 < told["models"]["small"]["size_mb"] < told["size_mb"]
    small = find_version(f"{tmp_path / 'app'}:small")
    assert (small.id, small.label) == (version.id, f"{version.id}:small")
    assert small.artifact.program.digest() != version.artifact.program.digest()
    assert small.artifact.schema == version.artifact.schema
    lineage = small.artifact.json("lineage.json")
    assert lineage["teacher"]
    assert "teacher" not in version.artifact.json("lineage.json")

    source = tmp_path / "app" / "data" / "records.jsonl"
    small.predict_file(source, tmp_path / "said.jsonl")
    first = json.loads((tmp_path / "said.jsonl").read_text().splitlines()[0])
    assert f"overton@{small.label}" in first["tasks"]["Record"]
    with pytest.raises(OvertonError, match="whole version"):
        small.promote("live")
    assert main(["report", str(tmp_path / "app")]) == 0
    assert "models of this version" in capsys.readouterr().out
    assert small.compare(version).new == small.label
    assert version.compare("latest:small").old == small.label
    assert overton.load(tmp_path / "app").find_version("latest:small").label == small.label
    with pytest.raises(
        OvertonError, match=r"each model with its namesake\. Leave out ':small' \[application\.one-model"
    ):
        overton.load(tmp_path / "app").build(parent=small)
    # Begun from it, each model goes on from its namesake.
    again = overton.load(tmp_path / "app").build(parent=version)
    assert again.artifact.model("small").json("lineage.json")["warm"]["taken"]
    assert again.artifact.model("small").json("lineage.json")["parent"] == version.id
