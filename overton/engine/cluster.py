"""The engine of a cluster: workers on the nodes of Ray, one a core, each with one thread.

Ray starts processes, carries messages and notices what is lost; which piece goes where, and what is done again, is told
here. Ray is imported when an engine of this kind is first used.
"""

import logging
import os
import socket
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from time import monotonic
from typing import Any

from overton.base import Event, Observe, OvertonError, Problem, ignore
from overton.engine.actor import Actor
from overton.engine.engine import P, R, Work
from overton.engine.gang import run_gang
from overton.engine.pending import AHEAD, MOST_LOSSES, Pending, taken
from overton.engine.processes import cores
from overton.engine.worker import DONE

ADDRESS = "RAY_ADDRESS"
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_raylet_start_wait_time_s": "120",  # a busy machine takes its time
    "RAY_worker_niceness": "0",  # of a Ray that is started here: its workers are worth what `local` ones are
}
LISTEN = 0.5  # seconds between two looks at what pieces tell
KNOCK = 10.0  # seconds in which a cluster must answer at all
PATIENCE = 30.0  # seconds without any worker, after which a person is told


@dataclass
class _Worker:
    """One actor, and what it is about."""

    actor: Any
    number: int | None = None  # of the piece that it has
    is_ready: bool = False


@dataclass
class _Run:
    """The workers of a run, and what they are to do."""

    ray: Any
    start: Callable[[], Any]
    make: Any
    most: int
    pending: Pending
    workers: list[_Worker] = field(default_factory=list)
    under_way: dict[Any, _Worker] = field(default_factory=dict)  # by what Ray will answer with
    unready: int = 0  # workers that ended before they were ready
    listened: float = 0.0
    last_ready: float = field(default_factory=monotonic)


@dataclass(frozen=True)
class Cluster:
    """Runs pieces on a Ray cluster.

    Attributes:
        address: `ray://HOST:PORT` of a cluster; empty for the one that the variable RAY_ADDRESS names, or else one of
            this machine alone, which ends with this process.
    """

    address: str = ""
    introduces = True  # see `Engine.introduces`

    @cached_property
    def workers(self) -> int:
        """Cores of the cluster when it was joined."""
        return max(1, int(_ray(self.address).cluster_resources().get("CPU", 1)))

    def run(
        self,
        make: Callable[[], Work[P, R]],
        pieces: Iterable[P],
        *,
        ahead: int | None = None,
        known: Callable[[P], R | None] | None = None,
        lost: Callable[[P, str], R] | None = None,
        observe: Observe = ignore,
    ) -> Iterator[R]:
        """The result of every piece, in order; see `Engine.run`."""
        ray = _ray(self.address)
        remote = ray.remote(num_cpus=1, max_restarts=0, max_concurrency=2)(Actor)
        start = partial(remote.remote, list(sys.path), os.getcwd())
        run = _Run(ray, start, ray.put(make), self.workers, Pending(observe, lost))
        try:
            yield from run.pending.results(pieces, ahead or AHEAD * self.workers, known, partial(_step, run))
        finally:
            for worker in run.workers:
                ray.kill(worker.actor)

    def together(self, make: Callable[[], Work[int, R]], count: int, *, folder: Path, observe: Observe = ignore) -> R:
        """The result of the first of some pieces that talk to each other; see `Engine.together`."""
        result: R = run_gang(_ray(self.address), make, count, folder=folder, observe=observe)
        return result


def _ray(address: str) -> Any:
    """Ray, connected: once in a process, whoever did it."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError:
        hint = "pip install 'overton[ray]'"
        raise OvertonError(Problem("Ray is not installed", "engine.no-ray", hint=hint)) from None
    if ray.is_initialized():
        return ray
    place = address or os.environ.get(ADDRESS) or "local"
    own = {"num_cpus": cores(), "include_dashboard": False} if place == "local" else {}
    try:
        _knock(place)
        with warnings.catch_warnings(action="ignore"):
            ray.init(place, logging_level=logging.ERROR, log_to_driver=False, **own)
    except Exception as error:  # Ray's errors share no other class: one of its processes not starting is a plain one
        reason = str(error).partition("\n")[0] or type(error).__name__
        message = f"the Ray cluster {place!r} cannot be joined: {reason}"
        hint = "`ray start --head` starts one; ray://HOST:PORT is the port of its clients, 10001 unless told otherwise"
        if place == "local":
            message = f"Ray cannot be started on this machine: {reason}"
            hint = "Where the machine is busy, RAY_raylet_start_wait_time_s gives it more time; `--on local` needs none"
        raise OvertonError(Problem(message, "engine.no-cluster", hint=hint)) from None
    return ray


def _knock(place: str) -> None:
    """See whether anyone listens: Ray itself would ask for minutes."""
    host, _, port = place.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=KNOCK).close()


def _last_line(error: Exception) -> str:
    """What of an error of Ray tells the cause: the end of a traceback, or of an account in many lines."""
    return ([line.strip() for line in str(error).splitlines() if line.strip()] or [""])[-1][:300]


def _step(run: _Run) -> None:
    _hand_out(run)
    _listen(run)


def _hand_out(run: _Run) -> None:
    """Start workers while pieces wait, and give pieces to those that are there and have nothing to do."""
    pending = run.pending
    n_idle = sum(worker.number is None for worker in run.workers)
    while len(run.workers) < run.most and n_idle < len(pending.waiting):
        worker = _Worker(run.start())
        run.workers.append(worker)
        run.under_way[worker.actor.make.remote(run.make)] = worker
        n_idle += 1
    for worker in run.workers:
        if pending.waiting and worker.is_ready and worker.number is None:
            worker.number = pending.waiting.popleft()
            run.under_way[worker.actor.work.remote(pending.pieces[worker.number])] = worker


def _listen(run: _Run) -> None:
    """Wait until some worker is ready or done, or it is time to ask what pieces tell."""
    done, _ = run.ray.wait(list(run.under_way), num_returns=1, timeout=LISTEN)
    for answer in done:
        worker = run.under_way.pop(answer)
        try:
            word, value, *told = run.ray.get(answer)
        except run.ray.exceptions.RayError as error:
            _lose(run, worker, error)
            continue
        for event in told[0] if told else ():
            run.pending.observe(event)
        if worker.number is not None:
            number, worker.number = worker.number, None
            run.pending.answer(number, word, value)
        elif word != DONE:  # the work cannot be made, here or anywhere
            taken(word, value)
        else:
            worker.is_ready = True
    now = monotonic()
    if now - run.listened >= LISTEN:
        run.listened = now
        _hear(run)
    if any(worker.is_ready for worker in run.workers):
        run.last_ready = now
    elif now - run.last_ready >= PATIENCE:
        run.last_ready = now
        run.pending.observe(Event("engine", "no worker yet: the cluster has no free core"))


def _hear(run: _Run) -> None:
    """Pass on what pieces under way have told."""
    asked = [worker.actor.told.remote() for worker in run.workers if worker.number is not None]
    answers, _ = run.ray.wait(asked, num_returns=len(asked), timeout=LISTEN) if asked else ([], [])
    for answer in answers:
        try:
            told = run.ray.get(answer)
        except run.ray.exceptions.RayError:  # it is gone, which its piece will show
            continue
        for event in told:
            run.pending.observe(event)


def _lose(run: _Run, worker: _Worker, error: Exception) -> None:
    run.workers.remove(worker)
    run.ray.kill(worker.actor)
    run.under_way = {answer: one for answer, one in run.under_way.items() if one is not worker}
    how = f"({type(error).__name__})"
    if worker.number is not None:
        run.pending.lose(worker.number, how)
        return
    reason = f"{type(error).__name__}: {_last_line(error)}"
    run.pending.observe(Event("engine", f"a worker ended before it was ready ({reason})"))
    run.unready += 1
    if run.unready % MOST_LOSSES == 0:
        run.most = max(run.most - 1, sum(one.is_ready for one in run.workers))
    if not run.most:
        hint = "Every node needs the same Python and Overton, and memory for what the work loads"
        message = f"workers of the cluster end before they are ready, the last by {reason}"
        raise OvertonError(Problem(message, "engine.no-worker", hint=hint))
