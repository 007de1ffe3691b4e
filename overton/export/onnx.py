"""A trained program as an ONNX model in one piece."""

from collections.abc import Mapping

from numpy import ndarray

from overton.compile import Program
from overton.export.graph import Graphs, graph_of
from overton.export.narrow import narrow_wide_paths
from overton.export.trace import load_model, traced


def to_onnx(program: Program, weights: Mapping[str, ndarray], graphs: Graphs | None = None) -> bytes:
    """The ONNX model of a trained program, in one piece.

    Its inputs are those of `overton.codec.input_specs`, its outputs the logits of each task and
    those of membership in slices (`output_name`).

    Args:
        program: The program.
        weights: Its weights by name.
        graphs: Where the graphs of programs are kept; None for this process alone.
    """
    model, graph = narrow_wide_paths(load_model(program, weights)), graph_of(program, graphs)
    found = graph.filled(model) if graph else traced(program, model)
    serialized: bytes = found.SerializeToString()
    return serialized
