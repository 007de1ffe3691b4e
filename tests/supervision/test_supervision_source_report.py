import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from overton.base import OvertonError
from overton.data import Splits, Tags
from overton.supervision import combine, join_reports, render_sources, source_report, tags_to_show
from overton.supervision.analysis.facts import gather_facts
from overton.supervision.analysis.slices import slice_rows
from overton.supervision.analysis.tally import tally
from overton.supervision.analysis.warn import CODES
from overton.supervision.models.patterns import find_patterns, keep_cells
from tests.supervision.planted import KINDS, simulate, votes_of

GOLDEN = Path(__file__).parents[1] / "cases" / "supervision" / "source_report.txt"
DOCS = Path(__file__).parents[2] / "docs" / "sources.md"


def splits(n_records, n_test, n_dev=0):
    records = np.arange(n_records)
    return Splits(records[n_test + n_dev :], records[n_test : n_test + n_dev], records[:n_test])


def tags_of(names):
    """Tags of records, each a list of names."""
    every = sorted({name for own in names for name in own})
    numbers = [sorted(every.index(name) for name in own) for own in names]
    first = np.concatenate([[0], np.cumsum([len(own) for own in numbers])]).astype(np.int64)
    return Tags(tuple(every), first, np.array([number for own in numbers for number in own], np.int32))


def planted(accuracy=(0.9, 0.8, 0.7, 0.85), *, n=2000, n_gold=1000, seed=0, extra=None):
    """Multiclass rows as mappings, gold on the first; more sources by name: functions of number, truth, random."""
    random = np.random.default_rng(seed)
    rows = []
    for number in range(n):
        truth = int(random.integers(0, 3))
        row = {
            f"s{source}": truth if random.random() < right else int((truth + random.integers(1, 3)) % 3)
            for source, right in enumerate(accuracy)
            if random.random() < 0.7
        }
        for name, say in (extra or {}).items():
            said = say(number, truth, random)
            if said is not None:
                row[name] = said
        if number < n_gold:
            row["gold"] = truth
        rows.append(row)
    return rows


def votes_on_sets(n_gold):
    """Three sources that choose among two members, and of every second set say the one that there is."""
    random = np.random.default_rng(0)
    rows, sizes = [], []
    for number in range(2000):
        size = 1 + number % 2
        truth = int(random.integers(size))
        rows.append({f"s{source}": (truth + (random.random() > 0.7)) % size for source in range(3)})
        rows[-1] |= {"copy": rows[-1]["s0"]}
        if number < n_gold:
            rows[-1]["gold"] = truth
        sizes.append(size)
    return votes_of(rows, type="select", candidates=sizes)


def report_of(rows, *, n_test=1000, parent=None, method="auto"):
    votes = votes_of(rows)
    return source_report(votes, combine(votes, method=method), splits(len(rows), n_test), parent=parent)


def codes(report):
    return {(warning.source, warning.code) for warning in report.warnings}


def test_honest_sources_are_not_warned_of():
    assert report_of(planted()).warnings == ()


def test_a_source_that_is_right_less_often_than_guessing_is_harmful():
    report = report_of(planted(extra={"liar": lambda number, truth, random: (truth + 1) % 3}))
    assert ("liar", "harmful") in codes(report)
    assert report.rows[0].source == "liar"
    assert [warning.code for warning in report.rows[0].warnings][:1] == ["harmful"]


def test_a_source_that_spoils_the_combined_labels_is_harmful():
    def echo(number, truth, random):
        return 2 if number % 3 == 0 else None

    extra = {f"echo{copy}": echo for copy in range(3)}
    votes = votes_of(planted((0.75, 0.7), extra=extra, n_gold=1000))
    combined = combine(votes, method="majority")
    report = source_report(votes, combined, splits(2000, 1000))
    spoilt = next(row for row in report.rows if row.source == "echo0" and row.split == "test")
    assert spoilt.marginal.gold < 0
    assert ("echo0", "harmful") in codes(report)


def test_a_source_is_not_harmful_where_there_is_but_one_class_to_say():
    report = report_of([{"rule": 0} for _ in range(200)], n_test=50)
    assert "harmful" not in {code for _, code in codes(report)}


def test_of_a_liar_that_tells_what_is_not_right_the_hint_does_not_say_to_take_it_out():
    extra = {f"liar{turn}": lambda number, truth, random, turn=turn: (truth + turn) % 3 for turn in (1, 2)}
    votes = votes_of(planted((0.6,), extra=extra))
    combined = combine(votes, dev=np.arange(2000) < 500)
    report = source_report(votes, combined, splits(2000, 500, 500))
    hints = {warning.source: warning.hint for warning in report.warnings if warning.code == "harmful"}
    assert set(hints) == {"liar1", "liar2"}
    assert all("labels fewer would be right" in hint and "take it out" not in hint for hint in hints.values()), hints


def test_a_source_without_votes_in_train_is_dead():
    def only_gold(number, truth, random):
        return truth if number < 1000 else None

    assert codes(report_of(planted(extra={"late": only_gold}))) == {("late", "dead")}


def test_a_source_that_says_little_anywhere_is_not_called_dead():
    assert (
        codes(report_of(planted(extra={"seldom": lambda number, truth, random: truth if number < 3 else None})))
        == set()
    )


def test_a_source_that_always_says_one_class_is_constant_but_a_rule_is_not():
    report = report_of(
        planted(
            extra={
                "lazy": lambda number, truth, random: 1 if random.random() < 0.5 else None,
                "rule": lambda number, truth, random: 2 if random.random() < (0.6 if truth == 2 else 0.1) else None,
            }
        )
    )
    assert codes(report) >= {("lazy", "constant")}
    assert ("rule", "constant") not in codes(report)


def test_gold_clears_a_rule_that_others_contradict():
    rows = planted((0.34, 0.34), extra={"rule": lambda number, truth, random: 2 if truth == 2 else None})
    assert ("rule", "constant") not in codes(report_of(rows))


def test_copies_are_named_with_how_far_they_agree():
    rows = planted((0.9, 0.8, 0.7, 0.75))
    for row in rows:
        if "s2" in row:
            row["twin"] = row["s2"]
    report = report_of(rows)
    assert ("s2", "copies") in codes(report)
    twin = next(row for row in report.rows if row.source == "twin")
    assert [(copy.source, copy.joined) for copy in twin.copies] == [("s2", True)]
    assert twin.copies[0].agreement == pytest.approx(1)


def test_who_agrees_on_a_small_part_of_what_another_labels_is_no_copy():
    rows = planted((0.9, 0.8, 0.7, 0.75))
    for row in rows[:60]:
        if "s2" in row:
            row["helper"] = row["s2"]
    assert {row.source: row.copies for row in report_of(rows).rows if row.source in ("s2", "helper")} == {
        "s2": (),
        "helper": (),
    }


@pytest.mark.parametrize(("n", "is_told"), [(200, False), (1500, True)])
def test_an_estimate_that_rests_on_few_votes_may_fall_by_chance(n, is_told):
    rows = planted((0.9, 0.6, 0.7, 0.85), n=n, n_gold=0)
    now = combine(votes_of(rows)).accuracy
    parent = {**now, "s1": now["s1"] + 0.1}
    assert (("s1", "drop") in codes(report_of(rows, n_test=n // 2, parent=parent))) == is_told


def test_the_version_before_tells_what_vanished_came_and_fell():
    parent = {"s0": 0.9, "s1": 0.99, "gone": 0.8, "s3": 0.85}
    report = report_of(planted((0.9, 0.6, 0.7, 0.85)), parent=parent)
    assert {("gone", "vanished"), ("s2", "new"), ("s1", "drop")} <= codes(report)
    assert ("s0", "drop") not in codes(report)
    row = next(row for row in report.rows if row.source == "s1")
    assert row.estimated_change == pytest.approx(row.estimated_accuracy - 0.99)
    assert next(row for row in report.rows if row.source == "s2").estimated_change is None


def test_an_estimate_that_gold_contradicts_is_a_gap():
    votes = votes_of(planted((0.9, 0.8, 0.7)))
    combined = combine(votes)
    wrong = replace(combined, accuracy={**combined.accuracy, "s2": 0.95})
    assert ("s2", "gap") in codes(source_report(votes, wrong, splits(2000, 1000)))


@pytest.mark.parametrize("sure", [0.6, 0.75, 0.9])
def test_a_source_that_knows_its_doubt_is_estimated_by_its_likeliest_label_as_gold_judges_it(sure):
    def crowd(number, truth, random):
        said = truth if random.random() < 0.9 else (truth + 1) % 3
        return {said: sure, (said + 2) % 3: 1 - sure}

    report = report_of(planted(extra={"crowd": crowd}))
    row = next(row for row in report.rows if row.source == "crowd" and row.split == "test")
    assert row.gold_accuracy == pytest.approx(0.9, abs=0.03)
    assert row.estimated_accuracy == pytest.approx(row.gold_accuracy, abs=0.15)  # 0.57 where what it gives counts
    assert ("crowd", "gap") not in codes(report)


def test_of_labels_without_doubt_the_estimate_is_that_of_the_model():
    votes = votes_of(planted(n_gold=0))
    combined = combine(votes)
    assert [combined.accuracy[name] for name in votes.sources] == combined.model.accuracy.tolist()


def test_combined_labels_below_the_majority_vote_are_told():
    votes = votes_of(planted((0.9, 0.9, 0.9)))
    combined = combine(votes)
    table = combined.targets.table
    worse = replace(combined, targets=replace(combined.targets, table=np.roll(table, 1, axis=1)))
    report = source_report(votes, worse, splits(2000, 1000))
    assert ("combined", "worse-than-majority") in codes(report)
    assert next(row for row in report.rows if row.source == "combined").warnings


def test_every_code_is_documented():
    text = DOCS.read_text(encoding="utf-8")
    assert [code for code in CODES if f"| `{code}` |" not in text] == []


@pytest.mark.parametrize("kind", KINDS)
def test_leaving_a_source_out_is_scored_as_the_model_would(kind):
    type, per_record = KINDS[kind]
    votes, _ = simulate(type, (0.9, 0.7, 0.6), n_units=600, per_record=per_record, n_labels=3, seed=1)
    combined = combine(votes)
    n_records = votes.n_records
    report = source_report(votes, combined, Splits(np.arange(n_records), *(np.zeros(0, np.int64),) * 2))
    from overton.supervision.models.evidence import option_counts, voting_cells

    cells, options = voting_cells(votes), option_counts(votes)
    whole = combined.targets
    for number, name in enumerate(votes.sources):
        left = find_patterns(keep_cells(cells, cells.source != number), options)
        rest = combined.model.table(left)
        own = np.unique(cells.row[cells.source == number])
        shared = own[left.index[own] >= 0]
        before, after = whole.table[whole.index[shared]], rest[left.index[shared]]
        if type == "bitvector":
            changed = ((before > 0.5) != (after > 0.5)).any(1)
            gained = np.maximum(before, 1 - before).prod(1) - np.maximum(after, 1 - after).prod(1)
        else:
            changed = after[np.arange(len(after)), before.argmax(1)] < after.max(1) - 1e-6
            gained = before.max(1) - after.max(1)
        marginal = next(row for row in report.rows if row.source == name).marginal
        assert marginal.changed == pytest.approx(changed.sum() / votes.n_units)
        assert marginal.lost == pytest.approx((len(own) - len(shared)) / votes.n_units)
        assert marginal.expected == pytest.approx(gained.sum() / votes.n_units, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_rows_of_a_tag_are_those_of_its_records_alone(kind):
    type, per_record = KINDS[kind]
    votes, _ = simulate(type, (0.9, 0.7, 0.6), n_units=300, per_record=per_record, n_labels=3, seed=2)
    n_records = votes.n_records
    random = np.random.default_rng(0)
    names = [[name for name in ("a", "slice:b", "c") if random.random() < 0.4] for _ in range(n_records)]
    split = splits(n_records, n_records // 3, n_records // 4)
    combined = combine(votes)
    report = source_report(votes, combined, split, tags=tags_of(names), shown=("a", "slice:b", "c"))
    assert [row for row in report.rows if row.tag == "*"] == list(source_report(votes, combined, split).rows)
    for name in ("a", "slice:b", "c"):
        inside = np.array([name in own for own in names])
        alone = Splits(*(part[inside[part]] for part in (split.train, split.dev, split.test)))
        expected = {(row.source, row.split): row for row in source_report(votes, combined, alone).rows}
        found = {(row.source, row.split): row for row in report.rows if row.tag == name}
        assert found.keys() == expected.keys()
        for key, row in found.items():
            for figure in ("coverage", "overlap", "conflict", "gold_accuracy", "n", "n_gold"):
                assert getattr(row, figure) == pytest.approx(getattr(expected[key], figure))


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_no_figure_hangs_on_how_many_records_are_looked_at_at_once(kind, monkeypatch):
    type, per_record = KINDS[kind]
    votes, _ = simulate(type, (0.9, 0.7, 0.6), n_units=300, per_record=per_record, n_labels=3, seed=2)
    names = [["slice:a"] * (number % 2) + ["b"] * (number % 3) for number in range(votes.n_records)]
    given = votes, combine(votes), splits(votes.n_records, votes.n_records // 3), tags_of(names)
    whole = source_report(*given[:3], tags=given[3], shown=("slice:a", "b"))
    monkeypatch.setattr("overton.supervision.analysis.tally.MOST_ENTRIES", 40)
    monkeypatch.setattr("overton.supervision.analysis.slices.MOST_COUNTED", 7)
    assert source_report(*given[:3], tags=given[3], shown=("slice:a", "b")) == whole
    monkeypatch.setattr("overton.supervision.analysis.slices.MOST_KEYS", 0)
    assert source_report(*given[:3], tags=given[3], shown=("slice:a", "b")) == whole


def test_memory_does_not_grow_with_what_is_summed_up(monkeypatch):
    votes, _ = simulate("multiclass", (0.9, 0.7, 0.6, 0.8), n_units=10_000, n_labels=3, coverage=0.9)
    tags = tags_of([["slice:a", "slice:b", "slice:c", "slice:d"]] * votes.n_records)
    facts = gather_facts(votes, combine(votes), splits(votes.n_records, 100))
    facts.given, facts.majority, facts.judged, facts.certain, facts.voting  # noqa: B018 - looked at once, and kept
    monkeypatch.setattr("overton.supervision.analysis.tally.MOST_ENTRIES", 5000)
    monkeypatch.setattr("overton.supervision.analysis.slices.MOST_COUNTED", 5000)
    for summed_up in (lambda: tally(facts, tags, tags.names), lambda: slice_rows(facts, tags)):
        tracemalloc.start()
        summed_up()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 3_000_000


def test_classes_tell_how_often_each_is_said_and_right():
    rows = [{"s": 0, "gold": 0}, {"s": 0, "gold": 1}, {"s": 2, "gold": 2}, {"s": 0}]
    found = {row.label: row for row in report_of(rows, n_test=3).classes}
    assert (found["a"].n, found["a"].share, found["a"].gold_precision, found["a"].n_gold) == (3, 0.75, 0.5, 2)
    assert (found["c"].n, found["c"].gold_precision) == (1, 1.0)
    assert found["a"].gold_low < 0.5 < found["a"].gold_high
    assert found["a"].to_json()["class"] == "a"


def test_slices_tell_where_sources_disagree_and_which():
    rows = [{"s": 0, "t": 0, "u": 0}] * 6 + [{"s": 0, "t": 1, "u": 0}] * 2 + [{"s": 0, "t": 1}] + [{}]
    votes = votes_of(rows)
    names = [["train"]] * 5 + [["train", "slice:hard"]] * 5
    report = source_report(votes, combine(votes), splits(10, 0), tags=tags_of(names))
    (hard,) = report.slices
    assert (hard.slice, hard.n, hard.disagreement, hard.whole) == ("slice:hard", 4, 0.75, pytest.approx(3 / 9))
    assert [(pair.sources, pair.disagreement, pair.n) for pair in hard.pairs] == [
        (("s", "t"), 0.75, 4),
        (("t", "u"), pytest.approx(2 / 3), 3),
    ]


def test_intervals_are_wider_where_the_items_of_a_record_resemble_each_other():
    random = np.random.default_rng(0)
    alike, apart = [], []
    for _ in range(100):
        right = random.random() < 0.7
        alike += [{"s": 0, "gold": 0 if right else 1}] * 5
        apart += [{"s": 0, "gold": 0 if random.random() < 0.7 else 1} for _ in range(5)]
    widths = []
    for rows in (alike, apart):
        votes = votes_of(rows, per_record=5)
        row = source_report(votes, combine(votes), splits(100, 100)).rows[0]
        assert row.gold_low <= row.gold_accuracy <= row.gold_high
        widths.append(row.gold_high - row.gold_low)
    assert widths[0] > 1.7 * widths[1]


def test_unknown_tags_are_refused_with_the_nearest():
    tags = tags_of([["slice:long", "train"]])
    assert tags_to_show(tags, None) == ("slice:long",)
    with pytest.raises(OvertonError, match=r"no record has the tag 'slice:lnog'. Did you mean 'slice:long'\?"):
        tags_to_show(tags, ["slice:lnog"])
    with pytest.raises(OvertonError, match="It is a split"):
        tags_to_show(tags, ["train"])


def test_a_report_is_a_frame_and_a_document_and_joins_with_others():
    report = report_of(planted(n=200, n_gold=100), n_test=100)
    frame = report.to_pandas()
    assert len(frame) == len(report.rows)
    assert {"task", "source", "split", "tag", "estimated_accuracy", "marginal_changed"} <= set(frame.columns)
    assert list(join_reports([]).to_pandas().columns) == list(frame.columns)
    assert set(report.to_json()) == {"rows", "classes", "slices", "warnings", "weighed"}
    assert join_reports([report, report]).rows == report.rows * 2


def test_a_vote_that_holds_all_classes_for_equally_likely_says_none_of_them():
    even = {0: 1 / 3, 1: 1 / 3, 2: 1 / 3}
    votes = votes_of([{"unsure": even, "a": number % 2, "b": number % 2} for number in range(200)])
    report = source_report(votes, combine(votes), splits(200, 0))
    (row,) = (row for row in report.rows if row.source == "unsure")
    assert (row.coverage, row.polarity) == (1, ())
    assert "unsure" not in {row.source for row in report.classes}
    assert ("unsure", "constant") not in codes(report)


@pytest.mark.parametrize("type", ["multiclass", "bitvector", "select"])
def test_a_source_that_only_abstains_is_listed_without_coverage(type):
    label = [0] if type == "bitvector" else 0
    votes = votes_of([{"a": label, "mute": None, "other": None}, {"a": label, "mute": None}], type=type)
    votes = replace(votes, named=("a", "gold", "mute"))  # the other one labels another task
    report = source_report(votes, combine(votes), splits(2, 1), tags=tags_of([["slice:x"], []]), shown=("slice:x",))
    (train, test) = (row for row in report.rows if row.source == "mute")
    assert (train.split, test.split) == ("train", "test")
    assert (test.coverage, test.n, test.estimated_accuracy, test.tag) == (0, 0, None, "*")
    assert "other" not in {row.source for row in report.rows}
    assert "mute" in render_sources(report)


@pytest.mark.parametrize("type", ["multiclass", "bitvector", "select"])
def test_a_task_without_votes_has_an_empty_report(type):
    votes = votes_of([{}, {}], type=type)
    report = source_report(votes, combine(votes), splits(2, 1), tags=tags_of([["slice:x"], []]), shown=("slice:x",))
    assert report == join_reports([])


def test_the_page_for_the_terminal(update_golden):
    rows = planted(
        (0.9, 0.6, 0.7),
        n=400,
        n_gold=100,
        extra={
            "liar_with_a_name_that_is_long": lambda number, truth, random: (truth + 1) % 3 if number % 2 else None,
            "lazy": lambda number, truth, random: 1 if random.random() < 0.5 else None,
        },
    )
    votes = votes_of(rows)
    names = [["slice:hard"] if number % 5 == 0 else [] for number in range(400)]
    report = source_report(
        votes,
        combine(votes),
        splits(400, 100),
        tags=tags_of(names),
        shown=("slice:hard",),
        parent={"s0": 0.99, "s1": 0.5, "gone": 0.7},
    )
    text = "".join(f"# width {width}\n{render_sources(report, width)}\n" for width in (110, 80))
    if update_golden:
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")
    assert all(len(line) <= 80 for line in render_sources(report, 80).splitlines())


def test_pairs_are_counted_alike_where_a_table_of_all_would_be_too_large(monkeypatch):
    votes = votes_of(planted(n=300, n_gold=0))
    tags = tags_of([["slice:x"] if number % 3 else ["slice:y"] for number in range(300)])
    combined = combine(votes)
    expected = source_report(votes, combined, splits(300, 0), tags=tags).slices
    monkeypatch.setattr("overton.supervision.analysis.slices.MOST_KEYS", 0)
    assert source_report(votes, combined, splits(300, 0), tags=tags).slices == expected
    assert all(len(row.pairs) == 3 for row in expected)


def test_a_part_of_the_patterns_stands_for_all_where_they_are_many(monkeypatch):
    votes, _ = simulate("multiclass", (0.9, 0.7, 0.6, 0.8, 0.7, 0.75), n_units=6000, n_labels=4)
    combined, split = combine(votes), splits(6000, 3000)
    whole = source_report(votes, combined, split).rows
    monkeypatch.setattr("overton.supervision.analysis.marginal.MOST_VOTES", combined.n_patterns * 6)
    parts = {(row.source, row.split): row.marginal for row in source_report(votes, combined, split).rows}
    for row in whole:
        if row.marginal is not None:
            part = parts[row.source, row.split]
            assert part != row.marginal
            assert part.changed == pytest.approx(row.marginal.changed, abs=0.03)
            assert part.lost == pytest.approx(row.marginal.lost, abs=0.03)


def test_a_source_that_is_alone_on_all_its_units_is_missed_where_it_votes():
    votes = votes_of([{"s": 1, "gold": 1}, {"s": 0}, {"t": 0}], type="select", candidates=[2, 3, 2])
    rows = source_report(votes, combine(votes), splits(3, 1)).rows
    (marginal,) = [row.marginal for row in rows if row.source == "s" and row.split == "train"]
    assert (marginal.changed, marginal.lost, marginal.gold) == (0, 0.5, None)


def test_how_many_units_two_sources_share_in_a_slice_is_told_of_all_where_a_part_is_looked_at(monkeypatch):
    votes, _ = simulate("multiclass", (0.9, 0.5, 0.7), n_units=6000, n_labels=4)
    tags = tags_of([["slice:x"] if number % 3 else [] for number in range(6000)])
    combined = combine(votes)
    (whole,) = source_report(votes, combined, splits(6000, 0), tags=tags).slices
    monkeypatch.setattr("overton.supervision.analysis.slices.MOST_PAIRS", 1500)
    (part,) = source_report(votes, combined, splits(6000, 0), tags=tags).slices
    assert part.pairs != whole.pairs
    told = {pair.sources: pair for pair in part.pairs}
    for pair in whole.pairs:
        assert told[pair.sources].n == pytest.approx(pair.n, rel=0.15)
        assert told[pair.sources].disagreement == pytest.approx(pair.disagreement, abs=0.1)


@pytest.mark.parametrize("method", ["auto", "majority"])
def test_a_choice_from_one_member_is_right_in_the_estimate_as_it_is_by_gold(method):
    votes = votes_on_sets(n_gold=1000)
    report = source_report(votes, combine(votes, method=method), splits(2000, 1000))
    rows = [row for row in report.whole() if row.split == "test" and row.source in ("s0", "s1", "s2", "copy")]
    assert all(row.gold_accuracy == pytest.approx(0.85, abs=0.03) for row in rows)
    if method == "auto":
        assert all(row.estimated_accuracy == pytest.approx(row.gold_accuracy, abs=0.05) for row in rows)
    assert not {"harmful", "gap"} & {warning.code for warning in report.warnings}


def test_sources_better_than_a_guess_are_not_harmful_where_most_sets_have_one_member():
    votes = votes_on_sets(n_gold=0)
    report = source_report(votes, combine(votes), splits(2000, 1000))
    assert "harmful" not in {warning.code for warning in report.warnings}


def test_one_bit_is_a_choice_all_the_same():
    votes, _ = simulate("bitvector", (0.9, 0.7, 0.6), n_units=2000, n_labels=1)
    accuracy = combine(votes).accuracy
    assert max(accuracy.values()) < 0.97


def test_what_a_source_that_cannot_tell_is_worth_does_not_hang_on_the_order_of_classes():
    figures = []
    for number_of in ((0, 1), (1, 0)):
        random = np.random.default_rng(0)
        rows = []
        for _ in range(1000):
            truth = int(random.random() > 0.8)
            said = {0: 0.5, 1: 0.5} if random.random() < 0.3 else number_of[truth ^ int(random.random() < 0.1)]
            row = {"crowd": said, "rule": number_of[truth ^ int(random.random() < 0.1)], "gold": number_of[truth]}
            rows.append(row)
        votes = votes_of(rows, classes=("a", "b"))
        report = source_report(votes, combine(votes), splits(1000, 1000), tags=tags_of([["slice:all"]] * 1000))
        crowd = next(row for row in report.rows if row.source == "crowd")
        assert crowd.gold_accuracy == pytest.approx(0.7 * 0.9 + 0.3 / 2, abs=0.03)
        assert crowd.estimated_accuracy == pytest.approx(crowd.gold_accuracy, abs=0.04)
        whole = [(row.source, row.conflict, row.gold_accuracy, row.estimated_accuracy) for row in report.rows]
        figures.append([value for row in sorted(whole) for value in row[1:] if value is not None])
        figures[-1] += [report.slices[0].disagreement, report.slices[0].pairs[0].disagreement]
    assert figures[0] == pytest.approx(figures[1], abs=1e-6)


@pytest.mark.parametrize("says", [0.3, 0.7])
def test_a_source_that_often_cannot_tell_is_harmful_where_it_is_worse_than_a_guess(says):
    random = np.random.default_rng(0)
    rows = []
    for _ in range(1000):
        truth = int(random.random() > 0.5)
        row = {f"rule{number}": truth ^ int(random.random() < 0.1) for number in range(2)}
        said = {0: 0.5, 1: 0.5} if random.random() < 0.6 else truth ^ int(random.random() > says)
        rows.append({**row, "crowd": said, "gold": truth})
    votes = votes_of(rows, classes=("a", "b"))
    warnings = source_report(votes, combine(votes), splits(1000, 1000)).warnings
    assert ("crowd", "harmful") in {(one.source, one.code) for one in warnings} if says < 0.5 else not warnings


@pytest.mark.long
def test_the_interval_of_a_class_covers_the_truth_where_the_tokens_of_a_record_are_right_together():
    covered = []
    for seed in range(60):
        random = np.random.default_rng(seed)
        easy = np.repeat(
            random.random(60), 10
        )  # a rule of a class is right on most tokens of one record, few of another
        right = random.random(600) < easy
        rows = [{"rule": 0, "gold": 0 if one else 1} for one in right]
        votes = votes_of(rows, per_record=10)
        (row,) = source_report(votes, combine(votes), splits(60, 60)).classes
        covered.append(row.gold_low <= 0.5 <= row.gold_high)
        assert (row.n_gold, row.gold_precision) == (600, pytest.approx(right.mean()))
    assert np.mean(covered) > 0.85
