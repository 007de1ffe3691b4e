"""Text of schema.json to a Schema and back."""

import json
from typing import Any

from overton.base import OvertonError
from overton.schema.check import check_draft
from overton.schema.draft import read_draft
from overton.schema.types import Schema


def parse_schema(text: str, path: str = "") -> Schema:
    """Read and check the text of a schema.

    Args:
        text: JSON.
        path: File that it came from, for messages.

    Raises:
        OvertonError: With every fault that it has.

    Example:
        >>> text = '{"payloads": {"query": {"type": "singleton"}},'
        >>> text += ' "tasks": {"Intent": {"payload": "qery", "type": "multiclass"}}}'
        >>> parse_schema(text, "schema.json")
        Traceback (most recent call last):
        overton.base.errors.OvertonError: schema.json:1: $.tasks.Intent.payload: there is no payload 'qery'. \
Did you mean 'query'? [schema.unknown-payload]
    """
    draft = read_draft(text, path)
    problems = check_draft(draft)
    if problems:
        raise OvertonError(problems)
    return draft.to_schema()


def render_schema(schema: Schema) -> str:
    """The text that `parse_schema` reads back to the same schema, a payload or task a line."""
    value = schema.to_json()
    sections = (f'  "{section}": {_render_section(entries)}' for section, entries in value.items())
    return "{\n" + ",\n".join(sections) + "\n}\n"


def _render_section(entries: dict[str, Any]) -> str:
    lines = (f"    {_render(name)}: {_render(entry)}" for name, entry in entries.items())
    return "{\n" + ",\n".join(lines) + "\n  }"


def _render(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
