"""A version as a folder for another runtime: what stands in it, that its script runs alone, and what is refused."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from overton.artifact import Artifact
from overton.artifact.files import save_artifact
from overton.base import OvertonError
from overton.cli.main import main
from overton.export.files import export_version, quantised
from overton.version import Version
from tests.tiny_artifact import RECORD, tiny_artifact

# Overton and torch cannot be imported here: the script has to do without.
ALONE = (
    "import runpy, sys; sys.modules.update(overton=None, torch=None, onnx=None); runpy.run_path({!r}, None, '__main__')"
)


def golden(artifact: Artifact, n_records: int = 11) -> Artifact:
    """An artefact with golden records of different lengths, the last with nothing to read."""
    tokens = RECORD["payloads"]["tokens"]
    records = [
        {"tokens": (tokens * 6)[: 1 + number], "query": "how tall", "entities": [{"id": f"e{number}", "range": [0, 1]}]}
        for number in [*range(n_records - 2), 20]  # the last has more tokens than the model reads
    ]
    lines = [json.dumps({"payloads": value}) for value in (*records, {"tokens": None})]
    files = {**artifact.files, "golden.jsonl": "\n".join(lines).encode() + b"\n"}
    return replace(artifact, files=files)


def run_alone(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", ALONE.format(str(folder / "run.py"))]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("export") / "onnx"
    export_version(golden(tiny_artifact(chain=True)), "onnx", directory)
    return directory


def test_the_folder_holds_model_records_contract_and_what_tells_of_them(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md",
        "export.json",
        "golden.jsonl",
        "golden.safetensors",
        "model.onnx",
        "program.json",
        "run.py",
        "signature.json",
        "transitions.safetensors",
    ]
    told = json.loads((folder / "export.json").read_text())
    assert told["checked"]["records"] == 11
    assert told["checked"]["worst"] == 0
    assert told["chained_tasks"] == ["POS"]
    assert told["plain_tasks"] == ["EntityType", "Intent", "IntentArg"]
    readme = (folder / "README.md").read_text()
    for name in ("tokens.features", "entities.features", "IntentArg.logits", "transitions.safetensors"):
        assert f"`{name}`" in readme


def test_its_script_reproduces_tensors_and_labels_without_overton(folder: Path) -> None:
    done = run_alone(folder)
    assert done.returncode == 0, done.stderr
    # Ten records with three plain tasks each; the one with nothing to read has none.
    assert done.stdout == "11 records, tensors differ by at most 0; 30 of 30 labels are the same\n"


def test_its_script_says_where_the_model_gives_something_else(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for path in folder.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    tensors = safetensors.numpy.load_file(other / "golden.safetensors")
    changed = tensors["1/outputs/Intent.logits"] + np.float32(0.5)
    safetensors.numpy.save_file({**tensors, "1/outputs/Intent.logits": changed}, other / "golden.safetensors")
    assert run_alone(other).returncode == 1


def test_its_script_says_where_labels_are_not_those_of_the_tensors(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    signature = json.loads((other / "signature.json").read_text())
    signature["tasks"]["Intent"]["classes"].reverse()
    (other / "signature.json").write_text(json.dumps(signature))
    done = run_alone(other)
    assert done.returncode == 1
    assert "tensors differ by at most 0; " in done.stdout
    assert "run.py: 10 labels of golden.jsonl are not those of golden.safetensors by signature.json" in done.stdout


def test_its_script_predicts_records_as_the_version_does(folder: Path, tmp_path: Path) -> None:
    artifact = tiny_artifact(chain=True)
    save_artifact(artifact, tmp_path / "version")
    records = tmp_path / "records.jsonl"
    tokens = RECORD["payloads"]["tokens"] * 4
    others = [{"id": "empty", "payloads": {"query": None}}, {"id": "long", "payloads": {"tokens": tokens}}]
    records.write_text("".join(json.dumps(record) + "\n" for record in (RECORD, *others)))
    assert main(["predict", str(tmp_path / "version"), str(records), str(tmp_path / "said.jsonl"), "-q"]) == 0
    wanted = [json.loads(line)["tasks"] for line in (tmp_path / "said.jsonl").read_text().splitlines()]
    done = subprocess.run([sys.executable, folder / "run.py", records], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line)["tasks"] for line in done.stdout.splitlines()]
    source = f"overton@{artifact.id}"
    assert [{name: {source: label} for name, label in said.items() if label is not None} for said in found] == wanted


def run_script(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, folder / "run.py", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_its_script_tells_every_fault_of_a_file_with_its_line(folder: Path, tmp_path: Path) -> None:
    records = tmp_path / "records.jsonl"
    records.write_text(json.dumps(RECORD) + '\n\nnot json\n{"payloads": {"tokns": ["how"]}}\n')
    done = run_script(folder, records)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"run.py: {records}:3: not JSON" in done.stderr
    assert f"{records}:4: $.payloads.tokns: no payload reads 'tokns'. Did you mean 'tokens'?" in done.stderr
    assert "Traceback" not in done.stderr


def test_its_script_takes_labels_of_classes_that_came_after_the_version(folder: Path, tmp_path: Path) -> None:
    records = tmp_path / "records.jsonl"
    records.write_text(json.dumps({**RECORD, "tasks": {"Intent": {"crowd": "a-class-of-tomorrow"}}}) + "\n")
    done = run_script(folder, records)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["tasks"]["Intent"] in artifact_classes(folder)


def artifact_classes(folder: Path) -> list[str]:
    classes = json.loads((folder / "signature.json").read_text())["tasks"]["Intent"]["classes"]
    assert isinstance(classes, list)
    return classes


def test_its_script_says_in_one_line_what_it_cannot_read(folder: Path, tmp_path: Path) -> None:
    missing = run_script(folder, tmp_path / "missing.jsonl")
    assert missing.returncode == 1
    assert "Traceback" not in missing.stderr
    assert "missing.jsonl: the file cannot be read" in missing.stderr
    assert run_script(folder, "one.jsonl", "two.jsonl").returncode == 2
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    (other / "model.onnx").write_bytes((folder / "model.onnx").read_bytes()[:1000])
    damaged = run_script(other)
    assert damaged.returncode == 1
    assert "model.onnx cannot be loaded" in damaged.stderr
    assert "Traceback" not in damaged.stderr


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    with pytest.raises(OvertonError, match=r"something is already there.*\[export.not-empty\]"):
        export_version(golden(tiny_artifact()), "onnx", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


def test_a_model_that_computes_something_else_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("overton.export.files.folder.load_onnx", lambda model: lambda inputs: {})
    with pytest.raises(OvertonError, match=r"\[export.parity\]"):
        export_version(golden(tiny_artifact()), "onnx", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_without_golden_records_nothing_can_be_checked(tmp_path: Path) -> None:
    with pytest.raises(OvertonError, match=r"\[export.no-golden\]"):
        export_version(tiny_artifact(), "onnx", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("to", "package"), [("tensorflow", "tensorflow"), ("coreml", "coremltools")])
def test_a_package_that_is_missing_is_named_with_the_command_that_installs_it(
    to: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    save_artifact(golden(tiny_artifact()), tmp_path / "version")
    assert main(["export", str(tmp_path / "version"), str(tmp_path / "out"), "--to", to, "-q"]) == 1
    assert f"pip install 'overton[{to}]'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.long
def test_a_quantised_version_is_exported_as_it_is_with_its_own_labels(kinds_application, tmp_path: Path) -> None:
    artifact = kinds_application.version().artifact
    whole = artifact.files["model.onnx"]
    lineage = {**artifact.json("lineage.json"), "precision": {"chosen": "int8", "why": "measured"}}
    small, _ = quantised(replace(artifact, files={**artifact.files, "model.onnx": whole}), kinds_application.dataset())
    files = {**artifact.files, "model.onnx": small, "lineage.json": json.dumps(lineage).encode()}
    small = Artifact(files)
    exported = export_version(small, "onnx", tmp_path / "onnx")
    assert exported.n_bytes < 0.6 * len(whole)
    assert json.loads((tmp_path / "onnx" / "export.json").read_text())["checked"]["how"].endswith("version itself runs")
    done = run_alone(tmp_path / "onnx")
    assert done.returncode == 0, done.stdout + done.stderr
    n_same, n_labels = re.search(r"(\d+) of (\d+) labels", done.stdout).groups()
    assert n_same == n_labels


def test_of_one_of_two_models_the_version_is_told_as_its_store_knows_it(tmp_path: Path) -> None:
    artifact = golden(tiny_artifact(0)).with_model("small", golden(tiny_artifact(1)))
    small = Version(artifact.id, artifact).with_model("small")
    small.export("onnx", tmp_path / "out")
    label = f"{artifact.id}:small"
    assert json.loads((tmp_path / "out" / "export.json").read_text())["version"] == label
    assert f"of version {label}\n" in (tmp_path / "out" / "README.md").read_text()
    first = json.loads((tmp_path / "out" / "golden.jsonl").read_text().splitlines()[0])
    assert list(first["tasks"]["Intent"]) == [f"overton@{label}"]
