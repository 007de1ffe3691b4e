"""Only payloads with items have a greatest length."""

from collections.abc import Iterator

from overton.base import Problem, json_path
from overton.schema.draft import Draft


def length_without_items(draft: Draft) -> Iterator[Problem]:
    """A singleton with a base reads no tokens of its own, so there is nothing to cut."""
    for payload in draft.payloads.values():
        if payload.get("type") == "singleton" and payload.get("base") and "max_length" in payload.values:
            yield Problem(
                message=f"payload {payload.name!r} has a base and no tokens of its own, so 'max_length' says nothing",
                code="schema.length-without-items",
                path=draft.path,
                line=draft.line("payloads", payload.name, "max_length"),
                field=json_path(("payloads", payload.name, "max_length")),
                hint=f"Set it on {' or '.join(repr(name) for name in payload.get('base'))} instead",
            )
