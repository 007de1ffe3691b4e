"""What an engine is: something that runs independent pieces of work and gives their results in order."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol, TypeVar

from overton.base import Observe, ignore

P = TypeVar("P")
R = TypeVar("R")

# What is done with one piece; the observer is told what a person should see of it.
Work = Callable[[P, Observe], R]


class Engine(Protocol):
    """Where pieces of work run.

    Whatever the engine, the results are those of `[work(piece) for piece in pieces]`, in that order; how many workers
    there are, which of them takes which piece and whether one is lost on the way does not show in them.
    """

    @property
    def workers(self) -> int:
        """Pieces that are worked on at one time."""
        ...

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
        """The result of every piece, in order.

        Args:
            make: Makes the work, once in each worker; what all pieces need is loaded here. It travels to the workers,
                so it is a function of a module, or a `functools.partial` of one.
            pieces: Asked for one by one: the next only when all but `ahead` - 1 of those before have been taken by the
                caller, so that a piece may depend on the results that came before, in the same way on every engine.
            ahead: Pieces that are under way or wait; four for each worker where None.
            known: Gives the result of a piece that was done in an earlier run, so that a run that was stopped goes on.
            lost: Makes the result of a piece that ends every worker that takes it up, of the reason in words; without
                it, such a piece ends the run.
            observe: Told what the pieces tell, as it comes.

        Raises:
            OvertonError: What the work raises, in the place of the result; or where a piece is lost for good.
            OSError: Likewise, what the operating system refuses the work.
        """
        ...

    def together(self, make: Callable[[], Work[int, R]], count: int, *, folder: Path, observe: Observe = ignore) -> R:
        """The result of the first of some pieces that talk to each other: all are at work at one time.

        Args:
            make: Makes the work on a piece, which is its number, as for `run`.
            count: How many there are, `workers` at most.
            folder: Where the engine may keep a folder of its own meanwhile. All workers see it.
            observe: Told what the pieces tell, as it comes.

        Raises:
            OvertonError: What the work of any piece raises first; `engine.lost-gang` where one is lost before any
                raises. The others are ended, and none is done again.
        """
        ...

    @property
    def introduces(self) -> bool:
        """Whether pieces that are run together find themselves in a process group of torch."""
        ...
