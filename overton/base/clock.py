"""What time it is, and how long each stage takes."""

import time
from collections.abc import Iterator
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


def now() -> str:
    """The time, in UTC, as the store writes it."""
    return datetime.now(UTC).isoformat(timespec="seconds")
