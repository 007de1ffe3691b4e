"""The engine of one worker: this very process."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from overton.base import Observe, ignore
from overton.engine.engine import P, R, Work


class Inline:
    """Runs every piece in this process, one after the other."""

    workers = 1
    introduces = False

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
        work: Work[P, R] | None = None
        waiting: list[P] = []
        source = iter(pieces)
        exhausted = False
        while True:
            while not exhausted and len(waiting) < (ahead or 1):
                try:
                    waiting.append(next(source))
                except StopIteration:
                    exhausted = True
            if not waiting:
                return
            piece = waiting.pop(0)
            result = known(piece) if known else None
            if result is None:
                work = work or make()
                result = work(piece, observe)
            yield result

    def together(self, make: Callable[[], Work[int, R]], count: int, *, folder: Path, observe: Observe = ignore) -> R:
        """The result of the only piece; see `Engine.together`."""
        assert count == 1, "one process is one piece"
        return make()(0, observe)
