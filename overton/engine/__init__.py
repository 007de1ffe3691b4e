"""Where independent pieces of work run, and how they are given out: one small interface, whatever is behind it."""

from overton.engine.cluster import Cluster
from overton.engine.engine import Engine, Work
from overton.engine.inline import Inline
from overton.engine.pending import LOST_GANG
from overton.engine.place import LOCAL, engine_of
from overton.engine.processes import Processes, cores

__all__ = ["LOCAL", "LOST_GANG", "Cluster", "Engine", "Inline", "Processes", "Work", "cores", "engine_of"]
