"""ONNX `LSTM` and `GRU` in TensorFlow: a scan over the tokens in each direction, each record within its own length."""

from collections.abc import Callable, Mapping
from typing import Any

# Steps of shape (token, row, gates) and the transposed recurrent weights to hidden states of shape (token, row, size).
Cell = Callable[[Any, Any, Any, Any, int], Any]


def lstm(
    tf: Any, attributes: Mapping[str, Any], steps: Any, weight: Any, recurrence: Any, bias: Any, lengths: Any = None
) -> Any:
    """(token, row, input) to the hidden states, (token, direction, row, size)."""
    return _directions(tf, _lstm, attributes, steps, weight, recurrence, bias, lengths)


def gru(
    tf: Any, attributes: Mapping[str, Any], steps: Any, weight: Any, recurrence: Any, bias: Any, lengths: Any = None
) -> Any:
    """(token, row, input) to the hidden states, (token, direction, row, size)."""
    assert attributes.get("linear_before_reset", 0) == 1, "the GRU of torch resets after the product"
    return _directions(tf, _gru, attributes, steps, weight, recurrence, bias, lengths)


def _directions(
    tf: Any,
    cell: Cell,
    attributes: Mapping[str, Any],
    steps: Any,
    weight: Any,
    recurrence: Any,
    bias: Any,
    lengths: Any,
) -> Any:
    size = attributes["hidden_size"]
    assert attributes.get("direction", b"forward") == b"bidirectional", "encoders read both ways"
    onward = _one(tf, cell, steps, weight[0], recurrence[0], bias[0], size)
    turned = _turned(tf, steps, lengths)
    backward = _turned(tf, _one(tf, cell, turned, weight[1], recurrence[1], bias[1], size), lengths)
    both = tf.stack([onward, backward], 1)
    if lengths is None:
        return both
    inside = tf.range(tf.shape(steps)[0])[:, None] < lengths[None, :]
    return tf.where(inside[:, None, :, None], both, tf.zeros([], both.dtype))


def _turned(tf: Any, steps: Any, lengths: Any) -> Any:
    """Every record back to front within its length."""
    if lengths is None:
        return tf.reverse(steps, [0])
    return tf.reverse_sequence(steps, lengths, seq_axis=0, batch_axis=1)


def _one(tf: Any, cell: Cell, steps: Any, weight: Any, recurrence: Any, bias: Any, size: int) -> Any:
    of_input, of_state = tf.split(bias, 2)
    gates = tf.einsum("tri,gi->trg", steps, weight) + of_input
    return cell(tf, gates, tf.transpose(recurrence), of_state, size)


def _lstm(tf: Any, gates: Any, recurrence: Any, bias: Any, size: int) -> Any:
    def step(state: tuple[Any, Any], now: Any) -> tuple[Any, Any]:
        hidden, kept = state
        taken, told, left, new = tf.split(now + hidden @ recurrence + bias, 4, 1)
        kept = tf.sigmoid(left) * kept + tf.sigmoid(taken) * tf.tanh(new)
        return tf.sigmoid(told) * tf.tanh(kept), kept

    zero = tf.zeros([tf.shape(gates)[1], size])
    return tf.scan(step, gates, (zero, zero))[0]


def _gru(tf: Any, gates: Any, recurrence: Any, bias: Any, size: int) -> Any:
    def step(hidden: Any, now: Any) -> Any:
        update, reset, new = tf.split(now, 3, 1)
        more_update, more_reset, more_new = tf.split(hidden @ recurrence + bias, 3, 1)
        kept = tf.sigmoid(update + more_update)
        candidate = tf.tanh(new + tf.sigmoid(reset + more_reset) * more_new)
        return (1 - kept) * candidate + kept * hidden

    return tf.scan(step, gates, tf.zeros([tf.shape(gates)[1], size]))
