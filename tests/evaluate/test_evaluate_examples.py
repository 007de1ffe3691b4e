import time
from dataclasses import replace

import numpy as np
import pytest

from overton.base import OvertonError
from overton.data import Splits, Votes
from overton.evaluate import example_rows, parse_examples, render_examples
from overton.evaluate.files import read_examples, write_examples
from tests.evaluate.evaluate_factories import NONE, gold_of_labels, predictions_of, tags_of, task_of


def votes_of(task, lengths, cells):
    """Votes out of (unit, source, {label: probability}) in any order."""
    sources = tuple(sorted({source for _, source, _ in cells}))
    cells = sorted(cells, key=lambda cell: (cell[0], cell[1]))
    entries = [entry for _, _, labels in cells for entry in labels.items()]
    return Votes(
        task=task,
        sources=sources,
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        unit=np.array([unit for unit, _, _ in cells], np.int64),
        source=np.array([sources.index(source) for _, source, _ in cells], np.int32),
        first=np.concatenate([[0], np.cumsum([len(labels) for _, _, labels in cells])]).astype(np.int64),
        label=np.array([label for label, _ in entries], np.int32),
        probability=np.array([probability for _, probability in entries], np.float32),
    )


@pytest.fixture(scope="module")
def rows():
    intent = task_of("multiclass", ("age", 'he said "hi"'))
    pos = task_of("multiclass", ("DET", "NOUN"))
    types = task_of("bitvector", ("city", "country"))
    arg = task_of("select")
    lengths = [2, 0, 1]
    votes = {
        "Intent": votes_of(
            intent, [1, 1, 1], [(0, "weak", {1: 1}), (0, "crowd", {0: 0.8, 1: 0.2}), (2, "gold", {0: 1})]
        ),
        "POS": votes_of(pos, lengths, [(0, "spacy", {0: 1}), (1, "gold", {1: 1}), (2, "spacy", {1: 0.5})]),
        "Types": votes_of(types, lengths, [(0, "gaz", {}), (1, "gaz", {0: 1, 1: 1}), (2, "doubt", {1: 0.25})]),
        "Arg": votes_of(arg, [1, 1, 1], [(0, "rule", {2: 1}), (1, "crowd", {0: 0.5, 1: 0.5})]),
    }
    said = {
        "Intent": predictions_of(intent, [1, 0, 0]),
        "POS": predictions_of(pos, [0, 1, 1], [[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]], lengths=lengths),
        "Types": predictions_of(types, [[0, 0], [1, 1], [0, 1]], [[0.1, 0.2], [0.9, 0.8], [0.3, 0.6]], lengths=lengths),
        "Arg": predictions_of(arg, [2, -1, 0], [[0, 0.1, 0.9], [0, 0, 0], [1, 0, 0]]),
    }
    gold = {
        "Intent": gold_of_labels(intent, [1, -1, 1]),
        "POS": gold_of_labels(pos, [-1, 1, 1], lengths=lengths),
        "Types": gold_of_labels(types, [[0, 0], [1, 0], None], lengths=lengths),
        "Arg": gold_of_labels(arg, [2, 0, -1]),
    }
    tags = tags_of([["test", "lang:en", "slice:rare"], ["dev"], []])
    return example_rows(
        ["q1", "q2", "q3"], np.arange(3), tags, Splits(np.array([2]), np.array([1]), np.array([0])), votes, said, gold
    )


@pytest.fixture(scope="module")
def frame(rows):
    return parse_examples(render_examples(rows)).set_index(["task", "id"])


def test_a_row_is_an_example_and_task(frame):
    assert list(frame.index) == [(task, i) for task in ("Intent", "POS", "Types", "Arg") for i in ("q1", "q2", "q3")]
    assert list(frame.columns) == ["split", "tags", "labels", "gold", "prediction", "probability", "correct"]


def test_splits_and_tags_stand_on_every_row(frame):
    assert frame.loc["POS", "split"].tolist() == ["test", "dev", "train"]
    assert [list(tags) for tags in frame.loc["Arg", "tags"]] == [["lang:en", "slice:rare"], [], []]


def test_a_label_of_a_record_stands_as_it_is(frame):
    assert frame.loc["Intent", "prediction"].tolist() == ['he said "hi"', "age", "age"]
    assert frame.loc["Intent", "labels"].tolist() == [
        {"crowd": '{"age": 0.8, "he said \\"hi\\"": 0.2}', "weak": 'he said "hi"'},
        {},
        {"gold": "age"},
    ]
    assert frame.loc[("Intent", "q1"), "gold"] == 'he said "hi"'


def test_labels_of_tokens_are_json_lists_with_null_where_nothing_is_said(frame):
    assert frame.loc["POS", "labels"].tolist() == [
        {"gold": '[null, "NOUN"]', "spacy": '["DET", null]'},
        {},
        {"spacy": '[{"NOUN": 0.5}]'},
    ]
    assert frame.loc[("POS", "q1"), "gold"] == '[null, "NOUN"]'
    assert frame.loc["POS", "prediction"].tolist()[::2] == ['["DET", "NOUN"]', '["NOUN"]']


def test_bitvectors_are_lists_of_names(frame):
    assert frame.loc[("Types", "q1"), "prediction"] == '[[], ["city", "country"]]'
    assert frame.loc["Types", "labels"].tolist() == [
        {"gaz": '[[], ["city", "country"]]'},
        {},
        {"doubt": '[{"country": 0.25}]'},
    ]


def test_members_are_told_by_their_index(frame):
    assert frame.loc[("Arg", "q1"), "prediction"] == "2"
    assert frame.loc["Arg", "labels"].tolist() == [{"rule": "2"}, {"crowd": '{"0": 0.5, "1": 0.5}'}, {}]


def test_what_is_not_known_is_null(frame):
    assert frame.loc[[("Intent", "q2"), ("POS", "q2"), ("Arg", "q3"), ("Types", "q3")], "gold"].isna().all()
    assert frame.loc[[("Arg", "q2"), ("POS", "q2")], "prediction"].isna().all()
    assert frame.loc[[("Arg", "q2"), ("POS", "q2")], "probability"].isna().all()
    assert frame.loc[[("Intent", "q2"), ("POS", "q2"), ("Types", "q3")], "correct"].isna().all()


def test_probability_is_that_of_the_least_sure_unit(frame):
    assert frame.loc[("POS", "q1"), "probability"] == pytest.approx(0.6)
    assert frame.loc[("Types", "q1"), "probability"] == pytest.approx(0.8)
    assert frame.loc[("Types", "q3"), "probability"] == pytest.approx(0.6)
    assert frame.loc[("Arg", "q1"), "probability"] == pytest.approx(0.9)


def test_an_example_is_correct_where_all_that_is_known_was_predicted(frame):
    correct = {key: bool(value) for key, value in frame["correct"].dropna().items()}
    assert correct == {
        ("Intent", "q1"): True,
        ("Intent", "q3"): False,
        ("POS", "q1"): True,
        ("POS", "q3"): True,
        ("Types", "q1"): False,
        ("Arg", "q1"): True,
        ("Arg", "q2"): False,
    }


def test_examples_on_disk_are_read_back(rows, tmp_path, frame):
    write_examples(tmp_path / "predictions.parquet", rows)
    read = read_examples(tmp_path / "predictions.parquet").set_index(["task", "id"])
    assert read["prediction"].equals(frame["prediction"])


@pytest.mark.parametrize("content", [b"", b"PAR1 nonsense"])
def test_a_file_that_holds_no_examples_is_refused(content, tmp_path):
    (tmp_path / "predictions.parquet").write_bytes(content)
    with pytest.raises(OvertonError, match=r"not a Parquet file.*\[report\.bad\]"):
        read_examples(tmp_path / "predictions.parquet")


def test_another_parquet_file_is_refused(tmp_path):
    import pandas as pd

    pd.DataFrame({"id": ["q1"]}).to_parquet(tmp_path / "other.parquet")
    with pytest.raises(OvertonError, match=r"without the columns task, split"):
        read_examples(tmp_path / "other.parquet")


def test_no_examples_make_a_file_with_all_columns():
    rows = example_rows([], NONE, tags_of([]), Splits(NONE, NONE, NONE), {}, {}, {})
    assert parse_examples(render_examples(rows)).empty


def test_bits_that_were_not_predicted_are_null_and_wrong():
    types = task_of("bitvector", ("city", "country"))
    said = replace(predictions_of(types, [[False, False], [False, False]]), unknown=np.array([True, False]))
    gold = gold_of_labels(types, [[False, False], [False, False]])
    found = example_rows(
        ["a", "b"],
        np.arange(2),
        tags_of([[], []]),
        Splits(NONE, NONE, np.arange(2)),
        {"T": votes_of(types, [1, 1], [])},
        {"T": said},
        {"T": gold},
    )
    task = found.tasks["T"]
    assert (task.prediction, task.correct.tolist()) == ([None, "[]"], [0, 1])
    assert np.isnan(task.probability).tolist() == [True, False]


def test_records_may_be_some_of_the_data_set_in_any_order():
    task = task_of("multiclass", "ab")
    votes = votes_of(task, [2, 1, 1], [(0, "s", {0: 1}), (2, "s", {1: 1}), (3, "s", {0: 1})])
    gold = gold_of_labels(task, [0, 0, 1, 0], lengths=[2, 1, 1])
    said = predictions_of(task, [0, 0, 1], lengths=[1, 2])
    tags = tags_of([["a"], ["b"], ["c"]])
    splits = Splits(np.arange(3), NONE, NONE)
    rows = example_rows(["r2", "r0"], np.array([2, 0]), tags, splits, {"T": votes}, {"T": said}, {"T": gold})
    frame = parse_examples(render_examples(rows))
    assert frame["labels"].tolist() == [{"s": '["a"]'}, {"s": '["a", null]'}]
    assert frame["gold"].tolist() == ['["a"]', '["a", "a"]']
    assert [list(tags) for tags in frame["tags"]] == [["c"], ["a"]]
    assert frame["correct"].tolist() == [True, False]


def test_twenty_thousand_records_are_written_in_seconds(tmp_path):
    rng = np.random.default_rng(0)
    n_records, n_classes = 20_000, 20
    task = task_of("multiclass", [f"c{number}" for number in range(n_classes)])
    lengths = np.full(n_records, 10)
    n = int(lengths.sum())
    label = rng.integers(0, n_classes, 3 * n).astype(np.int32)
    votes = Votes(
        task=task,
        sources=("a", "b", "gold"),
        offsets=np.arange(n_records + 1) * 10,
        unit=np.repeat(np.arange(n), 3),
        source=np.tile(np.arange(3, dtype=np.int32), n),
        first=np.arange(3 * n + 1),
        label=label,
        probability=np.ones(3 * n, np.float32),
    )
    said = predictions_of(task, rng.integers(0, n_classes, n), lengths=lengths)
    gold = gold_of_labels(task, label[2::3], lengths=lengths)
    tags = tags_of([["test"]] * n_records)
    start = time.process_time()
    rows = example_rows(
        [f"q{number}" for number in range(n_records)],
        np.arange(n_records),
        tags,
        Splits(NONE, NONE, np.arange(n_records)),
        {"T": votes},
        {"T": said},
        {"T": gold},
    )
    write_examples(tmp_path / "predictions.parquet", rows)
    assert time.process_time() - start < 5
