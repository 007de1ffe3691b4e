"""Two payloads that read one field of a record agree on what it holds."""

from collections.abc import Iterator

from overton.base import Problem, json_path
from overton.schema.draft import Draft, Entry

HOLDS = {"singleton": "a text", "sequence": "a list of tokens", "set": "a list of members"}


def field_clash(draft: Draft) -> Iterator[Problem]:
    """One field cannot be a text for one payload and a list for another: no record could be right."""
    first: dict[str, Entry] = {}
    for payload in draft.payloads.values():
        kind, field = payload.get("type"), payload.get("field", payload.name)
        if kind is None or (kind == "singleton" and payload.get("base")):
            continue
        other = first.setdefault(field, payload)
        if other.get("type") != kind:
            yield Problem(
                message=f"payload {payload.name!r} reads {HOLDS[kind]} in the field {field!r}, "
                f"but payload {other.name!r} reads {HOLDS[other.get('type')]} there",
                code="schema.field-clash",
                path=draft.path,
                line=draft.line("payloads", payload.name, "field"),
                field=json_path(("payloads", payload.name)),
                hint="Give one of the two another 'field'",
            )
