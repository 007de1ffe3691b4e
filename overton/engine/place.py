"""The text of `--on` to an engine: `local`, `local:N`."""

import sys

from overton.base import OvertonError, Problem
from overton.engine.engine import Engine
from overton.engine.inline import Inline
from overton.engine.processes import Processes, cores

LOCAL = "local"


def engine_of(place: str = LOCAL) -> Engine:
    """The engine that a place names.

    Args:
        place: `local` for as many workers as this machine has cores, `local:N` for N of them.

    Raises:
        OvertonError: Where it names none.
    """
    name, colon, number = place.partition(":")
    if name != LOCAL or bool(colon) != bool(number) or (number and not (number.isdecimal() and int(number))):
        hint = "Use 'local' for a worker on every core, or 'local:N' for N workers"
        raise OvertonError(Problem(f"there is no engine {place!r}", "engine.unknown", hint=hint))
    n_workers = int(number) if number else cores()
    if n_workers == 1 or sys.platform == "win32":  # pipes are handed to processes in a way that Windows lacks
        return Inline()
    return Processes(n_workers)
