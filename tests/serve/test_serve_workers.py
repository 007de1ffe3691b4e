"""Several processes on one socket, by real signals."""

import contextlib
import http.client
import os
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from overton.artifact.files import save_artifact
from overton.base import OvertonError, ignore
from overton.serve import Place, Settings
from overton.serve.server import run
from overton.serve.workers import _Crew
from tests.serve.serving import get, golden_artifact, metric, predict, promote, serving, store_with
from tests.tiny_artifact import RECORD

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the workers in /proc")


def children(parent: int) -> set[int]:
    found = set()
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError, IndexError):
            if entry.name.isdigit() and int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                found.add(int(entry.name))
    return found


def wait_for(condition: object, seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)


def test_a_worker_that_waits_to_be_replaced_keeps_no_thread_that_the_end_would_wait_for(tmp_path):
    with socket.socket() as listener:
        crew = _Crew(Settings(Place(str(tmp_path))), listener, "", tmp_path, ignore)
    (worker,) = crew._workers
    worker.again = time.monotonic() + 30
    before = threading.enumerate()
    crew._mind(worker)
    assert threading.enumerate() == before
    assert crew._patience() == 1
    worker.again = time.monotonic() + 0.2
    assert 0 < crew._patience() <= 0.2, "it is replaced in time all the same"


@pytest.mark.slow
def test_a_worker_that_is_killed_in_load_is_replaced_and_the_others_answer(tmp_path):
    save_artifact(golden_artifact(), tmp_path / "version")
    with serving(Settings(Place(str(tmp_path / "version")), port=0, workers=2)) as (process, port):
        workers = children(process.pid)
        assert len(workers) == 2
        stop, faults, served = threading.Event(), [], []

        def load() -> None:
            while not stop.is_set():
                try:
                    served.append(predict(port)[0])
                except (
                    OSError,
                    http.client.HTTPException,
                ) as error:  # what the killed worker was answering
                    faults.append(error)

        threads = [threading.Thread(target=load) for _ in range(2)]
        for thread in threads:
            thread.start()
        wait_for(lambda: len(served) > 20)
        os.kill(min(workers), signal.SIGKILL)
        before = len(served)
        wait_for(lambda: len(children(process.pid) - workers) == 1)
        wait_for(lambda: metric(get(port, "/metrics")[1], "overton_ready") == 2)
        stop.set()
        for thread in threads:
            thread.join()
        assert len(served) > before
        assert set(served) == {200}
        assert len(faults) <= 2, "one for each client at most, of what the killed one had begun"
        wait_for(lambda: metric(get(port, "/metrics")[1], "overton_worker_restarts_total") == 1)
        survivor = metric(get(port, "/metrics")[1], 'overton_requests_total{route="predict",code="200"}')
        assert 0 < survivor <= len(served), "what the killed one had not written down is lost"
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 0
        assert "killed by SIGKILL; replaced" in errors
        assert "Traceback" not in errors
        assert "Fatal" not in errors


@pytest.mark.slow
def test_workers_end_with_the_process_that_looks_after_them(tmp_path):
    save_artifact(golden_artifact(), tmp_path / "version")
    with serving(Settings(Place(str(tmp_path / "version")), port=0, workers=2)) as (process, port):
        assert predict(port)[0] == 200
        workers = children(process.pid)
        process.kill()
        process.wait()
        wait_for(lambda: not any(_runs(worker) for worker in workers))


@pytest.mark.slow
def test_every_worker_follows_the_alias(tmp_path):
    first, second = golden_artifact(0), golden_artifact(1)
    store = store_with(tmp_path, first, second)
    settings = Settings(Place(first.id, store.url), alias="live", poll_seconds=0.1, port=0, workers=2)
    with serving(settings) as (process, port):
        assert predict(port)[1]["version"] == first.id
        promote(store, second.id)
        name = f'overton_version_info{{version="{second.id}",role="serving",alias="live"}}'
        wait_for(lambda: name in (text := get(port, "/metrics")[1]) and metric(text, name) == 2)
        assert {predict(port)[1]["version"] for _ in range(10)} == {second.id}
        assert '"alias":"live"' in get(port, "/readyz")[1]
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


@pytest.mark.long
def test_workers_that_cannot_begin_end_the_server_with_their_problem(tmp_path):
    with pytest.raises(OvertonError, match="no such directory"):
        run(Settings(Place(str(tmp_path / "none")), port=0, workers=2))


@pytest.mark.long
def test_a_store_that_is_not_there_at_the_start_is_told(tmp_path):
    for workers in (1, 2):
        with pytest.raises(OvertonError, match="no version"):
            run(Settings(Place("0123456789ab", str(tmp_path / "none")), alias="live", port=0, workers=workers))


@pytest.mark.slow
def test_each_worker_logs_to_a_file_of_its_own(tmp_path):
    save_artifact(golden_artifact(), tmp_path / "version")
    log = tmp_path / "requests.jsonl"
    settings = Settings(Place(str(tmp_path / "version")), port=0, workers=2, log_file=str(log), log_rate=1000)
    with serving(settings) as (process, port):
        for _ in range(40):
            assert predict(port, RECORD)[0] == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    told = [line for path in tmp_path.glob("requests*.jsonl") for line in path.read_text().splitlines()]
    assert len(told) == len(set(told)) == 40


def _runs(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
