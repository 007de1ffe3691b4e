"""From a request to a view or an action and back: pages with their JSON twins, and one form for problems.

What takes longer than a moment is made all the same while a page says so, which asks for the twin and then shows it.

A *view* makes the value of a page; `/errors` shows it as HTML, `/errors.json` (or `Accept: application/json`) as it is.
An *action* changes something: JSON in, JSON out. Both are plain functions that run in a thread, so that a costly one
holds up no other request.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from overton.base import OvertonError, Problem
from overton.web.chrome import chrome, twin_of
from overton.web.dashboard import Dashboard
from overton.web.guard import MAX_BODY, TOO_LARGE
from overton.web.render import render_page
from overton.web.respond import FAILED, json_response, problems_response, refused, status_of

JSON = "application/json"
PATIENCE_SECONDS = 3.0
Query = Mapping[str, str]
Body = TypeVar("Body", bound=msgspec.Struct)
log = logging.getLogger("overton.web")


class Page(Protocol):
    """The value of a page."""

    @property
    def title(self) -> str:
        """What it is called."""

    def to_json(self) -> dict[str, Any]:
        """What it says, as a JSON value."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A page and the template that shows it.

    Attributes:
        template: Name of the template.
        page: The value.
        more: What else the template is told, that the twin does not tell.
    """

    template: str
    page: Page
    more: Mapping[str, Any] | None = None


View = Callable[[Dashboard, Query], Shown]


def pages(dashboard: Dashboard, path: str, view: View) -> list[Route]:
    """The routes of a page: as HTML and as JSON."""

    async def answer(request: Request) -> Response:
        query = {**request.query_params, **request.path_params}
        as_json = request.url.path.endswith(".json") or wants_json(request)
        making = asyncio.wrap_future(dashboard.workers.submit(_show, dashboard, request, view, query, as_json))
        done, _ = await asyncio.wait([making], timeout=None if as_json else PATIENCE_SECONDS)
        if done:
            return making.result()
        waiting = Waiting(twin_of(request))
        around = await run_in_threadpool(chrome, dashboard, request, at_once=True)
        return HTMLResponse(render_page("wait.html.j2", waiting, **around))

    twin = "/index.json" if path == "/" else f"{path}.json"
    return [Route(twin, answer, methods=["GET"]), Route(path, answer, methods=["GET"])]


def action(dashboard: Dashboard, path: str, body: type[Body], act: Callable[[Dashboard, Body, Query], Any]) -> Route:
    """The route of an action.

    Args:
        dashboard: What it acts on.
        path: Where.
        body: What is sent, as JSON.
        act: Does it, and returns the JSON value to answer.
    """

    async def answer(request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
            return problems_response([Problem("the request is not marked as JSON", "web.content-type")], 415)
        content = await _read(request)
        if content is None:
            return problems_response(
                [Problem(f"the request has more than {MAX_BODY:,} bytes", "web.too-large")], TOO_LARGE
            )
        try:
            said = msgspec.json.decode(content or b"{}", type=body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return problems_response([Problem(str(error), "web.bad-request")], 400)
        return await run_in_threadpool(_act, dashboard, said, act, dict(request.path_params))

    return Route(path, answer, methods=["POST"])


def wants_json(request: Request) -> bool:
    """Whether the client asks for JSON rather than for a page."""
    accept = request.headers.get("accept", "")
    return JSON in accept and "text/html" not in accept


def problem_page(
    dashboard: Dashboard, request: Request, problems: tuple[Problem, ...], status: int = 0
) -> HTMLResponse:
    """Problems as a page, with the way back."""
    shown = Problems(problems)
    html = render_page("problems.html.j2", shown, **chrome(dashboard, request))
    return HTMLResponse(html, status or status_of(problems))


@dataclass(frozen=True, slots=True)
class Waiting:
    """A page that is shown while another is made, whose twin tells when it is there."""

    twin: str

    @property
    def title(self) -> str:
        """What the page is called."""
        return "One moment"

    def to_json(self) -> dict[str, Any]:
        """What it says."""
        return {"twin": self.twin}


@dataclass(frozen=True, slots=True)
class Problems:
    """A page that tells why there is no other."""

    problems: tuple[Problem, ...]

    @property
    def title(self) -> str:
        """What the page is called."""
        return "Not found" if status_of(self.problems) == 404 else "This cannot be shown"

    def to_json(self) -> dict[str, Any]:
        """What it says."""
        return {"problems": [problem.message for problem in self.problems]}


def _show(dashboard: Dashboard, request: Request, view: View, query: Query, as_json: bool) -> Response:
    try:
        shown = view(dashboard, query)
        if as_json:
            return json_response(shown.page.to_json())
        around = {**chrome(dashboard, request), **(shown.more or {})}
        return HTMLResponse(render_page(shown.template, shown.page, **around))
    except OvertonError as error:
        if as_json:
            return problems_response(error.problems)
        return problem_page(dashboard, request, error.problems)
    except OSError as error:
        told = (refused(error),)
        return problems_response(told) if as_json else problem_page(dashboard, request, told)
    except Exception:  # the outermost edge: the log tells all, the page that there is something to look up
        log.exception("%s %s failed", request.method, request.url.path)
        failed = Problem("the dashboard failed; its log tells why", "web.failed")
        return problems_response([failed], FAILED) if as_json else problem_page(dashboard, request, (failed,), FAILED)


def _act(dashboard: Dashboard, said: Any, act: Callable[[Dashboard, Any, Query], Any], query: Query) -> Response:
    try:
        return json_response(act(dashboard, said, query))
    except OvertonError as error:
        return problems_response(error.problems)
    except OSError as error:
        return problems_response([refused(error)])
    except Exception:
        log.exception("an action failed")
        return problems_response([Problem("the dashboard failed; its log tells why", "web.failed")], FAILED)


async def _read(request: Request) -> bytes | None:
    """The body; None where it is too long."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY:
            return None
        parts.append(part)
    return b"".join(parts)
