"""The operators of Core ML's intermediate language in numpy: what a converted model computes, told on any machine.

Core ML runs on Apple's systems alone. Its programs are small lists of typed operators, whose meaning is documented
(https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html); those that our models
become are here.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from overton.base import OvertonError, Problem

Operator = Callable[..., Any]

TYPES: Mapping[str, type] = {
    "bool": np.bool_,
    "fp16": np.float16,
    "fp32": np.float32,
    "int16": np.int16,
    "int32": np.int32,
}
NOT_COMPUTED = ("name", "validate_indices")


def run_program(function: Any, inputs: Mapping[str, ndarray]) -> dict[str, ndarray]:
    """What a function of a program computes.

    Args:
        function: A function of a program, as coremltools loads it.
        inputs: Its inputs by name.

    Returns:
        Its outputs by name.

    Raises:
        OvertonError: Where it has an operator that is not here.
    """
    values: dict[Any, Any] = {variable: inputs[name] for name, variable in function.inputs.items()}
    _run_block(function, values)
    return {output.name: np.asarray(_value(output, values)) for output in function.outputs}


def _run_block(block: Any, values: dict[Any, Any]) -> None:
    for operation in block.operations:
        kind = operation.op_type
        if all(output.val is not None for output in operation.outputs):
            continue  # a constant
        given = {
            name: [_value(part, values) for part in value] if isinstance(value, list | tuple) else _value(value, values)
            for name, value in operation.inputs.items()
            if value is not None and name not in NOT_COMPUTED
        }
        if kind == "while_loop":
            found = _while(operation, given["loop_vars"], values)
        elif kind in OPERATORS:
            found = OPERATORS[kind](**{name: value for name, value in given.items() if value is not None})
        else:
            message = f"the converted model has the operator {kind}, which cannot be evaluated here"
            hint = "Export to onnx or torch; this is a fault of Overton, not of the data"
            raise OvertonError(Problem(message, "export.operator", hint=hint))
        found = found if isinstance(found, list | tuple) else [found]
        values.update(zip(operation.outputs, found, strict=True))


def _value(variable: Any, values: Mapping[Any, Any]) -> Any:
    return values.get(variable, variable.val)


def _while(operation: Any, state: list[Any], values: dict[Any, Any]) -> list[Any]:
    go_on, body = operation.blocks
    while True:
        values.update(zip(go_on.inputs, state, strict=True))
        _run_block(go_on, values)
        if not bool(_value(go_on.outputs[0], values)):
            return state
        values.update(zip(body.inputs, state, strict=True))
        _run_block(body, values)
        state = [_value(output, values) for output in body.outputs]


def _numbers(value: Any) -> tuple[int, ...]:
    return tuple(int(number) for number in np.atleast_1d(value))


def _sigmoid(x: ndarray) -> ndarray:
    value: ndarray = 0.5 * (1 + np.tanh(0.5 * x))
    return value


def _softmax(x: ndarray, axis: Any = -1) -> ndarray:
    power = np.exp(x - x.max(int(axis), keepdims=True))
    value: ndarray = power / power.sum(int(axis), keepdims=True)
    return value


def _gelu(x: ndarray, mode: str = "EXACT") -> ndarray:
    assert mode == "EXACT", "torch's gelu is exact"
    value: ndarray = x * (0.5 * (1 + np.vectorize(math.erf, otypes=[np.float32])(x / math.sqrt(2))))
    return value.astype(np.float32)


def _cast(x: Any, dtype: str) -> ndarray:
    return np.asarray(x).astype(TYPES[dtype])


def _concat(values: Sequence[Any], axis: Any, interleave: Any = False) -> ndarray:
    return np.concatenate([np.atleast_1d(value) for value in values], int(axis))


def _conv(
    x: ndarray,
    weight: ndarray,
    bias: ndarray | None = None,
    pad_type: str = "valid",
    pad: Any = (0, 0),
    strides: Any = (1,),
    dilations: Any = (1,),
    groups: Any = 1,
) -> ndarray:
    """Over one dimension: (row, channel, place) to the same."""
    assert _numbers(strides) == _numbers(dilations) == (1,), "every place is read, without gaps"
    width = weight.shape[2]
    sides = _numbers(pad) if pad_type == "custom" else (0, 0) if pad_type == "valid" else ((width - 1) // 2, width // 2)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, [(0, 0), (0, 0), sides]), width, 2)
    if int(groups) == 1:
        found = np.einsum("rctw,ocw->rot", windows, weight)
    else:
        assert int(groups) == x.shape[1] == weight.shape[0], "a convolution mixes all channels or none"
        found = np.einsum("rctw,cw->rct", windows, weight[:, 0])
    value: ndarray = found if bias is None else found + bias[None, :, None]
    return value


def _expand_dims(x: Any, axes: Any) -> ndarray:
    return np.expand_dims(x, _numbers(axes))


def _fill(shape: Any, value: Any = 0.0) -> ndarray:
    return np.full(_numbers(shape), value)


def _gather(x: Any, indices: Any, axis: Any = 0, batch_dims: Any = 0) -> ndarray:
    assert int(batch_dims) == 0, "rows of a table are looked up for all records alike"
    return np.asarray(np.take(x, indices, axis=int(axis)))


def _gather_along_axis(x: ndarray, indices: ndarray, axis: Any = 0) -> ndarray:
    return np.take_along_axis(x, indices, int(axis))


def _layer_norm(x: ndarray, axes: Any, epsilon: Any, gamma: Any = 1.0, beta: Any = 0.0) -> ndarray:
    places = _numbers(axes)
    centred = x - x.mean(places, keepdims=True)
    value: ndarray = centred / np.sqrt(np.square(centred).mean(places, keepdims=True) + epsilon) * gamma + beta
    return value


def _linear(x: ndarray, weight: ndarray, bias: Any = 0.0) -> ndarray:
    value: ndarray = x @ weight.T + bias
    return value


def _lstm(
    x: ndarray,
    initial_h: ndarray,
    initial_c: ndarray,
    weight_ih: ndarray,
    weight_hh: ndarray,
    bias: Any = 0.0,
    direction: str = "forward",
    output_sequence: Any = True,
    **functions: Any,
) -> tuple[ndarray, ndarray, ndarray]:
    """(token, row, input) to all hidden states, the last of them, and the last that is kept; one direction."""
    assert direction == "forward", "the other direction reads the tokens turned"
    assert bool(output_sequence), "every token is told"
    hidden, kept, told = initial_h, initial_c, []
    for step in x:
        taken, left, out, new = np.split(step @ weight_ih.T + hidden @ weight_hh.T + bias, 4, -1)
        kept = _sigmoid(left) * kept + _sigmoid(taken) * np.tanh(new)
        hidden = _sigmoid(out) * np.tanh(kept)
        told.append(hidden)
    return np.stack(told), hidden, kept


def _matmul(x: ndarray, y: ndarray, transpose_x: Any = False, transpose_y: Any = False) -> ndarray:
    left, right = (np.swapaxes(x, -1, -2) if transpose_x else x), (np.swapaxes(y, -1, -2) if transpose_y else y)
    value: ndarray = left @ right
    return value


def _pad(x: ndarray, pad: Any, mode: str = "constant", constant_val: Any = 0.0) -> ndarray:
    assert mode == "constant", "nothing is padded but with a constant"
    sides = np.reshape(pad, (-1, 2)).astype(int).tolist()
    padded: ndarray = np.pad(x, [(0, 0)] * (x.ndim - len(sides)) + sides, constant_values=constant_val)
    return padded


def _reshape(x: Any, shape: Any) -> ndarray:
    array = np.asarray(x)
    sizes = [array.shape[place] if size == 0 else size for place, size in enumerate(_numbers(shape))]
    return array.reshape(sizes)


def _scatter(data: ndarray, indices: Any, updates: Any, axis: Any = 0, mode: str = "add") -> ndarray:
    assert mode in ("add", "update"), "nothing else is needed of it"
    found = np.array(data)
    rows, places = np.moveaxis(found, int(axis), 0), np.asarray(indices)
    new = np.moveaxis(np.asarray(updates), int(axis), 0)
    rows[places] = rows[places] + new if mode == "add" else new
    return found


def _slice(
    x: Any,
    begin: Any,
    end: Any,
    stride: Any = None,
    begin_mask: Any = None,
    end_mask: Any = None,
    squeeze_mask: Any = None,
) -> ndarray:
    cuts: list[Any] = []
    for axis in range(np.ndim(x)):
        if squeeze_mask is not None and squeeze_mask[axis]:
            cuts.append(int(begin[axis]))
            continue
        start = None if begin_mask is not None and begin_mask[axis] else int(begin[axis])
        stop = None if end_mask is not None and end_mask[axis] else int(end[axis])
        cuts.append(slice(start, stop, 1 if stride is None else int(stride[axis])))
    return np.asarray(np.asarray(x)[tuple(cuts)])


def _split(x: ndarray, split_sizes: Any = None, num_splits: Any = None, axis: Any = 0) -> list[ndarray]:
    places = int(num_splits) if split_sizes is None else np.cumsum(split_sizes)[:-1]
    return np.split(x, places, int(axis))


def _squeeze(x: Any, axes: Any = None) -> Any:
    return np.squeeze(x, None if axes is None else _numbers(axes))


def _reduced(function: Callable[..., Any]) -> Operator:
    def run(x: ndarray, axes: Any = None, keep_dims: Any = False) -> ndarray:
        found: ndarray = function(x, axis=None if axes is None else _numbers(axes), keepdims=bool(keep_dims))
        return found

    return run


OPERATORS: Mapping[str, Operator] = {
    "add": lambda x, y: x + y,
    "cast": _cast,
    "clip": lambda x, alpha, beta: np.clip(x, alpha, beta),
    "concat": _concat,
    "conv": _conv,
    "cos": lambda x: np.cos(x),
    "equal": lambda x, y: np.equal(x, y),
    "expand_dims": _expand_dims,
    "fill": _fill,
    "fill_like": lambda ref_tensor, value=0.0: np.full(np.shape(ref_tensor), value),
    "gather": _gather,
    "gather_along_axis": _gather_along_axis,
    "gelu": _gelu,
    "greater": lambda x, y: np.greater(x, y),
    "greater_equal": lambda x, y: np.greater_equal(x, y),
    "identity": lambda x: x,
    "layer_norm": _layer_norm,
    "less": lambda x, y: np.less(x, y),
    "less_equal": lambda x, y: np.less_equal(x, y),
    "linear": _linear,
    "log": lambda x, epsilon=1e-45: np.log(np.asarray(x) + epsilon),
    "logical_and": lambda x, y: np.logical_and(x, y),
    "logical_not": lambda x: np.logical_not(x),
    "lstm": _lstm,
    "matmul": _matmul,
    "mul": lambda x, y: x * y,
    "pad": _pad,
    "range_1d": lambda start, end, step: np.arange(start, end, step),
    "real_div": lambda x, y: np.divide(x, y, dtype=np.float32),
    "reduce_max": _reduced(np.max),
    "reduce_sum": _reduced(np.sum),
    "reshape": _reshape,
    "scatter": _scatter,
    "select": lambda cond, a, b: np.where(cond, a, b),
    "shape": lambda x: np.array(np.shape(x), np.int32),
    "sigmoid": _sigmoid,
    "sin": lambda x: np.sin(x),
    "slice_by_index": _slice,
    "softmax": _softmax,
    "split": _split,
    "sqrt": lambda x: np.sqrt(x),
    "squeeze": _squeeze,
    "stack": lambda values, axis: np.stack([np.asarray(value) for value in values], int(axis)),
    "sub": lambda x, y: x - y,
    "tanh": lambda x: np.tanh(x),
    "tile": lambda x, reps: np.tile(x, _numbers(reps)),
    "transpose": lambda x, perm: np.transpose(x, _numbers(perm)),
}
