"""The dashboard as an HTTP application: every page with its JSON twin, and what editors do.

GET  /  /slice  /errors  /record  /discover  /sources  /versions  /compare  /builds  /builds/{job}
GET  the same with .json, or with Accept: application/json; / is /index.json
POST /edits/label  /edits/tag  /edits/slice  /builds  /builds/{job}/stop  /promote      JSON in, JSON out
"""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from overton.base import Problem
from overton.web.dashboard import Dashboard
from overton.web.guard import Guard
from overton.web.render import asset
from overton.web.respond import problems_response
from overton.web.routes.builds import BuildBody, StopBody, build_view, builds_view, start_build, stop_build
from overton.web.routes.discover import discover_view
from overton.web.routes.edits import LabelBody, SliceBody, TagBody, save_label, save_slice, save_tag
from overton.web.routes.errors import errors_view
from overton.web.routes.home import home_view
from overton.web.routes.record import record_view
from overton.web.routes.slices import slice_view
from overton.web.routes.sources import sources_view
from overton.web.routes.versions import PromoteBody, compare_view, promote, versions_view
from overton.web.routing import action, pages, problem_page, wants_json

VIEWS = {
    "/": home_view,
    "/slice": slice_view,
    "/errors": errors_view,
    "/record": record_view,
    "/discover": discover_view,
    "/sources": sources_view,
    "/versions": versions_view,
    "/compare": compare_view,
    "/builds": builds_view,
    "/builds/{job}": build_view,
}
STATIC = {
    "overton.css": "text/css",
    "overton.js": "text/javascript",
    "dashboard.css": "text/css",
    "dashboard.js": "text/javascript",
}


def make_app(dashboard: Dashboard) -> ASGIApp:
    """The application around a dashboard."""

    async def http_fault(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException), "registered for that alone"
        message = f"{request.method} {request.url.path[:200]}: {error.detail.lower()}"
        problem = Problem(message, "web.no-page", hint="Begin at /")
        if request.method != "GET" or wants_json(request) or request.url.path.endswith(".json"):
            return problems_response([problem], error.status_code)
        return problem_page(dashboard, request, (problem,), error.status_code)

    routes = [route for path, view in VIEWS.items() for route in pages(dashboard, path, view)]
    routes += [
        action(dashboard, "/edits/label", LabelBody, save_label),
        action(dashboard, "/edits/tag", TagBody, save_tag),
        action(dashboard, "/edits/slice", SliceBody, save_slice),
        action(dashboard, "/builds", BuildBody, start_build),
        action(dashboard, "/builds/{job}/stop", StopBody, stop_build),
        action(dashboard, "/promote", PromoteBody, promote),
        Route("/static/{name}", _static, methods=["GET"]),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: http_fault})
    return Guard(app, dashboard.token)


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in STATIC:
        return problems_response([Problem(f"there is no file {name[:80]!r}", "web.no-page")])
    return Response(asset(name), media_type=STATIC[name], headers={"cache-control": "no-cache"})
