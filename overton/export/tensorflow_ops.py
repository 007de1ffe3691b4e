"""The operators of our ONNX graphs in TensorFlow: one function an operator, of its attributes and its inputs.

TensorFlow itself is handed to each as `tf`, so that the table can be read where it is not installed.

Only what the blocks of `overton.nn` become is here; `tensorflow_graph` tells of an operator that is not. Semantics
are those of https://onnx.ai/onnx/operators, opset 20.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import Any

import numpy as np

from overton.export.tensorflow_recurrent import gru, lstm

Attributes = Mapping[str, Any]
Operator = Callable[..., Any]

TYPES: Mapping[int, str] = {1: "float32", 6: "int32", 7: "int64", 9: "bool", 10: "float16", 11: "float64"}


def _plain(name: str) -> Operator:
    """An operator without attributes, by its name in TensorFlow."""

    def run(tf: Any, attributes: Attributes, *inputs: Any) -> Any:
        return attrgetter(name)(tf)(*inputs)

    return run


def _chained(name: str) -> Operator:
    """An operator of any number of inputs."""

    def run(tf: Any, attributes: Attributes, first: Any, *rest: Any) -> Any:
        for value in rest:
            first = getattr(tf, name)(first, value)
        return first

    return run


def _numbers(tf: Any, value: Any) -> list[int]:
    """The numbers of an input that is known when the graph is made."""
    found = tf.get_static_value(value)
    assert found is not None, "the exporter writes axes and sizes as constants"
    return [int(number) for number in np.atleast_1d(found)]


def _wide(tf: Any, value: Any) -> Any:
    return tf.cast(value, tf.int64)


def _sizes(tf: Any, value: Any) -> Any:
    return tf.shape(value, out_type=tf.int64)


def _cast(tf: Any, attributes: Attributes, value: Any) -> Any:
    return tf.cast(value, TYPES[attributes["to"]])


def _clip(tf: Any, attributes: Attributes, value: Any, low: Any = None, high: Any = None) -> Any:
    value = value if low is None else tf.maximum(value, low)
    return value if high is None else tf.minimum(value, high)


def _concat(tf: Any, attributes: Attributes, *values: Any) -> Any:
    return tf.concat(values, attributes["axis"])


def _conv(tf: Any, attributes: Attributes, steps: Any, kernel: Any, bias: Any = None) -> Any:
    """Over one dimension: (row, channel, place) to the same, each channel for itself, or all together."""
    groups, channels = attributes.get("group", 1), steps.shape[1]
    before, after = attributes.get("pads", [0, 0])
    padded = tf.pad(tf.transpose(steps, [0, 2, 1]), [[0, 0], [before, after], [0, 0]])
    gaps = attributes.get("dilations", [1])
    if groups == 1:
        found = tf.nn.conv1d(padded, tf.transpose(kernel, [2, 1, 0]), 1, "VALID", dilations=gaps)
    else:
        assert groups == channels == kernel.shape[0], "a convolution mixes all channels or none"
        wide = tf.expand_dims(tf.transpose(kernel, [2, 0, 1]), 0)
        found = tf.nn.depthwise_conv2d(tf.expand_dims(padded, 1), wide, [1, 1, 1, 1], "VALID", dilations=[1, gaps[0]])
        found = tf.squeeze(found, [1])
    return tf.transpose(found if bias is None else found + bias, [0, 2, 1])


def _divide(tf: Any, attributes: Attributes, left: Any, right: Any) -> Any:
    return left / right if left.dtype.is_floating else tf.truncatediv(left, right)


def _expand(tf: Any, attributes: Attributes, value: Any, shape: Any) -> Any:
    return tf.broadcast_to(value, tf.broadcast_dynamic_shape(_sizes(tf, value), _wide(tf, shape)))


def _gather(tf: Any, attributes: Attributes, values: Any, places: Any) -> Any:
    axis = attributes.get("axis", 0)
    size = tf.shape(values, out_type=places.dtype)[axis]
    return tf.gather(values, tf.where(places < 0, places + size, places), axis=axis)


def _gather_elements(tf: Any, attributes: Attributes, values: Any, places: Any) -> Any:
    return tf.experimental.numpy.take_along_axis(values, places, attributes.get("axis", 0))


def _gather_nd(tf: Any, attributes: Attributes, values: Any, places: Any) -> Any:
    return tf.gather_nd(values, places, batch_dims=attributes.get("batch_dims", 0))


def _gelu(tf: Any, attributes: Attributes, value: Any) -> Any:
    return tf.nn.gelu(value, approximate=attributes.get("approximate", b"none") == b"tanh")


def _gemm(tf: Any, attributes: Attributes, left: Any, right: Any, bias: Any = None) -> Any:
    transposed = {"transpose_a": bool(attributes.get("transA", 0)), "transpose_b": bool(attributes.get("transB", 0))}
    found = tf.matmul(left, right, **transposed) * attributes.get("alpha", 1.0)
    return found if bias is None else found + bias * attributes.get("beta", 1.0)


def _normalised(tf: Any, attributes: Attributes, value: Any, scale: Any, bias: Any = None) -> Any:
    axes = list(range(attributes.get("axis", -1), 0)) or [-1]
    mean = tf.reduce_mean(value, axes, keepdims=True)
    variance = tf.reduce_mean(tf.square(value - mean), axes, keepdims=True)
    found = (value - mean) * tf.math.rsqrt(variance + attributes.get("epsilon", 1e-5)) * scale
    return found if bias is None else found + bias


def _pad(tf: Any, attributes: Attributes, value: Any, pads: Any, constant: Any = None, axes: Any = None) -> Any:
    assert attributes.get("mode", b"constant") == b"constant", "nothing is padded but with a constant"
    rank = value.shape.rank
    names = list(range(rank)) if axes is None else [axis % rank for axis in _numbers(tf, axes)]
    given = tf.transpose(tf.reshape(tf.cast(pads, tf.int32), [2, len(names)]))
    rows: list[Any] = [tf.zeros([2], tf.int32)] * rank
    for place, axis in enumerate(names):
        rows[axis] = given[place]
    return tf.pad(value, tf.stack(rows), constant_values=0 if constant is None else constant)


def _range(tf: Any, attributes: Attributes, start: Any, limit: Any, step: Any) -> Any:
    return tf.range(start, limit, step)


def _reduced(name: str, tf: Any, attributes: Attributes, value: Any, axes: Any = None) -> Any:
    if axes is None and attributes.get("noop_with_empty_axes", 0):
        return value
    keep = bool(attributes.get("keepdims", 1))
    return getattr(tf, name)(value, axis=None if axes is None else _numbers(tf, axes), keepdims=keep)


def _reshape(tf: Any, attributes: Attributes, value: Any, shape: Any) -> Any:
    shape = _wide(tf, shape)
    if not attributes.get("allowzero", 0):  # 0 stands for the size that is there
        sizes, wanted = _sizes(tf, value), tf.size(shape)
        missing = tf.zeros([tf.maximum(wanted - tf.size(sizes), 0)], tf.int64)
        shape = tf.where(shape == 0, tf.concat([sizes, missing], 0)[:wanted], shape)
    return tf.reshape(value, shape)


def _shape(tf: Any, attributes: Attributes, value: Any) -> Any:
    return _sizes(tf, value)[attributes.get("start", 0) : attributes.get("end", None)]


def _slice(
    tf: Any, attributes: Attributes, value: Any, starts: Any, ends: Any, axes: Any = None, steps: Any = None
) -> Any:
    rank = value.shape.rank
    names = list(range(starts.shape[0])) if axes is None else [axis % rank for axis in _numbers(tf, axes)]
    strides = [1] * len(names) if steps is None else _numbers(tf, steps)
    assert min(strides) > 0, "nothing is read backwards"
    sizes = _sizes(tf, value)
    cuts = [slice(None)] * rank
    for place, axis in enumerate(names):
        end = tf.minimum(_wide(tf, ends[place]), sizes[axis])
        cuts[axis] = slice(_wide(tf, starts[place]), end, strides[place])
    return value[tuple(cuts)]


def _softmax(tf: Any, attributes: Attributes, value: Any) -> Any:
    return tf.nn.softmax(value, attributes.get("axis", -1))


def _split(tf: Any, attributes: Attributes, value: Any, sizes: Any = None) -> Sequence[Any]:
    parts = attributes["num_outputs"] if sizes is None else _numbers(tf, sizes)
    found: Sequence[Any] = tf.split(value, parts, axis=attributes.get("axis", 0))
    return found


def _squeeze(tf: Any, attributes: Attributes, value: Any, axes: Any = None) -> Any:
    return tf.squeeze(value) if axes is None else tf.squeeze(value, _numbers(tf, axes))


def _transpose(tf: Any, attributes: Attributes, value: Any) -> Any:
    return tf.transpose(value, attributes["perm"])


def _unsqueeze(tf: Any, attributes: Attributes, value: Any, axes: Any) -> Any:
    places = _numbers(tf, axes)
    rank = value.shape.rank + len(places)
    for axis in sorted(place % rank for place in places):
        value = tf.expand_dims(value, axis)
    return value


OPERATORS: Mapping[str, Operator] = {
    "Add": _plain("add"),
    "And": _plain("logical_and"),
    "Cast": _cast,
    "Clip": _clip,
    "Concat": _concat,
    "Conv": _conv,
    "Cos": _plain("cos"),
    "Div": _divide,
    "Equal": _plain("equal"),
    "Expand": _expand,
    "GRU": gru,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "GatherND": _gather_nd,
    "Gelu": _gelu,
    "Gemm": _gemm,
    "Greater": _plain("greater"),
    "GreaterOrEqual": _plain("greater_equal"),
    "Identity": _plain("identity"),
    "IsNaN": _plain("math.is_nan"),
    "LSTM": lstm,
    "LayerNormalization": _normalised,
    "Less": _plain("less"),
    "Log": _plain("math.log"),
    "MatMul": _plain("matmul"),
    "Max": _chained("maximum"),
    "Min": _chained("minimum"),
    "Mul": _plain("multiply"),
    "Not": _plain("logical_not"),
    "Pad": _pad,
    "Range": _range,
    "ReduceMax": partial(_reduced, "reduce_max"),
    "ReduceSum": partial(_reduced, "reduce_sum"),
    "Reshape": _reshape,
    "Shape": _shape,
    "Sigmoid": _plain("sigmoid"),
    "Sin": _plain("sin"),
    "Slice": _slice,
    "Softmax": _softmax,
    "Split": _split,
    "Sqrt": _plain("sqrt"),
    "Squeeze": _squeeze,
    "Sub": _plain("subtract"),
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "Where": _plain("where"),
}
