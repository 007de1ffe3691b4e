"""Several processes that serve on one socket, and the one that looks after them: a worker that dies is replaced.

All workers accept from one socket, which this process opened and holds: a connection that a dying worker had not yet
accepted goes to another, and is not lost. A worker ends when this process does.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO, Any

import msgspec

import overton
from overton.base import Event, Observe, OvertonError, Problem, ignore
from overton.serve.process import BACKLOG, serve
from overton.serve.settings import Settings
from overton.serve.shared import Shared

STARTED_SECONDS = 10.0  # a worker that lived so long had begun well, and is replaced at once
LONGEST_PAUSE = 30.0
TICK_SECONDS = 1.0
KILL_SECONDS = 15.0  # beyond what a worker takes to finish what it answers
CODE = "from overton.serve.workers import work; raise SystemExit(work())"
STOPS = (signal.SIGINT, signal.SIGTERM)


class _Start(msgspec.Struct):
    """What a worker is told."""

    settings: Settings
    token: str
    descriptor: int
    directory: str
    worker: int
    run: int


def supervise(settings: Settings, listener: socket.socket, token: str, *, observe: Observe = ignore) -> None:
    """Serve on a socket with several workers until told to stop.

    Args:
        settings: What is served, and how.
        listener: The socket, bound.
        token: What a client must show; empty for nothing.
        observe: Told of everything, each worker by its number.

    Raises:
        OvertonError: Where the first workers cannot load the version.
    """
    listener.listen(BACKLOG)
    listener.set_inheritable(True)
    with tempfile.TemporaryDirectory(prefix="overton-serve-") as directory:
        crew = _Crew(settings, listener, token, Path(directory), observe)
        with crew.stopped_by_signals():
            crew.run()
    if crew.faults:
        raise OvertonError(crew.faults)


class _Crew:
    """The workers."""

    def __init__(
        self, settings: Settings, listener: socket.socket, token: str, directory: Path, observe: Observe
    ) -> None:
        self.faults: list[Problem] = []
        self._start = _Start(settings, token, listener.fileno(), str(directory), 0, 0)
        self._listener = listener
        self._observe = observe
        self._workers = [_Worker(number) for number in range(1, settings.workers + 1)]
        self._wake = threading.Event()
        self._stopping: int | None = None
        self._restarts = 0
        self._shared = Shared(directory, 0)
        self._told = False

    def run(self) -> None:
        """Start them, and keep them going until told to stop or none can begin."""
        for worker in self._workers:
            self._begin(worker)
        while self._stopping is None:
            self._wake.wait(self._patience())
            self._wake.clear()
            for worker in self._workers:
                if self._stopping is None:
                    self._mind(worker)
            self._shared.tell(lambda: {"overton_worker_restarts_total": {(): self._restarts}})
            self._tell_ready()
        for worker in self._workers:
            worker.signal(self._stopping)
        until = time.monotonic() + self._start.settings.drain_seconds + KILL_SECONDS
        for worker in self._workers:
            worker.end(until)

    @contextmanager
    def stopped_by_signals(self) -> Iterator[None]:
        """Let SIGINT and SIGTERM end it: the first in order, the second at once."""

        def stop(number: int, frame: FrameType | None) -> None:
            if self._stopping is not None:
                for worker in self._workers:
                    worker.signal(signal.SIGKILL)
            else:
                self._observe(Event("serve", f"{signal.Signals(number).name}: stopping"))
            self._stopping = signal.SIGTERM
            self._wake.set()

        before = {number: signal.signal(number, stop) for number in STOPS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _mind(self, worker: "_Worker") -> None:
        """Replace a worker that has ended."""
        if worker.is_alive():
            return
        now = time.monotonic()
        if worker.again is None:
            status = worker.status()
            if worker.fault and not any(one.was_ready for one in self._workers):
                self.faults = worker.fault
                self._stopping = signal.SIGTERM
                return
            lived = now - worker.began
            worker.pause = 0.0 if lived > STARTED_SECONDS else min(max(worker.pause * 2, 0.5), LONGEST_PAUSE)
            worker.again = now + worker.pause
            why = worker.fault[0].message if worker.fault else status
            self._observe(Event("serve", f"worker {worker.number} ended, {why}; replaced in {worker.pause:.1f} s"))
        if now >= worker.again:
            self._restarts += 1
            self._begin(worker)

    def _patience(self) -> float:
        """Seconds until there may be something to do, though nobody wakes it."""
        again = [worker.again for worker in self._workers if worker.again is not None]
        return max(min([TICK_SECONDS, *(moment - time.monotonic() for moment in again)]), 0.0)

    def _begin(self, worker: "_Worker") -> None:
        start = msgspec.structs.replace(self._start, worker=worker.number, run=worker.runs)
        worker.begin(start, self._listener, self._hear, self._wake)

    def _hear(self, worker: "_Worker", event: Event) -> None:
        if "port" in event.values:
            worker.was_ready = True
            worker.ready = event
            self._wake.set()
        else:
            self._observe(Event(event.stage, f"worker {worker.number}: {event.message}"))

    def _tell_ready(self) -> None:
        """Tell once that all are ready."""
        ready = [worker.ready for worker in self._workers if worker.ready is not None]
        if not self._told and len(ready) == len(self._workers):
            self._told = True
            message = f"{ready[0].message}, {len(ready)} workers"
            self._observe(Event("serve", message, values=ready[0].values))


class _Worker:
    """One of them, and what is known of it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.runs = 0
        self.began = 0.0
        self.again: float | None = None
        self.pause = 0.0
        self.was_ready = False
        self.ready: Event | None = None
        self.fault: list[Problem] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None

    def begin(self, start: _Start, listener: socket.socket, hear: Any, wake: threading.Event) -> None:
        """Start its process."""
        self.runs += 1
        self.again, self.fault, self.began = None, [], time.monotonic()
        root = str(Path(overton.__file__).parents[1])
        path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH", "")])])
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", CODE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[listener.fileno()],
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C in a terminal is for the one that looks after them
        )
        assert self._process.stdin is not None, "a pipe"
        assert self._process.stdout is not None, "a pipe"
        with suppress(BrokenPipeError):
            self._process.stdin.write(msgspec.json.encode(start) + b"\n")
            self._process.stdin.flush()
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout, hear, wake), daemon=True)
        self._reader.start()

    def is_alive(self) -> bool:
        """Whether its process runs."""
        return self._process is not None and self._process.poll() is None

    def status(self) -> str:
        """How its process ended."""
        self._let_go()  # what it said last may be why it ended
        code = self._process.returncode if self._process else 0
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"status {code}"

    def signal(self, number: int) -> None:
        """Send its process a signal."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def end(self, until: float) -> None:
        """Wait for the end of its process; kill it where that takes too long."""
        if self._process is None:
            return
        try:
            self._process.wait(max(until - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._let_go()

    def _let_go(self) -> None:
        """Hear the last of a process that has ended, and close its pipes."""
        if self._reader is not None:
            self._reader.join(1.0)
        if self._process is not None and self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()

    def _read(self, output: IO[bytes], hear: Any, wake: threading.Event) -> None:
        with output:
            for line in output:
                with suppress(msgspec.MsgspecError):
                    self._take(msgspec.json.decode(line, type=_Told), hear)
        wake.set()

    def _take(self, told: "_Told", hear: Any) -> None:
        if told.problems:
            self.fault = told.problems
        else:
            hear(self, Event(told.stage, told.message, values=told.values))


class _Told(msgspec.Struct):
    """What a worker tells."""

    stage: str = ""
    message: str = ""
    values: dict[str, Any] = {}
    problems: list[Problem] = []


def work() -> int:
    """What a worker does: be told on stdin, serve, tell on stdout."""
    with open(0, "rb", buffering=0, closefd=False) as told_by:
        start = msgspec.json.decode(told_by.readline(), type=_Start)
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    lock = threading.Lock()

    def tell(told: _Told) -> None:
        with lock, suppress(BrokenPipeError):
            sys.stdout.buffer.write(msgspec.json.encode(told) + b"\n")
            sys.stdout.buffer.flush()

    def observe(event: Event) -> None:
        tell(_Told(event.stage, event.message, dict(event.values)))

    shared = Shared(Path(start.directory), start.worker, start.run)
    with socket.socket(fileno=start.descriptor) as listener:
        try:
            serve(start.settings, listener, start.token, shared=shared, observe=observe)
        except OvertonError as error:
            tell(_Told(problems=list(error.problems)))
            return 1
    return 0


def _stop_with_parent() -> None:
    """End this process in order when the one that looks after it is gone."""
    while os.read(0, 1 << 10):  # the end of its pipe; sys.stdin cannot be waited for while Python ends
        pass
    os.kill(os.getpid(), signal.SIGTERM)
