"""Tuning from disk."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from overton.base import Problem, locate_json
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


def placed_faults(path: Path, problems: Iterable[Problem]) -> list[Problem]:
    """Faults of what a tuning file says, found where it is used, with the file and its line of their fields.

    Args:
        path: The file, if there is one.
        problems: The faults. The field of an item of a list stands for the setting too, where that is no list.
    """
    try:
        lines = locate_json(path.read_text(encoding="utf-8-sig")).lines
    except FileNotFoundError:
        return list(problems)
    placed = []
    for problem in problems:
        field = problem.field if problem.field in lines else problem.field.rpartition("[")[0]
        placed.append(replace(problem, path=str(path), line=lines[field], field=field) if field in lines else problem)
    return placed
