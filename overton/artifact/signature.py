"""The signature: the serving contract of a version, every input and output with type, shape and classes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from overton.base import OvertonError, Problem
from overton.schema import Schema, parse_schema

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input or output of the ONNX model.

    Attributes:
        name: Its name in the graph.
        type: `int64`, `int32`, `float32` or `bool`.
        shape: Sizes; a text names a size that varies, such as `batch` or `tokens`.
    """

    name: str
    type: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Signature:
    """What a client may send and what it gets back.

    Attributes:
        schema: The schema with the classes frozen: the contract at the level of records.
        inputs: Inputs of the ONNX graph.
        outputs: Outputs of the ONNX graph.
        output_by_task: Name of the output that holds a task's logits, by name of task.
        slices: The slices of the output `slice:membership`, in the order of its logits; empty where there is none.
        thresholds: By `bitvector` task, the probability from which each bit holds, in the order of the classes; 0.5 for
            tasks that are not named.
    """

    schema: Schema
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    output_by_task: Mapping[str, str]
    slices: tuple[str, ...] = ()
    thresholds: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The JSON value of `signature.json`."""
        return {
            "format": FORMAT,
            **self.schema.to_json(),
            "inputs": [_tensor_json(tensor) for tensor in self.inputs],
            "outputs": [_tensor_json(tensor) for tensor in self.outputs],
            "output_by_task": dict(self.output_by_task),
            **({"slices": list(self.slices)} if self.slices else {}),
            **({"thresholds": {task: list(bits) for task, bits in self.thresholds.items()}} if self.thresholds else {}),
        }


def _tensor_json(tensor: Tensor) -> dict[str, Any]:
    return {"name": tensor.name, "type": tensor.type, "shape": list(tensor.shape)}


def parse_signature(value: Mapping[str, Any]) -> Signature:
    """Read the JSON value of `signature.json`; the inverse of `Signature.to_json`.

    Raises:
        OvertonError: Where it is not a signature of this format.
    """
    try:
        if value["format"] != FORMAT:
            raise ValueError(f"format {value['format']}, this Overton reads format {FORMAT}")
        if value.get("slices") and not value["outputs"]:
            raise ValueError("slices, and no output that tells them")
        schema = parse_schema(json.dumps({"payloads": value["payloads"], "tasks": value["tasks"]}), "signature.json")
        return Signature(
            schema=schema,
            inputs=tuple(_parse_tensor(tensor) for tensor in value["inputs"]),
            outputs=tuple(_parse_tensor(tensor) for tensor in value["outputs"]),
            output_by_task={task.name: str(value["output_by_task"][task.name]) for task in schema.learnable().tasks},
            slices=tuple(map(str, value.get("slices", ()))),
            thresholds=_parse_thresholds(schema, value.get("thresholds", {})),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise OvertonError(
            Problem(
                message=f"not a signature: {error!r}",
                code="artifact.signature",
                path="signature.json",
                hint="Use the Overton that wrote it, or build the version again",
            )
        ) from None


def _parse_thresholds(schema: Schema, value: Mapping[str, Any]) -> dict[str, tuple[float, ...]]:
    found = {str(task): tuple(map(float, bits)) for task, bits in value.items()}
    for task, bits in found.items():
        if task not in {known.name for known in schema.tasks} or len(bits) != len(schema.task(task).classes):
            raise ValueError(f"{len(bits)} thresholds of {task!r}, which are not one for each of its classes")
    return found


def _parse_tensor(value: Mapping[str, Any]) -> Tensor:
    shape = tuple(size if isinstance(size, int) else str(size) for size in value["shape"])
    return Tensor(name=str(value["name"]), type=str(value["type"]), shape=shape)
