"""The process that serves: a socket, the application on uvicorn, a version loaded beside, and a quiet end.

On SIGTERM or SIGINT `/readyz` says 503 at once; after `drain_seconds`, in which a load balancer can notice, the server
takes no more connections, finishes what it is answering and returns. A second signal ends it at once.
"""

import asyncio
import gc
import logging
import signal
import socket
import time
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from types import FrameType

import uvicorn

from overton.artifact import Artifact, Runtime
from overton.base import Event, Observe, OvertonError, Problem, ignore
from overton.serve.answer import Limits, Model
from overton.serve.app import Service, make_app

BACKLOG = 2048
SHORTEST_TOKEN = 16
FINISH_SECONDS = 10
KEEP_ALIVE_SECONDS = 75
PORTS = range(1 << 16)


def run(
    artifact: Artifact,
    version: str,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    threads: int = 1,
    limits: Limits | None = None,
    token_file: Path | None = None,
    drain_seconds: float = 0.0,
    observe: Observe = ignore,
) -> None:
    """Serve a version until told to stop.

    Args:
        artifact: What is served.
        version: Its id, told in every answer.
        host: Address to bind. Beyond this machine only with a token.
        port: Port to bind; 0 for any that is free, which the first event tells.
        threads: Threads of the model for one call.
        limits: What a request may cost.
        token_file: File that holds the token which clients must show.
        drain_seconds: How long to go on answering after the signal to stop.
        observe: Told when the server is ready and when it stops, and of failures.

    Raises:
        OvertonError: Where it may not or cannot bind, the token is no good, or the model cannot be loaded.
    """
    token = _read_token(token_file) if token_file else ""
    listener = _bind(host, port, token=bool(token))
    service = Service()
    config = uvicorn.Config(
        make_app(service, limits=limits, token=token),
        lifespan="off",
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=FINISH_SECONDS,
    )

    def load() -> Model:
        runtime = Runtime(artifact, threads=threads)
        runtime.warm_up(artifact.files.get("golden.jsonl", b"").splitlines())
        return Model.of(runtime, version)

    server = _Server(config, service, load, drain_seconds, observe)
    log = _Log(observe)
    logger = logging.getLogger("uvicorn.error")
    logger.addHandler(log)
    try:
        server.run(sockets=[listener])
    finally:
        logger.removeHandler(log)
        listener.close()
    if server.fault is not None:
        raise server.fault


class _Server(uvicorn.Server):
    """Uvicorn's server, which loads the version once it listens, and drains before it stops."""

    def __init__(
        self,
        config: uvicorn.Config,
        service: Service,
        load: Callable[[], Model],
        drain_seconds: float,
        observe: Observe,
    ) -> None:
        super().__init__(config)
        self.fault: Exception | None = None
        self._service = service
        self._load = load
        self._drain_seconds = drain_seconds
        self._observe = observe
        self._stop_at: float | None = None
        self._loading: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then load."""
        await super().startup(sockets=sockets)
        host, port = (sockets or [])[0].getsockname()[:2]
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        self._loading = asyncio.create_task(self._make_ready(url, port))

    async def on_tick(self, counter: int) -> bool:
        """Whether to stop now; asked ten times a second."""
        if self._stop_at is not None and time.monotonic() >= self._stop_at:
            self.should_exit = True
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop; at the second signal stop at once."""
        if self._service.draining:
            self.should_exit = self.force_exit = True
            return
        self._service.draining = True
        self._stop_at = time.monotonic() + self._drain_seconds
        self._observe(Event("serve", f"{signal.Signals(sig).name}: stopping"))

    async def _make_ready(self, url: str, port: int) -> None:
        try:
            model = await asyncio.to_thread(self._load)
        except Exception as error:  # told to the caller of `run`, whatever it is
            self.fault = error
            self.should_exit = True
            return
        gc.collect()
        gc.freeze()  # what is loaded by now stays: collections need not walk it during requests
        self._service.model = model
        self._observe(Event("serve", f"version {model.version} at {url}", values={"url": url, "port": port}))


class _Log(logging.Handler):
    """What uvicorn has to complain of, as events."""

    def __init__(self, observe: Observe) -> None:
        super().__init__(logging.WARNING)
        self._observe = observe

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a log line on."""
        self._observe(Event("serve", self.format(record)))


def _bind(host: str, port: int, *, token: bool) -> socket.socket:
    try:
        if port not in PORTS:
            raise OverflowError(f"a port is a number from 0 to {PORTS[-1]}")
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        if not token and not ip_address(str(address[0])).is_loopback:
            raise OvertonError(
                Problem(
                    message=f"{host} can be reached from other machines, and no token is asked for",
                    code="serve.not-loopback",
                    hint="Bind 127.0.0.1, or give a token with --token-file",
                )
            )
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        except OSError:
            listener.close()
            raise
    except (OSError, OverflowError, UnicodeError) as error:
        raise OvertonError(
            Problem(
                message=f"cannot bind {host}:{port}: {error}",
                code="serve.bind",
                hint="Choose another --port, or stop the process that has it",
            )
        ) from None
    return listener


def _read_token(path: Path) -> str:
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise _bad_token(path, str(error)) from None
    if len(token) < SHORTEST_TOKEN or not token.isprintable() or " " in token:
        raise _bad_token(path, f"expected one word of at least {SHORTEST_TOKEN} characters")
    return token


def _bad_token(path: Path, reason: str) -> OvertonError:
    return OvertonError(
        Problem(
            message=f"the token cannot be used: {reason}",
            code="serve.bad-token",
            path=str(path),
            hint="`openssl rand -hex 32` makes a good one",
        )
    )
