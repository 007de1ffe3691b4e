"""Controls of the dashboard in a real browser that no errand of `test_web_live_browser.py` uses."""

import json
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api")
from playwright.sync_api import Browser, expect

from tests.web.live_application import add_version, write_application
from tests.web.test_web_live_browser import CHROMIUM, PATIENCE, Site, browser, made, saved, site, site_of

__all__ = ["browser", "made", "site"]  # fixtures
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not CHROMIUM, reason="needs Chromium")]


def test_what_discover_finds_is_saved_from_its_page(tmp_path: Path, browser: Browser) -> None:
    pytest.importorskip("duckdb")
    application = write_application(tmp_path / "app", 600)
    add_version(application, 0)
    with site_of(application.directory) as site:
        page = site.open(browser)
        page.goto(f"{site.url}/discover?task=POS")
        page.locator('select[name="task"]').select_option("IntentArg")
        page.get_by_role("button", name="Show", exact=True).click()
        expect(page.locator("h1")).to_contain_text("IntentArg", timeout=PATIENCE)
        row = page.locator("#found tbody tr").first
        expect(row).to_contain_text("has(entities, 'q2')")
        row.get_by_label("Name of the slice").fill("third")
        row.get_by_role("button", name="Save").click()
        row.get_by_role("link", name="slice:third").click()
        expect(page.locator("h1")).to_contain_text("slice:third")
    tagged = (application.directory / "data" / "tags-slice-third.jsonl").read_text().splitlines()
    dataset = application.dataset()
    assert len(tagged) == int(dataset.tags.has("slice:third").sum()) > 100


def test_any_two_versions_are_compared_by_their_menus_and_by_their_rows(site: Site, browser: Browser) -> None:
    application = site.dashboard.application()
    third = add_version(application, 2)
    new, old = [row["version"] for row in application.version_rows() if row["version"] != third]
    page = site.open(browser)
    page.goto(f"{site.url}/compare")
    page.locator('select[name="old"]').select_option(new)
    page.locator('select[name="new"]').select_option(third)
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.locator('select[name="old"]')).to_have_value(new, timeout=PATIENCE)
    expect(page.locator('select[name="new"]')).to_have_value(third)
    expect(page.locator("main")).to_contain_text(new)
    page.goto(f"{site.url}/versions")
    page.get_by_label(f"{third} is the old one").check()
    page.get_by_label(f"{old} is the new one").check()
    page.get_by_role("button", name="Compare old and new").click()
    page.wait_for_url(f"**old={third}*")
    expect(page.locator('select[name="new"]')).to_have_value(old, timeout=PATIENCE)


@pytest.mark.parametrize("how", ["from", "promote"])
def test_a_build_begins_with_the_version_that_is_chosen(how: str, site: Site, browser: Browser) -> None:
    """The tuning is wrong, so that each build ends at once and says what it was asked to do."""
    (site.dashboard.directory / "tuning.json").write_text('{"training": {"epochs": "many"}}')
    old = site.dashboard.application().version_rows()[-1]["version"]
    page = site.open(browser)
    page.goto(f"{site.url}/builds")
    expect(page.get_by_label("Why")).to_be_visible()
    page.get_by_label("Build from scratch").check()
    expect(page.get_by_label("Why")).to_be_hidden()  # a reason is kept with a promotion alone
    page.locator(f'input[value="{how}"]').check()
    if how == "from":
        page.get_by_label("Version to begin from").select_option(old)
        page.locator('input[value="from"]').check()
    else:
        page.locator('input[value="promote"]').check()
        page.get_by_label("Why").fill("nightly")
    page.get_by_label("Seed").fill("7")
    page.get_by_role("button", name="Start the build").click()
    expect(page.locator("#state")).to_have_text("failed", timeout=PATIENCE)
    (job,) = site.dashboard.jobs.every()
    assert list(job.words[job.words.index("--seed") :][:2]) == ["--seed", "7"]
    told = ["--from", old] if how == "from" else ["--promote", "live", "--why=nightly"]
    assert all(word in job.words for word in told), job.words


def application_with_many_members(tmp_path: Path) -> Path:
    """An application with a record whose twelve candidates do not all fit on buttons."""
    application = write_application(tmp_path / "app")
    members = [{"id": f"Q{place}"} for place in range(12)]
    payloads = {"tokens": ["how", "old"], "query": "how old", "entities": members}
    one = {"id": "many", "payloads": payloads, "tasks": {"IntentArg": {"gold": 1}}, "tags": ["test"]}
    with (application.directory / "data" / "records.jsonl").open("a") as file:
        file.write(json.dumps(one) + "\n")
    add_version(application, 0)
    return application.directory


def test_another_member_than_those_suggested_is_chosen_from_the_menu(tmp_path: Path, browser: Browser) -> None:
    with site_of(application_with_many_members(tmp_path)) as site:
        page = site.open(browser)
        page.goto(f"{site.url}/record?id=many&task=IntentArg")
        page.get_by_label("Labels by").fill("ann")
        form = page.locator('section[data-task="IntentArg"] form.edit')
        menu = form.get_by_label("Another member")
        last = menu.locator("option").last.get_attribute("value")
        menu.select_option(last)
        saved(form)
    (edit,) = site.edits()
    assert edit["id"] == "many"
    assert edit["tasks"] == {"IntentArg": {"ann": int(last or "")}}


def test_keys_that_step_through_a_menu_of_members_save_the_last_alone(tmp_path: Path, browser: Browser) -> None:
    with site_of(application_with_many_members(tmp_path)) as site:
        page = site.open(browser)
        page.goto(f"{site.url}/record?id=many&task=IntentArg")
        form = page.locator('section[data-task="IntentArg"] form.edit')
        form.get_by_label("Another member").focus()
        for _ in range(3):
            page.keyboard.press("ArrowDown")
        expect(form.locator("output")).to_have_text("Enter saves it")
        page.keyboard.press("Enter")
        saved(form)
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Tab")
        expect(page.locator("#edits")).to_have_text("2 edits")
    assert [list(edit["tasks"]["IntentArg"].values()) for edit in site.edits()] == [[2], [3]]


def test_the_page_of_a_build_tells_that_the_dashboard_was_stopped_and_goes_on_with_the_next(
    site: Site, browser: Browser
) -> None:
    job = site.dashboard.jobs.start(["web", str(site.dashboard.directory), "--port", "0"], who="ann")
    page = site.open(browser)
    page.goto(f"{site.url}/builds/{job}")
    expect(page.locator("#job")).to_contain_text("Building", timeout=PATIENCE)
    page.route("**/builds/**", lambda route: route.abort())
    expect(page.locator("#outcome")).to_contain_text("does not answer", timeout=PATIENCE)
    stop = page.get_by_role("button", name="Stop")
    stop.click()
    expect(page.locator("#outcome")).to_contain_text("was it stopped?")
    expect(stop).to_be_enabled()
    page.unroute("**/builds/**")
    expect(page.locator("#outcome")).to_have_text("", timeout=PATIENCE)
    stop.click()
    expect(page.locator("#state")).to_have_text("stopped", timeout=PATIENCE)
    site.seen = [text for text in site.seen if "ERR_FAILED" not in text]


def test_a_report_that_is_never_made_since_the_dashboard_was_stopped_says_so(site: Site, browser: Browser) -> None:
    page = site.open(browser)
    page.route("**/index.json*", lambda route: route.abort())
    page.goto(site.url)
    expect(page.locator("#wait")).to_contain_text("does not answer", timeout=PATIENCE)
    site.seen = [text for text in site.seen if "ERR_FAILED" not in text]
