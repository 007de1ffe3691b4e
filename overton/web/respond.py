"""Answers: problems in one form, as `overton serve` tells them."""

from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.responses import Response

from overton.base import Problem
from overton.serve.limits import refuse

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
    return CONFLICT if problems[0].code in CONFLICTS else REFUSED


def problems_response(problems: Sequence[Problem], status: int = 0) -> Response:
    """Problems as JSON."""
    told = refuse(status or status_of(problems), problems)
    return Response(told.body, told.status, media_type="application/json")


def json_response(value: Any, status: int = 200) -> Response:
    """A value as JSON."""
    return Response(msgspec.json.encode(value, enc_hook=_plain), status, media_type="application/json")


def _plain(value: Any) -> Any:
    """What msgspec does not know: numbers and arrays of numpy."""
    return value.tolist()
