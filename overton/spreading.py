"""What is done with all records of a data set, spread over an engine: votes are counted, predictions are made.

Pieces are cut by the data alone, and their results joined in order, so the outcome is that of one process bit for bit.
Where there is not enough to do for two, one process does it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy import ndarray

from overton.artifact import Artifact, Runtime
from overton.base import Event, Observe, ignore
from overton.codec import Predictions
from overton.data import Dataset
from overton.data.files import DatasetHandle
from overton.pipeline import PREDICT_RECORDS, joined, predict_rows
from overton.supervision import Tally, count_votes, merge

if TYPE_CHECKING:
    from overton.engine import Engine

COUNT_ROWS = 250_000  # records whose votes are counted in one piece, at least: whole files
PREDICT_ROWS = 32 * PREDICT_RECORDS  # whole batches, so that each is of the same records wherever it is run


def count_on(engine: Engine, cache: Path, dataset: Dataset, task: str, sources: Collection[str]) -> Tally:
    """The counted votes of some sources on a task, files of many records at a time.

    Args:
        engine: Where they are counted.
        cache: Folder of the shards.
        dataset: The records.
        task: Name of the task.
        sources: Names of the sources.
    """
    ends = dataset.joined.first[1:].tolist()
    cuts = [0]
    for end in ends:
        if end - cuts[-1] >= COUNT_ROWS or (end == ends[-1] and end > cuts[-1]):
            cuts.append(end)
    if engine.workers < 2 or len(cuts) < 3:
        return count_votes(dataset, task, sources)
    pieces = [(task, tuple(sources), low, high) for low, high in pairwise(cuts)]
    return merge(list(engine.run(partial(_make_count, DatasetHandle.of(dataset, cache)), pieces)))


CountPiece = tuple[str, tuple[str, ...], int, int]


def _make_count(records: DatasetHandle) -> Callable[[CountPiece, Observe], Tally]:
    dataset = records.open()

    def count(piece: CountPiece, observe: Observe) -> Tally:
        task, sources, low, high = piece
        return count_votes(dataset.subset(np.arange(low, high)), task, sources)

    return count


def predict_on(
    engine: Engine,
    artifact: Artifact,
    cache: Path,
    dataset: Dataset,
    runtime: Runtime,
    rows: ndarray,
    *,
    observe: Observe = ignore,
) -> dict[str, Predictions]:
    """As `overton.pipeline.predict_rows`, by several workers.

    Args:
        engine: Where they are.
        artifact: The version.
        cache: Folder of the shards.
        dataset: The records.
        runtime: The version, ready to predict here.
        rows: Numbers of the records.
        observe: Told of the progress.
    """
    pieces = [rows[start : start + PREDICT_ROWS] for start in range(0, len(rows), PREDICT_ROWS)]
    if engine.workers < 2 or len(pieces) < 2:
        return predict_rows(dataset, runtime, rows, observe=observe)
    parts = []
    for part in engine.run(partial(_make_predict, artifact, DatasetHandle.of(dataset, cache)), pieces):
        parts.append(part)
        observe(Event("evaluate", done=min(len(parts) * PREDICT_ROWS, len(rows)), total=len(rows)))
    return joined(runtime.schema, parts)


def _make_predict(artifact: Artifact, records: DatasetHandle) -> Callable[[ndarray, Observe], dict[str, Predictions]]:
    runtime, dataset = Runtime(artifact), records.open()

    def predict(rows: ndarray, observe: Observe) -> dict[str, Predictions]:
        return predict_rows(dataset, runtime, rows)

    return predict
