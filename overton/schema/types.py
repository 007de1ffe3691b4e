"""The schema as a value: what the model reads (payloads) and what it predicts (tasks).

A schema holds no hyperparameter, no source and no slice. Once made it never changes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from overton.base import digest_json

PayloadType = Literal["singleton", "sequence", "set"]
TaskType = Literal["multiclass", "bitvector", "select"]
Unit = Literal["record", "token", "member"]

PAYLOAD_TYPES: tuple[PayloadType, ...] = ("singleton", "sequence", "set")
TASK_TYPES: tuple[TaskType, ...] = ("multiclass", "bitvector", "select")
LEAST_CLASSES: Mapping[TaskType, int] = {"multiclass": 2, "bitvector": 1, "select": 0}
UNIT_OF_PAYLOAD: Mapping[PayloadType, Unit] = {"singleton": "record", "sequence": "token", "set": "member"}
DEFAULT_MAX_LENGTH = 128


@dataclass(frozen=True, slots=True)
class Payload:
    """A piece of input that the model embeds.

    Attributes:
        name: Its name in the schema.
        type: `singleton` (one per record), `sequence` (of tokens) or `set` (of members).
        field: The field of a record's `payloads` that it reads.
        base: Payloads that it aggregates.
        range: The sequence into which the members of a set point.
        max_length: Most tokens or members that are kept; the rest is cut and counted.
    """

    name: str
    type: PayloadType
    field: str
    base: tuple[str, ...] = ()
    range: str | None = None
    max_length: int = DEFAULT_MAX_LENGTH

    @property
    def reads(self) -> tuple[str, ...]:
        """The payloads that it aggregates or points into."""
        return tuple(dict.fromkeys((*self.base, *([self.range] if self.range else []))))

    @property
    def is_text(self) -> bool:
        """Whether it is a text that Overton cuts into tokens itself: a singleton without a base."""
        return self.type == "singleton" and not self.base

    @property
    def has_tokens(self) -> bool:
        """Whether its strings are tokens: a sequence, or a text that is cut into them."""
        return self.type == "sequence" or self.is_text

    @property
    def has_items(self) -> bool:
        """Whether a record holds a list of strings for it: tokens, or ids of members."""
        return self.type != "singleton" or self.is_text


@dataclass(frozen=True, slots=True)
class Task:
    """A prediction on a payload.

    Attributes:
        name: Its name in the schema.
        payload: The payload predicted on.
        type: `multiclass` (one class), `bitvector` (any number of classes) or `select` (one member of a set).
        classes: Names of the classes in the order of the model's output; empty for `select`, and for the
            other two until the data has told them (`Schema.with_classes`).
    """

    name: str
    payload: str
    type: TaskType
    classes: tuple[str, ...] = ()

    @property
    def is_learnable(self) -> bool:
        """Whether there is anything to choose: of one class alone nothing can be learned."""
        return len(self.classes) >= LEAST_CLASSES[self.type]


@dataclass(frozen=True, slots=True)
class Schema:
    """Payloads and tasks in the order in which they were declared."""

    payloads: tuple[Payload, ...]
    tasks: tuple[Task, ...]

    def payload(self, name: str) -> Payload:
        """The payload of that name; a KeyError where there is none."""
        for payload in self.payloads:
            if payload.name == name:
                return payload
        raise KeyError(name)

    def task(self, name: str) -> Task:
        """The task of that name; a KeyError where there is none."""
        for task in self.tasks:
            if task.name == name:
                return task
        raise KeyError(name)

    def unit(self, task: Task) -> Unit:
        """What one label of a task is about: the record (singletons and select), a token or a member."""
        return "record" if task.type == "select" else UNIT_OF_PAYLOAD[self.payload(task.payload).type]

    def by_dependency(self) -> tuple[Payload, ...]:
        """The payloads, each after those that it aggregates or points into."""
        done: dict[str, Payload] = {}

        def visit(payload: Payload) -> None:
            if payload.name in done:
                return
            for name in payload.reads:
                visit(self.payload(name))
            done[payload.name] = payload

        for payload in self.payloads:
            visit(payload)
        return tuple(done.values())

    def made_of(self, name: str) -> tuple[Payload, ...]:
        """The payloads whose items a payload is made of, each once: itself, or what it aggregates through singletons.

        Items that read other payloads are not followed further.
        """
        found: list[Payload] = []
        seen: set[str] = set()
        waiting = [name]
        while waiting:
            payload = self.payload(waiting.pop())
            if payload.name in seen:
                continue
            seen.add(payload.name)
            if payload.has_items:
                found.append(payload)
            else:
                waiting.extend(reversed(payload.base))
        return tuple(found)

    def with_classes(self, classes: Mapping[str, Sequence[str]]) -> "Schema":
        """The same schema with the classes of its tasks told, by name of task; select tasks have none."""
        tasks = (
            task if task.type == "select" else replace(task, classes=tuple(classes.get(task.name, task.classes)))
            for task in self.tasks
        )
        return replace(self, tasks=tuple(tasks))

    def without_classes(self) -> "Schema":
        """The same schema with no class told: labels may name any."""
        return self.with_classes({task.name: () for task in self.tasks})

    def learnable(self) -> "Schema":
        """The schema without tasks of which schema and labels tell no class, or one where one of several is chosen."""
        return replace(self, tasks=tuple(task for task in self.tasks if task.is_learnable))

    def to_json(self) -> dict[str, Any]:
        """The JSON value that parses back to this schema, defaults left out."""
        return {
            "payloads": {payload.name: _payload_json(payload) for payload in self.payloads},
            "tasks": {task.name: _task_json(task) for task in self.tasks},
        }

    def digest(self) -> str:
        """Digest of the content."""
        return digest_json(self.to_json())


def _payload_json(payload: Payload) -> dict[str, Any]:
    value: dict[str, Any] = {"type": payload.type}
    if payload.field != payload.name:
        value["field"] = payload.field
    if payload.base:
        value["base"] = list(payload.base)
    if payload.range:
        value["range"] = payload.range
    if payload.has_items and payload.max_length != DEFAULT_MAX_LENGTH:
        value["max_length"] = payload.max_length
    return value


def _task_json(task: Task) -> dict[str, Any]:
    value: dict[str, Any] = {"payload": task.payload, "type": task.type}
    if task.classes and task.is_learnable:  # a class that the data alone tells is none of the schema
        value["classes"] = list(task.classes)
    return value
