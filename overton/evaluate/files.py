"""On disk: `report.json` and `predictions.parquet`, and `gate.json`, what a version must keep to."""

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from overton.base import OvertonError, Problem, os_reason
from overton.base.files import read_text, write_atomic
from overton.evaluate.compare import Gate, parse_gate
from overton.evaluate.examples import ExampleRows
from overton.evaluate.parquet import parse_examples, render_examples
from overton.evaluate.report import Report, parse_report

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["load_gate", "load_report", "parse_examples", "read_examples", "write_examples", "write_report"]


def load_gate(path: Path) -> Gate:
    """Read `gate.json`; the defaults where there is no such file.

    Raises:
        OvertonError: With every fault of the file.
    """
    try:
        text = read_text(path, "gate.bad-json")
    except FileNotFoundError:
        return Gate()
    return parse_gate(text, str(path))


def write_report(path: Path, report: Report) -> None:
    """Write `report.json`, whole or not at all."""
    write_atomic(path, msgspec.json.encode(report.to_json()) + b"\n")


def load_report(path: Path) -> Report:
    """Read `report.json`.

    Raises:
        OvertonError: Where there is none, or it is not a report.
    """
    content = _content(path)
    try:
        return parse_report(msgspec.json.decode(content))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise OvertonError(Problem(message=f"not JSON: {error}", code="report.bad", path=str(path))) from None


def write_examples(path: Path, rows: ExampleRows) -> None:
    """Write `predictions.parquet`, whole or not at all."""
    write_atomic(path, render_examples(rows))


def read_examples(path: Path) -> "DataFrame":
    """Read `predictions.parquet` as a pandas frame.

    Raises:
        OvertonError: Where there is none, or it is not such a file.
    """
    return parse_examples(_content(path), str(path))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        message = f"cannot be read: {os_reason(error)}"
        raise OvertonError(Problem(message=message, code="report.bad", path=str(path))) from None
