"""Shapes of an ONNX graph that are worked out in every call, although they could stand there once and for all.

The exporter puts the target of a `Reshape` together from the sizes of inputs. ONNX knows it without: 0 for a size that
stays where it was, -1 for one that follows from the rest. That takes a tenth of the operators away, none of which
computes anything.

Source: https://onnx.ai/onnx/operators/onnx__Reshape.html.
"""

from collections.abc import Sequence

import numpy as np
from onnx import GraphProto, ValueInfoProto, numpy_helper

KEPT, FOLLOWS = 0, -1


def fix_reshapes(graph: GraphProto) -> None:
    """Give every `Reshape` that allows it a constant target, in place."""
    sizes = {value.name: _sizes(value) for value in (*graph.value_info, *graph.input, *graph.output)}
    constants = {value.name for value in graph.initializer}
    made: dict[tuple[int, ...], str] = {}
    for node in graph.node:
        if node.op_type != "Reshape" or node.input[1] in constants:
            continue
        target = constant_target(sizes.get(node.input[0], ()), sizes.get(node.output[0], ()))
        if target is not None:
            node.input[1] = made.setdefault(target, f"target.{len(made)}")
            del node.attribute[:]  # `allowzero`, with which 0 means none
    graph.initializer.extend(numpy_helper.from_array(np.array(target, np.int64), name) for target, name in made.items())
    drop_unused(graph)


def constant_target(before: Sequence[int | str], after: Sequence[int | str]) -> tuple[int, ...] | None:
    """The target of a `Reshape` as numbers; None where it has none, or the shapes are not known.

    Args:
        before: The sizes of what is reshaped; a text for one that varies.
        after: The sizes that it gets.

    Example:
        >>> constant_target(("row", "token", 128), ("row", "token", 4, 32))
        (0, 0, 4, 32)
        >>> constant_target(("row", "7*token", 128), ("row", "token", 7, 128))
        (0, -1, 7, 128)
        >>> constant_target(("row", "token", 128), ("token", "row", 128)) is None
        True
    """
    target = [
        size if isinstance(size, int) else KEPT if before[place : place + 1] == (size,) else FOLLOWS
        for place, size in enumerate(after)
    ]
    is_known = bool(before) and bool(after) and all(size != "" for size in (*before, *after)) and 0 not in after
    return tuple(target) if is_known and target.count(FOLLOWS) <= 1 else None


def drop_unused(graph: GraphProto) -> None:
    """Take out what nothing reads any more: nodes, constants and what was told of shapes."""
    told = {value.name for value in graph.output}
    while True:
        read = told | {name for node in graph.node for name in node.input}
        kept = [node for node in graph.node if read.intersection(node.output)]
        if len(kept) == len(graph.node):
            break
        del graph.node[:]
        graph.node.extend(kept)
    made = {name for node in graph.node for name in node.output}
    for values, names in ((graph.initializer, read), (graph.value_info, made)):
        left = [value for value in values if value.name in names]
        del values[:]
        values.extend(left)


def _sizes(value: ValueInfoProto) -> tuple[int | str, ...]:
    tensor = value.type.tensor_type
    return tuple(size.dim_param or (size.dim_value if size.HasField("dim_value") else "") for size in tensor.shape.dim)
