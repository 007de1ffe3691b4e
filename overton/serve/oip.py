"""The Open Inference Protocol, version 2, over HTTP: what KServe probes and its clients ask for.

A model of ours reads records, and the protocol knows tensors of texts (`BYTES`). A request holds either one tensor
`record`, each element a record as JSON, or one tensor for each field of a record: a text as it is, tokens and members
as JSON. Each task is one tensor of the answer: the name of a class as it is, any other label as JSON. Texts may stand
in the JSON or behind it (`oip_binary`).

    GET  /v2    /v2/health/live    /v2/health/ready
    GET  /v2/models/{model}[/versions/{version}][/ready]
    POST /v2/models/{model}[/versions/{version}]/infer

Source: https://github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md.
"""

import json
from codecs import BOM_UTF8
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from overton import __version__
from overton.base import Problem, did_you_mean
from overton.schema import Schema
from overton.serve import oip_binary as binary
from overton.serve.answer import Model, Question, parse_lines
from overton.serve.ask import REQUEST_ID, Form, ask, form_of
from overton.serve.limits import BAD_REQUEST, NOT_FOUND, NOT_READY, OK, Answer, Limits, in_words_of, loading, refuse
from overton.serve.respond import respond
from overton.serve.service import Service

RECORD = "record"
BYTES = "BYTES"
ANY_SIZE = -1
OUTER, INNER = ("inputs", "outputs", "id"), ("name", "shape", "datatype", "data")
PARAMETERS = ("probabilities", binary.OF_ALL, binary.OF_ONE, binary.SIZE)
MODEL = "/v2/models/{model}"
VERSION = MODEL + "/versions/{version}"


class _Input(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: list[Any] | None = None
    parameters: dict[str, Any] = {}


class _Wanted(msgspec.Struct):
    name: str
    parameters: dict[str, Any] = {}


class _Inference(msgspec.Struct):
    inputs: list[_Input]
    id: str | None = None
    outputs: list[_Wanted] = []
    parameters: dict[str, Any] = {}


def oip_routes(service: Service) -> list[Route]:
    """The routes of the protocol around a service."""

    async def server(request: Request) -> Response:
        return _json({"name": "overton", "version": __version__, "extensions": [binary.EXTENSION]})

    async def live(request: Request) -> Response:
        return _json({"live": True})

    async def ready(request: Request) -> Response:
        is_ready = service.state == "ready"
        return _json({"ready": is_ready}, OK if is_ready else NOT_READY)

    async def metadata(request: Request) -> Response:
        def tell(model: Model) -> Answer:
            return Answer(OK, msgspec.json.encode(_metadata(service, request, model)))

        return _with_model(service, request, tell)

    async def model_ready(request: Request) -> Response:
        status = OK if service.state == "ready" else NOT_READY
        told = msgspec.json.encode({"name": request.path_params["model"], "ready": service.state == "ready"})
        return _with_model(service, request, lambda model: Answer(status, told))

    async def infer(request: Request) -> Response:
        fault = _unknown(service, request)
        if fault is not None:
            return respond(fault)
        request_id = request.headers.get("x-request-id", "").encode("latin-1")
        name = str(request.path_params["model"])
        size, kind = request.headers.get(binary.HEADER, ""), request.headers.get("content-type", "")
        parse = partial(parse_inference, named=_model_name(service, name), json_size=size)
        form = Form(parse, _renderer(name))
        is_known = form_of(kind.encode("latin-1")) is not None or (size != "" and kind.lower() == binary.MEDIA_TYPE)
        answer = await ask(
            service,
            request.receive,
            form=form if is_known else None,
            request_id=request_id if REQUEST_ID.fullmatch(request_id) else b"",
            version=request.path_params.get("version", ""),
        )
        return respond(in_words_of(MODEL, answer))

    return [
        Route("/v2", server, methods=["GET"]),
        Route("/v2/health/live", live, methods=["GET"]),
        Route("/v2/health/ready", ready, methods=["GET"]),
        *(
            Route(base + path, endpoint, methods=[method])
            for base in (MODEL, VERSION)
            for path, endpoint, method in (
                ("", metadata, "GET"),
                ("/ready", model_ready, "GET"),
                ("/infer", infer, "POST"),
            )
        ),
    ]


def parse_inference(
    model: Model, body: bytes, query: str, limits: Limits, *, named: str = "", json_size: str = ""
) -> Question | Answer:
    """The records of an inference request, or the answer that refuses it.

    Args:
        model: The version that answers.
        body: JSON, and the bytes of tensors behind it.
        query: The query of its url, of which nothing is read.
        limits: What is too much.
        named: Names one of several models.
        json_size: How much of the body is JSON, as the header says; empty where all is.
    """
    size = binary.size_of_json(json_size, body) if json_size else len(body)
    if size is None:
        return _bad(
            f"{binary.HEADER} is {json_size[:20]!r}, of {len(body):,} bytes", "$", "It tells how long the JSON is"
        )
    told = body[:size].removeprefix(BOM_UTF8)
    try:
        asked = msgspec.json.decode(told, type=_Inference)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return _bad(
            f"not an inference request: {error}", "$", 'Send {"inputs": [{"name", "shape", "datatype", "data"}]}'
        )
    if twice := _twice(told, asked):
        return _bad(f"the key {twice!r} appears twice", "$", "Keep one of the two")
    if named and named not in model.names:  # a canary may lack it, or the version that came while the body did
        message, hint = f"version {model.version} has no model {named!r}", "Ask without a model, or by another name"
        return refuse(NOT_FOUND, [Problem(message=message, code="serve.no-model", hint=hint)])
    schema = model.runtime.schema
    tasks = [task.name for task in schema.learnable().tasks]
    for wanted in asked.outputs:
        if wanted.name not in tasks:
            return _bad(f"there is no output {wanted.name!r}", "$.outputs", did_you_mean(wanted.name, tasks))
    probabilities = asked.parameters.get("probabilities", False)
    if not isinstance(probabilities, bool):
        return _bad("parameters.probabilities is true or false", "$.parameters", "")
    lines = _lines(asked.inputs, memoryview(body)[size:], schema)
    if isinstance(lines, Answer):
        return lines
    question = parse_lines(model, lines, "records", probabilities, limits, extra=asked)
    return replace(question, model=named) if isinstance(question, Question) else question


def _twice(told: bytes, asked: _Inference) -> str:
    """A key that stands twice in one object, of which the first would be lost without a word; empty where none does.

    Reading all of it once more would double what a request costs, so that is done only where there are more of a key
    than of what was read by it. Records are texts here, in which the quotes of a key are escaped.
    """
    objects: list[_Inference | _Input | _Wanted] = [asked, *asked.inputs, *asked.outputs]
    parameters = [one.parameters for one in objects if one.parameters]
    most = dict.fromkeys(OUTER, 1) | dict.fromkeys(INNER, len(asked.inputs) + len(asked.outputs))
    most |= {"parameters": len(parameters)} | {key: sum(key in own for own in parameters) for key in PARAMETERS}
    if all(told.count(f'"{key}"'.encode()) <= many for key, many in most.items()):
        return ""
    found: list[str] = []

    def look(pairs: list[tuple[str, Any]]) -> None:
        keys = [key for key, _ in pairs]
        found.extend(key for key in most if keys.count(key) > 1)

    with suppress(ValueError, RecursionError):  # such as a number of thousands of digits among what is not read
        json.loads(told, object_pairs_hook=look)
    return found[0] if found else ""


def _model_name(service: Service, name: str) -> str:
    """Which of the models of a version is meant by `NAME:MODEL`; empty where none is."""
    return name.removeprefix(f"{service.name}:") if name != service.name else ""


def _lines(inputs: Sequence[_Input], rest: memoryview, schema: Schema) -> list[bytes] | Answer:
    """The records as JSON, put together from the tensors, whose data stand there or in the bytes behind."""
    texts: dict[str, bool] = {}
    for payload in schema.payloads:
        texts[payload.field] = texts.get(payload.field, True) and payload.type == "singleton"
    names = [RECORD] if any(given.name == RECORD for given in inputs) else list(texts)
    columns: dict[str, list[str]] = {}
    for number, given in enumerate(inputs):
        place = f"$.inputs[{number}]"
        if given.name not in names or given.name in columns:
            return _bad(f"input {given.name!r} is unknown or there twice", place, f"The inputs are {', '.join(names)}")
        if given.datatype != BYTES:
            return _bad(f"input {given.name!r} has datatype {given.datatype!r}, expected {BYTES}", place, "")
        if given.data is not None or binary.SIZE not in given.parameters:
            data = _flat(given.data) if given.data is not None else None
        else:
            taken = binary.take_texts(rest, given.parameters[binary.SIZE])
            data, rest = taken or (None, rest)
        if data is None or given.shape not in ([len(data)], [len(data), 1]):
            hint = "The data are texts, in the JSON or as bytes behind it, and the shape is [their number]"
            return _bad(f"data and shape of input {given.name!r} do not fit", place, hint)
        columns[given.name] = data
    if len(rest):
        return _bad(f"{len(rest):,} bytes stand behind the data of the inputs", "$.inputs", "Tell binary_data_size")
    if len({len(column) for column in columns.values()}) != 1:
        return _bad("the inputs are not all of one length, or there is none", "$.inputs", "Give each record a place")
    if RECORD in columns:
        return [text.encode("utf-8", "replace") for text in columns[RECORD]]
    return _joined(columns, texts)


def _joined(columns: Mapping[str, Sequence[str]], texts: Mapping[str, bool]) -> list[bytes] | Answer:
    """Records from a column for each field; those that are no texts hold JSON, which is looked at where records are."""
    lines = []
    for values in zip(*columns.values(), strict=True):
        payloads: dict[str, str | msgspec.Raw] = {}
        for name, text in zip(columns, values, strict=True):
            try:
                payloads[name] = text if texts[name] else _checked(text)
            except (msgspec.DecodeError, RecursionError) as error:
                return _bad(f"an element of input {name!r} is not JSON: {error}", "$.inputs", f"It was {text[:40]!r}")
        lines.append(msgspec.json.encode({"payloads": payloads}))
    return lines


def _checked(text: str) -> msgspec.Raw:
    """A text that is one JSON value, as it was sent: written anew, it would have lost a key that stands there twice."""
    msgspec.json.decode(text)
    return msgspec.Raw(text)


def _flat(data: Sequence[Any]) -> list[str] | None:
    """Texts, or lists of one text each, as the row-major order of a tensor allows; None for anything else."""
    found = [item[0] if isinstance(item, list) and len(item) == 1 else item for item in data]
    return found if all(isinstance(item, str) for item in found) else None


def _renderer(name: str) -> Callable[[Model, Question, list[dict[str, Any]]], Answer]:
    def render(model: Model, question: Question, labels: list[dict[str, Any]]) -> Answer:
        asked = question.extra
        assert isinstance(asked, _Inference), "made by parse_inference"
        tasks = list(model.runtime.signature.output_by_task)
        of_all = asked.parameters.get(binary.OF_ALL, False)
        of_each = {one.name: one.parameters.get(binary.OF_ONE, of_all) for one in asked.outputs}
        wanted = of_each or dict.fromkeys(tasks, of_all)
        outputs = []
        for task in wanted:
            as_text = not question.probabilities and _is_text(model.runtime.schema, task)
            said = [row[task] for row in labels]
            data = [
                label if as_text and isinstance(label, str) else msgspec.json.encode(label).decode() for label in said
            ]
            parameters = {"content_type": "text" if as_text else "json"}
            outputs.append(
                {"name": task, "shape": [len(data)], "datatype": BYTES, "parameters": parameters, "data": data}
            )
        value = {"model_name": name, "model_version": model.version, "outputs": outputs}
        told = {**value, "id": asked.id} if asked.id is not None else value
        return binary.with_bytes(told, [as_bytes is True for as_bytes in wanted.values()])

    return render


def _is_text(schema: Schema, name: str) -> bool:
    """Whether a label of the task is the name of one class."""
    task = schema.task(name)
    return task.type == "multiclass" and schema.unit(task) == "record"


def _metadata(service: Service, request: Request, model: Model) -> dict[str, Any]:
    schema = model.runtime.schema
    fields = dict.fromkeys(payload.field for payload in schema.payloads)
    tensors = [{"name": field, "datatype": BYTES, "shape": [ANY_SIZE]} for field in fields]
    outputs = [
        {"name": task, "datatype": BYTES, "shape": [ANY_SIZE]} for task in model.runtime.signature.output_by_task
    ]
    versions = [one.version for one in service.models()]
    return {
        "name": request.path_params["model"],
        "versions": versions,
        "platform": "overton_onnxruntime",
        "inputs": tensors,
        "outputs": outputs,
    }


def _unknown(service: Service, request: Request) -> Answer | None:
    """The answer where there is no such model or version here."""
    if service.model is None:
        return in_words_of(MODEL, loading())
    name, version = request.path_params["model"], request.path_params.get("version")
    wanted, colon, model_name = name.rpartition(":")
    if colon and wanted == service.name and model_name in service.model.names:
        name = service.name
    if name == service.name and version in (None, *(model.version for model in service.models())):
        return None
    what = f"model {name!r}" if name != service.name else f"version {version!r} of it"
    several = "".join(f", {service.name}:{one}" for one in service.model.names)
    hint = f"It serves {service.name!r}{several}, version {' and '.join(model.version for model in service.models())}"
    problem = Problem(message=f"there is no {what} here", code="serve.no-model", hint=hint)
    return in_words_of(MODEL, refuse(NOT_FOUND, [problem]))


def _with_model(service: Service, request: Request, tell: Callable[[Model], Answer]) -> Response:
    fault = _unknown(service, request)
    version = request.path_params.get("version")
    if fault is not None:
        return respond(fault)
    found = next(model for model in service.models() if version in (None, model.version))
    return respond(tell(found.named(_model_name(service, request.path_params["model"]))))


def _bad(message: str, field: str, hint: str) -> Answer:
    return refuse(BAD_REQUEST, [Problem(message=message, code="serve.bad-inference", field=field, hint=hint)])


def _json(value: dict[str, Any], status: int = OK) -> Response:
    return respond(Answer(status, msgspec.json.encode(value)))
