"""Tuning from disk."""

from pathlib import Path

from overton.compile.tuning import Tuning, parse_tuning
from overton.schema import Schema


def load_tuning(path: Path, schema: Schema) -> Tuning:
    """The tuning of a file; the defaults where there is no such file.

    Raises:
        OvertonError: With every fault of the file.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return Tuning()
    return parse_tuning(text, str(path), schema)
