import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from overton.codec import Predictions
from overton.data import Gold, Splits
from overton.evaluate import evaluate, groups, main_scores, may_be_found, metrics
from tests.evaluate.evaluate_factories import (
    NONE,
    all_test,
    brute_force,
    gold_of_labels,
    predictions_of,
    random_task,
    tags_of,
    task_of,
)
from tests.properties import examples

KINDS = (
    "multiclass",
    "multiclass list",
    "span",
    "bitvector",
    "bitvector list",
    "select",
)


def figures(report, tag="*", split="test"):
    return {row.metric: row.value for row in report.rows if row.tag == tag and row.split == split}


def evaluate_one(said, gold, tags=None, **options):
    n_records = len(gold.offsets) - 1
    return evaluate({"T": said}, {"T": gold}, tags or tags_of([[]] * n_records), all_test(n_records), **options)


def test_accuracy_and_macro_f1_of_singletons_by_hand():
    task = task_of("multiclass", "abc")
    report = evaluate_one(predictions_of(task, [0, 0, 1, 1, 0]), gold_of_labels(task, [0, 0, 1, 0, 2]))
    value = figures(report)
    assert value["accuracy"] == pytest.approx(3 / 5)
    # a: 2 hits, 1 made up, 1 missed; b: 1 hit, 1 made up; c: 1 missed
    assert value["macro_f1"] == pytest.approx((4 / 6 + 2 / 3 + 0) / 3)
    assert value["log_loss"] == pytest.approx((3 * -math.log(0.7) + 2 * -math.log(0.15)) / 5, rel=1e-6)
    assert report.main_metric == {"T": "accuracy"}
    assert report.row("T", "test", "*", "accuracy").n == 5


def test_accuracy_of_tokens_and_of_members_counts_units_not_records():
    task = task_of("multiclass", "ab")
    lengths = [3, 0, 1]
    report = evaluate_one(
        predictions_of(task, [0, 1, 1, 0], lengths=lengths), gold_of_labels(task, [0, 1, 0, -1], lengths=lengths)
    )
    assert figures(report)["accuracy"] == pytest.approx(2 / 3)
    assert report.row("T", "test", "*", "accuracy").n == 3


@pytest.mark.parametrize("lengths", [[1, 1, 1], [2, 1], [0, 3]])
def test_bitvectors_on_records_tokens_and_members_by_hand(lengths):
    task = task_of("bitvector", "abc")
    said = predictions_of(task, [[1, 1, 0], [0, 0, 0], [0, 0, 1]], lengths=lengths)
    gold = gold_of_labels(task, [[1, 0, 0], [0, 0, 0], [1, 0, 1]], lengths=lengths)
    value = figures(evaluate_one(said, gold))
    assert value["precision"] == pytest.approx(2 / 3)
    assert value["recall"] == pytest.approx(2 / 3)
    assert value["micro_f1"] == pytest.approx(2 / 3)
    assert value["macro_f1"] == pytest.approx((2 / 3 + 0 + 1) / 3)
    assert value["exact_match"] == pytest.approx(1 / 3)
    assert value["log_loss"] == pytest.approx((7 * -math.log(0.7) + 2 * -math.log(0.3)) / 9, rel=1e-6)


def test_select_by_hand():
    task = task_of("select")
    said = predictions_of(task, [0, 1, -1, 2], [[0.6, 0.4, 0], [0.2, 0.8, 0], [0, 0, 0], [0.1, 0.2, 0.7]])
    value = figures(evaluate_one(said, gold_of_labels(task, [0, 0, -1, 2])))
    assert value["accuracy"] == pytest.approx(2 / 3)
    assert value["log_loss"] == pytest.approx(-(math.log(0.6) + math.log(0.2) + math.log(0.7)) / 3, rel=1e-6)
    assert set(value) == {"accuracy", "ece", "log_loss"}


def test_spans_by_hand():
    task = task_of("multiclass", ("B-x", "I-x", "O"))
    #      one span of two tokens, found whole; one of one token, found too long; one made up
    said = predictions_of(task, [0, 1, 2, 0, 1, 0], lengths=[3, 3])
    gold = gold_of_labels(task, [0, 1, 2, 0, 2, 2], lengths=[3, 3])
    report = evaluate_one(said, gold)
    value = figures(report)
    assert report.main_metric == {"T": "span_f1"}
    assert value["precision"] == pytest.approx(1 / 3)
    assert value["recall"] == pytest.approx(1 / 2)
    assert value["span_f1"] == pytest.approx(2 / 5)
    assert value["accuracy"] == pytest.approx(4 / 6)


def test_a_unit_without_a_prediction_counts_as_wrong():
    task = task_of("multiclass", "ab")
    report = evaluate_one(predictions_of(task, [-1, 0]), gold_of_labels(task, [0, 0]))
    value = figures(report)
    assert report.confusion["T"] == {"classes": ["a", "b"], "counts": [[1, 0], [0, 0]], "nothing": [1, 0]}
    assert value["accuracy"] == 0.5
    assert value["macro_f1"] == pytest.approx(2 / 3)


def test_bits_that_were_not_predicted_are_wrong_and_cost_the_most_even_where_none_holds():
    """A null payload has all its bits off, which is not to say that the model said so."""
    task = task_of("bitvector", ("a", "b"))
    said = predictions_of(task, [[False, False], [True, False], [False, False]], [[0, 0], [0.9, 0.1], [0.1, 0.1]])
    said = replace(said, unknown=np.array([True, False, False]))
    gold = gold_of_labels(task, [[False, False], [True, False], [False, False]])
    value = figures(evaluate_one(said, gold))
    assert value["exact_match"] == pytest.approx(2 / 3)
    assert value["log_loss"] == pytest.approx((-math.log(1e-7) - 2 * math.log(0.9)) / 3, rel=1e-4)


def test_a_class_that_the_model_does_not_know_is_a_miss():
    known, new = task_of("multiclass", "bc"), task_of("multiclass", "abc")
    report = evaluate_one(predictions_of(known, [0, 1, 1]), gold_of_labels(new, [1, 2, 0]))
    assert figures(report)["accuracy"] == pytest.approx(2 / 3)
    assert report.confusion["T"] == {"classes": ["b", "c", "a"], "counts": [[1, 0, 0], [0, 1, 0], [0, 1, 0]]}


def test_a_bit_that_the_model_does_not_know_is_a_miss():
    known, new = task_of("bitvector", "b"), task_of("bitvector", "ab")
    value = figures(evaluate_one(predictions_of(known, [[1], [0]]), gold_of_labels(new, [[1, 1], [0, 0]])))
    assert value["precision"] == 1
    assert value["recall"] == 0.5
    assert value["exact_match"] == 0.5


def test_the_calibration_error_is_the_gap_between_confidence_and_accuracy():
    task = task_of("multiclass", "ab")
    n = 150
    said = predictions_of(task, np.zeros(n), np.tile([0.8, 0.2], (n, 1)))
    report = evaluate_one(said, gold_of_labels(task, np.arange(n) % 2))
    assert figures(report)["ece"] == pytest.approx(0.3, abs=1e-6)
    assert report.calibration["T"] == {"n": [150], "confidence": [0.8], "outcome": [0.5]}


def test_calibration_bins_have_equal_mass():
    rng = np.random.default_rng(0)
    said, gold = random_task(rng, "multiclass", 1500, missing=0)
    counts = evaluate_one(said, gold).calibration["T"]["n"]
    assert len(counts) == 15
    assert max(counts) - min(counts) <= 1


@pytest.mark.parametrize("kind", ["multiclass", "multiclass list", "bitvector list"])
def test_the_calibration_error_of_a_split_is_that_of_its_bins(kind):
    said, gold = random_task(np.random.default_rng(1), kind, 400)
    report = evaluate_one(said, gold)
    bins = report.calibration["T"]
    n, confidence, outcome = (np.array(bins[name]) for name in ("n", "confidence", "outcome"))
    assert figures(report)["ece"] == pytest.approx((n * abs(confidence - outcome)).sum() / n.sum(), abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_every_figure_on_every_tag_equals_the_plain_loop(kind):
    rng = np.random.default_rng(KINDS.index(kind))
    n_records = 120
    said, gold = random_task(rng, kind, n_records)
    by_record = [[f"t{number}" for number in range(6) if rng.random() < 0.3 / (number + 1)] for _ in range(n_records)]
    report = evaluate_one(said, gold, tags_of(by_record))
    for tag in sorted({row.tag for row in report.rows}):
        records = [record for record in range(n_records) if tag in ("*", *by_record[record])]
        expected = brute_force(said, gold, records, span=kind == "span")
        value = figures(report, tag)
        value.pop("ece")
        assert value == pytest.approx(expected, rel=1e-5, abs=1e-7) if expected else set(value.values()) == {None}
        n = sum(int(gold.known[gold.offsets[record] : gold.offsets[record + 1]].sum()) for record in records)
        assert {row.n for row in report.rows if row.tag == tag} == {n}


@pytest.mark.parametrize("kind", KINDS)
def test_value_and_interval_are_in_order_and_within_bounds(kind):
    rng = np.random.default_rng(7)
    said, gold = random_task(rng, kind, 60)
    report = evaluate_one(said, gold, tags_of([[f"t{int(n)}"] for n in rng.geometric(0.3, 60)]))
    for row in report.rows:
        if row.value is not None and row.low is not None:
            assert 0 <= row.low <= row.value <= row.high
            assert row.metric == "log_loss" or row.high <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_records_does_not_matter(kind):
    rng = np.random.default_rng(3)
    said, gold = random_task(rng, kind, 50)
    by_record = [["even"] if record % 2 == 0 else ["odd"] for record in range(50)]
    order = rng.permutation(50)
    report = evaluate_one(said, gold, tags_of(by_record))
    shuffled = evaluate_one(
        reordered(said, order), reordered(gold, order), tags_of([by_record[record] for record in order])
    )
    for row, other in zip(report.rows, shuffled.rows, strict=True):
        assert (row.tag, row.metric, row.n) == (other.tag, other.metric, other.n)
        for name in ("value", "low", "high"):
            assert getattr(row, name) == pytest.approx(getattr(other, name), rel=1e-9, abs=1e-12)


def reordered(value, order):
    units = np.concatenate([np.arange(value.offsets[record], value.offsets[record + 1]) for record in order])
    offsets = np.concatenate([[0], np.cumsum(np.diff(value.offsets)[order])])
    if isinstance(value, Gold):
        return Gold(value.task, offsets, value.known[units], value.label[units])
    return Predictions(value.task, offsets, value.probability[units], value.label[units])


@given(seed=st.integers(0, 10_000), kind=st.sampled_from(KINDS), parts=st.integers(1, 5))
@examples(15)
def test_disjoint_slices_add_up_to_the_whole_split(seed, kind, parts):
    rng = np.random.default_rng(seed)
    said, gold = random_task(rng, kind, 30)
    report = evaluate_one(said, gold, tags_of([[f"slice:{rng.integers(parts)}"] for _ in range(30)]))
    metric = "exact_match" if kind.startswith("bitvector") else "accuracy"
    rows = [row for row in report.rows if row.metric == metric]
    whole = next(row for row in rows if row.tag == "*")
    slices = [row for row in rows if row.tag != "*"]
    assert sum(row.n for row in slices) == whole.n
    assert sum((row.value or 0) * row.n for row in slices) == pytest.approx((whole.value or 0) * whole.n)


@given(seed=st.integers(0, 10_000), kind=st.sampled_from(KINDS))
@examples(10)
def test_a_tag_on_every_record_has_the_figures_of_the_whole_split(seed, kind):
    said, gold = random_task(np.random.default_rng(seed), kind, 12)
    report = evaluate_one(said, gold, tags_of([["all"]] * 12))
    whole = [row for row in report.rows if row.tag == "*"]
    tagged = [row for row in report.rows if row.tag == "all"]
    for row, other in zip(whole, tagged, strict=True):
        assert (row.metric, row.value, row.low, row.high, row.n) == (
            other.metric,
            other.value,
            other.low,
            other.high,
            other.n,
        )


@pytest.mark.parametrize("kind", KINDS)
def test_records_that_are_alike_counted_together_give_the_same_figures(kind, monkeypatch):
    rng = np.random.default_rng(3)
    said, gold = random_task(rng, kind, 120)
    tags = tags_of([[f"t{number}" for number in np.flatnonzero(rng.random(6) < 0.4)] for _ in range(120)])
    together = evaluate_one(said, gold, tags).rows
    monkeypatch.setattr(metrics, "CELLS", 0)
    monkeypatch.setattr(groups, "CELLS", 0)
    for one, other in zip(together, evaluate_one(said, gold, tags).rows, strict=True):
        assert (one.tag, one.metric, one.n) == (other.tag, other.metric, other.n)
        for first, second in zip((one.value, one.low, one.high), (other.value, other.low, other.high), strict=True):
            assert first == (second if second is None else pytest.approx(second, rel=1e-9, abs=1e-12))


def test_a_task_without_gold_has_rows_that_say_nothing_and_a_note():
    task = task_of("multiclass", "ab")
    report = evaluate_one(predictions_of(task, [0, 1]), gold_of_labels(task, [-1, -1]), tags_of([["x"], []]))
    assert {(row.value, row.low, row.high, row.n) for row in report.rows} == {(None, None, None, 0)}
    assert "task T has no gold in test" in report.notes


@pytest.mark.parametrize("kind", KINDS)
def test_no_record_at_all_is_no_fault(kind):
    said, gold = random_task(np.random.default_rng(0), kind, 0)
    assert evaluate_one(said, gold).rows == ()


def test_one_class_alone_is_always_right_and_keeps_a_doubt():
    task = task_of("multiclass", "a")
    report = evaluate_one(predictions_of(task, [0] * 20, np.ones((20, 1))), gold_of_labels(task, [0] * 20))
    for metric in ("accuracy", "macro_f1"):
        row = report.row("T", "test", "*", metric)
        assert (row.value, row.high) == (1, 1)
        assert 0.7 < row.low < 0.95


def test_precision_says_nothing_where_nothing_was_predicted():
    task = task_of("bitvector", "ab")
    value = figures(evaluate_one(predictions_of(task, [[0, 0]]), gold_of_labels(task, [[1, 0]])))
    assert value["precision"] is None
    assert value["recall"] == 0
    assert value["micro_f1"] == 0


def test_splits_are_told_apart_and_train_appears_where_gold_stands_there():
    task = task_of("multiclass", "ab")
    said = predictions_of(task, [0, 0, 0, 0, 1])
    splits = Splits(np.array([0, 1]), np.array([2]), np.array([3, 4]), ("held out",))
    tags = tags_of([["train"], ["train", "x"], ["dev"], ["test", "x"], ["test"]])
    with_train = evaluate({"T": said}, {"T": gold_of_labels(task, [0, 1, 0, 0, 0])}, tags, splits)
    rows = {(row.split, row.tag): (row.value, row.n) for row in with_train.rows if row.metric == "accuracy"}
    assert rows == {
        ("train", "*"): (0.5, 2),
        ("train", "x"): (0, 1),
        ("dev", "*"): (1, 1),
        ("test", "*"): (0.5, 2),
        ("test", "x"): (1, 1),
    }
    without = evaluate({"T": said}, {"T": gold_of_labels(task, [-1, -1, 0, 0, 0])}, tags, splits)
    assert {row.split for row in without.rows} == {"dev", "test"}
    assert without.notes == ("held out",)


def test_predictions_may_be_of_some_records_in_any_order():
    rng = np.random.default_rng(5)
    said, gold = random_task(rng, "multiclass list", 40)
    tags = tags_of([["x"] if record % 3 else [] for record in range(40)])
    splits = Splits(NONE, np.arange(20), np.arange(20, 40), ())
    rows = rng.permutation(40)
    whole = evaluate({"T": said}, {"T": gold}, tags, splits)
    part = evaluate({"T": reordered(said, rows)}, {"T": gold}, tags, splits, rows=rows)
    for row, other in zip(whole.rows, part.rows, strict=True):
        assert (row.split, row.tag, row.metric, row.n) == (other.split, other.tag, other.metric, other.n)
        assert row.value == pytest.approx(other.value)
    dev = rows[rows < 20]
    scores = main_scores({"T": reordered(said, dev)}, {"T": gold}, dev)
    assert scores == {"T": pytest.approx(whole.row("T", "dev", "*", "accuracy").value)}


@pytest.mark.parametrize("kind", KINDS)
def test_main_scores_are_the_main_rows_of_the_report(kind):
    said, gold = random_task(np.random.default_rng(11), kind, 50)
    (row,) = evaluate_one(said, gold).main_rows()
    assert main_scores({"T": said}, {"T": gold}, np.arange(50)) == {"T": pytest.approx(row.value)}


@pytest.mark.parametrize(
    ("task", "nothing", "something"),
    [
        (task_of("bitvector", "ab"), [[0, 0], [0, 0]], [[0, 1], [0, 0]]),
        (task_of("multiclass", ["B-a", "O"]), [1, 1], [0, 1]),
    ],
)
def test_whether_a_task_has_a_main_score_is_told_by_gold_alone(task, nothing, something):
    gold, rows = gold_of_labels(task, nothing), np.arange(2)
    for said in (nothing, something):
        assert main_scores({"T": predictions_of(task, said)}, {"T": gold}, rows) == {}
        found = main_scores({"T": predictions_of(task, said)}, {"T": gold_of_labels(task, something)}, rows)
        assert found == {"T": float(said == something)}
    assert not may_be_found(gold, rows)
    assert may_be_found(gold_of_labels(task, something), rows)


def test_main_scores_leave_out_a_task_without_gold():
    task = task_of("multiclass", "ab")
    assert main_scores({"T": predictions_of(task, [0])}, {"T": gold_of_labels(task, [-1])}, np.arange(1)) == {}


def test_the_same_seed_gives_the_same_report_and_another_one_moves_the_bootstrap_alone():
    said, gold = random_task(np.random.default_rng(2), "multiclass", 80)
    first, again, other = (evaluate_one(said, gold, seed=seed) for seed in (0, 0, 1))
    assert first == again
    moved = {a.metric for a, b in zip(first.rows, other.rows, strict=True) if a != b}
    assert moved == {"ece"}


def test_predictions_of_other_units_than_the_gold_are_refused():
    task = task_of("multiclass", "ab")
    with pytest.raises(AssertionError, match="number the same units"):
        evaluate_one(predictions_of(task, [0, 0], lengths=[2]), gold_of_labels(task, [0], lengths=[1]))
