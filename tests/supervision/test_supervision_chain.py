import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import overton.supervision.models.chain as chain_module
from overton.supervision import combine
from overton.supervision.models.chain import Runs, chain_targets, find_runs, forward_backward
from tests.supervision.planted import probabilities, votes_of

CLASSES = ("O", "B-x", "I-x", "B-y", "I-y")


def walk(random, n_tokens):
    """Classes of a random sequence that stay for some tokens."""
    labels = [0]
    while len(labels) < n_tokens:
        labels.append(labels[-1] if random.random() < 0.8 else int(random.integers(0, 3)))
    return labels


def sticky(seed=0, n_records=400, n_tokens=8, *, gold=False):
    random = np.random.default_rng(seed)
    truth = np.array([walk(random, n_tokens) for _ in range(n_records)]).ravel()
    rows = [
        {
            f"s{source}": int(label if random.random() < right else random.integers(0, 3))
            for source, right in enumerate((0.8, 0.6, 0.6, 0.5))
            if random.random() < 0.8
        }
        | ({"gold": int(label)} if gold else {})
        for label in truth
    ]
    votes = votes_of(rows, per_record=n_tokens)
    return replace(votes, ordered=True), truth


def quality(votes, truth, **options):
    targets = combine(votes, **options).targets
    table = probabilities(votes, targets.index, targets.table)
    known = ~np.isnan(table).any(1)
    chosen = table[known, truth[known]]
    return float((table[known].argmax(1) == truth[known]).mean()), float(-np.log(chosen).mean())


def test_neighbours_help_where_labels_stay():
    votes, truth = sticky()
    accuracy, loss = quality(votes, truth)
    alone, loss_alone = quality(votes, truth, chain=False)
    assert accuracy > alone + 0.02
    assert loss < loss_alone


def blind(seed=0, n_records=300):
    """Votes with gold where one source says O of every name that is no place, and so never agrees with the other."""
    random = np.random.default_rng(seed)
    truth = np.array([[0, 0, *[int(random.integers(1, 3))] * 2, 0, 0] for _ in range(n_records)]).ravel().tolist()
    said = [label if random.random() < 0.85 else int(random.integers(0, 3)) for label in truth]
    rows = [{"blind": int(true == 1), "tagger": own, "gold": true} for true, own in zip(truth, said, strict=True)]
    return replace(votes_of(rows, per_record=6), ordered=True), np.array(truth)


def test_neighbours_are_left_out_where_gold_of_dev_shows_that_they_mislead(monkeypatch):
    votes, truth = blind()
    dev = np.arange(votes.n_records) < 80
    told = quality(votes, truth, dev=dev)
    assert told == quality(votes, truth, dev=dev, chain=False)
    monkeypatch.setattr(sys.modules[combine.__module__], "_misled", lambda *parts: False)
    assert quality(votes, truth, dev=dev)[0] < told[0] - 0.05


def test_neighbours_help_where_gold_of_dev_shows_nothing_against_them():
    votes, truth = sticky(gold=True)
    dev = np.arange(votes.n_records) < 80
    assert quality(votes, truth, dev=dev)[0] > quality(votes, truth, dev=dev, chain=False)[0] + 0.02


def test_units_without_an_order_have_no_neighbours():
    votes, truth = sticky(n_records=50)
    unordered = replace(votes, ordered=False)
    assert quality(unordered, truth) == quality(votes, truth, chain=False)


def test_tokens_on_which_all_agree_and_unlabelled_ones_are_left_as_they_are():
    votes, _ = sticky(n_records=100)
    chained, alone = combine(votes), combine(votes, chain=False)
    agreed = alone.patterns.agreed()
    index = alone.targets.index
    kept = (index < 0) | agreed[np.maximum(index, 0)]
    assert (chained.targets.index[kept] == index[kept]).all()
    assert (chained.targets.index[~kept] != index[~kept]).any()
    assert chained.targets.table.sum(1) == pytest.approx(1, abs=1e-5)
    assert len(chained.expected) == len(chained.targets.table)


def test_certain_tokens_inform_their_neighbours_and_stay_the_last_rows():
    rows = [{"s": 0, "t": 1}, {"s": 1, "t": 1}] * 40 + [{"s": 0, "t": 2}, {"gold": 2}]
    votes = replace(votes_of(rows, per_record=2), ordered=True)
    follows_itself = [{"s": 2, "t": 2}, {"s": 2, "t": 2}] * 200
    votes = replace(votes_of([*rows, *follows_itself], per_record=2), ordered=True)
    training = np.ones(votes.n_records, bool)
    combined = combine(votes, training=training)
    table = probabilities(votes, combined.targets.index, combined.targets.table)
    assert table[81].tolist() == [0, 0, 1]
    assert combined.targets.index[81] == len(combined.targets.table) - 1
    assert combined.n_certain_rows == 1
    alone = combine(votes, training=training, chain=False)
    before = probabilities(votes, alone.targets.index, alone.targets.table)
    assert before[80, 2] < table[80, 2] < 1


def test_an_inside_after_nothing_is_unlikely():
    table = np.array([[0.9, 0.05, 0.03, 0.01, 0.01], [0.02, 0.48, 0.49, 0.005, 0.005]])
    agreed = np.array([True, False])
    index, rows = chain_targets(np.array([0, 1]), table, agreed, np.array([0, 2]), CLASSES)
    assert index.tolist() == [0, 2]
    assert rows[0].argmax() == 1
    assert table[1].argmax() == 2


def test_a_gap_and_the_end_of_a_record_end_a_run():
    runs = find_runs(np.array([True, True, True, False, True, True]), np.array([0, 2, 4, 4, 6]))
    assert runs.start.tolist() == [0, 2, 4]
    assert runs.length.tolist() == [2, 1, 2]
    assert find_runs(np.zeros(3, bool), np.array([0, 3])).start.tolist() == []


@given(st.integers(0, 50), st.integers(2, 4), st.integers(2, 4))
def test_forward_backward_is_the_sum_over_all_sequences(seed, k, length):
    random = np.random.default_rng(seed)
    table = random.dirichlet(np.ones(k), length)
    follows = random.normal(size=(k, k))
    whole = np.zeros((length, k))
    for labels in np.ndindex(*[k] * length):
        weight = np.prod(table[np.arange(length), labels])
        weight *= np.exp(sum(follows[one, other] for one, other in pairwise(labels)))
        whole[np.arange(length), labels] += weight
    runs = Runs(np.array([0]), np.array([length]))
    posterior, place = forward_backward(table, np.arange(length), runs, follows)
    assert place.tolist() == list(range(length))
    assert posterior == pytest.approx(whole / whole.sum(1, keepdims=True))


def test_a_token_on_which_all_agree_keeps_its_posterior_whether_or_not_they_name_what_they_rule_out():
    random = np.random.default_rng(0)
    truth = np.repeat(random.integers(0, 3, 300), 4)
    rows = [
        {source: int(label if random.random() < 0.8 else random.integers(3)) for source in "abcd"} for label in truth
    ]
    rows[-4:] = [dict.fromkeys("abcd", 0), dict.fromkeys("abcd", 1), {**dict.fromkeys("acd", 0), "b": 1}, rows[-1]]
    told = [*rows[:-3], {**rows[-3], "d": {1: 1.0, 0: 0.0}}, *rows[-2:]]
    plain, named = (
        combine(replace(votes_of(some, per_record=4), ordered=True)).targets.to_array() for some in (rows, told)
    )
    assert np.array_equal(plain, named)


def test_one_long_record_makes_no_other_cost_more(monkeypatch):
    n_hashed = 0

    def counted(numbers):
        nonlocal n_hashed
        n_hashed += len(numbers)
        return mix(numbers)

    mix = chain_module.mix
    monkeypatch.setattr(chain_module, "mix", counted)
    random, lengths = np.random.default_rng(0), np.array([3, 2, 500, *[4] * 300])
    offsets = np.append(0, np.cumsum(lengths))
    table, agreed = random.dirichlet(np.ones(len(CLASSES)), 9), np.arange(9) > 3
    index = random.integers(0, 9, offsets[-1]).astype(np.int32)
    chain_targets(index, table, agreed, offsets, CLASSES)
    assert n_hashed <= 2 * len(index)  # each unit is looked at once, and its run with it
