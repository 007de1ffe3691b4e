"""Records to their predictions: lines with one more source, or the rows of a table."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from msgspec import Raw
from numpy import ndarray

from overton.artifact import Runtime
from overton.batch.plan import Asked
from overton.batch.sinks import PARQUET
from overton.batch.work import Made
from overton.codec import labels_json
from overton.data import Records, alike_parts
from overton.schema import Schema, Task

BATCH = 64  # records that go through the model together, of about the same length
TOGETHER = 1 << 14  # items of batches that are decoded together, with padding
NULL = b"null"
ESCAPED = b"\\u"  # a key that is written with escapes may be that of an id

_value = msgspec.json.Decoder(dict[str, Raw])
_tasks = msgspec.json.Decoder(dict[str, dict[str, Raw] | None] | None)
_encoder = msgspec.json.Encoder()
_encode, _encode_lines = _encoder.encode, _encoder.encode_lines


def predict_labels(runtime: Runtime, records: Records, *, probabilities: bool = False) -> dict[str, list[Any]]:
    """The label of every row by name of task, as JSON values; None where there was nothing to predict on.

    Args:
        runtime: The model.
        records: Any number of records.
        probabilities: Class -> probability in place of labels.
    """
    tasks = runtime.schema.learnable().tasks
    labels: dict[str, list[Any]] = {task.name: [None] * records.n_rows for task in tasks}
    for some in _together(records.lengths()):
        predictions = runtime.run_all([records.gather(rows) for rows in some], probabilities=probabilities)
        places = np.concatenate(some).tolist()
        for task in tasks:
            told = labels_json(predictions[task.name], runtime.schema.unit(task), probabilities=probabilities)
            own = labels[task.name]
            for place, label in zip(places, told, strict=True):
                own[place] = label
    for task in tasks:
        _abstain_beyond(runtime.schema, task, records, labels[task.name])
    return labels


def batches(lengths: ndarray) -> list[ndarray]:
    """Rows that go through the model together; each int64 of shape (row,)."""
    return alike_parts(lengths, BATCH)


def _together(lengths: ndarray) -> Iterator[list[ndarray]]:
    """Batches that are decoded together: at least one."""
    some: list[ndarray] = []
    size = 0
    for rows in batches(lengths):
        items = len(rows) * int(lengths[rows[-1]])  # the longest comes last
        if some and size + items > TOGETHER:
            yield some
            some, size = [], 0
        some.append(rows)
        size += items
    if some:
        yield some


def _abstain_beyond(schema: Schema, task: Task, records: Records, labels: list[Any]) -> None:
    """A list of labels is as long as the payload as it was given, null for what was cut off: a valid label."""
    if schema.unit(task) == "record":
        return
    payload = schema.payload(task.payload)
    beyond = records.given(payload.name) - payload.max_length
    for row in np.flatnonzero(beyond > 0).tolist():
        labels[row] = [*labels[row], *[None] * int(beyond[row])]


def render_lines(records: Records, labels: dict[str, list[Any]], source: str, *, named: str | None = None) -> bytes:
    """The lines as they were given, each record with one more source.

    Args:
        records: The records.
        labels: The label of each row, by name of task.
        source: What the source is called.
        named: What the ids of records without one begin with; those stay without where None.
    """
    lines, places, said = list(records.lines), records.place.tolist(), _said(labels, source)
    for place, own in zip(places, said, strict=True):
        lines[place] = lines[place].rstrip()[:-1] + own
    nameless = np.zeros(records.n_rows, bool)
    if named is not None:
        nameless = np.fromiter((not own for own in records.ids), bool, records.n_rows)
    for row in np.flatnonzero(records.has_tasks | nameless).tolist():
        place = places[row]
        line = records.lines[place]
        new_id = f"{named}:{records.numbers[place]}" if nameless[row] else None
        if records.has_tasks[row] or b'"id"' in line or ESCAPED in line:
            label_of = {name: {source: own[row]} for name, own in labels.items() if own[row] is not None}
            lines[place] = _merged(line, label_of, source, new_id)
        else:
            lines[place] = b'{"id":' + _encode(new_id) + b"," + lines[place].lstrip()[1:]
    lines.append(b"")
    return b"\n".join(lines)


def _said(labels: Mapping[str, Sequence[Any]], source: str) -> list[bytes]:
    """The end of the line of each row, what is said of its tasks. Written by column: a fraction of the time."""
    columns = []
    for name, own in labels.items():
        begin = _encode(name) + b":{" + _encode(source) + b":"
        texts = _encode_lines(own).split(b"\n")[: len(own)]
        columns.append([begin + text + b"}" if text != NULL else b"" for text in texts])
    if any(b"" in column for column in columns):
        return [b',"tasks":{' + b",".join(filter(None, row)) + b"}}" for row in zip(*columns, strict=True)]
    end = b',"tasks":{%b}}' % b",".join([b"%b"] * len(columns))
    return [end % row for row in zip(*columns, strict=True)]


def _merged(line: bytes, said: dict[str, dict[str, Any]], source: str, new_id: str | None) -> bytes:
    """A line whose tasks are known already: its own text, but for the labels that come to it."""
    value: dict[str, Any] = _value.decode(line)
    tasks: dict[str, Any] = (_tasks.decode(value["tasks"]) if "tasks" in value else None) or {}
    tasks |= {name: {**(tasks.get(name) or {}), **label} for name, label in said.items()}
    value["tasks"] = tasks
    return _encode({**value, "id": new_id} if new_id else value)


def make_predict(runtime: Runtime, asked: Asked) -> Callable[[Records, str], Made]:
    """What a piece does with some records: lines or a table of predictions."""

    def predict(records: Records, name: str) -> Made:
        labels = predict_labels(runtime, records, probabilities=asked.probabilities)
        empty = list(zip(*labels.values(), strict=True)).count((None,) * len(labels))
        if asked.format == PARQUET:
            return Made([_table(runtime.schema, records, labels, name, probabilities=asked.probabilities)], empty)
        return Made([render_lines(records, labels, f"overton@{asked.version}", named=name or None)], empty)

    return predict


def arrow_schema(schema: Schema, *, probabilities: bool) -> Any:
    """The columns of predictions: `id`, and one for each task, `task_id` where its name is that of the first."""
    import pyarrow as pa

    names = _columns(schema)
    tasks = [pa.field(names[task.name], _type(schema, task, probabilities)) for task in schema.learnable().tasks]
    return pa.schema([pa.field("id", pa.string()), *tasks])


def _columns(schema: Schema) -> dict[str, str]:
    """The column of each task: two of one name could not be read, and one would hide the ids."""
    names = [task.name for task in schema.learnable().tasks]
    instead = "task_id"
    while instead in names:
        instead = f"task_{instead}"
    return {name: instead if name == "id" else name for name in names}


def _type(schema: Schema, task: Task, probabilities: bool) -> Any:
    import pyarrow as pa

    kind = {"multiclass": pa.string(), "bitvector": pa.list_(pa.string()), "select": pa.int32()}[task.type]
    one = pa.map_(pa.string(), pa.float32()) if probabilities else kind
    return one if schema.unit(task) == "record" else pa.list_(one)


def _table(schema: Schema, records: Records, labels: dict[str, list[Any]], name: str, *, probabilities: bool) -> Any:
    import pyarrow as pa

    columns = {"id": ids_of(records, name)}
    for task, column in _columns(schema).items():
        values = labels[task]
        columns[column] = [_pairs(value) for value in values] if probabilities else values
    return pa.table(columns, schema=arrow_schema(schema, probabilities=probabilities))


def ids_of(records: Records, name: str) -> list[str]:
    """Id of each row; `NAME:LINE` where its line gives none."""
    numbers, places = records.numbers, records.place.tolist()
    return [own.decode() if own else f"{name}:{numbers[place]}" for own, place in zip(records.ids, places, strict=True)]


def _pairs(label: Any) -> Any:
    """Probabilities as Arrow wants a map: pairs."""
    if isinstance(label, dict):
        return list(label.items())
    return [_pairs(one) for one in label] if isinstance(label, list) else label
