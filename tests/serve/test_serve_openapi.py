import re

import msgspec
import pytest

from overton.artifact import Runtime
from overton.serve import Limits, Model, Service, create_app, make_app
from overton.serve.canary import Canary
from tests.serve.document import Document
from tests.serve.serving import call
from tests.tiny_artifact import RECORD, tiny_artifact


@pytest.fixture(scope="module")
def app() -> object:
    return create_app(Runtime(tiny_artifact()), "v1", limits=Limits(max_records=7))


def refers(value: object) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*map(refers, value.values()))
    return set().union(*map(refers, value)) if isinstance(value, list) else set()


def test_the_document_is_of_the_signature(app):
    document = call(app, "GET", "/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    assert document["info"]["version"] == "v1"
    schemas = document["components"]["schemas"]
    assert schemas["Labels"]["properties"]["Intent"]["anyOf"][0] == {"enum": ["age", "height"]}
    assert schemas["Batch"]["properties"]["records"]["maxItems"] == 7
    assert set(schemas["Record"]["properties"]["payloads"]["properties"]) == {"tokens", "query", "entities"}
    known = {f"#/components/schemas/{name}" for name in schemas}
    assert refers(document) <= known


def test_every_route_of_the_document_is_there_and_answers_as_it_says(app):
    document = Document(call(app, "GET", "/openapi.json").json())
    tensor = {"name": "record", "shape": [1], "datatype": "BYTES", "data": [msgspec.json.encode(RECORD).decode()]}
    for path, method, told in document.operations():
        place = path.replace("{model}", "overton").replace("{version}", "v1")
        body = {} if method == "get" else {"json": {"inputs": [tensor]} if path.endswith("/infer") else RECORD}
        answer = call(app, method.upper(), place, **body)
        assert answer.status_code == 200
        kinds = told["responses"]["200"]["content"]
        if "application/json" in kinds:
            assert document.fault(answer.json(), kinds["application/json"]["schema"]) == ""


def test_every_route_of_the_server_is_in_the_document(app):
    served = {route.path for route in app._app.routes} - {"/docs"}
    assert served == set(call(app, "GET", "/openapi.json").json()["paths"])


def test_the_document_names_the_model_and_the_versions_that_answer():
    model = Model.of(Runtime(tiny_artifact()), "v1")
    service = Service(model, name="factoid")
    service.canary = Canary(Model.of(Runtime(tiny_artifact(1)), "v2"), 0.5)
    paths = call(make_app(service), "GET", "/openapi.json").json()["paths"]
    named, versions = paths["/v2/models/{model}/versions/{version}/infer"]["parameters"]
    assert named["schema"]["enum"] == ["factoid"]
    assert versions["schema"]["enum"] == ["v1", "v2"]


def test_a_canary_that_was_promoted_is_named_once():
    service = Service(Model.of(Runtime(tiny_artifact()), "v1"), name="factoid")
    service.canary = Canary(Model.of(Runtime(tiny_artifact(1)), "v2"), 0.5)
    service.serve(Model.of(Runtime(tiny_artifact(1)), "v2"))
    app = make_app(service)
    paths = call(app, "GET", "/openapi.json").json()["paths"]
    (_, versions) = paths["/v2/models/{model}/versions/{version}/infer"]["parameters"]
    assert versions["schema"]["enum"] == ["v2"], "JSON Schema allows no value twice"
    assert call(app, "GET", "/v2/models/factoid").json()["versions"] == ["v2"]
    assert call(app, "GET", "/v2/models/other").json()["problems"][0]["hint"] == "It serves 'factoid', version v2"


def test_every_status_that_a_request_can_get_is_in_the_document(app):
    told = call(app, "GET", "/openapi.json").json()["paths"]["/v1/predict"]["post"]["responses"]
    source = {"200", "400", "401", "408", "413", "415", "421", "422", "429", "500", "503", "504"}
    assert set(told) == source


def test_the_page_for_people_loads_nothing_from_elsewhere(app):
    answer = call(app, "GET", "/docs")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert re.findall(r"""(?:src|href)\s*=|@import|url\(|https?://""", answer.text) == []


def test_with_a_token_the_document_is_for_those_who_show_it_and_the_page_for_all():
    token = "0123456789abcdef"
    app = create_app(Runtime(tiny_artifact()), "v1", token=token)
    assert call(app, "GET", "/docs").status_code == 200
    for path in ("/openapi.json", "/metrics", "/v1/signature"):
        assert call(app, "GET", path).status_code == 401
        assert call(app, "GET", path, headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_there_is_no_document_before_there_is_a_version():
    assert call(make_app(Service()), "GET", "/openapi.json").status_code == 503
