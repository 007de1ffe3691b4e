"""The format of schema.json as a JSON Schema, for editors and for other programs."""

from collections.abc import Mapping
from typing import Any

from overton.base.names import NAME
from overton.schema.keys import EDITOR_KEY, PAYLOAD_KEYS, TASK_KEYS, TOP_KEYS, Key

TEXT = {"type": "string", "pattern": r"\S"}


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of schema.json; `parse_schema` also checks what payloads and tasks are to each other."""
    payload = _object(PAYLOAD_KEYS)
    payload["allOf"] = [_when(("singleton", "sequence"), {"range": False})]
    task = _object(TASK_KEYS)
    task["allOf"] = [
        _when(("select",), {"classes": False}),
        _when(("multiclass",), {"classes": {"minItems": 2}}),
        _when(("bitvector",), {"classes": {"minItems": 1}}),
    ]
    sections = {"payloads": payload, "tasks": task}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Overton schema",
        "description": "What a model reads (payloads) and what it predicts (tasks).",
        "type": "object",
        "properties": {
            EDITOR_KEY: {"type": "string", "description": "Where this JSON Schema is found, for editors."},
            **{name: _section(TOP_KEYS[name], entry) for name, entry in sections.items()},
        },
        "required": list(sections),
        "additionalProperties": False,
    }


def _section(meaning: str, entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": meaning,
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": f"^{NAME.pattern}$"},
        "additionalProperties": entry,
    }


def _object(keys: Mapping[str, Key]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {key.name: _value(key) for key in keys.values()},
        "required": [key.name for key in keys.values() if key.required],
        "additionalProperties": False,
    }


def _value(key: Key) -> dict[str, Any]:
    if key.options:
        return {"description": key.meaning, "enum": list(key.options)}
    if key.kind == "count":
        return {"description": key.meaning, "type": "integer", "minimum": 1}
    if key.kind == "texts":
        return {"description": key.meaning, "type": "array", "items": dict(TEXT), "uniqueItems": True}
    return {"description": key.meaning, **TEXT}


def _when(types: tuple[str, ...], then: dict[str, Any]) -> dict[str, Any]:
    """Where the type is one of these, these properties hold as well."""
    return {"if": {"properties": {"type": {"enum": list(types)}}, "required": ["type"]}, "then": {"properties": then}}
