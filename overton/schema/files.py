"""Schemas on disk."""

from pathlib import Path

from overton.base import OvertonError, Problem, os_reason
from overton.base.files import read_text
from overton.schema.parse import parse_schema
from overton.schema.types import Schema


def load_schema(path: Path) -> Schema:
    """Read and check a schema file.

    Raises:
        OvertonError: Where it cannot be read, or with every fault that it has.
    """
    try:
        text = read_text(path, "schema.unreadable")
    except OSError as error:
        message = f"the schema cannot be read: {os_reason(error)}"
        hint = "An application is a folder with schema.json and data/*.jsonl; overton init makes one"
        raise OvertonError(Problem(message, "schema.unreadable", str(path), hint=hint)) from None
    return parse_schema(text, str(path))
