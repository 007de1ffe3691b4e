"""What a request may cost, and the answers to those that are refused, each with the problems that they have."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from overton.base import Problem

OK, BAD_REQUEST, UNAUTHORIZED, NOT_FOUND, SLOW, TOO_LARGE = 200, 400, 401, 404, 408, 413
UNSUPPORTED, MISDIRECTED, UNPROCESSABLE, BUSY, FAILED, NOT_READY, LATE = 415, 421, 422, 429, 500, 503, 504
SHOWN = 100
ENOUGH = 1000  # problems of a request after which the rest of it is not looked at: each costs time that others wait
RETRY = {"retry-after": "1"}
CLOSE = {"connection": "close"}
PROTOCOL = "/v2"  # below it are the routes of the Open Inference Protocol


@dataclass(frozen=True, slots=True)
class Limits:
    """What a request may cost.

    Attributes:
        max_bytes: Size of its body.
        max_records: Number of its records.
        max_depth: How deep its JSON is nested.
        max_waiting: Requests that have come in and are not answered yet; any more are refused at once.
        max_seconds: Time in which its body must have come, and time in which it must be answered.
    """

    max_bytes: int = 1 << 20
    max_records: int = 256
    max_depth: int = 32
    max_waiting: int = 32
    max_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP status, a body, its type, and headers beside it."""

    status: int
    body: bytes
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def refuse(status: int, problems: Sequence[Problem], headers: Mapping[str, str] | None = None) -> Answer:
    """The answer that tells problems, at most a hundred of them."""
    told: dict[str, Any] = {"problems": [_problem_json(problem) for problem in problems[:SHOWN]]}
    if len(problems) > SHOWN:
        told["more"] = len(problems) - SHOWN
    return Answer(status, msgspec.json.encode(told), headers=headers or {})


def in_words_of(path: str, answer: Answer) -> Answer:
    """An answer as who asked by that path reads it: clients of the Open Inference Protocol look for `error`."""
    if answer.status == OK or not (path == PROTOCOL or path.startswith(f"{PROTOCOL}/")):
        return answer
    told = msgspec.json.decode(answer.body)
    first = told["problems"][0]
    error = ": ".join(text for text in (first.get("field", ""), first["message"]) if text)
    return replace(answer, body=msgspec.json.encode({"error": error, **told}))


def _problem_json(problem: Problem) -> dict[str, str]:
    parts = {"message": problem.message, "code": problem.code, "field": problem.field, "hint": problem.hint}
    return {name: text for name, text in parts.items() if text}


def too_large(limits: Limits) -> Answer:
    """The answer to a body over the limit."""
    problem = Problem(
        message=f"the request is longer than {limits.max_bytes:,} bytes",
        code="serve.too-large",
        hint="Send fewer records at a time; `overton predict` takes files of any size",
    )
    return refuse(TOO_LARGE, [problem], CLOSE)


def too_many(count: int, limits: Limits, place: str) -> Answer:
    """The answer to more records than are taken at once, which stand at a place of the request; empty for all of it."""
    problem = Problem(
        message=f"{count:,} records in one request, at most {limits.max_records:,} are taken",
        code="serve.too-many",
        field=place,
        hint="Send fewer records at a time; `overton predict` takes files of any size",
    )
    return refuse(TOO_LARGE, [problem])


def too_deep(limits: Limits) -> Answer:
    """The answer to JSON that is nested deeper than any record."""
    problem = Problem(
        message=f"the JSON is nested more than {limits.max_depth} deep",
        code="serve.too-deep",
        hint="Send records as they stand in a data file",
    )
    return refuse(UNPROCESSABLE, [problem])


def too_slow(limits: Limits) -> Answer:
    """The answer to a client that does not send what it began."""
    problem = Problem(
        message=f"the body did not arrive within {limits.max_seconds:g} seconds",
        code="serve.too-slow",
        hint="Send the body at once",
    )
    return refuse(SLOW, [problem], CLOSE)


def late(limits: Limits) -> Answer:
    """The answer to a request that could not be answered in time."""
    problem = Problem(
        message=f"no answer within {limits.max_seconds:g} seconds",
        code="serve.late",
        hint="Send fewer records at a time, or ask again later",
    )
    return refuse(LATE, [problem], RETRY)


def loading() -> Answer:
    """The answer while there is no version yet."""
    problem = Problem(message="the version is still being loaded", code="serve.not-ready")
    return refuse(NOT_READY, [problem], RETRY)


def gone(version: str, served: Iterable[str]) -> Answer:
    """The answer to who asks for a version that was changed for another while the body came."""
    message = f"version {version!r} is not served any more"
    hint = f"Another was promoted: it serves version {' and '.join(served)}"
    return refuse(NOT_FOUND, [Problem(message=message, code="serve.no-model", hint=hint)])


def wrong_type() -> Answer:
    """The answer to a body that is not marked as JSON."""
    problem = Problem(
        message="the request is not marked as JSON",
        code="serve.content-type",
        hint="Send the header Content-Type: application/json, or application/x-ndjson for a record a line",
    )
    return refuse(UNSUPPORTED, [problem])


def no_token() -> Answer:
    """The answer to who shows no token."""
    problem = Problem(
        message="the request shows no token, or another one",
        code="serve.token",
        hint="Send the header Authorization: Bearer TOKEN",
    )
    return refuse(UNAUTHORIZED, [problem], {"www-authenticate": "Bearer"})


def other_host(host: str) -> Answer:
    """The answer to a request for another machine than this one, as a page makes whose name was made to point here."""
    problem = Problem(
        message=f"the request is for the host {host[:80]!r}, and this server answers for its own machine alone",
        code="serve.host",
        hint="Ask localhost or 127.0.0.1; where a proxy passes on another Host, serve with --token-file",
    )
    return refuse(MISDIRECTED, [problem])


def failed() -> Answer:
    """The answer where the server is at fault."""
    return refuse(FAILED, [Problem(message="the server failed, its log tells why", code="serve.failed")])


_BUSY = refuse(
    BUSY,
    [
        Problem(
            message="the server has as many requests as it can answer soon",
            code="serve.busy",
            hint="Ask again after the time that the header Retry-After tells, or serve with more workers",
        )
    ],
    RETRY,
)


_BUSY_OF_PROTOCOL = in_words_of(PROTOCOL, _BUSY)


def busy(path: str = "") -> Answer:
    """The answer while too many requests wait, to who asked by that path; made once, since there may be very many."""
    return _BUSY_OF_PROTOCOL if path.startswith(f"{PROTOCOL}/") else _BUSY
