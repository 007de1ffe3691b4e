"""What workers on one port know of each other: the counts of all, in a folder, so that any of them tells the sum.

Each worker writes its counts once a second into a file of its own, and reads those of the others when it is asked. A
worker that has ended leaves its file, so that a counter never goes back; its gauges are let go of.
"""

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from overton.serve.metrics import FAMILIES, Counts

ENDING = ".counts"
STALE_SECONDS = 5.0


class Shared:
    """What one process shares with the others on its socket.

    Args:
        directory: Where the counts are; None where there are no others.
        worker: The number of this process, from 1; 0 for that which looks after the rest.
        run: Which process of that number it is, from 0.
    """

    def __init__(self, directory: Path | None = None, worker: int = 1, run: int = 0) -> None:
        self._directory = directory
        self._worker = worker
        self._path = directory / f"{worker}-{run}{ENDING}" if directory else None

    @property
    def is_one_of_several(self) -> bool:
        """Whether others answer on the same socket."""
        return self._directory is not None

    def log_path(self, path: Path) -> Path:
        """Where this process logs requests: two may not write one file."""
        return path if self._worker == 1 else path.with_name(f"{path.stem}.w{self._worker}{path.suffix}")

    def tell(self, counts: Callable[[], Counts]) -> None:
        """Write the counts of this process, where there are others."""
        if self._path is None:
            return
        rows = {name: list(values.items()) for name, values in counts().items()}
        try:
            draft = self._path.with_suffix(".draft")  # not forced to the disk: it outlives no restart
            draft.write_bytes(msgspec.json.encode((time.monotonic(), rows)))
            draft.replace(self._path)
        except OSError:
            return  # a disk that is full costs figures, not answers

    def others(self) -> list[Counts]:
        """The counts of the others."""
        if self._directory is None:
            return []
        found = []
        for path in sorted(self._directory.glob(f"*{ENDING}")):
            if path == self._path:
                continue
            try:
                written, rows = msgspec.json.decode(path.read_bytes(), type=_Written)
            except (OSError, msgspec.MsgspecError):
                continue
            dead = time.monotonic() - written > STALE_SECONDS  # one clock for all processes, and nobody sets it
            found.append(
                {
                    name: {tuple(labels): value for labels, value in values}
                    for name, values in rows.items()
                    if name in FAMILIES and not (dead and FAMILIES[name].type == "gauge")
                }
            )
        return found


_Written = tuple[float, dict[str, list[tuple[list[str], float]]]]
ALONE = Shared()
