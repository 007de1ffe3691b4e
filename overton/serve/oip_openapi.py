"""The routes of the Open Inference Protocol as a part of the OpenAPI document of a server.

Source: https://github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from overton.schema import Schema

JSON, OCTETS = "application/json", "application/octet-stream"
RECORD, BYTES = "record", "BYTES"
UNKNOWN_MODEL = "There is no such model or version here."
TEXT: Mapping[str, Any] = {"type": "string"}
TEXTS: Mapping[str, Any] = {"type": "array", "items": TEXT}
BINARY: Mapping[str, Any] = {
    "name": "Inference-Header-Content-Length",
    "in": "header",
    "description": "How long the JSON is, where data of tensors stand behind it as bytes.",
    "schema": {"type": "integer", "minimum": 0},
}
OF_BYTES: Mapping[str, Any] = {
    "type": "string",
    "format": "binary",
    "description": "The JSON, and behind it the data of those tensors that have the parameter `binary_data_size`.",
}
SIZE: Mapping[str, Any] = {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 2}


def oip_paths(names: Sequence[str], versions: Sequence[str], refusals: Mapping[str, str]) -> dict[str, Any]:
    """The paths of the protocol.

    Args:
        names: Of the model that is served, and of each of several.
        versions: Those that answer.
        refusals: What a prediction can be refused with, by status.
    """
    model = _parameter("model", names, "The name of the model that is served.")
    version = _parameter("version", versions, "A version that is loaded.")
    some = {code: refusals[code] for code in ("401", "421", "503")} | {"404": UNKNOWN_MODEL}
    paths: dict[str, Any] = {
        "/v2": {
            "get": _get(
                "Name and version of the server.", "OipServer", {code: refusals[code] for code in ("401", "421")}
            )
        },
        "/v2/health/live": {"get": _get("The process lives.", "OipLive", {}, is_open=True)},
        "/v2/health/ready": {"get": _get("Whether it is ready; 503 where not.", "OipReady", {}, is_open=True)},
    }
    paths["/v2/health/ready"]["get"]["responses"]["503"] = _response("It is not ready.", "OipReady")
    for base, parameters in (
        ("/v2/models/{model}", [model]),
        ("/v2/models/{model}/versions/{version}", [model, version]),
    ):
        paths |= {
            base: {"parameters": parameters, "get": _get("Tensors and versions of the model.", "OipModel", some)},
            f"{base}/ready": {"parameters": parameters, "get": _get("Whether it is ready.", "OipModelReady", some)},
            f"{base}/infer": {"parameters": parameters, "post": _infer(refusals)},
        }
        not_ready = {"anyOf": [_ref("OipModelReady"), _ref("OipProblems")]}
        paths[f"{base}/ready"]["get"]["responses"]["503"]["content"][JSON]["schema"] = not_ready
    return paths


def oip_schemas(schema: Schema, problems: Mapping[str, Any]) -> dict[str, Any]:
    """The schemas of the protocol.

    Args:
        schema: What is read and predicted.
        problems: The schema of a refusal.
    """
    tasks = [task.name for task in schema.learnable().tasks]
    tensor = _object({"name": TEXT, "datatype": {"const": BYTES}, "shape": SIZE})
    return {
        "OipRequest": _request(dict.fromkeys(payload.field for payload in schema.payloads), tasks),
        "OipAnswer": _answer(tasks),
        "OipServer": _object({"name": TEXT, "version": TEXT, "extensions": TEXTS}),
        "OipLive": _object({"live": {"type": "boolean"}}),
        "OipReady": _object({"ready": {"type": "boolean"}}),
        "OipModelReady": _object({"name": TEXT, "ready": {"type": "boolean"}}),
        "OipModel": _object(
            {"name": TEXT, "versions": TEXTS, "platform": TEXT, "inputs": _list(tensor), "outputs": _list(tensor)}
        ),
        "OipProblems": {
            **problems,
            "properties": {"error": {**TEXT, "description": "The first of the problems."}, **problems["properties"]},
        },
    }


def _request(fields: Iterable[str], tasks: Sequence[str]) -> dict[str, Any]:
    row = {**TEXTS, "minItems": 1, "maxItems": 1}
    given = {
        "name": {"enum": [RECORD, *fields], "description": "A record as JSON, or one of its fields."},
        "shape": SIZE,
        "datatype": {"const": BYTES},
        "data": _list({"anyOf": [TEXT, row]}),
    }
    return {
        "type": "object",
        "properties": {
            "id": {"type": ["string", "null"]},
            "inputs": {**_list(_object(given)), "minItems": 1},
            "outputs": _list(_object({"name": {"enum": tasks}})),
            "parameters": {"type": "object", "properties": {"probabilities": {"type": "boolean"}}},
        },
        "required": ["inputs"],
    }


def _answer(tasks: Sequence[str]) -> dict[str, Any]:
    told = {
        "name": {"enum": tasks},
        "shape": SIZE,
        "datatype": {"const": BYTES},
        "parameters": _object({"content_type": {"enum": ["text", "json"]}}),
        "data": TEXTS,
    }
    whole = _object({"model_name": TEXT, "model_version": TEXT, "outputs": _list(_object(told))})
    return {**whole, "description": "And `id`, where the request has one."}


def _infer(refusals: Mapping[str, str]) -> dict[str, Any]:
    answer = _response("A tensor for each task.", "OipAnswer")
    told = {**refusals, "400": "The body is not JSON, or no inference request.", "404": UNKNOWN_MODEL}
    return {
        "summary": "Predict every task, or those wanted, for records given as tensors of texts.",
        "parameters": [BINARY],
        "requestBody": {
            "required": True,
            "content": {JSON: {"schema": _ref("OipRequest")}, OCTETS: {"schema": OF_BYTES}},
        },
        "responses": {
            "200": {**answer, "content": {**answer["content"], OCTETS: {"schema": OF_BYTES}}},
            **{code: _response(text, "OipProblems") for code, text in sorted(told.items())},
        },
    }


def _get(summary: str, name: str, refusals: Mapping[str, str], *, is_open: bool = False) -> dict[str, Any]:
    answers = {"200": _response(summary, name)}
    answers |= {code: _response(text, "OipProblems") for code, text in sorted(refusals.items())}
    operation: dict[str, Any] = {"summary": summary, "responses": answers}
    return {**operation, "security": []} if is_open else operation


def _response(description: str, name: str) -> dict[str, Any]:
    return {"description": description, "content": {JSON: {"schema": _ref(name)}}}


def _parameter(name: str, values: Sequence[str], description: str) -> dict[str, Any]:
    schema = {"type": "string", "enum": list(values)}
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}


def _list(items: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": dict(properties), "required": list(properties)}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
