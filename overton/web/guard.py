"""What stands around every request of the dashboard: who may ask, what may be sent, and what a page may load.

The server listens on this machine alone, but any page that a browser shows may send requests there. So:

- a request must name this machine as its host: a name of a foreign page that was made to point here is refused
  (DNS rebinding);
- what changes something must come from a page of ours: `Origin` and `Sec-Fetch-Site` must say so where they are sent,
  it must be JSON, and it must show a token that only our pages hold;
- a page loads script and style by a nonce of its own and from nowhere else, and cannot be put into a frame.
"""

import secrets
from hmac import compare_digest

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from overton.base import Problem, is_local_host, whole_number
from overton.web.respond import problems_response

SAFE = ("GET", "HEAD")
OWN_SITE = ("", "same-origin", "none")
TOKEN_HEADER = "x-overton-token"
MAX_BODY = 1 << 20
FORBIDDEN, TOO_LARGE, MISDIRECTED = 403, 413, 421
POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class Guard:
    """The dashboard with these rules around it.

    Args:
        app: The dashboard.
        token: What a request that changes something must show.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, or pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        nonce = secrets.token_urlsafe(16)
        scope.setdefault("state", {})["nonce"] = nonce
        send = _with_headers(send, nonce)
        refused = self._refusal(scope["method"], headers)
        if refused:
            status, problem = refused
            await problems_response([problem], status)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refusal(self, method: str, headers: dict[str, str]) -> tuple[int, Problem] | None:
        """Why a request is refused; None where it is not."""
        host = headers.get("host", "")
        if not is_local_host(host):
            message = f"the request is for the host {host[:80]!r}, and this server answers for this machine alone"
            hint = "Open it as http://127.0.0.1:PORT or http://localhost:PORT"
            return MISDIRECTED, Problem(message, "web.host", hint=hint)
        if method in SAFE:
            return None
        origin, site = headers.get("origin"), headers.get("sec-fetch-site", "")
        if (origin is not None and origin.lower() != f"http://{host.lower()}") or site not in OWN_SITE:
            return FORBIDDEN, Problem("the request comes from a page of another site", "web.origin")
        if not compare_digest(headers.get(TOKEN_HEADER, "").encode(), self._token.encode()):
            hint = "Load the page again: the server may have been started anew since"
            return FORBIDDEN, Problem("the request shows no token of this server", "web.token", hint=hint)
        length = whole_number(headers.get("content-length", "0"))
        if length is None or length > MAX_BODY:
            return TOO_LARGE, Problem(f"the request has more than {MAX_BODY:,} bytes", "web.too-large")
        return None


def _with_headers(send: Send, nonce: str) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["content-security-policy"] = POLICY.format(nonce=nonce)
            headers["x-content-type-options"] = "nosniff"
            headers["x-frame-options"] = "DENY"
            headers["referrer-policy"] = "no-referrer"
            headers["cross-origin-opener-policy"] = "same-origin"
            headers["cross-origin-resource-policy"] = "same-origin"
            headers.setdefault("cache-control", "no-store")
        await send(message)

    return send_with_headers
