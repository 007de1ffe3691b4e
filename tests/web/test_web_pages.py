"""What pages say: values made of reports, comparisons and records, without a word of HTML."""

import json
import random
from dataclasses import replace

import pytest

from overton.base import Problem
from overton.evaluate import Report, shown_better
from overton.evaluate.compare.comparison import Compared
from overton.evaluate.compare.flips import Overlap
from overton.review import UnitError
from overton.supervision import SourceReport, SourceRow, SourceWarning
from overton.web import render_file
from overton.web.pages import (
    Bins,
    Moment,
    checks_of,
    comparison_page,
    confusion_of,
    example_of,
    history_of,
    label_text,
    learned_lines,
    lineage_page,
    matrix_of,
    read_label,
    source_lines,
    task_page,
    verdict_of,
)
from overton.web.pages.record import TaskView, UnitView, Vote
from overton.web.render import environment
from tests.web.web_factories import PAYLOADS, SCHEMA, big_page, compared_row, comparison_of, report_of, row_of


def report_with(*rows, **more):
    return Report(rows=rows, main_metric=dict.fromkeys((row.task for row in rows), "accuracy"), **more)


# ----------------------------------------------------------------------------------------------------------- the matrix


def test_the_worst_tag_is_the_one_that_the_data_prove_to_be_worst():
    report = report_with(
        row_of(value=0.9, n=1000, half=0.01),
        row_of(tag="slice:sure", value=0.7, n=400, half=0.04),
        row_of(tag="slice:unsure", value=0.6, n=40, half=0.2),
        row_of(tag="slice:fine", value=0.95, n=400, half=0.02),
    )
    matrix = matrix_of(report)
    assert [row.tag for row in matrix.rows] == ["slice:sure", "slice:unsure", "slice:fine"]
    assert [row.figures[0].mark for row in matrix.rows] == ["below", "below", "above"]
    assert [row.figures[0].level for row in matrix.rows] == [3, 2, 0]
    assert sum("below" in row.marks for row in matrix.rows) == 2
    assert matrix.whole.figures[0].value == 0.9


def test_few_items_are_not_called_worse():
    report = report_with(row_of(value=0.9, half=0.01), row_of(tag="rare", value=0.2, n=29, half=0.1))
    assert matrix_of(report).rows[0].figures[0].mark == "few"


def test_a_task_without_gold_on_test_is_told_on_the_split_that_has_it():
    report = report_with(row_of(value=None, n=0), row_of(split="dev", value=0.6))
    matrix = matrix_of(report)
    assert matrix.columns[0].split == "dev"
    assert matrix.whole.figures[0].value == 0.6


def test_a_tag_that_a_task_lacks_has_no_figure_there():
    report = report_with(row_of("A"), row_of("B"), row_of("A", "slice:x"))
    row = matrix_of(report).rows[0]
    assert row.figures[1] is None
    assert row.figures[0].value == 0.8


def test_tags_beyond_the_limit_are_counted():
    matrix = matrix_of(report_of(1, 20), limit=5)
    assert (len(matrix.rows), matrix.hidden) == (5, 15)
    gaps = [row.gap for row in matrix.rows]
    assert gaps == sorted(gaps, reverse=True)


def test_the_scale_has_room_for_every_interval_that_counts():
    report = report_with(
        row_of(value=0.9, half=0.01), row_of(tag="a", value=0.66, half=0.05), row_of(tag="b", value=0.1, n=5)
    )
    assert matrix_of(report).start == 0.6


# ---------------------------------------------------------------------------------------------------------- comparisons


def test_a_regression_is_the_verdict():
    worst = compared_row(tag="slice:rare", change=-0.2, verdict="regressed", p=1e-5)
    verdict = verdict_of(comparison_of(worst, compared_row()), "live")
    assert verdict.state == "refused"
    assert verdict.sentence == ("Not fit to replace live (old1): Intent accuracy on rare (0.800 to 0.600) regressed.")


def test_without_evidence_nothing_can_be_told():
    verdict = verdict_of(comparison_of())
    assert verdict.state == "unknown"
    assert verdict.sentence.startswith("Whether it may replace old1 cannot be told: nothing can be compared")


def test_what_is_better_is_told_with_the_whole_split_first():
    rows = [compared_row(tag="slice:rare", change=0.1), compared_row(change=0.05), compared_row("POS")]
    verdict = verdict_of(comparison_of(*rows))
    assert verdict.state == "better"
    assert verdict.sentence == (
        "Better than old1 beyond noise on Intent accuracy (0.800 to 0.850), most on Intent accuracy on rare "
        "(0.800 to 0.900), and nothing regressed."
    )
    both = verdict_of(comparison_of(compared_row(change=0.1), compared_row("POS", change=0.1)))
    assert both.sentence == "Better than old1 beyond noise on Intent and POS, and nothing regressed."
    tags = [compared_row("POS"), *(compared_row(tag=f"slice:{number}", change=0.1) for number in range(3))]
    assert (
        "on Intent accuracy on 0 (0.800 to 0.900) and 2 other figures, and" in verdict_of(comparison_of(*tags)).sentence
    )


def test_a_version_that_did_not_change_is_praised_at_most_as_often_as_stated():
    choose, praised = random.Random(0), 0
    for _ in range(400):
        rows = [compared_row(tag=f"slice:{n}", change=choose.gauss(0, 0.02), half=1.96 * 0.02) for n in range(80)]
        praised += bool(shown_better(rows, 0.05))
    assert praised / 400 <= 0.08  # 0.05, and three standard errors


def test_a_rise_among_many_figures_is_found():
    rows = [compared_row(tag=f"slice:{number}", half=0.04) for number in range(80)]
    rows.append(compared_row(tag="slice:risen", change=0.12, half=0.05))
    rows.append(compared_row(tag="slice:few", change=0.3, half=0.05, verdict="not enough data"))
    assert [row.tag for row in shown_better(rows, 0.05)] == ["slice:risen"]


def test_what_lies_within_its_own_interval_is_not_praised_however_much_else_rose():
    rows = [compared_row(tag=f"slice:{number}", change=0.3) for number in range(6)]
    rows.append(replace(compared_row(tag="slice:unsure", change=0.247), low=-0.017, high=0.428))
    assert [row.tag for row in shown_better(rows, 0.05)] == [f"slice:{number}" for number in range(6)]


def test_no_change_and_too_little_data_are_told_apart():
    rows = [compared_row(), compared_row(tag="slice:few", verdict="not enough data", n=12)]
    verdict = verdict_of(comparison_of(*rows))
    assert verdict.state == "same"
    assert verdict.detail == "1 of 2 figures cannot rule out a fall that matters: too little data."
    assert verdict_of(comparison_of()).state == "unknown"


def test_a_fall_that_is_that_of_another_slice_is_told_so():
    rows = (
        compared_row(tag="slice:rare", change=-0.2, verdict="regressed", p=1e-6),
        compared_row(change=-0.05, verdict="regressed", p=1e-3),
    )
    overlap = Overlap("Intent", "*", "slice:rare", 9, 8)
    comparison = replace(comparison_of(), compared=Compared(rows, overlaps=(overlap,)))
    page = comparison_page(comparison, examples={("Intent", "slice:rare"): ["one"], ("Intent", "*"): ["two"]})
    assert [worse.row.tag for worse in page.worse] == ["slice:rare", "*"]
    assert page.worse[0].examples == ("one",)
    assert page.worse[1].examples == ()
    assert page.worse[1].note == "8 of the 9 records that got worse are of slice:rare"


def test_a_fall_that_a_margin_allows_is_no_noise():
    fell = replace(compared_row(tag="slice:a", change=-0.3, p=1.0), margin=0.5)
    noise = replace(compared_row(tag="slice:b", change=-0.01, p=1.0), margin=0.5)
    told = verdict_of(comparison_of(compared_row(), fell, noise))
    assert told.state == "same"
    assert told.sentence == (
        "Not better than old1 beyond noise; nothing regressed, but Intent accuracy on a (0.800 to 0.500) fell by what "
        "its margin allows."
    )
    others = replace(fell, tag="slice:c"), compared_row(tag="slice:d", change=0.2)
    both = verdict_of(comparison_of(compared_row(), fell, *others))
    assert both.sentence.startswith(
        "Better than old1 beyond noise on Intent accuracy on d (0.800 to 1.000), and nothing"
    )
    assert both.sentence.endswith("fell by what its margin allows, and 1 other figure by theirs.")
    assert verdict_of(comparison_of(compared_row(), noise)).sentence.startswith(
        "No change from old1 is shown beyond noise"
    )


def test_the_matrix_of_changes_has_a_row_a_tag_and_marks_for_its_filters():
    rows = [
        compared_row(tag="slice:bad", change=-0.2, verdict="regressed", p=1e-6),
        compared_row("POS", "slice:bad", 0.15),
        compared_row(),
        compared_row(tag="slice:few", verdict="not enough data"),
    ]
    page = comparison_page(comparison_of(*rows))
    assert [row.tag for row in page.changes] == ["slice:bad", "slice:few"]
    assert page.changes[0].marks == ("ok", "regressed", "better")
    assert page.changes[1].rows == (rows[3], None)
    assert page.changes[0].better == (False, True)
    assert page.changes[1].marks == ("not-enough-data",)
    assert page.reach == 0.3


# ------------------------------------------------------------------------------------------------------------- examples


def test_wrong_tokens_stand_in_place_with_what_sources_say():
    error = UnitError(1, "tall", "NOUN", 0.9, "VERB", {"spacy": "VERB", "lexicon": "NOUN"}, {"VERB": 0.8, "NOUN": 0.2})
    said = ["O", "NOUN", "O", "O", "NOUN"]
    example = example_of(SCHEMA, "POS", "q1", PAYLOADS, tags=["test", "lang:en", "slice:x"], said=said, errors=[error])
    assert [token.text for token in example.tokens] == PAYLOADS["tokens"]
    assert [token.state for token in example.tokens] == ["", "wrong", "", "", ""]
    assert (example.tokens[1].prediction, example.tokens[1].gold) == ("NOUN", "VERB")
    assert [token.prediction for token in example.tokens if not token.state] == ["", "", "", "NOUN"]
    assert [(voice.label, voice.sources, voice.right) for voice in example.units[0].voices] == [
        ("VERB", ("spacy", "combined 0.80"), True),
        ("NOUN", ("lexicon",), False),
    ]
    assert example.tags == ("slice:x", "lang:en")


def test_labels_that_tie_are_all_told_as_combined():
    error = UnitError(1, "tall", "NOUN", 0.9, "VERB", {"spacy": "VERB"}, {"NOUN": 0.5, "VERB": 0.5})
    example = example_of(SCHEMA, "POS", "q1", PAYLOADS, said=["NOUN"] * 5, errors=[error])
    voices = {voice.label: voice.sources for voice in example.units[0].voices}
    assert voices == {"VERB": ("spacy",), "NOUN 0.50, VERB 0.50": ("combined",)}


def test_bits_are_told_as_lists_of_classes():
    error = UnitError(4, "president", ["title"], 0.9, [], {"gazetteer": ["title"]}, {"title": 0.9, "location": 0.1})
    example = example_of(SCHEMA, "EntityType", "q1", PAYLOADS, said=[[], [], [], [], ["title"]], errors=[error])
    assert (example.tokens[4].prediction, example.tokens[4].gold) == ("title", "none")
    assert example.units[0].voices[0].sources == ("gazetteer", "combined")


def test_bits_are_right_whatever_order_a_source_names_them_in():
    said = {"rule": ["title", "location"], "crowd": ["location", "title"], "gazetteer": ["title"]}
    error = UnitError(0, "", [], 0.9, ["location", "title"], said, {"title": 0.9, "location": 0.8})
    example = example_of(SCHEMA, "EntityType", "q1", PAYLOADS, said=[[]] * 5, errors=[error])
    assert [(voice.label, voice.sources, voice.right) for voice in example.units[0].voices] == [
        ("location, title", ("rule", "crowd", "combined"), True),
        ("title", ("gazetteer",), False),
    ]
    assert example.units[0].text == "how"


def test_a_source_that_knows_its_doubt_is_right_where_its_likeliest_label_is():
    votes = {"sure": "NOUN", "crowd": {"VERB": 0.7, "NOUN": 0.3}, "torn": {"VERB": 0.5, "NOUN": 0.5}}
    error = UnitError(1, "tall", "NOUN", 0.9, "VERB", votes, {})
    example = example_of(SCHEMA, "POS", "q1", PAYLOADS, said=["NOUN"] * 5, errors=[error])
    assert [(voice.sources, voice.right) for voice in example.units[0].voices] == [
        (("crowd",), True),
        (("sure",), False),
        (("torn",), False),
    ]


def test_candidates_stand_with_their_words_and_the_true_one_is_marked():
    error = UnitError(0, "", 1, 0.6, 0, {"first": 0, "crowd": {"0": 0.7, "1": 0.3}}, {"0": 0.9, "1": 0.1})
    example = example_of(SCHEMA, "IntentArg", "q1", PAYLOADS, said=1, gold=0, errors=[error])
    assert [(one.id, one.words, one.chosen, one.true) for one in example.candidates] == [
        ("President_(title)", "president", False, True),
        ("Rome", "", True, False),
    ]
    assert example.tokens[4].spans == (0,)
    unit = example.units[0]
    assert (unit.prediction, unit.gold, unit.wrong) == ("Rome", "President_(title)", True)
    assert [voice.label for voice in unit.voices] == ["President_(title)", "President_(title) 0.70, Rome 0.30"]


def test_of_members_with_one_id_it_is_told_which_is_meant():
    payloads = {"tokens": ["rome", "to", "rome"], "entities": [{"id": "Rome"}, {"id": "Oslo"}, {"id": "Rome"}]}
    error = UnitError(0, "", 0, 0.6, 2, {"first": 0, "last": 2}, {"2": 0.9})
    (unit,) = example_of(SCHEMA, "IntentArg", "q1", payloads, said=0, gold=2, errors=[error]).units
    assert (unit.prediction, unit.gold, unit.wrong) == ("0 Rome", "2 Rome", True)
    assert [(voice.label, voice.right) for voice in unit.voices] == [("2 Rome", True), ("0 Rome", False)]
    (fell,) = example_of(SCHEMA, "IntentArg", "q1", payloads, said=0, gold=2, before=2).units
    assert (fell.before, fell.prediction) == ("2 Rome", "0 Rome")


def test_a_class_whose_name_is_a_number_is_no_member():
    error = UnitError(0, "Rome", "1", 0.6, "0", {"rule": "1"}, {"1": 0.9})
    payloads = {"tokens": ["rome"], "entities": [{"id": "Rome"}, {"id": "Oslo"}]}
    (unit,) = example_of(SCHEMA, "Kind", "q1", payloads, said=["1", "1"], gold=["0", "1"], errors=[error]).units
    assert (unit.text, unit.prediction, unit.gold) == ("Rome", "1", "0")
    assert [voice.label for voice in unit.voices] == ["1"]


def test_without_errors_told_those_that_got_worse_are_found():
    example = example_of(SCHEMA, "Intent", "q1", PAYLOADS, said="age", gold="height", before="height")
    assert [(unit.before, unit.prediction, unit.gold) for unit in example.units] == [("height", "age", "height")]
    same = example_of(SCHEMA, "POS", "q1", PAYLOADS, said=["O"] * 5, gold=["O"] * 5, before=["VERB"] * 5)
    assert same.units == ()


def test_a_text_is_told_once_where_it_says_what_the_tokens_say():
    assert example_of(SCHEMA, "Intent", "q1", PAYLOADS).texts == ()
    other = {**PAYLOADS, "query": "HOW OLD is she"}
    assert example_of(SCHEMA, "Intent", "q1", other).texts == ("HOW OLD is she",)


@pytest.mark.parametrize("task", [task.name for task in SCHEMA.tasks])
def test_a_record_without_payloads_has_a_page_too(task):
    example = example_of(SCHEMA, task, "q1", {"tokens": None, "query": None, "entities": None}, said=None)
    assert (example.tokens, example.candidates) == ((), ())


def test_long_records_are_cut_and_say_so():
    payloads = {"tokens": ["word"] * 200, "entities": [{"id": f"c{number}"} for number in range(40)]}
    example = example_of(SCHEMA, "IntentArg", "q1", payloads, said=30, gold=39)
    assert (len(example.tokens), example.more_tokens) == (80, 120)
    assert (len(example.candidates), example.more_candidates) == (12, 28)
    assert {30, 39} <= {one.place for one in example.candidates}


def test_of_a_long_record_the_words_around_its_first_error_are_shown():
    payloads = {"tokens": [f"w{number}" for number in range(200)]}
    gold = ["VERB" if number == 150 else "NOUN" for number in range(200)]
    example = example_of(SCHEMA, "POS", "q1", payloads, said=["NOUN"] * 200, gold=gold)
    assert [token.text for token in example.tokens] == [f"w{number}" for number in range(110, 190)]
    assert [token.text for token in example.tokens if token.state == "wrong"] == ["w150"]
    assert (example.first_token, example.more_tokens, example.tokens_after) == (110, 120, 10)


def test_of_a_long_record_that_is_labelled_in_part_the_words_around_what_is_known_to_be_wrong_are_shown():
    payloads = {"tokens": [f"w{number}" for number in range(200)]}
    gold, before = [None] * 150 + ["VERB"] * 50, ["VERB"] * 200
    example = example_of(SCHEMA, "POS", "q1", payloads, said=["NOUN"] * 200, gold=gold, before=before)
    assert example.first_token == 110
    unlabelled = example_of(SCHEMA, "POS", "q1", payloads, said=["NOUN"] * 200, gold=[None] * 200, before=before)
    assert unlabelled.first_token == 0


def test_of_a_long_record_without_gold_the_words_around_the_unit_that_it_is_about_are_shown():
    payloads = {"tokens": [f"w{number}" for number in range(200)]}
    assert example_of(SCHEMA, "POS", "q1", payloads, about=150).first_token == 110
    assert example_of(SCHEMA, "Intent", "q1", payloads, about=0).first_token == 0


@pytest.mark.parametrize(("wrong", "first"), [(None, 0), (150, 0), (5000, 4900), (5999, 5800)])
def test_the_page_of_a_long_record_shows_the_words_around_the_first_that_is_wrong(wrong, first):
    units = tuple(UnitView(k, f"w{k}", "A", "B" if k == wrong else "A", {}, {}, ()) for k in range(6000))
    view = TaskView("POS", "multiclass", "token", ("A", "B"), units, fresh=True, known=True)
    assert [unit.place for unit in view.shown] == list(range(first, first + 200))


def test_the_votes_on_a_record_name_members_and_those_that_know_their_doubt_are_right_by_the_likeliest():
    votes = (Vote("crowd", {"1": 0.9, "0": 0.1}), Vote("torn", {"0": 0.5, "1": 0.5}))
    unit = UnitView(0, "", 1, 0, {}, {}, votes)
    view = TaskView("Match", "select", "record", ("SKU-1", "SKU-2"), (unit,), fresh=True, known=True)
    html = str(environment().get_template("_live.html.j2").module.voices(unit, view))
    assert '<li class="right"><b><bdi>1 SKU-2 0.90, 0 SKU-1 0.10</bdi></b> <span>crowd</span>' in html
    assert '<li class=""><b><bdi>0 SKU-1 0.50, 1 SKU-2 0.50</bdi></b> <span>torn</span>' in html


def test_a_set_keyed_by_index_is_read_as_in_the_paper():
    payloads = {"tokens": ["a", "b"], "entities": {"1": {"id": "B", "range": [1, 2]}, "0": {"id": "A"}}}
    assert [one.id for one in example_of(SCHEMA, "Kind", "q1", payloads).candidates] == ["A", "B"]


def test_labels_are_read_as_comparisons_tell_them():
    assert read_label("2", member=True) == 2
    assert [read_label(name) for name in ("2", "007")] == ["2", "007"]  # names of classes
    assert read_label('[[], ["a"]]', listed=True) == [[], ["a"]]
    assert read_label("NOUN", listed=True) == "NOUN"
    assert read_label(None, listed=True) is None
    assert label_text(None) == ""
    assert label_text([]) == "none"


def test_a_class_that_is_called_by_a_number_is_no_member():
    example = example_of(SCHEMA, "Kind", "q1", PAYLOADS, said=["0", "1"], gold=["1", "0"])
    assert [(unit.prediction, unit.gold) for unit in example.units] == [("0", "1"), ("1", "0")]


# ----------------------------------------------------------------------------------------------------------- the others


def test_a_large_confusion_keeps_the_classes_with_the_most_errors_and_loses_no_count():
    classes = [f"c{number}" for number in range(30)]
    counts = [[10 if gold == said else 0 for said in range(30)] for gold in range(30)]
    counts[3][7], counts[9][3] = 5, 2
    found = confusion_of({"classes": classes, "counts": counts}, limit=4)
    assert found.classes == ("c3", "c7", "c9", "27 others")
    assert sum(map(sum, found.counts)) == sum(map(sum, counts))
    assert [(pair.gold, pair.predicted, pair.n, pair.of) for pair in found.pairs] == [
        ("c3", "c7", 5, 15),
        ("c9", "c3", 2, 12),
    ]
    assert confusion_of(None) is None


def test_what_nothing_was_predicted_on_is_among_the_most_frequent_errors():
    found = confusion_of({"classes": ["a", "b"], "counts": [[5, 1], [0, 4]], "nothing": [0, 3]})
    assert [(pair.gold, pair.predicted, pair.n, pair.of) for pair in found.pairs] == [
        ("b", "nothing", 3, 7),
        ("a", "b", 1, 6),
    ]
    assert (found.nothing, found.counts) == (3, ((5, 1), (0, 4)))


def test_the_page_of_a_task_has_its_main_figure_apart_from_the_others():
    page = task_page(report_of(2, 3), "Task1", kind="multiclass on query")
    assert page.main.metric == "accuracy"
    assert [row.metric for row in page.figures] == ["macro_f1", "ece", "log_loss"]
    assert len(page.bins.n) == 15


def test_probabilities_at_few_places_are_told_rather_than_drawn():
    bits = Bins((300, 100, 100), (0.0001, 0.004, 0.23), (0.0, 0.01, 0.24))
    assert not bits.is_drawn
    assert bits.places == ((0.0, 400, 0.0025), (0.23, 100, 0.24))
    assert Bins((1, 1, 1), (0.2, 0.5, 0.9), (0.0, 0.5, 1.0)).is_drawn


def test_learned_and_true_accuracy_stand_beside_each_other():
    warning = SourceWarning("T", "bad", "harmful", "it harms", "drop it")
    rows = (
        SourceRow("T", "good", "train", 0.9, 0.5, 0.1, 0.8, 0.7, 900, n_gold=10, gold_low=0.4, gold_high=0.9),
        SourceRow("T", "good", "test", 0.9, 0.5, 0.1, 0.8, 0.85, 90, n_gold=90, gold_low=0.8, gold_high=0.9),
        SourceRow("T", "bad", "train", 0.1, 0.5, 0.1, 0.3, None, 100, warnings=(warning,)),
        SourceRow("T", "combined", "train", 0.9, 0.5, 0.1, 0.8, None, 1000, together=True),
        SourceRow("T", "gold", "test", 1.0, 0.5, 0.1, None, None, 90),
        SourceRow("T", "good", "train", 0.5, 0.5, 0.1, 0.8, 0.1, 9, tag="slice:x"),
    )
    lines = source_lines(SourceReport(rows))
    assert [line.source for line in lines] == ["bad", "good", "combined"]
    assert [line.together for line in lines] == [False, False, True]
    assert lines[0].warnings == (("it harms", "drop it"),)
    assert (lines[1].n, lines[1].learned, lines[1].gold, lines[1].n_gold, lines[1].gold_split) == (
        900,
        0.8,
        0.85,
        90,
        "test",
    )
    assert lines[2].together
    assert learned_lines({"T": {"good": 0.8}})[0].learned == 0.8


def test_a_history_has_a_line_for_every_tag_of_the_version_that_is_shown():
    moments = [Moment(f"v{number}", f"2026-01-{number + 1:02}T00:00:00+00:00") for number in range(3)]
    reports = {
        "v0": report_with(row_of(value=0.5)),
        "v2": report_with(row_of(value=0.7), row_of(tag="slice:b", value=0.6), row_of(tag="slice:a", value=0.3)),
    }
    history = history_of(moments, reports, version="v2")
    assert [line.tag for line in history.tasks[0].lines] == ["*", "slice:a", "slice:b"]
    assert history.tasks[0].lines[0].values == (0.5, None, 0.7)
    assert history.tasks[0].lines[0].change == pytest.approx(0.2)
    assert history.tasks[0].line("slice:a").change is None
    assert (history.current, history.hidden) == (2, 0)


def test_a_history_of_many_tags_tells_how_many_it_leaves_out():
    moments = [Moment(f"v{number}", "2026-01-01") for number in range(2)]
    rows = [row_of(), *(row_of(tag=f"slice:{number:03}", value=number / 100) for number in range(75))]
    history = history_of(moments, {"v0": report_with(*rows), "v1": report_with(*rows)}, version="v1")
    assert (len(history.tags), history.hidden_tags) == (61, 15)
    page = replace(big_page(1, 2, 2), history=history)
    assert "15 more tags left out: of each task the worst are told." in render_file(page)
    assert "<summary>Tags by version" in render_file(page)


def test_a_history_shows_the_worst_slice_that_has_one_at_first():
    moments = [Moment(f"v{number}", f"2026-01-{number + 1:02}T00:00:00+00:00") for number in range(2)]
    new = row_of(tag="slice:a", value=0.1)  # worse than any, but not there before
    mild, bad = row_of(tag="slice:mild", value=0.75), row_of(tag="slice:worst", value=0.6)
    first, last = report_with(row_of(), mild, bad), report_with(row_of(), new, mild, bad)
    assert history_of(moments, {"v0": first, "v1": last}, version="v1").chosen == "slice:worst"
    assert history_of(moments, {"v0": report_with(row_of()), "v1": last}, version="v1").chosen == "*"


def test_one_record_that_is_wrong_is_not_the_worst_slice_of_a_history():
    moments = [Moment(f"v{number}", f"2026-01-{number + 1:02}T00:00:00+00:00") for number in range(2)]
    lone, bad = row_of(tag="lineage:typo", value=0.0, n=1, half=0.79), row_of(tag="slice:worst", value=0.6)
    report = report_with(row_of(), lone, bad)
    assert history_of(moments, {"v0": report, "v1": report}, version="v1").chosen == "slice:worst"


def test_old_versions_are_left_out_and_counted():
    moments = [Moment(f"v{number}", "2026-01-01") for number in range(40)]
    history = history_of(moments, {}, version="v39")
    assert (len(history.moments), history.hidden, history.current) == (30, 10, 29)
    assert history.tasks == ()


def test_a_lineage_of_an_older_release_has_gaps_and_no_fault():
    page = lineage_page("abc", {"seed": 1})
    assert (page.seed, page.records, page.total_seconds, page.total_size) == (1, None, 0, 0)


def test_faults_come_before_warnings_and_notes():
    fault = Problem("a fault", "record.x", path="a.jsonl", line=3, hint="mend it")
    found = checks_of(records=None, splits={}, problems=[fault], warnings=[Problem("odd", "data.y")], notes=["note"])
    assert [(one.level, one.place) for one in found.findings] == [("fault", "a.jsonl:3"), ("warning", ""), ("note", "")]


def test_every_page_has_a_json_twin():
    page = big_page(2, 3, 2)
    twin = json.loads(json.dumps(page.to_json()))
    assert twin["matrix"]["rows"][0]["tag"] == page.matrix.rows[0].tag
    assert twin["comparison"]["comparison"]["rows"]
    assert twin["history"]["tasks"][0]["lines"][0]["values"]
    assert len(twin["tasks"][0]["examples"][1]["tokens"][0]["text"]) == 10_000
    assert {"verdict", "sources", "checks", "lineage"} <= twin.keys()
