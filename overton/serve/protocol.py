"""Uvicorn's reading of HTTP, with a limit on what stands before a body, and on the time that it takes to come.

Without them a client could fill the memory with headers, or hold a connection open for ever with half of one.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HEAD = 64 << 10
TOO_MUCH = "The head of the request is too long."


class LimitedProtocol(HttpToolsProtocol):
    """One connection.

    Attributes:
        begun: When the client began a request whose head is not all there, by the clock of the loop; None where there
            is none.
    """

    def __init__(self, *positional: Any, **named: Any) -> None:
        super().__init__(*positional, **named)
        self.begun: float | None = None
        self._head = 0
        self._fields = 0

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
        """The body begins."""
        self.begun, self._head = None, 0
        super().on_headers_complete()

    def close_if_slow(self, before: float) -> None:
        """Close the connection where its client began a request before that time, and has not sent the head of it."""
        if self.begun is not None and self.begun < before and not self.transport.is_closing():
            self.transport.close()
