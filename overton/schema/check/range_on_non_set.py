"""Only the members of a set point into a sequence."""

from collections.abc import Iterator

from overton.base import Problem, json_path
from overton.schema.draft import Draft


def range_on_non_set(draft: Draft) -> Iterator[Problem]:
    """A range says which tokens a member of a set covers."""
    for payload in draft.payloads.values():
        kind = payload.get("type")
        if kind is not None and kind != "set" and "range" in payload.values:
            yield Problem(
                message=f"payload {payload.name!r} is a {kind}; only a set has a range",
                code="schema.range-on-non-set",
                path=draft.path,
                line=draft.line("payloads", payload.name, "range"),
                field=json_path(("payloads", payload.name, "range")),
                hint="Use 'base' where it aggregates the other payload",
            )
