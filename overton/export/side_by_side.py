"""Dense layers of an ONNX graph that read the same become one: the same numbers in fewer operators.

Heads, keys, values and scores of several blocks all read the tokens in their context. Each is a `MatMul` and an `Add`;
side by side they are one of each and a `Split`. A single record spends more on the number of operators than on most
of them, so that this takes a twentieth off its time.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy import ndarray
from onnx import GraphProto, NodeProto, helper, numpy_helper

from overton.export.reshapes import drop_unused


@dataclass(frozen=True, slots=True)
class _Dense:
    """A `MatMul` by constant weights and the `Add` of a constant bias behind it."""

    multiply: NodeProto
    add: NodeProto
    weight: ndarray
    bias: ndarray


def join_dense_layers(graph: GraphProto) -> None:
    """Put dense layers that read the same side by side, in place."""
    constants = {value.name: value for value in graph.initializer}
    by_input: dict[str, list[_Dense]] = {}
    for layer in _dense_layers(graph, constants):
        by_input.setdefault(layer.multiply.input[0], []).append(layer)
    for number, layers in enumerate(layers for layers in by_input.values() if len(layers) > 1):
        _join(graph, layers, f"side_by_side.{number}")
    drop_unused(graph)


def _dense_layers(graph: GraphProto, constants: Mapping[str, object]) -> list[_Dense]:
    readers: dict[str, list[NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    told = {value.name for value in graph.output}
    found = []
    for node in graph.node:
        if node.op_type != "MatMul" or node.input[1] not in constants or node.output[0] in told:
            continue
        behind = readers.get(node.output[0], [])
        if len(behind) != 1 or behind[0].op_type != "Add":
            continue
        bias = next((name for name in behind[0].input if name != node.output[0]), "")
        weight = numpy_helper.to_array(constants[node.input[1]])  # type: ignore[arg-type]  # a tensor, as all of them
        if bias not in constants or weight.ndim != 2:
            continue
        added = numpy_helper.to_array(constants[bias])  # type: ignore[arg-type]
        if added.shape == weight.shape[1:]:
            found.append(_Dense(node, behind[0], weight, added))
    return found


def _join(graph: GraphProto, layers: list[_Dense], name: str) -> None:
    """One layer in the place of several: where the first stood, since what it reads is there by then."""
    sizes = np.array([len(layer.bias) for layer in layers], np.int64)
    graph.initializer.extend(
        [
            numpy_helper.from_array(np.concatenate([layer.weight for layer in layers], 1), f"{name}.weight"),
            numpy_helper.from_array(np.concatenate([layer.bias for layer in layers]), f"{name}.bias"),
            numpy_helper.from_array(sizes, f"{name}.sizes"),
        ]
    )
    read = layers[0].multiply.input[0]
    nodes = [
        helper.make_node("MatMul", [read, f"{name}.weight"], [f"{name}.product"], f"{name}.multiply"),
        helper.make_node("Add", [f"{name}.product", f"{name}.bias"], [f"{name}.sum"], f"{name}.add"),
        helper.make_node(
            "Split",
            [f"{name}.sum", f"{name}.sizes"],
            [layer.add.output[0] for layer in layers],
            f"{name}.split",
            axis=-1,
        ),
    ]
    gone = {node.output[0] for layer in layers for node in (layer.multiply, layer.add)}
    kept: list[NodeProto] = []
    for node in graph.node:
        if node.output[0] == layers[0].multiply.output[0]:
            kept.extend(nodes)
        elif node.output[0] not in gone:
            kept.append(node)
    del graph.node[:]
    graph.node.extend(kept)
