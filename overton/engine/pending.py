"""Pieces that wait or are under way, and results in the order of their pieces: what the engines of workers share."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from overton.base import Event, Observe, OvertonError, Problem
from overton.engine.worker import BROKEN, DONE, REFUSED

MOST_LOSSES = 3  # workers that a piece may cost before it is given up
LOST_GANG = "engine.lost-gang"
AHEAD = 4  # pieces under way or waiting, for each worker


@dataclass
class Pending:
    """The pieces of a run: its one mutable thing.

    Attributes:
        observe: Told what the pieces tell.
        lost: Makes the result of a piece that is given up, if anything does.
        pieces: Those without a result, by number.
        waiting: Numbers of those that no worker has.
        losses: How many workers a piece has cost, by number.
        answers: What became of pieces that nobody has taken.
    """

    observe: Observe
    lost: Callable[[Any, str], Any] | None
    pieces: dict[int, Any] = field(default_factory=dict)
    waiting: deque[int] = field(default_factory=deque)
    losses: dict[int, int] = field(default_factory=dict)
    answers: dict[int, tuple[str, Any]] = field(default_factory=dict)

    def results(
        self,
        pieces: Iterable[Any],
        most: int,
        known: Callable[[Any], Any] | None,
        step: Callable[[], None],
    ) -> Iterator[Any]:
        """The result of every piece, in order.

        Args:
            pieces: Asked for one by one.
            most: Pieces that may be asked for before their results are taken.
            known: Gives the result of a piece that was done before.
            step: Hands out what waits, and listens until a worker says something.
        """
        source = iter(pieces)
        n_asked = n_taken = 0
        exhausted = False
        while True:
            while not exhausted and n_asked - n_taken < most:
                try:
                    piece = next(source)
                except StopIteration:
                    exhausted = True
                    break
                self._add(n_asked, piece, known(piece) if known else None)
                n_asked += 1
            if n_taken == n_asked:
                return
            while n_taken not in self.answers:
                step()
            yield taken(*self.answers.pop(n_taken))
            n_taken += 1

    def _add(self, number: int, piece: Any, result: Any) -> None:
        if result is not None:
            self.answers[number] = (DONE, result)
        else:
            self.pieces[number] = piece
            self.waiting.append(number)

    def answer(self, number: int, word: str, value: Any) -> None:
        """Take what came of a piece."""
        del self.pieces[number]
        self.answers[number] = (word, value)

    def lose(self, number: int, how: str) -> None:
        """A worker has gone: its piece is the next to be handed out, unless it has cost too many.

        Args:
            number: Of its piece.
            how: It ended, in words: `with status -9`.
        """
        self.losses[number] = self.losses.get(number, 0) + 1
        if self.losses[number] < MOST_LOSSES:
            self.observe(Event("engine", f"a worker ended {how}: what it had is given to another"))
            self.waiting.appendleft(number)
            return
        reason = f"{MOST_LOSSES} workers ended while they had this piece, the last {how}"
        piece = self.pieces.pop(number)
        if self.lost is not None:
            self.answers[number] = (DONE, self.lost(piece, reason))
            return
        hint = "Status -9 usually means that memory ran out: try fewer workers, such as --on local:1"
        self.answers[number] = (REFUSED, OvertonError(Problem(reason, "engine.lost-piece", hint=hint)))


def lost_gang(how: str) -> OvertonError:
    """What is raised where one of some pieces that talk to each other is lost."""
    hint = "It usually means that memory ran out: try fewer of them"
    return OvertonError(Problem(f"one of the processes that work together was lost ({how})", LOST_GANG, hint=hint))


def taken(word: str, value: Any) -> Any:
    """A result; or the error that stands in its place, raised."""
    if word == REFUSED:
        raise value
    if word == BROKEN:
        raise RuntimeError(f"a worker met an error that nobody expected:\n{value}")
    return value
