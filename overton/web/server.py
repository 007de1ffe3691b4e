"""The process of the dashboard: a socket on this machine alone, the application on uvicorn, and a quiet end."""

import logging
import socket
from pathlib import Path

import uvicorn

from overton.base import Event, Observe, OvertonError, Problem, ignore
from overton.web.app import make_app
from overton.web.dashboard import Dashboard

HOST = "127.0.0.1"
PORTS = range(1 << 16)
FINISH_SECONDS = 3


def run(directory: Path, *, store: str | None = None, port: int = 8000, observe: Observe = ignore) -> None:
    """Show an application until told to stop. Builds that run go on.

    Args:
        directory: The application.
        store: Where its versions are kept; its own store where None.
        port: Port to bind; 0 for any that is free, which the first event tells.
        observe: Told when the dashboard is there, and of failures.

    Raises:
        OvertonError: Where there is no application, or it cannot bind.
    """
    dashboard = Dashboard(directory, store)
    dashboard.application()
    listener = bind(port)
    config = uvicorn.Config(
        make_app(dashboard),
        lifespan="off",
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=FINISH_SECONDS,
    )
    log = _Log(observe)
    loggers = [logging.getLogger("uvicorn.error"), logging.getLogger("overton.web")]
    for logger in loggers:
        logger.addHandler(log)
    url = f"http://{HOST}:{listener.getsockname()[1]}/"
    observe(Event("web", f"{dashboard.name} at {url}", values={"url": url}))
    dashboard.beside(dashboard.warm_up)
    try:
        uvicorn.Server(config).run(sockets=[listener])
    finally:
        for logger in loggers:
            logger.removeHandler(log)
        listener.close()


def bind(port: int) -> socket.socket:
    """A socket that this machine alone can reach.

    Raises:
        OvertonError: Where another process has the port, or there is no such port.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if port not in PORTS:
            raise OverflowError(f"a port is a number from 0 to {PORTS[-1]}")
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
    except (OSError, OverflowError) as error:
        listener.close()
        hint = "Choose another --port, or stop the process that has it"
        raise OvertonError(Problem(f"cannot bind {HOST}:{port}: {error}", "web.bind", hint=hint)) from None
    return listener


class _Log(logging.Handler):
    """What the server and our pages have to complain of, as events."""

    def __init__(self, observe: Observe) -> None:
        super().__init__(logging.WARNING)
        self._observe = observe

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a line of the log on."""
        self._observe(Event("web", self.format(record)))
