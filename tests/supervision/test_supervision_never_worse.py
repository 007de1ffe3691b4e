"""Votes on which label models go astray, and ours must not fall behind the majority."""

import numpy as np
import pytest

from overton.supervision import LabelModel, combine
from tests.supervision.planted import probabilities, simulate, votes_of


def coins(random, truth, accuracy, n_labels):
    """Votes of sources that err evenly, of shape (item, source)."""
    columns = []
    for right in accuracy:
        wrong = (truth + random.integers(1, n_labels, len(truth))) % n_labels
        columns.append(np.where(random.random(len(truth)) < right, truth, wrong))
    return np.stack(columns, axis=1)


def shares_right(matrix, truth, n_labels):
    """Share of right labels, of labels that tie a part each: ours, and the majority's."""
    shares = []
    for method in ("auto", "majority"):
        found = LabelModel.fit(matrix, n_classes=n_labels, method=method).predict(matrix)
        top = found >= found.max(1, keepdims=True) - 1e-6
        shares.append(float((top[np.arange(len(truth)), truth] / top.sum(1)).mean()))
    return shares


@pytest.mark.parametrize("accuracy", [(0.6,) * 3, (0.6,) * 4, (0.55,) * 7, (0.6, 0.65, 0.7)])
def test_weak_sources_of_two_classes_are_not_turned_all_at_once(accuracy):
    differences = []
    for seed in range(6):
        random = np.random.default_rng(seed)
        truth = random.integers(0, 2, 2000)
        ours, majority = shares_right(coins(random, truth, accuracy, 2), truth, 2)
        differences.append(ours - majority)
    assert np.mean(differences) > -0.01
    assert np.median(differences) >= -1e-9


def test_no_side_is_taken_between_rules_that_are_alike():
    for seed in range(3):
        random = np.random.default_rng(seed)
        truth = random.integers(0, 2, 2000)
        said = np.arange(20) % 2
        fires = random.random((2000, 20)) < np.where(truth[:, None] == said, 0.4, 0.2)
        ours, majority = shares_right(np.where(fires, said, -1), truth, 2)
        assert ours > majority - 0.01


@pytest.mark.long
def test_a_crowd_with_few_votes_each_is_not_judged_by_luck():
    differences = []
    for seed in range(3):
        random = np.random.default_rng(seed)
        truth = random.integers(0, 2, 1000)
        votes = coins(random, truth, random.uniform(0.6, 0.8, 300), 2)
        asked = np.argsort(random.random((1000, 300)), axis=1) < 3
        ours, majority = shares_right(np.where(asked, votes, -1), truth, 2)
        differences.append(ours - majority)
    assert np.mean(differences) > -0.01


def test_a_rare_class_is_not_lost_to_the_prior():
    random = np.random.default_rng(0)
    truth = (random.random(4000) < 0.05).astype(int)
    matrix = coins(random, truth, random.uniform(0.6, 0.8, 20), 2)
    found = LabelModel.fit(matrix, n_classes=2).predict(matrix).argmax(1)
    hit = (found == 1) & (truth == 1)
    assert 2 * hit.sum() / ((found == 1).sum() + (truth == 1).sum()) > 0.7


@pytest.mark.long
@pytest.mark.parametrize("n_labels", [2, 3, 8])
def test_bits_that_often_hold_do_not_make_copies_of_sources(n_labels):
    random = np.random.default_rng(0)
    truth = random.random((2000, n_labels)) < 0.5
    rows = [
        {
            f"s{source}": np.flatnonzero(truth[unit] ^ (random.random(n_labels) < wrong)).tolist()
            for source, wrong in enumerate((0.05, 0.1, 0.2, 0.25, 0.3, 0.3))
        }
        for unit in range(2000)
    ]
    votes = votes_of(rows, type="bitvector", classes=[f"c{number}" for number in range(n_labels)])
    combined = combine(votes)
    assert combined.copies == {}
    table = probabilities(votes, combined.targets.index, combined.targets.table)
    assert ((table > 0.5) == truth).mean() > 0.93


def test_the_label_that_all_soft_votes_say_most_is_kept():
    votes, truth = simulate("multiclass", (0.9, 0.85, 0.8), n_units=1500, n_labels=2, coverage=1.0, prior=(0.97, 0.03))
    rows = [
        {f"s{source}": {int(label): 0.55, 1 - int(label): 0.45} for source, label in enumerate(said)}
        for said in votes.label.reshape(1500, 3)
    ]
    soft = votes_of(rows, classes=("a", "b"))
    targets = combine(soft).targets
    table = targets.table[targets.index]
    agreed = (votes.label.reshape(1500, 3) == votes.label.reshape(1500, 3)[:, :1]).all(1)
    assert (table.argmax(1)[agreed] == votes.label.reshape(1500, 3)[agreed, 0]).all()
    assert (truth == 1).any()


@pytest.mark.long
@pytest.mark.parametrize("good", [(0.7, 0.7), (0.8, 0.75), (0.8, 0.7, 0.75), (0.6, 0.7, 0.7, 0.65)])
def test_a_source_worse_than_chance_is_turned_to_use(good):
    for seed in range(4):
        random = np.random.default_rng(seed)
        truth = random.integers(0, 2, 3000)
        matrix = coins(random, truth, (*good, 0.2), 2)
        ours, majority = shares_right(matrix, truth, 2)
        without, _ = shares_right(matrix[:, :-1], truth, 2)
        assert ours > majority
        assert ours > without - 0.01
        assert LabelModel.fit(matrix, n_classes=2).accuracy[str(len(good))] == pytest.approx(0.2, abs=0.08)
