"""JSON value to program: the inverse of `Program.to_json`."""

from collections.abc import Mapping
from typing import Any

from overton.base import OvertonError, Problem
from overton.compile.program import Node, Program, Setting
from overton.schema import Payload, Schema, Task

FORMAT = 1


def parse_program(value: Mapping[str, Any]) -> Program:
    """The program of its JSON value.

    Raises:
        OvertonError: Where the value was written by another version of the format, or is damaged.
    """
    if value.get("format") != FORMAT:
        raise _unreadable(f"this is not a program of format {FORMAT}, but of format {value.get('format')!r}")
    try:
        return Program(
            schema=_schema(value["schema"]),
            nodes=tuple(_node(node) for node in value["nodes"]),
            outputs=dict(value["outputs"]),
            features={name: _settings(settings) for name, settings in value["features"].items()},
            slices=tuple(value["slices"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise _unreadable(f"the program is damaged: {error}") from error


def _unreadable(message: str) -> OvertonError:
    hint = "Build the version again, or use the release of Overton that wrote it"
    return OvertonError(Problem(message=message, code="compile.unreadable-program", hint=hint))


def _schema(value: Mapping[str, Any]) -> Schema:
    payloads = (_payload(name, payload) for name, payload in value["payloads"].items())
    tasks = (
        Task(name=name, payload=task["payload"], type=task["type"], classes=tuple(task.get("classes", ())))
        for name, task in value["tasks"].items()
    )
    return Schema(payloads=tuple(payloads), tasks=tuple(tasks))


def _payload(name: str, value: Mapping[str, Any]) -> Payload:
    limit = {"max_length": value["max_length"]} if "max_length" in value else {}
    return Payload(
        name=name,
        type=value["type"],
        field=value.get("field", name),
        base=tuple(value.get("base", ())),
        range=value.get("range"),
        **limit,
    )


def _node(value: Mapping[str, Any]) -> Node:
    return Node(
        name=value["name"],
        op=value["op"],
        inputs=tuple(value["inputs"]),
        settings=_settings(value["settings"]),
    )


def _settings(value: Mapping[str, Any]) -> dict[str, Setting]:
    return {name: _setting(setting) for name, setting in value.items()}


def _setting(value: Any) -> Setting:
    return tuple(_setting(part) for part in value) if isinstance(value, list | tuple) else value
