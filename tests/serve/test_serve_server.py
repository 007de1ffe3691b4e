import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import onnx
import pytest

from overton.artifact import Artifact
from overton.artifact.files import save_artifact
from overton.base import OvertonError
from overton.serve import Limits, Place, Settings
from overton.serve.process import load_models
from overton.serve.server import run
from tests.serve.serving import get, metric
from tests.serve.serving import serving as serving_settings
from tests.tiny_artifact import RECORD, tiny_artifact

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
from overton.serve import Place, Settings
from overton.serve.server import run

def observe(event):
    sys.stderr.write(event.message + "\\n")
    if "port" in event.values:
        sys.stdout.write(f"{event.values['port']}\\n")
        sys.stdout.flush()

run(Settings(Place(sys.argv[1]), port=0), observe=observe)
loaded = [name for name in ("torch", "onnx", "onnxscript", "pandas", "pyarrow", "rich") if name in sys.modules]
sys.stdout.write(f"{loaded}\\n")
"""


@contextlib.contextmanager
def serving(directory: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    save_artifact(tiny_artifact(), directory / "version")
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(directory / "version")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        yield process, int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


@pytest.mark.long
def test_a_process_serves_and_ends_quietly_when_it_is_told_to(tmp_path):
    with serving(tmp_path) as (process, port):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
            for _ in range(3):
                connection.request("POST", "/v1/predict", json.dumps(RECORD), {"Content-Type": "application/json"})
                answer = connection.getresponse()
                assert answer.status == 200
                assert json.loads(answer.read())["version"] == tiny_artifact().id
            connection.request("GET", "/readyz")
            assert json.loads(connection.getresponse().read())["status"] == "ready"
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=10)
    assert process.returncode == 0
    assert output == "[]\n", "modules that serving does not need"
    assert [line for line in errors.splitlines() if "Traceback" in line] == []
    assert "SIGTERM: stopping" in errors


@pytest.mark.long
@pytest.mark.parametrize("has_token", [False, True])
def test_a_process_without_a_token_refuses_requests_for_other_hosts(tmp_path, has_token):
    save_artifact(tiny_artifact(), tmp_path / "version")
    token = tmp_path / "token"
    token.write_text("0123456789abcdef")
    settings = Settings(Place(str(tmp_path / "version")), port=0, token_file=str(token) if has_token else "")
    with (
        serving_settings(settings) as (_, port),
        contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection,
    ):
        answers = []
        for host in ("evil.example", f"127.0.0.1:{port}"):
            headers = {"Host": host, "Authorization": "Bearer 0123456789abcdef"}
            connection.request("GET", "/v1/signature", headers=headers)
            answer = connection.getresponse()
            answers.append((answer.status, "serve.host" in answer.read().decode()))
    assert answers == [(200, False) if has_token else (421, True), (200, False)]


@pytest.mark.long
def test_a_body_over_the_limit_and_a_client_that_goes_away_do_no_harm(tmp_path):
    with serving(tmp_path) as (process, port):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n")
            with contextlib.suppress(OSError):  # the server closes while we still send
                client.sendall(b" " * (4 << 20))
            assert client.recv(100).startswith(b"HTTP/1.1 413")
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(b'POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{"payl')
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(b"\x16\x03\x01 not http at all\r\n\r\n")
            client.recv(100)
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
            connection.request("POST", "/v1/predict", json.dumps(RECORD))
            assert connection.getresponse().status == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


def code(**named: object) -> str:
    with pytest.raises(OvertonError) as caught:
        run(Settings(Place("nowhere"), **named))
    return caught.value.problems[0].code


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1"])
def test_other_machines_are_not_served_without_a_token(host):
    assert code(host=host, port=0) in ("serve.not-loopback", "serve.bind")


def test_a_port_that_is_taken_is_told():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert code(port=taken.getsockname()[1]) == "serve.bind"
    assert code(port=99999) == "serve.bind"
    assert code(host="no.such.host.invalid", port=0) == "serve.bind"


@pytest.mark.parametrize("content", [b"", b"short", b"two words that are long enough", b"\xff" * 40])
def test_a_token_that_is_no_good_is_refused(tmp_path, content):
    (tmp_path / "token").write_bytes(content)
    assert code(port=0, token_file=str(tmp_path / "token")) == "serve.bad-token"
    assert code(port=0, token_file=str(tmp_path / "none")) == "serve.bad-token"


def test_a_model_that_cannot_be_loaded_ends_the_server_with_its_problem(tmp_path):
    node = onnx.helper.make_node("NoSuchOperator", ["a"], ["b"])
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "broken", [], []))
    files = {**tiny_artifact().files, "model.onnx": model.SerializeToString()}
    save_artifact(type(tiny_artifact())(files), tmp_path / "broken")
    start = time.monotonic()
    with pytest.raises(OvertonError, match="onnxruntime cannot load it"):
        run(Settings(Place(str(tmp_path / "broken")), port=0))
    assert time.monotonic() - start < 5


def test_a_signal_while_draining_answers_on_and_then_ends(tmp_path):
    """The process sends itself the signal, so that the drain is watched from within."""
    seen = []

    def observe(event: object) -> None:
        seen.append(event)
        if event.values:
            os.kill(os.getpid(), signal.SIGTERM)

    save_artifact(tiny_artifact(), tmp_path / "version")
    start = time.monotonic()
    run(Settings(Place(str(tmp_path / "version")), port=0, drain_seconds=0.5), observe=observe)
    assert time.monotonic() - start >= 0.5  # it answers on while it drains, and that it returns at all is its end
    assert [event.message.partition(":")[0] for event in seen][-1] == "SIGTERM"


def test_a_canary_that_would_break_clients_is_refused_and_a_shadow_is_not(tmp_path):
    other = json.loads(tiny_artifact().files["signature.json"])
    other["tasks"]["POS"]["classes"][2] = "Y"
    program = json.loads(tiny_artifact().files["program.json"])
    program["schema"]["tasks"]["POS"]["classes"][2] = "Y"
    files = {"signature.json": json.dumps(other).encode(), "program.json": json.dumps(program).encode()}
    save_artifact(tiny_artifact(), tmp_path / "served")
    save_artifact(Artifact({**tiny_artifact().files, **files}), tmp_path / "other")
    served, breaking = Place(str(tmp_path / "served")), Place(str(tmp_path / "other"))
    with pytest.raises(OvertonError, match="class 'X' of task 'POS' is gone"):
        load_models(Settings(served, canary=breaking, canary_share=0.5))
    _, canary, shadow = load_models(Settings(served, shadow=breaking))
    assert canary is None
    assert shadow is not None


def test_a_canary_without_a_model_that_clients_ask_for_by_name_is_refused(tmp_path):
    both = tiny_artifact().with_model("small", tiny_artifact(1))
    for name, artifact in (("both", both), ("one", tiny_artifact())):
        save_artifact(artifact, tmp_path / name)
    both, one = Place(str(tmp_path / "both")), Place(str(tmp_path / "one"))
    with pytest.raises(OvertonError, match="model 'small' is gone: clients of"):
        load_models(Settings(both, canary=one, canary_share=0.5))
    assert load_models(Settings(one, canary=both, canary_share=0.5))[1] is not None


def test_a_head_without_end_is_not_read_to_its_end(tmp_path):
    with serving(tmp_path) as (_, port), socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\n")
        with contextlib.suppress(OSError):  # the server closes while we still send
            for number in range(1000):
                client.sendall(b"X-%d: " % number + b"a" * 1000 + b"\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(100).startswith(b"HTTP/1.1 400")
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
            connection.request("POST", "/v1/predict", json.dumps(RECORD))
            assert connection.getresponse().status == 200


@pytest.mark.long
def test_more_requests_than_may_wait_are_refused_at_once_and_their_connections_go_on(tmp_path):
    body = json.dumps({"records": [RECORD] * 64}).encode()
    head = (
        f"POST /v1/predict HTTP/1.1\r\nHost: [::1]\r\nX-Request-Id: r1\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    )
    settings = Settings(Place(str(tmp_path / "version")), port=0, limits=Limits(max_waiting=2))
    save_artifact(tiny_artifact(), tmp_path / "version")
    with serving_settings(settings) as (process, port), contextlib.ExitStack() as stack:
        clients = [
            stack.enter_context(contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)))
            for _ in range(40)
        ]
        for client in clients:
            client.connect()
        for client in clients:
            client.sock.sendall(head + body)
        statuses = []
        for client in clients:
            answer = http.client.HTTPResponse(client.sock, method="POST")
            answer.begin()
            statuses.append(answer.status)
            content = json.loads(answer.read())
            assert answer.getheader("x-request-id") == "r1"
            if answer.status == 429:
                assert answer.getheader("retry-after") == "1"
                assert content["problems"][0]["code"] == "serve.busy"
        assert set(statuses) == {200, 429}
        for client in clients:
            client.request("POST", "/v1/predict", json.dumps(RECORD))
            assert client.getresponse().read()
        text = get(port, "/metrics")[1]
        assert metric(text, "overton_shed_total") == statuses.count(429)
        assert metric(text, 'overton_requests_total{route="predict",code="429"}') == statuses.count(429)
        assert metric(text, "overton_waiting_requests") == 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


@pytest.mark.parametrize(
    ("path", "status"), [("/v1/predict", b"429"), pytest.param("/nowhere", b"404", marks=pytest.mark.slow)]
)
def test_a_body_that_nobody_waits_for_holds_no_connection_for_ever(tmp_path, path, status):
    """Sent drop by drop, it would: who refuses a request without reading it counts no time."""
    settings = Settings(Place(str(tmp_path / "version")), port=0, limits=Limits(max_waiting=0, max_seconds=0.5))
    save_artifact(tiny_artifact(), tmp_path / "version")
    with serving_settings(settings) as (_, port), socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n".encode() + b"{")
        assert client.recv(1000).startswith(b"HTTP/1.1 " + status)
        until, is_open = time.monotonic() + 20, True
        while is_open and time.monotonic() < until:
            try:
                client.sendall(b" ")
            except OSError:
                is_open = False
            time.sleep(0.1)
        assert not is_open
