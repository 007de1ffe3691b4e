"""The HTTP application: routes, limits and headers around `answer`.

    POST /v1/predict        one record, or {"records": [...]}; ?probabilities=true
    GET  /v1/signature      what a record holds and what comes back
    GET  /healthz           the process lives
    GET  /readyz            it has a version loaded and warmed, and is not about to stop

The model runs in the event loop: a call takes less time than handing it to a thread would.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from hmac import compare_digest

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from overton.artifact import Runtime
from overton.base import Problem
from overton.serve.answer import NOT_READY, OK, Answer, Limits, Model, answer, refuse, too_large

Endpoint = Callable[[Request], Awaitable[Response]]
UNAUTHORIZED, UNSUPPORTED, FAILED = 401, 415, 500
JSON = re.compile(r"\s*application/(\S+\+)?json\s*(;|$)", re.IGNORECASE)
REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")


class Service:
    """What the routes look at for each request. The version in `model` may be changed for another at any time.

    Attributes:
        model: The version that answers; None while the first is loaded.
        draining: Whether the server is about to stop: it still answers, but asks for no more requests.
    """

    def __init__(self, model: Model | None = None) -> None:
        self.model = model
        self.draining = False

    @property
    def state(self) -> str:
        """`loading`, `ready` or `draining`."""
        return "draining" if self.draining else "ready" if self.model else "loading"


def create_app(runtime: Runtime, version: str, *, limits: Limits | None = None, token: str = "") -> ASGIApp:
    """The application that serves one version.

    Args:
        runtime: The version's model.
        version: Its id, told in every answer.
        limits: What a request may cost.
        token: What a client must show as `Authorization: Bearer`; empty for nothing.
    """
    return make_app(Service(Model.of(runtime, version)), limits=limits, token=token)


def make_app(service: Service, *, limits: Limits | None = None, token: str = "") -> ASGIApp:
    """The application around a service whose version may still be loading."""
    limits = limits or Limits()
    app = Starlette(
        routes=[
            Route("/v1/predict", _predict(service, limits), methods=["POST"]),
            Route("/v1/signature", _signature(service), methods=["GET"]),
            Route("/healthz", _healthz, methods=["GET"]),
            Route("/readyz", _readyz(service), methods=["GET"]),
        ],
        exception_handlers={HTTPException: _http_fault, Exception: _inner_fault},
    )
    return _Guard(app, token.encode())


def _predict(service: Service, limits: Limits) -> Endpoint:
    async def predict(request: Request) -> Response:
        if service.model is None:
            return _respond(_loading(), {"retry-after": "1"})
        if not JSON.match(request.headers.get("content-type", "application/json")):
            return _respond(_not_json_type())
        body = await _read(request.receive, limits.max_bytes)
        if body is None:
            return _respond(too_large(limits), {"connection": "close"})
        query = request.scope["query_string"].decode("latin-1")
        return _respond(answer(service.model, body, query, limits))

    return predict


def _signature(service: Service) -> Endpoint:
    async def signature(request: Request) -> Response:
        model = service.model
        if model is None:
            return _respond(_loading(), {"retry-after": "1"})
        value = {"version": model.version, **model.runtime.signature.to_json()}
        return _respond(Answer(OK, msgspec.json.encode(value)))

    return signature


def _readyz(service: Service) -> Endpoint:
    async def readyz(request: Request) -> Response:
        value = {"status": service.state, "version": service.model.version if service.model else None}
        return _respond(Answer(OK if service.state == "ready" else NOT_READY, msgspec.json.encode(value)))

    return readyz


async def _healthz(request: Request) -> Response:
    return _respond(Answer(OK, b'{"status":"alive"}'))


async def _http_fault(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException), "registered for that alone"
    path = request.scope["path"]
    problem = Problem(
        message=f"{request.method} {path}: {error.detail}",
        code="serve.no-route",
        hint="There are POST /v1/predict, GET /v1/signature, /healthz and /readyz",
    )
    return _respond(refuse(error.status_code, [problem]), dict(error.headers or {}))


async def _inner_fault(request: Request, error: Exception) -> Response:
    problem = Problem(message="the server failed, its log tells why", code="serve.failed")
    return _respond(refuse(FAILED, [problem]))


async def _read(receive: Receive, max_bytes: int) -> bytes | None:
    """The body of a request; None where it is too long, nothing where the client went away."""
    message = await receive()
    body = message.get("body", b"")
    parts, size = [body], len(body)
    while message.get("more_body") and size <= max_bytes:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b""
        parts.append(message.get("body", b""))
        size += len(parts[-1])
    if size > max_bytes:
        return None
    return body if len(parts) == 1 else b"".join(parts)


def _respond(value: Answer, headers: Mapping[str, str] | None = None) -> Response:
    return Response(value.body, value.status, headers, media_type="application/json")


def _loading() -> Answer:
    return refuse(NOT_READY, [Problem(message="the version is still being loaded", code="serve.not-ready")])


def _not_json_type() -> Answer:
    problem = Problem(
        message="the request is not marked as JSON",
        code="serve.content-type",
        hint="Send the header Content-Type: application/json",
    )
    return refuse(UNSUPPORTED, [problem])


class _Guard:
    """Around everything: asks for the token, and gives a request's `X-Request-Id` back with its answer."""

    def __init__(self, app: ASGIApp, token: bytes) -> None:
        self._app = app
        self._expected = b"Bearer " + token if token else b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        request_id = headers.get(b"x-request-id", b"")
        if REQUEST_ID.fullmatch(request_id):
            send = _with_header(send, (b"x-request-id", request_id))
        if self._expected and scope["path"].startswith("/v1/"):
            shown = headers.get(b"authorization", b"")
            if not compare_digest(shown, self._expected):
                await _respond(_no_token(), {"www-authenticate": "Bearer"})(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _with_header(send: Send, header: tuple[bytes, bytes]) -> Send:
    async def send_with_header(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), header]}
        await send(message)

    return send_with_header


def _no_token() -> Answer:
    problem = Problem(
        message="the request shows no token, or another one",
        code="serve.token",
        hint="Send the header Authorization: Bearer TOKEN",
    )
    return refuse(UNAUTHORIZED, [problem])
