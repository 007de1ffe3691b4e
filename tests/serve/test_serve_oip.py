import json
from collections.abc import AsyncIterator

import pytest

from overton.artifact import Runtime
from overton.serve import Limits, Model, Service, make_app, oip
from overton.serve.canary import Canary
from overton.serve.limits import Answer
from overton.serve.oip import parse_inference
from tests.serve.serving import call, metric
from tests.tiny_artifact import RECORD, tiny_artifact

MODEL = Model.of(Runtime(tiny_artifact()), "v1")
TEXT = json.dumps(RECORD)
PAYLOADS = RECORD["payloads"]
AS_JSON = {"Content-Type": "application/json"}


@pytest.fixture
def app() -> object:
    return make_app(Service(MODEL, name="factoid"))


def tensor(name: str, *data: object, **more: object) -> dict:
    return {"name": name, "shape": [len(data)], "datatype": "BYTES", "data": list(data), **more}


def infer(app: object, *inputs: dict, path: str = "/v2/models/factoid/infer", **more: object) -> tuple[int, dict]:
    answer = call(app, "POST", path, json={"inputs": list(inputs), **more})
    return answer.status_code, answer.json()


def outputs(said: dict) -> dict[str, list]:
    return {output["name"]: output["data"] for output in said["outputs"]}


def test_the_probes_of_kserve_are_answered(app):
    assert call(app, "GET", "/v2/health/live").json() == {"live": True}
    assert call(app, "GET", "/v2/health/ready").json() == {"ready": True}
    assert call(app, "GET", "/v2/models/factoid/ready").json() == {"name": "factoid", "ready": True}
    assert call(app, "GET", "/v2/models/factoid/versions/v1/ready").status_code == 200
    assert call(app, "GET", "/v2").json()["name"] == "overton"
    loading = make_app(Service(name="factoid"))
    assert call(loading, "GET", "/v2/health/live").status_code == 200
    assert call(loading, "GET", "/v2/health/ready").status_code == 503
    assert call(loading, "GET", "/v2/models/factoid/ready").status_code == 503


def test_the_metadata_tell_the_tensors(app):
    told = call(app, "GET", "/v2/models/factoid").json()
    assert told == call(app, "GET", "/v2/models/factoid/versions/v1").json()
    assert told["versions"] == ["v1"]
    assert {"name": "query", "datatype": "BYTES", "shape": [-1]} in told["inputs"]
    assert [output["name"] for output in told["outputs"]] == ["EntityType", "Intent", "IntentArg", "POS"]


@pytest.mark.parametrize("path", ["/v2/models/other", "/v2/models/factoid/versions/v9", "/v2/models/..%2f/ready"])
def test_a_model_or_version_that_is_not_there_is_told(app, path):
    answer = call(app, "GET", path)
    assert answer.status_code == 404
    if "%" not in path:
        assert answer.json()["error"]


def test_records_as_texts_get_the_answers_of_our_own_route(app):
    own = call(app, "POST", "/v1/predict", json=RECORD).json()["tasks"]
    status, said = infer(app, tensor("record", TEXT, TEXT), id="a1")
    assert (status, said["id"], said["model_name"], said["model_version"]) == (200, "a1", "factoid", "v1")
    found = outputs(said)
    assert found["Intent"] == [own["Intent"]] * 2, "a class as it is"
    assert [json.loads(label) for label in found["POS"]] == [own["POS"]] * 2, "other labels as JSON"
    assert json.loads(found["IntentArg"][0]) == own["IntentArg"]
    assert all(output["shape"] == [2] and output["datatype"] == "BYTES" for output in said["outputs"])
    assert metric(call(app, "GET", "/metrics").text, 'overton_requests_total{route="infer",code="200"}') == 1


def test_fields_as_tensors_make_records(app):
    columns = [
        tensor("query", PAYLOADS["query"], "a"),
        tensor("tokens", json.dumps(PAYLOADS["tokens"]), '["a"]'),
        tensor("entities", json.dumps(PAYLOADS["entities"]), "null"),
    ]
    status, said = infer(app, *columns)
    assert status == 200
    one = outputs(infer(app, tensor("record", TEXT))[1])
    assert {name: data[0] for name, data in outputs(said).items()} == {name: data[0] for name, data in one.items()}
    assert outputs(said)["IntentArg"][1] == "null"


def test_a_key_that_stands_twice_in_a_field_is_told_as_in_a_record(app):
    twice = '[{"id": "a", "id": "b"}]'
    status, said = infer(app, tensor("entities", twice))
    as_record = infer(app, tensor("record", f'{{"payloads": {{"entities": {twice}}}}}'))
    assert (status, said) == as_record
    assert (status, said["problems"][0]["code"]) == (422, "record.duplicate-key")


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ('{"inputs": [ONE], "inputs": []}', "inputs"),
        ('{"inputs": [ONE], "parameters": {"probabilities": true}, "parameters": {}}', "parameters"),
        ('{"inputs": [{"data": ["{}"], "name": "record", "shape": [1], "datatype": "BYTES", "data": [TEXT]}]}', "data"),
        ('{"inputs": [ONE], "outputs": [{"name": "POS", "name": "Intent"}]}', "name"),
    ],
)
def test_a_key_that_stands_twice_in_the_request_is_told_and_none_is_lost(app, body, key):
    text = json.dumps(TEXT)
    one = f'{{"name": "record", "shape": [1], "datatype": "BYTES", "data": [{text}]}}'
    content = body.replace("ONE", one).replace("TEXT", text)
    answer = call(app, "POST", "/v2/models/factoid/infer", content=content.encode(), headers=AS_JSON)
    assert answer.status_code == 400
    assert answer.json()["error"] == f"$: the key {key!r} appears twice"


def test_texts_that_read_like_keys_are_texts(app):
    texts = ["data", "inputs", "name", '"inputs"', '{"inputs": 1, "inputs": 2}']
    status, said = infer(app, tensor("query", *texts), tensor("tokens", *[json.dumps(texts)] * len(texts)))
    assert status == 200
    assert [output["shape"] for output in said["outputs"]] == [[len(texts)]] * 4


def test_a_tensor_may_have_a_last_axis_of_one_and_an_answer_only_what_is_wanted(app):
    column = {"name": "record", "shape": [2, 1], "datatype": "BYTES", "data": [[TEXT], [TEXT]]}
    status, said = infer(app, column, outputs=[{"name": "Intent"}])
    assert status == 200
    assert list(outputs(said)) == ["Intent"]
    assert infer(app, {**column, "data": [TEXT, TEXT]})[0] == 200


def test_probabilities_are_asked_for_by_a_parameter(app):
    said = infer(app, tensor("record", TEXT), parameters={"probabilities": True})[1]
    assert sum(json.loads(outputs(said)["Intent"][0]).values()) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    "inputs",
    [
        [],
        [tensor("records", TEXT)],
        [tensor("record", TEXT), tensor("record", TEXT)],
        [tensor("record", TEXT), tensor("query", "a")],
        [tensor("query", "a"), tensor("tokens", '["a"]', '["b"]')],
        [tensor("tokens", "not json")],
        [tensor("record", 7)],
        [{**tensor("record", TEXT), "datatype": "FP32"}],
        [{**tensor("record", TEXT), "shape": [2]}],
        [{**tensor("record", TEXT), "shape": [-1]}],
        [{"name": "record", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": 7}}],
    ],
)
def test_what_is_no_inference_is_told(app, inputs):
    status, said = infer(app, *inputs)
    assert status == 400
    assert said["error"]
    assert said["problems"][0]["code"] == "serve.bad-inference"


def test_other_faults_are_told_as_everywhere(app):
    status, said = infer(app, tensor("record", TEXT, json.dumps({"payloads": {"tokens": 3}})))
    assert status == 422
    assert said["problems"][0]["field"].startswith("record 1: $.payloads")
    assert said["error"].startswith("record 1: $.payloads")
    assert infer(app, tensor("record", TEXT), outputs=[{"name": "Intnt"}])[1]["problems"][0]["hint"]
    assert infer(app, tensor("record", TEXT), parameters={"probabilities": 1})[0] == 400
    assert call(app, "POST", "/v2/models/factoid/infer", content=b"[" * 10_000).status_code in (400, 422)
    small = make_app(Service(MODEL, name="factoid", limits=Limits(max_records=1, max_bytes=5000)))
    status, said = infer(small, tensor("record", TEXT, TEXT))
    assert (status, said["problems"][0]["field"]) == (413, "$.inputs")
    assert infer(small, tensor("record", TEXT * 100))[0] == 413
    assert infer(app, tensor("record", TEXT), path="/v2/models/none/infer")[0] == 404


def test_json_within_an_element_may_be_nested_in_any_depth_and_is_no_failure_of_the_server():
    for depth in range(900, 1050):
        body = json.dumps({"inputs": [tensor("tokens", "[" * depth + "]" * depth)]}).encode()
        refused = parse_inference(MODEL, body, "", Limits())
        assert isinstance(refused, Answer)
        assert refused.status in (400, 422)


def test_a_version_in_the_path_is_the_one_that_answers():
    service = Service(MODEL, name="factoid")
    service.canary = Canary(Model.of(Runtime(tiny_artifact(1)), "v2"), 0.5)
    app = make_app(service)
    for version in ("v1", "v2"):
        for _ in range(3):
            said = infer(app, tensor("record", TEXT), path=f"/v2/models/factoid/versions/{version}/infer")[1]
            assert said["model_version"] == version


def test_a_version_that_is_changed_while_the_body_comes_is_not_answered_for_by_another():
    service = Service(MODEL, name="factoid")

    async def body() -> AsyncIterator[bytes]:
        yield b'{"inputs": ['
        service.serve(Model.of(Runtime(tiny_artifact(1)), "v2"))
        yield json.dumps(tensor("record", TEXT)).encode() + b"]}"

    answer = call(make_app(service), "POST", "/v2/models/factoid/versions/v1/infer", content=body(), headers=AS_JSON)
    assert (answer.status_code, answer.json()["problems"][0]["code"]) == (404, "serve.no-model")
    assert "'v1' is not served any more" in answer.json()["error"]
    assert "serves version v2" in answer.json()["problems"][0]["hint"]


def test_the_token_is_asked_for_but_by_the_probes():
    app = make_app(Service(MODEL, name="factoid"), token="0123456789abcdef")
    assert call(app, "GET", "/v2/health/ready").status_code == 200
    assert call(app, "GET", "/v2/models/factoid").status_code == 401
    assert infer(app, tensor("record", TEXT))[0] == 401


def test_every_refusal_tells_its_reason_where_clients_of_the_protocol_look_for_it(monkeypatch):
    app = make_app(Service(MODEL, name="factoid"), token="0123456789abcdef", host="127.0.0.1")
    shown = {"Authorization": "Bearer 0123456789abcdef"}
    refused = {
        401: call(app, "GET", "/v2/models/factoid"),
        404: call(app, "GET", "/v2/nothing", headers={**shown, "Host": "localhost"}),
        405: call(app, "GET", "/v2/models/factoid/infer", headers={**shown, "Host": "localhost"}),
        421: call(app, "GET", "/v2", headers={**shown, "Host": "elsewhere.example"}),
    }
    monkeypatch.setattr(oip, "_metadata", lambda *given: 1 / 0)
    refused[500] = call(app, "GET", "/v2/models/factoid", headers={**shown, "Host": "localhost"})
    for status, answer in refused.items():
        assert (answer.status_code, answer.json()["error"]) == (status, answer.json()["problems"][0]["message"])
    assert "error" not in call(app, "GET", "/v1/signature").json()


def packed(*texts: str) -> bytes:
    return b"".join(len(text.encode()).to_bytes(4, "little") + text.encode() for text in texts)


def infer_bytes(app: object, data: bytes, size: object, many: int = 1, length: str = "", **more: object) -> tuple:
    """Ask with a tensor whose data stand behind the JSON."""
    given = {"name": "record", "shape": [many], "datatype": "BYTES", "parameters": {"binary_data_size": size}}
    head = json.dumps({"inputs": [given], **more}).encode()
    headers = {"Inference-Header-Content-Length": length or str(len(head)), "Content-Type": "application/octet-stream"}
    answer = call(app, "POST", "/v2/models/factoid/infer", content=head + data, headers=headers)
    return answer.status_code, answer


def test_texts_may_stand_behind_the_json_and_do_so_in_the_answer_where_that_is_wanted(app):
    data = packed(TEXT, TEXT)
    status, answer = infer_bytes(app, data, len(data), many=2)
    assert status == 200
    assert outputs(answer.json()) == outputs(infer(app, tensor("record", TEXT, TEXT))[1])
    status, answer = infer_bytes(app, data, len(data), many=2, outputs=[{"name": "Intent"}, {"name": "POS"}])
    expected = outputs(answer.json())
    wanted = [{"name": "Intent", "parameters": {"binary_data": True}}, {"name": "POS"}]
    status, answer = infer_bytes(app, data, len(data), many=2, outputs=wanted)
    head = int(answer.headers["inference-header-content-length"])
    assert answer.headers["content-type"] == "application/octet-stream"
    intent, pos = json.loads(answer.content[:head])["outputs"]
    assert answer.content[head:] == packed(*expected["Intent"])
    assert intent["parameters"]["binary_data_size"] == len(answer.content) - head
    assert (intent.get("data"), pos["data"]) == (None, expected["POS"])


def test_what_is_asked_of_all_outputs_holds_for_those_that_say_nothing_themselves(app):
    wanted = [{"name": "Intent"}, {"name": "POS", "parameters": {"binary_data": False}}]
    body = {"inputs": [tensor("record", TEXT)], "outputs": wanted, "parameters": {"binary_data_output": True}}
    answer = call(app, "POST", "/v2/models/factoid/infer", json=body)
    head = int(answer.headers["inference-header-content-length"])
    intent, pos = json.loads(answer.content[:head])["outputs"]
    own = call(app, "POST", "/v1/predict", json=RECORD).json()["tasks"]
    assert answer.content[head:] == packed(own["Intent"])
    assert (intent.get("data"), [json.loads(text) for text in pos["data"]]) == (None, [own["POS"]])


@pytest.mark.parametrize(
    ("data", "size", "more"),
    [
        (packed(TEXT), len(packed(TEXT)) + 1, {}),
        (packed(TEXT), len(packed(TEXT)) - 1, {}),
        (packed(TEXT) + b"more", len(packed(TEXT)), {}),
        (packed(TEXT), len(packed(TEXT)), {"many": 2}),
        ((1 << 32).to_bytes(8, "little"), 8, {}),
        (b"\xff\xff\xff\xff" + TEXT.encode(), len(TEXT) + 4, {}),
        (packed(TEXT), True, {}),
        (packed(TEXT), -1, {}),
        (packed(TEXT), "9", {}),
        (packed(TEXT), None, {}),
        (b"", 0, {}),
        (packed(TEXT), len(packed(TEXT)), {"length": "99999"}),
        (packed(TEXT), len(packed(TEXT)), {"length": "9" * 5000}),
        (packed(TEXT), len(packed(TEXT)), {"length": "-1"}),
        (packed(TEXT), len(packed(TEXT)), {"length": "7"}),
        (packed("\udcff".encode("utf-8", "surrogateescape").decode("latin-1")), 6, {}),
    ],
)
def test_bytes_that_are_not_the_tensors_they_should_be_are_told(app, data, size, more):
    status, answer = infer_bytes(app, data, size, **more)
    assert status == 400
    assert answer.json()["error"]


def test_bytes_behind_the_json_are_read_by_the_header_alone(app):
    head = {"inputs": [{"name": "record", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": 5}}]}
    content = json.dumps(head).encode() + packed("a")
    path = "/v2/models/factoid/infer"
    assert call(app, "POST", path, content=content, headers={"Content-Type": "application/json"}).status_code == 400
    octets = {"Content-Type": "application/octet-stream"}
    assert call(app, "POST", path, content=content, headers=octets).status_code == 415
