"""The model's logits into predictions: padding removed, probabilities, labels, and valid sequences of BIO classes.

The twin of the encoder. Numpy only and vectorised over the batch, so that training, batch work and serving decode
with the same code and one record costs some tens of microseconds.
"""

from collections.abc import Sequence

import numpy as np
from numpy import ndarray

from overton.base.ragged import starts_of
from overton.codec.bio import find_bio
from overton.codec.chain import Chain
from overton.codec.predictions import Predictions, widened
from overton.data import Batch
from overton.schema import Schema, Task

SMALLEST = np.float32(-1e30)


def count_units(schema: Schema, task: Task, batch: Batch) -> ndarray:
    """How many items a task has to predict on in each record, int32 of shape (record,).

    Tokens or members for a task on a sequence or a set (for `select` the members to choose from); for a task on a
    singleton 1, or 0 where there is nothing to read: the payload and all that it aggregates are null or empty.
    """
    payload = schema.payload(task.payload)
    if payload.type != "singleton":
        return batch.columns[payload.name].length
    read: ndarray = _anything_to_read(schema, payload.name, batch).astype(np.int32)
    return read


def decode(
    task: Task,
    logits: ndarray,
    lengths: ndarray,
    *,
    temperature: float = 1.0,
    threshold: float | ndarray = 0.5,
    chain: Chain | None = None,
    probabilities: bool = True,
) -> Predictions:
    """Turn the logits of some records into predictions.

    Args:
        task: The task, its classes told.
        logits: Float32; of shape (record, class) for a task on the record, (record, item, class) for one on tokens
            or members, (record, member) for `select`. Wider than the longest record is fine. With a chain also (token,
            class), as `flat_of` gives them.
        lengths: What `count_units` says of each record, int of shape (record,).
        temperature: Divides the logits, and the scores of a chain: above 1 the probabilities become less sure.
        threshold: For `bitvector`, the probability from which a bit holds: one for all, or one for each class.
        chain: What the task scores when one class follows another, where it has that.
        probabilities: Whether the probabilities of the classes or members of which one is chosen are wanted, which
            cost as much as their labels. Without them they have no column.

    Returns:
        The predictions. BIO classes on tokens come out as a valid sequence: the likeliest one under the model.
    """
    if temperature != 1.0:
        logits = logits / np.float32(temperature)
        chain = chain.divided(temperature) if chain else None
    if task.type == "select":
        return _select(task, logits, lengths, probabilities)
    if chain is not None:
        return _chained(task, logits, lengths, chain, probabilities)
    if logits.ndim == 2:
        return _record(task, logits, lengths, threshold, probabilities)
    return _items(task, logits, lengths, threshold, probabilities)


def concatenate(predictions: Sequence[Predictions]) -> Predictions:
    """The predictions of several batches of one task as one, in their order; at least one batch."""
    if len(predictions) == 1:
        return predictions[0]
    first = predictions[0]
    sizes = np.concatenate([np.diff(part.offsets) for part in predictions])
    width = max(part.probability.shape[1] for part in predictions)
    unknown = [part.unknown for part in predictions if part.unknown is not None]  # of one task: all parts or none
    return Predictions(
        task=first.task,
        offsets=_offsets(sizes),
        probability=np.concatenate([widened(part.probability, width) for part in predictions]),
        label=np.concatenate([part.label for part in predictions]),
        unknown=np.concatenate(unknown) if unknown else None,
    )


def _select(task: Task, logits: ndarray, lengths: ndarray, probabilities: bool) -> Predictions:
    offsets = np.arange(len(logits) + 1)
    inside = _inside(logits, lengths)
    if inside is None:
        return Predictions(task, offsets, _softmax(logits, probabilities), _best(logits))
    logits = np.where(inside, logits, SMALLEST)
    label = np.where(lengths > 0, _best(logits), np.int32(-1))
    return Predictions(
        task, offsets, _softmax(logits, probabilities) * inside if probabilities else logits[:, :0], label
    )


def _record(
    task: Task, logits: ndarray, lengths: ndarray, threshold: float | ndarray, probabilities: bool
) -> Predictions:
    known = lengths > 0
    offsets = np.arange(len(logits) + 1)
    if task.type == "bitvector":
        probability = np.where(known[:, None], _sigmoid(logits), np.float32(0))
        return Predictions(task, offsets, probability, (probability >= threshold) & known[:, None], ~known)
    probability, label = _softmax(logits, probabilities), _best(logits)
    if not known.all():
        probability = np.where(known[:, None], probability, np.float32(0))  # what stands there may be no number
        label = np.where(known, label, np.int32(-1))
    return Predictions(task, offsets, probability, label)


def _items(
    task: Task, logits: ndarray, lengths: ndarray, threshold: float | ndarray, probabilities: bool
) -> Predictions:
    offsets = _offsets(lengths)
    flat = flat_of(logits, lengths)
    if task.type == "bitvector":
        probability = _sigmoid(flat)
        return Predictions(task, offsets, probability, probability >= threshold)
    label = _best(flat)
    bio = find_bio(task.classes)
    if bio is not None:
        label = bio.mend(flat, label, offsets)
    return Predictions(task, offsets, _softmax(flat, probabilities), label)


def _chained(task: Task, logits: ndarray, lengths: ndarray, chain: Chain, probabilities: bool) -> Predictions:
    scores = logits if logits.ndim == 2 else flat_of(logits, lengths)
    label, probability = chain.decode(scores, lengths, probabilities=probabilities)
    return Predictions(task, _offsets(lengths), scores[:, :0] if probability is None else probability, label)


def flat_of(logits: ndarray, lengths: ndarray) -> ndarray:
    """Logits of shape (record, item, class) without padding, one record after the other: of shape (item, class)."""
    inside = _inside(logits, lengths)
    flat: ndarray = logits.reshape(-1, logits.shape[2]) if inside is None else logits[inside]
    return flat


def _inside(logits: ndarray, lengths: ndarray) -> ndarray | None:
    """Which cells are no padding; None where all are items, as they are for one record that has any."""
    width = logits.shape[1]
    if width and (lengths[0] == width if len(lengths) == 1 else (lengths == width).all()):
        return None
    inside: ndarray = np.arange(width) < lengths[:, None]
    return inside


def _best(logits: ndarray) -> ndarray:
    """The place of the greatest in each row, int32; -1 where a row has none."""
    if not logits.shape[1]:
        return np.full(len(logits), -1, np.int32)
    best: ndarray = logits.argmax(axis=1).astype(np.int32)
    return best


def _anything_to_read(schema: Schema, name: str, batch: Batch) -> ndarray:
    parts = [batch.columns[payload.name].length > 0 for payload in schema.made_of(name)]
    read: ndarray = parts[0] if len(parts) == 1 else np.logical_or.reduce(parts)
    return read


def _softmax(logits: ndarray, wanted: bool) -> ndarray:
    """Probabilities of rows of shape (row, label); of shape (row, 0) where they are not wanted."""
    if not (wanted and logits.shape[1]):
        return logits[:, :0]
    power: ndarray = np.exp(logits - np.maximum.reduce(logits, axis=-1, keepdims=True))
    power /= np.add.reduce(power, axis=-1, keepdims=True)
    return power


def _sigmoid(logits: ndarray) -> ndarray:
    value: ndarray = np.tanh(0.5 * logits)  # never overflows, unlike 1 / (1 + exp(-x))
    value *= 0.5
    value += 0.5
    return value


def _offsets(sizes: ndarray) -> ndarray:
    if len(sizes) == 1:
        return np.array((0, sizes[0]), np.int64)  # quicker where one query is answered
    return starts_of(sizes)
