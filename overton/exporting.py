"""Export as a stage: a trained program to an artefact that runs without torch, proved to compute the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from overton.artifact import Artifact, pack_artifact, signature_of
from overton.base import Event, Observe, OvertonError, Problem, ignore
from overton.codec import Encoder
from overton.data import Dataset, parts_of
from overton.fitting import Plan

if TYPE_CHECKING:
    from overton.export import Graphs
    from overton.train import Trained

PARITY_RECORDS = 256
TOLERANCE = 1e-4


def export(
    dataset: Dataset, planned: Plan, trained: Trained, *, graphs: Graphs | None = None, observe: Observe = ignore
) -> Artifact:
    """The trained program as an artefact that runs without torch.

    Args:
        dataset: The records, some of which are predicted by both.
        planned: What was trained.
        trained: Its weights.
        graphs: Where the graphs of programs are kept; None for this process alone.
        observe: Told how far the exported model is from the trained one.

    Raises:
        OvertonError: Where it computes something else on real records.
    """
    from overton.export import parity, to_onnx

    program = planned.program
    onnx = to_onnx(program, trained.weights, graphs)
    encoder = Encoder(program, planned.given.strings)
    rows = np.linspace(0, dataset.n_records - 1, min(PARITY_RECORDS, dataset.n_records)).astype(np.int64)
    some = (rows[:1], rows[1:8], rows[8:])  # one record alone, a few, many: sizes must not be frozen
    lengths = dataset.record_lengths()
    parts = [own[part] for own in some for part in parts_of(lengths[own].tolist(), PARITY_RECORDS)]
    batches = (encoder.encode(dataset.gather(part)) for part in parts)  # one at a time in memory
    checked = parity(onnx, program, trained.weights, batches)
    if not checked.within(TOLERANCE):
        hint = "This is a fault of Overton, not of the data; the version was not published"
        message = f"the exported model is off by {checked.max_error:.2g} from the trained one"
        raise OvertonError(Problem(message, "build.parity", hint=hint))
    told = f"{len(onnx) / 1e6:.1f} MB, at most {checked.max_error:.1g} off on {checked.n_records} records"
    observe(Event("export", told))
    return pack_artifact(
        onnx=onnx,
        weights=trained.weights,
        program=program,
        choices=planned.choices.to_json(dataset.schema),
        signature=signature_of(program, onnx, trained.thresholds),
        strings=planned.given.strings,
    )
