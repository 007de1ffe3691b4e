"""A payload neither aggregates itself nor points into itself."""

from collections.abc import Iterator

from overton.base import Problem, json_path
from overton.schema.draft import Draft, PathPart


def base_of_itself(draft: Draft) -> Iterator[Problem]:
    """A payload is computed after those that it aggregates or points into."""
    for payload in draft.payloads.values():
        named: list[tuple[tuple[PathPart, ...], str]] = [
            (("base", index), name) for index, name in enumerate(payload.get("base", ()))
        ]
        if "range" in payload.values:
            named.append((("range",), payload.get("range")))
        for parts, name in named:
            if name == payload.name:
                yield Problem(
                    message=f"payload {name!r} names itself as its {parts[0]}",
                    code="schema.base-of-itself",
                    path=draft.path,
                    line=draft.line("payloads", payload.name, *parts),
                    field=json_path(("payloads", payload.name, *parts)),
                    hint="Name another payload, or leave it out",
                )
