"""Pages as HTML: whole, harmless whatever a record says, small, and made by templates that cannot be half told."""

import re
import tomllib
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import jinja2
import pytest

from overton.base.svg import number
from overton.web import render_file, render_page, svg
from overton.web.files import write_page
from overton.web.pages import Bins, comparison_page, example_of, history_of
from overton.web.render import environment, linked_assets
from tests.web.web_factories import (
    HOSTILE,
    PLAIN,
    SCHEMA,
    SCRIPT,
    big_page,
    compared_row,
    comparison_of,
    hostile_example,
    long_example,
)

ROOT = Path(__file__).parents[2]
VOID = {"meta", "link", "input", "br", "img"}
LARGEST = 300_000


class Reading(HTMLParser):
    """What elements there are, with their attributes, and whether each is closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.faults: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.text += data


@pytest.fixture(scope="module")
def hostile():
    return render_file(big_page(2, 6, 3))


def test_every_element_is_closed_in_its_turn(hostile):
    reading = Reading(hostile)
    assert (reading.faults, reading.open) == ([], [])


def test_ids_are_told_once(hostile):
    ids = [attributes["id"] for _, attributes in Reading(hostile).seen if "id" in attributes]
    assert sorted(ids) == sorted(set(ids))
    named = {href[1:] for _, one in Reading(hostile).seen if (href := one.get("href") or "").startswith("#")}
    assert named <= set(ids)


def test_what_a_record_says_is_text_and_nothing_else(hostile):
    reading = Reading(hostile)
    assert [tag for tag, _ in reading.seen].count("script") == 1
    assert "img" not in [tag for tag, _ in reading.seen]
    assert [name for _, attributes in reading.seen for name in attributes if name.startswith("on")] == []
    assert SCRIPT in reading.text
    assert "{{ 7 * 7 }}" in reading.text
    assert "\\u202e" in reading.text
    assert not set("\u202e\u2066\x00\ud800") & set(hostile)


def test_a_long_text_is_cut(hostile):
    assert "x" * 500 not in hostile
    assert max(len(word) for word in Reading(hostile).text.split()) < 500


def test_a_page_asks_for_nothing(hostile):
    reading = Reading(hostile)
    asking = {"src", "srcset", "action", "formaction", "poster", "data", "background", "ping"}
    assert [name for _, attributes in reading.seen for name in attributes if name in asking] == []
    hrefs = [attributes["href"] for _, attributes in reading.seen if "href" in attributes]
    assert [href for href in hrefs if not href.startswith(("#", "data:,"))] == []
    style = re.findall(r"<style>(.*?)</style>", hostile, re.DOTALL)[0]
    assert "url(" not in style
    assert "@import" not in style


def test_the_policy_lets_nothing_but_its_own_script_run(hostile):
    policies = [
        one["content"] for _, one in Reading(hostile).seen if one.get("http-equiv") == "Content-Security-Policy"
    ]
    assert len(policies) == 1
    assert policies[0].startswith("default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-")
    assert "unsafe-eval" not in policies[0]


def test_fifty_slices_of_five_tasks_and_thirty_versions_are_under_300_kb():
    assert len(render_file(big_page(5, 50, 30, texts=PLAIN)).encode()) < LARGEST


def test_of_a_long_record_it_is_told_how_many_words_stand_before_those_shown_and_after():
    gold = ["VERB" if number == 150 else "NOUN" for number in range(200)]
    payloads = {"tokens": [f"w{number}" for number in range(200)]}
    example = example_of(SCHEMA, "POS", "q1", payloads, said=["NOUN"] * 200, gold=gold)
    html = environment().get_template("_example.html.j2").module.example(example)
    assert re.search(r"110 words before.*w110.*<bdi>w150</bdi>.*w189.*and 10 more words", html, re.DOTALL)


@pytest.mark.long
@pytest.mark.parametrize("example", [hostile_example, long_example])
def test_a_page_of_many_regressions_has_the_examples_that_it_has_room_for(example):
    page = big_page(5, 50, 30, regressed=12, example=example)
    text = render_file(page)
    assert len(text.encode()) < LARGEST
    told = [int(n) for n in re.findall(r"(\d+) more examples? left out", text)]
    every = sum(len(one.examples) for one in (*page.comparison.worse, *page.tasks))
    assert text.count('<article class="ex">') + sum(told) == every
    first = re.search(r'id="worse-1".*?</details>', text, re.DOTALL)  # that of the strongest evidence
    assert '<article class="ex">' in first.group()


def test_a_page_with_room_leaves_no_example_out(hostile):
    assert "left out, so that" not in hostile


def test_the_order_is_verdict_regressions_slices_tasks_sources_data_history_lineage(hostile):
    sections = re.findall(r'<section id="(\w+)"', hostile)
    assert sections == ["verdict", "regressions", "slices", "tasks", "sources", "checks", "history", "lineage"]


def test_a_page_without_store_application_or_gold_is_whole():
    page = big_page(1, 0, 1)
    bare = replace(page, comparison=None, history=None, checks=None, sources=(), notes=())
    tasks = tuple(replace(task, main=None, confusion=None, bins=None, examples=()) for task in page.tasks)
    reading = Reading(render_file(replace(bare, tasks=tasks)))
    assert reading.faults == []
    assert "no gold" in reading.text
    assert "No record has a tag." in reading.text


def test_a_comparison_is_a_page_of_its_own(tmp_path):
    rows = [compared_row(change=-0.1, verdict="regressed"), compared_row(tag=f"slice:{SCRIPT}", change=0.2)]
    page = comparison_page(comparison_of(*rows), old_name="live", application="demo")
    size = write_page(tmp_path / "c.html", page)
    text = (tmp_path / "c.html").read_text()
    reading = Reading(text)
    assert (reading.faults, size) == ([], len(text.encode()))
    assert "Not fit to replace live (old1)" in reading.text
    assert SCRIPT in reading.text
    assert re.findall(r'<section id="(\w+)"', text) == ["verdict", "worse", "better", "slices", "data", "gate"]


def test_what_fell_by_what_chance_or_a_margin_allows_is_not_told_as_nothing():
    margin, chance, same = compared_row(change=-0.3, p=1.0), compared_row(tag="slice:a", change=-0.004), compared_row()
    told = Reading(render_file(comparison_page(comparison_of(margin, chance)))).text
    assert "Nothing regressed" in told
    assert "2 figures got worse by no more than chance alone explains, or than the gate allows." in told
    assert "Nothing got worse" not in told
    report = replace(big_page(1, 2, 2), comparison=comparison_page(comparison_of(margin)))
    assert "nothing fell" not in Reading(render_file(report)).text
    told = Reading(render_file(comparison_page(comparison_of(same, compared_row(tag="slice:a", change=0.2))))).text
    assert "Nothing got worse" in told
    assert "by no more than chance" not in told


def test_a_page_that_is_served_links_its_assets():
    text = render_page("report.html.j2", big_page(1, 2, 2), assets=linked_assets())
    assert '<link rel="stylesheet" href="/static/overton.css">' in text
    assert '<script src="/static/overton.js" defer></script>' in text
    assert "<style>" not in text


def test_escaping_is_always_on_and_a_name_that_is_not_there_is_an_error():
    made = environment()
    assert made.autoescape is True
    assert made.from_string("{{ text }}").render(text="<b>\u202e") == "&lt;b&gt;\\u202e"
    with pytest.raises(jinja2.UndefinedError):
        made.from_string("{{ nothing }}").render()


@pytest.mark.parametrize("text", HOSTILE)
def test_drawings_are_whole_whatever_names_they_bear(text):
    history = history_of(big_page(1, 2, 2).history.moments, {})
    assert history.tasks == ()
    page = big_page(1, 2, 3)
    task = replace(page.history.tasks[0], task=text)
    drawings = [
        svg.confusion_map([text, "b"], [[1, 2], [0, 40_000]], text),
        svg.calibration_curve([3, 9], [0.2, 0.9], [0.1, 1.0], text),
        svg.history_chart(task, page.history.moments, "h1", page.history.number_of, 1),
        svg.interval(0.5, 0.4, 0.6, 0.55, 0.45, 0.2),
        svg.change(-0.5, -0.9, 0.1, 0.3),
        svg.bar(0.4),
    ]
    for drawing in drawings:
        ElementTree.fromstring(str(drawing))


def test_a_history_is_drawn_broken_where_a_version_has_no_figure():
    page = big_page(1, 1, 4)
    line = replace(page.history.tasks[0].lines[0], values=(0.5, None, 0.6, 0.7))
    task = replace(page.history.tasks[0], lines=(line,))
    drawn = svg.history_chart(task, page.history.moments, "h", {"*": 0})
    path = re.findall(r'id="h-0" d="(.*?)"', drawn)[0]
    assert path.count("M") == 2
    assert re.fullmatch(r"M0 \d+h0M2 \d+h0l1-\d+", path)
    assert drawn.count("<circle") == 3


def test_bits_that_are_mostly_off_have_no_drawing_of_two_dots():
    page = big_page(1, 1, 1)
    task = replace(page.tasks[0], bins=Bins((400, 100), (0.001, 0.23), (0.0025, 0.24)))
    text = Reading(render_file(replace(page, tasks=(task,)))).text
    assert "400 at 0.00, of which 0.2 % came true; 100 at 0.23, of which 24 % came true" in text
    assert "dots on the line" not in text


def test_a_command_that_shows_more_errors_stands_where_there_are_more():
    page = big_page(1, 2, 2)
    (task,) = page.tasks
    n = len(task.examples)
    for n_wrong, more in ((n, False), (n + 1, True), (0, False)):
        examples = task.examples if n_wrong else ()
        one = replace(task, command="overton errors app", n_wrong=n_wrong, n_records=n_wrong, examples=examples)
        assert ("More of them" in render_file(replace(page, tasks=(one,)))) is more


def test_one_more_tag_is_one():
    record = replace(hostile_example(), tags=tuple(f"tag{number}" for number in range(7)))
    assert "and 1 more tag<" in str(environment().get_template("_example.html.j2").module.example(record))


def test_where_classes_are_put_together_it_is_told_what_their_cell_holds():
    assert "holds what is taken for another of them" in render_file(big_page(1, 2, 2))


def test_of_a_class_whose_name_begins_with_none_no_letter_is_lost():
    below = environment().get_template("_live.html.j2").module.word_below
    view = {"type": "multiclass", "classes": ()}
    assert [str(below(label, view)).strip() for label in ("nonesuch", [], "none", "VERB")] == [
        "nonesuch",
        "",
        "",
        "VERB",
    ]


def test_of_a_report_on_one_tag_it_is_told_which_figures_are_of_the_whole_split():
    told = Reading(render_file(replace(big_page(1, 2, 2), tag="slice:a"))).text
    assert "Of the tags slice:a alone is told" in told
    assert "the other figures of tasks are of the whole split" in told


def test_the_dots_of_a_calibration_lie_where_they_say():
    drawn = ElementTree.fromstring(str(svg.calibration_curve([10], [1.0], [0.0], "t")))
    dot = next(one for one in drawn.iter() if one.get("class") == "dt")
    assert (dot.get("cx"), dot.get("cy")) == (number(252), number(210))


def test_templates_and_assets_are_part_of_the_package():
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    kept = {pattern.rpartition(".")[2] for pattern in wheel["artifacts"]}
    used = {path.suffix[1:] for path in (ROOT / "overton" / "web").rglob("*") if path.is_file()} - {"py", "pyc"}
    assert used <= kept
