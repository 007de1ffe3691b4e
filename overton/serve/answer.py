"""The body of a request into the body of its answer: all that serving is, without HTTP.

A request is a record as it stands in a data file, or `{"records": [...]}` of them. Labels and tags may stand there,
so that a line of a data file can be sent as it is; they are checked like the rest and change nothing. Whatever is
wrong with a record is told in the words of `overton check`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from overton.artifact import Runtime
from overton.base import OvertonError, Problem, did_you_mean
from overton.data import Record, RecordParser

OK, BAD_REQUEST, TOO_LARGE, UNPROCESSABLE, NOT_READY = 200, 400, 413, 422, 503
SHOWN = 100
BATCH = re.compile(rb'\s*\{\s*"records"\s*:')
NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a request may cost.

    Attributes:
        max_bytes: Size of its body.
        max_records: Number of its records.
    """

    max_bytes: int = 1 << 20
    max_records: int = 256


@dataclass(frozen=True, slots=True)
class Model:
    """A version that is ready to answer."""

    runtime: Runtime
    parser: RecordParser
    version: str

    @classmethod
    def of(cls, runtime: Runtime, version: str) -> "Model":
        """The version of that id or name, with the parser of its records."""
        return cls(runtime, RecordParser(runtime.schema, closed=True), version)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP status and a JSON body."""

    status: int
    body: bytes


def answer(model: Model, body: bytes, query: str = "", limits: Limits = Limits()) -> Answer:
    """Answer a request for predictions.

    Args:
        model: The version that predicts.
        body: JSON: a record, or `{"records": [...]}`.
        query: The query of the url; `probabilities=true` asks for class -> probability in place of labels.
        limits: What is too much.

    Returns:
        200 with `{"id", "tasks", "version"}` or `{"records": [{"id", "tasks"}, ...], "version"}`; 400 for what is
        not JSON, 413 for too much, 422 for what is not a record of this schema, each with `{"problems": [...]}`.
    """
    if len(body) > limits.max_bytes:
        return too_large(limits)
    problems, probabilities = _parameters(query)
    if problems:
        return refuse(UNPROCESSABLE, problems)
    if BATCH.match(body):
        return _answer_several(model, body, probabilities, limits)
    record = _parse(model, body, "$")
    if isinstance(record, list):
        return refuse(UNPROCESSABLE if _is_json(body) else BAD_REQUEST, record)
    (labels,) = model.runtime.predict([record], probabilities=probabilities)
    return Answer(OK, msgspec.json.encode({"id": record.id, "tasks": labels, "version": model.version}))


def refuse(status: int, problems: Sequence[Problem]) -> Answer:
    """The answer that tells problems, at most a hundred of them."""
    told: dict[str, Any] = {"problems": [_problem_json(problem) for problem in problems[:SHOWN]]}
    if len(problems) > SHOWN:
        told["more"] = len(problems) - SHOWN
    return Answer(status, msgspec.json.encode(told))


def too_large(limits: Limits) -> Answer:
    """The answer to a body over the limit."""
    return refuse(
        TOO_LARGE,
        [
            Problem(
                message=f"the request is longer than {limits.max_bytes:,} bytes",
                code="serve.too-large",
                hint="Send fewer records at a time; `overton predict` takes files of any size",
            )
        ],
    )


def _answer_several(model: Model, body: bytes, probabilities: bool, limits: Limits) -> Answer:
    try:
        lines = msgspec.json.decode(body, type=_Batch).records
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return refuse(UNPROCESSABLE if _is_json(body) else BAD_REQUEST, [_bad_batch(error)])
    if len(lines) > limits.max_records:
        return refuse(TOO_LARGE, [_too_many(len(lines), limits)])
    parsed = [_parse(model, bytes(line), f"$.records[{number}]") for number, line in enumerate(lines)]
    problems = [problem for found in parsed if isinstance(found, list) for problem in found]
    if problems:
        return refuse(UNPROCESSABLE, problems)
    records = [record for record in parsed if not isinstance(record, list)]
    labels = model.runtime.predict(records, probabilities=probabilities)
    answers = [{"id": record.id, "tasks": said} for record, said in zip(records, labels, strict=True)]
    return Answer(OK, msgspec.json.encode({"records": answers, "version": model.version}))


def _parse(model: Model, line: bytes, place: str) -> Record | list[Problem]:
    """A record, or every fault of it in the words of `check`, with its place in the request."""
    try:
        return model.parser.parse(line)
    except OvertonError as error:
        told, rest = error.problems[:SHOWN], error.problems[SHOWN:]
        return [*(replace(problem, field=place + problem.field.removeprefix("$")) for problem in told), *rest]
    except RecursionError:
        return [Problem(message="nested too deep", code="serve.too-deep", field=place)]


def _is_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(body)
    except NOT_JSON:
        return False
    return True


def _reason(error: Exception) -> str:
    return "nested too deep" if isinstance(error, RecursionError) else str(error)


def _parameters(query: str) -> tuple[list[Problem], bool]:
    if not query:
        return [], False
    problems = []
    probabilities = False
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key == "probabilities" and value in ("true", "false"):
            probabilities = value == "true"
            continue
        known = key == "probabilities"
        problems.append(
            Problem(
                message=f"{key} is {value!r}, expected 'true' or 'false'" if known else f"unknown parameter {key!r}",
                code="serve.bad-parameter",
                hint="" if known else did_you_mean(key, ["probabilities"]),
            )
        )
    return problems, probabilities


def _too_many(count: int, limits: Limits) -> Problem:
    return Problem(
        message=f"{count:,} records in one request, at most {limits.max_records:,} are taken",
        code="serve.too-many",
        field="$.records",
        hint="Send fewer records at a time; `overton predict` takes files of any size",
    )


def _bad_batch(error: Exception) -> Problem:
    return Problem(
        message=f"not a batch of records: {_reason(error)}",
        code="serve.bad-batch",
        field="$",
        hint='Send one record, or {"records": [...]} with a list of them and nothing else',
    )


def _problem_json(problem: Problem) -> dict[str, str]:
    parts = {"message": problem.message, "code": problem.code, "field": problem.field, "hint": problem.hint}
    return {name: text for name, text in parts.items() if text}


class _Batch(msgspec.Struct, forbid_unknown_fields=True):
    records: list[msgspec.Raw]
