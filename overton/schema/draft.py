"""A schema as far as it could be understood, so that every check can run although others find faults."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from overton.base import Positions, json_path, locate_json, parse_json
from overton.schema.keys import PAYLOAD_KEYS, TASK_KEYS, Key, accepts
from overton.schema.types import DEFAULT_MAX_LENGTH, Payload, Schema, Task

PathPart = str | int


@dataclass(frozen=True, slots=True)
class Entry:
    """A payload or a task: the values of its keys that are of the right kind, by key."""

    name: str
    values: Mapping[str, Any]

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, or the default where it does not stand or is not understood."""
        return self.values.get(key, default)


@dataclass(frozen=True, slots=True)
class Draft:
    """The text of a schema as read.

    Attributes:
        path: Its file, for messages.
        value: The JSON value.
        positions: Where its values stand.
        payloads: What was understood of each payload, by name.
        tasks: What was understood of each task, by name.
    """

    path: str
    value: Any
    positions: Positions
    payloads: Mapping[str, Entry]
    tasks: Mapping[str, Entry]

    def line(self, *parts: PathPart) -> int:
        """Line of the value at a JSON path, or of the nearest value around it."""
        for end in range(len(parts), -1, -1):
            line = self.positions.lines.get(json_path(parts[:end]))
            if line:
                return line
        return 0

    def sections(self) -> Iterator[tuple[str, Mapping[str, Key], str, Any]]:
        """Section, its table of keys, name and JSON value of every payload and task."""
        for section, keys in (("payloads", PAYLOAD_KEYS), ("tasks", TASK_KEYS)):
            for name, value in _section(self.value, section).items():
                yield section, keys, name, value

    def payload_type(self, name: str) -> str | None:
        """The type of a payload, or None where there is no such payload or its type is not understood."""
        entry = self.payloads.get(name)
        return entry.get("type") if entry else None

    def to_schema(self) -> Schema:
        """The schema of a draft without faults."""
        payloads = (
            Payload(
                name=entry.name,
                type=entry.get("type"),
                field=entry.get("field", entry.name),
                base=tuple(entry.get("base", ())),
                range=entry.get("range"),
                max_length=entry.get("max_length", DEFAULT_MAX_LENGTH),
            )
            for entry in self.payloads.values()
        )
        tasks = (
            Task(entry.name, entry.get("payload"), entry.get("type"), tuple(entry.get("classes", ())))
            for entry in self.tasks.values()
        )
        return Schema(tuple(payloads), tuple(tasks))


def read_draft(text: str, path: str) -> Draft:
    """Read the text of a schema.

    Raises:
        OvertonError: Where it is not JSON.
    """
    text = text.removeprefix("\ufeff")
    value = parse_json(text, path, "schema.bad-json")
    return Draft(path, value, locate_json(text), _entries(value, "payloads"), _entries(value, "tasks"))


def _entries(value: object, section: str) -> dict[str, Entry]:
    keys = PAYLOAD_KEYS if section == "payloads" else TASK_KEYS
    return {name: Entry(name, _understood(entry, keys)) for name, entry in _section(value, section).items()}


def _understood(entry: object, keys: Mapping[str, Key]) -> dict[str, Any]:
    if not isinstance(entry, dict):
        return {}
    known = {name: value for name, value in entry.items() if name in keys and accepts(keys[name].kind, value)}
    return {name: value for name, value in known.items() if not keys[name].options or value in keys[name].options}


def _section(value: object, section: str) -> dict[str, Any]:
    content = value.get(section) if isinstance(value, dict) else None
    return cast("dict[str, Any]", content) if isinstance(content, dict) else {}
