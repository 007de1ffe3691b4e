import json
import os
import resource
import time
from pathlib import Path

import msgspec
import pytest

import overton
from overton.artifact import Runtime
from overton.base import OvertonError
from overton.serve import Model, Service, make_app
from overton.serve.log import FILES, RequestLog, set_aside_files
from overton.serve.metrics import Metrics
from overton.serve.shared import Shared
from tests.serve.serving import call
from tests.tiny_artifact import RECORD, SCHEMA, tiny_artifact

MODEL = Model.of(Runtime(tiny_artifact()), "v1")
LINE = msgspec.json.encode(RECORD)
LABELS = {"Intent": "age", "IntentArg": None}


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_what_is_asked_and_answered_is_a_record_of_our_own_format(tmp_path):
    service = Service(MODEL)
    service.log = RequestLog(tmp_path / "requests.jsonl", metrics=service.metrics)
    app = make_app(service)
    sent = {**RECORD, "tasks": {"Intent": {"crowd": "age"}}, "tags": ["lang:en"]}
    answers = [call(app, "POST", "/v1/predict", json=sent).json()["tasks"] for _ in range(2)]
    call(app, "POST", "/v1/predict", json={"records": [{"payloads": RECORD["payloads"]}]})
    assert call(app, "POST", "/v1/predict", json={"payloads": 3}).status_code == 422
    service.log.close()
    told = lines(tmp_path / "requests.jsonl")
    assert len({record["id"] for record in told}) == 3, "a data file may not hold an id twice"
    assert told[0]["payloads"] == RECORD["payloads"]
    assert told[0]["tags"] == ["lang:en", "sent:q17"]
    assert told[0]["tasks"]["Intent"] == {"overton@v1": answers[0]["Intent"]}, "labels of clients count for nothing"
    assert told[0]["tasks"]["POS"] == {"overton@v1": answers[0]["POS"]}
    assert "tags" not in told[2]
    directory = tmp_path / "app"
    (directory / "data").mkdir(parents=True)
    (directory / "schema.json").write_text(SCHEMA)
    (tmp_path / "requests.jsonl").rename(directory / "data" / "requests.jsonl")
    checked = overton.load(directory).check()
    assert checked.problems == ()
    assert overton.load(directory).dataset().n_records == 3


def logged(tmp_path: Path, *sent: dict) -> Path:
    """The log of some requests, each answered."""
    service = Service(MODEL)
    service.log = RequestLog(tmp_path / "requests.jsonl", metrics=service.metrics)
    app = make_app(service)
    for one in sent:
        assert call(app, "POST", "/v1/predict", json=one).status_code == 200
    service.log.close()
    return tmp_path / "requests.jsonl"


def test_a_client_cannot_say_what_is_learned_or_measured(tmp_path):
    claimed = {"tasks": {"Intent": {"gold": "age", "crowd": "age"}}, "tags": ["test", "slice:rare"]}
    told = lines(logged(tmp_path, {**RECORD, **claimed}))[0]
    assert told["tags"] == ["slice:rare", "sent:q17"]
    assert {source for by_source in told["tasks"].values() for source in by_source} == {"overton@v1"}


def test_workers_of_one_server_write_to_files_of_their_own(tmp_path):
    paths = [Shared(tmp_path, worker=number).log_path(tmp_path / "requests.jsonl").name for number in (1, 2, 3)]
    assert paths == ["requests.jsonl", "requests.w2.jsonl", "requests.w3.jsonl"]


def test_only_the_owner_reads_it(tmp_path):
    RequestLog(tmp_path / "requests.jsonl", metrics=Metrics()).close()
    assert (tmp_path / "requests.jsonl").stat().st_mode & 0o777 == 0o600


def test_no_more_is_logged_than_the_rate_allows(tmp_path):
    clock, metrics = Clock(), Metrics()
    log = RequestLog(tmp_path / "requests.jsonl", rate=2, metrics=metrics, clock=clock)
    for _ in range(100):
        clock.now += 0.1
        log.write("v1", [LINE], [LABELS])
    log.close()
    many = len(lines(tmp_path / "requests.jsonl"))
    assert 20 <= many <= 22
    outcomes = metrics.counts()["overton_log_records_total"]
    assert outcomes == {("written",): many, ("over the rate",): 100 - many}


def test_a_quiet_night_allows_no_more_at_once_than_a_second_does(tmp_path):
    clock = Clock()
    log = RequestLog(tmp_path / "requests.jsonl", rate=2, metrics=Metrics(), clock=clock)
    clock.now += 3600
    for _ in range(10):
        log.write("v1", [LINE], [LABELS])
    log.close()
    assert len(lines(tmp_path / "requests.jsonl")) == 2


def test_a_rate_of_none_a_second_logs_none(tmp_path):
    clock, metrics = Clock(), Metrics()
    log = RequestLog(tmp_path / "requests.jsonl", rate=0, metrics=metrics, clock=clock)
    for _ in range(3):
        clock.now += 3600
        log.write("v1", [LINE], [LABELS])
    log.close()
    assert lines(tmp_path / "requests.jsonl") == []
    assert metrics.counts()["overton_log_records_total"] == {("over the rate",): 3}


def test_of_a_request_with_many_records_the_first_are_logged(tmp_path):
    log = RequestLog(tmp_path / "requests.jsonl", rate=3, metrics=Metrics(), clock=Clock())
    log.write("v1", [LINE] * 10, [LABELS] * 10)
    log.close()
    assert len(lines(tmp_path / "requests.jsonl")) == 3


def age(path: Path) -> tuple[str, int]:
    """When a file was set aside, by its name."""
    _, moment, number = path.stem.rsplit("-", 2)
    return moment, int(number)


def test_a_full_file_is_set_aside_and_the_oldest_go(tmp_path):
    clock = Clock()
    own = [f"requests-{name}.jsonl" for name in ("0-labelled-by-hand", "20260101", "20260101T000000-1-old")]
    for name in own:
        (tmp_path / name).write_text("kept")
    log = RequestLog(tmp_path / "requests.jsonl", rate=1e6, max_bytes=1000, metrics=Metrics(), clock=clock)
    for _ in range(100):
        clock.now += 1
        log.write("v1", [LINE], [LABELS])
    log.close()
    assert all((tmp_path / name).read_text() == "kept" for name in own), "files of a person stay"
    files = [path for path in tmp_path.iterdir() if path.name not in own]
    assert len(files) <= FILES
    assert len(set_aside_files(tmp_path / "requests.jsonl")) == FILES - 1
    assert set_aside_files(tmp_path / "requests.jsonl") == sorted(set(files) - {tmp_path / "requests.jsonl"}, key=age)
    assert all(path.suffix == ".jsonl" and path.stat().st_size < 2000 for path in files)
    written = [record for path in sorted(files) for record in lines(path)]
    assert len({record["id"] for record in written}) == len(written) > 20


def test_where_the_clock_is_set_back_the_youngest_files_stay_all_the_same(tmp_path, monkeypatch):
    path, gmtime = tmp_path / "requests.jsonl", time.gmtime
    log = RequestLog(path, rate=1e9, max_bytes=10, metrics=Metrics())
    names = []
    for number in range(2 * FILES):
        hour = 10 if number < FILES else 5
        monkeypatch.setattr("overton.serve.log.time.gmtime", lambda hour=hour: gmtime(hour * 3600))
        log.write("v1", [LINE], [LABELS])
        log.flush()
        names.append(set_aside_files(path)[-1].read_bytes())
    log.close()
    assert len(set(names)) == 2 * FILES, "what was just set aside is the youngest"
    assert [file.read_bytes() for file in set_aside_files(path)] == names[-(FILES - 1) :]


def test_a_disk_that_cannot_be_written_costs_lines_and_no_answer(tmp_path):
    told, clock = [], Clock()
    service = Service(MODEL)
    folder = tmp_path / "logs"
    folder.mkdir()
    service.log = RequestLog(
        folder / "requests.jsonl",
        rate=1e6,
        max_bytes=1,
        metrics=service.metrics,
        observe=lambda event: told.append(event.message),
        clock=clock,
    )
    app = make_app(service)
    assert call(app, "POST", "/v1/predict", json=RECORD).status_code == 200
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    for _ in range(3):
        assert call(app, "POST", "/v1/predict", json=RECORD).status_code == 200
    assert len(told) == 1
    assert "requests.jsonl" in told[0]
    folder.mkdir()
    clock.now += 60
    assert call(app, "POST", "/v1/predict", json=RECORD).status_code == 200
    service.log.close()
    assert sum(len(lines(path)) for path in folder.iterdir()) == 1


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="needs a device that is always full")
def test_a_full_disk_costs_lines_and_no_answer(tmp_path):
    told = []
    path = tmp_path / "requests.jsonl"
    os.symlink("/dev/full", path)
    log = RequestLog(path, metrics=Metrics(), observe=lambda event: told.append(event.message))
    log.write("v1", [LINE], [LABELS])
    log.flush()
    log.close()
    assert "space" in told[0].lower()


def test_a_disk_that_fills_up_within_a_line_leaves_no_half_of_it(tmp_path):
    told, clock = [], Clock()
    path = tmp_path / "requests.jsonl"
    log = RequestLog(path, rate=1e6, metrics=Metrics(), observe=lambda event: told.append(event.message), clock=clock)
    log.write("v1", [LINE] * 3, [LABELS] * 3)
    log.flush()
    room = path.stat().st_size * 2 + 100
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        log.write("v1", [LINE] * 100, [LABELS] * 100)
        log.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert len(told) == 1
    clock.now += 60
    log.write("v1", [LINE], [LABELS])
    log.close()
    assert len(lines(path)) == 3 + 3 + 1


def test_a_log_goes_on_behind_a_line_that_has_no_end(tmp_path):
    path = tmp_path / "requests.jsonl"
    path.write_text('{"id": "somebody\'s own"}')
    log = RequestLog(path, metrics=Metrics())
    log.write("v1", [LINE], [LABELS])
    log.close()
    assert [record.get("payloads") for record in lines(path)] == [None, RECORD["payloads"]]


@pytest.mark.parametrize("name", ["requests.txt", ".jsonl", "requests", "none/requests.jsonl"])
def test_a_name_that_no_command_reads_is_refused(tmp_path, name):
    with pytest.raises(OvertonError, match=r"serve\.bad-log"):
        RequestLog(tmp_path / name, metrics=Metrics())
