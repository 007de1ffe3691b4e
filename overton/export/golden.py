"""Real records as tensors, with what the ONNX model makes of them: what every exported model is held against."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnxruntime
import safetensors.numpy
from numpy import ndarray

from overton.artifact import Artifact
from overton.base import OvertonError, Problem
from overton.codec import Encoder, input_specs
from overton.data import Pool, Record, RecordParser, pack

ERRORS_ONLY = 3
FEW = 8
MOST = 64  # records of one call that every runtime takes

Run = Callable[[Mapping[str, ndarray]], Mapping[str, ndarray]]


@dataclass(frozen=True, slots=True)
class Case:
    """One call of the model.

    Attributes:
        records: The records.
        inputs: All that the blocks of the program read, by name; an ONNX graph may do without some of it.
        outputs: Its outputs by the names of the signature.
        lengths: How many items each record has, int32 of shape (record,), by payload that has items.
    """

    records: tuple[Record, ...]
    inputs: Mapping[str, ndarray]
    outputs: Mapping[str, ndarray]
    lengths: Mapping[str, ndarray]


def golden_cases(artifact: Artifact, model: bytes) -> tuple[Case, ...]:
    """The golden records of a version in calls of different sizes: one record, a few, many.

    Args:
        artifact: The version.
        model: The ONNX model that is asked.

    Raises:
        OvertonError: Where the version has no golden records.
    """
    parser = RecordParser(artifact.schema, closed=True)
    records = [parser.parse(line) for line in artifact.files.get("golden.jsonl", b"").splitlines()]
    if not records:
        message = "the version has no golden records to check an exported model on"
        raise OvertonError(Problem(message, "export.no-golden", hint="Build the version again"))
    run = load_onnx(model)
    encoder = Encoder(artifact.program, artifact.strings)
    parts = (records[:1], records[1:FEW], records[FEW : FEW + MOST])
    return tuple(_case(artifact, encoder, part, run) for part in parts if part)


def load_onnx(model: bytes) -> Run:
    """An ONNX model as a function from inputs to outputs by the names of the signature."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = ERRORS_ONLY
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    read = [value.name for value in session.get_inputs()]
    told = [value.name for value in session.get_outputs()]

    def run(inputs: Mapping[str, ndarray]) -> dict[str, ndarray]:
        return dict(zip(told, session.run(told, {name: inputs[name] for name in read}), strict=True))

    return run


def worst_difference(run: Run, cases: Iterable[Case]) -> float:
    """How far a model is from the outputs of some cases: absolute up to 1, beyond that by the size of the output.

    Infinite where an output is missing, of another shape, or no number.
    """
    worst = 0.0
    for case in cases:
        found = run(case.inputs)
        for name, wanted in case.outputs.items():
            worst = max(worst, _difference(found.get(name), wanted))
    return worst


def render_cases(cases: Sequence[Case]) -> bytes:
    """The tensors of some cases as the content of a safetensors file, by names such as `0/inputs/tokens.length`."""
    kinds = ("inputs", "outputs", "lengths")
    tensors = {
        f"{number}/{kind}/{name}": np.ascontiguousarray(value)
        for number, case in enumerate(cases)
        for kind in kinds
        for name, value in getattr(case, kind).items()
    }
    return safetensors.numpy.save(tensors)


def _case(artifact: Artifact, encoder: Encoder, records: Sequence[Record], run: Run) -> Case:
    batch = pack(records, artifact.schema, Pool())
    values = encoder.encode(batch)
    inputs = {spec.name: values[spec.name] for spec in input_specs(artifact.program)}
    lengths = {
        payload.name: np.ascontiguousarray(batch.columns[payload.name].length, np.int32)
        for payload in artifact.schema.payloads
        if payload.has_items
    }
    return Case(tuple(records), inputs, run(inputs), lengths)


def _difference(found: ndarray | None, wanted: ndarray) -> float:
    if found is None or found.shape != wanted.shape or not np.isfinite(found).all():
        return float("inf")
    return float((np.abs(found - wanted) / np.maximum(np.abs(wanted), 1)).max(initial=0.0))
