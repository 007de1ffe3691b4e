"""A version of two models behind one server: each answers by name, the large one where none is named."""

import asyncio
import json
import re

import httpx
import pytest

from overton.serve import Service, make_app
from overton.serve.canary import Canary, Shadow
from overton.serve.follow import Follower, load_model
from tests.serve.serving import call, golden_artifact, metric, promote, store_with
from tests.tiny_artifact import RECORD

LARGE, SMALL = golden_artifact(0), golden_artifact(1)
BOTH = LARGE.with_model("small", SMALL)


@pytest.fixture(scope="module")
def app() -> object:
    return make_app(Service(load_model(BOTH), name="factoid"))


def ask(app: object, query: str = "") -> dict:
    return call(app, "POST", f"/v1/predict?probabilities=true{query}", json=RECORD).json()


def test_models_answer_by_name_and_say_who_they_are(app) -> None:
    alone = {name: make_app(Service(load_model(one))) for name, one in (("large", LARGE), ("small", SMALL))}
    large, small = ask(app), ask(app, "&model=small")
    assert (large["version"], small["version"]) == (BOTH.id, f"{BOTH.id}:small")
    assert large["tasks"] == ask(alone["large"])["tasks"] == ask(app, "&model=large")["tasks"]
    assert small["tasks"] == ask(alone["small"])["tasks"] != large["tasks"]
    for name in alone:
        assert call(alone[name], "POST", f"/v1/predict?model={name}", json=RECORD).status_code == 422
    refused = call(app, "POST", "/v1/predict?model=tiny", json=RECORD)
    assert refused.status_code == 422
    assert "large and small" in refused.text


def test_what_either_model_answers_is_counted_by_its_name() -> None:
    app = make_app(Service(load_model(BOTH)))
    ask(app)
    for _ in range(2):
        ask(app, "&model=small")
    text = call(app, "GET", "/metrics").text
    for version, n in ((BOTH.id, 1), (f"{BOTH.id}:small", 2)):
        counted = re.findall(
            rf'overton_predicted_total{{version="{version}",role="serving",task="Intent",.*}} (\d+)', text
        )
        assert sum(map(int, counted)) == n


def test_a_canary_and_a_shadow_of_two_models_answer_by_that_which_is_asked_and_are_counted() -> None:
    other = SMALL.with_model("small", LARGE)
    service = Service(load_model(BOTH))
    service.canary, service.shadow = Canary(load_model(other), 1.0), Shadow(load_model(other))
    app = make_app(service)
    alone = ask(make_app(Service(load_model(LARGE))))
    for _ in range(3):
        small = ask(app, "&model=small")
        assert (small["version"], small["tasks"]) == (f"{other.id}:small", alone["tasks"])
    service.shadow.close()
    text = call(app, "GET", "/metrics").text
    assert metric(text, 'overton_shadow_compared_total{task="Intent",slice="*"}') == 3
    assert "overton_shadow_disagreements_total{" not in text
    for role in ("canary", "shadow"):
        name = f'overton_predicted_total{{version="{other.id}:small",role="{role}",task="Intent",.*}} (\\d+)'
        assert sum(map(int, re.findall(name, text))) == 3


def test_questions_for_both_models_at_one_time_are_not_mixed_up(app) -> None:
    expected = [ask(app), ask(app, "&model=small")] * 4

    async def together() -> list[dict]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            places = [f"/v1/predict?probabilities=true{query}" for query in ["", "&model=small"] * 4]
            answers = await asyncio.gather(*(client.post(place, json=RECORD) for place in places))
        return [answer.json() for answer in answers]

    assert asyncio.run(together()) == expected


def test_kserve_asks_models_by_name_too(app) -> None:
    given = {"inputs": [{"name": "record", "shape": [1], "datatype": "BYTES", "data": [json.dumps(RECORD)]}]}
    answers = {}
    for name in ("factoid", "factoid:large", "factoid:small"):
        answers[name] = call(app, "POST", f"/v2/models/{name}/infer", json=given).json()
        assert answers[name]["model_name"] == name
        assert call(app, "GET", f"/v2/models/{name}").json()["name"] == name
    assert answers["factoid"]["outputs"] == answers["factoid:large"]["outputs"]
    assert answers["factoid:small"]["model_version"] == f"{BOTH.id}:small"
    document = call(app, "GET", "/openapi.json").json()["paths"]
    assert document["/v2/models/{model}/infer"]["parameters"][0]["schema"]["enum"] == list(answers)
    assert {"name": "model", "in": "query", "schema": {"enum": ["large", "small"]}} in (
        document["/v1/predict"]["post"]["parameters"]
    )
    missing = call(app, "POST", "/v2/models/factoid:tiny/infer", json=given)
    assert missing.status_code == 404
    assert "factoid:small" in missing.text


def test_kserve_gets_no_other_model_than_the_one_that_it_asks_for() -> None:
    service = Service(load_model(BOTH), name="factoid")
    service.canary = Canary(load_model(LARGE), 1.0)
    given = {"inputs": [{"name": "record", "shape": [1], "datatype": "BYTES", "data": [json.dumps(RECORD)]}]}
    app = make_app(service)
    assert call(app, "POST", "/v2/models/factoid/infer", json=given).json()["model_version"] == LARGE.id
    refused = call(app, "POST", "/v2/models/factoid:small/infer", json=given)
    assert (refused.status_code, refused.json()["problems"][0]["code"]) == (404, "serve.no-model")
    said = call(app, "POST", f"/v2/models/factoid:small/versions/{BOTH.id}/infer", json=given).json()
    assert said["model_version"] == f"{BOTH.id}:small"


def test_one_model_is_served_by_itself_and_follows_its_alias(tmp_path) -> None:
    store = store_with(tmp_path, BOTH, SMALL.with_model("small", LARGE))
    service = Service(load_model(BOTH, model="small"))
    follower = Follower(service, store.url, "live", model="small")
    before = service.model
    asyncio.run(follower.look())
    assert service.model is before, "it serves what the alias names already"
    promote(store, SMALL.with_model("small", LARGE).id)
    asyncio.run(follower.look())
    assert service.model.version == f"{SMALL.with_model('small', LARGE).id}:small"
    assert ask(make_app(service))["tasks"] == ask(make_app(Service(load_model(LARGE))))["tasks"]
