"""Pieces of work for the tests of engines. Each process of an engine loads this module: it needs little."""

import errno
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from overton.base import Event, Observe, OvertonError, Problem
from overton.base.files import write_atomic


class OddError(OSError):
    """Of a library: it is put together in another way, so that it cannot travel."""

    def __init__(self, reason: str, *, place: str) -> None:
        super().__init__(errno.ENOSPC, reason, place)


def make_squares(offset: int = 0) -> Callable[[int, Observe], int]:
    """Work with something to say; the first pieces take longest, so that later ones overtake them."""

    def square(piece: int, observe: Observe) -> int:
        if piece < 0:
            raise OvertonError(Problem("a number below 0", "test.negative"))
        time.sleep(0.02 * (piece % 3 == 0))
        observe(Event("square", f"{piece}"))
        return piece * piece + offset

    return square


def make_deadly(folder: Path, deaths: int) -> Callable[[int, Observe], int]:
    """Work that ends its process at piece 2, so many times."""

    def work(piece: int, observe: Observe) -> int:
        if piece == 2:
            for number in range(deaths):
                try:
                    (folder / f"death-{number}").touch(exist_ok=False)
                except FileExistsError:
                    continue
                os.kill(os.getpid(), signal.SIGKILL)
        return piece

    return work


def make_impossible() -> Callable[[int, Observe], int]:
    raise OvertonError(Problem("there is nothing to make", "test.nothing"))


def make_threads() -> Callable[[int, Observe], tuple[int, str]]:
    return lambda piece, observe: (os.getpid(), os.environ["OMP_NUM_THREADS"])


def make_interrupted() -> Callable[[int, Observe], int]:
    """Work in whose midst somebody presses Ctrl-C, which all processes of a terminal are told."""

    def work(piece: int, observe: Observe) -> int:
        os.kill(os.getpid(), signal.SIGINT)
        return piece

    return work


def make_meeting(folder: Path, fate: str) -> Callable[[int, Observe], int]:
    """Pieces that wait for each other, for ever where the last one meets its fate."""

    def work(piece: int, observe: Observe) -> int:
        observe(Event("meet", f"{piece} is here"))
        if piece and fate == "refused":
            raise OvertonError(Problem("it does not come", "test.refused"))
        if piece == 2 and fate == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if piece == 2 and fate == "broken":
            raise ZeroDivisionError
        (folder / f"{piece}").touch()
        while len(list(folder.iterdir())) < 3:
            time.sleep(0.01)
        return piece + 10

    return work


def make_full() -> Callable[[str, Observe], str]:
    def work(piece: str, observe: Observe) -> str:
        if piece == "odd":
            raise OddError("it is full", place="here")
        return Path(piece).read_text()

    return work


def make_murder(folder: Path) -> Callable[[int, Observe], int]:
    """The first piece ends the worker of the second when that waits for more."""
    victim = folder / "victim"

    def work(piece: int, observe: Observe) -> int:
        if piece:
            write_atomic(victim, str(os.getpid()))
            return piece
        while not victim.exists():
            time.sleep(0.01)
        time.sleep(0.1)
        os.kill(int(victim.read_text()), signal.SIGKILL)
        time.sleep(0.1)
        return piece

    return work


def make_sleepers() -> Callable[[int, Observe], int]:
    def sleep(piece: int, observe: Observe) -> int:
        observe(Event("sleep", done=os.getpid()))
        time.sleep(60)
        return piece

    return sleep
