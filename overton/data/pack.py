"""Records to a batch without a store: what serving does with a request, as `Dataset.gather` does with rows."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from overton.data.batch import Batch, Column
from overton.data.pool import Pool
from overton.data.record import Record
from overton.data.rows.gather import PADDING, resting_column
from overton.data.rows.layout import Layout
from overton.data.tokens import tokenize
from overton.schema import Payload, Schema


def pack(records: Sequence[Record], schema: Schema, pool: Pool) -> Batch:
    """Some records as padded arrays, cut and tokenized as the row store does.

    Args:
        records: Records with payloads, checked by `RecordParser`.
        schema: The schema.
        pool: Where strings get their numbers; new ones are added.
    """
    layout = _layout(schema)
    payloads = [record.payloads or {} for record in records]
    columns: dict[str, Column] = {}
    kept: dict[str, list[int]] = {}
    for payload in layout.in_order:
        values = [record.get(payload.field) for record in payloads]
        if payload.has_items:
            columns[payload.name] = _column(payload, values, pool, kept)
        else:
            present = [columns[layout.items[base].name].present for base in layout.item_bases[payload.name]]
            columns[payload.name] = resting_column(present[0] if len(present) == 1 else np.logical_or.reduce(present))
    return Batch(columns, pool, len(records))


@lru_cache(maxsize=64)
def _layout(schema: Schema) -> Layout:
    return Layout(schema)


def _column(payload: Payload, values: list[Any], pool: Pool, kept: dict[str, list[int]]) -> Column:
    most = payload.max_length
    members: list[list[Any]] = []
    if payload.is_text:
        strings = [tokenize(value)[:most] if value else [] for value in values]
    elif payload.type == "sequence":
        strings = [value[:most] if value else [] for value in values]
    else:
        members = [_members(value)[:most] for value in values]
        strings = [[member_id(member) for member in one] for one in members]
    length = kept[payload.name] = list(map(len, strings))
    width = max(length, default=0)
    rows = [[pool[text] for text in one] + [PADDING] * (width - len(one)) for one in strings]
    ranges = None
    if payload.range:
        ranges = np.array(
            [
                [_cut(member_range(member), last) for member in one] + [(0, 0)] * (width - len(one))
                for one, last in zip(members, kept[payload.range], strict=True)
            ],
            np.int32,
        ).reshape(len(values), width, 2)
    present = np.array([value is not None for value in values], bool)
    return Column(np.array(rows, np.int32).reshape(len(values), width), np.array(length, np.int32), present, ranges)


def _members(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [value[str(number)] for number in range(len(value))]
    return value or []


def member_id(member: Any) -> str:
    """The id of a member."""
    name: str = member["id"] if isinstance(member, dict) else member.id
    return name


def member_range(member: Any) -> tuple[int, int] | None:
    """The span of a member, or None."""
    span = member.get("range") if isinstance(member, dict) else member.range
    return (span[0], span[1]) if span else None


def _cut(span: tuple[int, int] | None, last: int) -> tuple[int, int]:
    """The span within the kept tokens; (0, 0) where nothing of it is kept."""
    if span is None or span[0] >= last:
        return 0, 0
    return span[0], min(span[1], last)
