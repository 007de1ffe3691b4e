"""Records as a table for expressions: what stands in each column, made only where an expression names it.

| column | holds |
|---|---|
| `id`, `tags`, `split` | the record's id, its tags (a list), `train`, `dev` or `test` |
| a payload by its name | tokens, or ids of members (a list), or the text; `payload_NAME` for one called `tags` or so |
| `n_NAME` | how many tokens or members; of a text that Overton cuts, how many tokens |
| `NAME_words` | the tokens of such a text (a list) |
| `votes.TASK.SOURCE` | what a source says, of a soft label the likeliest; NULL where two are |
| `gold.TASK`, `predicted.TASK` | likewise; predictions are there where a version is named |

A label is a text, of a bitvector a list of texts, of `select` the index of the member; a list of those where the task
labels tokens or members; NULL where nothing is said. Of two names that differ in case alone the later has a number
behind it, here and in what `discover` prints.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy import ndarray

from overton.base.ragged import starts_of
from overton.codec import Predictions
from overton.data import GOLD, SPLITS, Dataset, Gold, gold_of
from overton.evaluate import item_payloads
from overton.review.words import as_distinct, payload_columns, text_payloads
from overton.schema import Payload

CHUNK = 4096
ROW = "__row"

Make = Callable[[], Any]


def records_table(
    dataset: Dataset, expression: str, predictions: Mapping[str, Predictions] | None = None
) -> tuple[Any, tuple[str, ...]]:
    """The records as an Arrow table with the columns that an expression names.

    Args:
        dataset: The records.
        expression: The expression.
        predictions: What a version says of all records, by task; None where none was named.

    Returns:
        The table, with the number of the record in `__row`; and the names of all columns that there are.
    """
    import pyarrow as pa

    columns = _columns(dataset, predictions)
    words = {word.lower() for word in re.findall(r"\w+", expression)}
    named = {name: make() for name, make in columns.items() if set(re.findall(r"\w+", name.lower())) <= words}
    return pa.table({ROW: np.arange(dataset.n_records), **named}), tuple(columns)


def _columns(dataset: Dataset, predictions: Mapping[str, Predictions] | None) -> dict[str, Make]:
    """Every column by its name, with the function that makes it."""
    makers = {"id": _ids, "tags": _tags, "split": _split, "gold": _gold}
    columns: dict[str, Make] = {name: partial(make, dataset) for name, make in makers.items()}
    if any(source != GOLD for source in dataset.sources):
        columns["votes"] = partial(_votes, dataset)
    if predictions is not None:
        columns["predicted"] = partial(_predicted, dataset, predictions)
    names = payload_columns(dataset)
    for payload in item_payloads(dataset):
        columns[names["items", payload.name]] = partial(_items, dataset, payload)
        columns[names["count", payload.name]] = partial(dataset.item_lengths, payload.name)
    for payload in text_payloads(dataset):
        columns[names["text", payload.name]] = partial(_texts, dataset, payload.field)
    return columns


def _ids(dataset: Dataset) -> Any:
    import pyarrow as pa

    return pa.array(dataset.ids(np.arange(dataset.n_records)), pa.string())


def _tags(dataset: Dataset) -> Any:
    import pyarrow as pa

    tags = dataset.tags
    return pa.ListArray.from_arrays(pa.array(tags.first, pa.int32()), pa.array(tags.names, pa.string()).take(tags.tag))


def _split(dataset: Dataset) -> Any:
    import pyarrow as pa

    names = np.full(dataset.n_records, "", object)
    for name in SPLITS:
        names[getattr(dataset.splits, name)] = name
    return pa.array(names, pa.string())


def _items(dataset: Dataset, payload: Payload) -> Any:
    """Tokens or ids of members, a list a record."""
    import pyarrow as pa

    strings, present = [np.zeros(0, np.int32)], [np.zeros(0, np.bool_)]
    for start in range(0, dataset.n_records, CHUNK):
        column = dataset.gather(np.arange(start, min(start + CHUNK, dataset.n_records))).columns[payload.name]
        strings.append(column.strings[column.mask])
        present.append(column.present)
    texts = pa.array(dataset.pool.texts, pa.string()).take(pa.array(np.concatenate(strings)))
    first = np.append(0, np.cumsum(dataset.item_lengths(payload.name)))
    return _listed(texts, first, ~np.concatenate(present))


def _texts(dataset: Dataset, field: str) -> Any:
    import pyarrow as pa

    found: list[Any] = []
    for start in range(0, dataset.n_records, CHUNK):
        rows = np.arange(start, min(start + CHUNK, dataset.n_records))
        found += [value.get(field) for value in dataset.payloads(rows)]
    return pa.array(found, pa.string())


def _gold(dataset: Dataset) -> Any:
    labels = {task.name: _labels(dataset, gold_of(dataset.votes(task.name))) for task in dataset.schema.tasks}
    return _struct(labels, among=_task_names(dataset))


def _votes(dataset: Dataset) -> Any:
    by_task = {}
    for task in dataset.schema.tasks:
        votes = dataset.votes(task.name)
        used = np.unique(votes.source).tolist()
        names = [votes.sources[number] for number in used if votes.sources[number] != GOLD]
        if names:
            labels = {name: _labels(dataset, gold_of(votes, name)) for name in names}
            by_task[task.name] = _struct(labels, among=votes.sources)
    return _struct(by_task, among=_task_names(dataset))


def _predicted(dataset: Dataset, predictions: Mapping[str, Predictions]) -> Any:
    by_task = {}
    for name, said in predictions.items():
        by_task[name] = _labels(dataset, Gold(said.task, said.offsets, ~said.nothing, said.label))
    return _struct(by_task, among=_task_names(dataset))


def _task_names(dataset: Dataset) -> list[str]:
    return [task.name for task in dataset.schema.tasks]


def _labels(dataset: Dataset, labels: Gold) -> Any:
    """The labels of a task, one a record or a list a record."""
    import pyarrow as pa

    names = pa.array(labels.task.classes, pa.string())
    if labels.task.type == "bitvector":
        _, number = np.nonzero(labels.label)
        first = np.append(0, np.cumsum(labels.label.sum(axis=1)))
        units = _listed(names.take(pa.array(number)), first, ~labels.known)
    elif labels.task.type == "select":
        units = pa.array(labels.label, pa.int32(), mask=~labels.known)
    else:
        units = names.take(pa.array(labels.label, pa.int32(), mask=~labels.known))
    if dataset.schema.unit(labels.task) == "record":  # of a task that the data may have no more
        return units
    told = starts_of(labels.known)
    return _listed(units, labels.offsets, told[labels.offsets[1:]] == told[labels.offsets[:-1]])


def _listed(values: Any, first: ndarray, missing: ndarray) -> Any:
    """Values as a list a record, NULL where it is missing."""
    import pyarrow as pa

    return pa.LargeListArray.from_arrays(pa.array(first, pa.int64()), values, mask=pa.array(missing))


def _struct(by_name: Mapping[str, Any], *, among: Iterable[str]) -> Any:
    """A column of structs, whose fields are named as those of all names that there are."""
    import pyarrow as pa

    names = as_distinct([*among, *by_name])
    return pa.StructArray.from_arrays(list(by_name.values()), [names[name] for name in by_name])
