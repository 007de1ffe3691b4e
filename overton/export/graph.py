"""The ONNX graph of a program apart from its weights: traced once, and filled with the weights of every training.

Tracing takes 3 to 11 seconds, and depends on the program alone. What the exporter makes of weights on the way (it
turns matrices and joins them, and puts the gates of recurrent layers in another order) is seen by tracing with weights
of which each tells its own place.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from math import prod

import numpy as np
import onnx
import onnxscript
import torch
from numpy import ndarray
from torch import Tensor

from overton import __version__
from overton.base import digest_json
from overton.codec import input_specs
from overton.compile import Program
from overton.export.narrow import narrow_wide_paths
from overton.export.parity import parity
from overton.export.trace import example_input, example_sizes, load_model, traced
from overton.nn import Model, build_model

# Float32 with these bits, 1.7e35 and what follows, are places of weights: no constant of a model is so large.
FIRST_BITS, LAST_BITS = 0x7A000000, 0x7F7FFFFF
FORMAT = 3
VERSIONS = (torch.__version__, onnx.__version__, onnxscript.__version__)
KEPT = 16  # graphs of a process
SCALE, CLOSE = 0.1, 1e-4  # of the weights that a graph is tried with, and of what may differ then


@dataclass(frozen=True, slots=True)
class Filling:
    """What a constant of a graph is made of: weights, of all that stand in a row.

    Attributes:
        name: Its name.
        shape: Its shape.
        start: Where it begins, where it is weights one after the other.
        turned: Whether it is the transpose of those.
        places: Where each number stands, where they are in another order, int32 of shape (number,).
    """

    name: str
    shape: tuple[int, ...]
    start: int = 0
    turned: bool = False
    places: ndarray | None = None

    def of(self, weights: ndarray) -> bytes:
        """The constant as bytes, of all weights in a row."""
        if self.places is not None:
            return weights.take(self.places).tobytes()
        part = weights[self.start : self.start + prod(self.shape)]
        return (part.reshape(self.shape[::-1]).T if self.turned else part).tobytes()


@dataclass(frozen=True, slots=True)
class Graph:
    """The graph of a program.

    Attributes:
        model: The ONNX model as bytes; the constants that are filled hold nothing.
        fillings: What they are filled with.
    """

    model: bytes
    fillings: tuple[Filling, ...]

    def filled(self, model: Model) -> onnx.ModelProto:
        """The ONNX model with the weights of a trained one, whose wide paths are narrow."""
        proto: onnx.ModelProto = onnx.ModelProto.FromString(self.model)
        constants = {value.name: value for value in proto.graph.initializer}
        weights = np.concatenate([value.numpy().ravel() for value in _floats(model).values()])
        for filling in self.fillings:
            constants[filling.name].raw_data = filling.of(weights)
        return proto


@dataclass(frozen=True, slots=True)
class Graphs:
    """Where graphs are kept from build to build.

    Attributes:
        load: Gives that of a key; None where there is none, or none that can be read.
        save: Keeps it.
    """

    load: Callable[[str], Graph | None]
    save: Callable[[str, Graph], None]


def graph_of(program: Program, graphs: Graphs | None = None) -> Graph | None:
    """The graph of a program; None where it cannot be told what the exporter made of the weights.

    Args:
        program: The program.
        graphs: Where graphs are kept; None for this process alone.
    """
    key = digest_json([FORMAT, __version__, *VERSIONS, program.digest()])
    found = graphs.load(key) if graphs else None
    if found is None:
        found = _graph_of(_Known(key, program))
        if graphs and found:
            graphs.save(key, found)
    return found


@dataclass(frozen=True, slots=True)
class _Known:
    """A program by the key of what is kept of it."""

    key: str
    program: Program = field(compare=False)


@lru_cache(maxsize=KEPT)
def _graph_of(known: _Known) -> Graph | None:
    program = known.program
    model = narrow_wide_paths(build_model(program, seed=0).eval())
    end = FIRST_BITS
    for value in _floats(model).values():
        begin, end = end, end + value.numel()
        if end > LAST_BITS:
            return None
        value.copy_(torch.from_numpy(np.arange(begin, end, dtype=np.int32).view(np.float32)).reshape(value.shape))
    proto, fillings = traced(program, model), []
    for constant in proto.graph.initializer:
        bits = _bits(constant)
        inside = (bits >= FIRST_BITS) & (bits < end)
        if inside.any():
            if not inside.all():
                return None  # weights among other numbers
            fillings.append(_filling_of(constant.name, bits - FIRST_BITS))
            constant.ClearField("raw_data")
    graph = Graph(proto.SerializeToString(), tuple(fillings))
    return graph if _holds(graph, program) else None


def _bits(constant: onnx.TensorProto) -> ndarray:
    """The bits of the numbers of a constant, int64 of its shape; nothing where they are no float32."""
    if constant.data_type != onnx.TensorProto.FLOAT:
        return np.zeros(0, np.int64)
    bits: ndarray = np.ascontiguousarray(onnx.numpy_helper.to_array(constant)).view(np.int32).astype(np.int64)
    return bits


def _filling_of(name: str, places: ndarray) -> Filling:
    for turned in (False, True) if places.ndim == 2 else (False,):
        row = (places.T if turned else places).ravel()
        if (np.diff(row) == 1).all():
            return Filling(name, places.shape, int(row[0]), turned)
    return Filling(name, places.shape, places=places.ravel().astype(np.int32))


def _holds(graph: Graph, program: Program) -> bool:
    """Whether the graph computes what the module does, with other weights."""
    random = torch.Generator().manual_seed(0)
    weights = {
        name: (torch.randn(value.shape, generator=random) * SCALE).numpy() if _is_float(value) else value.numpy()
        for name, value in build_model(program, seed=1).state_dict().items()
    }
    specs = input_specs(program)
    sizes = example_sizes(specs)
    inputs = {spec.name: example_input(spec, sizes).numpy() for spec in specs}
    filled = graph.filled(narrow_wide_paths(load_model(program, weights))).SerializeToString()
    return parity(filled, program, weights, [inputs]).within(CLOSE)


def _floats(model: Model) -> Mapping[str, Tensor]:
    """The float32 numbers of a module by name, whether or not training changes them, in a fixed order."""
    return {name: value for name, value in sorted(model.state_dict().items()) if _is_float(value)}


def _is_float(value: Tensor) -> bool:
    return value.dtype == torch.float32
