"""A key stands once in its object."""

from collections.abc import Iterator

from overton.base import Problem
from overton.schema.draft import Draft


def duplicate_key(draft: Draft) -> Iterator[Problem]:
    """Of a key that stands twice JSON readers keep one value and forget the other without a word."""
    for field, line in draft.positions.duplicates:
        yield Problem(
            message=f"this key is already on line {draft.positions.lines[field]}",
            code="schema.duplicate-key",
            path=draft.path,
            line=line,
            field=field,
            hint="Keep one of the two",
        )
