"""Every fault of one line, with its JSON path, its hint and the name that was perhaps meant.

The slow and thorough twin of the typed decoder: it sees only lines that the fast path suspects, and has the last word.
"""

import json
import re
from contextlib import suppress
from typing import Any

from overton.base import Problem, did_you_mean
from overton.data.encode.decoder import LINE_FIELDS
from overton.data.faults.labels import check_tasks
from overton.data.faults.payloads import check_payloads
from overton.data.faults.syntax import Faults, TooManyFaults, parse_json, show
from overton.data.names import SPLITS, bad_tag_hint, is_bad_tag, meant_tag
from overton.schema import Schema

LONGEST_TOLD = 40  # tag that a hint repeats
_SPLIT = 'The splits train, dev and test are tags: "tags": ["test"]'
_LATE_FIELDS = ("id", "tasks", "tags")
_FIRST_ID = re.compile(rb'\s*\{\s*"id"\s*:\s*"([^"\\]+)"')


def line_faults(line: bytes, schema: Schema, path: str = "", number: int = 0, *, closed: bool = False) -> list[Problem]:
    """Every fault of a line, or its first thousand; none for a good one.

    Args:
        line: The line.
        schema: What a record should be.
        path: Its file, for messages.
        number: Its number there.
        closed: Whether the record must have payloads of its own.
    """
    faults = Faults(path, number)
    with suppress(TooManyFaults):
        _check(line, schema, faults, closed=closed)
    return faults.found


def faulty_id(line: bytes) -> bytes:
    """The id of the record that a line with faults would have been; empty where it would be none, or cannot be read.

    Example:
        >>> faulty_id(b'{"payloads": {"query": 7}, "id": "r1"}'), faulty_id(b'{"id": "r2", "payl'), faulty_id(b"{")
        (b'r1', b'r2', b'')
    """
    with suppress(ValueError, RecursionError):
        value = json.loads(line)
        # A misspelt 'payloads' makes a record too: only what has nothing but labels and tags adds to another.
        if not isinstance(value, dict) or all(key in _LATE_FIELDS or value[key] is None for key in value):
            return b""
        return value["id"].encode() if isinstance(value.get("id"), str) else b""
    first = _FIRST_ID.match(line)  # cut off or the like: the id commonly stands first
    return first[1] if first else b""


def _check(line: bytes, schema: Schema, faults: Faults, *, closed: bool) -> None:
    record = parse_json(line, faults)
    if record is None:
        return
    for key in record:
        if key not in LINE_FIELDS:
            hint = _SPLIT if key == "split" else did_you_mean(key, LINE_FIELDS)
            faults.add("record.unknown-field", (key,), f"a record has no field {key!r}", hint, key)
    payloads = record.get("payloads")
    is_late = payloads is None
    _check_id(record.get("id"), faults, is_late=is_late, closed=closed)
    sizes = check_payloads(payloads, schema, faults)
    check_tasks(record.get("tasks"), schema, sizes, faults)
    _check_tags(record.get("tags"), faults)


def _check_id(id_: Any, faults: Faults, *, is_late: bool, closed: bool) -> None:
    if id_ is not None and (not isinstance(id_, str) or not id_):
        faults.add(
            "record.bad-id", ("id",), f"expected a text that is not empty, got {show(id_)}", "Put the id in quotes"
        )
    elif is_late and closed:
        faults.add(
            "record.no-payloads", ("payloads",), "the record has no payloads", "Give the inputs that the schema names"
        )
    elif is_late and id_ is None:
        hint = "Give it payloads, or the id of the record that it adds labels and tags to"
        faults.add("record.no-payloads", ("payloads",), "the record has neither payloads nor an id", hint)


def _check_tags(tags: Any, faults: Faults) -> None:
    if tags is None:
        return
    if not isinstance(tags, list):
        hint = f"Write {json.dumps([tags])}" if isinstance(tags, str) and len(tags) <= LONGEST_TOLD else ""
        faults.add("record.bad-tag", ("tags",), f"expected a list of tags, got {show(tags)}", hint)
        return
    for number, tag in enumerate(tags):
        at = ("tags", number)
        if not isinstance(tag, str):
            faults.add("record.bad-tag", at, f"expected a text, got {show(tag)}")
        elif meant_tag(tag):
            faults.add(
                "record.near-miss-tag", at, f"the tag {tag!r} means nothing", f"Did you mean {meant_tag(tag)!r}?", tag
            )
        elif is_bad_tag(tag):
            faults.add("record.bad-tag", at, f"{tag!r} is not a tag", bad_tag_hint(tag), tag)
    splits = [split for split in SPLITS if split in tags]
    if len(splits) > 1:
        faults.add(
            "record.two-splits", ("tags",), f"the record is in {' and '.join(map(repr, splits))}", "Keep one of them"
        )
