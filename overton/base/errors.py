"""One kind of error a user can cause: a list of problems, each placed and with a hint.

All problems of an input are collected before raising, so that one run shows everything there is to mend.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of the user's input.

    Attributes:
        message: What was seen and what was expected, without a trailing full stop.
        code: Stable name, `<room>.<fault>`, listed in `docs/errors.md`.
        path: File, or empty where there is none (a request over HTTP).
        line: Line of the file, from 1; 0 where it does not apply.
        field: JSON path of the value, such as `$.tasks.Intent.crowd`.
        hint: What to do about it.
        kind: Faults of one kind are grouped when they are many; the code where empty.
        count: How many faults this one stands for, itself included.
    """

    message: str
    code: str
    path: str = ""
    line: int = 0
    field: str = ""
    hint: str = ""
    kind: str = ""
    count: int = 1

    @property
    def place(self) -> str:
        """`file:line`, `file`, or nothing."""
        return f"{self.path}:{self.line}" if self.path and self.line else self.path

    def __str__(self) -> str:
        """`file:line: field: message. hint [code]`, the parts that are there."""
        many = f" (and {self.count - 1:,} more of this kind)" if self.count > 1 else ""
        hint = f". {self.hint}" if self.hint else ""
        head = "".join(f"{part}: " for part in (self.place, self.field) if part)
        return f"{head}{self.message}{hint} [{self.code}]{many}"


class OvertonError(Exception):
    """Raised for everything that the user can put right.

    Args:
        problems: At least one problem, in the order of the input.
    """

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        assert self.problems, "an OvertonError needs a problem to tell"
        super().__init__(render_problems(self.problems))

    def __reduce__(self) -> tuple[type["OvertonError"], tuple[tuple[Problem, ...]]]:
        """What another process needs to raise it again."""
        return OvertonError, (self.problems,)


def os_reason(error: OSError) -> str:
    """What the operating system refused, as it stands within a message."""
    return (error.strerror or str(error) or type(error).__name__).lower()


def group_problems(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Merge the problems of one kind into the first of them, with their number, most frequent kind first."""
    first: dict[tuple[str, str], Problem] = {}
    counts: dict[tuple[str, str], int] = {}
    for problem in problems:
        key = (problem.code, problem.kind or problem.code)
        first.setdefault(key, problem)
        counts[key] = counts.get(key, 0) + problem.count
    grouped = [replace(problem, count=counts[key]) for key, problem in first.items()]
    return tuple(sorted(grouped, key=lambda problem: -problem.count))


def render_problems(problems: Sequence[Problem], limit: int = SHOWN) -> str:
    """The text of a list of problems, one a line, at most `limit` of them."""
    lines = [str(problem) for problem in problems[:limit]]
    if len(problems) > limit:
        lines.append(f"... and {len(problems) - limit:,} more")
    return "\n".join(lines)
