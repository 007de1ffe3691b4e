"""Uvicorn's reading of HTTP, with limits on what stands before a body and on its time, and with a quick no.

Without the limits a client could fill the memory with headers, or hold a connection open for ever with half of one. And
a server in overload must not spend on refusals what it has for answers: they are written here, before there is a task
or any of what belongs to a request, which takes a fifth of the time.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from overton.serve.ask import REQUEST_ID, route_of
from overton.serve.limits import busy
from overton.serve.service import Service

PREDICTIONS = (b"/v1/predict", b"/v2/models/")
MOST_HEAD = 64 << 10
TOO_MUCH = "The head of the request is too long."


class LimitedProtocol(HttpToolsProtocol):
    """One connection.

    Args:
        service: The state of the server.

    Attributes:
        begun: When the client began a request whose head is not all there, by the clock of the loop; None where there
            is none.
    """

    def __init__(self, service: Service, *positional: Any, **named: Any) -> None:
        super().__init__(*positional, **named)
        self._service = service
        self.begun: float | None = None
        self._head = 0
        self._fields = 0
        self._refused = False
        self._body_begun: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Wait for the first request as long as for the next one."""
        super().connection_made(transport)
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def data_received(self, data: bytes) -> None:
        """Read some bytes."""
        super().data_received(data)
        if self.begun is None:
            return
        self._head += len(data)
        if self._head > MOST_HEAD and not self.transport.is_closing():
            self.send_400_response(TOO_MUCH)

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self.begun = self.loop.time()
        self._fields = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or a field after a body that came in chunks."""
        self._fields += len(name) + len(value)
        if self._fields > MOST_HEAD:
            raise ValueError(TOO_MUCH)  # the parser gives up, and uvicorn answers 400
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The body begins: of a request that is answered, or of one too many."""
        self.begun, self._head = None, 0
        self._body_begun = self.loop.time()
        if self.url.startswith(PREDICTIONS) and self.parser.get_method() == b"POST":
            service = self._service
            answered_before = self.cycle is None or self.cycle.response_complete
            if service.is_full and answered_before and not self.expect_100_continue:
                self._refuse()
                return
            if not service.arrived:
                self.loop.call_soon(_none_arrived, service)  # by then each counts itself
            service.arrived += 1
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body; of a request that was refused it is dropped."""
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        self._body_begun = None
        if self._refused:
            self._refused = False
            return
        super().on_message_complete()

    def _refuse(self) -> None:
        """Write the answer that there are too many, and leave the connection as it is."""
        self._refused = True
        path = self.url.decode("latin-1").partition("?")[0]
        service, answer = self._service, busy(path)
        service.metrics.add("overton_shed_total")
        service.metrics.add("overton_requests_total", route_of(path), "429")
        headers = {
            "content-type": answer.media_type,
            "content-length": str(len(answer.body)),
            **answer.headers,
            **self._given_back(),
        }
        if not self.parser.should_keep_alive():
            headers["connection"] = "close"
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.transport.write(f"HTTP/1.1 429 Too Many Requests\r\n{lines}\r\n".encode("latin-1") + answer.body)
        if "connection" in headers:
            self.transport.close()
        else:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _given_back(self) -> dict[str, str]:
        """The id of the request, where it has one."""
        for name, value in self.headers:
            if name == b"x-request-id" and REQUEST_ID.fullmatch(value):
                return {"x-request-id": value.decode("ascii")}
        return {}

    def close_if_slow(self, before: float) -> None:
        """Close the connection where its client began something before that time, and has not sent the rest of it.

        That is the head of a request; or a body for which nobody waits, since the request is answered without it.
        """
        is_answered = self._refused or self.cycle is None or self.cycle.response_complete
        since = self._body_begun if self.begun is None and is_answered else self.begun
        if since is not None and since < before and not self.transport.is_closing():
            self.transport.close()


def _none_arrived(service: Service) -> None:
    service.arrived = 0
