"""The body of a request into the body of its answer: all that serving is, without HTTP.

A request is a record as it stands in a data file, `{"records": [...]}` of them, or a record a line (NDJSON). Labels and
tags may stand there, so that a line of a data file can be sent as it is; they are checked like the rest and change
nothing. Whatever is wrong with a record is told in the words of `overton check`.
"""

import json
import re
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import parse_qsl

import msgspec
import numpy as np

from overton.artifact import Runtime, Tally, by_size
from overton.base import OvertonError, Problem, did_you_mean
from overton.data import Record, RecordParser
from overton.serve.limits import (
    BAD_REQUEST,
    ENOUGH,
    OK,
    SHOWN,
    UNPROCESSABLE,
    Answer,
    Limits,
    refuse,
    too_deep,
    too_large,
    too_many,
)

Form = Literal["one", "several", "lines", "records"]
PLACES = {"several": "$.records[{}]", "lines": "line {}: $", "records": "record {}: $"}
LISTS = {"several": "$.records", "records": "$.inputs"}  # where all of them stand, if within one value
LINES = "application/x-ndjson"
KEY = b'"records"'
TWO_LISTS = Problem(
    "the key 'records' appears twice", "record.duplicate-key", field="$.records", hint="Keep one of the two"
)
BATCH = re.compile(rb'\s*\{\s*"records"\s*:')
NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
USUAL = Limits()
STEP = 16  # records predicted at a time, between which other requests have their turn
TEXT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Model:
    """A version that is ready to answer.

    Attributes:
        runtime: Its model.
        parser: Of its records.
        version: Its id.
        tally: What it has predicted.
        name: Its name among the models of the version; empty where that has but one.
        others: The other models of the version, by name.
    """

    runtime: Runtime
    parser: RecordParser
    version: str
    tally: Tally
    name: str = ""
    others: Mapping[str, "Model"] = field(default_factory=dict)

    @classmethod
    def of(cls, runtime: Runtime, version: str) -> "Model":
        """The version of that id or name, with the parser of its records."""
        return cls(runtime, RecordParser(runtime.schema, closed=True), version, Tally(runtime.signature))

    @property
    def names(self) -> list[str]:
        """The models that can be asked for by name."""
        return [name for name in (self.name, *self.others) if name]

    def named(self, name: str) -> "Model":
        """One of `names`; itself where the name is empty."""
        return self.others.get(name, self)


@dataclass(frozen=True, slots=True)
class Question:
    """What a request asks.

    Attributes:
        records: Its records.
        lines: The same as they were sent.
        form: How they were sent, and are to be answered.
        probabilities: Whether class -> probability is asked for.
        extra: What else the form asks.
        model: The name of the model that is asked; empty for that which answers by itself.
    """

    records: Sequence[Record]
    lines: Sequence[bytes]
    form: Form
    probabilities: bool = False
    extra: Any = None
    model: str = ""


def answer(model: Model, body: bytes, query: str = "", limits: Limits = USUAL, *, lines: bool = False) -> Answer:
    """Answer a request for predictions.

    Args:
        model: The version that predicts.
        body: JSON: a record, or `{"records": [...]}`; with `lines` a record a line.
        query: The query of the url; `probabilities=true` asks for class -> probability in place of labels, and
            `model=NAME` asks one of several models.
        limits: What is too much.
        lines: Whether the body is NDJSON.

    Returns:
        200 with `{"id", "tasks", "version"}`, a line of it for each record, or `{"records": [{"id", "tasks"}, ...],
        "version"}`; 400 for what is not JSON, 413 for too much, 422 for what is not a record of this schema, each with
        `{"problems": [...]}`.
    """
    question = parse_question(model, body, query, limits, lines=lines)
    if isinstance(question, Answer):
        return question
    model = model.named(question.model)
    labels: list[dict[str, Any]] = [{}] * len(question.records)
    for places, said in predict_steps(model, question):
        for place, label in zip(places, said, strict=True):
            labels[place] = label
    return render_answer(model, question, labels)


def parse_question(model: Model, body: bytes, query: str, limits: Limits, *, lines: bool = False) -> Question | Answer:
    """What a request asks, or the answer that refuses it."""
    if len(body) > limits.max_bytes:
        return too_large(limits)
    problems, probabilities, name = _parameters(query, model.names) if query else ([], False, "")
    if problems:
        return refuse(UNPROCESSABLE, problems)
    question = _parse_body(model, body.removeprefix(BOM_UTF8), probabilities, limits, lines=lines)
    return replace(question, model=name) if name and isinstance(question, Question) else question


def _parse_body(model: Model, body: bytes, probabilities: bool, limits: Limits, *, lines: bool) -> Question | Answer:
    if lines:
        found = {number: line for number, line in enumerate(body.splitlines(), 1) if line.strip()}
        return parse_lines(model, list(found.values()), "lines", probabilities, limits, numbers=list(found))
    if BATCH.match(body):
        try:
            batch = msgspec.json.decode(body, type=_Batch).records
            twice = _has_two_lists(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return _refuse_body(body, [_bad_batch(error)], limits)
        if twice:
            return refuse(UNPROCESSABLE, [TWO_LISTS])
        return parse_lines(model, [bytes(line) for line in batch], "several", probabilities, limits)
    record = _parse(model, body, "$")
    if isinstance(record, list):
        return _refuse_body(body, record, limits)
    return Question([record], [body], "one", probabilities)


def parse_lines(
    model: Model,
    lines: Sequence[bytes],
    form: Form,
    probabilities: bool,
    limits: Limits,
    *,
    numbers: Sequence[int] = (),
    extra: Any = None,
) -> Question | Answer:
    """What several records ask, or the answer that tells what is wrong with any of them.

    Args:
        model: The version that answers.
        lines: The records.
        form: How they were sent.
        probabilities: Whether class -> probability is asked for.
        limits: What is too much.
        numbers: By what each is called where something is wrong with it; from 0 where not given.
        extra: What else the form asks.
    """
    if len(lines) > limits.max_records:
        return too_many(len(lines), limits, LISTS.get(form, ""))
    place = PLACES[form]
    records: list[Record] = []
    problems: list[Problem] = []
    not_json = False
    for number, line in zip(numbers or range(len(lines)), lines, strict=True):
        if len(problems) >= ENOUGH:
            break
        parsed = _parse(model, line, place.format(number))
        if isinstance(parsed, Record):
            records.append(parsed)
            continue
        if is_too_deep(line, limits.max_depth - (2 if form == "several" else 0)):
            return too_deep(limits)
        problems.extend(parsed)
        not_json = not_json or not _is_json(line)
    if problems:
        return refuse(BAD_REQUEST if not_json else UNPROCESSABLE, problems)
    return Question(records, lines, form, probabilities, extra)


def predict_steps(model: Model, question: Question) -> Iterator[tuple[list[int], list[dict[str, Any]]]]:
    """The labels of the records with their places, some at a time, so that others can be answered between.

    Those of one length go together, since what is predicted together is as wide as the widest.
    """
    records = question.records
    order = by_size(records) if len(records) > STEP else list(range(len(records)))
    for start in range(0, len(records), STEP):
        places = order[start : start + STEP]
        some = [records[place] for place in places]
        yield places, model.runtime.predict(some, probabilities=question.probabilities, tally=model.tally)


def render_answer(model: Model, question: Question, labels: Sequence[Mapping[str, Any]]) -> Answer:
    """The labels in the form of the question, each with notes where there is something to note."""
    found = zip(question.records, labels, strict=True)
    if question.form == "several":
        several = [{"id": record.id, "tasks": said, **notes_on(model, record, said)} for record, said in found]
        return Answer(OK, msgspec.json.encode({"records": several, "version": model.version}))
    told = [
        msgspec.json.encode({"id": record.id, "tasks": said, "version": model.version, **notes_on(model, record, said)})
        for record, said in found
    ]
    if question.form == "one":
        return Answer(OK, told[0])
    return Answer(OK, b"".join(line + b"\n" for line in told), LINES)


def notes_on(model: Model, record: Record, said: Mapping[str, Any]) -> dict[str, list[str]]:
    """`notes` where a record gives something and nothing could be predicted from it: most likely a client's mistake.

    A text from which the schema takes no tokens is such a case. A record that gives nothing is answered as it asked.
    """
    if any(label is not None for label in said.values()):
        return {}
    payloads = record.payloads or {}
    given = [field for field, value in payloads.items() if value]
    if not given:
        return {}
    needed = dict.fromkeys(payload.field for payload in model.runtime.schema.payloads)
    lacking = ", ".join(repr(field) for field in needed if not payloads.get(field))
    alone = f"nothing could be predicted from {', '.join(map(repr, given))} alone"
    return {"notes": [f"{alone}; the record lacks {lacking}" if lacking else alone.removesuffix(" alone")]}


def is_too_deep(body: bytes, max_depth: int) -> bool:
    """Whether brackets outside of texts are nested deeper than that.

    Example:
        >>> is_too_deep(b'[[[1]]]', 2), is_too_deep(b'["[[[[", {}]', 2)
        (True, False)
    """
    codes = np.frombuffer(TEXT.sub(b"", body), np.uint8)
    opened = (codes == ord("[")) | (codes == ord("{"))
    closed = (codes == ord("]")) | (codes == ord("}"))
    return bool((np.cumsum(opened.astype(np.int32) - closed) > max_depth).any())


def _parse(model: Model, line: bytes, place: str) -> Record | list[Problem]:
    """A record, or every fault of it in the words of `check`, with its place in the request."""
    try:
        return model.parser.parse(line)
    except OvertonError as error:
        told, rest = error.problems[:SHOWN], error.problems[SHOWN:]
        placed = [replace(problem, field=place + problem.field.removeprefix("$")) for problem in told]
        return [*(_of_request(problem, line) for problem in placed), *rest]
    except RecursionError:
        return [Problem(message="nested too deeply", code="serve.too-deep", field=place)]


def _of_request(problem: Problem, line: bytes) -> Problem:
    """A problem in the words of a request, where it speaks of a file and its lines."""
    if problem.code == "record.truncated":
        if not line.strip():
            return replace(problem, message="there is no record, the body is empty", hint="Send a record as JSON")
        return replace(problem, message="the JSON ends in the middle of the record", hint="Was the request cut off?")
    if problem.code == "record.bad-json" and problem.kind == "list":
        message = "expected one record, got a list"
        return replace(problem, message=message, hint='Send several as {"records": [...]}')
    if problem.code == "record.not-utf8":
        message = problem.message.replace(" of the line", "")
        return replace(problem, message=message, hint=problem.hint.replace("Save the file", "Send the request"))
    return replace(problem, hint=problem.hint.replace(" on one line", ""))


def _refuse_body(body: bytes, problems: Sequence[Problem], limits: Limits) -> Answer:
    if is_too_deep(body, limits.max_depth):
        return too_deep(limits)
    return refuse(UNPROCESSABLE if _is_json(body) else BAD_REQUEST, problems)


def _is_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(body)
    except NOT_JSON:
        return False
    return True


def _parameters(query: str, models: Sequence[str]) -> tuple[list[Problem], bool, str]:
    """What is wrong with a query, whether it asks for probabilities, and the name of the model that it asks."""
    problems: list[Problem] = []
    probabilities, name = False, ""
    for key, value in parse_qsl(query, keep_blank_values=True):
        if len(problems) >= ENOUGH:
            break
        if key == "probabilities" and value in ("true", "false"):
            probabilities = value == "true"
            continue
        if key == "model" and value in models:
            name = value
            continue
        if key == "model":
            hint = f"It has {' and '.join(models)}" if models else "The version has one model, which needs no name"
            problems.append(Problem(message=f"there is no model {value!r} here", code="serve.no-model", hint=hint))
            continue
        known = key == "probabilities"
        problems.append(
            Problem(
                message=f"{key} is {value!r}, expected 'true' or 'false'" if known else f"unknown parameter {key!r}",
                code="serve.bad-parameter",
                hint="" if known else did_you_mean(key, ["model", "probabilities"]),
            )
        )
    return problems, probabilities, name


def _has_two_lists(body: bytes) -> bool:
    """Whether a batch has its key twice: the last list would be answered, and the first be lost without a word."""
    if body.count(KEY) < 2:
        return False
    keys: list[str] = []

    def take(pairs: list[tuple[str, Any]]) -> None:
        keys[:] = [key for key, _ in pairs]  # those of the outermost object come last

    try:
        json.loads(body, object_pairs_hook=take)
    except ValueError:  # in one of the records, where it is told
        return False
    return len(keys) > 1


def _bad_batch(error: Exception) -> Problem:
    reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
    return Problem(
        message=f"not a batch of records: {reason}",
        code="serve.bad-batch",
        field="$",
        hint='Send one record, or {"records": [...]} with a list of them and nothing else',
    )


class _Batch(msgspec.Struct, forbid_unknown_fields=True):
    records: list[msgspec.Raw]
