"""Counting faults while they come: what is kept grows with the kinds of fault, not with their number."""

from collections.abc import Iterable

from overton.base import Problem, group_problems

_FEW = 10_000


class Tally:
    """Problems, grouped by kind as they are added."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []

    def add(self, problems: Iterable[Problem]) -> None:
        """Count some problems."""
        self._problems.extend(problems)
        if len(self._problems) > _FEW:
            self._problems = list(group_problems(self._problems))

    def problems(self) -> tuple[Problem, ...]:
        """The first problem of every kind, with how many there are, most frequent first."""
        return group_problems(self._problems)
