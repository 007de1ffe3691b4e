import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from overton.base import OvertonError
from overton.supervision import LabelModel, array_sample, combine, combine_bits, combine_select
from overton.supervision.array_votes import task_of, votes_of_matrix

ACCURACY = (0.9, 0.8, 0.7, 0.6, 0.75, 0.85, 0.65, 0.8, 0.7)


def plant(n_items=4000, accuracy=ACCURACY, n_classes=3, coverage=0.5, dtype=np.int8, seed=0):
    """A matrix of votes (item, source), and the truth."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, n_classes, n_items)
    shape = (n_items, len(accuracy))
    wrong = (truth[:, None] + random.integers(1, max(n_classes, 2), shape)) % n_classes
    votes = np.where(random.random(shape) < np.array(accuracy), truth[:, None], wrong)
    return np.where(random.random(shape) < coverage, votes, -1).astype(dtype), truth


def by_patterns(model, matrix):
    """The probabilities by the way that serves every kind of task; rows without a vote are nan."""
    votes = votes_of_matrix(np.asarray(matrix), None, model.sources, task_of("multiclass", model.classes))
    targets = combine(votes, method="auto" if model.model else "majority", model=model.model).targets
    return np.concatenate([targets.table, np.full((1, model.n_classes), np.nan)])[targets.index]


def problem_of(call, *arguments, **options):
    with pytest.raises(OvertonError) as caught:
        call(*arguments, **options)
    (problem,) = caught.value.problems
    return problem


def assert_same_as_by_patterns(model, matrix):
    found, expected = model.predict(matrix), by_patterns(model, matrix)
    voted = ~np.isnan(expected).any(1)
    assert found.dtype == np.float32
    assert_allclose(found[voted], expected[voted], atol=1e-5)
    assert_allclose(found[~voted], np.broadcast_to(model.prior, found[~voted].shape), atol=1e-6)


@pytest.mark.parametrize("n_classes", [2, 5])
def test_planted_accuracies_are_recovered_and_better_than_by_majority(n_classes):
    matrix, truth = plant(20_000, n_classes=n_classes)
    model = LabelModel.fit(matrix, n_classes=n_classes)
    majority = LabelModel.fit(matrix, n_classes=n_classes, method="majority")
    assert list(model.accuracy.values()) == pytest.approx(ACCURACY, abs=0.02)
    right = (model.predict_labels(matrix) == truth).mean()
    assert right > (majority.predict_labels(matrix) == truth).mean() + 0.01


@pytest.mark.long
def test_a_part_of_the_items_tells_nearly_as_much_as_all(monkeypatch):
    matrix, _ = plant(150_000)
    part = LabelModel.fit(matrix, n_classes=3).accuracy
    monkeypatch.setattr(array_sample, "FIT_VOTES", 10**9)
    whole = LabelModel.fit(matrix, n_classes=3).accuracy
    assert part != whole
    assert list(part.values()) == pytest.approx(list(whole.values()), abs=0.01)


def test_a_source_that_seldom_votes_is_looked_at_more_closely():
    matrix, truth = plant(300_000, n_classes=2)
    random = np.random.default_rng(3)
    seldom = np.where(random.random(len(truth)) < 0.005, truth ^ (random.random(len(truth)) < 0.35), -1)
    model = LabelModel.fit(np.column_stack([matrix, seldom, np.full(len(truth), -1)]), n_classes=2)
    assert model.accuracy["9"] == pytest.approx(0.65, abs=0.05)
    assert "10" not in model.accuracy


@given(
    n_items=st.integers(1, 60),
    n_sources=st.integers(1, 12),
    n_classes=st.integers(1, 7),
    coverage=st.sampled_from([0.1, 0.5, 1.0]),
    copies=st.integers(0, 3),
    with_gold=st.booleans(),
    dtype=st.sampled_from([np.int8, np.int16, np.int32, np.int64]),
    method=st.sampled_from(["auto", "dawid_skene", "majority"]),
    seed=st.integers(0, 1000),
)
def test_look_ups_give_what_patterns_give(
    n_items, n_sources, n_classes, coverage, copies, with_gold, dtype, method, seed
):
    accuracy = np.random.default_rng(seed).uniform(0.3, 0.95, n_sources)
    matrix, truth = plant(n_items * 20, accuracy, n_classes, coverage, dtype, seed)
    matrix = np.concatenate([matrix, *[matrix[:, :1]] * copies], axis=1)
    matrix[0, 0] = 0
    gold = np.where(np.arange(len(matrix)) % 3, -1, truth) if with_gold else None
    model = LabelModel.fit(matrix, n_classes=n_classes, gold=gold, method=method)
    assert_same_as_by_patterns(model, matrix)


@pytest.mark.parametrize(("n_classes", "n_sources"), [(2, 40), (3, 25), (30, 12), (80, 3)])
def test_look_ups_of_many_sources_or_classes_give_what_patterns_give(n_classes, n_sources):
    matrix, _ = plant(3000, np.linspace(0.4, 0.9, n_sources), n_classes, 0.3)
    assert_same_as_by_patterns(LabelModel.fit(matrix, n_classes=n_classes), matrix)


@pytest.mark.parametrize("n_sources", [6, 20])
@pytest.mark.parametrize("with_gold", [False, True])
def test_look_ups_of_rules_that_say_one_class_each_give_what_patterns_give(n_sources, with_gold):
    matrix, truth = plant(4000, np.linspace(0.6, 0.95, n_sources), 3, 0.7)
    matrix = np.where(matrix == np.arange(n_sources) % 3, matrix, -1)
    gold = np.where(np.arange(4000) < 500, truth, -1) if with_gold else None
    model = LabelModel.fit(matrix, n_classes=3, gold=gold)
    assert model.method == "leave_one_out"
    assert_same_as_by_patterns(model, matrix)


@pytest.mark.long
@pytest.mark.parametrize("n_copies", [2, 4, 20])
def test_copies_share_a_vote_also_where_they_are_too_many_for_one_table(n_copies):
    matrix, truth = plant(4000, n_classes=4, coverage=0.9)
    copies = np.repeat(matrix[:, :1], n_copies, axis=1)
    copies[:3] = np.random.default_rng(1).integers(-1, 4, copies[:3].shape)
    matrix = np.concatenate([matrix[:, 1:], copies], axis=1)
    model = LabelModel.fit(matrix, n_classes=4)
    assert len(model.copies["8"]) == n_copies - 1
    assert_same_as_by_patterns(model, matrix)
    assert (model.predict_labels(matrix) == truth).mean() > 0.95


def test_a_row_without_votes_gets_the_prior():
    random = np.random.default_rng(0)
    matrix, truth = plant(20_000, n_classes=2, coverage=0.6)
    rare = matrix[(truth == 0) | (random.random(len(truth)) < 0.25)]
    model = LabelModel.fit(rare, n_classes=2)
    assert model.prior == pytest.approx([0.8, 0.2], abs=0.04)
    assert_allclose(model.predict(np.full((3, 9), -1)), np.tile(model.prior, (3, 1)), atol=1e-6)


def test_the_label_on_which_all_votes_agree_is_the_most_likely():
    matrix, _ = plant(3000, (0.2, 0.9, 0.9, 0.9, 0.1, 0.9, 0.9, 0.9), 3)
    model = LabelModel.fit(matrix, n_classes=3)
    high, low = matrix.max(1), np.where(matrix < 0, 99, matrix).min(1)
    agreed = high == low
    assert (model.predict(matrix).argmax(1)[agreed] == high[agreed]).all()


def test_gold_teaches_what_a_source_is_worth_and_fixes_items_where_it_is_told_again():
    matrix, truth = plant(4000, (0.85, 0.6, 0.6), 2, 1.0)
    matrix[:, 2] = matrix[:, 1]
    blind, taught = (
        LabelModel.fit(matrix, 2),
        LabelModel.fit(matrix, 2, gold=np.where(np.arange(4000) < 400, truth, -1)),
    )
    assert taught.accuracy["0"] == pytest.approx(0.85, abs=0.03)
    assert (taught.predict_labels(matrix) == truth).mean() > (blind.predict_labels(matrix) == truth).mean() - 0.001
    assert taught.weights["0"] != 1
    fixed = taught.predict(matrix, gold=np.where(np.arange(4000) < 400, truth, -1))
    assert_allclose(fixed[:400], np.eye(2)[truth[:400]])
    assert_allclose(fixed[400:], taught.predict(matrix[400:]))


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64, np.float32])
@pytest.mark.parametrize("order", ["C", "F"])
def test_the_type_of_the_numbers_and_their_order_in_memory_do_not_matter(dtype, order):
    matrix, _ = plant(1000)
    same = np.asarray(matrix, dtype, order=order)
    if dtype == np.float32:
        same[same < 0] = np.nan
    model = LabelModel.fit(same, n_classes=3)
    assert_allclose(model.predict(same), LabelModel.fit(matrix, n_classes=3).predict(matrix))


def test_unsigned_numbers_are_votes_of_every_source():
    matrix, _ = plant(500, coverage=1.0)
    assert_allclose(
        LabelModel.fit(matrix.astype(np.uint64), 3).predict(matrix.astype(np.uint64)),
        LabelModel.fit(matrix, 3).predict(matrix),
    )


def test_the_same_seed_gives_the_same_model():
    matrix, _ = plant(60_000)
    first, again, other = (LabelModel.fit(matrix, n_classes=3, seed=seed).accuracy for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_predictions_are_written_where_the_caller_wants_them():
    matrix, _ = plant(500)
    model = LabelModel.fit(matrix, n_classes=3)
    out = np.empty((500, 3), np.float32)
    assert model.predict(matrix, out=out) is out
    assert problem_of(model.predict, matrix, out=np.empty((500, 3))).code == "supervision.bad-array"


def test_ties_are_broken_as_asked():
    model = LabelModel.fit(np.array([[0, 1], [1, 0], [0, 0], [1, 1]]), method="majority")
    rows = np.array([[0, 1], [1, 1], [-1, -1], [-1, 0]])
    assert model.predict_labels(rows).tolist() == [0, 1, 0, 0]
    assert model.predict_labels(rows, ties="abstain").tolist() == [-1, 1, -1, 0]
    many = np.tile(rows[:1], (1000, 1))
    assert model.predict_labels(many, ties="random").mean() == pytest.approx(0.5, abs=0.06)
    assert problem_of(model.predict_labels, rows, ties="best").code == "supervision.unknown-ties"


def test_a_frame_names_its_sources_and_may_have_its_columns_in_any_order():
    matrix, _ = plant(500, n_classes=2)
    frame = pd.DataFrame(matrix, columns=[f"rule {number}" for number in range(9)])
    model = LabelModel.fit(frame)
    assert model.sources == tuple(frame.columns)
    assert_allclose(model.predict(frame.iloc[:, ::-1].assign(more=7)), model.predict(matrix))
    missing = problem_of(model.predict, frame.drop(columns="rule 3"))
    assert missing.code == "supervision.unknown-source"


def test_missing_values_of_a_frame_abstain():
    frame = pd.DataFrame({"a": [0, 1, 1, 0], "b": [0, None, 1, 0]})
    nullable = frame.astype("Int64")
    expected = LabelModel.fit(frame.fillna(-1).astype(int)).predict(frame.fillna(-1).astype(int))
    assert_allclose(LabelModel.fit(frame).predict(frame), expected)
    assert_allclose(LabelModel.fit(nullable).predict(nullable), expected)


def test_the_analysis_tells_of_every_source_and_of_the_votes_together():
    matrix, truth = plant(3000, (0.9, 0.7, 0.8), 2)
    model = LabelModel.fit(matrix, 2, sources=["a", "b", "c"])
    rows = model.analysis(matrix, truth)
    assert rows.loc["b", "gold_accuracy"] == pytest.approx(0.7, abs=0.03)
    assert rows.loc["a", "coverage"] == pytest.approx(0.5, abs=0.03)
    assert rows.loc["a", "estimated_accuracy"] == pytest.approx(model.accuracy["a"])
    assert rows.loc["combined", "gold_accuracy"] >= rows.loc["majority", "gold_accuracy"]
    assert list(model.analysis(matrix).index) == [name for name in model.analysis(matrix).index if name != "gold"]


@pytest.mark.parametrize("method", ["auto", "dawid_skene"])
def test_an_explanation_adds_up_to_the_probability(method):
    matrix, _ = plant(3000, n_classes=3)
    matrix = np.concatenate([matrix, matrix[:, :1]], axis=1)
    model = LabelModel.fit(matrix, 3, method=method, classes=["x", "y", "z"])
    apart = matrix[(matrix == 0).any(1) & (matrix == 1).any(1)][:20]
    for row, expected in zip(apart, model.predict(apart), strict=True):
        parts = model.explain(row)
        assert list(parts.index) == [*(str(number) for number in np.flatnonzero(row >= 0)), "prior"]
        power = np.exp(parts.sum())
        assert_allclose(power / power.sum(), expected, atol=1e-5)
    assert_allclose(np.exp(model.explain(np.full(10, -1)).sum()), model.prior)


def test_the_silence_of_rules_is_a_part_of_an_explanation():
    matrix, _ = plant(4000, np.linspace(0.6, 0.95, 6), 3, 0.7)
    matrix = np.where(matrix == np.arange(6) % 3, matrix, -1)
    model = LabelModel.fit(matrix, n_classes=3)
    for row in matrix[(matrix >= 0).any(1)][:20]:
        parts = model.explain(row)
        assert list(parts.index[-2:]) == ["prior", "silence"]
        power = np.exp(parts.sum())
        assert_allclose(power / power.sum(), model.predict(row[None])[0], atol=1e-5)


def test_one_source_is_believed_and_one_class_is_certain():
    assert LabelModel.fit(np.array([[0], [1], [-1]])).predict_labels(np.array([[0], [1]])).tolist() == [0, 1]
    assert_allclose(LabelModel.fit(np.zeros((5, 3), int)).predict(np.array([[0, -1, 0], [-1, -1, -1]])), 1)


def test_a_matrix_without_items_has_no_predictions():
    model = LabelModel.fit(np.array([[0, 1], [1, 1]]))
    assert model.predict(np.zeros((0, 2), int)).shape == (0, 2)
    assert model.predict_labels(np.zeros((0, 2), int)).shape == (0,)


@pytest.mark.parametrize(
    ("matrix", "options", "code"),
    [
        ([0, 1], {}, "bad-array"),
        ([["a", "b"]], {}, "bad-array"),
        ([[0, 1], [0, -2]], {}, "bad-label"),
        ([[0, 1], [0, 5]], {"n_classes": 3}, "bad-label"),
        ([[0, 1.5]], {}, "bad-label"),
        ([[-1, -1]], {}, "no-votes"),
        (np.zeros((0, 3), int), {}, "no-votes"),
        ([[0, 1]], {"gold": [0, 1]}, "bad-array"),
        ([[0, 1]], {"gold": [4], "n_classes": 2}, "bad-label"),
        ([[0, 1]], {"sources": ["a"]}, "bad-names"),
        ([[0, 1]], {"sources": ["a", "a"]}, "bad-names"),
        ([[0, 1]], {"sources": ["a", "gold"]}, "bad-names"),
        ([[0, 1]], {"method": "dawid"}, "unknown-method"),
    ],
)
def test_what_is_no_matrix_of_labels_is_told(matrix, options, code):
    assert problem_of(LabelModel.fit, matrix, **options).code == f"supervision.{code}"


def test_labels_that_the_model_does_not_know_are_told():
    model = LabelModel.fit(np.array([[0, 1], [1, 1]]))
    assert problem_of(model.predict, [[0, 2]]).code == "supervision.bad-label"
    assert problem_of(model.predict, [[0, 1, 1]]).code == "supervision.bad-array"
    assert problem_of(model.explain, [0, 2]).code == "supervision.bad-label"


# ------------------------------------------------------------------------------------------------------- long frames


def long_of(matrix):
    item, source = np.nonzero(matrix >= 0)
    return pd.DataFrame(
        {
            "task": [f"t{number}" for number in item],
            "worker": [f"w{number}" for number in source],
            "label": np.array(["cat", "dog", "eel"])[matrix[item, source]],
        }
    )


def test_a_long_frame_with_the_columns_of_crowd_kit_gives_what_its_matrix_gives():
    matrix, _ = plant(1500)
    matrix = matrix[(matrix >= 0).any(1)]
    long = long_of(matrix)
    model = LabelModel.fit_long(long)
    assert model.classes == ("cat", "dog", "eel")
    table = model.predict_long(long)
    assert list(table.columns) == ["cat", "dog", "eel"]
    assert table.index.name == "task"
    assert_allclose(table, LabelModel.fit(matrix, 3).predict(matrix), atol=1e-5)
    assert model.accuracy["w0"] == pytest.approx(0.9, abs=0.03)


def test_the_order_of_the_lines_does_not_matter_but_a_later_label_wins():
    long = long_of(plant(800)[0])
    model = LabelModel.fit_long(long)
    mixed = long.sample(frac=1, random_state=0)
    assert_allclose(model.predict_long(mixed).loc[long.task.unique()], model.predict_long(long), atol=1e-6)
    earlier = long.assign(label="eel")
    assert_allclose(model.predict_long(pd.concat([earlier, long])), model.predict_long(long), atol=1e-6)


def test_columns_may_have_other_names_and_labels_may_be_numbers_or_missing():
    columns = {
        "id": [1, 1, 2, 2, 3, 3],
        "who": [7, 8, 7, 8, 7, 8],
        "says": np.array([10, 10, 2, 2, np.nan, 10]),
    }
    model = LabelModel.fit_long(columns, item="id", source="who", label="says")
    assert model.classes == (2, 10)
    table = model.predict_long(columns, item="id", source="who", label="says")
    assert table.idxmax(axis=1).to_dict() == {1: 10, 2: 2, 3: 10}


def test_a_source_that_knows_its_doubt_counts_less():
    long = pd.DataFrame(
        {
            "task": ["a", "a", "a", "b", "b"],
            "worker": ["w", "w", "v", "w", "v"],
            "label": ["no", "yes", "yes", "no", "yes"],
            "p": [0.9, 0.1, 0.6, 1.0, 1.0],
        }
    )
    model = LabelModel.fit_long(long, probability="p")
    table = model.predict_long(long, probability="p")
    assert table.loc["a", "no"] > table.loc["b", "no"] - 0.01


def test_gold_of_a_long_frame_is_a_series_or_a_mapping():
    matrix, truth = plant(2000)
    long = long_of(matrix)
    gold = pd.Series(np.array(["cat", "dog", "eel"])[truth], index=[f"t{number}" for number in range(2000)])
    by_series, by_mapping = LabelModel.fit_long(long, gold=gold), LabelModel.fit_long(long, gold=gold.to_dict())
    assert by_series.accuracy == by_mapping.accuracy
    assert list(by_series.accuracy.values()) == pytest.approx(ACCURACY, abs=0.035)


def test_what_is_no_long_frame_is_told():
    long = long_of(plant(200)[0])
    model = LabelModel.fit_long(long)
    missing = problem_of(LabelModel.fit_long, long.rename(columns={"worker": "workers"}))
    assert missing.code == "supervision.bad-array"
    assert "workers" in missing.hint
    assert problem_of(model.predict_long, long.assign(worker="new")).code == "supervision.unknown-source"
    assert problem_of(model.predict_long, long.assign(label="cats")).code == "supervision.bad-label"
    assert problem_of(LabelModel.fit_long, long.assign(label=None)).code == "supervision.no-votes"
    assert problem_of(LabelModel.fit_long, long.assign(worker=None)).code == "supervision.bad-array"
    assert problem_of(LabelModel.fit_long, long.assign(p=2), probability="p").code == "supervision.bad-label"


# -------------------------------------------------------------------------------------------- bitvectors and selections


def test_bits_of_an_array_are_combined_better_than_by_majority():
    random = np.random.default_rng(0)
    truth = random.random((4000, 5)) < 0.3
    accuracy = np.array([0.98, 0.7, 0.7, 0.75])
    flipped = random.random((4000, 4, 5)) > accuracy[:, None]
    labels = np.where((random.random((4000, 4)) < 0.9)[..., None], truth[:, None] ^ flipped, -1)
    combined, majority = combine_bits(labels), combine_bits(labels, method="majority")
    table = combined.targets.to_array()
    voted = ~np.isnan(table).any(1)
    assert (voted == (labels >= 0).any((1, 2))).all()
    right = ((table > 0.5) == truth)[voted].mean()
    assert right > ((majority.targets.to_array() > 0.5) == truth)[voted].mean() + 0.01
    taught = combine_bits(labels, gold=np.where(np.arange(4000)[:, None] < 2000, truth, -1), sources=list("abcd"))
    assert taught.accuracy["a"] == pytest.approx(0.98**5, abs=0.04)


def test_selections_of_an_array_are_combined_and_stay_within_the_set():
    random = np.random.default_rng(0)
    size = random.integers(2, 6, 6000)
    truth = random.integers(0, size)
    wrong = (truth[:, None] + random.integers(1, size[:, None], (6000, 5))) % size[:, None]
    labels = np.where(random.random((6000, 5)) < [0.9, 0.8, 0.7, 0.6, 0.75], truth[:, None], wrong)
    labels = np.where(random.random((6000, 5)) < 0.6, labels, -1)
    combined = combine_select(labels, size, sources=list("abcde"))
    assert list(combined.accuracy.values()) == pytest.approx([0.9, 0.8, 0.7, 0.6, 0.75], abs=0.03)
    table = combined.targets.to_array()
    assert (np.nan_to_num(table)[np.arange(5) >= size[:, None]] == 0).all()
    taught = combine_select(labels, size, gold=truth)
    assert taught.accuracy["0"] == pytest.approx(0.9, abs=0.03)


@pytest.mark.parametrize(
    ("labels", "options", "code"),
    [
        ([[[0, 1]], [[0, 2]]], {}, "bad-label"),
        ([[[0, 1]], [[0, -1]]], {}, "bad-label"),
        ([[0, 1]], {}, "bad-array"),
        ([[[-1, -1]]], {}, "no-votes"),
        ([[[0, 1]]], {"gold": [[0]]}, "bad-array"),
    ],
)
def test_what_are_no_bits_is_told(labels, options, code):
    assert problem_of(combine_bits, labels, **options).code == f"supervision.{code}"


@pytest.mark.parametrize(
    ("labels", "candidates", "code"),
    [
        ([[0, 1], [2, 0]], [3, 2], "bad-label"),
        ([[0, -2]], [3], "bad-label"),
        ([[0, 1]], [3, 2], "bad-array"),
        ([[-1, -1]], [3], "no-votes"),
    ],
)
def test_what_are_no_selections_is_told(labels, candidates, code):
    assert problem_of(combine_select, labels, candidates).code == f"supervision.{code}"


@pytest.mark.parametrize("missing", [np.nan, None, pd.NA])
def test_a_label_that_gold_of_a_long_frame_lacks_is_no_class(missing):
    lines = [(f"q{item}", worker, "cat" if item % 3 else "dog") for item in range(30) for worker in ("ann", "bob")]
    frame = pd.DataFrame(lines, columns=["task", "worker", "label"])
    model = LabelModel.fit_long(frame, gold={"q1": "cat", "q2": missing})
    assert model.classes == ("cat", "dog")
    # A class may be called like what is missing.
    named = LabelModel.fit_long(
        frame.replace({"label": {"dog": "nan"}}), gold={f"q{item}": "nan" for item in range(30)}
    )
    assert named.accuracy["ann"] < model.accuracy["ann"] - 0.1


@pytest.mark.parametrize(("n_items", "n_known"), [(60_000, 0), (50_001, 0), (260_000, 0), (320_000, 250_000)])
def test_no_item_of_a_large_matrix_counts_twice(n_items, n_known):
    matrix = np.random.default_rng(0).integers(0, 3, (n_items, 2)).astype(np.int8)
    rows = array_sample.choose_rows(matrix, np.arange(n_items) < n_known, matrix.size, 0)
    assert (np.diff(rows) > 0).all()
    assert rows[0] >= 0
    assert rows[-1] < n_items
    assert len(rows) in (50_000, 250_000)  # 100,000 votes, and 400,000 beside known truth


def test_a_class_has_one_number():
    frame = {"task": [1, 2], "worker": ["a", "b"], "label": ["cat", "dog"]}
    for fit in (
        lambda names: LabelModel.fit_long(frame, classes=names),
        lambda names: LabelModel.fit([[0]], classes=names),
    ):
        with pytest.raises(OvertonError, match=r"two classes have the same name: 'cat'.*\[supervision.bad-names\]"):
            fit(["cat", "dog", "cat"])
    assert LabelModel.fit_long(frame, classes=np.array(["cat", "dog"])).n_classes == 2
