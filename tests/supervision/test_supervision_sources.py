from pathlib import Path

import numpy as np
import pytest

from overton.data import Splits
from overton.schema import Task
from overton.supervision import (
    SourceReport,
    Targets,
    combine,
    combined_labels,
    render_sources,
    source_report,
    source_rows,
)
from tests.supervision.planted import rows_of, simulate, votes_of

GOLDEN = Path(__file__).parents[1] / "cases" / "supervision" / "sources.txt"

ROWS = [
    {"good": 0, "bad": 1, "gold": 0},
    {"good": 1, "bad": 1, "gold": 1},
    {"good": {2: 0.7, 0: 0.3}, "bad": 0, "gold": 2},
    {"bad": 2, "gold": 0},
    {"good": 1},
    {},
]


def splits(n_records: int, n_test: int) -> Splits:
    records = np.arange(n_records)
    return Splits(train=records[n_test:], dev=records[:0], test=records[:n_test], notes=())


def rows_by_source(rows, split):
    return {row.source: row for row in rows if row.split == split}


def test_the_figures_of_a_source_are_shares_of_the_units():
    votes = votes_of(ROWS)
    rows = rows_by_source(source_rows(votes, combine(votes), splits(6, 4)), "test")
    bad = rows["bad"]
    assert (bad.coverage, bad.overlap, bad.conflict, bad.n) == (1, 0.75, 0.5, 4)
    assert bad.gold_accuracy == 0.25
    good = rows["good"]
    assert (good.coverage, good.overlap, good.conflict, good.n) == (0.75, 0.75, 0.5, 3)
    assert good.gold_accuracy == 1


def test_the_source_that_is_wrong_most_comes_first_and_the_combined_labels_last():
    votes = votes_of(ROWS)
    rows = source_rows(votes, combine(votes), splits(6, 4))
    assert [row.source for row in rows if row.split == "test"] == ["bad", "good", "combined", "majority", "gold"]
    assert [row.split for row in rows] == ["train"] * 3 + ["test"] * 5
    assert rows[0].to_json().keys() == {
        *("task", "source", "split", "coverage", "overlap", "conflict"),
        *("estimated_accuracy", "gold_accuracy", "n"),
        *("tag", "polarity", "n_gold", "gold_low", "gold_high", "copies", "marginal", "estimated_change", "warnings"),
        "together",
    }


def test_a_source_that_is_called_as_the_votes_taken_together_are_is_told_apart():
    votes = votes_of([{"majority": 0, "combined": 1, "s": 0}] * 4)
    rows = source_rows(votes, combine(votes), splits(4, 4))
    assert [row.source for row in rows][-2:] == ["(combined)", "(majority)"]
    assert {row.source for row in rows if not row.together} == {"majority", "combined", "s"}
    text = render_sources(source_report(votes, combine(votes), splits(4, 4)))
    assert [line.split()[0] for line in text.splitlines()].count("majority") == 1


def test_the_labels_that_tie_in_a_majority_are_right_in_part():
    votes = votes_of([{"s": 0, "t": 1, "gold": 1}])
    rows = rows_by_source(source_rows(votes, combine(votes, method="majority"), splits(1, 1)), "test")
    assert rows["majority"].gold_accuracy == 0.5


def test_where_gold_is_certain_it_does_not_flatter_the_combined_labels():
    votes = votes_of([{"s": 0, "gold": 1}, {"s": 0, "gold": 1}])
    certain = combine(votes, training=np.array([True, False]))
    rows = source_rows(votes, certain, Splits(np.array([0]), np.array([], np.int64), np.array([1]), ()))
    assert rows_by_source(rows, "train")["combined"].gold_accuracy is None
    assert rows_by_source(rows, "test")["combined"].gold_accuracy == 0
    assert rows_by_source(rows, "train")["s"].gold_accuracy == 0


@pytest.mark.parametrize("type", ["multiclass", "bitvector", "select"])
def test_estimated_accuracies_are_near_the_true_ones(type):
    votes, truth = simulate(type, (0.95, 0.9, 0.85, 0.8), n_units=3000, n_labels=3)
    with_gold = votes_of(
        [
            {**row, "gold": np.flatnonzero(right).tolist() if truth.ndim == 2 else int(right)}
            for row, right in zip(rows_of(votes), truth, strict=True)
        ],
        type=type,
        candidates=None if votes.candidates is None else votes.candidates.tolist(),
    )
    rows = source_rows(with_gold, combine(with_gold), splits(3000, 3000))
    for row in rows:
        if row.source not in ("majority", "gold"):
            # The combined labels of few sources are doubted more than those of sources that really err by themselves.
            within = 0.1 if row.source == "combined" else 0.05
            assert row.estimated_accuracy == pytest.approx(row.gold_accuracy, abs=within)
    together = rows_by_source(rows, "test")
    assert together["combined"].gold_accuracy >= together["majority"].gold_accuracy


def test_gold_has_a_row_that_says_where_it_stands():
    votes = votes_of(ROWS)
    gold = rows_by_source(source_rows(votes, combine(votes), splits(6, 5)), "test")["gold"]
    assert (gold.coverage, gold.overlap, gold.conflict, gold.n) == (0.8, 0.8, 0.6, 4)
    assert gold.gold_accuracy is None


@pytest.mark.parametrize("type", ["multiclass", "bitvector", "select"])
def test_a_task_without_votes_has_no_rows_but_that_of_gold(type):
    votes = votes_of([{}, {}], type=type)
    assert source_rows(votes, combine(votes), splits(2, 1)) == ()
    votes = votes_of([{"gold": [0] if type == "bitvector" else 0}, {}], type=type)
    assert [row.source for row in source_rows(votes, combine(votes), splits(2, 1))] == ["gold"]


def test_a_task_with_votes_but_no_gold_has_no_true_accuracy():
    votes = votes_of([{"s": 0}, {"s": 1}])
    rows = source_rows(votes, combine(votes), splits(2, 1))
    assert {(row.source, row.gold_accuracy) for row in rows} == {("s", None), ("combined", None), ("majority", None)}


def test_the_table_for_the_terminal(update_golden):
    random = np.random.default_rng(3)
    rows = []
    for number in range(40):
        truth = int(random.integers(0, 3))
        row = {"rules_that_have_a_long_name": truth, "guess": int(random.integers(0, 3))}
        if random.random() < 0.5:
            row["crowd"] = truth if random.random() < 0.8 else (truth + 1) % 3
        if number < 12:
            row["gold"] = truth
        rows.append(row)
    votes = votes_of(rows)
    figures = source_report(votes, combine(votes), splits(40, 12))
    text = "".join(f"# width {width}\n{render_sources(figures, width)}\n" for width in (100, 72))
    if update_golden:
        GOLDEN.parent.mkdir(parents=True, exist_ok=True)
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")
    assert all(len(line) <= 72 for line in render_sources(figures, 72).splitlines())


def test_no_rows_render_to_nothing():
    assert render_sources(SourceReport()) == ""


def test_combined_labels_are_labels_of_a_data_file():
    votes = votes_of([{"s": 0, "gold": 2}, {"s": {0: 0.5, 1: 0.5}}, {}])
    combined = combine(votes, method="majority", training=np.array([True, False, False]))
    labels = combined_labels(combined.targets, np.array([1, 0, 2]), per_item=False)
    assert labels == [{"a": 0.5, "b": 0.5}, {"c": 1.0}, None]


def test_combined_labels_of_tokens_are_lists():
    votes = votes_of([{"s": 0}, {}, {}, {}], per_record=2)
    labels = combined_labels(combine(votes, method="majority").targets, np.arange(2), per_item=True)
    assert labels == [[{"a": 1.0}, None], None]


def test_combined_labels_of_bits_leave_out_what_does_not_hold():
    votes = votes_of([{"s": [0, 2]}, {"s": []}], type="bitvector")
    labels = combined_labels(combine(votes, method="majority").targets, np.arange(2), per_item=False)
    assert labels == [{"a": 1.0, "c": 1.0}, []]


def test_combined_labels_of_members_are_by_index():
    votes = votes_of([{"s": 1, "t": 0, "u": 1}], type="select", candidates=[2])
    label = combined_labels(combine(votes).targets, np.arange(1), per_item=False)[0]
    assert list(label) == ["0", "1"]
    assert label["1"] > label["0"]
    assert sum(label.values()) == pytest.approx(1, abs=2e-4)
    assert all(value == round(value, 4) for value in label.values())


@pytest.mark.parametrize("n_classes", [3, 600, 2000, 30_000])
def test_combined_labels_of_any_number_of_classes_add_up_to_one(n_classes):
    random = np.random.default_rng(0)
    classes = tuple(f"c{number}" for number in range(n_classes))
    table = random.dirichlet(np.full(n_classes, 2.0), 4)
    table[0] = 1 / n_classes
    table[1:, 7 % n_classes] += 3.0
    table = (table / table.sum(axis=1, keepdims=True)).astype(np.float32)
    task = Task("T", "p", "multiclass", classes)
    targets = Targets(task, np.arange(5), np.arange(4, dtype=np.int32), table)
    labels = combined_labels(targets, np.arange(4), per_item=False)
    assert [sum(label.values()) for label in labels] == pytest.approx([1] * 4, abs=1e-3)
    assert len(set(labels[0].values())) == 1  # what ties still does


@pytest.mark.parametrize("type", ["multiclass", "bitvector", "select"])
def test_a_source_that_votes_on_known_units_alone_has_an_estimated_accuracy(type):
    votes, truth = simulate(type, (0.9, 0.8, 0.85), n_units=400, n_labels=3)
    dev = np.arange(400) < 100
    rows = [
        {name: label for name, label in row.items() if name != "s2" or dev[number]}
        | {"gold": np.flatnonzero(right).tolist() if truth.ndim == 2 else int(right)}
        for number, (row, right) in enumerate(zip(rows_of(votes), truth, strict=True))
    ]
    sizes = None if votes.candidates is None else votes.candidates.tolist()
    combined = combine(votes_of(rows, type=type, classes=votes.task.classes, candidates=sizes), dev=dev)
    assert combined.n_known > 50
    assert 0.3 < combined.accuracy["s2"] <= 1
