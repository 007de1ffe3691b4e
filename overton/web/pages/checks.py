"""What is wrong or suspicious in the data of an application, as a page."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from overton.base import Problem

Level = Literal["fault", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    Attributes:
        level: `fault`, `warning` or `note`.
        message: What was seen.
        hint: What to do about it; may be empty.
        code: Its code; empty for a note.
        place: File and line; empty where it is about all data.
        count: How often it was found.
    """

    level: Level
    message: str
    hint: str = ""
    code: str = ""
    place: str = ""
    count: int = 1


@dataclass(frozen=True, slots=True)
class Checks:
    """What was looked at, and what was found.

    Attributes:
        records: Records with payloads; None where the data could not be read.
        splits: Records of each split.
        findings: What was found, faults first.
        stale: Whether the data files have changed since the version was built.
    """

    records: int | None
    splits: Mapping[str, int] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    stale: bool = False

    def to_json(self) -> dict[str, Any]:
        """The checks as a JSON value."""
        return asdict(self)


def checks_of(
    *,
    records: int | None,
    splits: Mapping[str, int],
    problems: Sequence[Problem] = (),
    warnings: Sequence[Problem] = (),
    notes: Sequence[str] = (),
    stale: bool = False,
) -> Checks:
    """The page of what was found in the data.

    Args:
        records: Records with payloads; None where the data could not be read.
        splits: Records of each split.
        problems: Faults.
        warnings: What is suspicious, and right.
        notes: What a reader should know.
        stale: Whether the data files have changed since the version was built.
    """
    found = [_finding("fault", problem) for problem in problems] + [_finding("warning", one) for one in warnings]
    return Checks(records, dict(splits), (*found, *(Finding("note", note) for note in notes)), stale)


def _finding(level: Level, problem: Problem) -> Finding:
    return Finding(level, problem.message, problem.hint, problem.code, problem.place, problem.count)
