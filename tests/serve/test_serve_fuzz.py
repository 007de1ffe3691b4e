"""Whatever is sent, the server answers with a reason, and stays as it was."""

import random
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from overton.artifact import Runtime
from overton.serve import Limits, Model, Service, make_app
from overton.serve.metrics import FAMILIES
from tests.serve.fuzz import METHODS, PATHS, QUERIES, TYPES, calls, headers, mutated, requests
from tests.tiny_artifact import RECORD, tiny_artifact

MODEL = Model.of(Runtime(tiny_artifact()), "v1")
MANY = 100_000
MOST_GROWTH = 12 << 20  # bytes, between a fifth of the requests and all: the pool of strings fills to its limit before


def service() -> Service:
    return Service(MODEL, limits=Limits(max_bytes=20_000, max_records=8))


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
    with calls(make_app(service())) as call:

        @given(asked)
        @settings(max_examples=many, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
        def ask(request: tuple) -> None:
            check(*call(*request), request[0], request[1])

        ask()
        status, _ = call("POST", "/v1/predict", b"", [], msgspec.json.encode(RECORD))
        assert status == 200


def test_no_request_makes_the_server_fail():
    fuzz(300)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_none_of_very_many_requests_makes_the_server_fail():
    fuzz(MANY)


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def mutate(many: int) -> tuple[dict[int, int], Service, list[int]]:
    state = service()
    statuses: dict[int, int] = {}
    memory = []
    requests = mutated(random.Random(0))
    with calls(make_app(state)) as call:
        for number in range(many):
            request = next(requests)
            status, body = call(*request)
            check(status, body, request[0], request[1])
            statuses[status] = statuses.get(status, 0) + 1
            if number in (many // 5, many - 1) and Path("/proc/self/statm").exists():
                memory.append(resident())
    return statuses, state, memory


def test_records_with_values_and_bytes_replaced_are_answered_or_refused_with_a_reason():
    statuses, state, _ = mutate(4000)
    assert {200, 400, 404, 405, 415, 422} <= set(statuses)
    assert state.waiting == 0


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_very_many_mutated_records_leave_no_trace():
    statuses, state, memory = mutate(MANY)
    assert statuses[200] > MANY / 50
    assert statuses[422] > MANY / 10
    assert state.waiting == 0
    assert sum(len(values) for values in state.counts().values()) < 40 * len(FAMILIES)
    assert not memory or memory[1] - memory[0] < MOST_GROWTH
