"""One request for predictions, from its body to its answer: admitted, parsed, predicted, counted, logged.

The model runs in the event loop: a call takes less time than handing it to a thread would. One request is predicted
at a time, by turns, and between two of them the loop reads what has come in meanwhile: where more come than may wait,
the rest are refused at once, and those that wait are answered no later for it.
"""

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.types import Receive

from overton.serve.answer import STEP, Model, Question, parse_question, predict_steps, render_answer
from overton.serve.limits import Answer, Limits, busy, gone, late, loading, too_large, too_slow, wrong_type
from overton.serve.service import Service, Waiting

PREDICT = "/v1/predict"
REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")
JSON = re.compile(rb"\s*application/(?:\S+\+)?json\s*(?:;|$)", re.IGNORECASE)
LINES = re.compile(rb"\s*application/(?:x-)?(?:ndjson|jsonl|jsonlines)\s*(?:;|$)", re.IGNORECASE)

Parse = Callable[[Model, bytes, str, Limits], Question | Answer]
Render = Callable[[Model, Question, list[dict[str, Any]]], Answer]


@dataclass(frozen=True, slots=True)
class Form:
    """How a route reads a question and renders its answer."""

    parse: Parse
    render: Render


def _parse_lines(model: Model, body: bytes, query: str, limits: Limits) -> Question | Answer:
    return parse_question(model, body, query, limits, lines=True)


OWN = Form(parse_question, render_answer)
OWN_LINES = Form(_parse_lines, render_answer)


def route_of(path: str) -> str:
    """What a path is counted as: few words, whatever paths are asked for."""
    return "predict" if path == PREDICT else "infer" if path.endswith("/infer") else "other"


def form_of(content_type: bytes) -> Form | None:
    """How a body of that type is read; None where it is marked as something else."""
    if not content_type or JSON.match(content_type):
        return OWN
    return OWN_LINES if LINES.match(content_type) else None


async def ask(
    service: Service,
    receive: Receive,
    *,
    form: Form | None,
    query: str = "",
    request_id: bytes = b"",
    version: str = "",
) -> Answer:
    """Answer one request.

    Args:
        service: The server's state.
        receive: Where its body comes from.
        form: How it is read; None where it is marked as what is not read.
        query: The query of its url.
        request_id: Its id, by which a canary is chosen.
        version: The version that must answer; empty for that which would.
    """
    started = time.monotonic()
    limits = service.limits
    if service.model is None:
        return loading()
    if service.waiting >= limits.max_waiting:
        service.metrics.add("overton_shed_total")
        return busy()
    if form is None:
        return wrong_type()
    body = await read_body(receive, limits)
    if isinstance(body, Answer):
        return body
    if service.waiting >= limits.max_waiting:  # it has changed while the body came
        service.metrics.add("overton_shed_total")
        return busy()
    service.waiting += 1
    try:
        model = service.choose(request_id, body)
        assert model is not None, "a version that was loaded stays or is changed for another"
        if version and model.version != version:
            loaded = {one.version: one for one in service.models()}
            if version not in loaded:
                return gone(version, loaded)
            model = loaded[version]
        question = form.parse(model, body, query, limits)
        if isinstance(question, Answer):
            return question
        return await _answer(service, Waiting(model.named(question.model), question), form, started)
    finally:
        service.waiting -= 1


async def _answer(service: Service, asked: Waiting, form: Form, started: float) -> Answer:
    """Wait for the turn of a question, and answer it."""
    turn, limits = service.turn, service.limits
    service.line.append(asked)
    try:
        waited = turn.locked()
        async with turn:
            if not waited:
                await asyncio.sleep(0)  # those that came in together are counted before the first is predicted
            if time.monotonic() - started > limits.max_seconds:
                return late(limits)
            if asked.labels is None and not await _predict(service, asked, started + limits.max_seconds):
                return late(limits)
    finally:
        service.line.remove(asked)
    model, question, labels = asked.model, asked.question, asked.labels or []
    said = form.render(model, question, labels)
    service.metrics.time(time.monotonic() - started)
    service.metrics.add("overton_records_total", by=len(labels))
    if service.log is not None:
        service.log.write(model.version, question.lines, labels)
    if service.shadow is not None:
        service.shadow.offer(model, question.lines, labels, probabilities=question.probabilities)
    return said


async def _predict(service: Service, asked: Waiting, until: float) -> bool:
    """Predict a question, and with it those behind it that fit; False where it takes too long.

    What waits at that moment is predicted together, since several records cost much less than each by itself; nobody
    waits for others to come. A long question goes by steps, and lets the others have their turn between them.
    """
    model, question = asked.model, asked.question
    if len(question.records) >= STEP:
        labels: list[dict[str, Any]] = [{}] * len(question.records)
        left = len(labels)
        for places, said in predict_steps(model, question):
            for place, label in zip(places, said, strict=True):
                labels[place] = label
            left -= len(places)
            if left:
                await service.pass_turn()
                if time.monotonic() > until:
                    return False
        asked.labels = labels
        return True
    together = [asked]
    room = STEP - len(question.records)
    for other in service.line:
        alike = other.model is model and other.question.probabilities == question.probabilities
        if alike and other.labels is None and other is not asked and len(other.question.records) <= room:
            together.append(other)
            room -= len(other.question.records)
    records = [record for one in together for record in one.question.records]
    told = iter(model.runtime.predict(records, probabilities=question.probabilities, tally=model.tally))
    for one in together:
        one.labels = [next(told) for _ in one.question.records]
    return True


async def read_body(receive: Receive, limits: Limits) -> bytes | Answer:
    """The body of a request, or the answer where it is too long or does not come; empty where the client went away."""
    try:
        async with asyncio.timeout(limits.max_seconds):
            message = await receive()
            body: bytes = message.get("body", b"")
            parts, size = [body], len(body)
            while message.get("more_body") and size <= limits.max_bytes:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return b""
                parts.append(message.get("body", b""))
                size += len(parts[-1])
    except TimeoutError:
        return too_slow(limits)
    if size > limits.max_bytes:
        return too_large(limits)
    return body if len(parts) == 1 else b"".join(parts)
