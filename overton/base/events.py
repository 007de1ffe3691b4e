"""Progress as values: a stage tells what it does, the caller decides how that is shown, logged or kept."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """A step of a stage.

    Attributes:
        stage: The stage that speaks: `ingest`, `combine`, `train`, ...
        message: One short sentence for a person, or empty for a mere step of the bar.
        done: Units done so far.
        total: Units in all; 0 where unknown.
        values: Figures of the step, such as a loss, by name.
    """

    stage: str
    message: str = ""
    done: int = 0
    total: int = 0
    values: Mapping[str, Any] = field(default_factory=dict)


Observe = Callable[[Event], None]


def ignore(event: Event) -> None:
    """The observer that shows nothing."""
