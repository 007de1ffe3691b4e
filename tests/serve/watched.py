"""An application in a process of its own, whose memory shows whether it keeps anything of what it is asked.

The process that asks keeps a lot itself (Hypothesis remembers what it drew), so its memory says nothing.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from overton.artifact import Runtime
from overton.serve import Limits, Model, Service, make_app
from tests.serve.fuzz import LENGTH, calls
from tests.tiny_artifact import tiny_artifact

LIMITS = Limits(max_bytes=20_000, max_records=8)
LONGER = 12_000  # blanks behind every other body: they change nothing, and who keeps bodies is found out soon
REMEMBERED = 300  # requests that are asked again and again
AGAIN = 24 << 20  # bytes of what they send by then
PART = 0.06  # of that; the server reads a sixth of it and more, since many requests are for no route
MOST_GROWTH = 12 << 20  # bytes, in however many requests: the pool of strings is full by a third of very many
MANY, WARM = 10_000, 0.3
SAMPLE = 100
Said = tuple[int, bytes]
Request = tuple[str, str, bytes, list[tuple[bytes, bytes]], bytes]


class Watched:
    """Asks an application in another process.

    Attributes:
        waiting: How many of its requests it takes to be unanswered, as it said last.
        counted: How many different counters it keeps.
    """

    def __init__(self, connection: Connection, process: int) -> None:
        self.waiting = self.counted = 0
        self._connection = connection
        self._statm = Path(f"/proc/{process}/statm")
        self._asked = self._sent = 0
        self._resident: list[int] = []

    def __call__(self, *request: Any) -> Said:
        """Status and body of the answer to one request: method, path, query, headers and body."""
        (said,) = self.ask([request])
        return said

    def ask(self, requests: Sequence[Request]) -> list[Said]:
        """The same of several requests, which go there together."""
        some = [request if place % 2 else longer(request) for place, request in enumerate(requests, self._asked)]
        answers = self._pass_on(some)
        before, self._asked = self._asked // SAMPLE, self._asked + len(some)
        self._sent += sum(len(body) for method, *_, body in some if method == "POST")
        if self._asked // SAMPLE > before:
            self._resident.append(self._memory())
        return answers

    def check_memory(self) -> None:
        """That asking again does not let it grow, nor did asking on and on once it was warm."""
        if not self._statm.exists():
            return
        self._pass_on(AGAIN // 8)
        before = self._memory()
        self._pass_on(AGAIN)
        growth = self._memory() - before
        assert growth < PART * AGAIN, f"{growth:,} bytes more after {AGAIN:,} bytes of requests"
        if self._asked >= MANY:
            growth = self._resident[-1] - self._resident[int(len(self._resident) * WARM)]
            most = min(MOST_GROWTH, PART * self._sent)
            assert growth < most, f"{growth:,} bytes more after {self._sent:,} bytes of very many requests"

    def _pass_on(self, what: list[Request] | int) -> list[Said]:
        self._connection.send(what)
        answers, fault, self.waiting, self.counted = self._connection.recv()
        assert not fault, fault
        return answers

    def _memory(self) -> int:
        return int(self._statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if self._statm.exists() else 0


def longer(request: Request) -> Request:
    """The same with blanks behind it, where that changes nothing."""
    *head, heads, body = request
    fits = len(body) + LONGER <= LIMITS.max_bytes and LENGTH not in dict(heads)
    return (*head, heads, body + b" " * LONGER) if fits else request


@contextmanager
def watched(make: Callable[[Service], object] = make_app) -> Iterator[Watched]:
    """The application of the tiny artefact, as a function (of the top of a module) makes it."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=answer_all, args=(there, make), daemon=True)
    process.start()
    there.close()
    try:
        yield Watched(here, process.pid or 0)
    except EOFError:
        pytest.fail("the process has ended")
    finally:
        here.close()
        process.kill()
        process.join()


def answer_all(connection: Connection, make: Callable[[Service], object]) -> None:
    """Answer what comes until the other end closes: some requests, or for how many bytes to ask the first again."""
    service = Service(Model.of(Runtime(tiny_artifact()), "v1"), limits=LIMITS)
    remembered: list[Request] = []
    with calls(make(service)) as call:
        while True:
            try:
                asked: list[Request] | int = connection.recv()
            except EOFError:
                return
            fault, answers = "", []
            try:
                if isinstance(asked, int):
                    _again(call, remembered, asked)
                else:
                    answers = [call(*request) for request in asked]
                    remembered += asked[: REMEMBERED - len(remembered)]
            except Exception as error:  # told to the test
                fault = repr(error)
            counted = sum(len(values) for values in service.counts().values())
            connection.send((answers, fault, service.waiting, counted))


def _again(call: Callable[..., Said], requests: Sequence[Request], most: int) -> None:
    """Ask again and again until so many bytes were sent."""
    sent = 0
    while sent < most:
        for request in requests:
            one = longer(request)  # made anew each time: who keeps it keeps so much more
            call(*one)
            sent += len(one[-1]) if one[0] == "POST" else 0
