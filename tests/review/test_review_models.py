"""One of two models of a version: what is told of it names it, and so do the commands that look at more of it."""

import json
import shlex
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from overton.application import find_version
from overton.cli.main import main
from overton.store import Store
from tests.tiny_artifact import SCHEMA, tiny_artifact

WORDS = ("how", "tall", "is", "old", "the")


@pytest.fixture
def small(tmp_path: Path) -> str:
    """The small model of an application, as the command line names it; it errs on the records of one tag alone."""
    app = tmp_path / "an@app"
    (app / "data").mkdir(parents=True)
    (app / "schema.json").write_text(SCHEMA)
    examples = BytesIO()
    parquet.write_table(pyarrow.table({}), examples)
    own = tiny_artifact(1)
    own = replace(own, files={**own.files, "predictions.parquet": examples.getvalue()})
    Store(str(app / "store")).put(tiny_artifact(0).with_model("small", own), when="2026-01-01T00:00:00+00:00")
    records = [
        {"id": f"r{number}", "payloads": {"tokens": [WORDS[number % 5], WORDS[number // 5 % 5]]}, "tags": ["test"]}
        for number in range(100)
    ]
    said = find_version(f"{app}:small").predict(records)
    for number, (record, labels) in enumerate(zip(records, said, strict=True)):
        other = {"age": "height", "height": "age"}[labels["Intent"]]
        record["tasks"] = {"Intent": {"gold": other if number % 4 == 0 else labels["Intent"]}}
        record["tags"].append("batch:bad" if number % 4 == 0 else "batch:good")
    (app / "data" / "a.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return f"{app}:small"


def test_what_is_told_of_it_names_it(small: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    version = find_version(small)
    assert version.errors("Intent").version == version.label == f"{version.id}:small"
    assert version.discover("Intent")[0].version == version.label
    assert version.drift(tmp_path / "an@app" / "data").version == version.label
    assert f"version {version.label}" in version._repr_html_()
    for command in ("report", "discover"):
        assert main([command, small, "-q", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["version"] == version.label


@pytest.mark.parametrize("reference", ["", "@latest"])
def test_a_command_that_discover_tells_is_of_it(small: str, reference: str, capsys: pytest.CaptureFixture[str]) -> None:
    named = small.replace(":small", f"{reference}:small")
    assert main(["discover", named, "-q", "--json", "--task", "Intent"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["tasks"][0]["slices"]
    words = shlex.split(found["command"])
    app, label = small.removesuffix(":small"), find_version(small).label
    assert words[:3] == ["overton", "errors", f"{app}@{label}"]
    assert main([*words[1:], "-q", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n_wrong_records"] == 25
