"""How long a version takes to answer, told so that other work on the machine hardly shows."""

import json

import pytest

from overton.artifact import Runtime, p99_ms
from overton.artifact.latency import ROUNDS
from tests.tiny_artifact import RECORD, tiny_artifact

LINES = [json.dumps({"payloads": RECORD["payloads"]}).encode()] * 100


@pytest.mark.long
def test_the_least_of_some_rounds_counts_and_one_query_in_a_hundred_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    calls = []

    def clock() -> float:
        calls.append(1)
        if len(calls) % 2 == 0:  # the end of a query: record 7 is slow, 8 a little, and one round is disturbed
            number = len(calls) // 2 - 1
            place, turn = number % 100, number // 100
            now[0] += {7: 0.5, 8: 0.003}.get(place, 0.001) + (0.2 if turn == 1 else 0.0)
        return now[0]

    monkeypatch.setattr("overton.artifact.latency.thread_time", clock)
    assert p99_ms(Runtime(tiny_artifact()), LINES) == pytest.approx(3.0)
    assert len(calls) == 2 * 100 * ROUNDS


def test_a_real_answer_takes_some_time() -> None:
    assert p99_ms(Runtime(tiny_artifact()), LINES[:3]) > 0
