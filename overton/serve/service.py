"""What the routes look at for each request: the versions that answer, what is counted, and how the server does."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from overton.artifact import Tally
from overton.serve.answer import Model, Question
from overton.serve.canary import Canary, Shadow, broken_by
from overton.serve.limits import Limits
from overton.serve.log import RequestLog
from overton.serve.metrics import Counts, Metrics, merge_counts

MOST_PAST = 8


@dataclass(slots=True)
class Following:
    """How it goes with the alias that is followed.

    Attributes:
        alias: The alias.
        looked: When it was last read, by the monotonic clock.
        named: The version that it named then; empty before the first look.
        problem: Why what it names is not served, or the store not read; empty where all is well.
    """

    alias: str
    looked: float
    named: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Past:
    """What a version has answered that was served before."""

    version: str
    tally: Tally


@dataclass(slots=True, eq=False)
class Waiting:
    """A question that waits for its turn.

    Attributes:
        model: The version that answers it.
        question: What is asked.
        labels: Its answer, once it is predicted.
    """

    model: Model
    question: Question
    labels: list[dict[str, Any]] | None = None


class Service:
    """The state of a server; changed by its event loop alone. The version in `model` may be changed at any time.

    Attributes:
        model: The version that answers; None while the first is loaded.
        name: The name of the model for clients of the Open Inference Protocol.
        limits: What a request may cost.
        canary: A version that answers a share of the requests.
        rests: Why the canary answers none of them for now, one line for each thing that would break clients.
        shadow: A version that answers beside, unseen.
        log: Where requests are logged.
        following: The alias that is followed; None for none.
        draining: Whether the server is about to stop: it still answers, but asks for no more requests.
        waiting: Requests that have come in and are not answered yet.
        arrived: Requests that have come in since the loop last read, and are not among those that wait yet.
        turn: Held by the request that is predicted; others get it in the order in which they came.
        line: The questions that are not answered yet, in the order in which they came.
        metrics: What is counted.
    """

    def __init__(self, model: Model | None = None, *, name: str = "overton", limits: Limits | None = None) -> None:
        self.model = model
        self.name = name
        self.limits = limits or Limits()
        self.canary: Canary | None = None
        self.rests: list[str] = []
        self.shadow: Shadow | None = None
        self.log: RequestLog | None = None
        self.following: Following | None = None
        self.draining = False
        self.waiting = 0
        self.arrived = 0
        self.turn = asyncio.Lock()
        self.line: list[Waiting] = []
        self.metrics = Metrics()
        self._past: list[Past] = []

    def serve(self, model: Model) -> None:
        """Let another version answer. Requests that are being answered keep the one that they began with.

        What the versions before have answered is told on, of the last few, so that no scrape misses it. A canary that
        would break clients of this version rests until another comes.
        """
        if self.model is not None:
            gone = [Past(own.version, own.tally) for own in (self.model, *self.model.others.values())]
            self._past = [*self._past, *gone][-MOST_PAST:]
        self.model = model
        self.rests = broken_by(self.canary.model, model) if self.canary else []

    @property
    def state(self) -> str:
        """`loading`, `ready` or `draining`."""
        return "draining" if self.draining else "ready" if self.model else "loading"

    @property
    def is_full(self) -> bool:
        """Whether one more request would be too many."""
        return self.waiting + self.arrived >= self.limits.max_waiting

    async def pass_turn(self) -> None:
        """Let the others that wait have their turn, then take it again."""
        self.turn.release()
        await asyncio.sleep(0)
        await self.turn.acquire()

    def choose(self, request_id: bytes, body: bytes) -> Model | None:
        """The version that answers a request: the canary for its share of them."""
        canary = None if self.rests or self.model is None else self.canary
        return canary.model if canary is not None and canary.takes(request_id or body) else self.model

    def to_json(self) -> dict[str, Any]:
        """What `/readyz` tells."""
        told: dict[str, Any] = {"status": self.state, "version": self.model.version if self.model else None}
        if self.following is not None:
            told["alias"] = self.following.alias
            told["named"] = self.following.named or None
            told["looked_seconds_ago"] = round(time.monotonic() - self.following.looked, 1)
            if self.following.problem:
                told["problem"] = self.following.problem
        if self.canary is not None:
            told["canary"] = {"version": self.canary.model.version, "share": self.canary.share}
            if self.rests:
                told["canary"]["rests"] = self.rests
        if self.shadow is not None:
            told["shadow"] = {"version": self.shadow.model.version}
        return told

    def counts(self) -> Counts:
        """Everything that `/metrics` tells of this process."""
        parts = [self.metrics.counts(), self._gauges()]
        parts.extend(_tally_counts(model, role) for model, role in self._models())
        parts.extend(_tally_counts(past, "serving") for past in self._past)
        if self.shadow is not None:
            parts.append(self.shadow.counts())
        return merge_counts(parts)

    def models(self) -> list[Model]:
        """The versions that answer: that which is served, and the canary, until that itself was promoted."""
        silent = {"shadow", "canary"} if self.rests else {"shadow"}
        found: dict[str, Model] = {}
        for model, role in self._models():
            if role not in silent:
                found.setdefault(model.version, model)
        return list(found.values())

    def _models(self) -> list[tuple[Model, str]]:
        roles = {"serving": self.model}
        roles["canary"] = self.canary.model if self.canary else None
        roles["shadow"] = self.shadow.model if self.shadow else None
        return [(one, role) for role, model in roles.items() if model for one in (model, *model.others.values())]

    def _gauges(self) -> Counts:
        alias = self.following.alias if self.following else ""
        gauges: Counts = {
            "overton_waiting_requests": {(): self.waiting},
            "overton_ready": {(): int(self.state == "ready")},
            "overton_version_info": {
                (model.version, role, alias if role == "serving" else ""): 1 for model, role in self._models()
            },
        }
        if self.following is not None:
            gauges["overton_follow_seconds"] = {(): round(time.monotonic() - self.following.looked, 3)}
        return gauges


def _tally_counts(model: Model | Past, role: str) -> Counts:
    labels: dict[tuple[str, ...], float] = {
        (model.version, role, task, label): count
        for task, counts in model.tally.labels().items()
        for label, count in counts.items()
        if count
    }
    slices: dict[tuple[str, ...], float] = {
        (model.version, role, name): count for name, count in model.tally.slices().items()
    }
    return {"overton_predicted_total": labels, "overton_slice_records_total": slices}
