"""The contract of a server as an OpenAPI 3.1 document, made from the signature by which records are read."""

from collections.abc import Sequence
from typing import Any

from overton import __version__
from overton.data import record_json_schema
from overton.schema import Schema, Task
from overton.serve.answer import LINES, Model
from overton.serve.ask import REQUEST_ID
from overton.serve.limits import Limits
from overton.serve.oip_openapi import oip_paths, oip_schemas

JSON = "application/json"
TEXT = "text/plain"
PROBABILITY = {"type": "number", "minimum": 0, "maximum": 1}
REFUSALS = {
    "400": "The body is not JSON.",
    "401": "The request shows no token, or another one.",
    "408": "The body did not come in time.",
    "413": "The body is too long, or holds too many records.",
    "415": "The body is not marked as JSON.",
    "421": "The request is for another host, where the server answers for its own machine alone.",
    "422": "The JSON is not a record of this schema, or nested too deeply; every fault is told with its place.",
    "429": "Too many requests wait: ask again after the seconds in the header Retry-After.",
    "500": "The server failed.",
    "503": "The version is being loaded.",
    "504": "There was no answer in time.",
}
PROBLEMS = {
    "type": "object",
    "properties": {
        "problems": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {key: {"type": "string"} for key in ("message", "code", "field", "hint")},
                "required": ["message", "code"],
            },
        },
        "more": {"type": "integer", "description": "How many problems are not told."},
    },
    "required": ["problems"],
}


def openapi(model: Model, limits: Limits, *, name: str, versions: Sequence[str]) -> dict[str, Any]:
    """The OpenAPI document of a server.

    Args:
        model: The version that is served.
        limits: What a request may cost.
        name: The name of the model for clients of the Open Inference Protocol.
        versions: The versions that answer such clients.
    """
    schema = model.runtime.schema
    record = {key: value for key, value in record_json_schema(schema.without_classes()).items() if key != "$schema"}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Overton",
            "version": model.version,
            "description": f"Predictions of version {model.version}, served by Overton {__version__}.",
        },
        "paths": {
            "/v1/predict": {"post": _predict(limits, model.names)},
            "/v1/signature": {"get": _get("What a record holds and what comes back.", JSON)},
            "/healthz": {"get": _get("The process lives.", JSON, is_open=True)},
            "/readyz": {"get": _readyz()},
            "/metrics": {"get": _get("Counters for Prometheus.", TEXT)},
            "/openapi.json": {"get": _get("This document.", JSON)},
            **oip_paths([name, *(f"{name}:{one}" for one in model.names)], versions, REFUSALS),
        },
        "components": {
            "schemas": {
                "Record": record,
                "Labels": _labels(schema),
                "Answer": _answer(with_version=True),
                "Batch": _list_of("Record", limits.max_records),
                "Answers": _list_of("OneOfSeveral", limits.max_records, version=True),
                "OneOfSeveral": _answer(with_version=False),
                "Problems": PROBLEMS,
                **oip_schemas(schema, PROBLEMS),
            },
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def _readyz() -> dict[str, Any]:
    operation = _get("Whether it is ready for requests; 503 where not.", JSON, is_open=True)
    not_ready = {**operation["responses"]["200"], "description": "It is loading, or about to stop."}
    return {**operation, "responses": {**operation["responses"], "503": not_ready}}


def _predict(limits: Limits, models: Sequence[str]) -> dict[str, Any]:
    return {
        "operationId": "predict",
        "summary": "Predict every task for one record or several.",
        "description": f"At most {limits.max_records:,} records and {limits.max_bytes:,} bytes.",
        "parameters": [
            {
                "name": "probabilities",
                "in": "query",
                "description": "Class -> probability in place of labels; the hardly possible are left out.",
                "schema": {"type": "boolean", "default": False},
            },
            *([{"name": "model", "in": "query", "schema": {"enum": list(models)}}] if models else []),
            {
                "name": "X-Request-Id",
                "in": "header",
                "description": "Comes back with the answer; a canary version is chosen by it.",
                "schema": {"type": "string", "pattern": f"^{REQUEST_ID.pattern.decode()}$"},
            },
        ],
        "requestBody": {
            "required": True,
            "content": {
                JSON: {"schema": {"oneOf": [_ref("Record"), _ref("Batch")]}},
                LINES: {"schema": {"type": "string", "description": "A record a line."}},
            },
        },
        "responses": {
            "200": {
                "description": "The labels, in the form of the request.",
                "content": {
                    JSON: {"schema": {"oneOf": [_ref("Answer"), _ref("Answers")]}},
                    LINES: {"schema": {"type": "string", "description": "An answer a line."}},
                },
            },
            **_refusals(*REFUSALS),
        },
    }


def _get(summary: str, media_type: str, *, is_open: bool = False) -> dict[str, Any]:
    kind = {"type": "object"} if media_type == JSON else {"type": "string"}
    told = {"200": {"description": summary, "content": {media_type: {"schema": kind}}}}
    if not is_open:
        return {"summary": summary, "responses": {**told, **_refusals("401", "421", "503")}}
    return {"summary": summary, "responses": told, "security": []}


def _refusals(*codes: str) -> dict[str, Any]:
    return {code: {"description": REFUSALS[code], "content": {JSON: {"schema": _ref("Problems")}}} for code in codes}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _list_of(name: str, most: int, *, version: bool = False) -> dict[str, Any]:
    properties: dict[str, Any] = {"records": {"type": "array", "items": _ref(name), "maxItems": most}}
    if version:
        properties["version"] = {"type": "string"}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _answer(*, with_version: bool) -> dict[str, Any]:
    properties: dict[str, Any] = {"id": {"type": ["string", "null"]}, "tasks": _ref("Labels")}
    if with_version:
        properties["version"] = {"type": "string", "description": "The version that answered."}
    required = list(properties)
    properties["notes"] = {
        "type": "array",
        "items": {"type": "string"},
        "description": "Why nothing could be predicted from what the record gives; left out where something was.",
    }
    return {"type": "object", "properties": properties, "required": required}


def _labels(schema: Schema) -> dict[str, Any]:
    properties = {}
    for task in schema.learnable().tasks:
        label = {"anyOf": [*_label(task), {"type": "null"}]}
        whole = label if schema.unit(task) == "record" else {"type": ["array", "null"], "items": label}
        properties[task.name] = {"description": f"{task.type} on {task.payload}", **whole}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _label(task: Task) -> list[dict[str, Any]]:
    """The label of one item of a task, and the same with probabilities."""
    if task.type == "select":
        plain: dict[str, Any] = {"type": "integer", "minimum": 0, "description": "Index of the member."}
        names: dict[str, Any] = {"pattern": "^(0|[1-9][0-9]*)$"}
    else:
        names = {"enum": list(task.classes)}
        plain = names if task.type == "multiclass" else {"type": "array", "items": names}
    return [plain, {"type": "object", "propertyNames": names, "additionalProperties": PROBABILITY}]
