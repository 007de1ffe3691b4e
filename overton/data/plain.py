"""Whether a decoded line is surely right: what one line alone needs, where columns would cost more than they spare.

It may say no to a right line (soft labels, a set written as an object): `line_faults` has the last word.
"""

import re
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET

from overton.data.encode.decoder import LINE_FIELDS
from overton.data.names import SPLITS, is_bad_tag, is_source_name
from overton.schema import Schema, Task

_APART = re.compile(rb'"\s+:')  # a key apart from its colon, which the quick count of keys does not see
_NO_CLASSES: frozenset[str | None] = frozenset()


@dataclass(frozen=True, slots=True)
class _Labels:
    """What a label of a task must be: its type, the field of its units (empty for records), its classes and None."""

    task: Task
    field: str
    needs_some: bool
    classes: frozenset[str | None]


class PlainCheck:
    """Knows the plain lines of a schema when it sees them."""

    def __init__(self, schema: Schema) -> None:
        self._sets: dict[str, set[str]] = {}  # the fields of the sequences into which the members of each field point
        for payload in schema.payloads:
            if payload.type == "set":
                pointed = {schema.payload(payload.range).field} if payload.range else set()
                self._sets.setdefault(payload.field, set()).update(pointed)
        self._tasks = {task.name: _labels(schema, task) for task in schema.tasks}

    def is_plain(self, line: Any, text: bytes) -> bool:
        """Whether a line is surely right.

        Args:
            line: The decoded line.
            text: The line.
        """
        if line.id == "" or not isinstance(line.payloads, dict) or (line.tags and not _fit_tags(line.tags)):
            return False
        n_keys = sum(getattr(line, name) is not UNSET for name in LINE_FIELDS) + len(line.payloads)
        for field, sequences in self._sets.items():
            members = line.payloads.get(field)
            if members:
                if isinstance(members, dict) or not _spans_fit(members, sequences, line.payloads):
                    return False
                n_keys += sum(1 + (getattr(member, "range", UNSET) is not UNSET) for member in members)
        for name, by_source in (line.tasks or {}).items():
            n_keys += 1 + len(by_source or ())
            for source, label in (by_source or {}).items():
                if not is_source_name(source) or not _label_fits(label, self._tasks[name], line.payloads):
                    return False
        return text.count(b'":') == n_keys and not _APART.search(text)


def _labels(schema: Schema, task: Task) -> _Labels:
    payload = schema.payload(task.payload)
    is_list = schema.unit(task) != "record"
    classes = frozenset([*task.classes, None]) if task.classes else _NO_CLASSES
    return _Labels(task, payload.field if is_list or task.type == "select" else "", payload.type == "sequence", classes)


def _fit_tags(tags: list[str]) -> bool:
    return not any(map(is_bad_tag, tags)) and sum(split in tags for split in SPLITS) < 2


def _spans_fit(members: list[Any], sequences: set[str], payloads: dict[str, Any]) -> bool:
    if not sequences:
        return True
    n_tokens = min(len(payloads.get(sequence) or ()) for sequence in sequences)
    spans = (member.range for member in members)
    return all(span is None or span is UNSET or 0 <= span[0] < span[1] <= n_tokens for span in spans)


def _label_fits(label: Any, labels: _Labels, payloads: dict[str, Any]) -> bool:
    if label is None:
        return True
    if labels.task.type == "select":
        return isinstance(label, int) and 0 <= label < len(payloads.get(labels.field) or ())
    if not labels.field:
        return _classes_fit((label,), labels)
    units = payloads.get(labels.field)
    if units is None or len(label) != len(units) or (labels.needs_some and not units):
        return False
    return _classes_fit(label, labels)


def _classes_fit(label: Any, labels: _Labels) -> bool:
    if dict in set(map(type, label)):
        return False
    if not labels.classes:
        return True
    if labels.task.type == "multiclass":
        return labels.classes.issuperset(label)
    return all(names is None or labels.classes.issuperset(names) for names in label)
