"""Tuning from disk."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from overton.base import Problem, locate_json
from overton.base.files import read_text
from overton.compile.tuning import Tuning, parse_tuning
from overton.schema import Schema

BAD_JSON = "tuning.bad-json"


def load_tuning(path: Path, schema: Schema) -> Tuning:
    """The tuning of a file; the defaults where there is no such file.

    Raises:
        OvertonError: With every fault of the file.
    """
    try:
        text = read_text(path, BAD_JSON)
    except FileNotFoundError:
        return Tuning()
    return parse_tuning(text, str(path), schema)


def placed_faults(path: Path, problems: Iterable[Problem]) -> list[Problem]:
    """Faults of what a file of settings says, found where it is used, with the file and its line of their fields.

    Args:
        path: The file, if there is one.
        problems: The faults. The field of an item of a list stands for the setting too, where that is no list. Those of
            other files stay as they are.
    """
    problems = list(problems)
    try:  # without a fault there may be a file that is no JSON, of which its reader tells
        lines = locate_json(read_text(path, BAD_JSON)).lines if problems else {}
    except FileNotFoundError:
        return problems
    placed = []
    for problem in problems:
        field = problem.field if problem.field in lines else problem.field.rpartition("[")[0]
        ours = problem.path in {"", path.name} and field in lines
        placed.append(replace(problem, path=str(path), line=lines[field], field=field) if ours else problem)
    return placed
