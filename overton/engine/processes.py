"""The engine of several workers: processes of this machine.

Each is a fresh Python that imports what the work names. Unlike `multiprocessing`, that does not run the caller's main
module again, so it works from any script and notebook; unlike its pools, the loss of a worker is no end: the piece that
it had is given to another.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from overton.base import Observe, ignore
from overton.base.threads import THREADS
from overton.engine.engine import P, R, Work
from overton.engine.pending import AHEAD, Pending, lost_gang, taken
from overton.engine.worker import DONE, MAKE, PIECE, TOLD

START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]); "
    "from overton.engine.worker import main; main(int(sys.argv[1]))"
)


@dataclass
class _Worker:
    """One process, and what it is about."""

    process: subprocess.Popen[bytes]
    connection: Connection
    number: int | None = None  # of the piece that it has


@dataclass
class _Run:
    """The workers of a run, and what they are to do."""

    make: Callable[[], Any]
    most: int
    pending: Pending
    workers: list[_Worker] = field(default_factory=list)


@dataclass(frozen=True)
class Processes:
    """Runs pieces in processes of this machine, each with its share of the cores.

    Attributes:
        workers: Number of processes.
    """

    workers: int
    introduces = False  # see `Engine.introduces`

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
        run = _Run(make, self.workers, Pending(observe, lost))
        try:
            yield from run.pending.results(pieces, ahead or AHEAD * self.workers, known, partial(_step, run))
        finally:
            for worker in run.workers:
                _end(worker)

    def together(self, make: Callable[[], Work[int, R]], count: int, *, folder: Path, observe: Observe = ignore) -> R:
        """The result of the first of some pieces that talk to each other; see `Engine.together`."""
        workers = [_start(count) for _ in range(count)]
        number_of = {worker.connection: number for number, worker in enumerate(workers)}
        results: dict[int, R] = {}
        try:
            for number, worker in enumerate(workers):
                _send(worker, (MAKE, make))
                _send(worker, (PIECE, (number, number)))
            while len(results) < count:
                for ready in wait([one for one, number in number_of.items() if number not in results]):
                    number = number_of[ready]  # type: ignore[index]  # it gives back what it was given
                    try:
                        word, answered, value = workers[number].connection.recv()
                    except (EOFError, OSError):
                        raise lost_gang(f"status {workers[number].process.wait()}") from None
                    if word == TOLD:
                        observe(value)
                    elif answered >= 0 or word != DONE:
                        results[number] = taken(word, value)
            return results[0]
        finally:
            for worker in workers:
                _end(worker)


def _step(run: _Run) -> None:
    _hand_out(run)
    _listen(run)


def _hand_out(run: _Run) -> None:
    """Give what waits to workers that have nothing to do, and to new ones while there may be more."""
    idle = [worker for worker in run.workers if worker.number is None]
    pending = run.pending
    while pending.waiting and (idle or len(run.workers) < run.most):
        if not idle:
            worker = _start(run.most)
            run.workers.append(worker)
            idle.append(worker)
            _send(worker, (MAKE, run.make))
        worker = idle.pop()
        worker.number = pending.waiting.popleft()
        _send(worker, (PIECE, (worker.number, pending.pieces[worker.number])))


def _send(worker: _Worker, message: Any) -> None:
    with suppress(OSError):  # it is gone: listening to it will show that
        worker.connection.send(message)


def _listen(run: _Run) -> None:
    """Wait for some worker to say something, and take it down."""
    by_connection = {worker.connection: worker for worker in run.workers}
    for ready in wait(list(by_connection)):
        worker = by_connection[ready]  # type: ignore[index]  # it gives back what it was given
        try:
            word, number, value = worker.connection.recv()
        except (EOFError, OSError):
            _lose(run, worker)
            continue
        if word == TOLD:
            run.pending.observe(value)
        elif number >= 0:
            worker.number = None
            run.pending.answer(number, word, value)
        elif word != DONE:  # the work cannot be made, here or anywhere
            taken(word, value)


def _lose(run: _Run, worker: _Worker) -> None:
    run.workers.remove(worker)
    worker.connection.close()
    status = worker.process.wait()
    if worker.number is not None:  # else it waited for one: another is started where there is one
        run.pending.lose(worker.number, f"with status {status}")


def _start(n_workers: int) -> _Worker:
    """A worker with its share of the cores. It finds modules where this process does."""
    here, there = Pipe()
    share = max(1, cores() // n_workers)
    threads = {name: str(min(share, _number(os.environ.get(name)) or share)) for name in THREADS}
    process = subprocess.Popen(
        # Python is told not to look for modules in the current folder: those of START would be taken from there.
        [sys.executable, "-P", "-c", START, str(there.fileno()), json.dumps(sys.path)],
        pass_fds=[there.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr.fileno() if _has_descriptor(sys.stderr) else None,
        env={**os.environ, **threads},
    )
    there.close()
    return _Worker(process, here)


def _end(worker: _Worker) -> None:
    """End a worker, whatever it is about."""
    worker.connection.close()
    worker.process.kill()
    worker.process.wait()


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else 0


def _has_descriptor(stream: Any) -> bool:
    try:
        return int(stream.fileno()) >= 0
    except (AttributeError, OSError, ValueError):
        return False
