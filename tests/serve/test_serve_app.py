import asyncio
from collections.abc import Iterator

import httpx
import msgspec
import pytest

from overton.artifact import Runtime
from overton.serve import Limits, Model, Service, create_app, make_app
from tests.tiny_artifact import RECORD, tiny_artifact

RUNTIME = Runtime(tiny_artifact())
TOKEN = "0123456789abcdef-secret"


def call(app: object, method: str, path: str, **named: object) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, **named)

    return asyncio.run(ask())


@pytest.fixture(scope="module")
def app() -> object:
    return create_app(RUNTIME, "v1")


def test_a_record_is_answered(app):
    answer = call(app, "POST", "/v1/predict", json=RECORD)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["version"] == "v1"
    assert answer.json()["id"] == "q17"


def test_probabilities_are_asked_for_in_the_url(app):
    answer = call(app, "POST", "/v1/predict?probabilities=true", json=RECORD)
    assert isinstance(answer.json()["tasks"]["Intent"], dict)


def test_the_signature_tells_what_goes_in_and_comes_out(app):
    value = call(app, "GET", "/v1/signature").json()
    assert value["version"] == "v1"
    assert value["tasks"]["Intent"]["classes"] == ["age", "height"]
    assert value["payloads"]["tokens"]["max_length"] == 16


def test_the_request_id_comes_back_with_every_answer(app):
    for method, path, content in (
        ("POST", "/v1/predict", msgspec.json.encode(RECORD)),
        ("POST", "/v1/predict", b"{"),
        ("GET", "/nowhere", None),
        ("GET", "/readyz", None),
    ):
        answer = call(app, method, path, content=content, headers={"X-Request-Id": "a1b2-c3.d4"})
        assert answer.headers["x-request-id"] == "a1b2-c3.d4"
    assert "x-request-id" not in call(app, "GET", "/readyz").headers


@pytest.mark.parametrize("request_id", ["a b", "x" * 129, "<script>", "é"])
def test_a_request_id_that_is_no_id_is_not_given_back(app, request_id):
    answer = call(app, "GET", "/healthz", headers={"X-Request-Id": request_id.encode("latin-1")})
    assert answer.status_code == 200
    assert "x-request-id" not in answer.headers


def test_other_paths_and_methods_are_told_as_problems(app):
    for method, path, status in (("GET", "/v1/predict", 405), ("POST", "/healthz", 405), ("GET", "/v1/../etc", 404)):
        answer = call(app, method, path)
        assert answer.status_code == status
        assert answer.json()["problems"][0]["code"] == "serve.no-route"
    assert call(app, "GET", "/v1/predict").headers["allow"] == "POST"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "json"])
def test_a_body_that_is_not_marked_as_json_is_refused(app, kind):
    answer = call(app, "POST", "/v1/predict", content=b"{}", headers={"Content-Type": kind})
    assert answer.status_code == 415
    assert answer.json()["problems"][0]["code"] == "serve.content-type"


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8", "application/vnd.api+json"])
def test_json_may_be_marked_in_all_its_ways(app, kind):
    body = msgspec.json.encode(RECORD)
    assert call(app, "POST", "/v1/predict", content=body, headers={"Content-Type": kind}).status_code == 200
    assert call(app, "POST", "/v1/predict", content=body).status_code == 200


def test_a_body_in_parts_is_put_together(app):
    body = msgspec.json.encode(RECORD)

    async def parts() -> object:
        for place in range(0, len(body), 10):
            yield body[place : place + 10]

    assert (
        call(app, "POST", "/v1/predict", content=parts()).json() == call(app, "POST", "/v1/predict", json=RECORD).json()
    )


def test_reading_stops_at_the_limit():
    sent = 0

    async def endless() -> object:
        nonlocal sent
        for _ in range(10_000):
            sent += 1000
            yield b" " * 1000

    answer = call(create_app(RUNTIME, "v1", limits=Limits(max_bytes=5000)), "POST", "/v1/predict", content=endless())
    assert answer.status_code == 413
    assert answer.headers["connection"] == "close"
    assert sent < 10_000


def test_a_server_without_a_version_lives_but_is_not_ready():
    app = make_app(Service())
    assert call(app, "GET", "/healthz").status_code == 200
    assert call(app, "GET", "/readyz").json() == {"status": "loading", "version": None}
    for method, path in (("GET", "/readyz"), ("POST", "/v1/predict"), ("GET", "/v1/signature")):
        assert call(app, method, path).status_code == 503


def test_a_server_that_is_about_to_stop_still_answers_but_is_not_ready():
    service = Service(Model.of(RUNTIME, "v1"))
    service.draining = True
    app = make_app(service)
    assert call(app, "GET", "/readyz").status_code == 503
    assert call(app, "POST", "/v1/predict", json=RECORD).status_code == 200


def test_the_version_can_be_changed_while_the_server_runs():
    service = Service(Model.of(RUNTIME, "v1"))
    app = make_app(service)
    service.model = Model.of(Runtime(tiny_artifact(1)), "v2")
    assert call(app, "POST", "/v1/predict", json=RECORD).json()["version"] == "v2"
    assert call(app, "GET", "/readyz").json() == {"status": "ready", "version": "v2"}


def test_with_a_token_only_those_who_show_it_are_answered():
    app = create_app(RUNTIME, "v1", token=TOKEN)
    assert call(app, "POST", "/v1/predict", json=RECORD).status_code == 401
    for shown in ("Bearer wrong", f"Basic {TOKEN}", TOKEN, "Bearer ", f"Bearer {TOKEN}x"):
        answer = call(app, "GET", "/v1/signature", headers={"Authorization": shown})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
    named = {"headers": {"Authorization": f"Bearer {TOKEN}"}}
    assert call(app, "POST", "/v1/predict", json=RECORD, **named).status_code == 200
    assert call(app, "GET", "/readyz").status_code == 200


OWN = (
    "localhost",
    "LOCALHOST:8080",
    "app.localhost:80",
    "127.0.0.1:8080",
    "127.1.2.3",
    "[::1]:8080",
    "devbox:8080",
    "",
)
OTHER = (
    "evil.example",
    "evil.example:8080",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "devbox.evil",
    "0.0.0.0:8080",
    "[::2]",
)


@pytest.mark.parametrize(("hosts", "status", "code"), [(OWN, 200, None), (OTHER, 421, "serve.host")])
def test_a_server_of_its_own_machine_answers_requests_for_that_alone(hosts, status, code):
    app = make_app(Service(Model.of(RUNTIME, "v1")), host="devbox")
    for host in hosts:
        headers = {"Host": host}
        for answer in (
            call(app, "POST", "/v1/predict", json=RECORD, headers=headers),
            call(app, "GET", "/v1/signature", headers=headers),
            call(app, "GET", "/v2/models/overton", headers=headers),
        ):
            problems = answer.json().get("problems", [])
            assert (answer.status_code, [problem["code"] for problem in problems]) == (status, [code] if code else [])
        assert call(app, "GET", "/healthz", headers=headers).status_code == 200
        assert call(app, "GET", "/v2/health/ready", headers=headers).status_code == 200


def test_with_a_token_a_server_answers_whatever_host_is_asked_for():
    app, shown = create_app(RUNTIME, "v1", token=TOKEN), {"Authorization": f"Bearer {TOKEN}", "Host": "evil.example"}
    assert call(app, "GET", "/v1/signature", headers=shown).status_code == 200


def test_a_failure_within_is_told_as_such_and_nothing_of_the_request_leaks():
    class Broken:
        schema = RUNTIME.schema

        signature = RUNTIME.signature

        def predict(self, *_: object, **__: object) -> Iterator[object]:
            raise RuntimeError("secret")

    answer = call(create_app(Broken(), "v1"), "POST", "/v1/predict", json=RECORD)
    assert answer.status_code == 500
    assert answer.json()["problems"][0]["code"] == "serve.failed"
    assert "secret" not in answer.text
