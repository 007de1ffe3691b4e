"""What a server serves, and the alias that it follows: to promote a version is to deploy it.

A new version is loaded beside the old one, in a thread of its own; it replays the golden requests of its build, and
only then takes the place of the old one, at once and between two requests. One that fails stays out, and so does
everything while the store cannot be reached: the old version goes on.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from overton.artifact import Artifact, Runtime, replay_golden
from overton.base import Event, Observe, OvertonError, ignore
from overton.serve.answer import Model
from overton.serve.memory import give_back_memory
from overton.serve.service import Following, Service
from overton.store import Store, is_of_the_store

JITTER = 0.2
LONGEST_PAUSE = 64  # polls that a version which failed is left alone, at most


def load_model(artifact: Artifact, *, model: str = "", threads: int = 1) -> Model:
    """A version made ready: its models loaded, their golden requests answered as when it was built, and warm.

    Args:
        artifact: The version.
        model: The one of its models that is wanted; empty for all.
        threads: Threads of a model for one call.

    Raises:
        OvertonError: Where there is no such model, or one cannot be loaded or answers otherwise.
    """
    if model or not artifact.models:
        return _ready(artifact.model(model), label_of(artifact.id, model), threads)
    found = {name: _ready(artifact.model(name), artifact.id, threads) for name in artifact.models}
    first, *others = artifact.models
    beside = {name: replace(found[name], name=name, version=label_of(artifact.id, name)) for name in others}
    return replace(found[first], name=first, others=beside)


def label_of(version: str, model: str = "") -> str:
    """How a version is called in answers: its id, and the model where one of several is meant."""
    return f"{version}:{model}" if model else version


def _ready(artifact: Artifact, version: str, threads: int) -> Model:
    runtime = Runtime(artifact, threads=threads)
    lines = artifact.files.get("golden.jsonl", b"").splitlines()
    if lines:
        replay_golden(runtime, lines)
    else:
        runtime.warm_up()
    return Model.of(runtime, version)


class Follower:
    """Looks at an alias now and then, and lets a service answer by the version that it names.

    Args:
        service: The service, whose version is changed.
        store: URL of the store.
        alias: The alias.
        seconds: How often to look, give or take a fifth, so that not all servers look at once.
        threads: Threads of the model for one call.
        model: The one of its models that is served; empty for all.
        observe: Told of what changes and what fails.
    """

    def __init__(
        self,
        service: Service,
        store: str,
        alias: str,
        *,
        seconds: float = 5.0,
        threads: int = 1,
        model: str = "",
        observe: Observe = ignore,
    ) -> None:
        self._model = model
        self._service = service
        self._store = Store(store)
        self._alias = alias
        self._seconds = seconds
        self._threads = threads
        self._observe = observe
        self._refused = ""
        self._failures = 0
        self._pause = 0
        service.following = Following(alias, looked=time.monotonic())

    async def run(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Look again and again, until cancelled."""
        while True:
            await sleep(self._seconds * random.uniform(1 - JITTER, 1 + JITTER))
            await self.look()

    async def look(self) -> None:
        """Look once, and serve what the alias names; never raises for what is the store's fault or the version's."""
        following = self._service.following
        assert following is not None, "set when this was made"
        try:
            named = await asyncio.to_thread(self._named)
        except Exception as error:  # whatever it is, it must not be the last look
            self._unreadable(following, error)
            return
        following.looked, following.named = time.monotonic(), named
        current = self._service.model.version if self._service.model else ""
        if not named or label_of(named, self._model) == current:
            message = f"the alias {self._alias} is gone; {current} stays" if not named else ""
            self._told(following, message)
            self._refused, self._failures = "", 0
            return
        if named == self._refused and self._pause > 0:
            self._pause -= 1
            return
        await self._change(following, named)

    async def _change(self, following: Following, named: str) -> None:
        started = time.monotonic()
        try:
            model = await asyncio.to_thread(self._load, named)
        except Exception as error:  # whatever is wrong with it, the version that serves is not to fall with it
            if isinstance(error, OvertonError) and is_of_the_store(error):
                self._unreadable(following, error)  # the version is tried again at the next look
                return
            self._failures = self._failures + 1 if named == self._refused else 0
            self._refused, self._pause = named, min(1 << self._failures, LONGEST_PAUSE) - 1
            self._service.metrics.add("overton_reloads_total", "failed")
            self._told(following, f"{named} stays out: {_reason(error)}")
            return
        before = self._service.model
        self._service.serve(model)
        self._refused, self._failures = "", 0
        self._service.metrics.add("overton_reloads_total", "loaded")
        self._told(following, "")
        took = time.monotonic() - started
        old = before.version if before else "nothing"
        self._observe(Event("follow", f"{self._alias}: {old} -> {model.version}, ready in {took:.1f} s"))
        canary = self._service.canary
        if canary is not None and self._service.rests:
            reason = f"clients of {model.version} would break: {'; '.join(self._service.rests)}"
            self._observe(Event("canary", f"{canary.model.version} rests, {reason}"))
        del before
        await asyncio.to_thread(give_back_memory)

    def _named(self) -> str:
        return self._store.current(self._alias) or ""

    def _load(self, version: str) -> Model:
        return load_model(self._store.get(version), model=self._model, threads=self._threads)

    def _unreadable(self, following: Following, error: Exception) -> None:
        self._service.metrics.add("overton_follow_errors_total")
        self._told(following, f"the store cannot be read: {_reason(error)}")

    def _told(self, following: Following, problem: str) -> None:
        """Keep what is wrong, and say it once."""
        if problem != following.problem:
            self._observe(Event("follow", problem or f"{self._alias} can be followed again"))
        following.problem = problem


def _reason(error: Exception) -> str:
    return error.problems[0].message if isinstance(error, OvertonError) else repr(error)
