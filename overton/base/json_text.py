"""JSON that a person writes, such as schema.json and tuning.json, to its value."""

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NoReturn

from overton.base.errors import OvertonError, Problem
from overton.base.positions import Positions, json_fault

CONSTANT = re.compile(r'"(?:[^"\\]|\\.)*"|(NaN|-?Infinity)')  # outside of texts, which are passed over


def parse_json(text: str, path: str, code: str) -> Any:
    """The value of a JSON text.

    Args:
        text: The text.
        path: Its file, for messages.
        code: Code of the fault where it is no JSON.

    Raises:
        OvertonError: Where it is none, with the line.
    """
    line, hint = 0, ""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        fault, at = json_fault(error)
        line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
        fault = f"{fault}, at column {column}"
        hint = "A missing or extra comma, or an unclosed bracket, is the usual cause"
    except RecursionError:
        fault = "lists or objects are nested too deeply"
    except ValueError as error:  # NaN and the like, or a number of thousands of digits
        fault, line = str(error), _line_of_constant(text)
    raise OvertonError(Problem(f"this is not JSON: {fault}", code, path, line, hint=hint))


def doubled_keys(positions: Positions, code: str) -> list[Problem]:
    """A fault for every key that its object already has; `place_faults` tells where."""
    return [Problem("this key appears twice", code, field=at) for at, _ in positions.duplicates]


def place_faults(faults: Iterable[Problem], positions: Positions, path: str) -> list[Problem]:
    """Faults of a text with its file and the lines of their fields, by line; a key that stands twice is told there."""
    lines = {**positions.lines, **dict(positions.duplicates)}
    placed = [replace(fault, path=path, line=lines.get(fault.field, 0)) for fault in faults]
    return sorted(placed, key=lambda fault: fault.line)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


def _line_of_constant(text: str) -> int:
    """The line of the first word that Python takes for a number and JSON does not; 0 where there is none."""
    found = next((match for match in CONSTANT.finditer(text) if match[1]), None)
    return text.count("\n", 0, found.start()) + 1 if found else 0
