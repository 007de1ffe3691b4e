"""The keys of schema.json: what each means and holds. The checks and the JSON Schema are made from these tables."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from overton.schema.types import DEFAULT_MAX_LENGTH, PAYLOAD_TYPES, TASK_TYPES

Kind = Literal["text", "texts", "count"]

LONE_SURROGATE = re.compile("[\ud800-\udfff]")  # half a character: it cannot be written as UTF-8

EXPECTED: Mapping[Kind, str] = {
    "text": "a text that is not empty",
    "texts": "a list of texts that are not empty",
    "count": "a whole number, 1 or more",
}


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a payload or a task.

    Attributes:
        name: The key.
        kind: What its value is.
        meaning: One sentence for the reader of the docs.
        required: Whether it must stand.
        options: The texts that it may hold; any where empty.
    """

    name: str
    kind: Kind
    meaning: str
    required: bool = False
    options: tuple[str, ...] = ()


TOP_KEYS: Mapping[str, str] = {
    "payloads": "What the model reads, by name.",
    "tasks": "What the model predicts, by name.",
}
EDITOR_KEY = "$schema"  # lets an editor find the JSON Schema; it means nothing to Overton

PAYLOAD_KEYS: Mapping[str, Key] = {
    key.name: key
    for key in (
        Key(
            "type",
            "text",
            "A singleton (one per record), a sequence (of tokens) or a set (of members).",
            required=True,
            options=PAYLOAD_TYPES,
        ),
        Key("base", "texts", "Payloads that it aggregates."),
        Key("range", "text", "For a set: the sequence that its members point into."),
        Key("field", "text", "The field of a record that it reads; its own name where left out."),
        Key("max_length", "count", f"Most tokens or members that are kept; {DEFAULT_MAX_LENGTH} where left out."),
    )
}

TASK_KEYS: Mapping[str, Key] = {
    key.name: key
    for key in (
        Key("payload", "text", "The payload predicted on.", required=True),
        Key(
            "type",
            "text",
            "One class (multiclass), any number of classes (bitvector), or one member of a set (select).",
            required=True,
            options=TASK_TYPES,
        ),
        Key("classes", "texts", "Names of the classes; those seen in the data where left out."),
    )
}


def accepts(kind: Kind, value: object) -> bool:
    """Whether a JSON value is of a kind."""
    if kind == "count":
        return isinstance(value, int) and not isinstance(value, bool) and value >= 1
    if kind == "texts":
        return isinstance(value, list) and all(accepts("text", item) for item in value)
    return isinstance(value, str) and bool(value.strip()) and not LONE_SURROGATE.search(value)
