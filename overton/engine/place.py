"""The text of `--on` to an engine: `local`, `local:N`, `ray`, `ray://HOST:PORT`."""

import sys

from overton.base import OvertonError, Problem
from overton.engine.cluster import Cluster
from overton.engine.engine import Engine
from overton.engine.inline import Inline
from overton.engine.processes import Processes, cores

LOCAL, RAY = "local", "ray"


def engine_of(place: str = LOCAL) -> Engine:
    """The engine that a place names.

    Args:
        place: `local` for as many workers as this machine has cores, `local:N` for N of them; `ray://HOST:PORT` for a
            Ray cluster, `ray` for that which RAY_ADDRESS names, or else one of this machine alone.

    Raises:
        OvertonError: Where it names none.
    """
    if place == RAY or (place.startswith(f"{RAY}://") and place.rpartition(":")[2].isdecimal()):
        return Cluster("" if place == RAY else place)
    name, colon, number = place.partition(":")
    if name != LOCAL or bool(colon) != bool(number) or (number and not (number.isdecimal() and int(number))):
        hint = "Use 'local' for a worker on every core, 'local:N' for N workers, 'ray', or 'ray://HOST:PORT'"
        raise OvertonError(Problem(f"there is no engine {place!r}", "engine.unknown", hint=hint))
    n_workers = int(number) if number else cores()
    if n_workers == 1 or sys.platform == "win32":  # pipes are handed to processes in a way that Windows lacks
        return Inline()
    return Processes(n_workers)
