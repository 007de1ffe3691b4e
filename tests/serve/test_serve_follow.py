import asyncio
import re
import shutil
from dataclasses import replace
from pathlib import Path

import httpx
import msgspec
import pytest

from overton.artifact import Artifact, runtime
from overton.base import OvertonError, Problem
from overton.serve import Place, Service, Settings, make_app
from overton.serve.canary import Canary
from overton.serve.follow import Follower, load_model
from overton.serve.process import load_models
from overton.store import Store
from tests.artifact.test_artifact_pack import external_model, large_model
from tests.serve.serving import call, golden_artifact, metric, promote, store_with
from tests.tiny_artifact import RECORD

FIRST, SECOND = golden_artifact(0), golden_artifact(1)


class Watch:
    """A service that follows `live` of a store."""

    def __init__(self, directory: Path, *artifacts: Artifact) -> None:
        self.store = store_with(directory, *artifacts)
        self.service = Service(load_model(artifacts[0]))
        self.told: list[str] = []
        self.follower = Follower(
            self.service, self.store.url, "live", observe=lambda event: self.told.append(event.message)
        )
        self.app = make_app(self.service)

    def look(self) -> str:
        asyncio.run(self.follower.look())
        return self.service.model.version

    def ready(self) -> dict:
        return call(self.app, "GET", "/readyz").json()

    def metric(self, name: str) -> float:
        return metric(call(self.app, "GET", "/metrics").text, name)


def test_what_is_promoted_is_served(tmp_path):
    watch = Watch(tmp_path, FIRST, SECOND)
    assert watch.look() == FIRST.id
    assert watch.told == []
    promote(watch.store, SECOND.id)
    assert watch.look() == SECOND.id
    assert call(watch.app, "POST", "/v1/predict", json=RECORD).json()["version"] == SECOND.id
    assert watch.metric('overton_reloads_total{outcome="loaded"}') == 1
    assert watch.ready()["alias"] == "live"
    assert watch.ready()["named"] == SECOND.id
    assert watch.told[0].startswith(f"live: {FIRST.id} -> {SECOND.id}")


def test_a_canary_rests_beside_a_version_whose_clients_it_would_break(tmp_path):
    both, broken = FIRST.with_model("small", SECOND), ["model 'large' is gone", "model 'small' is gone"]
    watch = Watch(tmp_path, FIRST, both)
    watch.service.canary = Canary(load_model(SECOND), 1.0)
    assert call(watch.app, "POST", "/v1/predict", json=RECORD).json()["version"] == SECOND.id
    promote(watch.store, both.id)
    assert watch.look() == both.id
    assert call(watch.app, "POST", "/v1/predict", json=RECORD).json()["version"] == both.id
    assert watch.ready()["canary"] == {"version": SECOND.id, "share": 1.0, "rests": broken}
    assert watch.told[-1] == f"{SECOND.id} rests, clients of {both.id} would break: {'; '.join(broken)}"
    promote(watch.store, FIRST.id)
    assert watch.look() == FIRST.id
    assert call(watch.app, "POST", "/v1/predict", json=RECORD).json()["version"] == SECOND.id, "it goes on"


def test_what_the_version_before_has_answered_is_told_on(tmp_path):
    watch = Watch(tmp_path, FIRST, SECOND)
    watch.look()
    label = call(watch.app, "POST", "/v1/predict", json=RECORD).json()["tasks"]["Intent"]
    counter = f'overton_predicted_total{{version="{FIRST.id}",role="serving",task="Intent",label="{label}"}}'
    assert watch.metric(counter) == 1
    promote(watch.store, SECOND.id)
    watch.look()
    assert watch.metric(counter) == 1


def test_a_version_that_answers_otherwise_than_its_build_stays_out(tmp_path):
    swapped = {b"height": b"age", b"age": b"height"}
    told = SECOND.files["golden.jsonl"]
    golden = re.sub(rb'"overton":"(height|age)"', lambda label: b'"overton":"%s"' % swapped[label[1]], told)
    assert golden != told
    other = replace(SECOND, files={**SECOND.files, "golden.jsonl": golden})
    watch = Watch(tmp_path, FIRST, other)
    promote(watch.store, other.id)
    assert watch.look() == FIRST.id
    assert "golden" in watch.ready()["problem"]
    assert watch.ready()["status"] == "ready", "the old version still answers"
    assert watch.metric('overton_reloads_total{outcome="failed"}') == 1
    assert len(watch.told) == 1


def test_a_version_that_failed_is_tried_again_ever_more_rarely_and_the_next_one_at_once(tmp_path):
    watch = Watch(tmp_path, FIRST, SECOND)
    third = golden_artifact(2)
    watch.store.put(third, when="2026-01-03T00:00:00+00:00")
    promote(watch.store, SECOND.id)
    _damage(watch.store, SECOND, "model.onnx")
    for _ in range(16):
        assert watch.look() == FIRST.id
    assert 3 <= watch.metric('overton_reloads_total{outcome="failed"}') <= 6
    assert len(watch.told) == 1, "said once"
    promote(watch.store, third.id)
    assert watch.look() == third.id
    assert "problem" not in watch.ready()


def test_a_store_that_cannot_be_read_speaks_against_no_version(tmp_path, monkeypatch):
    watch = Watch(tmp_path, FIRST, SECOND)
    promote(watch.store, SECOND.id)

    def lost(*_: object) -> Artifact:
        raise OvertonError(Problem("the server does not answer", "store.unreachable"))

    with monkeypatch.context() as patched:
        patched.setattr(Store, "get", lost)
        assert watch.look() == FIRST.id
    assert watch.metric("overton_follow_errors_total") == 1
    assert "overton_reloads_total{" not in call(watch.app, "GET", "/metrics").text
    assert watch.look() == SECOND.id


@pytest.mark.parametrize("name", sorted(FIRST.files))
def test_a_flipped_byte_in_any_file_of_a_version_keeps_it_out(tmp_path, name):
    watch = Watch(tmp_path, FIRST, SECOND)
    promote(watch.store, SECOND.id)
    _damage(watch.store, SECOND, name)
    assert watch.look() == FIRST.id
    assert "stays out" in watch.ready()["problem"]


@pytest.mark.parametrize("model", [external_model("initializer"), large_model("initializer")], ids=["files", "sizes"])
def test_a_malicious_version_stays_out_and_its_model_is_never_loaded(tmp_path, model, monkeypatch):
    evil = replace(SECOND, files={**SECOND.files, "model.onnx": model})
    watch = Watch(tmp_path, FIRST, evil)
    promote(watch.store, evil.id)
    opened: list[bytes] = []
    monkeypatch.setattr(runtime, "open_session", lambda content, threads: opened.append(content))
    assert watch.look() == FIRST.id
    assert "stays out" in watch.ready()["problem"]
    assert opened == []


def test_who_begins_later_serves_what_the_alias_names_by_then(tmp_path):
    """As a worker does that replaces another, long after the version was named that the server began with."""
    watch = Watch(tmp_path, FIRST, SECOND)
    settings = Settings(Place(FIRST.id, watch.store.url), alias="live")
    assert load_models(settings)[0].version == FIRST.id
    promote(watch.store, SECOND.id)
    assert load_models(settings)[0].version == SECOND.id
    assert load_models(Settings(Place(FIRST.id, watch.store.url)))[0].version == FIRST.id, "an id is not followed"
    _damage(watch.store, SECOND, "model.onnx")
    assert load_models(settings)[0].version == FIRST.id, "what nobody can load keeps nobody from answering"


def test_a_half_written_version_stays_out_until_it_is_whole(tmp_path):
    watch = Watch(tmp_path, FIRST, SECOND)
    promote(watch.store, SECOND.id)
    manifest = Path(watch.store.url) / "versions" / SECOND.id / "manifest.json"
    manifest.rename(manifest.with_suffix(".away"))
    assert watch.look() == FIRST.id
    assert SECOND.id in watch.ready()["problem"]
    manifest.with_suffix(".away").rename(manifest)
    assert watch.look() == SECOND.id


def test_a_store_that_cannot_be_reached_is_survived_and_told(tmp_path):
    watch = Watch(tmp_path, FIRST, SECOND)
    place = Path(watch.store.url)
    (place / "aliases" / "live" / f"{1:012d}.json").write_bytes(b"{")
    assert watch.look() == FIRST.id
    assert "cannot be read" in watch.ready()["problem"]
    assert watch.metric("overton_follow_errors_total") == 1
    assert call(watch.app, "POST", "/v1/predict", json=RECORD).status_code == 200
    shutil.rmtree(place / "aliases")
    store_again = Store(watch.store.url)
    promote(store_again, SECOND.id)
    assert watch.look() == SECOND.id
    assert "problem" not in watch.ready()


@pytest.mark.parametrize(
    "error", [OSError(116, "Stale file handle"), RuntimeError("of a library")], ids=["disk", "odd"]
)
def test_a_look_that_fails_as_nobody_foresaw_is_not_the_last_one(tmp_path, monkeypatch, error):
    watch = Watch(tmp_path, FIRST, SECOND)
    promote(watch.store, SECOND.id)

    def broken(place: object) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(Path, "lstat", broken)
        assert watch.look() == FIRST.id
    assert error.args[-1] in watch.ready()["problem"]
    assert watch.metric("overton_follow_errors_total") == 1
    assert watch.look() == SECOND.id


def test_an_alias_that_is_gone_changes_nothing_and_is_told(tmp_path):
    watch = Watch(tmp_path, FIRST)
    shutil.rmtree(Path(watch.store.url) / "aliases")
    assert watch.look() == FIRST.id
    assert "gone" in watch.ready()["problem"]


def test_looking_goes_on_with_pauses_that_vary(tmp_path):
    watch = Watch(tmp_path, FIRST)
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) > 20:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(watch.follower.run(sleep))
    assert all(4 <= pause <= 6 for pause in pauses)
    assert len(set(pauses)) > 10


def test_a_request_is_answered_by_the_version_that_it_began_with(tmp_path):
    """The version changes between two steps of a long request."""
    watch = Watch(tmp_path, FIRST, SECOND)
    new = load_model(SECOND)
    lines = b"\n".join([msgspec.json.encode(RECORD)] * 100)
    expected = {
        version: call(make_app(Service(load_model(artifact))), "POST", "/v1/predict", json=RECORD).json()["tasks"]
        for version, artifact in ((FIRST.id, FIRST), (SECOND.id, SECOND))
    }
    assert expected[FIRST.id] != expected[SECOND.id]

    kind = {"content-type": "application/x-ndjson"}

    async def both() -> list[dict]:
        transport = httpx.ASGITransport(app=watch.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            asked = [asyncio.create_task(client.post("/v1/predict", content=lines, headers=kind)) for _ in range(4)]
            for _ in range(12):
                await asyncio.sleep(0)
            watch.service.model = new
            answers = [await one for one in asked]
            answers.append(await client.post("/v1/predict", content=lines, headers=kind))
        return [[msgspec.json.decode(line) for line in answer.content.splitlines()] for answer in answers]

    answers = asyncio.run(both())
    for lines_of_one in answers:
        (version,) = {line["version"] for line in lines_of_one}
        assert all(line["tasks"] == expected[version] for line in lines_of_one)
    assert answers[0][0]["version"] == FIRST.id
    assert answers[-1][0]["version"] == SECOND.id


def _damage(store: Store, artifact: Artifact, name: str) -> None:
    digest = artifact.manifest.files[name].sha256
    (path,) = Path(store.url).rglob(digest)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
