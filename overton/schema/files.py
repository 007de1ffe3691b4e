"""Schemas on disk."""

from pathlib import Path

from overton.base import OvertonError, Problem
from overton.schema.parse import parse_schema
from overton.schema.types import Schema


def load_schema(path: Path) -> Schema:
    """Read and check a schema file.

    Raises:
        OvertonError: Where it cannot be read, or with every fault that it has.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise _unreadable(path, f"not UTF-8: byte {error.start} is {error.object[error.start]:#04x}") from None
    except OSError as error:
        raise _unreadable(path, (error.strerror or str(error)).lower()) from None
    return parse_schema(text, str(path))


def _unreadable(path: Path, reason: str) -> OvertonError:
    return OvertonError(
        Problem(
            message=f"the schema cannot be read: {reason}",
            code="schema.unreadable",
            path=str(path),
            hint="An application is a folder with schema.json and data/*.jsonl; overton init makes one",
        )
    )
