"""One client serves versions of any make: encoder, size, payload inputs and embedding are none of its business."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import overton
from overton.artifact import Artifact, Runtime, golden_records, pack_artifact, signature_of
from overton.base import OvertonError
from overton.promoting import breaking_changes
from overton.serve import Service, make_app
from overton.serve.follow import Follower, load_model
from overton.store import Store
from overton.version import Version
from tests.serve.serving import WHEN, Records, call, promote
from tests.tiny_artifact import RECORD, REPORT, SCHEMA, tiny_artifact

WANTED = {  # what this client was written for, once
    "payloads": {"tokens": "sequence", "query": "singleton", "entities": "set"},
    "tasks": {"Intent": {"age", "height"}, "EntityType": {"location", "title"}, "POS": {"NOUN", "VERB"}},
}
SMALL = {"size": 16, "layers": 1}
WORDS = ["how", "tall", "is", "the", "president", "old"]


def client(app: object) -> dict[str, Any]:
    """What a client does: check the signature, ask, use the labels. It knows nothing of how a version is made."""
    signature = call(app, "GET", "/v1/signature").json()
    for payload, kind in WANTED["payloads"].items():
        assert signature["payloads"][payload]["type"] == kind
    for task, classes in WANTED["tasks"].items():
        assert classes <= set(signature["tasks"][task]["classes"])
    answer = call(app, "POST", "/v1/predict", json=RECORD)
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert said["version"] == signature["version"]
    assert said["tasks"]["Intent"] in signature["tasks"]["Intent"]["classes"]
    assert set(said["tasks"]["EntityType"][0]) <= set(signature["tasks"]["EntityType"]["classes"])
    assert len(said["tasks"]["POS"]) == len(RECORD["payloads"]["tokens"])
    assert said["tasks"]["IntentArg"] in (0, 1)
    return said


def untrained(directory: Path, tuning: dict[str, Any], bases: dict[str, list[str]] | None = None) -> Artifact:
    """A version of drawn weights, compiled and exported like any other."""
    from overton.export import to_onnx
    from overton.nn import build_model
    from overton.pipeline import plan

    (directory / "data").mkdir(parents=True)
    schema = json.loads(SCHEMA)
    for payload, base in (bases or {}).items():
        schema["payloads"][payload]["base"] = base
    (directory / "schema.json").write_text(json.dumps(schema))
    (directory / "tuning.json").write_text(json.dumps({"payloads": tuning}))
    (directory / "words.txt").write_text(
        "".join(f"{word} {place / 8} 0.5 -0.25 1\n" for place, word in enumerate(WORDS))
    )
    (directory / "data" / "records.jsonl").write_text(json.dumps(RECORD) + "\n")
    application = overton.load(directory)
    planned = plan(application.dataset(), application.tuning, directory)
    module = build_model(planned.program, seed=1, given=planned.given.weights)
    weights = {name: value.numpy() for name, value in module.state_dict().items()}
    model = to_onnx(planned.program, weights)
    artifact = pack_artifact(
        onnx=model,
        weights=weights,
        program=planned.program,
        choices=planned.choices.to_json(),
        signature=signature_of(planned.program, model),
        strings=planned.given.strings,
    ).with_files(report=REPORT, lineage={})
    golden = golden_records(Records([RECORD["payloads"]] * 3), Runtime(artifact))
    return replace(artifact, files={**artifact.files, "golden.jsonl": golden})


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_one_client_is_served_by_versions_of_every_make(tmp_path):
    makes = {
        "cnn": ({"tokens": {**SMALL, "encoder": "cnn"}}, {}),
        "wide bigru": ({"tokens": {"size": 64, "layers": 1, "encoder": "bigru"}}, {}),
        "bag with vectors": ({"tokens": {**SMALL, "encoder": "bag", "embedding": "vectors:words.txt"}}, {}),
        "transformer over more inputs": (
            {"tokens": {**SMALL, "encoder": "transformer", "attention": "2x8"}, "query": {"aggregate": "max"}},
            {"query": ["tokens", "entities"]},
        ),
    }
    versions = {name: untrained(tmp_path / name, tuning, bases) for name, (tuning, bases) in makes.items()}
    assert len({version.id for version in versions.values()}) == len(makes)
    assert len({version.program.to_json().__repr__() for version in versions.values()}) == len(makes)
    store = Store(str(tmp_path / "store"))
    for version in (tiny_artifact(), *versions.values()):
        store.put(version, when=WHEN)
    promote(store, tiny_artifact().id)
    service = Service(load_model(tiny_artifact()))
    follower, app = Follower(service, store.url, "live"), make_app(service)
    assert client(app)["version"] == tiny_artifact().id
    old = tiny_artifact()
    for name, version in versions.items():
        assert breaking_changes(old.schema, version.schema, clients="live") == [], name
        promote(store, version.id)
        asyncio.run(follower.look())
        assert client(app)["version"] == version.id, name
        old = version


def with_schema(change: object) -> Artifact:
    """The tiny artefact with its signature changed, as another build would have it."""
    value = json.loads(tiny_artifact().files["signature.json"])
    change(value)
    content = json.dumps(value).encode()
    program = json.loads(tiny_artifact().files["program.json"])
    program["schema"] = {"payloads": value["payloads"], "tasks": value["tasks"]}
    files = {**tiny_artifact().files, "signature.json": content, "program.json": json.dumps(program).encode()}
    return Artifact({**files, "schema.json": json.dumps(program["schema"]).encode()})


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda value: value["tasks"]["POS"]["classes"].remove("X"), "class 'X' of task 'POS' is gone"),
        (lambda value: value["tasks"].pop("POS"), "task 'POS' is gone"),
        (lambda value: value["tasks"]["EntityType"].update(type="multiclass"), "'type' of task 'EntityType' was"),
        (lambda value: value["payloads"]["query"].pop("base"), "'base' of payload 'query' was"),
        (lambda value: value["payloads"]["tokens"].update(field="words"), "'field' of payload 'tokens' was"),
        (lambda value: value["payloads"]["entities"].pop("range"), "'range' of payload 'entities' was"),
    ],
    ids=["class", "task", "type", "text", "field", "range"],
)
def test_a_version_that_would_break_clients_is_refused_with_what_differs(tmp_path, change, named):
    store = Store(str(tmp_path / "store"))
    old, new = tiny_artifact(), with_schema(change)
    assert new.signature.schema != old.signature.schema
    for artifact in (old, new):
        store.put(artifact, when=WHEN)
    promote(store, old.id)
    with pytest.raises(OvertonError) as caught:
        Version(new.id, new, tmp_path / ".overton", store).promote("live")
    (problem,) = caught.value.problems
    assert problem.code == "application.incompatible"
    assert named in problem.message
    assert f"clients of live ({old.id}) would break" in problem.message
    assert store.aliases()["live"] == old.id
    assert Version(new.id, new, tmp_path / ".overton", store).promote("live", force=True, why="a test") == old.id


def test_new_classes_tasks_and_longer_inputs_break_nobody(tmp_path):
    def change(value: dict[str, Any]) -> None:
        value["tasks"]["Intent"]["classes"].append("weight")
        value["tasks"]["Sure"] = {"payload": "query", "type": "multiclass", "classes": ["yes", "no"]}
        value["payloads"]["tokens"]["max_length"] = 64
        value["output_by_task"]["Sure"] = "Sure.logits"

    old, new = tiny_artifact(), with_schema(change)
    assert breaking_changes(old.schema, new.schema, clients="live") == []
