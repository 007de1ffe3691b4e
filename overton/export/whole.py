"""Operators left whole while a program is traced, where taking them apart would change nothing.

The exporter has `torch.export` take composite operators apart, which traces the whole program once more, symbol by
symbol: half of the time of an export. It gives a table of what it wants apart. Nothing that our blocks become is in it,
once a few operators have the name by which the exporter knows what they do.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.fx import GraphModule, Node

aten = torch.ops.aten
CONVERSIONS = (aten.to.dtype, aten.to.device, aten.to.dtype_layout)


@contextmanager
def left_whole() -> Iterator[None]:
    """Let `ExportedProgram.run_decompositions` give back programs in which there is nothing to take apart.

    The exporter fails, within, where it does not know a composite operator that its table does not name.
    """
    take_apart = ExportedProgram.run_decompositions

    def run_decompositions(
        program: ExportedProgram, decomp_table: dict[Any, Callable[..., Any]] | None = None, **more: Any
    ) -> ExportedProgram:
        if decomp_table is not None:
            _rename(program.graph_module)
            if all(_is_whole(node, decomp_table) for node in program.graph.nodes):
                return program
        apart: ExportedProgram = take_apart(program, decomp_table, **more)
        return apart

    ExportedProgram.run_decompositions = run_decompositions  # type: ignore[method-assign]
    try:
        yield
    finally:
        ExportedProgram.run_decompositions = take_apart  # type: ignore[method-assign]


def _is_whole(node: Node, table: Mapping[Any, Any]) -> bool:
    """Whether an operator is to stay as it is: it writes into nothing, runs no other graph, and is not in the table."""
    if node.op != "call_function":
        return node.op != "call_module"
    schema = getattr(node.target, "_schema", None)  # plain functions of Python, such as those of sizes, have none
    is_nested = isinstance(node.target, torch._ops.HigherOrderOperator)
    return not is_nested and node.target not in table and not (schema and schema.is_mutable)


def _rename(module: GraphModule) -> None:
    """Put an operator that the exporter knows in place of one that means the same; names of nodes stay."""
    for node in module.graph.nodes:
        if node.target in CONVERSIONS:
            types = [value for value in (*node.args, *node.kwargs.values()) if isinstance(value, torch.dtype)]
            node.target, node.args = aten._to_copy.default, node.args[:1]
            node.kwargs = {"dtype": types[0]} if types else {}
        elif node.target is aten.__and__.Tensor:
            node.target = aten.bitwise_and.Tensor
        elif node.target is aten.rsub.Scalar and len(node.args) == 2 and not node.kwargs:
            with module.graph.inserting_before(node):
                negative = module.graph.call_function(aten.neg.default, node.args[:1])
            negative.meta = dict(node.meta)
            node.target, node.args = aten.add.Scalar, (negative, node.args[1])
    module.recompile()
