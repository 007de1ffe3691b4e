"""What pages read anew, counted: of a version nothing, since it never changes, while all that does change is seen."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import obstore
import pytest

import overton
from overton.artifact import MANIFEST, Runtime
from overton.codec import Predictions
from overton.data import Batch
from overton.schema import Schema
from overton.schema.files import load_schema
from overton.store import Store
from overton.web.app import VIEWS
from overton.web.dashboard import Dashboard
from overton.web.edits.files import append_lines
from overton.web.routes.home import NEWER
from tests.web.live_application import add_version

MUCH_LATER = "2100-01-01T12:00:00+00:00"  # nothing is so young then that it has to stay
ASKED = {"/": {"wait": "1"}, "/slice": {"tag": "slice:tower"}, "/record": {"id": "r1"}}
PAGES = [name for name in VIEWS if "{" not in name]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each kind of object of a store is read, by its name or its folder."""
    counts: Counter[str] = Counter()
    get = obstore.get

    def counted(backend: Any, path: str) -> Any:
        counts[MANIFEST if path.endswith(MANIFEST) else path.partition("/")[0]] += 1
        return get(backend, path)

    monkeypatch.setattr(obstore, "get", counted)
    return counts


def show(dashboard: Dashboard, name: str) -> dict[str, Any]:
    """What a page tells, as its twin does."""
    told: dict[str, Any] = json.loads(json.dumps(VIEWS[name](dashboard, ASKED.get(name, {})).page.to_json()))
    return told


@pytest.mark.long
def test_pages_that_were_shown_once_read_nothing_of_a_version_again(dashboard: Dashboard, reads: Counter[str]) -> None:
    before = {name: show(dashboard, name) for name in PAGES}
    reads.clear()
    assert {name: show(dashboard, name) for name in PAGES} == before
    assert set(reads) == {"aliases"}


@pytest.mark.parametrize("name", ["/compare", "/builds"])
def test_a_page_looks_aliases_up_once(name: str, dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch) -> None:
    show(dashboard, name)
    looks: list[str] = []
    aliases = Store.aliases

    def counted(store: Store) -> dict[str, str]:
        looks.append(store.url)
        return aliases(store)

    monkeypatch.setattr(Store, "aliases", counted)
    show(dashboard, name)
    assert len(looks) == 1


@pytest.mark.long
def test_the_schema_is_read_once_as_long_as_nobody_changes_it(
    dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def counted(path: Path) -> Schema:
        read.append(path)
        return load_schema(path)

    monkeypatch.setattr("overton.schema.files.load_schema", counted)
    for name in PAGES:
        show(dashboard, name)
    read.clear()
    for name in PAGES:
        show(dashboard, name)
    assert read == []
    path = dashboard.directory / "schema.json"
    path.write_text(path.read_text().replace('"max_length": 16', '"max_length": 61'))  # of the same size
    assert dashboard.application().schema.payload("tokens").max_length == 61
    (dashboard.directory / "tuning.json").write_text('{"supervision": {"trusted": ["ann"]}}')
    assert dashboard.application().tuning.supervision.trusted == ("ann",)


@pytest.mark.long
def test_the_report_is_made_anew_where_gate_or_tuning_are_others(dashboard: Dashboard) -> None:
    gate = {"margin": 1, "ece": 1}  # which any version keeps to
    (dashboard.directory / "gate.json").write_text(json.dumps(gate))
    assert show(dashboard, "/")["verdict"]["state"] != "refused"
    (dashboard.directory / "gate.json").write_text(json.dumps({**gate, "critical": ["lang:xx"]}))
    assert show(dashboard, "/")["verdict"]["state"] == "refused"
    assert "data.silent-source" not in {finding["code"] for finding in show(dashboard, "/")["checks"]["findings"]}
    (dashboard.directory / "tuning.json").write_text('{"supervision": {"trusted": ["nobody"]}}')
    assert "data.silent-source" in {finding["code"] for finding in show(dashboard, "/")["checks"]["findings"]}


@pytest.mark.long
def test_a_report_that_is_older_than_labels_says_so(dashboard: Dashboard) -> None:
    before = show(dashboard, "/")
    line = {"id": "r4", "tasks": {"Intent": {"gold": "height"}}}
    append_lines(dashboard.data / "edits-2026-03-01.jsonl", [line])
    after = show(dashboard, "/")
    assert after["notes"] == [*before["notes"], NEWER]
    assert {**after, "notes": before["notes"]} == before  # it is not made anew for every label
    assert NEWER not in show(Dashboard(dashboard.directory), "/")["notes"]


@pytest.mark.long
def test_each_version_predicts_the_test_records_once_for_all_pages(
    dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    predicted: Counter[int] = Counter()
    run = Runtime.run

    def counted(runtime: Runtime, batch: Batch, **named: bool) -> dict[str, Predictions]:
        predicted[batch.n_records] += 1
        return run(runtime, batch, **named)

    monkeypatch.setattr(Runtime, "run", counted)
    versions = [line["version"] for line in show(dashboard, "/versions")["versions"]]
    n_test = len(dashboard.records(dashboard.version()).dataset.splits.test)
    for name in ("/", "/compare", "/errors", "/slice"):
        show(dashboard, name)
    for version in versions:
        VIEWS["/errors"](dashboard, {"version": version})
    assert predicted[n_test] == len(versions)


@pytest.mark.long
def test_what_another_promotes_builds_or_removes_is_told_by_the_next_page(dashboard: Dashboard) -> None:
    (newer, first) = [line["version"] for line in show(dashboard, "/versions")["versions"]]
    assert show(dashboard, "/versions")["aliases"] == {"live": first}
    other = overton.load(dashboard.directory)
    other.store.promote("live", newer, who="ann", when=MUCH_LATER, why="", expected=first)
    assert (show(dashboard, "/versions")["aliases"], dashboard.live()) == ({"live": newer}, newer)
    newest = add_version(other, 2)
    assert dashboard.version().id == newest
    assert show(dashboard, "/")["version"] == newest
    assert [line["version"] for line in show(dashboard, "/versions")["versions"]] == [newest, newer, first]
    Store(other.store_url).blobs.remove([f"versions/{newest}/{MANIFEST}"])
    assert dashboard.version().id == newer
    assert [line["version"] for line in show(dashboard, "/versions")["versions"]] == [newer, first]
    assert show(dashboard, "/")["version"] == newer
