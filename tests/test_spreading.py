"""What is spread over workers comes out as from one, bit for bit."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from overton import pipeline, spreading
from overton.artifact import Runtime
from overton.base import OvertonError
from overton.data import Dataset
from overton.data.files import DatasetHandle, data_files, load_dataset
from overton.engine import Inline
from overton.pipeline import predict_rows
from overton.spreading import count_on, predict_on
from overton.supervision import count_votes, merge
from tests.tiny_artifact import tiny_artifact

SOURCES = ("a", "b", "c")


class Two(Inline):
    """One process that is taken for two."""

    workers = 2


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Four files, of which the last adds labels to records of the others, and takes some back."""
    data = tmp_path / "data"
    data.mkdir()
    random = np.random.default_rng(0)
    for number in range(3):
        lines = []
        for record in range(40):
            tokens = ["how", "tall", "is"][: 1 + int(random.integers(3))]
            labels = {name: ["age", "height"][int(random.integers(2))] for name in SOURCES[: int(random.integers(4))]}
            bits = {"a": [["title"] if random.random() < 0.3 else [] for _ in tokens]}
            tasks = {"Intent": labels, "EntityType": bits}
            payloads = {"tokens": tokens, "entities": [{"id": "x", "range": [0, 1]}]}
            lines.append(json.dumps({"id": f"{number}-{record}", "payloads": payloads, "tasks": tasks}))
        (data / f"{number}.jsonl").write_text("\n".join(lines))
    late = [{"id": f"{number}-7", "tasks": {"Intent": {"b": "age", "c": None}}} for number in range(3)]
    (data / "9.jsonl").write_text("\n".join(map(json.dumps, late)))
    return tmp_path / "rows"


def dataset_of(cache: Path) -> Dataset:
    return load_dataset(tiny_artifact().schema, data_files(cache.parent / "data"), cache)


def arrays(value: object) -> list[np.ndarray]:
    """All arrays within a value, in order."""
    if isinstance(value, np.ndarray):
        return [value]
    return [found for name in getattr(value, "__slots__", ()) for found in arrays(getattr(value, name))]


def assert_same(one: object, other: object) -> None:
    pairs = list(zip(arrays(one), arrays(other), strict=True))
    assert pairs
    for left, right in pairs:
        assert left.dtype == right.dtype
        assert np.array_equal(left, right)


@pytest.mark.parametrize("task", ["Intent", "EntityType"])
@pytest.mark.parametrize("least", [1, 50])
def test_votes_counted_in_parts_are_the_votes(
    cache: Path, task: str, least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spreading, "COUNT_ROWS", least)
    dataset, made = dataset_of(cache), []
    monkeypatch.setattr(spreading, "merge", lambda parts: made.append(len(parts)) or merge(parts))
    found = count_on(Two(), cache, dataset, task, SOURCES)
    assert made == [3 if least == 1 else 2]
    whole = count_votes(dataset, task, SOURCES)
    assert (found.sources, found.classes) == (whole.sources, whole.classes)
    assert_same(found, whole)


def test_predictions_in_parts_are_the_predictions(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "PREDICT_RECORDS", 8)
    monkeypatch.setattr(spreading, "PREDICT_ROWS", 32)
    dataset, runtime = dataset_of(cache), Runtime(tiny_artifact())
    rows = np.arange(5, 117)
    found = predict_on(Two(), tiny_artifact(), cache, dataset, runtime, rows)
    whole = predict_rows(dataset, runtime, rows)
    assert found.keys() == whole.keys()
    for task, predictions in found.items():
        assert len(predictions.offsets) == len(rows) + 1
        assert_same(predictions, whole[task])


def test_workers_open_the_records_as_they_were_whatever_is_written_to_the_files_since(cache: Path) -> None:
    """An editor may correct a label while a build goes on."""
    dataset = dataset_of(cache)
    handle = DatasetHandle.of(dataset, cache)
    with (cache.parent / "data" / "1.jsonl").open("a") as file:
        file.write('\n{"id": "new", "payloads": {"tokens": ["how"]}}\n')
    (cache.parent / "data" / "2.jsonl").unlink()
    found = handle.open()
    assert (found.digest, found.n_records) == (dataset.digest, 120)
    assert found.ids(np.arange(120)) == dataset.ids(np.arange(120))


def test_files_that_change_meanwhile_are_noticed_where_their_shards_are_gone(cache: Path) -> None:
    handle = DatasetHandle.of(dataset_of(cache), cache)
    shutil.rmtree(cache)
    assert handle.open().n_records == 120
    shutil.rmtree(cache)
    (cache.parent / "data" / "5.jsonl").write_text('{"id": "new", "payloads": {"tokens": ["how"]}}')
    handle = replace(handle, files=tuple(data_files(cache.parent / "data")))
    with pytest.raises(OvertonError) as raised:
        handle.open()
    assert raised.value.problems[0].code == "data.changed-meanwhile"
