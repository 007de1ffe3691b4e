import tracemalloc

import numpy as np
import pytest

from overton.data import gold_of
from overton.supervision import LabelModel, combine
from overton.supervision.models.classes import fit_classes
from overton.supervision.models.evidence import evidence_of, known_of, known_units, option_counts
from overton.supervision.models.one_coin import right_votes
from overton.supervision.models.weigh import Parts, fit_weighed, fit_weights
from overton.supervision.tally import count
from tests.supervision.planted import probabilities, rows_of, simulate, votes_of

N = 3000


def dev_of(votes, share=0.3):
    return np.arange(votes.n_records) < share * votes.n_records


def with_gold(votes, truth):
    rows = [
        {**row, "gold": np.flatnonzero(label).tolist() if truth.ndim == 2 else int(label)}
        for row, label in zip(rows_of(votes), truth, strict=True)
    ]
    candidates = None if votes.candidates is None else votes.candidates.tolist()
    return votes_of(rows, type=votes.task.type, classes=votes.task.classes, candidates=candidates)


def loss(votes, truth, *, skip, **options):
    targets = combine(votes, **options).targets
    table = np.clip(probabilities(votes, targets.index, targets.table), 1e-6, 1 - 1e-6)
    judged = ~np.isnan(table).any(1) & ~skip
    if truth.ndim == 2:
        return float(-np.log(np.where(truth, table, 1 - table))[judged].mean())
    return float(-np.log(table[judged, truth[judged]]).mean())


def tied(type, seed=0):
    """Votes of three sources that err together, and of two that err by themselves."""
    votes, truth = simulate(type, (0.75, 0.8, 0.7), n_units=N, n_labels=3, coverage=0.9, seed=seed)
    random = np.random.default_rng(seed)
    rows = rows_of(votes)
    for row in rows:
        for name in ("echo", "echo2"):
            if "s0" in row and random.random() < 0.75:
                row[name] = row["s0"]
    candidates = None if votes.candidates is None else votes.candidates.tolist()
    return with_gold(votes_of(rows, type=type, classes=votes.task.classes, candidates=candidates), truth), truth


@pytest.mark.long
@pytest.mark.parametrize("type", ["multiclass", "bitvector", "select"])
def test_gold_on_dev_makes_the_probabilities_of_the_rest_better(type):
    votes, truth = tied(type)
    dev = dev_of(votes)
    learned = loss(votes, truth, skip=dev, dev=dev)
    assert learned < loss(votes, truth, skip=dev) - 0.003


@pytest.mark.long
@pytest.mark.parametrize("type", ["multiclass", "bitvector", "select"])
def test_gold_on_dev_is_no_target(type):
    votes, truth = tied(type)
    dev = dev_of(votes)
    combined = combine(votes, dev=dev)
    assert combined.n_certain == 0
    assert combined.n_known == int(
        (np.isin(np.arange(N), votes.unit[votes.source != votes.sources.index("gold")]) & dev).sum()
    )
    shuffled = np.random.default_rng(0).permutation(truth)
    lied = combine(with_gold(votes, shuffled), dev=dev)
    assert combined.model.weight != pytest.approx(lied.model.weight)


def test_gold_that_is_neither_training_nor_dev_is_not_looked_at():
    votes, truth = tied("multiclass")
    dev = dev_of(votes)
    other = truth.copy()
    other[~dev] = 0
    one, two = combine(votes, dev=dev), combine(with_gold(votes, other), dev=dev)
    assert np.array_equal(one.targets.table, two.targets.table)


def test_few_gold_labels_leave_the_weights_alone():
    votes, _ = tied("multiclass")
    few = np.arange(N) < 20
    assert combine(votes, dev=few).model.weight.tolist() == [1.0] * len(votes.sources)


def test_a_source_that_abstains_on_one_class_tells_by_abstaining():
    random = np.random.default_rng(0)
    truth = random.integers(0, 2, 5000)
    rows = []
    for label in truth:
        asked = [0.2 if label == 0 and source % 2 == 0 else 0.5 for source in range(9)]
        rows.append(
            {
                f"s{source}": int(label if random.random() < 0.7 else 1 - label)
                for source in range(9)
                if random.random() < asked[source]
            }
        )
    votes = votes_of(rows, classes=("a", "b"))
    combined = combine(votes)
    table = probabilities(votes, combined.targets.index, combined.targets.table)
    assert combined.method == "dawid_skene"
    assert combined.model.log_prior[0] > combined.model.log_prior[1]  # silence speaks for the class they keep off
    everyone = loss(votes, truth, skip=np.isnan(table).any(1))
    assert everyone < 0.47


def test_weights_are_fitted_on_what_is_said_of_units_by_models_that_did_not_see_them():
    votes, truth = simulate("multiclass", (0.8, 0.7, 0.9), n_units=400, n_labels=3)
    gold = with_gold(votes, truth)
    patterns, told = count(gold).patterns, known_units(gold, None, np.ones(400, bool))
    known = known_of(patterns, option_counts(gold), told.gold, np.flatnonzero(told.shown), told.folds())
    parts: list[set[int]] = []

    def fit(evidence):
        parts.append({*evidence.known.fold.tolist()})
        return fit_classes(evidence)

    fit_weighed(fit, evidence_of("multiclass", len(gold.sources), 3, patterns, known, seed=0))
    assert parts == [{0, 1, 2, 3}, {1, 2, 3}, {0, 2, 3}, {0, 1, 3}, {0, 1, 2}]


@pytest.mark.parametrize("type", ["multiclass", "bitvector", "select"])
def test_known_truth_is_counted_not_listed(type):
    votes, truth = simulate(type, (0.8, 0.7, 0.9), n_units=4000, n_labels=3, coverage=0.6)
    gold = with_gold(votes, truth)
    tally = count(gold)
    learned_from = known_units(gold, None, np.ones(4000, bool)).shown
    known = known_of(
        tally.patterns,
        option_counts(gold),
        gold_of(gold),
        np.flatnonzero(learned_from),
        np.arange(len(learned_from)) // 32 % 4,
    )
    assert known.count.sum() == 4000
    assert len(known.count) < 2000
    right = right_votes(known, len(gold.sources))[1] if type != "bitvector" else None
    if right is not None:
        own = gold.source != gold.sources.index("gold")
        hit = gold.label[gold.first[:-1][own]] == truth[gold.unit[own]]
        counted = (gold.candidates[gold.unit[own]] > 1) if gold.candidates is not None else 1
        assert right == pytest.approx(np.bincount(gold.source[own], hit * counted, len(gold.sources)))
    halves = [known.take(known.fold == fold) for fold in range(4)]
    assert sum(half.count.sum() for half in halves) == 4000


@pytest.mark.parametrize("type", ["multiclass", "select"])
def test_gold_that_was_asked_for_where_a_source_errs_does_not_speak_for_all_units(type):
    random = np.random.default_rng(0)
    truth = random.integers(0, 3, N)
    hard = random.random(N) < 0.1
    best = np.where(hard | (random.random(N) < 0.1), (truth + 1) % 3, truth)
    others = [np.where(random.random(N) < 0.6, truth, (truth + random.integers(1, 3, N)) % 3) for _ in range(2)]
    dev = np.arange(N) < 0.2 * N
    asked = hard & ~dev
    rows = [
        {"s0": int(best[unit])}
        | {f"s{number}": int(own[unit]) for number, own in enumerate(others, 1)}
        | ({"gold": int(truth[unit])} if dev[unit] or asked[unit] else {})
        for unit in range(N)
    ]
    combined = combine(votes_of(rows, type=type), training=~dev, dev=dev)
    assert combined.n_certain == asked.sum() > 100
    assert combined.n_known == dev.sum()
    unasked = [row if dev[unit] else {**row, "gold": None} for unit, row in enumerate(rows)]
    before = combine(votes_of(unasked, type=type), training=~dev, dev=dev)
    elsewhere = ~dev & ~hard
    was, now = ((found.targets.most_likely().label == truth)[elsewhere].mean() for found in (before, combined))
    assert now > was - 0.005
    few = dev & (np.arange(N) < 40)  # too little of dev to tell
    rows = [row if few[unit] or not dev[unit] else {**row, "gold": None} for unit, row in enumerate(rows)]
    assert combine(votes_of(rows, type=type), training=~dev, dev=dev).n_known > asked.sum()


@pytest.mark.parametrize("accuracy", [(0.9, 0.9, 0.2, 0.2, 0.2), (0.9, 0.3, 0.3, 0.3), (0.3, 0.3, 0.35)])
def test_gold_tells_which_of_two_sides_that_contradict_each_other_is_right(accuracy):
    random = np.random.default_rng(0)
    truth = random.integers(0, 2, 4000)
    matrix = np.where(random.random((4000, len(accuracy))) < accuracy, truth[:, None], 1 - truth[:, None])
    gold = np.where(np.arange(4000) < 100, truth, -1)
    found = LabelModel.fit(matrix, 2, gold=gold).accuracy  # the votes alone are explained as well by the mirror image
    assert list(found.values()) == pytest.approx(accuracy, abs=0.06)


def test_sources_without_a_vote_beside_known_truth_cost_nothing_and_change_nothing(monkeypatch):
    random, n_known, sizes = np.random.default_rng(0), 200, []
    solve = np.linalg.solve
    monkeypatch.setattr(np.linalg, "solve", lambda left, right: sizes.append(len(left)) or solve(left, right))

    def fitted(who, n_sources):
        weight = np.column_stack(
            [who, np.where(np.arange(n_known) < 50, n_sources + 1, 3), np.full(n_known, n_sources)]
        )
        added = np.where((weight == n_sources + 1)[..., None], 0, np.random.default_rng(1).normal(size=(n_known, 3, 2)))
        fold, start = np.zeros(n_known, np.int64), np.append(np.full(n_sources, 0.7), 1.0)
        truth, outside = np.arange(n_known) % 2, np.zeros((n_known, 2), np.bool_)
        return fit_weights(Parts(added, weight, truth, np.ones(n_known), outside, start, fold))

    who = random.integers(0, 4, n_known)
    few, many = fitted(who, 4), fitted(who, 900)
    assert max(sizes) == 5
    assert np.allclose(many[[0, 1, 2, 3, -1]], few)
    assert np.abs(few[:4] - 0.7).min() > 1e-3
    assert (many[4:-1] == 0.7).all()


def test_pairs_of_votes_are_held_some_units_at_a_time(monkeypatch):
    rng = np.random.default_rng(0)
    n_units, n_sources = 3000, 60
    truth = rng.integers(0, 3, n_units)
    right = rng.random((n_units, n_sources)) < rng.uniform(0.4, 0.9, n_sources)
    parts = Parts(
        added=np.where(right[..., None] & (truth[:, None, None] == np.arange(3)), 1.0, 0.1 * rng.random((1, 1, 3))),
        weight=np.broadcast_to(np.arange(n_sources), (n_units, n_sources)),
        truth=truth,
        count=np.ones(n_units),
        outside=np.zeros((n_units, 3), np.bool_),
        start=np.full(n_sources, 0.5),
        fold=np.zeros(n_units, np.int64),
    )
    whole = fit_weights(parts)
    monkeypatch.setattr("overton.supervision.models.weigh.MOST_PAIRS", 50_000)
    tracemalloc.start()
    few = fit_weights(parts)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_allclose(few, whole, rtol=1e-9)
    assert peak < n_units * n_sources**2 * 8, "less than the products of all pairs"
