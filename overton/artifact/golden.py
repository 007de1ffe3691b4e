"""Some real records with what a version answered when it was built, and whether it still does where it is loaded."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np

from overton.artifact.runtime import Runtime
from overton.base import OvertonError, Problem
from overton.data import Dataset, RecordParser

GOLDEN_RECORDS = 100
SOURCE = "overton"  # whose labels stand there: those of the version itself, whose id the file is a part of
MOST_CHANGED = 0.02  # of the labels of a task; another processor rounds otherwise, which tips a label now and then
CHUNK = 16  # records of a call


def sample_records(dataset: Dataset) -> list[bytes]:
    """Some real records, spread over the data, each a line of a data file without labels."""
    rows = np.linspace(0, dataset.n_records - 1, min(GOLDEN_RECORDS, dataset.n_records)).astype(np.int64)
    return [msgspec.json.encode({"payloads": payloads}) for payloads in dataset.payloads(rows)]


def golden_records(dataset: Dataset, runtime: Runtime) -> bytes:
    """Some real records with what the version says of them, as lines of a data file.

    A server replays them before it lets the version answer.
    """
    lines = sample_records(dataset)
    told = b""
    for line, labels in zip(lines, _answers(runtime, lines), strict=True):
        tasks = {task: {SOURCE: label} for task, label in labels.items() if label is not None}
        told += msgspec.json.encode({**msgspec.json.decode(line), "tasks": tasks}) + b"\n"
    return told


def replay_golden(runtime: Runtime, lines: Sequence[bytes]) -> int:
    """Predict golden records, which also warms a version up, and compare with what stands there.

    Args:
        runtime: The version as it was loaded.
        lines: Lines of its `golden.jsonl`; those of an older version hold no answers, and are only run.

    Returns:
        How many labels were compared.

    Raises:
        OvertonError: Where it answers otherwise than when it was built in some task (`artifact.golden`): more than one
            label, and more than one in fifty; or where a line is no record.
    """
    said = _answers(runtime, lines)
    compared: Counter[str] = Counter()
    changed: dict[str, list[str]] = {}
    for number, (line, labels) in enumerate(zip(lines, said, strict=True), 1):
        for task, sources in (msgspec.json.decode(line).get("tasks") or {}).items():
            for before, now in _items(sources[SOURCE], labels.get(task)) if SOURCE in sources else ():
                compared[task] += 1
                if before != now:
                    changed.setdefault(task, []).append(f"record {number}: {task} is {now!r}, was {before!r}")
    for task, found in changed.items():
        if len(found) > max(1, MOST_CHANGED * compared[task]):
            message = f"{len(found)} of {compared[task]} golden labels of {task} are not what the build answered"
            hint = "Its model runs otherwise here: compare the releases of onnxruntime, and build the version again"
            raise OvertonError(
                Problem(message=f"{message}: {found[0]}", code="artifact.golden", path="golden.jsonl", hint=hint)
            )
    runtime.warm_up(lines[:1])
    return compared.total()


def _answers(runtime: Runtime, lines: Sequence[bytes]) -> list[dict[str, Any]]:
    """What a version says of golden records: in calls of the same records at its build and wherever it is loaded.

    A model in int8 of an older release rounds by the range of a call, so that other neighbours may tip a label.
    """
    parser = RecordParser(runtime.schema, closed=True)
    records = [parser.parse(line) for line in lines]
    return [labels for start in range(0, len(records), CHUNK) for labels in runtime.predict(records[start:][:CHUNK])]


def _items(before: Any, now: Any) -> Iterator[tuple[Any, Any]]:
    """The labels to compare: of each item where there are several."""
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        yield from zip(before, now, strict=True)
    else:
        yield before, now
