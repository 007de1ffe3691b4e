import json
import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import overton
from overton.base import OvertonError
from overton.web import dashboard as module
from overton.web import routing
from overton.web.chrome import data_now
from overton.web.dashboard import Dashboard
from overton.web.edits.files import append_lines
from overton.web.memo import Memo
from tests.web.live_application import add_version, write_application
from tests.web.test_web_app import Client


def label(dashboard: Dashboard, editor: str = "ann") -> None:
    line = {"id": "r0", "tasks": {"Intent": {editor: "height"}}}
    append_lines(dashboard.data / "edits-2026-03-01.jsonl", [line])


def test_a_file_whose_name_is_no_text_does_not_end_every_page(dashboard: Dashboard) -> None:
    before = dashboard.stamp()
    (dashboard.data / os.fsdecode(b"r\xe9sum\xe9.csv")).touch()
    assert dashboard.stamp() != before
    assert dashboard.own_records().dataset.n_records


def test_a_data_file_of_the_same_size_that_took_over_the_time_of_the_one_before_is_seen(dashboard: Dashboard) -> None:
    """As a copy by `rsync --inplace --times` does."""
    path = sorted(dashboard.data.iterdir())[0]
    status, before = path.stat(), dashboard.stamp()
    time.sleep(0.02)  # more than a tick of the clock of files
    path.write_bytes(path.read_bytes().swapcase())
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns)
    assert dashboard.stamp() != before


def test_lines_with_faults_are_told_without_an_option_of_the_commands(dashboard: Dashboard) -> None:
    (dashboard.data / "bad.jsonl").write_text('{"id": 7}\n')
    for read in (dashboard.own_records, lambda: dashboard.records(dashboard.version())):
        with pytest.raises(OvertonError, match=r"data\.too-many-bad") as raised:
            read()
        assert "Mend them" in str(raised.value)
        assert "--max-bad" not in str(raised.value)


def test_a_value_is_made_once_for_all_who_ask_and_the_oldest_is_forgotten() -> None:
    memo, made, gate = Memo(2), [], threading.Event()

    def make() -> int:
        made.append(1)
        gate.wait(10)
        return 7

    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(memo.get("a", make))) for _ in range(5)]
    for thread in threads:
        thread.start()
    assert memo.peek("a") is None, "it is not there yet"
    gate.set()
    for thread in threads:
        thread.join()
    assert (found, len(made)) == ([7] * 5, 1)
    memo.get("b", lambda: 8)
    memo.get("a", make)
    memo.get("c", lambda: 9)
    assert (memo.peek("a"), memo.peek("b"), memo.peek("c")) == (7, None, 9)


def test_what_could_not_be_made_is_told_and_tried_again() -> None:
    memo = Memo(2)
    with pytest.raises(ZeroDivisionError):
        memo.get("a", lambda: 1 // 0)
    assert memo.get("a", lambda: 5) == 5


def test_a_split_is_predicted_once_and_parts_of_it_are_read_off(
    dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, real = [], module.predict_rows

    def counted(dataset, runtime, rows, **named):
        calls.append(len(rows))
        return real(dataset, runtime, rows, **named)

    monkeypatch.setattr(module, "predict_rows", counted)
    version = dashboard.version()
    records = dashboard.records(version)
    test = records.dataset.splits.test
    whole = dashboard.predict(version, records, test)
    for rows in (test[::2], test[3:9], test[:1]):
        some, alone = dashboard.predict(version, records, rows), real(records.dataset, version.runtime, rows)
        for task, said in alone.items():
            assert some[task].label.tolist() == said.label.tolist()
            assert np.allclose(some[task].probability[:, : said.probability.shape[1]], said.probability, atol=1e-6)
    label(dashboard)
    edited = dashboard.records(version)
    assert edited.dataset.digest != records.dataset.digest
    assert dashboard.predict(version, edited, test).keys() == whole.keys()
    assert calls.count(len(test)) == 1, "a label changes no prediction"
    lines = (dashboard.data / "records.jsonl").read_text().splitlines()
    (dashboard.data / "records.jsonl").write_text("\n".join(lines[:-1]) + "\n")
    assert dashboard.records(version).digest != records.digest


def test_after_an_edit_the_votes_before_are_shown_until_those_of_now_are_combined(
    dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = dashboard.version()
    before = dashboard.records(version)
    first = dashboard.combined(before, "Intent")
    gate, real = threading.Event(), module.combine_votes

    def slow(dataset, task, **named):
        gate.wait(30)
        return real(dataset, task, **named)

    monkeypatch.setattr(module, "combine_votes", slow)
    label(dashboard, "a-new-source")
    now = dashboard.records(version)
    fitted = dashboard.fitted(now, "Intent")
    assert fitted is not None
    assert (fitted.fresh, fitted.combined, fitted.records) == (False, first, before)
    client = Client(dashboard)
    assert client.get("/errors.json?task=Intent").json()["fresh"] is False
    assert "votes are being combined anew" in client.get("/errors?task=Intent").text
    assert "a-new-source" in client.get("/record?id=r0").text, "the label itself is seen at once"
    gate.set()
    end = time.monotonic() + 60
    while not client.get("/errors.json?task=Intent").json()["fresh"]:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert "a-new-source" in dashboard.combined(now, "Intent").accuracy


@pytest.mark.parametrize("tag", ["slice:just_now", "slice:just_now | source:a"])
def test_a_tag_has_a_page_as_soon_as_it_is_saved(
    dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch, tag: str
) -> None:
    client, version = Client(dashboard), dashboard.version()
    dashboard.combined(dashboard.records(version), "Intent")  # votes of before, which know no such tag
    monkeypatch.setattr(dashboard, "beside", lambda work: None)
    ids = [dashboard.records(version).dataset.ids(np.arange(1))[0]]
    assert client.post("/edits/tag", {"ids": ids, "tag": "slice:just_now"}).status_code == 200
    assert client.post("/edits/tag", {"ids": ids, "tag": "source:a"}).status_code == 200
    for page in ("/slice.json?tag=", "/errors.json?task=Intent&split=all&tag="):
        answer = client.get(page + tag.replace("|", "%7C"))
        assert answer.status_code == 200, answer.text


def test_a_tag_that_ends_with_a_blank_has_a_page_and_a_split_has_none(dashboard: Dashboard) -> None:
    line = {"id": "r4", "tags": ["lang:de "]}
    (dashboard.data / "tags.jsonl").write_text(json.dumps(line) + "\n")
    client = Client(dashboard)
    told = client.get("/slice.json?tag=lang:de%20").json()
    assert (told["tag"], told["records"]["test"], told["errors"]["filter"]["tag"]) == ("lang:de ", 1, "lang:de ")
    assert client.get("/errors.json?task=Intent&tag=lang:de%20").json()["n_records"] == 1
    assert client.get("/slice.json?tag=%20lang:en%20").json()["tag"] == "lang:en"
    refused = client.get("/slice.json?tag=test")
    assert refused.status_code == 422
    assert "'test' is a split, not a tag within one" in refused.text


def test_an_expression_is_told_on_dev_where_the_build_had_no_gold_on_test(tmp_path: Path) -> None:
    application = write_application(tmp_path / "app")
    path = application.directory / "data" / "records.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        for said in line["tasks"].values() if "test" in line["tags"] else ():
            said.pop("gold", None)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    add_version(overton.load(application.directory), 0)
    client = Client(Dashboard(application.directory))
    plain, made = (client.get(f"/slice.json?tag={tag}").json() for tag in ("lang:en", "lang:en%20%26%20*"))
    assert {figure["split"] for figure in plain["figures"]} == {"dev"}
    assert made["figures"] == plain["figures"]
    assert "no record of dev" in client.get("/slice?tag=!lang:en").text


def test_whom_the_tuning_trusts_decides_about_errors_at_once(dashboard: Dashboard) -> None:
    client, address = Client(dashboard), "/errors.json?task=Intent&split=train&limit=500"
    before = client.get(address).json()
    (dashboard.directory / "tuning.json").write_text('{"supervision": {"trusted": ["model"]}}')
    end = time.monotonic() + 60
    while not (now := client.get(address).json())["fresh"]:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert now == Client(Dashboard(dashboard.directory)).get(address).json()
    assert now["annotate"] != before["annotate"]


def test_a_page_that_takes_long_says_so_and_is_there_later(
    dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(dashboard)
    monkeypatch.setattr(routing, "PATIENCE_SECONDS", 0.0)
    waiting = client.get("/discover?task=Intent")
    assert "One moment" in waiting.text
    assert 'data-url="/discover.json?task=Intent"' in waiting.text
    assert client.get("/discover.json?task=Intent").json()["task"] == "Intent"
    monkeypatch.undo()
    assert "One moment" not in client.get("/discover?task=Intent").text


def test_the_page_that_says_so_waits_for_no_records_itself(
    dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on, real = threading.Event(), module.load_records

    def slow(*arguments, **named):
        assert goes_on.wait(60)
        return real(*arguments, **named)

    monkeypatch.setattr(module, "load_records", slow)
    monkeypatch.setattr(routing, "PATIENCE_SECONDS", 0.0)
    timer = threading.Timer(20, goes_on.set)  # so that it fails, and does not hang
    timer.start()
    assert "One moment" in Client(dashboard).get("/errors").text
    assert not goes_on.is_set()
    goes_on.set()
    timer.cancel()


def test_what_has_changed_in_the_data_since_a_build_is_told(dashboard: Dashboard) -> None:
    version = dashboard.version()
    assert data_now(dashboard, version).changed == ()
    label(dashboard)
    label(dashboard)
    record = {"id": "more", "payloads": {"tokens": ["how"], "query": "how", "entities": []}, "tags": ["train"]}
    (dashboard.data / "more.jsonl").write_text(json.dumps(record) + "\n")
    now = data_now(dashboard, version)
    assert {(file.name, file.change, file.lines) for file in now.changed} == {
        ("edits-2026-03-01.jsonl", "new", 2),
        ("more.jsonl", "new", None),
    }
    assert now.n_edits == 2
    (dashboard.data / "records.jsonl").rename(dashboard.data / "other.jsonl")
    assert data_now(dashboard, version).problems == ()
    changes = {(file.name, file.change) for file in data_now(dashboard, version).changed}
    assert {("records.jsonl", "gone"), ("other.jsonl", "new")} <= changes


def test_a_schema_that_was_changed_since_a_build_is_no_change_of_the_data(dashboard: Dashboard) -> None:
    version, path = dashboard.version(), dashboard.data.parent / "schema.json"
    schema = json.loads(path.read_text())
    schema["tasks"]["Extra"] = {"payload": "query", "type": "multiclass", "classes": ["a", "b"]}
    path.write_text(json.dumps(schema))
    assert data_now(dashboard, version).changed == ()
    with (dashboard.data / "records.jsonl").open("a") as lines:
        lines.write("\n")
    assert [(file.name, file.change) for file in data_now(dashboard, version).changed] == [("records.jsonl", "changed")]


def test_the_schema_is_read_again_when_it_changes(dashboard: Dashboard) -> None:
    version = dashboard.version()
    assert len(dashboard.own_records().dataset.schema.tasks) == 4
    path = dashboard.directory / "schema.json"
    schema = json.loads(path.read_text())
    schema["tasks"]["Mood"] = {"payload": "query", "type": "multiclass", "classes": ["calm", "angry"]}
    path.write_text(json.dumps(schema))
    assert len(dashboard.own_records().dataset.schema.tasks) == 5
    client = Client(dashboard)
    body = {"id": "r0", "task": "Mood", "editor": "ann", "label": "calm"}
    assert client.post("/edits/label", body).status_code == 200
    assert client.get("/record?id=r0").status_code == 200
    assert client.get(f"/errors?version={version.id}").status_code == 200
