"""Schemas on disk."""

from pathlib import Path

from overton.base import OvertonError, Problem, os_reason
from overton.base.files import read_text
from overton.schema.parse import parse_schema
from overton.schema.types import Schema

SCHEMA_NAME = "schema.json"


def nearest_schema(directory: Path) -> str:
    """Which application is meant by a directory that is none, if one is near, as a hint; else empty.

    Args:
        directory: One without a schema, or that does not exist.
    """
    if not directory.is_absolute() and Path(SCHEMA_NAME).is_file():
        return "The folder that you are in is an application: it is called `.` from here"
    if (directory.parent / SCHEMA_NAME).is_file():
        return f"Did you mean {str(directory.parent)!r}, the application that it lies in?"
    return ""


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
