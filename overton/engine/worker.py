"""A worker: a process that is given the work once and then pieces, and answers each with its result.

It is started by `processes.py` with one end of a pipe. It ends when the other end is closed, in the middle of a piece
too: whoever wanted the result is gone.
"""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from queue import SimpleQueue
from threading import Thread
from typing import Any

from overton.base import Event, OvertonError

MAKE, PIECE = "make", "piece"  # what a worker is told
DONE, REFUSED, BROKEN, TOLD = "done", "refused", "broken", "told"  # what it answers


def main(descriptor: int) -> None:
    """Work until the other end of the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started it decides what Ctrl-C means
    connection = Connection(descriptor)
    received: SimpleQueue[tuple[str, Any]] = SimpleQueue()
    Thread(target=_receive, args=(connection, received), daemon=True).start()
    work: Any = None
    while True:
        word, value = received.get()
        if word == MAKE:
            work = _answer(connection, value) or work
        else:
            number, piece = value
            _answer(connection, lambda: work(piece, _teller(connection)), number)  # noqa: B023  called at once


def _receive(connection: Connection, received: "SimpleQueue[tuple[str, Any]]") -> None:
    """Hand on what comes, and end the process when nothing can come any more."""
    try:
        while True:
            received.put(connection.recv())
    except (EOFError, OSError):
        os._exit(0)
    except BaseException:  # likewise: it names something that is not to be found here, such as a function of a script
        connection.send((BROKEN, -1, traceback.format_exc()))


def _answer(connection: Connection, act: Callable[[], Any], number: int = -1) -> Any:
    """Do something and tell what came of it; what was made stays here, results travel."""
    try:
        result = act()
    except (OvertonError, OSError) as error:
        connection.send((REFUSED, number, told_elsewhere(error)))
        return None
    except BaseException:  # the outermost edge of this process: whoever started it raises it there
        connection.send((BROKEN, number, traceback.format_exc()))
        return None
    connection.send((DONE, number, result if number >= 0 else None))
    return result


def told_elsewhere(error: OvertonError | OSError) -> Exception:
    """What the user can put right, as another process can raise it: a library's own `OSError` may not travel."""
    if isinstance(error, OvertonError):
        return error
    return OSError(str(error)) if error.errno is None else OSError(error.errno, error.strerror, error.filename)


def _teller(connection: Connection) -> Callable[[Event], None]:
    return lambda event: connection.send((TOLD, -1, event))


if __name__ == "__main__":
    main(int(sys.argv[1]))
