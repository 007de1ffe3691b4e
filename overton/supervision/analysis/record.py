"""One record of a data set: where its targets come from, with the words that they stand on."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from overton.base import OvertonError, Problem, did_you_mean
from overton.data import Dataset
from overton.supervision.analysis.lineage import RecordLineage, TaskLineage, explain_task
from overton.supervision.combine import Combined

ID_RECORDS = 50_000  # ids read at once
MOST_NEAR = 5000  # ids that an unknown one is compared with


def explain_record(dataset: Dataset, row: int, combined: Mapping[str, Combined]) -> RecordLineage:
    """Where the targets of one record come from.

    Args:
        dataset: The records.
        row: Number of the record, as `find_record` gives it.
        combined: The combined labels of the tasks to explain, by name.
    """
    payloads = dataset.payloads(np.array([row]))[0]
    tags = dataset.tags
    own = tags.tag[tags.first[row] : tags.first[row + 1]]
    return RecordLineage(
        id=dataset.ids(np.array([row]))[0],
        tags=tuple(tags.names[tag] for tag in own),
        text=record_text(payloads),
        tasks=tuple(_explain_task(dataset, name, found, row, payloads) for name, found in combined.items()),
    )


def find_record(dataset: Dataset, record_id: str) -> int:
    """Number of the record with an id.

    Raises:
        OvertonError: Where there is none; the hint names the nearest of those that begin alike.
    """
    near: list[str] = []
    for start in range(0, dataset.n_records, ID_RECORDS):
        ids = dataset.ids(np.arange(start, min(start + ID_RECORDS, dataset.n_records)))
        if record_id in ids:
            return start + ids.index(record_id)
        alike = record_id[: max(len(record_id) // 2, 1)].casefold()
        near += [known for known in ids if known.casefold().startswith(alike)][: MOST_NEAR - len(near)]
    raise OvertonError(
        Problem(
            message=f"no record has the id {record_id!r}",
            code="sources.unknown-record",
            hint=did_you_mean(record_id, near) or "Ids stand in the data files; one that is missing is FILE:LINE",
        )
    )


def _explain_task(
    dataset: Dataset, name: str, combined: Combined, row: int, payloads: Mapping[str, Any]
) -> TaskLineage:
    task = dataset.schema.task(name)
    texts = item_texts(payloads, dataset, task.payload)
    per_item = dataset.schema.unit(task) != "record"
    return explain_task(
        dataset.votes(name),
        combined,
        row,
        texts=texts if per_item else (),
        members=[f"{place} {text}" for place, text in enumerate(texts)],
    )


def item_texts(payloads: Mapping[str, Any], dataset: Dataset, payload: str) -> list[str]:
    """The items that a payload keeps of a record, as `Dataset.payloads` has it; none of a text."""
    kept = dataset.schema.payload(payload)
    items = payloads.get(kept.field) or ()
    items = () if isinstance(items, str) else items[: kept.max_length]
    return [_item_text(item, payloads, dataset, payload) for item in items]


def _item_text(item: Any, payloads: Mapping[str, Any], dataset: Dataset, payload: str) -> str:
    """A token as it stands; a member as its id and the tokens that it points to."""
    if isinstance(item, str):
        return item
    field = next((p.field for p in dataset.schema.payloads if p.name == dataset.schema.payload(payload).range), "")
    tokens, span = payloads.get(field) or [], item.get("range", [0, 0])
    words = " ".join(tokens[span[0] : span[1]])
    return f"{item['id']} {words!r}" if words else str(item["id"])


def record_text(payloads: Mapping[str, Any]) -> str:
    """What a record says: its texts, and its tokens where no text says the same."""
    texts = [value for value in payloads.values() if isinstance(value, str)]
    lists = [value for value in payloads.values() if isinstance(value, list) and value and isinstance(value[0], str)]
    joined = [" ".join(value) for value in lists]
    known = {"".join(text.split()).casefold() for text in texts}
    return " | ".join([*texts, *(text for text in joined if "".join(text.split()).casefold() not in known)])
