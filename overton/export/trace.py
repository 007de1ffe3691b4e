"""A program traced to an ONNX model: every size that varies stays free, and nothing is stored outside of it."""

from collections.abc import Mapping
from typing import Any

import onnx
import torch
from numpy import ndarray
from torch import Tensor, nn
from torch._dynamo import config as dynamo

from overton.codec import InputSpec, input_specs
from overton.compile import MEMBERSHIP, Program
from overton.export.quiet import quiet
from overton.export.reshapes import fix_reshapes
from overton.export.side_by_side import join_dense_layers
from overton.export.whole import left_whole
from overton.nn import Model, build_model

OPSET = 20
# Sizes of the example that is traced: all different and none of them 1, so that no size is taken for another.
EXAMPLE_ROWS = 3
EXAMPLE_ITEMS = 5


def output_name(output: str) -> str:
    """Name of the ONNX output that holds the logits of a task, or those of membership in slices."""
    return output if output == MEMBERSHIP else f"{output}.logits"


def traced(program: Program, model: Model) -> onnx.ModelProto:
    """The ONNX model of a program, with the weights that its module has."""
    try:
        with left_whole():
            exported = _exported(program, model)
    except torch.onnx.OnnxExporterError:  # of something pretrained, an operator that it knows in parts alone
        exported = _exported(program, model)
    proto: onnx.ModelProto = exported.model_proto
    _forget_origin(proto)
    fix_reshapes(proto.graph)
    join_dense_layers(proto.graph)
    return proto


def _exported(program: Program, model: Model) -> torch.onnx.ONNXProgram:
    specs = input_specs(program)
    sizes = example_sizes(specs)
    # With sizes that vary, what torch remembers of the shapes of each call costs more to keep than to find again.
    with quiet(), dynamo.patch(fake_tensor_cache_enabled=False):
        exported = torch.onnx.export(
            Flat(model, tuple(spec.name for spec in specs)),
            tuple(example_input(spec, sizes) for spec in specs),
            dynamo=True,
            dynamic_shapes=(tuple(free_axes(spec) for spec in specs),),
            input_names=[spec.name for spec in specs],
            output_names=[output_name(task) for task in program.all_outputs],
            opset_version=OPSET,
            external_data=False,
            verbose=False,
        )
    assert exported is not None, "the exporter gives a program where it is given no file"
    return exported


def _forget_origin(model: onnx.ModelProto) -> None:
    """Take out where in the source each node comes from: paths of this machine, which would change the version's id."""
    graph = model.graph
    for part in (*graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer, graph, model):
        del part.metadata_props[:]
        part.doc_string = ""
    for function in model.functions:
        del function.metadata_props[:]
        for node in function.node:
            del node.metadata_props[:]
            node.doc_string = ""


def load_model(program: Program, weights: Mapping[str, ndarray]) -> Model:
    """The module of a program with given weights, ready to predict."""
    model = build_model(program, seed=0)
    model.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in weights.items()})
    return model.eval()


class Flat(nn.Module):
    """The model with its inputs and outputs in a row instead of by name, as ONNX has them."""

    def __init__(self, model: Model, names: tuple[str, ...]) -> None:
        super().__init__()
        self.model = model
        self.names = names

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Inputs in the order of the names to the logits in the order of the program's outputs."""
        return tuple(self.model(dict(zip(self.names, inputs, strict=True))).values())


def example_sizes(specs: tuple[InputSpec, ...]) -> dict[str, int]:
    """A size for every name of one in the shapes of some inputs."""
    names = dict.fromkeys(size for spec in specs for size in spec.shape if isinstance(size, str) and size != "row")
    return {"row": EXAMPLE_ROWS, **{name: EXAMPLE_ITEMS + 2 * number for number, name in enumerate(names)}}


def example_input(spec: InputSpec, sizes: Mapping[str, int]) -> Tensor:
    """An input to trace with."""
    shape = [sizes[size] if isinstance(size, str) else size for size in spec.shape]
    return torch.ones(shape, dtype=getattr(torch, spec.type))


def free_axes(spec: InputSpec) -> dict[int, Any]:
    """The axes of an input whose sizes vary."""
    return {axis: torch.export.Dim.DYNAMIC for axis, size in enumerate(spec.shape) if isinstance(size, str)}
