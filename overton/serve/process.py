"""One process that serves: the application on uvicorn, a version loaded beside, and a quiet end.

On SIGTERM or SIGINT `/readyz` says 503 at once; after `drain_seconds`, in which a load balancer can notice, the server
takes no more connections, finishes what it is answering and returns. A second signal ends it at once.
"""

import asyncio
import gc
import logging
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn

from overton.base import Event, Observe, OvertonError, Problem, ignore
from overton.serve.answer import Model
from overton.serve.canary import Canary, Shadow, broken_by
from overton.serve.follow import Follower, load_model
from overton.serve.log import RequestLog
from overton.serve.memory import give_back_memory, keep_large_blocks_apart
from overton.serve.routes import make_app
from overton.serve.service import Service
from overton.serve.settings import Place, Settings
from overton.serve.shared import ALONE, Shared
from overton.store import Store, is_of_the_store

BACKLOG = 2048
FINISH_SECONDS = 10
KEEP_ALIVE_SECONDS = 75
TICKS_A_SECOND = 10
# A thread that loads a version must let the loop go on after this, not after the usual 5 ms.
SWITCH_SECONDS = 0.0005


def serve(
    settings: Settings, listener: socket.socket, token: str, *, shared: Shared = ALONE, observe: Observe = ignore
) -> None:
    """Serve on a socket in this process until told to stop.

    Args:
        settings: What is served, and how.
        listener: The socket, bound.
        token: What a client must show; empty for nothing.
        shared: What this process and others on the same socket know of each other.
        observe: Told of everything.

    Raises:
        OvertonError: Where the version cannot be loaded, or the log not be written.
    """
    keep_large_blocks_apart()
    service = Service(name=settings.name, limits=settings.limits)
    if settings.log_file:
        path = shared.log_path(Path(settings.log_file))
        service.log = RequestLog(path, rate=settings.log_rate, metrics=service.metrics, observe=observe)
    config = uvicorn.Config(
        # Without a token the address is one of this machine alone, as `server.bind` sees to.
        make_app(service, token=token, host="" if token else settings.host, others=shared.others),
        http=_protocol(service),
        proxy_headers=False,
        lifespan="off",
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=FINISH_SECONDS,
    )
    server = Server(config, service, settings, shared, observe)
    log = _Log(observe)
    logger = logging.getLogger("uvicorn.error")
    logger.addHandler(log)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        server.run(sockets=[listener])
    finally:
        sys.setswitchinterval(interval)
        logger.removeHandler(log)
        if service.log is not None:
            service.log.close()
        if service.shadow is not None:
            service.shadow.close()
    if server.fault is not None:
        raise server.fault


def load_models(settings: Settings) -> tuple[Model, Model | None, Model | None]:
    """The version that is served, the canary and the shadow, each ready.

    The first is the one that the alias names by now: a worker that replaces another may begin long after the server.
    Where that cannot be loaded, which the follower will tell, it is the one that the server began with.

    Raises:
        OvertonError: Where one cannot be loaded, or a client of the first would break on the canary.
    """
    place = _place_by_now(settings)
    try:
        model = load_model(place.load(), model=place.model, threads=settings.threads)
    except Exception as error:  # whatever is wrong with it, what was promoted must not keep a worker from its work
        if place == settings.place or (isinstance(error, OvertonError) and is_of_the_store(error)):
            raise
        place = settings.place
        model = load_model(place.load(), model=place.model, threads=settings.threads)
    others = [
        load_model(other.load(), model=other.model, threads=settings.threads) if other else None
        for other in (settings.canary, settings.shadow)
    ]
    canary, shadow = others
    if canary is not None and place == settings.place:  # beside what was promoted since the other workers serve it too
        _check_canary(model, canary)
    return model, canary, shadow


def _place_by_now(settings: Settings) -> Place:
    """Where the version lies that the alias names; the version that was to be served first where that cannot be told.

    Raises:
        OvertonError: Where the store cannot be reached.
    """
    if not settings.alias:
        return settings.place
    try:
        named = Store(settings.place.store).current(settings.alias)
    except OvertonError as error:
        if is_of_the_store(error):
            raise
        named = None  # the follower will tell what is wrong with its log
    return replace(settings.place, version=named) if named else settings.place


def _check_canary(model: Model, canary: Model) -> None:
    """See that no client of a version would break on its canary.

    Raises:
        OvertonError: Where one would.
    """
    broken = broken_by(canary, model)
    hint = "A canary answers the same clients: choose a version with the same signature, or --shadow it"
    if broken:
        raise OvertonError(
            Problem(message=f"{what}: clients of {model.version} would break", code="serve.canary", hint=hint)
            for what in broken
        )


class Server(uvicorn.Server):
    """Uvicorn's server, which loads the version once it listens, and drains before it stops."""

    def __init__(
        self, config: uvicorn.Config, service: Service, settings: Settings, shared: Shared, observe: Observe
    ) -> None:
        super().__init__(config)
        self.fault: Exception | None = None
        self._service = service
        self._settings = settings
        self._shared = shared
        self._observe = observe
        self._stop_at: float | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then load; where others answer on the socket, load first: they take what comes meanwhile."""
        host, port = (sockets or [])[0].getsockname()[:2]
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        ready = asyncio.create_task(self._make_ready(url, port))
        self._tasks.append(ready)
        if self._shared.is_one_of_several:
            await ready
        if not self.should_exit:
            await super().startup(sockets=sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Look at no alias any more, and finish."""
        for task in self._tasks:
            task.cancel()
        await super().shutdown(sockets=sockets)
        self._shared.tell(self._service.counts)

    async def on_tick(self, counter: int) -> bool:
        """Whether to stop now; asked ten times a second."""
        if self._stop_at is not None and time.monotonic() >= self._stop_at:
            self.should_exit = True
        if counter % TICKS_A_SECOND == 0:
            before = asyncio.get_running_loop().time() - self._settings.limits.max_seconds
            for connection in list(self.server_state.connections):
                close: Callable[[float], None] | None = getattr(connection, "close_if_slow", None)
                if close is not None:
                    close(before)
            if self._service.log is not None:
                self._service.log.flush()
            self._shared.tell(self._service.counts)
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop; at the second signal stop at once."""
        if self._service.draining:
            self.should_exit = self.force_exit = True
            return
        self._service.draining = True
        self._stop_at = time.monotonic() + self._settings.drain_seconds
        self._observe(Event("serve", f"{signal.Signals(sig).name}: stopping"))

    async def _make_ready(self, url: str, port: int) -> None:
        service, settings = self._service, self._settings
        try:
            model, canary, shadow = await asyncio.to_thread(load_models, settings)
        except Exception as error:  # told to the caller of `run`, whatever it is
            self.fault = error
            self.should_exit = True
            return
        give_back_memory()
        gc.freeze()  # what is loaded by now stays: collections need not walk it during requests
        service.canary = Canary(canary, settings.canary_share) if canary else None
        service.shadow = Shadow(shadow, self._observe) if shadow else None
        service.serve(model)
        if settings.alias:
            follower = Follower(
                service,
                settings.place.store,
                settings.alias,
                seconds=settings.poll_seconds,
                threads=settings.threads,
                model=settings.place.model,
                observe=self._observe,
            )
            self._tasks.append(asyncio.create_task(follower.run()))
        beside = "".join(
            f", {name} {one.version}" for name, one in (("canary", canary), ("shadow", shadow)) if one is not None
        )
        follows = f", follows {settings.alias}" if settings.alias else ""
        message = f"version {model.version} at {url}{follows}{beside}"
        self._observe(Event("serve", message, values={"url": url, "port": port}))


class _Log(logging.Handler):
    """What uvicorn has to complain of, as events."""

    def __init__(self, observe: Observe) -> None:
        super().__init__(logging.WARNING)
        self._observe = observe

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a log line on."""
        self._observe(Event("serve", self.format(record)))


def _protocol(service: Service) -> Any:
    """How HTTP is read: by ours where its parser is installed, which it is but on Windows."""
    try:
        from overton.serve.protocol import LimitedProtocol
    except ImportError:
        return "auto"
    return partial(LimitedProtocol, service)
