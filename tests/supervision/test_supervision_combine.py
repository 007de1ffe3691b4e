from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from overton.base import OvertonError
from overton.data import Votes
from overton.supervision import METHODS, combine
from tests.properties import examples
from tests.supervision.planted import KINDS, probabilities, simulate, votes_of

ACCURACY = (0.9, 0.8, 0.7, 0.6, 0.75)


def targets_of(votes: Votes, **options) -> np.ndarray:
    targets = combine(votes, **options).targets
    return probabilities(votes, targets.index, targets.table)


def share_right(table: np.ndarray, truth: np.ndarray) -> float:
    known = ~np.isnan(table).any(1)
    if truth.ndim == 2:
        return float(((table[known] > 0.5) == truth[known]).mean())
    return float((table[known].argmax(1) == truth[known]).mean())


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_task_is_combined_better_than_by_majority(kind):
    type, per_record = KINDS[kind]
    votes, truth = simulate(type, (0.95, 0.6, 0.6, 0.6), per_record=per_record, n_labels=3, coverage=0.9)
    assert share_right(targets_of(votes), truth) > share_right(targets_of(votes, method="majority"), truth) + 0.01


def test_a_source_that_stands_alone_on_its_records_is_believed():
    """Nothing can be learned of it from the votes; so what it says is taken as that of any source."""
    random = np.random.default_rng(0)
    truth = random.choice(8, 4000, p=[0.3, 0.2, 0.15, 0.12, 0.1, 0.06, 0.04, 0.03]).tolist()

    def says(label, accuracy, n_classes):
        return min(label, n_classes - 1) if random.random() < accuracy else int(random.choice(n_classes))

    rows = [{"alone": label} for label in truth[:600]]
    for label in truth[600:]:
        row = {"weak": says(label, 0.65, 7), "good": says(label, 0.75, 7)}
        row["lexicon"] = says(label, 0.9, 5) if label < 5 and random.random() < 0.9 else None
        row["rules"] = says(label, 0.85, 7) if random.random() < 0.15 else None
        rows.append(row)
    votes = votes_of(rows, classes="abcdefgh")
    assert combine(votes).accuracy["alone"] > 0.6  # 0.07 where it is judged by what suits the silence of the others
    assert share_right(targets_of(votes)[:600], np.array(truth[:600])) == 1


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "bitvector" not in kind])
def test_planted_accuracies_are_recovered(kind):
    type, per_record = KINDS[kind]
    votes, _ = simulate(type, ACCURACY, per_record=per_record, n_units=10_000)
    estimated = combine(votes).accuracy
    assert [estimated[f"s{number}"] for number in range(5)] == pytest.approx(ACCURACY, abs=0.03)


def test_planted_accuracies_of_bits_are_recovered():
    votes, _ = simulate("bitvector", (0.95, 0.9, 0.8, 0.85), n_units=10_000, n_labels=4)
    estimated = combine(votes).accuracy
    assert [estimated[f"s{number}"] for number in range(4)] == pytest.approx(
        [right**4 for right in (0.95, 0.9, 0.8, 0.85)], abs=0.05
    )


def test_many_sources_that_use_every_class_get_confusion_matrices():
    votes, _ = simulate("multiclass", (0.9, 0.8, 0.7, 0.6, 0.75, 0.8, 0.7, 0.65, 0.2), coverage=0.4)
    combined = combine(votes)
    assert combined.method == "dawid_skene"
    assert combined.accuracy["s8"] == pytest.approx(0.2, abs=0.05)


def test_four_sources_that_err_on_classes_of_their_own_are_better_than_majority():
    random = np.random.default_rng(0)
    truth = random.integers(0, 4, 4000)
    rows = [
        {
            f"s{source}": int((label + 1) % 4 if label == source and random.random() < 0.8 else label)
            for source in range(4)
            if random.random() < 0.8
        }
        for label in truth
    ]
    votes = votes_of(rows, classes=("a", "b", "c", "d"))
    combined = combine(votes)
    assert combined.method == "dawid_skene"
    table = probabilities(votes, combined.targets.index, combined.targets.table)
    wrong = 1 - share_right(table, truth)
    assert wrong < 0.3 * (1 - share_right(targets_of(votes, method="majority"), truth))


def test_few_sources_of_two_classes_get_one_accuracy_each():
    votes, _ = simulate("multiclass", (0.9, 0.8, 0.7, 0.75, 0.6), n_labels=2)
    assert combine(votes).method == "leave_one_out"


def test_the_class_prior_is_recovered_where_classes_are_unequal():
    prior = (0.85, 0.05, 0.1)
    votes, truth = simulate("multiclass", (0.7,) * 9, n_labels=3, coverage=0.4, prior=prior, n_units=10_000)
    combined = combine(votes, method="dawid_skene")
    assert combined.prior == pytest.approx(prior, abs=0.03)
    table = probabilities(votes, combined.targets.index, combined.targets.table)
    assert share_right(table, truth) > share_right(targets_of(votes, method="majority"), truth) + 0.015


def test_rules_that_only_ever_say_one_class_do_not_collapse():
    random = np.random.default_rng(1)
    truth = random.integers(0, 2, 4000)
    rows = []
    for label in truth:
        row = {}
        for source in range(8):
            polarity = source % 2
            if random.random() < (0.4 if polarity == label else 0.1):
                row[f"s{source}"] = polarity
        rows.append(row)
    votes = votes_of(rows, classes=("a", "b"))
    combined = combine(votes)
    assert combined.method == "leave_one_out"
    table = probabilities(votes, combined.targets.index, combined.targets.table)
    assert share_right(table, truth) > 0.8
    assert np.nanmean(table[:, 0]) == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", KINDS)
def test_units_without_votes_have_no_target_and_rows_are_probabilities(kind, method):
    type, per_record = KINDS[kind]
    votes, _ = simulate(type, ACCURACY, per_record=per_record, n_units=300, coverage=0.15)
    targets = combine(votes, method=method).targets
    voted = np.isin(np.arange(votes.n_units), votes.unit)
    assert ((targets.index >= 0) == voted).all()
    assert (targets.table >= 0).all()
    assert (targets.table <= 1).all()
    if type != "bitvector":
        assert targets.table.sum(1) == pytest.approx(1, abs=1e-5)
    assert targets.table.dtype == np.float32
    assert targets.index.dtype == np.int32


def test_members_beyond_the_set_have_probability_zero():
    votes, _ = simulate("select", ACCURACY, n_units=500)
    targets = combine(votes).targets
    table = targets.table[targets.index]
    outside = np.arange(targets.n_labels) >= votes.candidates[:, None]
    voted = targets.index >= 0
    assert (table[voted & outside.any(1)][outside[voted & outside.any(1)]] == 0).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("type", ["multiclass", "select"])
def test_a_row_on_which_all_sources_agree_never_flips(method, type):
    votes, _ = simulate(type, (0.9, 0.9, 0.8, 0.7, 0.7, 0.6, 0.2, 0.15, 0.1), n_units=3000, coverage=0.3)
    table = targets_of(votes, method=method)
    starts = np.flatnonzero(np.diff(votes.unit, prepend=-1))
    agreed = np.minimum.reduceat(votes.label, starts) == np.maximum.reduceat(votes.label, starts)
    units, labels = votes.unit[starts[agreed]], votes.label[starts[agreed]]
    assert len(units) > 500
    assert (table[units].argmax(1) == labels).all()


def test_bits_on_which_all_sources_agree_never_flip():
    votes, _ = simulate("bitvector", (0.9, 0.9, 0.8, 0.3, 0.3), n_units=3000, coverage=0.4)
    table = targets_of(votes)
    said = np.zeros((votes.n_units, 4))
    np.add.at(said, (np.repeat(votes.unit, np.diff(votes.first)), votes.label), 1)
    n_votes = np.bincount(votes.unit, minlength=votes.n_units)[:, None]
    assert (table[(n_votes > 0) & (said == n_votes)] > 0.5).all()
    assert (table[(n_votes > 0) & (said == 0)] < 0.5).all()


@pytest.mark.parametrize("n_sources", [1, 2])
@pytest.mark.parametrize("type", ["multiclass", "select"])
def test_one_or_two_sources_are_combined_by_majority(n_sources, type):
    votes, _ = simulate(type, (0.9, 0.6)[:n_sources], n_units=1000)
    table, majority = targets_of(votes), targets_of(votes, method="majority")
    voted = ~np.isnan(table).any(1)
    top = np.isclose(table, table.max(1, keepdims=True), atol=1e-4)
    assert (top[voted] == (majority[voted] > 0)).all()


def test_gold_in_training_is_certain_and_elsewhere_unseen():
    rows = [{"gold": 1, "s": 0, "t": 0}, {"gold": 1, "s": 0, "t": 0}, {"s": 0}, {"gold": 2}, {"gold": 2}]
    votes = votes_of(rows)
    training = np.array([True, False, True, True, False])
    combined = combine(votes, training=training)
    table = probabilities(votes, combined.targets.index, combined.targets.table)
    assert table[0].tolist() == [0, 1, 0]
    assert table[1].argmax() == 0
    assert table[3].tolist() == [0, 0, 1]
    assert np.isnan(table[4]).all()
    assert combined.n_certain == 2
    assert set(combined.accuracy) == {"s", "t"}
    without = {name: label for name, label in rows[1].items() if name != "gold"}
    again = targets_of(votes_of([rows[0], without, *rows[2:4], {}]), training=training)
    assert np.array_equal(again, table, equal_nan=True)


@pytest.mark.parametrize("type", ["bitvector", "select"])
def test_gold_of_bits_and_members_is_certain(type):
    gold = [0, 2] if type == "bitvector" else 2
    votes = votes_of([{"gold": gold, "s": [1] if type == "bitvector" else 1}, {"s": gold}], type=type)
    table = targets_of(votes, training=np.array([True, True]))
    assert table[0].tolist() == ([1, 0, 1] if type == "bitvector" else [0, 0, 1])


def test_gold_in_training_tells_which_source_is_right():
    random = np.random.default_rng(2)
    truth = random.integers(0, 3, 600)
    rows = [{"good": int(label), "bad": int((label + 1) % 3)} for label in truth]
    for number in range(200):
        rows[number]["gold"] = int(truth[number])
    votes = votes_of(rows)
    combined = combine(votes, training=np.ones(600, bool))
    assert combined.accuracy["good"] > combined.accuracy["bad"] + 0.3
    table = probabilities(votes, combined.targets.index, combined.targets.table)
    assert share_right(table[200:], truth[200:]) == 1


def test_soft_votes_add_their_probability():
    votes = votes_of([{"s": {0: 0.9, 1: 0.1}, "t": {0: 0.2, 1: 0.8}}, {"s": {1: 0.5, 2: 0.5}}, {"s": {2: 0.6}}])
    majority = targets_of(votes, method="majority")
    assert majority[0].tolist() == [1, 0, 0]
    assert majority[1].tolist() == [0, 0.5, 0.5]
    table = targets_of(votes)
    assert table[0, 0] > table[0, 1] > table[0, 2]
    assert table[1, 1] == pytest.approx(table[1, 2])
    assert table[2].argmax() == 2


def test_a_plain_vote_and_a_soft_vote_of_probability_one_are_the_same():
    plain = targets_of(votes_of([{"s": 0, "t": 1, "u": 0}, {"s": 2}]))
    soft = targets_of(votes_of([{"s": {0: 1.0}, "t": {1: 1.0}, "u": {0: 1.0, 1: 0.0}}, {"s": {2: 1.0}}]))
    assert soft == pytest.approx(plain)


def test_a_soft_vote_without_any_probability_is_an_abstention():
    votes = votes_of([{"s": {0: 0.0}}, {"s": 1}])
    assert combine(votes).targets.index.tolist() == [-1, 0]


def test_an_empty_bitvector_is_a_vote_against_every_bit():
    votes = votes_of([{"s": [], "t": []}, {"s": [0]}, {}], type="bitvector")
    combined = combine(votes)
    assert (combined.targets.index >= 0).tolist() == [True, True, False]
    assert (combined.targets.table[combined.targets.index[0]] < 0.5).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("type", ["multiclass", "bitvector", "select"])
def test_a_task_that_nobody_labelled_has_no_targets(type, method):
    votes = votes_of([{}, {}], type=type)
    assert combine(votes, method=method).targets.index.tolist() == [-1, -1]
    unknown = replace(votes, task=replace(votes.task, classes=()))
    assert combine(unknown, method=method).targets.has_target().tolist() == [False, False]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dev", [False, True])
def test_votes_for_no_class_of_a_task_without_classes_are_all_right(method, dev):
    rows = [{"s": [], "t": []}, {"s": []}, {"t": [], "gold": []}, {}]
    votes = votes_of(rows, type="bitvector", classes=())
    combined = combine(votes, method=method, dev=np.array([False, False, dev, False]))
    assert (combined.targets.index >= 0).tolist() == [True, True, True, False]
    assert combined.targets.table.shape[1] == 0
    assert combined.accuracy == {"s": 1, "t": 1}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("type", ["multiclass", "bitvector", "select"])
def test_gold_as_the_only_source_gives_certain_targets(type, method):
    gold = [1] if type == "bitvector" else 1
    votes = votes_of([{"gold": gold}, {"gold": gold}], type=type)
    combined = combine(votes, method=method, training=np.array([True, False]))
    assert combined.targets.index.tolist() == [0, -1]
    assert combined.targets.table[0].tolist() == [0, 1, 0]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("type", ["multiclass", "bitvector", "select"])
def test_votes_that_all_stand_beside_gold_can_be_combined(type, method):
    label = [1] if type == "bitvector" else 1
    votes = votes_of([{"gold": label, "s": label}], type=type)
    assert combine(votes, method=method, training=np.array([True])).targets.table[-1].tolist() == [0, 1, 0]


def test_one_class_alone_is_certain():
    votes = votes_of([{"s": 0}, {"s": 0, "t": 0}], classes=("only",))
    assert targets_of(votes).tolist() == [[1], [1]]


def test_an_unknown_method_is_refused_with_a_suggestion():
    with pytest.raises(OvertonError, match="Did you mean 'majority'") as error:
        combine(votes_of([{"s": 0}]), method="majorty")
    assert error.value.problems[0].code == "supervision.unknown-method"


def test_a_sample_of_the_units_is_enough_to_fit_on():
    votes, _ = simulate("multiclass", ACCURACY, n_units=10_000)
    whole, sampled = combine(votes), combine(votes, fit_votes=3000, seed=1)
    assert sampled.accuracy["s0"] == pytest.approx(whole.accuracy["s0"], abs=0.04)
    assert sampled.accuracy != whole.accuracy
    assert combine(votes, fit_votes=3000, seed=1).accuracy == sampled.accuracy
    assert (sampled.targets.index >= 0).sum() == (whole.targets.index >= 0).sum()


labels = {
    "multiclass": st.integers(0, 2) | st.dictionaries(st.integers(0, 2), st.sampled_from([0.25, 0.5]), min_size=1),
    "select": st.integers(0, 2),
    "bitvector": st.lists(st.integers(0, 2), unique=True).map(sorted),
}


@st.composite
def votes_to_shuffle(draw):
    type = draw(st.sampled_from(sorted(labels)))
    sources = [f"s{number}" for number in range(draw(st.integers(1, 5)))]
    row = st.dictionaries(st.sampled_from(sources), labels[type], max_size=5)
    rows = draw(st.lists(row, min_size=1, max_size=12))
    order = draw(st.permutations(range(len(rows))))
    names = dict(zip(sources, draw(st.permutations(sources)), strict=True))
    return type, rows, order, names


@pytest.mark.long
@examples(20)
@given(votes_to_shuffle())
def test_the_order_of_rows_and_of_sources_does_not_matter(case):
    type, rows, order, names = case
    table = targets_of(votes_of(rows, type=type))
    renamed = [{names[name]: label for name, label in rows[number].items()} for number in order]
    again = targets_of(votes_of(renamed, type=type))
    np.testing.assert_allclose(again, table[list(order)], atol=2e-3)


def test_of_what_nobody_votes_on_no_label_is_the_likeliest():
    classes = combine(votes_of([{"s": 0}, {}, {"s": 1}])).targets.most_likely()
    assert (classes.known.tolist(), classes.label.tolist()) == ([True, False, True], [0, -1, 1])
    bits = combine(votes_of([{"s": [0, 1]}, {}], type="bitvector")).targets.most_likely()
    assert (bits.known.tolist(), bits.label[1].any()) == ([True, False], False)
