"""The program: what the model computes, as data. Typed nodes that print, diff, hash and reload without torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from overton.base import digest_json
from overton.schema import Schema

# What a model gives beside the logits of its tasks, where it knows of slices; no task can have this name.
MEMBERSHIP = "slice:membership"

Setting = int | float | str | bool | None | tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """One block of the model.

    Attributes:
        name: Unique name, such as `tokens.encoder`.
        op: Name and version of the block, such as `cnn.v1`; changing what a block means makes a new version.
        inputs: Names of the nodes (or of program inputs) that it reads, in the order of the block's arguments.
        settings: Its sizes and switches.
    """

    name: str
    op: str
    inputs: tuple[str, ...] = ()
    settings: Mapping[str, Setting] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Program:
    """Schema x choices: everything about the model but its weights.

    Attributes:
        schema: The schema with the classes of its tasks told.
        nodes: The blocks, each after those that it reads.
        outputs: Name of the node that computes each task's logits, by name of task.
        features: How strings become numbers, by payload with items (see `overton.codec`): the settings of
            the feature function, so that training, batch work and serving make the same arrays.
        slices: Names of the slices for which the model has capacity.
    """

    schema: Schema
    nodes: tuple[Node, ...]
    outputs: Mapping[str, str]
    features: Mapping[str, Mapping[str, Setting]]
    slices: tuple[str, ...] = ()

    @property
    def all_outputs(self) -> dict[str, str]:
        """`outputs`, and behind them under `MEMBERSHIP` the node that predicts who belongs to which slice, if any."""
        return {**self.outputs, **({MEMBERSHIP: "slices.membership"} if self.slices else {})}

    def tasks_in_sets(self) -> tuple[str, ...]:
        """The tasks that choose among sets of bits."""
        heads = {node.name for node in self.nodes if node.op.partition(".")[0] == "sets_head"}
        return tuple(task for task, head in self.outputs.items() if head in heads)

    def to_json(self) -> dict[str, Any]:
        """The JSON value of which `parse_program` makes the same program."""
        return {
            "format": 1,
            "schema": self.schema.to_json(),
            "features": {name: dict(value) for name, value in self.features.items()},
            "nodes": [
                {"name": node.name, "op": node.op, "inputs": list(node.inputs), "settings": dict(node.settings)}
                for node in self.nodes
            ],
            "outputs": dict(self.outputs),
            "slices": list(self.slices),
        }

    def digest(self) -> str:
        """Digest of the content."""
        return digest_json(self.to_json())
