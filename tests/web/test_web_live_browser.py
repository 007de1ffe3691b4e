"""The dashboard in a real browser, offline but for its server: every control used, no fault, nothing asked elsewhere.

They need the extra `browser` and a Chromium of the system; they are skipped where one of them is not there.
"""

import json
import os
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
import uvicorn

from overton.web.app import make_app
from overton.web.dashboard import Dashboard
from overton.web.edits.files import edits_name
from overton.web.server import bind
from tests.web.live_application import NASTY, SCRIPT, live_application

pytest.importorskip("playwright.sync_api")
from playwright.sync_api import Browser, Page, expect, sync_playwright

CHROMIUM = os.environ.get("OVERTON_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
LAPTOP, PHONE = {"width": 1366, "height": 768}, {"width": 390, "height": 844}
PATIENCE = 60_000
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Chromium")
ADDRESSES = (
    "/",
    "/errors?task=POS&split=all",
    "/errors?task=EntityType",
    "/slice?tag=slice:tower",
    f"/slice?tag={quote(f'slice:{SCRIPT}')}",
    f"/record?id={NASTY}",
    "/discover?task=POS",
    "/sources?task=Intent",
    "/versions",
    "/compare",
    "/builds",
    "/nowhere",
)


class Site:
    """A dashboard that is served, and what a browser saw of it."""

    def __init__(self, directory: Path) -> None:
        self.dashboard = Dashboard(directory)
        self.listener = bind(0)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        config = uvicorn.Config(make_app(self.dashboard), lifespan="off", ws="none", log_config=None)
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.listener]}, daemon=True)
        self.thread.start()
        self.seen: list[str] = []

    def close(self) -> None:
        self.server.should_exit = True
        self.thread.join(10)
        self.listener.close()

    def open(self, browser: Browser, **options) -> Page:
        """A page that remembers messages, faults, dialogs, and requests to anywhere else, which fail."""
        context = browser.new_context(**{"viewport": LAPTOP, **options})
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.on("console", lambda message: self.seen.append(message.text))
        page.on("pageerror", lambda error: self.seen.append(str(error)))
        page.on("dialog", lambda dialog: (self.seen.append("dialog"), dialog.dismiss()))
        context.route(lambda url: not url.startswith((self.url, "data:")), self._elsewhere)
        return page

    def _elsewhere(self, route) -> None:
        self.seen.append(f"asked for {route.request.url}")
        route.abort()

    def edits(self) -> list[dict]:
        path = self.dashboard.data / edits_name()
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@contextmanager
def site_of(directory: Path) -> Iterator[Site]:
    """A dashboard; at the end nothing must have been said, asked for elsewhere or broken."""
    site = Site(directory)
    try:
        yield site
    finally:
        site.close()
    assert site.seen == []


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return live_application(tmp_path_factory.mktemp("made") / "app").directory


@pytest.fixture
def site(made: Path, tmp_path: Path) -> Iterator[Site]:
    """A dashboard of a copy."""
    shutil.copytree(made, tmp_path / "app")
    with site_of(tmp_path / "app") as site:
        yield site


def saved(form) -> None:
    expect(form.locator("output")).to_contain_text("saved: data/", timeout=PATIENCE)


def test_a_label_is_corrected_in_the_list_of_errors_by_key_and_by_click(site: Site, browser: Browser) -> None:
    page = site.open(browser)
    page.goto(f"{site.url}/errors?task=Intent&split=all")
    page.get_by_label("Labels by").fill("ann")
    page.locator("h1").click()
    page.keyboard.press("j")
    first = page.locator("article.case").first
    record = json.loads(first.get_attribute("data-record"))["id"]
    label = json.loads(first.locator(".pick").nth(1).get_attribute("data-label"))
    page.keyboard.press("2")
    saved(first.locator("form.edit"))
    assert site.edits() == [{"id": record, "tasks": {"Intent": {"ann": label}}}]
    expect(page.locator("#edits")).to_have_text("1 edit")
    second = page.locator("article.case").nth(1)
    expect(second).to_be_focused()
    second.locator("[data-other]").fill("hight")
    second.locator("[data-other]").press("Enter")
    expect(second.locator("output")).to_contain_text("unknown label 'hight'. Did you mean 'height'?")
    assert len(site.edits()) == 1
    second.locator("[data-other]").fill("height")
    second.locator("[data-other]").press("Enter")
    saved(second.locator("form.edit"))
    assert site.edits()[1]["tasks"] == {"Intent": {"ann": "height"}}
    page.reload()
    expect(page.get_by_label("Labels by")).to_have_value("ann")
    site.seen = [text for text in site.seen if "422" not in text]  # the browser tells of the answer that refused


@pytest.mark.slow
def test_a_report_is_sorted_filtered_and_leads_to_a_slice_and_a_record(site: Site, browser: Browser) -> None:
    page = site.open(browser)
    page.goto(site.url)
    expect(page.locator("#wait")).to_have_count(0, timeout=PATIENCE)
    rows = page.locator("#matrix tbody.rows tr:visible")
    assert rows.count() > 3
    page.locator("#matrix th[data-sort] button").nth(1).click()
    assert page.locator("#matrix th[aria-sort]").count() == 1
    page.get_by_placeholder("part of a tag's name").first.fill("tower")
    expect(rows).to_have_count(1)
    page.get_by_role("link", name="tower", exact=True).click()
    expect(page.locator("h1")).to_contain_text("slice:tower")
    page.locator(".card").nth(2).click()
    page.locator('select[name="split"]').select_option("all")
    page.locator('input[name="tag"]').fill("slice:tower & !slice:short")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("h1")).to_contain_text("slice:tower & !slice:short")
    page.locator("article.case a.open").first.click()
    expect(page.locator(".bar")).to_contain_text("1 of ")
    page.wait_for_load_state()  # keys do nothing before
    before = page.url
    page.keyboard.press("n")
    page.wait_for_url(lambda url: url != before)
    page.keyboard.press("p")
    page.wait_for_url(before)
    page.get_by_role("link", name="This page as JSON").click()
    assert json.loads(page.locator("body").inner_text())["tasks"]


@pytest.mark.slow
def test_records_in_a_report_lead_to_their_pages(site: Site, browser: Browser) -> None:
    page = site.open(browser)
    old = site.dashboard.application().version("live").id
    page.goto(f"{site.url}/?version={old}")
    record = page.locator("#tasks .ex > header > a").first
    expect(record).to_have_attribute("href", re.compile(rf"^/record\?id=[^&]+&version={old}$"))
    record.click()
    expect(page.locator("h1")).to_contain_text(old)


@pytest.mark.slow
def test_every_kind_of_label_is_corrected_on_the_page_of_a_record(site: Site, browser: Browser) -> None:
    page = site.open(browser)
    page.goto(f"{site.url}/record?id=r4&task=POS")
    page.get_by_label("Labels by").fill("gold")
    words = page.locator('section[data-task="POS"]')
    words.locator(".tok").nth(1).click()
    page.keyboard.press("ArrowRight")
    panel = words.locator(".panel.on")
    expect(panel).to_have_attribute("data-unit", "2")
    page.get_by_label("Labels by").fill("ann")
    panel.locator(".pick", has_text="VERB").click()
    saved(panel.locator("form.edit"))
    bits = page.locator('section[data-task="EntityType"] .panel.on')
    bits.locator("summary").click()
    bits.get_by_label("title").check()
    bits.get_by_role("button", name="Save").click()
    saved(bits.locator("form.edit"))
    pick = page.locator('section[data-task="IntentArg"] .pick').first
    pick.click()
    saved(page.locator('section[data-task="IntentArg"] form.edit'))
    page.keyboard.press("t")
    page.keyboard.type("slice:odd")
    page.keyboard.press("Enter")
    expect(page.locator(".addtag output")).to_contain_text("saved: data/", timeout=PATIENCE)
    lines = site.edits()
    assert lines[0] == {"id": "r4", "tasks": {"POS": {"ann": [None, None, "VERB", None, None]}}}
    assert "title" in lines[1]["tasks"]["EntityType"]["ann"][int(bits.get_attribute("data-unit"))]
    assert lines[2]["tasks"]["IntentArg"] == {"ann": json.loads(pick.get_attribute("data-label"))}
    assert lines[3] == {"id": "r4", "tags": ["slice:odd"]}
    page.reload()
    expect(page.locator("section[data-task=IntentArg]")).to_contain_text("ann")
    page.get_by_role("link", name="odd").click()
    expect(page.locator("h1")).to_contain_text("slice:odd")


@pytest.mark.slow
def test_a_filter_is_saved_as_a_slice(site: Site, browser: Browser) -> None:
    pytest.importorskip("duckdb")
    page = site.open(browser)
    page.goto(f"{site.url}/errors?task=Intent&tag={quote('slice:tower & !slice:short')}")
    page.get_by_placeholder("name").fill("towers")
    page.get_by_role("button", name="Save slice").click()
    page.get_by_role("link", name="slice:towers").click()
    expect(page.locator("h1")).to_contain_text("slice:towers")
    assert (site.dashboard.data / "tags-slice-towers.jsonl").exists()
    page.goto(f"{site.url}/errors?task=Intent&tag={quote('slice:tower')}")
    page.get_by_placeholder("name").fill("towers")
    page.get_by_role("button", name="Save slice").click()
    expect(page.locator("form.save output")).to_contain_text("there is a slice 'slice:towers' already")
    before = (site.dashboard.data / "tags-slice-towers.jsonl").read_bytes()
    page.get_by_role("button", name="Replace it").click()
    expect(page.get_by_role("link", name="slice:towers")).to_be_visible(timeout=PATIENCE)
    assert (site.dashboard.data / "tags-slice-towers.jsonl").read_bytes() != before
    site.seen = [text for text in site.seen if "409" not in text]


@pytest.mark.slow
def test_two_versions_are_compared_and_one_promoted_against_the_gate_with_a_reason(
    site: Site, browser: Browser
) -> None:
    application = site.dashboard.application()
    new, old = (row["version"] for row in application.version_rows())
    (application.directory / "gate.json").write_text(json.dumps({"critical": ["slice:none"]}))
    page = site.open(browser)
    page.goto(f"{site.url}/versions")
    page.get_by_role("button", name="Compare old and new").click()
    expect(page.locator("h1").first).to_contain_text("live", timeout=PATIENCE)
    page.get_by_role("button", name="Promote", exact=True).click()
    expect(page.locator("form.promotion .findings")).to_contain_text(
        "no record has the tag 'slice:none'", timeout=PATIENCE
    )
    assert application.store.aliases() == {"live": old}
    page.get_by_role("button", name="Promote all the same").click()
    expect(page.locator("form.promotion .findings")).to_contain_text("needs a reason")
    page.get_by_label("why").fill("agreed with the owner")
    page.get_by_role("button", name="Promote", exact=True).click()
    page.get_by_role("button", name="Promote all the same").click()
    expect(page.locator("form.promotion output")).to_contain_text(f"live: {old} -> {new}")
    assert application.store.history("live")[-1].why == "forced: agreed with the owner"
    page.goto(f"{site.url}/versions")
    page.locator(f'[data-promote="{old}"]').click()
    page.get_by_label("to", exact=True).fill("before")
    page.get_by_role("button", name="Promote", exact=True).click()
    expect(page.locator("#version-table")).to_contain_text("before", timeout=PATIENCE)
    assert application.store.aliases() == {"before": old, "live": new}
    site.seen = [text for text in site.seen if "422" not in text]


@pytest.mark.slow
def test_a_build_that_fails_says_why_and_where(site: Site, browser: Browser) -> None:
    (site.dashboard.directory / "tuning.json").write_text('{"training": {"epochs": "many"}}')
    page = site.open(browser)
    page.goto(f"{site.url}/builds")
    page.get_by_label("Build from scratch").check()
    page.get_by_role("button", name="Start the build").click()
    expect(page.locator("#state")).to_have_text("failed", timeout=PATIENCE)
    expect(page.locator(".findings")).to_contain_text("tuning.json")
    page.get_by_role("link", name="Builds", exact=True).click()
    expect(page.locator("#jobs")).to_contain_text("failed")


@pytest.mark.slow
def test_a_build_is_started_watched_stopped_and_ends_in_a_version(site: Site, browser: Browser) -> None:
    small = {"payloads": {"tokens": {"size": 16, "encoder": "bag"}}, "training": {"epochs": 1}}
    (site.dashboard.directory / "tuning.json").write_text(json.dumps(small))
    page = site.open(browser)
    page.goto(f"{site.url}/builds")
    page.get_by_label("Build from scratch").check()
    page.get_by_role("button", name="Start the build").click()
    expect(page.locator("#stages li").first).to_be_visible(timeout=PATIENCE)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#state")).to_have_text("stopped", timeout=PATIENCE)
    page.goto(f"{site.url}/builds")
    page.get_by_label("Build from scratch").check()
    page.get_by_role("button", name="Start the build").click()
    page.wait_for_url("**/builds/*")
    page.goto(f"{site.url}/versions")  # the page of the build is closed; the build goes on, and every page tells
    expect(page.locator("#job")).to_contain_text("Building")
    expect(page.locator("#job")).to_have_text("Build done", timeout=10 * PATIENCE)
    page.locator("#job").click()
    expect(page.locator("#state")).to_have_text("done")
    page.get_by_role("link", name="Compare with live, promote").click()
    expect(page.locator("h1").first).to_contain_text("live", timeout=PATIENCE)
    assert len(site.dashboard.application().version_rows()) == 3


@pytest.mark.slow
@pytest.mark.parametrize("viewport", [LAPTOP, PHONE], ids=["laptop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_its_screen_and_shows_hostile_texts_harmlessly(
    viewport: dict, scheme: str, site: Site, browser: Browser
) -> None:
    page = site.open(browser, viewport=viewport, color_scheme=scheme)
    for address in ADDRESSES:
        page.goto(site.url + address)
        expect(page.locator("#wait")).to_have_count(0, timeout=PATIENCE)
        page.wait_for_load_state("load")
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"], address
        assert page.title().endswith("Overton")
        assert page.locator("main script, main img").count() == 0
    site.seen = [text for text in site.seen if "404" not in text]
