"""A build of two models: one version, each model asked for by name, the small one taught by the large one."""

import json
from pathlib import Path

import numpy as np
import pytest

import overton
from overton.application import Application, find_version
from overton.artifact import Runtime
from overton.base import OvertonError, Problem, digest_bytes, ignore
from overton.cli.main import main
from overton.combining import combine_all
from overton.compile import parse_tuning
from overton.fitting import Plan
from overton.pipeline import build, build_small, plan, predict_rows
from overton.supervision import Combined
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


def test_the_small_model_is_taught_by_what_the_large_one_says_of_training_records(
    kinds_application: Application,
) -> None:
    taught: dict[str, Combined] = {}

    def teach(_: object, planned: Plan, combined: dict[str, Combined], **__: object) -> None:
        assert planned.teacher == digest_bytes(large.files["weights.safetensors"])
        taught.update(combined)
        raise OvertonError(Problem("enough", "test.enough"))

    dataset, large = kinds_application.dataset(), kinds_application.version().artifact
    tuning, combined = kinds_application.tuning, combine_all(dataset)
    with pytest.raises(OvertonError, match="enough"):
        build_small(dataset, plan(dataset, tuning), tuning, combined, large, 0, None, teach, print, ignore)
    train = dataset.splits.train
    before, after = combined["Record"].targets, taught["Record"].targets
    unlabelled = train[~before.has_target()[train]]
    assert len(unlabelled) > 10
    said = predict_rows(dataset, Runtime(large), unlabelled)["Record"]
    there = ~said.nothing
    assert there.sum() > 10
    assert (after.to_array()[unlabelled[there]].argmax(1) == said.label[there]).all()
    others = np.setdiff1d(np.arange(dataset.n_records), train)
    np.testing.assert_array_equal(after.to_array()[others], before.to_array()[others])


def test_a_bound_of_serving_holds_for_the_small_model_too(
    kinds_application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is seen before anything is trained, and again where int8 was counted on and refused."""
    app, dataset = kinds_application, kinds_application.dataset()
    models = {"large": {}, "small": {"payloads": {"tokens": {"encoder": "bag"}}}}
    tuning = parse_tuning(json.dumps({"serving": {"size_mb": 5}, "models": models}), "tuning.json", dataset.schema)

    def cost(dataset: object, planned: Plan, *_: object, **__: object) -> dict[str, float]:
        return {"size_mb": 9.0 if planned.choices.payloads["tokens"].encoder == "bag" else 4.0}

    def teach(*_: object, **__: object) -> None:
        raise AssertionError("trained")

    monkeypatch.setattr("overton.served.least_cost", cost)
    with pytest.raises(OvertonError, match=r"the small model costs more to serve than it may: size_mb 9 of 5"):
        build(dataset, tuning, teach=teach)
    large, sizes = app.version().artifact, []
    monkeypatch.setattr("overton.served.cost_of", lambda artifact, _: sizes.append(artifact) or {"size_mb": 9.0})
    how = {"teach": lambda *_, **__: None, "close": lambda *_, **__: large, "observe": ignore}
    with pytest.raises(OvertonError, match=r"the small model costs more"):
        build_small(dataset, plan(dataset, tuning), tuning, combine_all(dataset), large, 0, None, **how)
    assert sizes == [large]
