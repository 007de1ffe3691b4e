"""What works on pieces in a cluster: an object in a process of its own, on whichever node there is room.

It is made and called by `cluster.py` by way of Ray, of which nothing is known here.
"""

import os
import sys
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from overton.base import Event, OvertonError
from overton.engine.worker import BROKEN, DONE, REFUSED, told_elsewhere


class Actor:
    """One worker; two of its methods may run at one time: `work`, and `told` meanwhile.

    Args:
        path: Where the process that started it finds modules.
        folder: Where that process stands.
    """

    def __init__(self, path: Sequence[str], folder: str) -> None:
        stand_like(path, folder)
        self._work: Any = None
        self._events: deque[Event] = deque()

    def make(self, make: Callable[[], Any]) -> tuple[str, Any]:
        """Make the work; what was made stays here."""
        word, self._work = outcome_of(make)
        return word, None if word == DONE else self._work

    def work(self, piece: Any) -> tuple[str, Any, list[Event]]:
        """Work on a piece: what came of it, and what it told that nobody has heard."""
        word, value = outcome_of(lambda: self._work(piece, self._events.append))
        return word, value, self.told()

    def told(self) -> list[Event]:
        """What pieces have told since it was asked."""
        return [self._events.popleft() for _ in range(len(self._events))]


def stand_like(path: Sequence[str], folder: str) -> None:
    """Find modules and relative paths where the process that started this one does; Ray starts it where a node was.

    A node without that folder has none of the files that a relative path may mean, and works on URLs alone.
    """
    sys.path.extend(entry for entry in path if entry not in sys.path)
    with suppress(OSError):
        os.chdir(folder)


def outcome_of(act: Callable[[], Any]) -> tuple[str, Any]:
    """What came of doing something in a process of the cluster: its word, and the result or the error."""
    try:
        return DONE, act()
    except (OvertonError, OSError) as error:
        return REFUSED, told_elsewhere(error)
    except BaseException:  # the outermost edge of this process: whoever started it raises it there
        return BROKEN, traceback.format_exc()
