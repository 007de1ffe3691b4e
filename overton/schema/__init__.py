"""The schema: what a model reads and predicts, declared in JSON, parsed once into a value that never changes."""

from overton.schema.check import RULES
from overton.schema.diff import Change, diff_schemas
from overton.schema.json_schema import json_schema
from overton.schema.parse import parse_schema, render_schema
from overton.schema.types import (
    DEFAULT_MAX_LENGTH,
    PAYLOAD_TYPES,
    TASK_TYPES,
    UNIT_OF_PAYLOAD,
    Payload,
    PayloadType,
    Schema,
    Task,
    TaskType,
    Unit,
)
from overton.schema.unlinked import unlinked_payloads

__all__ = [
    "DEFAULT_MAX_LENGTH",
    "PAYLOAD_TYPES",
    "RULES",
    "TASK_TYPES",
    "UNIT_OF_PAYLOAD",
    "Change",
    "Payload",
    "PayloadType",
    "Schema",
    "Task",
    "TaskType",
    "Unit",
    "diff_schemas",
    "json_schema",
    "parse_schema",
    "render_schema",
    "unlinked_payloads",
]
