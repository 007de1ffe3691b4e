"""Predictions as data: the records of a file, each with what a version says as one more source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from overton.artifact import Runtime
from overton.base import Event, Observe, ignore
from overton.data.files import read_chunks

RECORDS = 256  # predicted at a time


def predicted(
    runtime: Runtime, path: Path, source: str, *, probabilities: bool = False, observe: Observe = ignore
) -> Iterator[dict[str, Any]]:
    """The records of a data file, read as they are asked for, with one more source.

    Args:
        runtime: The model.
        path: The data file.
        source: What the source is called.
        probabilities: Whether it tells the probability of every label.
        observe: Told of the progress.

    Raises:
        OvertonError: Where a record has a fault.
    """
    done = 0
    for chunk in read_chunks(runtime.schema, path, RECORDS):
        labels = runtime.predict([record for record, _ in chunk], probabilities=probabilities)
        for (_, value), said in zip(chunk, labels, strict=True):
            yield _with_source(value, source, said)
        done += len(chunk)
        observe(Event("predict", done=done))


def _with_source(value: dict[str, Any], source: str, labels: Mapping[str, Any]) -> dict[str, Any]:
    tasks = value.get("tasks") or {}
    said = {name: {**tasks.get(name, {}), source: label} for name, label in labels.items() if label is not None}
    return {**value, "tasks": {**tasks, **said}}
