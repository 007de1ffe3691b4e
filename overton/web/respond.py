"""Answers: problems in one form, that of `overton serve` with file and line beside it."""

from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.responses import Response

from overton.base import Problem, os_reason

SHOWN = 100
NOT_FOUND, CONFLICT, REFUSED, FAILED = 404, 409, 422, 500
UNKNOWN = (  # codes of problems that say that there is no such thing
    "application.unknown-task",
    "jobs.unknown",
    "review.unknown-tag",
    "sources.unknown-record",
    "sources.unknown-tag",
    "store.unknown-version",
    "tags.unknown-tag",
    "web.no-page",
)
CONFLICTS = ("edits.slice-exists", "jobs.running", "store.lost-race")


def status_of(problems: Sequence[Problem]) -> int:
    """The status of an answer that tells problems."""
    if problems[0].code in UNKNOWN:
        return NOT_FOUND
    if problems[0].code == "os.refused":
        return FAILED
    return CONFLICT if problems[0].code in CONFLICTS else REFUSED


def problems_response(problems: Sequence[Problem], status: int = 0) -> Response:
    """Problems as JSON, at most a hundred of them."""
    told: dict[str, Any] = {"problems": [_problem_json(problem) for problem in problems[:SHOWN]]}
    if len(problems) > SHOWN:
        told["more"] = len(problems) - SHOWN
    return json_response(told, status or status_of(problems))


def _problem_json(problem: Problem) -> dict[str, Any]:
    """A problem as a JSON value: what there is to tell of it, its file and line too."""
    keys = ("message", "code", "path", "line", "field", "hint")
    told = {key: getattr(problem, key) for key in keys if getattr(problem, key)}
    return told | {"count": problem.count} if problem.count > 1 else told


def refused(error: OSError) -> Problem:
    """What the operating system refused, as a problem."""
    place = str(error.filename or "")
    return Problem(os_reason(error), "os.refused", place, hint="Check its permissions and the disk")


def json_response(value: Any, status: int = 200) -> Response:
    """A value as JSON."""
    return Response(msgspec.json.encode(value, enc_hook=_plain), status, media_type="application/json")


def _plain(value: Any) -> Any:
    """What msgspec does not know: numbers and arrays of numpy."""
    return value.tolist()
