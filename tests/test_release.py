"""What decides what a release builds, held against what made the version that is there."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from obstore.store import MemoryStore

import overton
from overton.application import Application
from overton.artifact import Artifact
from overton.compile import Tuning
from overton.evaluate import Gate
from overton.release import _is_of, _made_before, _rolled_back, inputs_behind, inputs_of
from overton.store import Store
from tests.stores import promote, put, rollback


def inputs_now(application: Application, tuning: Tuning | None = None, seed: int = 0) -> dict[str, Any]:
    return inputs_of(application, application.dataset(), tuning or application.tuning, None, seed=seed)


def pretrained_of(directory: Path) -> dict[str, dict[str, str]]:
    application = overton.load(directory)
    found = inputs_now(application)["pretrained"]
    return {name: {payload: str(digest) for payload, digest in parts.items()} for name, parts in found.items()}


def test_what_is_pretrained_of_either_model_decides_what_a_release_builds(
    kinds_application: Application, tmp_path: Path
) -> None:
    app = shutil.copytree(kinds_application.directory, tmp_path / "app")
    (app / "large.txt").write_text("red 1 2\ncar 2 1\n")
    (app / "small.txt").write_text("red 1 2\ncar 2 1\n")
    own = {name: {"payloads": {"tokens": {"embedding": f"vectors:{name}.txt"}}} for name in ("large", "small")}
    (app / "tuning.json").write_text(json.dumps({"models": own}))
    before = pretrained_of(app)
    assert {name: [*parts] for name, parts in before.items()} == {"large": ["tokens"], "small": ["tokens"]}
    (app / "small.txt").write_text("red 1 2\ncar 2 3\n")
    after = pretrained_of(app)
    assert after["large"] == before["large"]
    assert after["small"] != before["small"]


def test_a_version_is_of_the_inputs_that_it_was_built_of(kinds_application: Application) -> None:
    inputs = inputs_now(kinds_application)
    assert inputs_behind(kinds_application.version()) == inputs
    assert inputs_now(kinds_application, seed=1) != inputs
    assert inputs_now(kinds_application, kinds_application.tuning.searched(trials=3)) != inputs


def test_vectors_that_come_to_lie_in_the_application_are_an_input_of_a_search(
    kinds_application: Application, tmp_path: Path
) -> None:
    app = overton.load(shutil.copytree(kinds_application.directory, tmp_path / "app"))
    searched = app.tuning.searched(trials=3)
    before, pinned = (inputs_now(app, tuning) for tuning in (searched, app.tuning))
    (app.directory / "resources").mkdir()
    (app.directory / "resources" / "words.txt").write_text("red 1 2\ncar 2 1\n")
    assert inputs_now(app) == pinned
    after = inputs_now(app, searched)
    assert before["embeddings"] == {}
    assert after["embeddings"]["tokens.embedding"] == ["hash", "vectors:resources/words.txt"]
    assert {**after, "embeddings": {}} == before


def test_a_version_of_the_same_inputs_is_made_again_where_it_began_from_another_parent(
    kinds_application: Application,
) -> None:
    inputs = inputs_now(kinds_application)
    found = _made_before(kinds_application, "live", None, inputs, Gate())
    assert found is not None
    assert found.id == kinds_application.version().id
    assert _made_before(kinds_application, "live", "another", inputs, Gate()) is None


def test_a_version_whose_int8_a_gate_refused_is_not_what_another_gate_would_make(
    kinds_application: Application,
) -> None:
    inputs = inputs_now(kinds_application)
    version = kinds_application.version()
    lineage = version.artifact.json("lineage.json")
    lineage["precision"] |= {"gate": Gate(margin=0.1).digest}
    files = {**version.artifact.files, "lineage.json": json.dumps(lineage).encode()}
    refused = replace(version, artifact=Artifact(files))
    assert _is_of(version, inputs, Gate(margin=0.2))
    assert _is_of(refused, inputs, Gate(margin=0.1, p99_ms=3))
    assert not _is_of(refused, inputs, Gate(margin=0.2))


def test_only_a_rollback_since_a_version_was_named_last_keeps_it_from_a_release() -> None:
    store = Store("memory", backend=MemoryStore())
    first, second, third = (put(store, seed) for seed in range(3))
    application = cast(Application, SimpleNamespace(store=store))
    promote(store, "live", first, None)
    promote(store, "live", second, first)
    rollback(store, "live")
    refusal = _rolled_back(application, "live", second)
    assert refusal is not None
    assert refusal.code == "gate.rolled-back"
    promote(store, "live", second, first, why="it was not its fault")
    promote(store, "live", third, second)
    assert _rolled_back(application, "live", second) is None
    assert _rolled_back(application, "live", third) is None


def test_what_decides_what_a_release_builds_is_told_without_combining_votes(
    kinds_application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("overton.combining.combine", None)
    assert inputs_now(kinds_application)["overton"] == overton.__version__
