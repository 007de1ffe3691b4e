"""Whatever is sent, the server answers with a reason, and stays as it was."""

import random
from itertools import islice
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from overton.serve import Service, make_app
from overton.serve.metrics import FAMILIES
from tests.serve.fuzz import METHODS, PATHS, QUERIES, TYPES, headers, mutated, requests
from tests.serve.watched import watched
from tests.tiny_artifact import RECORD

MANY, TOGETHER = 100_000, 100


def check(status: int, body: bytes, method: str = "POST", path: str = "/v1/predict") -> None:
    assert 200 <= status < 500, (status, body)
    if method == "HEAD":
        return
    if status >= 400:
        told = msgspec.json.decode(body)
        assert told["problems"], "a refusal tells why"
        assert b"Traceback" not in body
        assert b".py" not in body
    elif path == "/v1/predict" and body.startswith(b"{"):
        assert b'"version":"v1"' in body


asked = st.tuples(
    st.sampled_from(METHODS),
    st.sampled_from(PATHS) | st.text(max_size=20).map(lambda text: f"/{text}"),
    st.sampled_from(QUERIES) | st.binary(max_size=20),
    st.tuples(headers, st.sampled_from(TYPES)).map(lambda pair: [*pair[0], (b"content-type", pair[1])]),
    requests.map(msgspec.json.encode) | st.binary(max_size=60),
)


def fuzz(many: int) -> None:
    with watched() as call:

        @given(asked)
        @settings(max_examples=many, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
        def ask(request: tuple) -> None:
            check(*call(*request), request[0], request[1])

        ask()
        status, _ = call("POST", "/v1/predict", b"", [], msgspec.json.encode(RECORD))
        assert status == 200
        call.check_memory()


@pytest.mark.slow
def test_no_request_makes_the_server_fail_or_grow():
    fuzz(300)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_none_of_very_many_requests_makes_the_server_fail_or_grow():
    fuzz(MANY)


def mutate(many: int) -> dict[int, int]:
    statuses: dict[int, int] = {}
    requests = mutated(random.Random(0))
    with watched() as call:
        for _ in range(many // TOGETHER):
            some = list(islice(requests, TOGETHER))
            for (method, path, *_), (status, body) in zip(some, call.ask(some), strict=True):
                check(status, body, method, path)
                statuses[status] = statuses.get(status, 0) + 1
        assert call.waiting == 0
        assert call.counted < 40 * len(FAMILIES)
        call.check_memory()
    return statuses


@pytest.mark.long
def test_records_with_values_and_bytes_replaced_are_answered_or_refused_with_a_reason():
    assert {200, 400, 404, 405, 415, 422} <= set(mutate(2000))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_very_many_mutated_records_leave_no_trace():
    statuses = mutate(MANY)
    assert statuses[200] > MANY / 50
    assert statuses[422] > MANY / 10


class Keeper:
    """An application that keeps the body of every request: what the tests of this file are for."""

    kept: ClassVar[list[bytes]] = []

    def __init__(self, service: Service) -> None:
        self._app = make_app(service)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def keep() -> Any:
            message = await receive()
            self.kept.append(message["body"])
            return message

        await self._app(scope, keep, send)


@pytest.mark.slow
def test_a_server_that_keeps_what_it_is_sent_is_found_out():
    requests = mutated(random.Random(0))
    with watched(Keeper) as call:
        call.ask(list(islice(requests, 300)))
        with pytest.raises(AssertionError, match="bytes more after"):
            call.check_memory()
