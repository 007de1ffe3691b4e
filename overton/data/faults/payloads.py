"""Faults of a record's payloads: fields unknown, values of another kind, ranges that point nowhere."""

from collections.abc import Mapping
from typing import Any

from overton.base import count_of, did_you_mean
from overton.data.faults.syntax import Faults, Path, Wrong, show
from overton.schema import Payload, Schema

Sizes = Mapping[str, int | None]
"""Number of items by payload: None where it is null, -1 where it cannot be told because the value is wrong."""

UNKNOWN = -1
_EXPECTED = {"sequence": "a list of tokens", "set": "a list of members"}


def check_payloads(payloads: Any, schema: Schema, faults: Faults) -> Sizes | None:
    """Tell the faults of the payloads of a record.

    Returns:
        The sizes of the payloads with items; None for a record without payloads.
    """
    if payloads is None:
        return None
    if not isinstance(payloads, dict):
        faults.add("record.payload-type", ("payloads",), f"expected an object of payloads, got {show(payloads)}")
        return {payload.name: UNKNOWN for payload in schema.payloads}
    fields = [payload.field for payload in schema.payloads]
    for field in payloads:
        if field not in fields:
            hint = did_you_mean(field, fields)
            faults.add("record.unknown-payload", ("payloads", field), f"no payload reads {field!r}", hint)
    sizes = _check_values(payloads, schema, faults)
    for payload in schema.payloads:
        if payload.range:
            _check_ranges(payloads.get(payload.field), payload, sizes[payload.range], faults)
    return sizes


def _check_values(payloads: dict[str, Any], schema: Schema, faults: Faults) -> Sizes:
    """Tell the faults of the value of each field, once where several payloads read it."""
    ranged = {payload.field for payload in schema.payloads if payload.range}
    by_field: dict[str, int | None] = {}
    for payload in schema.payloads:
        value = payloads.get(payload.field)
        if payload.field in by_field or payload.type == "singleton":
            continue
        if payload.type == "sequence":
            by_field[payload.field] = _check_sequence(value, payload, faults)
        else:
            members = ("id", "range") if payload.field in ranged else ("id",)
            by_field[payload.field] = _check_set(value, payload, members, faults)
    for payload in schema.payloads:
        if payload.type == "singleton" and payload.field not in by_field:
            _check_text(payloads.get(payload.field), payload, faults)
            by_field[payload.field] = UNKNOWN
    return {payload.name: by_field[payload.field] for payload in schema.payloads}


def members_of(value: Any) -> list[tuple[str | int, Any]]:
    """Key and value of each member of a set, written either way."""
    return list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []


def _check_text(value: Any, payload: Payload, faults: Faults) -> None:
    if value is not None and not isinstance(value, str | Wrong):
        hint = "A list of tokens is a payload of type 'sequence'" if isinstance(value, list) else ""
        faults.add("record.payload-type", ("payloads", payload.field), f"expected a text, got {show(value)}", hint)


def _check_sequence(value: Any, payload: Payload, faults: Faults) -> int | None:
    if value is None:
        return None
    at: Path = ("payloads", payload.field)
    if not isinstance(value, list):
        if not isinstance(value, Wrong):
            hint = (
                "A text is a payload of type 'singleton'; Overton cuts it into tokens" if isinstance(value, str) else ""
            )
            faults.add("record.payload-type", at, f"expected {_EXPECTED['sequence']}, got {show(value)}", hint)
        return UNKNOWN
    for number, token in enumerate(value):
        if not isinstance(token, str | Wrong):
            faults.add("record.payload-type", (*at, number), f"expected a token, got {show(token)}")
    return len(value)


def _check_set(value: Any, payload: Payload, fields: tuple[str, ...], faults: Faults) -> int | None:
    if value is None:
        return None
    at: Path = ("payloads", payload.field)
    if not isinstance(value, list | dict):
        if not isinstance(value, Wrong):
            faults.add("record.payload-type", at, f"expected {_EXPECTED['set']}, got {show(value)}")
        return UNKNOWN
    if isinstance(value, dict) and sorted(value) != sorted(map(str, range(len(value)))):
        hint = f"The keys of a set are the indexes '0' to '{len(value) - 1}'; or write it as a list"
        faults.add("record.set-index", at, f"the keys are {', '.join(map(repr, list(value)[:5]))}", hint)
    for key, member in members_of(value):
        _check_member(member, (*at, key), fields, faults)
    return len(value)


def _check_member(member: Any, at: Path, fields: tuple[str, ...], faults: Faults) -> None:
    if isinstance(member, Wrong):
        return
    if not isinstance(member, dict):
        example = '{"id": "...", "range": [0, 1]}' if "range" in fields else '{"id": "..."}'
        faults.add(
            "record.payload-type", at, f"expected a member, got {show(member)}", f"A member is an object: {example}"
        )
        return
    for key in member:
        if key not in fields:
            hint = "The schema gives this set no 'range'" if key == "range" else did_you_mean(key, fields)
            faults.add("record.unknown-field", (*at, key), f"a member has no field {key!r}", hint, f"member {key}")
    if "id" not in member:
        faults.add("record.payload-type", at, "the member has no id")
    elif not isinstance(member["id"], str | Wrong):
        faults.add(
            "record.payload-type", (*at, "id"), f"expected a text, got {show(member['id'])}", "Put the id in quotes"
        )


def _check_ranges(value: Any, payload: Payload, size: int | None, faults: Faults) -> None:
    for key, member in members_of(value):
        span = member.get("range") if isinstance(member, dict) else None
        at: Path = ("payloads", payload.field, key, "range")
        if span is None or isinstance(span, Wrong):
            continue
        if not isinstance(span, list) or len(span) != 2 or any(type(end) is not int for end in span):
            if not (isinstance(span, list) and any(isinstance(end, Wrong) for end in span)):
                faults.add(
                    "record.range", at, f"expected two whole numbers, got {show(span)}", "A range is [start, end)"
                )
            continue
        start, end = span
        if start > end:
            faults.add("record.range", at, f"the range {span} is reversed", "A range is [start, end)", "reversed")
        elif start == end:
            faults.add(
                "record.range",
                at,
                f"the range {span} is empty",
                "The end is exclusive: one token is [k, k + 1]",
                "empty",
            )
        elif size is None:
            faults.add("record.range", at, f"the range {span} points into {payload.range!r}, which is null", "", "null")
        elif start < 0 or (size != UNKNOWN and end > size):
            faults.add(
                "record.range",
                at,
                f"the range {span} is outside {payload.range!r}, which has {count_of(size, 'token')}",
                "",
                "outside",
            )
