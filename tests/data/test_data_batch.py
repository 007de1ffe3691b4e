"""Batches: how many records go together, and that a long one among many does not make all of them as wide."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import overton
from overton.artifact import Runtime
from overton.batch.predict import batches
from overton.data import parts_of
from overton.data.batch import MOST_PAIRS
from overton.pipeline import predict_rows
from overton.schema import Schema


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


class Counting:
    """A model that only looks at how large the batches are."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.shapes: list[tuple[int, ...]] = []

    def run(self, batch: Any) -> dict[str, Any]:
        """What it was given."""
        self.shapes.append(batch.columns["tokens"].strings.shape)
        return {}


def test_a_record_of_thousands_of_tokens_is_not_predicted_beside_hundreds_as_wide(tmp_path: Path) -> None:
    schema = {
        "payloads": {"tokens": {"type": "sequence", "max_length": 10_000}},
        "tasks": {"Kind": {"payload": "tokens", "type": "multiclass", "classes": ["a", "b"]}},
    }
    (tmp_path / "schema.json").write_text(json.dumps(schema))
    (tmp_path / "data").mkdir()
    lengths = [10_000 if number == 100 else 3 for number in range(300)]
    records = [json.dumps({"id": str(n), "payloads": {"tokens": ["w"] * length}}) for n, length in enumerate(lengths)]
    (tmp_path / "data" / "r.jsonl").write_text("\n".join(records))
    dataset = overton.load(tmp_path).dataset()
    model = Counting(replace(dataset.schema, tasks=()))
    predict_rows(dataset, cast(Runtime, model), np.arange(300))
    assert model.shapes == [(100, 3), (1, 10_000), (199, 3)]
    assert [len(rows) for rows in batches(np.array(lengths))] == [64, 64, 64, 64, 43, 1]
