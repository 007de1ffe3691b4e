"""A server whose store is behind a network that fails: while it follows an alias, while it loads, and at its start."""

import asyncio
import os
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from overton.base import OvertonError
from overton.serve import Place, Service, Settings, make_app
from overton.serve.follow import Follower, load_model
from overton.serve.server import run
from overton.store import blobs
from tests.serve.bucket import BUCKET, Bucket, bucket_of
from tests.serve.serving import call, golden_artifact, metric, promote, store_with
from tests.tiny_artifact import RECORD

FIRST, SECOND = golden_artifact(0), golden_artifact(1)
URL = f"s3://{BUCKET}"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Credentials of no worth, and little patience."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setitem(blobs.CLIENT, "read_timeout", "5s")
    monkeypatch.setitem(blobs.RETRY, "max_retries", 0)
    monkeypatch.setitem(blobs.RETRY, "retry_timeout", timedelta(seconds=1))
    return monkeypatch


@pytest.fixture
def bucket(tmp_path: Path, environment: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """A store behind a network, in which `live` names the first of two versions."""
    local = store_with(tmp_path, FIRST, SECOND)
    with bucket_of(Path(local.url)) as bucket:
        bucket.local = local
        environment.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{bucket.port}")
        yield bucket


class Follows:
    """A server that follows `live` in the bucket."""

    def __init__(self) -> None:
        self.service = Service(load_model(FIRST))
        self.told: list[str] = []
        self.follower = Follower(self.service, URL, "live", observe=lambda event: self.told.append(event.message))
        self.app = make_app(self.service)

    def look(self) -> str:
        asyncio.run(self.follower.look())
        answer = call(self.app, "POST", "/v1/predict", json=RECORD)
        assert answer.status_code == 200, "it answers whatever the store does"
        assert call(self.app, "GET", "/readyz").status_code == 200
        return answer.json()["version"]

    def looks_until(self, version: str) -> bool:
        """Whether it comes to serve a version; a busy machine is slower than the patience of a test."""
        return any(self.look() == version for _ in range(20))

    @property
    def problem(self) -> str:
        return call(self.app, "GET", "/readyz").json().get("problem", "")

    def metric(self, name: str) -> float:
        return metric(call(self.app, "GET", "/metrics").text, name)


@pytest.mark.parametrize("trouble", ["away", pytest.param("silent", marks=pytest.mark.slow), "failing"])
def test_a_network_that_fails_while_following_is_survived_told_and_forgotten(bucket, trouble, environment):
    if trouble == "silent":
        environment.setitem(blobs.CLIENT, "read_timeout", "300ms")
    server = Follows()
    assert server.look() == FIRST.id
    assert server.problem == ""
    assert server.metric("overton_follow_seconds") < 5
    if trouble == "away":
        bucket.close()
    else:
        bucket.trouble = trouble
    promote(bucket.local, SECOND.id)
    for _ in range(2):
        assert server.look() == FIRST.id
    assert server.problem.startswith("the store cannot be read: ")
    assert server.metric("overton_follow_errors_total") == 2
    assert len(server.told) == 1, "said once"
    if trouble == "away":
        bucket.open()
    bucket.trouble = ""
    assert server.looks_until(SECOND.id)
    assert server.problem == ""
    assert server.told[-2] == "live can be followed again"


@pytest.mark.long
def test_a_network_that_breaks_while_a_version_is_loaded_is_no_fault_of_the_version(bucket):
    server = Follows()
    promote(bucket.local, SECOND.id)
    bucket.trouble = "cut"
    for _ in range(3):
        assert server.look() == FIRST.id
    assert server.metric("overton_follow_errors_total") == 3, "tried at every look, not ever more rarely"
    assert 'outcome="failed"' not in call(server.app, "GET", "/metrics").text
    bucket.trouble = ""
    assert server.looks_until(SECOND.id)
    assert server.problem == ""


def test_a_store_that_cannot_be_reached_at_the_start_ends_the_server_with_its_address(environment):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        environment.setenv("AWS_ENDPOINT_URL", address)
        with pytest.raises(OvertonError, match="does not answer") as caught:
            run(Settings(Place(FIRST.id, URL), alias="live", port=0))
    assert caught.value.problems[0].code == "store.unreachable"
    assert address in caught.value.problems[0].message


def test_a_server_starts_from_a_store_behind_a_network(bucket):
    assert load_model(Place(FIRST.id, URL).load()).version == FIRST.id
