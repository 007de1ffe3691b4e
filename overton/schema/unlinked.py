"""Payloads that nothing links to what they are about: valid, and as a rule a slip that costs quality in silence."""

from collections.abc import Iterator

from overton.base import Problem, json_path
from overton.schema.types import Schema


def unlinked_payloads(schema: Schema) -> tuple[Problem, ...]:
    """A warning for each payload that no task reads, and for each set that is selected from by ids alone.

    A task reads its payload, what that aggregates or points into (`base`, `range`), what these do, and nothing else.

    Args:
        schema: The schema.
    """
    read = {name for task in schema.tasks for name in _read_with(schema, task.payload)}
    unread = [payload.name for payload in schema.payloads if payload.name not in read]
    alone = {
        task.payload: task.name
        for task in schema.tasks
        if task.type == "select" and len(schema.payloads) > 1 and _read_with(schema, task.payload) == {task.payload}
    }
    return (*_of_unread(schema, unread), *_of_alone(alone))


def _read_with(schema: Schema, name: str) -> set[str]:
    """The payloads that a task on one of them reads."""
    read, waiting = set(), [name]
    while waiting:
        one = waiting.pop()
        if one not in read:
            read.add(one)
            waiting.extend(schema.payload(one).reads)
    return read


def _of_unread(schema: Schema, unread: list[str]) -> Iterator[Problem]:
    for name in unread:
        bases = [payload.name for payload in schema.payloads if payload.base and payload.name not in unread]
        example = f"to that of {bases[0]!r}, for example" if bases else "to that of one with a task"
        hint = f"Add it to a `base` ({example}), give it a task, or leave it out"
        yield _warn(f"no task reads the payload {name!r}, nor a payload of one", "schema.unread-payload", name, hint)


def _of_alone(alone: dict[str, str]) -> Iterator[Problem]:
    for name, task in alone.items():
        message = f"the task {task!r} selects among members of {name!r} by their ids alone: it reads no other payload"
        hint = "Name what they are judged by as its `base`, or the sequence into which they point as its `range`"
        yield _warn(message, "schema.select-by-id", name, hint)


def _warn(message: str, code: str, payload: str, hint: str) -> Problem:
    return Problem(message, code, field=json_path(("payloads", payload)), hint=hint)
