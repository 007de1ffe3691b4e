"""The search behind a version as a page shows it: its trials, the best first, and the price of quality."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from overton.tune import Study, Trial, told_picked


@dataclass(frozen=True, slots=True)
class TrialLine:
    """One program that was tried.

    Attributes:
        number: Number of the trial, from 1.
        mark: `best`, `front` where no other beats it in quality, latency and size at once; else its status, nothing
            for one that is done.
        value: What was looked for, on dev; None where it was never trained, or given up.
        p99_ms: Time in which 99 of 100 single queries are answered.
        size_mb: Size of the exported model, in millions of bytes.
        picked: How it differs from what a build without a search makes.
        reason: Why it failed, was given up, or cannot be served.
    """

    number: int
    mark: str
    value: float | None
    p99_ms: float | None
    size_mb: float | None
    picked: str
    reason: str


@dataclass(frozen=True, slots=True)
class Trials:
    """A search.

    Attributes:
        objective: What was looked for, in words.
        bounds: What serving had to meet.
        seed: Its seed.
        lines: The trials, the best first.
    """

    objective: str
    bounds: Mapping[str, float]
    seed: int
    lines: tuple[TrialLine, ...]

    @property
    def measured(self) -> tuple[TrialLine, ...]:
        """Those that a drawing of quality and latency can show."""
        return tuple(line for line in self.lines if line.value is not None and line.p99_ms is not None)

    def to_json(self) -> dict[str, Any]:
        """The search as a JSON value."""
        return asdict(self)


def trials_of(study: Study) -> Trials:
    """The trials of a study as a page shows them."""
    first = {name: options[0] for name, options in study.options.items()}
    front, best = set(study.front), study.best.number

    def line(trial: Trial) -> TrialLine:
        score = trial.score
        done = "best" if trial.number == best else "front" if trial.number in front else ""
        return TrialLine(
            number=trial.number,
            mark=done if score.status == "done" else score.status,
            value=score.quality,
            p99_ms=score.p99_ms,
            size_mb=score.size_mb,
            picked=told_picked(trial.picked, first) or "as without a search",
            reason=score.why,
        )

    ranked = sorted(study.trials, key=lambda one: (one.score.status != "done", -(one.score.quality or 0.0), one.number))
    return Trials(study.objective or "mean over tasks", dict(study.bounds), study.seed, tuple(map(line, ranked)))
