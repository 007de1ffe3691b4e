import msgspec
import numpy as np
import pytest

from overton.artifact import Runtime, signature_of
from overton.serve import Model, Service, make_app
from overton.serve.canary import Canary, Shadow
from tests.serve.serving import call, metric
from tests.tiny_artifact import RECORD, tiny_artifact


def model(seed: int) -> Model:
    return Model.of(Runtime(tiny_artifact(seed)), f"v{seed}")


def test_a_canary_gets_its_share_of_ids_and_the_same_ones_again():
    keys = [f"request-{number}".encode() for number in range(4000)]
    for share in (0.0, 0.05, 0.5, 1.0):
        canary, again = Canary(model(1), share), Canary(model(2), share)
        taken = [canary.takes(key) for key in keys]
        assert abs(sum(taken) / 4000 - share) < 0.02
        assert taken == [again.takes(key) for key in keys]


def test_who_got_a_canary_at_five_percent_gets_it_at_ten():
    small, large = Canary(model(1), 0.05), Canary(model(1), 0.1)
    keys = [str(number).encode() for number in range(2000)]
    assert all(large.takes(key) for key in keys if small.takes(key))


def test_the_answer_tells_which_version_gave_it():
    service = Service(model(0))
    service.canary = Canary(model(1), 0.5)
    app = make_app(service)
    versions = {}
    for number in range(40):
        named = {"headers": {"X-Request-Id": f"r{number}"}}
        answer = call(app, "POST", "/v1/predict", json=RECORD, **named)
        versions[number] = answer.json()["version"]
        assert versions[number] == call(app, "POST", "/v1/predict", json=RECORD, **named).json()["version"]
    assert set(versions.values()) == {"v0", "v1"}
    alone = {call(app, "POST", "/v1/predict", json=RECORD).json()["version"] for _ in range(5)}
    assert len(alone) == 1, "without an id the body decides"
    assert call(app, "GET", "/readyz").json()["canary"] == {"version": "v1", "share": 0.5}
    assert metric(call(app, "GET", "/metrics").text, 'overton_version_info{version="v1",role="canary",alias=""}') == 1


def shadowed(service: Service, body: object, query: str = "") -> str:
    app = make_app(service)
    alone = call(make_app(Service(service.model)), "POST", f"/v1/predict{query}", json=body)
    answer = call(app, "POST", f"/v1/predict{query}", json=body)
    assert (answer.status_code, answer.json()) == (200, alone.json()), "a shadow changes no answer"
    service.shadow.close(10)
    return call(app, "GET", "/metrics").text


def test_a_shadow_counts_where_it_differs_by_task_and_slice():
    told = []
    service = Service(model(0))
    service.shadow = Shadow(model(1), lambda event: told.append(event.message))
    other = call(make_app(Service(model(1))), "POST", "/v1/predict", json=RECORD).json()["tasks"]
    own = call(make_app(Service(model(0))), "POST", "/v1/predict", json=RECORD).json()["tasks"]
    tagged = {**RECORD, "tags": ["slice:rare", "lang:en"]}
    text = shadowed(service, {"records": [RECORD, tagged, RECORD]})
    assert own != other
    for task in own:
        assert metric(text, f'overton_shadow_compared_total{{task="{task}",slice="*"}}') == 3
        assert metric(text, f'overton_shadow_compared_total{{task="{task}",slice="slice:rare"}}') == 1
        differs = own[task] != other[task]
        name = f'overton_shadow_disagreements_total{{task="{task}",slice="*"}}'
        assert (name in text) == differs
        assert not differs or metric(text, name) == 3
    assert any("v0 says" in message for message in told)
    assert not any("how" in message for message in told), "no text of a request is told"


def test_a_shadow_of_the_same_version_never_differs_whatever_is_asked_for():
    for query in ("", "?probabilities=true"):
        service = Service(model(0))
        service.shadow = Shadow(model(0))
        text = shadowed(service, {"records": [RECORD, {"payloads": {"query": "a"}}]}, query)
        assert metric(text, 'overton_shadow_compared_total{task="POS",slice="*"}') == 2
        assert "overton_shadow_disagreements_total{" not in text


@pytest.mark.parametrize("query", ["", "?probabilities=true"])
def test_a_shadow_whose_bits_hold_from_another_probability_on_differs_whatever_is_asked_for(query):
    artifact = tiny_artifact(0)
    thresholds = {"EntityType": np.array([0.6, 0.5])}  # the first bit of the first token has 0.56
    signature = signature_of(artifact.program, artifact.files["model.onnx"], thresholds)
    other = type(artifact)({**artifact.files, "signature.json": msgspec.json.encode(signature.to_json())})
    service = Service(model(0))
    service.shadow = Shadow(Model.of(Runtime(other), "v1"))
    text = shadowed(service, RECORD, query)
    assert metric(text, 'overton_shadow_disagreements_total{task="EntityType",slice="*"}') == 1
    assert 'overton_shadow_disagreements_total{task="POS"' not in text


def test_tags_of_clients_do_not_make_counters_without_end():
    service = Service(model(0))
    service.shadow = Shadow(model(1))
    records = [{**RECORD, "tags": [f"slice:{number}", f"slice:a{number}"]} for number in range(80)]
    text = shadowed(service, {"records": records})
    counted = [line for line in text.splitlines() if line.startswith('overton_shadow_compared_total{task="Intent"')]
    assert len(counted) == 102, "all, a hundred by name, and the others"
    assert metric(text, 'overton_shadow_compared_total{task="Intent",slice="(others)"}') == 30
    assert metric(text, 'overton_shadow_compared_total{task="Intent",slice="*"}') == 80


def test_a_tag_as_long_as_a_request_is_no_name_of_a_counter():
    told, service = [], Service(model(0))
    service.shadow = Shadow(model(1), lambda event: told.append(event.message))
    text = shadowed(service, {**RECORD, "tags": ["slice:" + "x" * 100_000, "slice:rare"]})
    assert len(text) < 20_000
    assert all(len(message) < 500 for message in told)
    for name in ("(others)", "slice:rare"):
        assert metric(text, f'overton_shadow_compared_total{{task="Intent",slice="{name}"}}') == 1


def test_a_shadow_that_fails_or_is_behind_fails_alone():
    class Broken:
        def parse(self, line: bytes) -> object:
            raise RuntimeError("secret")

    service = Service(model(0))
    broken = model(1)
    told = []
    service.shadow = Shadow(
        Model(broken.runtime, Broken(), "v1", broken.tally), lambda event: told.append(event.message)
    )
    text = shadowed(service, RECORD)
    assert metric(text, "overton_shadow_failed_total") == 1
    assert len(told) == 1
    assert call(make_app(service), "POST", "/v1/predict", json=RECORD).status_code == 200


def test_a_shadow_with_a_full_queue_drops_and_does_not_wait():
    shadow = Shadow(model(1))
    shadow.close(10)  # its thread takes nothing any more
    service = Service(model(0))
    service.shadow = shadow
    app = make_app(service)
    for _ in range(200):
        shadow.offer(service.model, [b"{}"], [{}], probabilities=False)
    assert call(app, "POST", "/v1/predict", json=RECORD).status_code == 200
    assert metric(call(app, "GET", "/metrics").text, "overton_shadow_dropped_total") > 50
