"""A schema to the typed decoder of its lines: the fast path of reading, made for each schema when it is first used.

What a type cannot say (lengths, ranges, probabilities) is checked by `rows` and `labels` on whole chunks. Keys of
`payloads` and `tasks` that the schema does not know are dropped by the decoder, and of a key that stands
twice the last one is kept; both show as a line with more keys than were decoded (`keys`).
"""

from collections.abc import Mapping
from typing import Any, Literal, TypedDict

import msgspec
from msgspec import UNSET, UnsetType

from overton.data.record import Member, RangedMember
from overton.schema import Schema, Task

Words = tuple[str, ...]
LINE_FIELDS = ("id", "payloads", "tasks", "tags")
UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

# Types that are put together at run time, of which a type checker need know nothing.
_dict: Any = dict
_list: Any = list
_tuple: Any = tuple
_literal: Any = Literal
_typed_dict: Any = TypedDict
_SOFT = dict[str, float]


def line_decoder(schema: Schema, words: Mapping[str, Words] | None = None) -> "msgspec.json.Decoder[Any]":
    """The decoder of one line of a data file of this schema.

    Args:
        schema: The schema.
        words: Names that a decoder may expect, by task for classes and at "" for tags: it then accepts no others, and
            gives the same text object for the same name, which spares most of the time that looking it up takes.

    Returns:
        A decoder to structs with the fields of `LINE_FIELDS`, each UNSET where the line does not name it.
    """
    known = words or {}
    payloads = _typed_dict("Payloads", _payload_types(schema), total=False)
    tasks = _typed_dict("Tasks", {task.name: _sources(schema, task, known) for task in schema.tasks}, total=False)
    types = (str, payloads, tasks, _list[_name(known.get(""))])
    fields = [(name, kind | UnsetType | None, UNSET) for name, kind in zip(LINE_FIELDS, types, strict=True)]
    return msgspec.json.Decoder(msgspec.defstruct("Line", fields, forbid_unknown_fields=True))


def _payload_types(schema: Schema) -> dict[str, Any]:
    types: dict[str, Any] = {}
    ranged = {payload.field for payload in schema.payloads if payload.range}
    for payload in schema.payloads:
        if payload.type == "sequence":
            types[payload.field] = list[str] | None
        elif payload.type == "set":
            member = RangedMember if payload.field in ranged else Member
            types[payload.field] = _list[member] | _dict[str, member] | None
        else:
            types.setdefault(payload.field, str | None)
    return types


def _sources(schema: Schema, task: Task, known: Mapping[str, Words]) -> Any:
    name = _name(known.get(task.name))
    label = {"multiclass": name, "bitvector": _tuple[name, ...], "select": int}[task.type] | _SOFT | None
    labels = label if schema.unit(task) == "record" else _list[label] | None
    return _dict[str, labels] | None


def _name(words: Words | None) -> Any:
    return _literal[words] if words else str
