"""A share of the requests to another version, and a copy of the requests to one whose answers nobody sees.

A canary answers the requests whose id has a hash below its share: the same id always gets the same version, in every
worker. A shadow answers in a thread of its own with a short queue; where it is behind, it skips requests, so that it
never makes an answer wait.
"""

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from queue import Empty, Full, Queue
from typing import Any

from overton.base import Event, Observe, OvertonError, ignore
from overton.data import SLICE_PREFIX
from overton.schema import diff_schemas
from overton.serve.answer import Model
from overton.serve.metrics import Counts, Metrics, merge_counts

ALL, OTHERS = "*", "(others)"
MOST_SLICES, LONGEST_SLICE = 100, 100  # that are counted by name, and their characters: a client may send any tag
QUEUE = 128
TOLD = 20  # disagreements that are told one by one; from then on only counted
LARGEST = 1 << 64


@dataclass(frozen=True, slots=True)
class Canary:
    """A version that answers a share of the requests.

    Attributes:
        model: The version.
        share: The share, from 0 to 1.
    """

    model: Model
    share: float

    def takes(self, key: bytes) -> bool:
        """Whether the request of that id is answered by the canary.

        Args:
            key: The id of the request; its body where it has none.
        """
        return int.from_bytes(blake2b(key, digest_size=8).digest()) < self.share * LARGEST


def broken_by(canary: Model, model: Model) -> list[str]:
    """What would break clients of a version that a canary answers in its place, one line each; empty where nothing."""
    changes = diff_schemas(model.runtime.schema, canary.runtime.schema)
    broken = [f"{change.field}: {change.message}" for change in changes if change.kind == "breaking"]
    return broken + [f"model {name!r} is gone" for name in model.names if name not in canary.names]


@dataclass(frozen=True, slots=True)
class _Seen:
    lines: Sequence[bytes]
    labels: Sequence[Mapping[str, Any]]
    probabilities: bool
    model: Model


class Shadow:
    """A version that answers beside the one that is served, for the count of disagreements alone.

    Args:
        model: The version.
        observe: Told of the first disagreements, one by one.
    """

    def __init__(self, model: Model, observe: Observe = ignore) -> None:
        self.model = model
        self._observe = observe
        self._queue: Queue[_Seen | None] = Queue(QUEUE)
        self._metrics = Metrics()  # of the thread alone
        self._dropped = 0
        self._told = 0
        self._slices = set(model.runtime.signature.slices)
        self._thread = threading.Thread(target=self._work, name="overton-shadow", daemon=True)
        self._thread.start()

    def offer(
        self, model: Model, lines: Sequence[bytes], labels: Sequence[Mapping[str, Any]], *, probabilities: bool
    ) -> None:
        """Hand over what was answered; never waits."""
        try:
            self._queue.put_nowait(_Seen(lines, labels, probabilities, model))
        except Full:
            self._dropped += len(lines)

    def counts(self) -> Counts:
        """What was compared, by task and slice."""
        counts = self._metrics.counts()
        counts.pop("overton_request_seconds", None)
        return merge_counts([counts, {"overton_shadow_dropped_total": {(): self._dropped}}])

    def close(self, seconds: float = 1.0) -> None:
        """Compare what is there already, for so long at most, and end the thread."""
        with suppress(Full):
            self._queue.put(None, timeout=seconds)
        self._thread.join(seconds)

    def _work(self) -> None:
        while True:
            with suppress(Empty):
                seen = self._queue.get(timeout=60)
                if seen is None:
                    return
                for line, said in zip(seen.lines, seen.labels, strict=True):
                    self._compare(seen, line, said)

    def _compare(self, seen: _Seen, line: bytes, said: Mapping[str, Any]) -> None:
        model = self.model.named(seen.model.name)  # of two models the one that was asked, where it has that
        try:
            record = model.parser.parse(line)
            (own,) = model.runtime.predict([record], probabilities=seen.probabilities, tally=model.tally)
            given = (tag for tag in record.tags if tag.startswith(SLICE_PREFIX))
            slices = {tag if len(tag) <= LONGEST_SLICE or tag in self._slices else OTHERS for tag in given}
            if model.runtime.signature.slices:
                slices.update(model.runtime.slices_of([record])[0])
        except OvertonError as error:
            self._metrics.add("overton_shadow_failed_total")
            self._tell(f"cannot answer a record: {error.problems[0].message}")
            return
        except Exception as error:  # the outermost edge of a thread: a shadow that fails must fail alone
            self._metrics.add("overton_shadow_failed_total")
            self._tell(f"failed on a record: {error!r}")
            return
        for task in said.keys() & own.keys():
            old, new = (_plain(one, task, label) for one, label in ((seen.model, said[task]), (model, own[task])))
            for name in (ALL, *self._named(slices)):
                self._metrics.add("overton_shadow_compared_total", task, name)
                if old != new:
                    self._metrics.add("overton_shadow_disagreements_total", task, name)
            if old != new:
                self._tell(f"{task} is {new!r}, {seen.model.version} says {old!r}, slices {sorted(slices) or 'none'}")

    def _named(self, slices: set[str]) -> list[str]:
        """The names by which slices are counted: as they are, until there are very many."""
        for name in sorted(slices):
            if name != OTHERS and len(self._slices) < MOST_SLICES:
                self._slices.add(name)
        return sorted({name if name in self._slices else OTHERS for name in slices})

    def _tell(self, message: str) -> None:
        self._told += 1
        if self._told <= TOLD:
            last = "; from now on only counted" if self._told == TOLD else ""
            self._observe(Event("shadow", f"{self.model.version}: {message}{last}"))


def _plain(model: Model, task: str, label: Any) -> Any:
    """A label as it is without probabilities."""
    if isinstance(label, list):
        return [_plain(model, task, item) for item in label] if any(isinstance(one, dict) for one in label) else label
    if not isinstance(label, dict):
        return label
    known = model.runtime.schema.task(task)
    if known.type != "bitvector":
        return max(label, key=label.__getitem__) if label else None
    from_on = dict(zip(known.classes, model.runtime.signature.thresholds.get(task, ()), strict=False))
    return [name for name in known.classes if label.get(name, 0.0) >= from_on.get(name, 0.5)]
