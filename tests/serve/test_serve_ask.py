"""What a request may cost in time and in company: the queue, the deadline, slow clients."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from overton.artifact import Runtime
from overton.serve import Limits, Model, Service, make_app
from overton.serve.ask import OWN
from overton.serve.ask import ask as ask_service
from overton.serve.log import RequestLog
from tests.tiny_artifact import RECORD, tiny_artifact

MODEL = Model.of(Runtime(tiny_artifact()), "v1")
BODY = msgspec.json.encode(RECORD)
Receive = Callable[[], Awaitable[dict[str, Any]]]


async def ask(app: Any, receive: Receive | None = None, *, path: str = "/v1/predict") -> tuple[int, dict[bytes, bytes]]:
    async def whole() -> dict[str, Any]:
        return {"type": "http.request", "body": BODY, "more_body": False}

    told: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        told.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }
    await app(scope, receive or whole, send)
    return told[0]["status"], dict(told[0]["headers"])


def test_of_many_requests_at_once_some_are_answered_and_the_rest_refused_at_once():
    service = Service(MODEL, limits=Limits(max_waiting=8))
    app = make_app(service)

    async def storm() -> list[int]:
        return [status for status, _ in await asyncio.gather(*(ask(app) for _ in range(100)))]

    statuses = asyncio.run(storm())
    assert statuses.count(200) == 8
    assert statuses.count(429) == 92
    assert service.waiting == 0
    assert asyncio.run(ask(app))[0] == 200, "the storm is over"


def test_a_body_that_comes_when_all_places_are_taken_is_refused():
    service = Service(MODEL, limits=Limits(max_waiting=1))
    app = make_app(service)

    async def both() -> list[int]:
        come = asyncio.Event()

        async def late() -> dict[str, Any]:
            await come.wait()
            return {"type": "http.request", "body": BODY, "more_body": False}

        await service.turn.acquire()  # as while another is predicted
        asked = [asyncio.create_task(ask(app, late)) for _ in range(2)]
        await asyncio.sleep(0.01)
        come.set()
        await asyncio.wait(asked, timeout=1, return_when=asyncio.FIRST_COMPLETED)
        service.turn.release()
        return sorted([(await one)[0] for one in asked])

    assert asyncio.run(both()) == [200, 429]


def test_who_asks_for_probabilities_and_who_does_not_wait_together_and_get_what_they_asked_for():
    service = Service(MODEL)

    async def whole() -> dict[str, Any]:
        return {"type": "http.request", "body": BODY, "more_body": False}

    async def both() -> list[Any]:
        await service.turn.acquire()
        queries = ("", "probabilities=true")
        asked = [asyncio.create_task(ask_service(service, whole, form=OWN, query=query)) for query in queries]
        while service.waiting < 2:
            await asyncio.sleep(0)
        service.turn.release()
        return [msgspec.json.decode((await one).body)["tasks"]["Intent"] for one in asked]

    plain, soft = asyncio.run(both())
    assert (type(plain), type(soft)) == (str, dict)


def test_a_client_that_does_not_send_what_it_began_is_let_go_and_keeps_nobody_waiting():
    service = Service(MODEL, limits=Limits(max_seconds=0.05, max_waiting=1))
    app = make_app(service)
    begun = asyncio.Event()

    async def never() -> dict[str, Any]:
        begun.set()
        await asyncio.sleep(60)
        raise AssertionError("not waited for")

    async def both() -> tuple[tuple[int, dict[bytes, bytes]], tuple[int, dict[bytes, bytes]]]:
        slow = asyncio.create_task(ask(app, never))
        await begun.wait()
        quick = await ask(app)
        return await slow, quick

    (slow, headers), (quick, _) = asyncio.run(both())
    assert (slow, quick) == (408, 200)
    assert headers[b"connection"] == b"close"


def test_an_answer_that_takes_too_long_is_given_up():
    class Slow:
        schema = MODEL.runtime.schema
        signature = MODEL.runtime.signature

        def predict(self, records: list[object], **named: object) -> list[dict[str, object]]:
            import time

            time.sleep(0.03)
            return MODEL.runtime.predict(records, **named)

    service = Service(Model(Slow(), MODEL.parser, "v1", MODEL.tally), limits=Limits(max_seconds=0.05))
    app = make_app(service)

    async def several() -> dict[str, Any]:
        return {"type": "http.request", "body": b'{"records":[' + b",".join([BODY] * 100) + b"]}", "more_body": False}

    async def queue() -> list[int]:
        return [status for status, _ in await asyncio.gather(*(ask(app, sixteen) for _ in range(8)))]

    async def sixteen() -> dict[str, Any]:
        return {"type": "http.request", "body": b'{"records":[' + b",".join([BODY] * 16) + b"]}", "more_body": False}

    status, headers = asyncio.run(ask(app, several))
    assert status == 504
    assert headers[b"retry-after"] == b"1"
    statuses = asyncio.run(queue())
    assert statuses[0] == 200
    assert statuses[-1] == 504, "those who waited too long are not predicted any more"
    assert service.waiting == 0


def test_those_that_wait_are_predicted_together_and_each_gets_its_own_answer():
    sizes = []

    class Counting:
        schema = MODEL.runtime.schema
        signature = MODEL.runtime.signature

        def predict(self, records: list[object], **named: object) -> list[dict[str, object]]:
            sizes.append(len(records))
            return MODEL.runtime.predict(records, **named)

    texts = [f"how tall {number}" for number in range(20)]
    bodies = [msgspec.json.encode({"id": text, "payloads": {"query": text, "tokens": text.split()}}) for text in texts]

    async def storm(app: Any, query: bytes) -> list[dict[str, Any]]:
        return await asyncio.gather(*(answer_to(app, body, query) for body in bodies))

    for query in (b"", b"probabilities=true"):
        sizes.clear()
        service = Service(Model(Counting(), MODEL.parser, "v1", MODEL.tally))
        app = make_app(service)
        answers = asyncio.run(storm(app, query))
        assert sizes == [16, 4]
        assert [said["id"] for said in answers] == texts
        assert answers == [asyncio.run(answer_to(app, body, query)) for body in bodies]
        assert service.line == []


async def answer_to(app: Any, body: bytes, query: bytes) -> dict[str, Any]:
    told: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        told.append(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/predict", "query_string": query, "headers": []}
    await app(scope, receive, send)
    return msgspec.json.decode(told[1]["body"])


def test_a_request_in_many_steps_lets_others_pass():
    service = Service(MODEL)
    app = make_app(service)
    order: list[str] = []

    async def several() -> dict[str, Any]:
        return {"type": "http.request", "body": b'{"records":[' + b",".join([BODY] * 256) + b"]}", "more_body": False}

    async def long() -> None:
        await ask(app, several)
        order.append("long")

    async def short() -> None:
        await ask(app)
        order.append("short")

    async def both() -> None:
        await asyncio.gather(long(), short())

    asyncio.run(both())
    assert order == ["short", "long"]


def test_a_client_that_goes_away_leaves_nothing_behind():
    service = Service(MODEL)
    app = make_app(service)
    parts = iter(
        [{"type": "http.request", "body": BODY[:10], "more_body": True}, {"type": "http.disconnect"}],
    )

    async def gone() -> dict[str, Any]:
        return next(parts)

    assert asyncio.run(ask(app, gone))[0] == 400
    assert service.waiting == 0


def test_a_failing_log_file_or_model_leaves_no_request_counted_as_waiting(tmp_path):
    class Broken:
        schema = MODEL.runtime.schema
        signature = MODEL.runtime.signature

        def predict(self, *_: object, **__: object) -> object:
            raise RuntimeError("broken")

    service = Service(Model(Broken(), MODEL.parser, "v1", MODEL.tally))
    service.log = RequestLog(tmp_path / "requests.jsonl", metrics=service.metrics)
    assert asyncio.run(ask(make_app(service)))[0] == 500
    assert service.waiting == 0
    service.log.close()


def test_while_it_drains_every_answer_closes_its_connection():
    service = Service(MODEL)
    service.draining = True
    status, headers = asyncio.run(ask(make_app(service)))
    assert (status, headers[b"connection"]) == (200, b"close")
