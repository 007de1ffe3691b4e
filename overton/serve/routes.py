"""The HTTP application: routes and headers around `ask`.

    POST /v1/predict        one record, {"records": [...]}, or a record a line (NDJSON); ?probabilities=true
    GET  /v1/signature      what a record holds and what comes back
    GET  /healthz           the process lives
    GET  /readyz            it has a version loaded and warmed, and is not about to stop
    GET  /metrics           counters, for Prometheus
    GET  /openapi.json      the same contract for programs, /docs for people
    /v2/...                 the Open Inference Protocol, see `oip`

The route of predictions is answered before Starlette, which costs a quarter of the time of a request.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from hmac import compare_digest
from importlib.resources import files

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from overton.artifact import Runtime
from overton.base import Problem, is_local_host
from overton.serve.answer import Model
from overton.serve.ask import PREDICT, REQUEST_ID, ask, form_of, route_of
from overton.serve.limits import (
    NOT_READY,
    OK,
    Answer,
    Limits,
    failed,
    in_words_of,
    loading,
    no_token,
    other_host,
    refuse,
)
from overton.serve.metrics import MEDIA_TYPE, Counts, merge_counts, render_metrics
from overton.serve.oip import oip_routes
from overton.serve.openapi import openapi
from overton.serve.respond import respond
from overton.serve.service import Service

Endpoint = Callable[[Request], Awaitable[Response]]
Others = Callable[[], list[Counts]]
OPEN = frozenset({"/healthz", "/readyz", "/docs", "/v2/health/live", "/v2/health/ready"})
HTML = "text/html; charset=utf-8"
PAGE_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
}


def no_others() -> list[Counts]:
    """The counts of other workers, where there are none."""
    return []


def create_app(runtime: Runtime, version: str, *, limits: Limits | None = None, token: str = "") -> ASGIApp:
    """The application that serves one version.

    Args:
        runtime: The version's model.
        version: Its id, told in every answer.
        limits: What a request may cost.
        token: What a client must show as `Authorization: Bearer`; empty for nothing.
    """
    return make_app(Service(Model.of(runtime, version), limits=limits), token=token)


def make_app(service: Service, *, token: str = "", host: str = "", others: Others = no_others) -> ASGIApp:
    """The application around a service whose version may still be loading.

    Args:
        service: The state that the routes look at.
        token: What a client must show; empty for nothing.
        host: The address of this machine alone that the server was told to bind, where requests for other hosts are
            to be refused; empty for answering all.
        others: Tells the counts of the other workers on the port.
    """
    routes = {
        "/v1/signature": _signature(service),
        "/healthz": _healthz,
        "/readyz": _readyz(service),
        "/metrics": _metrics(service, others),
        "/openapi.json": _openapi(service),
        "/docs": _docs,
    }
    app = Starlette(
        routes=[
            Route(PREDICT, _never, methods=["POST"]),
            *(Route(path, endpoint, methods=["GET"]) for path, endpoint in routes.items()),
            *oip_routes(service),
        ],
        exception_handlers={HTTPException: _http_fault, Exception: _inner_fault},
    )
    app.router.redirect_slashes = False  # it would put together a url of what a client sent
    return _Gate(app, service, token.encode(), host)


async def _never(request: Request) -> Response:
    raise AssertionError("answered before")


def _signature(service: Service) -> Endpoint:
    async def signature(request: Request) -> Response:
        model = service.model
        if model is None:
            return respond(loading())
        value = {"version": model.version, **model.runtime.signature.to_json()}
        return respond(Answer(OK, msgspec.json.encode(value)))

    return signature


def _readyz(service: Service) -> Endpoint:
    async def readyz(request: Request) -> Response:
        status = OK if service.state == "ready" else NOT_READY
        return respond(Answer(status, msgspec.json.encode(service.to_json())))

    return readyz


def _metrics(service: Service, others: Others) -> Endpoint:
    async def metrics(request: Request) -> Response:
        text = render_metrics(merge_counts([service.counts(), *others()]))
        return respond(Answer(OK, text.encode(), MEDIA_TYPE))

    return metrics


def _openapi(service: Service) -> Endpoint:
    async def document(request: Request) -> Response:
        model = service.model
        if model is None:
            return respond(loading())
        versions = [one.version for one in service.models()]
        told = openapi(model, service.limits, name=service.name, versions=versions)
        return respond(Answer(OK, msgspec.json.encode(told)))

    return document


async def _docs(request: Request) -> Response:
    page = files("overton.serve").joinpath("docs.html").read_bytes()
    return respond(Answer(OK, page, HTML, PAGE_HEADERS))


async def _healthz(request: Request) -> Response:
    return respond(Answer(OK, b'{"status":"alive"}'))


async def _http_fault(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException), "registered for that alone"
    problem = Problem(
        message=f"{request.method} {request.scope['path']}: {error.detail}",
        code="serve.no-route",
        hint="/docs tells which routes there are; predictions are asked for by POST /v1/predict",
    )
    refused = refuse(error.status_code, [problem], dict(error.headers or {}))
    return respond(in_words_of(request.scope["path"], refused))


async def _inner_fault(request: Request, error: Exception) -> Response:
    return respond(in_words_of(request.scope["path"], failed()))


class _Gate:
    """Around everything: who may ask, answers to predictions, a request's `X-Request-Id` given back, and counts."""

    def __init__(self, app: ASGIApp, service: Service, token: bytes, host: str) -> None:
        self._app = app
        self._service = service
        self._own = host
        self._expected = b"Bearer " + token if token else b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        told: dict[bytes, bytes] = dict(scope["headers"])
        request_id = told.get(b"x-request-id", b"")
        request_id = request_id if REQUEST_ID.fullmatch(request_id) else b""
        path = scope["path"]
        reply = _Reply(send, self._service, request_id, route_of(path))
        try:
            if path not in OPEN and (refused := self._refusal(told)):
                await reply.answer(in_words_of(path, refused))
            elif path == PREDICT and scope["method"] == "POST":
                query = scope["query_string"].decode("latin-1")
                form = form_of(told.get(b"content-type", b""))
                await reply.answer(await ask(self._service, receive, form=form, query=query, request_id=request_id))
            else:
                await self._app(scope, receive, reply.send)
        except Exception:  # the outermost edge: told in the log, and to the client without its reasons
            logging.getLogger("uvicorn.error").exception("%s %s failed", scope["method"], path)
            if not reply.started:
                await reply.answer(in_words_of(path, failed()))

    def _refusal(self, told: Mapping[bytes, bytes]) -> Answer | None:
        """The answer to who may not ask, by the headers; None to who may."""
        if self._expected and not compare_digest(told.get(b"authorization", b""), self._expected):
            return no_token()
        host = told.get(b"host", b"").decode("latin-1")  # none is given by some probes, and by no browser
        if self._own and host and not is_local_host(host, self._own):
            return other_host(host)
        return None


class _Reply:
    """Sends an answer with the headers that every answer has, and counts it."""

    def __init__(self, send: Send, service: Service, request_id: bytes, route: str) -> None:
        self.started = False
        self._send = send
        self._service = service
        self._request_id = request_id
        self._route = route

    async def answer(self, value: Answer) -> None:
        """Send a whole answer."""
        headers = [
            (b"content-type", value.media_type.encode()),
            (b"content-length", str(len(value.body)).encode()),
            *((name.encode(), text.encode("latin-1")) for name, text in value.headers.items()),
        ]
        await self.send({"type": "http.response.start", "status": value.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": value.body})

    async def send(self, message: Message) -> None:
        """Send one message of an answer."""
        if message["type"] == "http.response.start":
            self.started = True
            self._service.metrics.add("overton_requests_total", self._route, str(message["status"]))
            more: list[tuple[bytes, bytes]] = [(b"x-request-id", self._request_id)] if self._request_id else []
            if self._service.draining:
                more.append((b"connection", b"close"))  # the next one is for another server
            if more:
                message = {**message, "headers": [*message.get("headers", ()), *more]}
        await self._send(message)
