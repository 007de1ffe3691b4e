"""What a notebook shows: every value as well-formed HTML by itself, harmless whatever the data say."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from overton.application import Application
from overton.evaluate import Comparison, Gate, Report, Row
from overton.evaluate.compare.comparison import Compared
from overton.notebook import error_html, errors_html, report_html, slices_html
from overton.notebook.markup import cut, drawn, element, join
from overton.review import ErrorPage, RecordError
from overton.review.errors import UnitError
from overton.version import Version
from tests.tiny_artifact import REPORT, tiny_artifact
from tests.web.web_factories import compared_row, comparison_of

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;"
VOID = {"br", "img", "path", "circle"}


class Tree(HTMLParser):
    """What stands in some HTML: tags, attributes and texts; fails where an element is not closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attributes}
        self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        self.texts.append(text)

    @property
    def text(self) -> str:
        return " ".join(self.texts)


def check(html: str) -> Tree:
    """The tree of HTML that runs nothing and fetches nothing."""
    tree = Tree(html)
    allowed = {"div", "style", "p", "h4", "b", "i", "span", "small", "table", "tr", "th", "td", "ul", "li"}
    assert set(tree.tags) <= allowed | {"svg", "path", "circle"}
    assert not any(name.startswith("on") or name in ("src", "href", "style") for name in tree.attributes)
    assert not re.search(r"https?://|@import|url\(", html)
    return tree


def unit(**changed) -> UnitError:
    said = {"unit": 0, "text": "", "prediction": "age", "probability": 0.875, "gold": "height"}
    return UnitError(**{**said, "votes": {"crowd": "height", "rule": "age"}, "combined": {"height": 0.6}, **changed})


def record(units=(), *, payload="query", **payloads) -> RecordError:
    given = payloads or {"tokens": ["how", "tall", "is", "fargo"], "query": "how tall is fargo"}
    return RecordError("q1", ("slice:a",), "how tall is fargo", given, tuple(units) or (unit(),), 0.875, payload)


def test_a_text_is_escaped_and_what_is_made_here_is_not_escaped_again():
    assert element("p", "a & b", element("b", "<")) == "<p>a &amp; b<b>&lt;</b></p>"
    assert join(["<", element("i")], "&") == "&lt;&amp;<i></i>"
    assert element("p", kind='"', title="'") == '<p class="&quot;" title="&#x27;"></p>'


def test_a_long_text_is_cut_and_told_whole_where_the_pointer_rests():
    assert cut("short") == "short"
    assert cut("<" * 90, 10) == f'<span title="{"&lt;" * 90}">{"&lt;" * 9}…</span>'
    assert len(cut("x" * 10_000)) < 600


def test_an_interval_is_drawn_where_there_is_one():
    assert drawn(None, 0.5, 0.6, None) == ""
    tree = check(f"<div>{drawn(0.2, 0.5, 0.9, 0.7)}</div>")
    assert tree.tags == ["div", "svg", "path", "path", "circle"]


def test_an_error_of_a_record_tells_what_everyone_says():
    tree = check(record()._repr_html_())
    assert "how" in tree.texts
    assert "predicted 0.88" in tree.texts
    rows = tree.text[tree.text.index("height") :]
    assert rows.index("gold") < rows.index("crowd") < rows.index("age") < rows.index("rule")
    assert "height 0.60" in tree.text


def test_bits_are_one_line_whatever_order_they_are_named_in():
    one = unit(prediction=["a"], gold=["a", "b"], votes={"rule": ["b", "a"]}, combined={})
    html = record([one])._repr_html_()
    assert '<td>a, b</td><td><span class="good">gold</span>, rule</td>' in html
    assert "b, a" not in html


def test_labels_stand_below_the_tokens_that_they_are_of():
    one = unit(unit=3, text="fargo", prediction="NOUN", gold="PROPN", votes={}, combined={})
    html = record([one], payload="tokens")._repr_html_()
    check(html)
    wrong = '<span class="wrong">fargo</span><small class="bad">NOUN</small><small class="good">PROPN</small>'
    assert wrong in html
    assert html.count('class="wrong"') == 1


def test_candidates_stand_with_their_spans_and_who_chose_them():
    entities = [{"id": "Fargo_(film)", "range": [2, 4]}, {"id": "Fargo"}]
    one = unit(prediction=1, gold=0, votes={"crowd": 0, "rule": {"1": 0.75, "0": 0.25}}, combined={"0": 0.9})
    html = record([one], payload="entities", tokens=["how", "tall", "is", "fargo"], entities=entities)._repr_html_()
    check(html)
    gold, predicted = (
        f'<span class="{kind}">{what}</span>' for kind, what in (("good", "gold"), ("bad", "predicted 0.88"))
    )
    assert f"<td>Fargo_(film)</td><td>is fargo</td><td>{gold}, crowd, rule</td>" in html
    assert f"<td>Fargo</td><td></td><td>{predicted}, rule</td>" in html
    assert "0 Fargo_(film)" in html


def test_of_several_sequences_a_span_is_of_the_one_that_members_point_into():
    given = {"title": ["a", "b", "c"], "body": ["x", "y", "z"]}
    entities = [{"id": "first", "range": [0, 2]}, {"id": "other", "range": [2, 3]}]
    found = record([unit(prediction=1, gold=0)], payload="entities", **given, entities=entities)
    html = replace(found, range="body")._repr_html_()
    check(html)
    assert "<td>first</td><td>x y</td>" in html
    assert "<td>other</td><td>z</td>" in html
    html = record([unit()], **given, entities=entities)._repr_html_()  # a task on something else
    assert "<td>first</td><td>0 .. 2</td>" in html


@pytest.mark.parametrize("payload", ["query", "tokens", "entities"])
def test_hostile_texts_are_shown_and_do_nothing(payload):
    one = unit(
        text=HOSTILE if payload != "query" else "", prediction=HOSTILE, gold=[HOSTILE], votes={HOSTILE: {HOSTILE: 0.5}},
        combined={HOSTILE: 1.0},
    )  # fmt: skip
    found = RecordError(
        HOSTILE, (HOSTILE,), HOSTILE,
        {"tokens": [HOSTILE, "x" * 10_000], "query": HOSTILE, "entities": [{"id": HOSTILE, "range": [0, 1]}]},
        (one,), 0.5, payload,
    )  # fmt: skip
    page = ErrorPage("v", HOSTILE, HOSTILE, (HOSTILE,), 1, 1, 1, 1, (found,), (), (), None, None)
    assert "<script>" in check(page._repr_html_()).text
    report = Report(
        (Row(HOSTILE, "test", HOSTILE, "accuracy", 0.5, 0.4, 0.6, 40),), {HOSTILE: "accuracy"}, notes=(HOSTILE,)
    )
    assert "<script>" in check(report._repr_html_()).text


def test_a_very_long_record_is_cut():
    many = record([unit(unit=k, text="x") for k in range(5000)], payload="tokens", tokens=["x" * 10_000] * 5000)
    html = many._repr_html_()
    check(html)
    assert len(html) < 150_000
    assert "4,992 more items" in html


def test_of_many_tokens_those_around_the_first_error_are_shown():
    tokens = [f"w{number}" for number in range(5000)]
    text = check(record([unit(unit=3000, text="w3000")], payload="tokens", tokens=tokens)._repr_html_()).text
    assert "2,900 before …" in text
    assert "w2900" in text
    assert "w3099" in text
    assert "w3100" not in text
    assert "… 1,900 more" in text


def test_a_report_tells_each_task_the_worst_tags_first_beside_the_whole():
    rows = [("*", 0.8, 100), ("slice:bad", 0.2, 50), ("slice:few", 0.1, 3), ("lang:en", 0.9, 97)]
    report = Report(
        tuple(Row("T", "test", tag, "accuracy", value, value - 0.05, value + 0.05, n) for tag, value, n in rows),
        {"T": "accuracy", "U": "accuracy"},
        notes=("held out by hash",),
    )
    tree = check(report._repr_html_())
    told = [text for text in tree.texts if text in {"whole split", *(row[0] for row in rows)}]
    assert told == ["whole split", "slice:bad", "lang:en", "slice:few"]
    assert [text for text in tree.texts if text in ("below", "above", "few")] == ["below", "above", "few"]
    assert "-0.600" in tree.texts
    assert "no gold" in tree.text
    assert "note: held out by hash" in tree.texts


def test_a_comparison_without_rows_is_told_too():
    tree = check(Comparison("a", "b", Gate(), Compared((), left_out={"T": "only b has it"}))._repr_html_())
    assert "refused" in tree.texts
    assert "T was not compared: only b has it" in tree.texts


def test_what_a_comparison_has_no_room_for_is_counted_and_what_was_not_judged_has_no_p():
    rows = [compared_row(tag=f"slice:{number}", change=-0.1, verdict="regressed", p=0.001) for number in range(14)]
    rows += [compared_row(tag=f"lang:{number}", change=0.1 + number / 100) for number in range(15)]
    tree = check(comparison_of(*rows)._repr_html_())
    assert [text for text in tree.texts if " more in " in text] == [
        "3 more in refused of to_json()",  # and that nothing can be judged on the whole split
        "2 more in to_pandas()",
        "3 more in to_pandas()",
    ]
    few = compared_row(change=-0.1, verdict="not enough data", p=0.4)
    assert "0.4" not in check(comparison_of(few)._repr_html_()).texts


def test_errors_that_are_not_shown_are_where_it_is_said():
    page = ErrorPage("v", "T", "test", (), 90, 90, 40, 40, (record(),) * 30, (), (), None, None)
    assert "20 more, in records and to_pandas() where the limit is greater" in check(page._repr_html_()).texts
    whole = ErrorPage("v", "T", "test", (), 90, 90, 30, 30, (record(),) * 30, (), (), None, None)
    assert "10 more, in records and to_pandas()" in check(whole._repr_html_()).texts


def test_what_nobody_knows_is_told_as_such():
    nothing = {"task": "T", "error_rate": None}
    assert "no gold" in check(slices_html(nothing)).text
    assert "T" in check(report_html({"rows": [], "main_metric": {"T": "accuracy"}, "notes": []})).texts


def documented_columns() -> dict[str, list[str]]:
    """The columns of the frame of each value, as docs/notebook.md names them."""
    page = (Path(__file__).parents[2] / "docs" / "notebook.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in page.splitlines() if line.startswith("| `")]
    return {row[1].strip(" `"): re.findall(r"`(\w+)`", row[3]) for row in rows}


@pytest.mark.long
def test_every_value_of_an_application_is_shown_and_is_a_frame(kinds_application: Application, tmp_path: Path):
    version = kinds_application.version()
    log = tmp_path / "log.jsonl"
    log.write_text("".join(json.dumps({"payloads": {"tokens": ["red"]}}) + "\n" for _ in range(60)))
    errors = [version.errors(task, split="all", annotate=0) for task in ("Record", "TokenBits", "Member", "Pick")]
    pages = [version.report(), version.evaluation(), version.compare(version), version.drift(log), *errors]
    columns = documented_columns()
    for page in [*pages, *version.discover(["Record"])]:
        check(page._repr_html_())
        assert set(columns[type(page).__name__]) <= set(page.to_pandas().columns)
    for one in [kinds_application, version, *(record for page in errors for record in page.records[:3])]:
        check(one._repr_html_())
    assert "Record" in check(kinds_application._repr_html_()).text


def test_what_a_version_got_wrong_is_a_line_of_pandas(kinds_application: Application):
    examples = kinds_application.version().evaluation().to_pandas()
    wrong = examples[(examples.task == "Record") & (examples.split == "test") & examples.correct.eq(False)]
    row = kinds_application.version().report().row("Record", "test", "*", "accuracy")
    assert len(wrong) == round((1 - row.value) * row.n)
    assert set(wrong.explode("tags").groupby("tags").size().index) <= {"test", "slice:big"}


def test_a_version_by_itself_tells_its_figures():
    version = Version("abc", tiny_artifact().with_files(report=REPORT, lineage={"parent": "<old>"}))
    tree = check(version._repr_html_())
    assert ", begun from <old>" in tree.texts
    assert "0.750" in tree.texts


def test_documents_are_enough():
    page = ErrorPage("v", "T", "test", (), 9, 9, 1, 1, (record(),), (), (), None, None)
    assert errors_html(json.loads(json.dumps(page.to_json()))) == page._repr_html_()
    assert error_html(json.loads(json.dumps(record().to_json()))) == record()._repr_html_()
