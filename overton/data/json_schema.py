"""The format of a data file's line as a JSON Schema, for editors and for programs that write data."""

from typing import Any

from overton.data.names import MAX_SOURCE_LENGTH
from overton.schema import Payload, Schema, Task

_PROBABILITY = {"type": "number", "minimum": 0, "maximum": 1}


def record_json_schema(schema: Schema | None = None) -> dict[str, Any]:
    """JSON Schema (2020-12) of a record.

    `RecordParser` also checks what no JSON Schema can say: that labels, ranges and indexes fit the payloads.

    Args:
        schema: The schema of the application; None for the form that all records have.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Overton record",
        "description": "One line of a data file. Without payloads it adds labels and tags to the record that it names.",
        "type": "object",
        "properties": {
            "id": {
                "description": "Its name; <file>:<line> where it has none.",
                "type": ["string", "null"],
                "minLength": 1,
            },
            "payloads": {"description": "What the model reads, by field.", **_nullable(_payloads(schema))},
            "tasks": {"description": "Labels by task, then by source.", **_nullable(_tasks(schema))},
            "tags": {
                "description": "Splits (train, dev, test), slices (slice:...) and any other.",
                "type": ["array", "null"],
                "items": {"type": "string", "minLength": 1},
            },
        },
        "additionalProperties": False,
    }


def _payloads(schema: Schema | None) -> dict[str, Any]:
    if schema is None:
        member = _member(with_range=True)
        return {
            "type": "object",
            "additionalProperties": {"anyOf": [{"type": ["string", "null"]}, _tokens(), _set(member)]},
        }
    fields: dict[str, list[dict[str, Any]]] = {}
    listed = {payload.field for payload in schema.payloads if payload.has_items and not payload.is_text}
    for payload in schema.payloads:
        if payload.type != "singleton" or payload.field not in listed:
            fields.setdefault(payload.field, []).append(_payload(payload))
    properties = {field: _nullable({"allOf": each} if len(each) > 1 else each[0]) for field, each in fields.items()}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _payload(payload: Payload) -> dict[str, Any]:
    if payload.type == "singleton":
        return {"type": "string"}
    return _tokens() if payload.type == "sequence" else _set(_member(with_range=payload.range is not None))


def _tokens() -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string"}}


def _set(member: dict[str, Any]) -> dict[str, Any]:
    by_index = {"type": "object", "propertyNames": {"pattern": "^(0|[1-9][0-9]*)$"}, "additionalProperties": member}
    return {"anyOf": [{"type": "array", "items": member}, by_index]}


def _member(*, with_range: bool) -> dict[str, Any]:
    properties: dict[str, Any] = {"id": {"type": "string"}}
    if with_range:
        end = {"type": "integer", "minimum": 0}
        properties["range"] = {
            "description": "The span of tokens that it stands for: the start, and the end, which is not part of it.",
            **_nullable({"type": "array", "items": end, "minItems": 2, "maxItems": 2}),
        }
    return {"type": "object", "properties": properties, "required": ["id"], "additionalProperties": False}


def _tasks(schema: Schema | None) -> dict[str, Any]:
    if schema is None:
        name = {"type": "string"}
        label = _nullable({"anyOf": [name, {"type": "integer", "minimum": 0}, {"type": "array"}, _soft(name)]})
        return {"type": "object", "additionalProperties": _by_source(label)}
    properties = {task.name: _by_source(_labels(schema, task)) for task in schema.tasks}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _by_source(label: dict[str, Any]) -> dict[str, Any]:
    source = {"minLength": 1, "maxLength": MAX_SOURCE_LENGTH}
    return _nullable({"type": "object", "propertyNames": source, "additionalProperties": label})


def _labels(schema: Schema, task: Task) -> dict[str, Any]:
    label = _nullable(_label(task))
    return label if schema.unit(task) == "record" else _nullable({"type": "array", "items": label})


def _label(task: Task) -> dict[str, Any]:
    name: dict[str, Any] = {"enum": list(task.classes)} if task.classes else {"type": "string", "pattern": r"\S"}
    if task.type == "select":
        return {"anyOf": [{"type": "integer", "minimum": 0}, _soft({"pattern": "^(0|[1-9][0-9]*)$"})]}
    return {"anyOf": [{"type": "array", "items": name} if task.type == "bitvector" else name, _soft(name)]}


def _soft(name: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "propertyNames": name, "additionalProperties": dict(_PROBABILITY)}


def _nullable(value: dict[str, Any]) -> dict[str, Any]:
    if isinstance(value.get("type"), str):
        return {**value, "type": [value["type"], "null"]}
    if "anyOf" in value:
        return {**value, "anyOf": [*value["anyOf"], {"type": "null"}]}
    return {"anyOf": [value, {"type": "null"}]}
