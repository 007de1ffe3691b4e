"""A payload names each of its bases once."""

from collections.abc import Iterator

from overton.base import Problem, json_path
from overton.schema.draft import Draft


def duplicate_base(draft: Draft) -> Iterator[Problem]:
    """A payload that is aggregated twice would count twice, which nobody means."""
    for payload in draft.payloads.values():
        first: dict[str, int] = {}
        for index, name in enumerate(payload.get("base", ())):
            if first.setdefault(name, index) != index:
                yield Problem(
                    message=f"base {name!r} is already at [{first[name]}]",
                    code="schema.duplicate-base",
                    path=draft.path,
                    line=draft.line("payloads", payload.name, "base", index),
                    field=json_path(("payloads", payload.name, "base", index)),
                    hint="Keep one of the two",
                )
