"""A model's predictions for records, as the trainer needs them after every epoch."""

from collections.abc import Callable, Mapping

from numpy import ndarray

from overton.codec import Chain, Encoder, Predictions, concatenate, count_units, decode
from overton.data import parts_of
from overton.schema import Schema, Task
from overton.train.batches import Gather

Forward = Callable[[Mapping[str, ndarray]], Mapping[str, ndarray]]
ScoreDev = Callable[[Forward], Mapping[str, float]]


def predict(
    forward: Forward,
    schema: Schema,
    gather: Gather,
    encoder: Encoder,
    rows: ndarray,
    lengths: ndarray,
    *,
    thresholds: Mapping[str, ndarray] | None = None,
    batch_size: int = 256,
) -> dict[str, Predictions]:
    """Predictions of all tasks for some records, at least one, in their order.

    Args:
        forward: The model as a function from arrays to arrays, such as `forward_of` makes.
        schema: The schema, its classes told.
        gather: Gives some records by their numbers.
        encoder: The encoder of the program.
        rows: Numbers of the records; sorted by length, they need the least padding.
        lengths: Length of every record of the data set, of shape (record,): long ones go a few at a time.
        thresholds: The probability from which each bit of a `bitvector` task holds, by task; 0.5 where not given.
        batch_size: Most records at a time.
    """
    parts: dict[str, list[Predictions]] = {task.name: [] for task in schema.learnable().tasks}
    for part in parts_of(lengths[rows].tolist(), batch_size):
        batch = gather(rows[part])
        logits = forward(encoder.encode(batch))
        for task in schema.learnable().tasks:
            units = count_units(schema, task, batch)
            threshold = (thresholds or {}).get(task.name, 0.5)
            found = decode(task, logits[task.name], units, threshold=threshold, chain=_chain(task, logits))
            parts[task.name].append(found)
    return {name: concatenate(said) for name, said in parts.items()}


def transitions_key(task: str) -> str:
    """Where a forward function tells the transitions of a task's chain, beside the logits of the task."""
    return f"{task}/transitions"


def _chain(task: Task, logits: Mapping[str, ndarray]) -> Chain | None:
    found = logits.get(transitions_key(task.name))
    return None if found is None else Chain.of(found, task.classes)
