import asyncio
import errno
import json
import os
import re
import shutil
import sys
from html import escape, unescape
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

import overton.web.dashboard
from overton.application import Application
from overton.cli.main import build_parser
from overton.web.app import VIEWS, make_app
from overton.web.dashboard import Dashboard
from overton.web.edits.files import edits_name
from tests.web.live_application import LONG, NASTY, SCRIPT, live_application

HOST = "127.0.0.1:8000"


class Client:
    """Asks the application as a browser on this machine would."""

    def __init__(self, dashboard: Dashboard) -> None:
        self.dashboard = dashboard
        self.app = make_app(dashboard)

    def ask(self, method: str, path: str, **named: object) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}", timeout=60) as client:
                return await client.request(method, path, **named)

        return asyncio.run(ask())

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.ask("GET", path, headers=headers)

    def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        own = {"x-overton-token": self.dashboard.token, "origin": f"http://{HOST}", **headers}
        return self.ask("POST", path, json=body, headers={name: value for name, value in own.items() if value})


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Client:
    """An application that no test changes."""
    application = live_application(tmp_path_factory.mktemp("live") / "app")
    return Client(Dashboard(application.directory))


@pytest.fixture
def client(shared: Client, tmp_path: Path) -> Client:
    """A copy of it, to be changed."""
    shutil.copytree(shared.dashboard.directory, tmp_path / "app")
    return Client(Dashboard(tmp_path / "app"))


def edits(client: Client) -> list[dict]:
    path = client.dashboard.data / edits_name()
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def said_by_source(client: Client, task: str, unit: int) -> dict:
    """What the sources say of one unit of the record r0."""
    page = client.get("/record.json?id=r0").json()
    (found,) = [one for one in page["tasks"] if one["task"] == task]
    return {vote["source"]: vote["label"] for vote in found["units"][unit]["votes"]}


def addresses(client: Client) -> list[str]:
    versions = [row["version"] for row in client.dashboard.application().version_rows()]
    return [
        "/",
        f"/?version={versions[1]}",
        "/errors",
        "/errors?task=POS&tag=slice:tower%20%26%20lang:en&split=all&limit=50",
        "/errors?task=IntentArg&tag=*",
        "/slice?tag=slice:tower",
        "/slice?tag=slice:tower%20%26%20!slice:short",
        f"/slice?tag={quote(f'slice:{SCRIPT}')}",
        f"/record?id={NASTY}",
        "/record?id=r4&task=Intent&split=test",
        "/discover?task=Intent",
        "/sources?task=POS",
        "/versions",
        "/compare",
        f"/compare?old={versions[0]}&new={versions[1]}",
        "/builds",
    ]


def test_every_page_answers_with_its_json_twin_and_no_script_of_a_record(shared: Client) -> None:
    for address in addresses(shared):
        page = shared.get(address)
        assert page.status_code == 200, (address, page.text)
        assert page.headers["content-type"].startswith("text/html")
        assert "<script>document" not in page.text
        assert "<img src=x" not in page.text
        assert LONG not in page.text
        path, _, query = address.partition("?")
        twin = shared.get(f"{'/index' if path == '/' else path}.json?{query}")
        assert twin.status_code == 200
        assert shared.get(address, accept="application/json").json().keys() == twin.json().keys()


def test_the_twins_tell_of_changed_files_and_why_there_are_no_errors(client: Client) -> None:
    assert client.get("/builds.json").json()["changed"] == []
    assert client.post("/edits/tag", {"ids": ["r0"], "tag": "slice:alone"}).status_code == 200
    assert client.get("/builds.json").json()["changed"] == [{"name": edits_name(), "change": "new", "lines": 1}]
    slice_page = client.get("/slice.json?tag=slice:alone").json()
    assert slice_page["errors"] is None
    assert slice_page["why_none"] in unescape(client.get("/slice?tag=slice:alone").text)
    assert slice_page["why_none"]


def test_long_texts_are_cut_before_they_are_escaped(shared: Client) -> None:
    for address in (f"/record?id={NASTY}", "/errors?task=IntentArg&split=all", "/errors?task=POS&split=all"):
        page = shared.get(address).text
        assert not re.findall(r"&(?:#\d*|[a-z]*)…", page), address


def test_the_errors_of_a_page_are_those_of_the_command(shared: Client) -> None:
    twin = shared.get("/errors.json?task=Intent&limit=500").json()
    version = shared.dashboard.version()
    told = version.errors("Intent", limit=500, annotate=10).to_json()
    assert {key: twin[key] for key in told} == json.loads(json.dumps(told))
    page = shared.get("/errors?task=Intent&limit=500").text
    assert all(f"id={record['id']}&amp;" in page for record in twin["records"])


def test_where_no_more_errors_can_be_asked_for_no_button_says_so(
    shared: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Show more" in shared.get("/errors?task=POS&split=all&limit=2").text
    monkeypatch.setattr("overton.web.routes.errors.MOST", 2)
    page = shared.get("/errors?task=POS&split=all&limit=2").text
    assert "Show more" not in page
    assert "<small>2 of " in page


def test_the_report_of_an_older_version_leads_to_its_own_slices(shared: Client) -> None:
    old = [row["version"] for row in shared.dashboard.application().version_rows()][-1]
    page = shared.get(f"/?version={old}").text
    assert f'href="/slice?tag=slice%3Atower&amp;version={old}"' in page
    assert 'href="/slice?tag=slice%3Atower"' in shared.get("/").text
    assert shared.get(f"/slice.json?tag=slice%3Atower&version={old}").json()["version"] == old


@pytest.mark.parametrize(
    "address",
    ["/record?id=r1&task=POS&split=all", "/slice?tag=slice%3Atower&task=POS", "/errors?task=POS&tag=lang%3Aen"],
)
def test_a_page_of_an_older_version_leads_to_the_same_page_of_the_newest(address: str, shared: Client) -> None:
    old = shared.dashboard.live()
    assert f'<a href="{escape(address)}">newest</a>' in shared.get(f"{address}&version={old}").text
    assert shared.get(address).status_code == 200


def test_a_filter_is_any_expression_over_tags(shared: Client) -> None:
    whole = shared.get("/errors.json?task=POS&split=all").json()
    some = shared.get("/errors.json?task=POS&split=all&tag=slice:tower%20%26%20!slice:short").json()
    rest = shared.get("/errors.json?task=POS&split=all&tag=!(slice:tower%20%26%20!slice:short)").json()
    assert 0 < some["n_records"] < whole["n_records"]
    assert some["n_records"] + rest["n_records"] == whole["n_records"]


def test_of_bits_what_to_annotate_names_the_class_that_is_in_doubt(shared: Client) -> None:
    annotate = shared.get("/errors.json?task=EntityType&split=all").json()["annotate"]
    page = shared.get("/errors?task=EntityType&split=all").text
    assert annotate
    assert page.count("most in doubt") == len(annotate)
    assert "most in doubt" not in shared.get("/errors?task=Intent&split=all").text


def test_the_figures_of_an_expression_are_those_of_its_records(shared: Client) -> None:
    plain = shared.get("/slice.json?tag=slice:tower").json()["figures"]
    same = shared.get("/slice.json?tag=slice:tower%20%26%20lang:en%20|%20slice:tower").json()["figures"]
    assert [(one["task"], one["figure"]["value"]) for one in plain] == [
        (one["task"], one["figure"]["value"]) for one in same
    ]


def test_what_there_is_not_is_not_found_and_the_hint_names_what_was_meant(shared: Client) -> None:
    for address, hint in (
        ("/errors?task=Intend", "Did you mean &#39;Intent&#39;"),
        ("/record?id=r-nastie", "Did you mean"),
        ("/slice?tag=slice:towr", "Did you mean &#39;slice:tower&#39;"),
        ("/slice?tag=slice:towr%20%26%20lang:en", "Did you mean &#39;slice:tower&#39;"),
        ("/?version=zzzz", ""),
        ("/builds/nothing", ""),
        ("/nowhere", "Begin at /"),
        ("/static/..%2fapp.py", ""),
    ):
        page = shared.get(address)
        assert page.status_code == 404, address
        assert hint in page.text
        twin = shared.get(address, accept="application/json")
        assert twin.status_code == 404
        assert set(twin.json()) == {"problems"}
    many = f"/errors?limit={'9' * 5000}"
    for address in ("/errors?split=tset", "/errors?limit=0", "/errors?limit=x", many, "/slice", "/errors?tag=a%20%26"):
        assert shared.get(address).status_code == 422, address


def test_a_page_may_load_its_own_script_and_style_and_nothing_else(shared: Client) -> None:
    first, second = shared.get("/builds"), shared.get("/builds")
    policies = [answer.headers["content-security-policy"] for answer in (first, second)]
    assert policies[0] != policies[1], "a nonce is used once"
    assert "default-src 'none'" in policies[0]
    assert "unsafe" not in policies[0]
    (nonce,) = set(re.findall(r"'nonce-([^']+)'", policies[0]))
    for tag in re.findall(r"<(?:script|link rel=\"stylesheet\")[^>]*>", first.text):
        assert f'nonce="{nonce}"' in tag
    assert 'style="' not in first.text
    assert not re.findall(r"\son[a-z]+=", first.text)
    assert first.headers["x-content-type-options"] == "nosniff"
    assert first.headers["cache-control"] == "no-store"
    assert first.headers["x-frame-options"] == "DENY"
    assert not re.findall(r"https?://(?!127\.0\.0\.1)", first.text.replace("http://www.w3.org", ""))
    for name in ("overton.css", "overton.js", "dashboard.css", "dashboard.js"):
        assert shared.get(f"/static/{name}").status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:8000", "localhost.evil.example", "0.0.0.0:8000"]
)
def test_a_request_for_another_host_is_refused(host: str, shared: Client) -> None:
    for answer in (shared.get("/", host=host), shared.post("/edits/tag", {}, host=host)):
        assert answer.status_code == 421
        assert answer.json()["problems"][0]["code"] == "web.host"


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"origin": "http://evil.example"}, 403, "web.origin"),
        ({"origin": "http://127.0.0.1:9999"}, 403, "web.origin"),
        ({"origin": "null"}, 403, "web.origin"),
        ({"sec-fetch-site": "cross-site"}, 403, "web.origin"),
        ({"sec-fetch-site": "same-site"}, 403, "web.origin"),
        ({"x-overton-token": ""}, 403, "web.token"),
        ({"x-overton-token": "guessed"}, 403, "web.token"),
        ({"content-type": "text/plain"}, 415, "web.content-type"),
    ],
)
def test_what_changes_something_must_come_from_a_page_of_ours(
    headers: dict[str, str], status: int, code: str, client: Client
) -> None:
    body = {"id": "r0", "task": "Intent", "editor": "ann", "label": "age"}
    answer = client.post("/edits/label", body, **headers)
    assert (answer.status_code, answer.json()["problems"][0]["code"]) == (status, code)
    assert edits(client) == []


def test_what_is_too_long_or_no_request_is_refused(client: Client) -> None:
    own = {"x-overton-token": client.dashboard.token, "content-type": "application/json"}

    async def pieces():
        for _ in range(40):
            yield b" " * (1 << 15)

    for content in (b"x" * ((1 << 20) + 1), pieces()):
        answer = client.ask("POST", "/edits/label", content=content, headers=own)
        assert (answer.status_code, answer.json()["problems"][0]["code"]) == (413, "web.too-large")
    for content in (
        b"{",
        b"[]",
        b'{"id": 7}',
        b'{"id": "a", "task": "b", "editor": "c", "extra": 1}',
        b"\xff",
        b"[" * 9999,
    ):
        answer = client.ask("POST", "/edits/label", content=content, headers=own)
        assert (answer.status_code, answer.json()["problems"][0]["code"]) == (400, "web.bad-request")
    assert client.ask("POST", "/errors", headers=own).status_code == 405
    assert client.get("/edits/label").status_code == 405


def test_a_label_is_appended_and_seen_by_the_pages(client: Client) -> None:
    assert "ann" not in said_by_source(client, "Intent", 0)
    done = client.post("/edits/label", {"id": "r0", "task": "Intent", "editor": "ann", "label": "height"})
    assert done.status_code == 200, done.text
    assert done.json()["path"] == f"data/{edits_name()}"
    client.post("/edits/label", {"id": "r0", "task": "POS", "editor": "ann", "units": {"1": "VERB"}})
    assert edits(client) == [
        {"id": "r0", "tasks": {"Intent": {"ann": "height"}}},
        {"id": "r0", "tasks": {"POS": {"ann": [None, "VERB", None, None, None]}}},
    ]
    assert said_by_source(client, "Intent", 0)["ann"] == "height"
    assert said_by_source(client, "POS", 1)["ann"] == "VERB"
    assert "ann" not in said_by_source(client, "POS", 0)
    assert "2 edits" in client.get("/builds").text


def test_it_is_told_that_gold_alone_changes_figures_of_test(client: Client) -> None:
    warned = "Figures of test rest on gold alone"
    assert warned in client.get("/record?id=r4").text
    assert warned in client.get("/errors?task=POS&split=test").text
    assert "rest on gold alone" not in client.get("/record?id=r0").text
    label = {"id": "r4", "task": "Intent", "label": "height"}
    told = [client.post("/edits/label", {**label, "editor": name}).json()["message"] for name in ("ann", "gold")]
    assert told[0].endswith("it changes no figure of test: gold does")
    assert told[1].endswith("models are judged by it on test")


def test_bits_that_nobody_doubts_to_be_off_are_not_told_as_unlabelled(shared: Client) -> None:
    shared.dashboard.combined(shared.dashboard.records(shared.dashboard.version()), "EntityType")
    told = shared.get("/record?id=r4&task=EntityType").text
    assert "none of its classes" in told
    assert "nobody labels it" not in told


def test_a_label_that_does_not_fit_is_one_clear_error(client: Client) -> None:
    answer = client.post("/edits/label", {"id": "r0", "task": "Intent", "editor": "ann", "label": "hight"})
    assert answer.status_code == 422
    (problem,) = answer.json()["problems"]
    assert problem["code"] == "record.unknown-label"
    assert "height" in problem["hint"]
    assert edits(client) == []


def test_a_tag_is_appended_once(client: Client) -> None:
    body = {"ids": ["r0", "r1"], "tag": "slice:odd"}
    assert client.post("/edits/tag", body).json()["count"] == 2
    assert client.post("/edits/tag", body).json()["count"] == 0
    assert edits(client) == [{"id": one, "tags": ["slice:odd"]} for one in ("r0", "r1")]
    assert client.get("/slice.json?tag=slice:odd").json()["records"]["train"] == 2


def test_a_tag_for_no_record_and_a_slice_of_none_are_refused(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: str, body: object) -> str:
        answer = client.post(path, body)
        assert answer.status_code == 422
        return answer.json()["problems"][0]["code"]

    assert refused("/edits/tag", {"ids": [], "tag": "slice:odd"}) == "edits.no-records"
    nothing = {"name": "towers", "tag": "slice:tower & !slice:tower", "replace": True}
    if find_spec("duckdb"):
        assert client.post("/edits/slice", {"name": "towers", "tag": "slice:tower"}).status_code == 200
        assert refused("/edits/slice", nothing) == "tagging.no-records"
        assert (client.dashboard.data / "tags-slice-towers.jsonl").exists(), "the slice before is as it was"
        assert refused("/edits/slice", {"name": "kk", "where": "false"}) == "tagging.no-records"
    monkeypatch.setitem(sys.modules, "duckdb", None)
    assert refused("/edits/slice", nothing) == "tagging.no-records"
    assert edits(client) == []


def test_a_filter_is_saved_as_a_slice(client: Client) -> None:
    pytest.importorskip("duckdb")
    done = client.post("/edits/slice", {"name": "towers", "tag": "slice:tower & !slice:short"})
    assert done.status_code == 200, done.text
    assert done.json()["path"] == "data/tags-slice-towers.jsonl"
    ids = {
        json.loads(line)["id"] for line in (client.dashboard.data / "tags-slice-towers.jsonl").read_text().splitlines()
    }
    dataset = client.dashboard.own_records().dataset
    tags = dataset.tags
    assert ids == set(dataset.ids((tags.has("slice:tower") & ~tags.has("slice:short")).nonzero()[0]))
    found = client.post("/edits/slice", {"name": "slice:queens", "where": "has(tokens, 'queen')"})
    assert found.json()["count"] > 0
    assert client.post("/edits/slice", {"name": "towers", "tag": "slice:tower"}).status_code == 409
    again = client.post("/edits/slice", {"name": "towers", "tag": "slice:tower", "replace": True})
    assert again.json()["count"] > len(ids)
    assert "other files" not in again.json()["message"]
    short = client.post("/edits/slice", {"name": "short", "tag": "slice:tower & !slice:short", "replace": True}).json()
    assert f"; other files have it on {sum(tags.has('slice:short'))} more" in short["message"], "they stay in the slice"
    for body in ({"name": "x"}, {"name": "x", "tag": "a", "where": "b"}, {"name": " ", "tag": "lang:en"}):
        assert client.post("/edits/slice", body).status_code == 422
    assert client.post("/edits/slice", {"name": "x", "tag": "slice:towr"}).status_code == 404


def test_without_sql_a_filter_is_saved_as_lines_of_edits(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "duckdb", None)
    done = client.post("/edits/slice", {"name": "towers", "tag": "slice:tower & !slice:short"}).json()
    lines = edits(client)
    assert len(lines) == done["count"] > 0
    assert all(line["tags"] == ["slice:towers"] for line in lines)
    again = client.post("/edits/slice", {"name": "towers", "tag": "slice:tower", "replace": True})
    assert again.json()["problems"][0]["code"] == "tagging.no-duckdb", "lines of edits take no tag away"
    assert edits(client) == lines


def test_a_version_is_promoted_where_the_gate_lets_it_pass(client: Client) -> None:
    application = client.dashboard.application()
    new, old = (row["version"] for row in application.version_rows())
    assert client.get("/compare.json").json()["comparison"]["old"] == old
    first = client.post("/promote", {"version": new, "alias": "trial", "why": "to try"})
    assert first.json()["before"] is None
    (application.directory / "gate.json").write_text(json.dumps({"critical": ["slice:none"], "tags": []}))
    refused = client.post("/promote", {"version": new, "alias": "live"})
    assert refused.status_code == 422
    assert refused.json()["problems"][0]["code"].startswith("gate.")
    assert application.store.aliases()["live"] == old
    assert (
        client.post("/promote", {"version": new, "alias": "live", "force": True}).json()["problems"][0]["code"]
        == "web.no-reason"
    )
    assert (
        client.post("/promote", {"version": new, "alias": "live", "force": True, "why": "shown to me"}).status_code
        == 200
    )
    assert application.store.aliases()["live"] == new
    assert application.store.history("live")[-1].why == "forced: shown to me"
    assert client.post("/promote", {"version": "zzzz", "alias": "live"}).status_code == 404
    assert client.post("/promote", {"version": new, "alias": "latest"}).status_code == 422


def test_data_with_a_fault_is_told_on_every_page_and_hides_no_report(client: Client) -> None:
    (client.dashboard.data / "broken.jsonl").write_text('{"id": "r0", "tasks": {"Intent": {"ann": "hight"}}}\n')
    home = client.get("/")
    assert home.status_code == 200
    assert "The data cannot be read" in home.text
    assert "broken.jsonl:1" in home.text
    errors = client.get("/errors")
    assert errors.status_code == 422
    assert "broken.jsonl" in errors.text
    for path in ("/errors.json", "/sources.json"):
        problem, _ = client.get(path).json()["problems"]
        assert (Path(problem["path"]).name, problem["line"]) == ("broken.jsonl", 1)
    (client.dashboard.data / "broken.jsonl").unlink()
    assert client.get("/errors").status_code == 200


def test_an_application_without_a_version_leads_to_its_first_build(client: Client) -> None:
    shutil.rmtree(client.dashboard.directory / "store")
    assert "no version yet" in client.get("/").text
    assert client.get("/builds").status_code == 200
    assert client.get("/versions").status_code == 200


def test_what_is_wrong_with_a_build_is_told_before_it_begins(client: Client) -> None:
    seeds: list[tuple[dict[str, object], int]] = [({"seed": seed}, 400) for seed in ("x", -1, 2**63, 2**64)]
    zero = {"promote": "live", "why": "a\0b"}
    for body, status in (({"parent": "zzzz"}, 404), ({"promote": "latest"}, 422), (zero, 400), *seeds):
        assert client.post("/builds", body).status_code == status
    assert client.get("/builds.json").json()["jobs"] == []


def test_a_reason_may_look_like_an_option(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(client.dashboard.jobs, "start", lambda words, who: started.append(words) or "job")
    assert client.post("/builds", {"promote": "live", "why": "--json was wrong"}).status_code == 200
    said = build_parser().parse_args(started[0])
    assert (said.promote, said.why) == ("live", "--json was wrong")
    assert client.post("/builds", {"promote": "live", "why": "-fix"}).status_code == 200
    assert build_parser().parse_args(started[1]).why == "-fix"


def test_every_view_is_in_the_list_of_addresses(shared: Client) -> None:
    tried = {address.partition("?")[0] for address in addresses(shared)}
    assert {path for path in VIEWS if "{" not in path} <= tried


def test_the_live_version_is_what_the_store_says(shared: Client) -> None:
    application: Application = shared.dashboard.application()
    assert shared.dashboard.live() == application.store.aliases()["live"]


@pytest.mark.long
def test_what_the_system_refuses_is_told_and_no_fault_of_ours(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), "rows/new")

    monkeypatch.setattr(overton.web.dashboard, "load_records", refuse)
    home = client.get("/index.json?wait=1")
    assert home.status_code == 200, "the report needs no records"
    assert "read-only file system" in client.get("/").text
    for path in ("/errors.json", "/errors"):
        answer = client.get(path)
        assert answer.status_code == 500
        assert "os.refused" in answer.text
        assert "rows/new" in answer.text
    monkeypatch.setattr(overton.web.dashboard.Dashboard, "application", refuse)
    assert client.get("/versions.json").json()["problems"][0]["code"] == "os.refused"


@pytest.mark.parametrize("folder", ["data", ".overton/jobs"])
def test_a_folder_that_may_not_be_read_is_told_on_a_page(
    folder: str, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, listed = client.dashboard.directory / folder, Path.iterdir
    closed.mkdir(parents=True, exist_ok=True)

    def listing(path: Path) -> object:
        if path == closed:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(closed))
        return listed(path)

    monkeypatch.setattr(Path, "iterdir", listing)
    for path in ("/", "/versions"):
        assert client.get(path).status_code == 200, "neither needs what is in the folder"
    for path in ("/errors", "/builds"):
        answer = client.get(path)
        assert "<h1>" in answer.text
        assert ("permission denied" in answer.text) == (folder == "data" or path == "/builds")
