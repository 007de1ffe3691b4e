"""What time it is, and how long each stage takes."""

import re
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


def rough_duration(seconds: float) -> str:
    """About how long something takes, for a person.

    Example:
        >>> rough_duration(95), rough_duration(3000), rough_duration(9000)
        ('about 95 s', 'about 50 min', 'about 2 h')
    """
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"about {seconds / size:,.0f} {name}"
    return f"about {seconds:,.0f} s"


def now() -> str:
    """The time, in UTC, as logs that people read have it: to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def instant() -> str:
    """The time, in UTC, as what is put in order by it has it: to the microsecond, as two may come in one second.

    As text it comes after each `now()` of its second and before those of the next.
    """
    return datetime.now(UTC).isoformat(timespec="microseconds")


def to_the_second(text: str) -> str:
    """A time in UTC as people read it.

    Example:
        >>> to_the_second("2026-11-25T22:42:04.123456+00:00"), to_the_second("")
        ('2026-11-25T22:42:04+00:00', '')
    """
    return re.sub(r"\.\d+", "", text)
