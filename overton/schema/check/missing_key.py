"""Every payload and task says what it must say."""

from collections.abc import Iterator

from overton.base import Problem, json_path
from overton.schema.draft import Draft


def missing_key(draft: Draft) -> Iterator[Problem]:
    """A payload needs a type; a task needs a payload and a type."""
    for section, keys, name, value in draft.sections():
        for key in keys.values():
            if key.required and isinstance(value, dict) and key.name not in value:
                options = key.options or tuple(draft.payloads)
                yield Problem(
                    message=f"{section[:-1]} {name!r} has no {key.name!r}",
                    code="schema.missing-key",
                    path=draft.path,
                    line=draft.line(section, name),
                    field=json_path((section, name)),
                    hint=f"It may be {' or '.join(repr(option) for option in options)}" if options else "",
                )
