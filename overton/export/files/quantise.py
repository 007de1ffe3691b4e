"""An ONNX model in int8 that answers a record alone as it does beside others.

Rounded by the range of a call, as onnxruntime's dynamic quantisation does, an activation depends on the other records
of the call. Here ranges are found once, on records of training, and are constants of the model. It has standard
operators alone: `QuantizeLinear` and `DequantizeLinear` before dense layers, which onnxruntime puts together when it
loads the model. Its own quantiser with constant ranges would round what others read of these activations, too.
"""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy import ndarray
from onnx import NodeProto, helper, numpy_helper

from overton.artifact import Artifact
from overton.codec import Encoder
from overton.data import Dataset, parts_of
from overton.export.golden import ERRORS_ONLY, Run, load_onnx
from overton.export.quiet import quiet

TABLES = ["Gather"]  # looks rows up in tables, which are most of a model's size
RECORDS = 500  # of training, whose activations tell the ranges
CALL = 16  # records of a call
BITS_8, BITS_7, BITS_30 = 255, 127, 2**30

Range = tuple[float, float]


def quantised(artifact: Artifact, dataset: Dataset) -> tuple[bytes, Run]:
    """The model of a version with int8 weights, whose activations are rounded by ranges that were seen in training.

    What lies beyond the range that was seen, as in texts like none before, is taken for its border. Recurrent and
    convolutional layers stay in float32.

    Args:
        artifact: The version, its model in float32.
        dataset: The records; some of those of training are run through the model.

    Returns:
        The model, and as it was loaded to see that it can be.

    Raises:
        ValueError: Where the model cannot be quantised, or onnxruntime cannot load what comes of it.
    """
    try:
        small = _quantised(artifact, dataset)
        return small, load_onnx(small)
    except Exception as error:  # the quantiser's and onnxruntime's errors share no other class
        raise ValueError(str(error)) from error


def _quantised(artifact: Artifact, dataset: Dataset) -> bytes:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder, quiet():
        folded, dense, path = (Path(folder) / f"{name}.onnx" for name in ("folded", "dense", "model"))
        _fold(artifact.files["model.onnx"], folded)
        model = onnx.load(folded)
        _round_dense(model, _ranges(model, _calls(artifact, dataset)))
        onnx.save(model, dense)
        # Of tables it rounds the numbers alone, and nothing that depends on a call.
        quantize_dynamic(dense, path, op_types_to_quantize=TABLES, weight_type=QuantType.QInt8)
        return path.read_bytes()


def _fold(model: bytes, path: Path) -> None:
    """Write a model whose constants are folded: layers have their biases, and weights that are put together are one."""
    from onnxruntime import GraphOptimizationLevel, InferenceSession, SessionOptions

    options = SessionOptions()
    options.graph_optimization_level = GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = ERRORS_ONLY
    options.optimized_model_filepath = str(path)
    InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _calls(artifact: Artifact, dataset: Dataset) -> Iterator[Mapping[str, ndarray]]:
    """The inputs of some records of training, spread over them, the same for the same data."""
    encoder = Encoder(artifact.program, artifact.strings)
    rows = dataset.splits.train if len(dataset.splits.train) else np.arange(dataset.n_records)
    rows = rows[np.linspace(0, len(rows) - 1, min(RECORDS, len(rows))).astype(np.int64)]
    for part in parts_of(dataset.record_lengths()[rows].tolist(), CALL):
        yield encoder.encode(dataset.gather(rows[part]))


def _dense(model: onnx.ModelProto) -> list[NodeProto]:
    """The dense layers: what multiplies by a matrix of weights, a `Gemm` that adds a vector of weights to that.

    One that adds what is computed, or nothing, is left: onnxruntime would multiply in float32 all the same.
    """
    axes = {value.name: len(value.dims) for value in model.graph.initializer}
    weights = {"MatMul": [2], "Gemm": [2, 1]}
    return [
        node
        for node in model.graph.node
        if node.op_type in weights and [axes.get(name) for name in node.input[1:]] == weights[node.op_type]
        if _attributes(node) in ({}, {"alpha": 1, "beta": 1, "transA": 0})
    ]


def _attributes(node: NodeProto) -> dict[str, float]:
    """The attributes of a dense layer but for `transB`, which only tells how its weights lie."""
    return {each.name: helper.get_attribute_value(each) for each in node.attribute if each.name != "transB"}


def _ranges(model: onnx.ModelProto, calls: Iterator[Mapping[str, ndarray]]) -> dict[str, Range]:
    """The least and the greatest number that each dense layer reads, by the name of what it reads."""
    names = list(dict.fromkeys(node.input[0] for node in _dense(model)))
    told = {value.name for value in model.graph.output}
    open_model = onnx.ModelProto()
    open_model.CopyFrom(model)
    open_model.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names if name not in told)
    run, found = load_onnx(open_model.SerializeToString()), dict.fromkeys(names, (0.0, 0.0))
    for inputs in calls:
        values = run(inputs)
        for name, (low, high) in found.items():
            found[name] = float(values[name].min(initial=low)), float(values[name].max(initial=high))
    return found


def _round_dense(model: onnx.ModelProto, ranges: Mapping[str, Range]) -> None:
    """Let dense layers multiply int8: their weights, and what they read, by a range; all others read it as it is."""
    constants = {value.name: numpy_helper.to_array(value) for value in model.graph.initializer}
    layers = {node.output[0]: node for node in _dense(model)}
    nodes: list[NodeProto] = []
    rounded: set[str] = set()
    for node in model.graph.node:
        if node.output[0] in layers:
            read = node.input[0]
            scale, zero = _scale(*ranges[read])
            if read not in rounded:
                rounded.add(read)
                nodes += _rounded_input(model, read, scale, zero)
            nodes += _rounded_layer(model, node, scale, constants)
        else:
            nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    kept = [value for value in model.graph.initializer if value.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)


def _scale(low: float, high: float) -> tuple[float, int]:
    """What one step of 255 is worth in a range that holds 0, and the step at which 0 lies."""
    scale = (high - low) / BITS_8 or 1.0
    return scale, round(-low / scale)


def _rounded_input(model: onnx.ModelProto, read: str, scale: float, zero: int) -> list[NodeProto]:
    """What a dense layer reads, rounded."""
    names = _constants(model, f"{read}.rounded", scale=np.float32(scale), zero=np.uint8(zero))
    return [
        helper.make_node("QuantizeLinear", [read, *names], [f"{read}.rounded.steps"]),
        helper.make_node("DequantizeLinear", [f"{read}.rounded.steps", *names], [f"{read}.rounded"]),
    ]


def _rounded_layer(
    model: onnx.ModelProto, node: NodeProto, scale: float, constants: Mapping[str, ndarray]
) -> list[NodeProto]:
    """A dense layer with int8 weights, a scale for each output; a bias counts products, as int32."""
    name, weight = f"{node.output[0]}.int8", constants[node.input[1]]
    if any(each.name == "transB" and each.i for each in node.attribute):
        weight = weight.T
    steps = np.abs(weight).max(0) / BITS_7
    bias = constants[node.input[2]] if node.op_type == "Gemm" else None
    if bias is not None:  # must not overflow where weights are all but 0
        steps = np.maximum(steps, np.abs(bias) / scale / BITS_30)
    steps = np.where(steps > 0, steps, 1).astype(np.float32)
    names = _steps(model, f"{name}.weight", weight, steps, np.int8)
    nodes = [helper.make_node("DequantizeLinear", names, [f"{name}.weight"], axis=1)]
    operands = [f"{node.input[0]}.rounded", f"{name}.weight"]
    if bias is not None:
        names = _steps(model, f"{name}.bias", bias, steps * np.float32(scale), np.int32)
        nodes.append(helper.make_node("DequantizeLinear", names, [f"{name}.bias"], axis=0))
        operands.append(f"{name}.bias")
    return [*nodes, helper.make_node(node.op_type, operands, [node.output[0]])]


def _steps(model: onnx.ModelProto, prefix: str, values: ndarray, scale: ndarray, kind: type[Any]) -> list[str]:
    """Add weights as whole steps of a scale, and tell the names of the three operands that are dequantised."""
    zero = np.zeros(scale.shape, kind)  # may be left out, but then onnxruntime does not take the layer for one in int8
    return _constants(model, prefix, steps=np.round(values / scale).astype(kind), scale=scale, zero=zero)


def _constants(model: onnx.ModelProto, prefix: str, **values: Any) -> list[str]:
    """Add constants to a model, and tell their names."""
    names = {name: f"{prefix}.{name}" for name in values}
    added = [numpy_helper.from_array(np.asarray(value), names[name]) for name, value in values.items()]
    model.graph.initializer.extend(added)
    return list(names.values())
