"""What time it is, and how long each stage takes."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from overton.base.events import Event, Observe


@dataclass
class Clock:
    """Seconds of each stage; one of few places that look at a clock."""

    observe: Observe
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Time the block."""
        start = time.perf_counter()
        yield
        self.seconds[stage] = time.perf_counter() - start
        self.observe(Event(stage, f"done in {self.seconds[stage]:.1f} s"))


@dataclass
class Meter:
    """Seconds of each part of something that is done over and over, such as a step of training, added up.

    Attributes:
        seconds: What every part took so far.
        wait: Called before the clock is read, where work goes on elsewhere, as on a GPU; None for nothing.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    wait: Callable[[], None] | None = None

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        """Time the block."""
        start = time.perf_counter()
        yield
        if self.wait:
            self.wait()
        self.seconds[part] = self.seconds.get(part, 0.0) + time.perf_counter() - start


def now() -> str:
    """The time, in UTC, as the store writes it."""
    return datetime.now(UTC).isoformat(timespec="seconds")
