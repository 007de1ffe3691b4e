"""A range points into a sequence."""

from collections.abc import Iterator

from overton.base import Problem, did_you_mean, json_path
from overton.schema.draft import Draft


def range_not_sequence(draft: Draft) -> Iterator[Problem]:
    """Members of a set cover tokens, and only a sequence has tokens in an order."""
    sequences = [name for name in draft.payloads if draft.payload_type(name) == "sequence"]
    for payload in draft.payloads.values():
        name = payload.get("range")
        kind = draft.payload_type(name) if name else None
        if payload.get("type") == "set" and kind not in (None, "sequence") and name != payload.name:
            yield Problem(
                message=f"the range {name!r} is a {kind}, not a sequence",
                code="schema.range-not-sequence",
                path=draft.path,
                line=draft.line("payloads", payload.name, "range"),
                field=json_path(("payloads", payload.name, "range")),
                hint=did_you_mean(name, sequences) or "Declare the sequence that it points into",
            )
