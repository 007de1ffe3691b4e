"""A client of the Open Inference Protocol that is not ours, against a server in a process of its own."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from overton.artifact.files import save_artifact
from overton.serve import Limits, Place, Settings
from tests.serve.serving import predict, serving
from tests.tiny_artifact import RECORD, tiny_artifact

triton = pytest.importorskip("tritonclient.http", reason="needs tritonclient: pip install 'overton[kserve]'")

TEXT = json.dumps(RECORD)
PAYLOADS = RECORD["payloads"]
AS_BYTES = pytest.mark.parametrize("as_bytes", [True, False], ids=["bytes", "json"])
TOKEN = "0123456789abcdef0123"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    directory = tmp_path_factory.mktemp("kserve") / "version"
    save_artifact(tiny_artifact(), directory)
    place = Place(str(directory))
    with serving(Settings(place, name="factoid", port=0, limits=Limits(max_records=8))) as (_, port):
        yield port


@pytest.fixture
def client(port: int) -> Iterator[Any]:
    with triton.InferenceServerClient(f"127.0.0.1:{port}") as client:
        wait_until_ready(client)
        yield client


def wait_until_ready(client: Any) -> None:
    for _ in range(300):
        if client.is_server_ready():
            return
    raise AssertionError("the server does not get ready")


def tensor(name: str, *texts: str, as_bytes: bool = True, shape: list[int] | None = None) -> Any:
    given = triton.InferInput(name, shape or [len(texts)], "BYTES")
    data = np.array(texts, dtype=np.object_).reshape(shape or [len(texts)])
    return given.set_data_from_numpy(data, binary_data=as_bytes)


def texts(result: Any, name: str) -> list[str]:
    return [text.decode() if isinstance(text, bytes) else text for text in result.as_numpy(name).tolist()]


def test_the_client_finds_the_server_and_its_model_ready(client, port):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("factoid")
    assert client.is_model_ready("factoid", tiny_artifact_id(port))
    assert not client.is_model_ready("other")
    assert not client.is_model_ready("factoid", "no-such-version")


def tiny_artifact_id(port: int) -> str:
    return predict(port)[1]["version"]


def test_the_metadata_are_those_that_the_client_asks_tensors_by(client, port):
    server = client.get_server_metadata()
    assert server["name"] == "overton"
    assert server["extensions"] == ["binary_tensor_data"]
    model = client.get_model_metadata("factoid")
    assert (model["name"], model["versions"]) == ("factoid", [tiny_artifact_id(port)])
    assert {one["name"] for one in model["inputs"]} == {"query", "tokens", "entities"}
    result = client.infer("factoid", [tensor("record", TEXT)])
    for output in model["outputs"]:
        assert output["datatype"] == result.get_output(output["name"])["datatype"]
        assert len(output["shape"]) == result.as_numpy(output["name"]).ndim


@AS_BYTES
def test_records_are_answered_as_by_our_own_route(client, port, as_bytes):
    own = predict(port)[1]
    result = client.infer("factoid", [tensor("record", TEXT, TEXT, as_bytes=as_bytes)], request_id="a1")
    response = result.get_response()
    assert (response["id"], response["model_name"], response["model_version"]) == ("a1", "factoid", own["version"])
    assert texts(result, "Intent") == [own["tasks"]["Intent"]] * 2
    for task in ("POS", "EntityType", "IntentArg"):
        assert [json.loads(text) for text in texts(result, task)] == [own["tasks"][task]] * 2


@AS_BYTES
def test_fields_of_all_languages_and_of_none_are_tensors(client, port, as_bytes):
    fields = {
        "query": [PAYLOADS["query"], "wie groß ist 東京 🗼", ""],
        "tokens": [json.dumps(value, ensure_ascii=False) for value in (PAYLOADS["tokens"], ["東京", "groß"], [])],
        "entities": [json.dumps(PAYLOADS["entities"]), "null", "[]"],
    }
    given = [tensor(name, *column, as_bytes=as_bytes, shape=[3, 1]) for name, column in fields.items()]
    result = client.infer("factoid", given)
    for place in range(3):
        payloads = {"query": fields["query"][place]}
        payloads |= {name: json.loads(fields[name][place]) for name in ("tokens", "entities")}
        own = predict(port, {"payloads": payloads})[1]["tasks"]
        assert texts(result, "Intent")[place] == (own["Intent"] or "null")
        assert json.loads(texts(result, "POS")[place]) == own["POS"]


def test_outputs_are_chosen_each_as_bytes_or_as_json(client):
    wanted = [triton.InferRequestedOutput(name, binary_data=one) for name, one in (("POS", True), ("Intent", False))]
    result = client.infer("factoid", [tensor("record", TEXT)], outputs=wanted)
    assert [output["name"] for output in result.get_response()["outputs"]] == ["POS", "Intent"]
    assert "data" not in result.get_output("POS")
    assert result.get_output("Intent")["data"] == texts(result, "Intent")
    assert result.as_numpy("IntentArg") is None
    probabilities = client.infer("factoid", [tensor("record", TEXT)], parameters={"probabilities": True})
    assert sum(json.loads(texts(probabilities, "Intent")[0]).values()) == pytest.approx(1, abs=0.01)


def test_questions_that_are_asked_at_once_are_all_answered(port):
    with triton.InferenceServerClient(f"127.0.0.1:{port}", concurrency=4) as client:
        wait_until_ready(client)
        asked = [client.async_infer("factoid", [tensor("record", TEXT)], request_id=str(n)) for n in range(12)]
        assert [one.get_result().get_response()["id"] for one in asked] == [str(n) for n in range(12)]


def test_what_is_wrong_is_told_to_the_client_with_the_status(client):
    for status, name, given in (
        ("404", "other", [tensor("record", TEXT)]),
        ("400", "factoid", [tensor("records", TEXT)]),
        ("400", "factoid", [tensor("record", TEXT), tensor("query", "a")]),
        ("400", "factoid", [tensor("query", "a"), tensor("tokens", '["a"]', '["b"]')]),
        ("400", "factoid", [tensor("record", "not json")]),
        ("422", "factoid", [tensor("record", json.dumps({"payloads": {"tokens": 3}}))]),
        ("413", "factoid", [tensor("record", *[TEXT] * 9)]),
    ):
        with pytest.raises(triton.InferenceServerException) as caught:
            client.infer(name, given)
        assert caught.value.status() == status, caught.value
        assert len(caught.value.message()) > 10
    numbers = triton.InferInput("record", [2], "FP32").set_data_from_numpy(np.zeros(2, np.float32))
    with pytest.raises(triton.InferenceServerException, match="datatype 'FP32', expected BYTES"):
        client.infer("factoid", [numbers])
    with pytest.raises(triton.InferenceServerException, match="no output 'Intnt'"):
        client.infer("factoid", [tensor("record", TEXT)], outputs=[triton.InferRequestedOutput("Intnt")])


def test_a_client_that_comes_when_all_places_are_taken_is_told_so(tmp_path):
    save_artifact(tiny_artifact(), tmp_path / "version")
    settings = Settings(Place(str(tmp_path / "version")), port=0, limits=Limits(max_waiting=0))
    with serving(settings) as (_, port), triton.InferenceServerClient(f"127.0.0.1:{port}") as client:
        wait_until_ready(client)
        with pytest.raises(triton.InferenceServerException, match="as many requests as it can answer soon") as caught:
            client.infer("overton", [tensor("record", TEXT)])
        assert caught.value.status() == "429"
        assert "decoding the response" not in caught.value.message()


def test_the_client_shows_a_token_in_its_headers(tmp_path):
    save_artifact(tiny_artifact(), tmp_path / "version")
    (tmp_path / "token").write_text(TOKEN)
    settings = Settings(Place(str(tmp_path / "version")), port=0, token_file=str(Path(tmp_path / "token")))
    with serving(settings) as (_, port), triton.InferenceServerClient(f"127.0.0.1:{port}") as client:
        wait_until_ready(client)
        with pytest.raises(triton.InferenceServerException) as caught:
            client.infer("overton", [tensor("record", TEXT)])
        assert caught.value.status() == "401"
        assert caught.value.message() == "the request shows no token, or another one"
        headers = {"authorization": f"Bearer {TOKEN}"}
        assert texts(client.infer("overton", [tensor("record", TEXT)], headers=headers), "Intent")
