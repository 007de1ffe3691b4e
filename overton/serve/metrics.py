"""What a server counts, as text for Prometheus; of several workers on one port, the sum.

Source: the text exposition format, https://prometheus.io/docs/instrumenting/exposition_formats/.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BOUNDS = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
INFINITY = "+Inf"
SECONDS = "overton_request_seconds"

Counts = dict[str, dict[tuple[str, ...], float]]  # by name of the metric, then by the values of its labels


@dataclass(frozen=True, slots=True)
class Family:
    """A metric: its type, the names of its labels and what it says."""

    type: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    help: str


FAMILIES: Mapping[str, Family] = {
    "overton_requests_total": Family("counter", ("route", "code"), "Requests answered, by route and HTTP status."),
    SECONDS: Family("histogram", ("le",), "Seconds from the head of a request to its answer, of those answered 200."),
    "overton_records_total": Family("counter", (), "Records predicted."),
    "overton_waiting_requests": Family("gauge", (), "Requests that have come in and are not answered yet."),
    "overton_shed_total": Family("counter", (), "Requests refused with 429, since too many waited."),
    "overton_version_info": Family(
        "gauge", ("version", "role", "alias"), "Versions loaded, by role: serving, canary or shadow; 1 for each worker."
    ),
    "overton_ready": Family("gauge", (), "Workers that are ready to answer."),
    "overton_reloads_total": Family(
        "counter", ("outcome",), "Versions that the alias came to name: loaded, or failed and left out."
    ),
    "overton_follow_errors_total": Family("counter", (), "Looks at the alias that failed, as of an unreachable store."),
    "overton_follow_seconds": Family("gauge", (), "Seconds since the alias was last read; of several workers the sum."),
    "overton_predicted_total": Family(
        "counter",
        ("version", "role", "task", "label"),
        "Labels predicted, of every token or member; (none) for none.",
    ),
    "overton_slice_records_total": Family(
        "counter",
        ("version", "role", "slice"),
        "Records that the version takes to belong to a slice; none where it was built with no capacity for slices.",
    ),
    "overton_shadow_compared_total": Family(
        "counter", ("task", "slice"), "Answers compared with those of the shadow version; slice * for all."
    ),
    "overton_shadow_disagreements_total": Family(
        "counter", ("task", "slice"), "Answers in which the shadow version differs; slice * for all."
    ),
    "overton_shadow_dropped_total": Family("counter", (), "Answers not compared, since the shadow was behind."),
    "overton_shadow_failed_total": Family("counter", (), "Records that the shadow version could not answer."),
    "overton_log_records_total": Family(
        "counter", ("outcome",), "Records for the log: written, over the rate, or failed to be written."
    ),
    "overton_worker_restarts_total": Family("counter", (), "Workers that ended unasked and were replaced."),
}


class Metrics:
    """The counters of one process; changed by its event loop alone."""

    def __init__(self) -> None:
        self._counts: Counts = {}
        self._buckets = [0] * (len(BOUNDS) + 1)
        self._seconds = 0.0

    def add(self, name: str, *labels: str, by: float = 1) -> None:
        """Add to a counter."""
        family = self._counts.setdefault(name, {})
        family[labels] = family.get(labels, 0) + by

    def time(self, seconds: float) -> None:
        """Count an answer that took so long."""
        self._buckets[bisect_left(BOUNDS, seconds)] += 1
        self._seconds += seconds

    def counts(self) -> Counts:
        """All counts; those of the histogram by upper bound, not yet added up, and `sum`."""
        found = {name: dict(values) for name, values in list(self._counts.items())}  # a thread may add
        bounds = (*map(str, BOUNDS), INFINITY)
        seconds: dict[tuple[str, ...], float] = {
            (bound,): float(count) for bound, count in zip(bounds, self._buckets, strict=True)
        }
        return {**found, SECONDS: {**seconds, ("sum",): self._seconds}}


def merge_counts(parts: Iterable[Counts]) -> Counts:
    """The sum of the counts of several workers."""
    whole: Counts = {}
    for counts in parts:
        for name, values in counts.items():
            family = whole.setdefault(name, {})
            for labels, value in values.items():
                family[labels] = family.get(labels, 0) + value
    return whole


def render_metrics(counts: Counts) -> str:
    """Counts in the text format of Prometheus: every metric with what it says, though nothing was counted.

    Counters without labels stand there from the start, as 0.
    """
    lines: list[str] = []
    for name, family in FAMILIES.items():
        values = counts.get(name, {})
        if family.type == "histogram":
            rows = list(_histogram(name, values))
        else:
            rows = [f"{name}{_labels(family.labels, labels)} {_number(value)}" for labels, value in values.items()]
            if not rows and not family.labels and family.type == "counter":
                rows = [f"{name} 0"]
        lines += [f"# HELP {name} {family.help}", f"# TYPE {name} {family.type}", *rows]
    return "\n".join(lines) + "\n"


def _histogram(name: str, values: Mapping[tuple[str, ...], float]) -> Iterator[str]:
    total = 0.0
    for bound in (*map(str, BOUNDS), INFINITY):
        total += values.get((bound,), 0)
        yield f"{name}_bucket{_labels(('le',), (bound,))} {_number(total)}"
    yield f"{name}_sum {_number(values.get(('sum',), 0))}"
    yield f"{name}_count {_number(total)}"


def _labels(names: Sequence[str], values: Sequence[str]) -> str:
    if not names:
        return ""
    pairs = (f'{name}="{_escape(value)}"' for name, value in zip(names, values, strict=True))
    return "{" + ",".join(pairs) + "}"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:.6f}"
