"""Two schemas to the changes between them, and whether a client of the old one can live with each."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from overton.base import json_path
from overton.schema.types import Payload, Schema, Task

Kind = Literal["breaking", "compatible"]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    Attributes:
        kind: `breaking` where a request that was right becomes wrong, or an answer that was there is missing or
            means something else; else `compatible`.
        field: JSON path in the schema.
        message: What changed.
    """

    kind: Kind
    field: str
    message: str


def diff_schemas(old: Schema, new: Schema) -> tuple[Change, ...]:
    """The changes from one schema to another, breaking ones first."""
    changes = (*_payload_changes(old, new), *_task_changes(old, new))
    return tuple(sorted(changes, key=lambda change: change.kind != "breaking"))


def _payload_changes(old: Schema, new: Schema) -> Iterator[Change]:
    before, after = ({payload.name: payload for payload in schema.payloads} for schema in (old, new))
    for name, payload in before.items():
        if name not in after:
            yield Change("breaking", json_path(("payloads", name)), f"payload {name!r} is gone")
        else:
            yield from _changed_payload(payload, after[name])
    for name in after.keys() - before.keys():
        yield Change("compatible", json_path(("payloads", name)), f"payload {name!r} is new")


def _changed_payload(old: Payload, new: Payload) -> Iterator[Change]:
    def change(kind: Kind, key: str, before: object, after: object) -> Iterator[Change]:
        if before != after:
            message = f"{key!r} of payload {old.name!r} was {_tell(before)}, is {_tell(after)}"
            yield Change(kind, json_path(("payloads", old.name, key)), message)

    yield from change("breaking", "type", old.type, new.type)
    yield from change("breaking", "field", old.field, new.field)
    yield from change("breaking", "range", old.range, new.range)
    yield from change("breaking" if old.is_text != new.is_text else "compatible", "base", old.base, new.base)
    yield from change("compatible", "max_length", old.max_length, new.max_length)


def _task_changes(old: Schema, new: Schema) -> Iterator[Change]:
    before, after = ({task.name: task for task in schema.tasks} for schema in (old, new))
    for name, task in before.items():
        if name not in after:
            yield Change("breaking", json_path(("tasks", name)), f"task {name!r} is gone")
        else:
            yield from _changed_task(task, after[name])
    for name in after.keys() - before.keys():
        yield Change("compatible", json_path(("tasks", name)), f"task {name!r} is new")


def _changed_task(old: Task, new: Task) -> Iterator[Change]:
    for key, before, after in (("type", old.type, new.type), ("payload", old.payload, new.payload)):
        if before != after:
            message = f"{key!r} of task {old.name!r} was {before!r}, is {after!r}"
            yield Change("breaking", json_path(("tasks", old.name, key)), message)
    field = json_path(("tasks", old.name, "classes"))
    if old.classes and new.classes:
        for name in sorted(set(old.classes) - set(new.classes)):
            yield Change("breaking", field, f"class {name!r} of task {old.name!r} is gone")
        for name in sorted(set(new.classes) - set(old.classes)):
            yield Change("compatible", field, f"class {name!r} of task {old.name!r} is new")


def _tell(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(repr(name) for name in value) or "none"
    return "none" if value is None else repr(value)
