import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from overton.data import Splits
from overton.supervision import LabelModel, combine, source_report
from overton.supervision.models import blocks
from overton.supervision.models.blocks import collapse_blocks, count_pairs, find_blocks
from overton.supervision.models.classes import pairs_of_class
from overton.supervision.models.evidence import voting_cells
from overton.supervision.models.patterns import Cells, find_patterns, keep_cells
from tests.supervision.planted import KINDS, probabilities, simulate, votes_of, with_copies

GOOD = (0.8, 0.7, 0.75, 0.8)
BAD = "s4"


def share_right(votes, truth, **options) -> float:
    return share_of(combine(votes, **options), votes, truth)


def share_of(combined, votes, truth) -> float:
    """How many of the units that it says something of it is right about."""
    targets = combined.targets
    table = probabilities(votes, targets.index, targets.table)
    known = ~np.isnan(table).any(1)
    right = (table[known] > 0.5) == truth[known] if truth.ndim == 2 else table[known].argmax(1) == truth[known]
    return float(right.mean())


@functools.cache  # votes are values, and take longer to make than to combine
def planted(kind: str, seed: int = 0):
    type, per_record = KINDS[kind]
    bad = 0.6 if type == "bitvector" else 0.4
    good = [(1 + right) / 2 for right in GOOD] if type == "bitvector" else GOOD
    return simulate(type, (*good, bad), per_record=per_record, n_labels=3, n_units=3000, seed=seed)


@pytest.mark.parametrize("noise", [pytest.param(0.0, marks=pytest.mark.slow), 0.1])
@pytest.mark.parametrize("kind", KINDS)
def test_seven_copies_of_a_bad_source_change_next_to_nothing(kind, noise):
    votes, truth = planted(kind)
    copied = with_copies(votes, BAD, times=7, noise=noise)
    combined, before = combine(copied), share_right(votes, truth)
    assert share_of(combined, copied, truth) > before - 0.02
    assert share_right(copied, truth, method="majority") < before - 0.05
    assert combined.copies[BAD] == tuple(f"copy{number}" for number in range(7))
    assert not combined.copies.keys() & {f"s{number}" for number in range(4)}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "bitvector" not in kind])
def test_the_accuracy_of_copies_is_told_by_the_others(kind):
    votes, truth = planted(kind)
    estimated = combine(with_copies(votes, BAD, times=5, noise=0.1)).accuracy
    own = votes.source == 4
    right = float((votes.label[own] == truth[votes.unit[own]]).mean())
    assert estimated[BAD] == pytest.approx(right, abs=0.04)


@pytest.mark.parametrize("n_labels", [2, 3, 6])
@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3))])
def test_honest_sources_are_no_copies_however_good(n_labels, seed):
    accuracy = np.random.default_rng(seed).uniform(1 / n_labels, 0.98, 8)
    accuracy[:3] = 0.95, 0.97, 0.9
    votes, _ = simulate("multiclass", accuracy.tolist(), n_labels=n_labels, n_units=3000, coverage=0.8, seed=seed)
    assert combine(votes).copies == {}


@pytest.mark.parametrize("n_bad", [1, 2])
def test_copies_are_found_beside_sources_that_are_nearly_always_wrong(n_bad):
    votes, truth = simulate("multiclass", (0.75, 0.7, 0.8, *[0.05] * n_bad, 0.5), n_labels=3, n_units=2000, seed=0)
    source = f"s{3 + n_bad}"
    copied = with_copies(votes, source, times=1, noise=0.04)
    combined = combine(copied)
    assert combined.copies == {source: ("copy0",), "copy0": (source,)}
    assert share_of(combined, copied, truth) > share_right(votes, truth) - 0.02


@pytest.mark.parametrize("seed", range(3))
def test_honest_sources_are_no_copies_beside_sources_that_are_nearly_always_wrong(seed):
    votes, _ = simulate("multiclass", (0.75, 0.9, 0.95, 0.05, 0.08, 0.1), n_labels=3, n_units=2000, seed=seed)
    assert combine(votes).copies == {}


@pytest.mark.parametrize("seed", range(3))
def test_two_good_sources_are_no_copies_where_poor_ones_agree_since_some_units_are_easy(seed):
    random = np.random.default_rng(seed)
    truth, ease = random.integers(0, 3, 3000), random.normal(0, 1.2, 3000)
    odds = np.log([0.98 / 0.02] * 2 + [0.55 / 0.45] * 6)
    right = random.random((3000, 8)) < 1 / (1 + np.exp(-(odds + ease[:, None])))
    wrong = (truth[:, None] + random.integers(1, 3, (3000, 8))) % 3
    matrix = np.where(random.random((3000, 8)) < 0.9, np.where(right, truth[:, None], wrong), -1)
    model = LabelModel.fit(matrix, 3)
    assert model.copies == {}
    assert (
        model.predict_labels(matrix) == truth
    ).mean() > 0.93  # as copies they vote once: it was 0.77, of the majority 0.8


def test_rules_that_say_one_class_are_copies_only_where_they_are_the_same_rule():
    random = np.random.default_rng(0)
    fires = random.random(1000) < 0.3
    columns = {"rule": fires, "again": fires, "overlapping": fires & (random.random(1000) < 0.7)}
    columns["other"] = random.random(1000) < 0.3
    rows = [{name: int(name == "other") for name, column in columns.items() if column[unit]} for unit in range(1000)]
    assert combine(votes_of(rows, classes=("a", "b"))).copies == {"rule": ("again",), "again": ("rule",)}


def test_a_block_votes_once_and_shares_its_vote_among_what_it_says():
    cells = Cells(
        row=np.array([0, 0, 0, 1]),
        source=np.array([0, 1, 2, 1], np.int32),
        first=np.arange(5),
        label=np.array([1, 2, 1, 0], np.int32),
        weight=np.ones(4),
    )
    joined = collapse_blocks(cells, np.array([0, 0, 2]))
    assert joined.row.tolist() == [0, 0, 1]
    assert joined.source.tolist() == [0, 2, 0]
    assert joined.label.tolist() == [1, 2, 1, 0]
    assert joined.weight.tolist() == [0.5, 0.5, 1, 1]
    assert collapse_blocks(cells, np.arange(3)) is cells


@given(st.integers(0, 20), st.sampled_from(["multiclass", "bitvector", "select"]))
def test_pairs_of_two_parts_of_the_data_add_up(seed, type):
    votes, _ = simulate(type, (0.8, 0.7, 0.9), n_units=60, seed=seed)
    cells = voting_cells(votes)
    patterns = find_patterns(cells, np.full(60, 4))
    whole = count_pairs(patterns.cells, patterns.count, 3, 4)
    halves = [patterns.count // 2, patterns.count - patterns.count // 2]
    one, other = (count_pairs(patterns.cells, count, 3, 4) for count in halves)
    for name in ("both", "same", "said", "units"):
        assert np.allclose(getattr(one + other, name), getattr(whole, name))
    dense = np.zeros((60, 3))
    dense[votes.unit, votes.source] = 1
    assert np.allclose(whole.both, dense.T @ dense)


def test_one_source_or_none_has_no_copies():
    votes, _ = simulate("multiclass", (0.8,), n_units=50)
    patterns = find_patterns(voting_cells(votes), np.full(50, 4))
    pairs = count_pairs(patterns.cells, patterns.count, 1, 4)
    assert find_blocks(pairs, chance=None, judged=np.array([True])).tolist() == [0]


def test_copies_are_found_where_a_small_part_of_the_units_is_looked_at(monkeypatch):
    votes, _ = planted("multiclass on a record")
    copied = with_copies(votes, BAD, times=7, noise=0.1)
    whole = combine(copied)
    pairs = count_pairs(whole.patterns.cells, whole.patterns.count, len(copied.sources), 3)
    size = np.bincount(whole.patterns.cells.row)
    monkeypatch.setattr(blocks, "MOST_PAIRS", int((size * (size - 1) // 2).sum() * 0.3))
    sampled = count_pairs(whole.patterns.cells, whole.patterns.count, len(copied.sources), 3)
    assert sampled.units < 0.7 * pairs.units
    assert (sampled.both.diagonal() == sampled.said.sum(1)).all()
    assert combine(copied).copies == whole.copies != {}


def test_how_many_units_two_copies_share_is_told_of_all_units(monkeypatch):
    votes, _ = planted("multiclass on a record")
    copied = with_copies(votes, BAD, times=2, noise=0.0)
    combined, nothing = combine(copied), np.zeros(0, np.int64)
    splits = Splits(np.arange(copied.n_records), nothing, nothing)

    def shared():
        rows = source_report(copied, combined, splits).rows
        return {(row.source, copy.source): copy.n for row in rows for copy in row.copies}

    whole = shared()
    monkeypatch.setattr(blocks, "MOST_PAIRS", 5000)
    assert shared() == whole != {}


@pytest.mark.long
@pytest.mark.parametrize("kind", ["crowd", "rules"])
def test_of_very_many_sources_no_square_is_made(kind, monkeypatch):
    random, n_items, n_sources = np.random.default_rng(0), 4000, blocks.MOST_SOURCES + 100
    truth = random.integers(0, 2, n_items)
    said = np.where(random.random((n_items, 3)) < 0.85, truth[:, None], 1 - truth[:, None])
    who = random.integers(0, n_sources // 2, (n_items, 3)) * 2 + (said if kind == "rules" else 0)
    matrix = np.full((n_items, n_sources), -1, np.int8)
    matrix[np.arange(n_items)[:, None], who] = said
    monkeypatch.setattr(blocks, "_pairs_within", None)
    model = LabelModel.fit(matrix, n_classes=2)
    assert (model.predict_labels(matrix) == truth).mean() > 0.9


def test_how_far_rules_vote_together_is_what_their_pairs_say():
    votes, _ = simulate("multiclass", (0.8, 0.7, 0.9, 0.6, 0.8, 0.7), n_labels=3, n_units=400)
    rules = np.isin(votes.label, (0, 1, 2)) & (votes.label == votes.source % 3)
    cells = keep_cells(voting_cells(votes), rules)
    patterns = find_patterns(cells, np.full(votes.n_units, 3))
    member = np.arange(3) == np.arange(len(votes.sources))[:, None] % 3
    member &= np.isin(np.arange(len(votes.sources)), cells.source)[:, None]
    pairs = count_pairs(patterns.cells, patterns.count, len(votes.sources), 3).both
    np.fill_diagonal(pairs, 0)
    wanted = [(pairs[np.ix_(own, own)]).sum() for own in member.T]
    assert np.allclose(pairs_of_class(patterns.cells, patterns.count, member), wanted)
    assert min(wanted) > 0
