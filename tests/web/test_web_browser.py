"""Pages in a real browser, offline: no fault, no request, every control used, legible on a laptop and on a phone.

They need the extra `browser` and a Chromium of the system; they are skipped where one of them is not there.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from overton.web.files import write_page
from overton.web.pages import comparison_page
from tests.web.web_factories import HOSTILE, PLAIN, big_page, compared_row, comparison_of

pytest.importorskip("playwright.sync_api")
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = os.environ.get("OVERTON_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
LAPTOP, PHONE = {"width": 1366, "height": 768}, {"width": 390, "height": 844}
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Chromium")


class Watched:
    """A page that remembers every message, fault and request."""

    def __init__(self, browser: Browser, path: Path, **options) -> None:
        self.context = browser.new_context(offline=True, **options)
        self.page: Page = self.context.new_page()
        self.seen: list[str] = []
        self.page.on("console", lambda message: self.seen.append(message.text))
        self.page.on("pageerror", lambda error: self.seen.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.seen.append("dialog"), dialog.dismiss()))
        self.page.on("request", self._note)
        self.page.goto(path.as_uri())

    def _note(self, request) -> None:
        if not request.url.startswith(("file:", "data:,")):
            self.seen.append(request.url)

    def visible(self, query: str) -> int:
        return self.page.locator(f"{query} >> visible=true").count()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A large page of plain texts, the same of hostile ones, and a comparison."""
    folder = tmp_path_factory.mktemp("pages")
    rows = [compared_row(tag=f"slice:{number:02}", change=(number - 20) / 200) for number in range(40)]
    worst = compared_row(tag="slice:<b>worst", change=-0.3, verdict="regressed", p=1e-6)
    named = [compared_row(f"Task{task}", f"lineage:template_of_questions_v{tag}") for task in range(5) for tag in "123"]
    pages = {
        "plain": big_page(5, 50, 30, texts=PLAIN),
        "hostile": big_page(2, 6, 3, texts=HOSTILE),
        "compared": comparison_page(comparison_of(worst, *rows, compared_row()), old_name="live"),
        "named": comparison_page(comparison_of(*named)),
        "bare": big_page(2, 0, 2),
    }
    for name, page in pages.items():
        write_page(folder / f"{name}.html", page)
    return {name: folder / f"{name}.html" for name in pages}


@pytest.fixture
def opened(browser: Browser, files: dict[str, Path]):
    """Opens a page, and sees at the end that nothing was said, asked for or broken."""
    watched: list[Watched] = []

    def open_page(name: str, **options) -> Watched:
        watched.append(Watched(browser, files[name], **options))
        return watched[-1]

    yield open_page
    for one in watched:
        assert one.seen == []
        one.context.close()


@pytest.mark.parametrize("name", ["plain", "hostile", "compared"])
@pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_wider_than_its_screen(opened, name: str, size: dict[str, int], scheme: str) -> None:
    page = opened(name, viewport=size, color_scheme=scheme).page
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    light = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert light is (scheme == "light")
    small = "[...document.querySelectorAll('main *')].filter(e => e.childNodes.length && e.textContent.trim()"
    assert page.evaluate(f"{small} && parseFloat(getComputedStyle(e).fontSize) < 10).length") == 0


@pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
@pytest.mark.parametrize(("name", "matrix"), [("plain", "#matrix"), ("named", "#changes")])
def test_names_of_tags_and_intervals_are_legible(opened, name: str, matrix: str, size: dict[str, int]) -> None:
    page = opened(name, viewport=size).page
    ends = "const end = (one) => one.getBoundingClientRect().right;"
    names = page.locator(f"{matrix} tbody.rows th")
    assert (
        names.evaluate_all(f"all => {{ {ends} return all.filter((e) => end(e.querySelector('bdi')) > end(e)).length }}")
        == 0
    )
    two_lines = "[...document.querySelectorAll('.card .fig i')].filter(e => e.getClientRects().length > 1).length"
    assert page.evaluate(two_lines) == 0


def test_what_a_record_says_does_nothing(opened) -> None:
    watched = opened("hostile", viewport=LAPTOP)
    assert "owned" not in watched.page.title().split("·")[-1]
    assert watched.page.evaluate("document.title.startsWith('<script>')")
    assert watched.page.locator("main img").count() == 0
    assert watched.page.locator("script").count() == 1
    assert watched.page.get_by_text("\\u202e").count() > 0


def test_where_no_record_has_a_tag_none_is_counted(opened) -> None:
    page = opened("bare", viewport=LAPTOP).page
    assert page.get_by_text("No record has a tag.").is_visible()
    assert page.locator(".controls[data-for=matrix] output").inner_text() == "0 of 0"


def test_the_matrix_sorts_filters_and_shows_more(opened) -> None:
    watched = opened("plain", viewport=LAPTOP)
    page = watched.page
    rows = "#matrix tbody.rows tr"
    assert watched.visible(rows) == 25
    page.locator("#matrix + button.more, .scroll:has(#matrix) button.more").first.click()
    assert watched.visible(rows) == 50
    header = page.locator("#matrix thead th").nth(2)
    header.get_by_role("button").click()
    values = page.locator(f"{rows} > :nth-child(3) b").all_inner_texts()
    assert values == sorted(values, key=float)
    assert header.get_attribute("aria-sort") == "ascending"
    header.get_by_role("button").click()
    values = page.locator(f"{rows} > :nth-child(3) b").all_inner_texts()
    assert values == sorted(values, key=float, reverse=True)
    controls = page.locator(".controls[data-for=matrix]")
    controls.get_by_role("searchbox").fill("slice:slice_number_07")
    assert watched.visible(rows) == 1
    assert controls.locator("output").inner_text() == "1 of 50"
    controls.get_by_role("searchbox").fill("")
    controls.get_by_label("below the whole").check()
    below = watched.visible(rows)
    assert 0 < below < 50
    assert page.locator(f"{rows}:visible [class^=b]").count() >= below
    controls.get_by_label("slices alone").check()
    assert watched.visible(rows) == below
    controls.get_by_role("combobox").select_option("2")
    assert watched.visible("#matrix thead th") == 2


def test_more_rows_are_shown_and_changes_unfold(opened) -> None:
    watched = opened("plain", viewport=LAPTOP)
    page = watched.page
    assert watched.visible("#better tbody tr") == 6
    page.locator("#better + button.more").click()
    assert watched.visible("#better tbody tr") == 20
    closed = page.locator("details.change:not([open]) >> visible=true").first
    closed.locator("summary").click()
    assert page.locator("details.change[open] .why").count() >= 2


def test_a_history_shows_any_slice(opened) -> None:
    watched = opened("plain", viewport=LAPTOP)
    select = watched.page.locator("select[data-history]")
    assert select.locator("option").count() == 51
    worst = select.locator("option:checked").inner_text()
    assert worst != "whole split"
    number = select.input_value()
    assert {one.get_attribute("href") for one in watched.page.locator(".hl").all()} == {
        f"#h{task}-{number}" for task in range(1, 6)
    }
    before = watched.page.locator(".hl").first.evaluate("line => line.getBoundingClientRect().top")
    select.select_option(label="slice_number_33")
    line = watched.page.locator(".hl").first
    assert line.get_attribute("href").startswith("#h1-")
    assert line.evaluate("line => line.getBoundingClientRect().top") != before
    assert line.evaluate("line => line.getBoundingClientRect().width") > 200
    watched.page.get_by_text("Every tag by version").click()
    assert watched.visible(".sparks tbody tr") == 25
    box = watched.page.locator(".sp use").nth(8).evaluate("line => line.getBoundingClientRect().width")
    assert 60 < box < 100


def test_the_keyboard_reaches_every_control(opened) -> None:
    page = opened("compared", viewport=LAPTOP).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    stops = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        stops.add(page.evaluate("document.activeElement.tagName"))
    assert {"A", "SUMMARY", "BUTTON", "INPUT", "SELECT"} <= stops


def test_the_changes_of_a_comparison_are_filtered(opened) -> None:
    watched = opened("compared", viewport=PHONE)
    watched.page.locator(".controls[data-for=changes]").get_by_label("regressed").check()
    assert watched.visible("#changes tbody.rows tr") == 1
    assert "<b>worst" in watched.page.locator("#changes tbody.rows tr:visible").inner_text()


@pytest.mark.parametrize("name", ["plain", "compared"])
def test_a_page_says_all_without_its_script(opened, name: str) -> None:
    watched = opened(name, viewport=LAPTOP, java_script_enabled=False)
    table = "#matrix" if name == "plain" else "#changes"
    assert watched.visible(f"{table} tbody.rows tr") == (50 if name == "plain" else 41)
    assert watched.visible(".controls") == 0


@pytest.mark.slow
def test_on_paper_a_page_is_dark_on_light_whatever_the_screen_is(opened) -> None:
    page = opened("plain", viewport=LAPTOP, color_scheme="dark").page
    colour = "getComputedStyle(document.body).color"
    on_screen = page.evaluate(colour)
    page.emulate_media(media="print")
    assert page.evaluate(colour) != on_screen
    page.emulate_media(media="screen", color_scheme="light")
    light = page.evaluate(colour)
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate(colour) == light


@pytest.mark.slow
def test_on_paper_every_row_is_there(opened, tmp_path: Path) -> None:
    page = opened("plain", viewport=LAPTOP).page
    page.emulate_media(media="print")
    assert page.locator("#matrix tbody.rows tr >> visible=true").count() == 50
    assert page.locator(".controls >> visible=true").count() == 0
    page.set_viewport_size({"width": 718, "height": 1000})  # A4 between its margins
    assert page.evaluate("document.documentElement.scrollWidth") <= 718
    page.pdf(path=tmp_path / "page.pdf", format="A4", print_background=True)
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
