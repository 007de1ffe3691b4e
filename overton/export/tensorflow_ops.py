"""The operators of our ONNX graphs in TensorFlow: one function an operator, of its attributes and its inputs.

Only what the blocks of `overton.nn` become is here; `tensorflow_graph` tells of an operator that is not. Semantics
are those of https://onnx.ai/onnx/operators, opset 20.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from overton.export.tensorflow_recurrent import gru, lstm

Attributes = Mapping[str, Any]
Operator = Callable[..., Any]

TYPES: Mapping[int, Any] = {1: tf.float32, 6: tf.int32, 7: tf.int64, 9: tf.bool, 10: tf.float16, 11: tf.float64}


def _plain(function: Callable[..., Any]) -> Operator:
    """An operator without attributes."""
    return lambda attributes, *inputs: function(*inputs)


def _chained(function: Callable[[Any, Any], Any]) -> Operator:
    """An operator of any number of inputs."""

    def run(attributes: Attributes, first: Any, *rest: Any) -> Any:
        for value in rest:
            first = function(first, value)
        return first

    return run


def _numbers(value: Any) -> list[int]:
    """The numbers of an input that is known when the graph is made."""
    found = tf.get_static_value(value)
    assert found is not None, "the exporter writes axes and sizes as constants"
    return [int(number) for number in np.atleast_1d(found)]


def _wide(value: Any) -> Any:
    return tf.cast(value, tf.int64)


def _sizes(value: Any) -> Any:
    return tf.shape(value, out_type=tf.int64)


def _cast(attributes: Attributes, value: Any) -> Any:
    return tf.cast(value, TYPES[attributes["to"]])


def _clip(attributes: Attributes, value: Any, low: Any = None, high: Any = None) -> Any:
    value = value if low is None else tf.maximum(value, low)
    return value if high is None else tf.minimum(value, high)


def _concat(attributes: Attributes, *values: Any) -> Any:
    return tf.concat(values, attributes["axis"])


def _conv(attributes: Attributes, steps: Any, kernel: Any, bias: Any = None) -> Any:
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


def _divide(attributes: Attributes, left: Any, right: Any) -> Any:
    return left / right if left.dtype.is_floating else tf.truncatediv(left, right)


def _expand(attributes: Attributes, value: Any, shape: Any) -> Any:
    return tf.broadcast_to(value, tf.broadcast_dynamic_shape(_sizes(value), _wide(shape)))


def _gather(attributes: Attributes, values: Any, places: Any) -> Any:
    axis = attributes.get("axis", 0)
    size = tf.shape(values, out_type=places.dtype)[axis]
    return tf.gather(values, tf.where(places < 0, places + size, places), axis=axis)


def _gather_elements(attributes: Attributes, values: Any, places: Any) -> Any:
    return tf.experimental.numpy.take_along_axis(values, places, attributes.get("axis", 0))


def _gather_nd(attributes: Attributes, values: Any, places: Any) -> Any:
    return tf.gather_nd(values, places, batch_dims=attributes.get("batch_dims", 0))


def _gelu(attributes: Attributes, value: Any) -> Any:
    return tf.nn.gelu(value, approximate=attributes.get("approximate", b"none") == b"tanh")


def _gemm(attributes: Attributes, left: Any, right: Any, bias: Any = None) -> Any:
    transposed = {"transpose_a": bool(attributes.get("transA", 0)), "transpose_b": bool(attributes.get("transB", 0))}
    found = tf.matmul(left, right, **transposed) * attributes.get("alpha", 1.0)
    return found if bias is None else found + bias * attributes.get("beta", 1.0)


def _normalised(attributes: Attributes, value: Any, scale: Any, bias: Any = None) -> Any:
    axes = list(range(attributes.get("axis", -1), 0)) or [-1]
    mean = tf.reduce_mean(value, axes, keepdims=True)
    variance = tf.reduce_mean(tf.square(value - mean), axes, keepdims=True)
    found = (value - mean) * tf.math.rsqrt(variance + attributes.get("epsilon", 1e-5)) * scale
    return found if bias is None else found + bias


def _pad(attributes: Attributes, value: Any, pads: Any, constant: Any = None, axes: Any = None) -> Any:
    assert attributes.get("mode", b"constant") == b"constant", "nothing is padded but with a constant"
    rank = value.shape.rank
    names = list(range(rank)) if axes is None else [axis % rank for axis in _numbers(axes)]
    given = tf.transpose(tf.reshape(tf.cast(pads, tf.int32), [2, len(names)]))
    rows: list[Any] = [tf.zeros([2], tf.int32)] * rank
    for place, axis in enumerate(names):
        rows[axis] = given[place]
    return tf.pad(value, tf.stack(rows), constant_values=0 if constant is None else constant)


def _range(attributes: Attributes, start: Any, limit: Any, step: Any) -> Any:
    return tf.range(start, limit, step)


def _reduced(function: Callable[..., Any], attributes: Attributes, value: Any, axes: Any = None) -> Any:
    if axes is None and attributes.get("noop_with_empty_axes", 0):
        return value
    return function(value, axis=None if axes is None else _numbers(axes), keepdims=bool(attributes.get("keepdims", 1)))


def _reshape(attributes: Attributes, value: Any, shape: Any) -> Any:
    shape = _wide(shape)
    if not attributes.get("allowzero", 0):  # 0 stands for the size that is there
        sizes, wanted = _sizes(value), tf.size(shape)
        missing = tf.zeros([tf.maximum(wanted - tf.size(sizes), 0)], tf.int64)
        shape = tf.where(shape == 0, tf.concat([sizes, missing], 0)[:wanted], shape)
    return tf.reshape(value, shape)


def _shape(attributes: Attributes, value: Any) -> Any:
    return _sizes(value)[attributes.get("start", 0) : attributes.get("end", None)]


def _slice(attributes: Attributes, value: Any, starts: Any, ends: Any, axes: Any = None, steps: Any = None) -> Any:
    rank = value.shape.rank
    names = list(range(starts.shape[0])) if axes is None else [axis % rank for axis in _numbers(axes)]
    strides = [1] * len(names) if steps is None else _numbers(steps)
    assert min(strides) > 0, "nothing is read backwards"
    sizes = _sizes(value)
    cuts = [slice(None)] * rank
    for place, axis in enumerate(names):
        end = tf.minimum(_wide(ends[place]), sizes[axis])
        cuts[axis] = slice(_wide(starts[place]), end, strides[place])
    return value[tuple(cuts)]


def _softmax(attributes: Attributes, value: Any) -> Any:
    return tf.nn.softmax(value, attributes.get("axis", -1))


def _split(attributes: Attributes, value: Any, sizes: Any = None) -> Sequence[Any]:
    parts = attributes["num_outputs"] if sizes is None else _numbers(sizes)
    found: Sequence[Any] = tf.split(value, parts, axis=attributes.get("axis", 0))
    return found


def _squeeze(attributes: Attributes, value: Any, axes: Any = None) -> Any:
    return tf.squeeze(value) if axes is None else tf.squeeze(value, _numbers(axes))


def _transpose(attributes: Attributes, value: Any) -> Any:
    return tf.transpose(value, attributes["perm"])


def _unsqueeze(attributes: Attributes, value: Any, axes: Any) -> Any:
    places = _numbers(axes)
    rank = value.shape.rank + len(places)
    for axis in sorted(place % rank for place in places):
        value = tf.expand_dims(value, axis)
    return value


OPERATORS: Mapping[str, Operator] = {
    "Add": _plain(tf.add),
    "And": _plain(tf.logical_and),
    "Cast": _cast,
    "Clip": _clip,
    "Concat": _concat,
    "Conv": _conv,
    "Cos": _plain(tf.cos),
    "Div": _divide,
    "Equal": _plain(tf.equal),
    "Expand": _expand,
    "GRU": gru,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "GatherND": _gather_nd,
    "Gelu": _gelu,
    "Gemm": _gemm,
    "Greater": _plain(tf.greater),
    "GreaterOrEqual": _plain(tf.greater_equal),
    "Identity": _plain(tf.identity),
    "IsNaN": _plain(tf.math.is_nan),
    "LSTM": lstm,
    "LayerNormalization": _normalised,
    "Less": _plain(tf.less),
    "MatMul": _plain(tf.matmul),
    "Max": _chained(tf.maximum),
    "Min": _chained(tf.minimum),
    "Mul": _plain(tf.multiply),
    "Not": _plain(tf.logical_not),
    "Pad": _pad,
    "Range": _range,
    "ReduceMax": partial(_reduced, tf.reduce_max),
    "ReduceSum": partial(_reduced, tf.reduce_sum),
    "Reshape": _reshape,
    "Shape": _shape,
    "Sigmoid": _plain(tf.sigmoid),
    "Sin": _plain(tf.sin),
    "Slice": _slice,
    "Softmax": _softmax,
    "Split": _split,
    "Sqrt": _plain(tf.sqrt),
    "Squeeze": _squeeze,
    "Sub": _plain(tf.subtract),
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "Where": _plain(tf.where),
}
