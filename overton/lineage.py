"""Where a version comes from, as its artefact tells it."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version as version_of
from typing import TYPE_CHECKING, Any

from overton import __version__
from overton.data import Dataset
from overton.fitting import Plan
from overton.supervision import Combined

if TYPE_CHECKING:
    from overton.train import Trained

LIBRARIES = ("numpy", "onnx", "onnxruntime", "onnxscript", "torch")


def lineage_of(
    dataset: Dataset,
    planned: Plan,
    combined: Mapping[str, Combined],
    trained: Trained,
    seed: int,
    seconds: Mapping[str, float],
    tuning: str,
    precision: Mapping[str, Any],
) -> dict[str, Any]:
    """Where a version comes from: digests, sources with their learned accuracies, seeds, libraries, timings."""
    return {
        "format": 1,
        "overton": __version__,
        "schema": dataset.schema.digest(),
        "data": {"digest": dataset.digest, "files": dict(dataset.files), "records": dataset.n_records},
        "splits": dataset.splits.sizes(),
        "notes": list(dataset.notes),
        "slices": asdict(planned.slices),
        "tags": dataset.tags.by_split(dataset.splits),
        "sources": {name: dict(found.accuracy) for name, found in combined.items()},
        "label_models": {name: found.method for name, found in combined.items()},
        "pretrained": planned.given.lineage,
        "parent": trained.parent or None,
        "warm": dict(trained.warm),
        "seed": seed,
        "epochs": [asdict(epoch) for epoch in trained.history],
        "best_epoch": trained.best_epoch,
        "temperature": {name: round(value, 4) for name, value in trained.temperature.items()},
        "wide_share": dict(trained.share),
        "libraries": {"python": platform.python_version(), **{name: version_of(name) for name in LIBRARIES}},
        "seconds": {stage: round(value, 3) for stage, value in seconds.items()},
        "tuning": tuning,
        "precision": precision,
        **({"teacher": planned.teacher} if planned.teacher else {}),
    }
