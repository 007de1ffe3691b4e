"""Batches: how many records go together, and that a long one among many does not make all of them as wide."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import overton
from overton import comparing
from overton.artifact import Artifact, Runtime
from overton.base import ignore
from overton.batch.predict import batches
from overton.codec import Encoder
from overton.data import Batch, Dataset, alike_parts, parts_of
from overton.data.batch import MOST_PAIRS
from overton.pipeline import predict_rows
from overton.schema import Schema, parse_schema
from overton.train import predict


@given(st.lists(st.integers(0, 5000), max_size=80), st.integers(1, 20))
def test_every_record_is_in_one_batch_and_none_is_too_large(lengths: list[int], most: int) -> None:
    parts = list(parts_of(lengths, most))
    assert [place for part in parts for place in range(part.start, part.stop)] == list(range(len(lengths)))
    for part in parts:
        n, longest = part.stop - part.start, max(lengths[part])
        assert 1 <= n <= most
        assert n == 1 or n * longest**2 <= MOST_PAIRS
    usual = list(parts_of([512] * 1100, 512))
    assert [part.stop - part.start for part in usual] == [512, 512, 76]  # as many as ever


@given(st.lists(st.integers(0, 4000), max_size=80), st.integers(1, 20))
def test_alike_records_are_together_in_batches_as_large_as_of_all(lengths: list[int], most: int) -> None:
    parts = alike_parts(np.array(lengths, np.int64), most)
    expected = parts_of(sorted(lengths), most)
    assert [[lengths[row] for row in part] for part in parts] == [sorted(lengths)[part] for part in expected]
    assert sorted(row for part in parts for row in part.tolist()) == list(range(len(lengths)))


class Counting:
    """A model that only looks at how large the batches are."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.shapes: list[tuple[int, ...]] = []

    def run(self, batch: Batch) -> dict[str, Any]:
        """What it was given."""
        self.shapes.append(next(iter(batch.columns.values())).strings.shape)
        return {}

    encode = run  # as an encoder


LENGTHS = [10_000 if number == 100 else 3 for number in range(300)]
SHAPES = [(100, 3), (1, 10_000), (199, 3)]


def schema_of(payload: str) -> dict[str, Any]:
    return {
        "payloads": {payload: {"type": "sequence", "field": "tokens", "max_length": 10_000}},
        "tasks": {"Kind": {"payload": payload, "type": "multiclass", "classes": ["a", "b"]}},
    }


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Short records, and one of thousands of tokens."""
    (tmp_path / "schema.json").write_text(json.dumps(schema_of("tokens")))
    (tmp_path / "data").mkdir()
    records = [json.dumps({"id": str(n), "payloads": {"tokens": ["w"] * length}}) for n, length in enumerate(LENGTHS)]
    (tmp_path / "data" / "r.jsonl").write_text("\n".join(records))
    return overton.load(tmp_path).dataset()


def test_a_record_of_thousands_of_tokens_is_not_predicted_beside_hundreds_as_wide(dataset: Dataset) -> None:
    model = Counting(replace(dataset.schema, tasks=()))
    predict_rows(dataset, cast(Runtime, model), np.arange(300))
    assert model.shapes == SHAPES
    assert [len(rows) for rows in batches(np.array(LENGTHS))] == [64, 64, 64, 64, 43, 1]


def test_nor_is_it_while_a_training_looks_at_dev(dataset: Dataset) -> None:
    model = Counting(replace(dataset.schema, tasks=()))
    encoder, lengths = cast(Encoder, model), dataset.record_lengths()
    predict(lambda _: {}, model.schema, dataset.gather, encoder, np.arange(300), lengths)
    assert model.shapes == SHAPES
    model.shapes.clear()
    predict(lambda _: {}, model.schema, dataset.gather, encoder, np.array([7, 100, 8]), lengths)
    assert model.shapes == [(1, 3), (1, 10_000), (1, 3)]


def test_nor_is_it_where_a_version_of_other_payloads_is_compared(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = replace(parse_schema(json.dumps(schema_of("words"))), tasks=())
    model = Counting(schema)
    monkeypatch.setattr(comparing, "Runtime", lambda artifact: model)
    comparing._predict(dataset, cast(Artifact, model), "a", np.arange(300), ignore)
    assert model.shapes == SHAPES
