"""The search for slices: planted ones are found, scores are as written down, and chance alone is not reported."""

import itertools

import numpy as np
import pytest

from overton.review.search import ALPHA, excess_z, search
from overton.review.significance import adjusted, chance_of


def brute_force(columns, error, groups, least):
    """Every conjunction of one to three literals with its score."""
    n, found = len(error), {}
    for size in (1, 2, 3):
        for literals in itertools.combinations(range(len(columns)), size):
            if len({groups[k] for k in literals}) < size:
                continue
            held = columns[list(literals)].all(axis=0)
            parts = [np.delete(columns[list(literals)], k, axis=0).all(axis=0).sum() for k in range(size)]
            if held.sum() < least or (size > 1 and held.sum() > 0.95 * min(parts)):
                continue
            excess = error[held].mean() / error.mean() - 1
            found[literals] = ALPHA * excess - (1 - ALPHA) * (n / held.sum() - 1)
    return found


@pytest.mark.parametrize("seed", range(5))
def test_the_best_slices_are_those_of_trying_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    columns = rng.random((12, 300)) < rng.random((12, 1))
    error = (rng.random(300) < 0.1 + 0.5 * (columns[1] & columns[2])).astype(float)
    groups = ["a", "a", "b", *map(str, range(9))]
    expected = sorted(brute_force(columns, error, groups, 10).items(), key=lambda pair: -pair[1])
    found = search(columns, error, groups, least=10).found
    assert [one.score for one in found[:20]] == pytest.approx([score for _, score in expected[:20]])
    assert found[0].literals == expected[0][0]


def test_a_slice_of_three_literals_is_found_among_hundreds() -> None:
    rng = np.random.default_rng(0)
    columns = rng.random((400, 4000)) < 0.2
    planted = columns[3] & columns[50] & columns[99]
    error = (rng.random(4000) < np.where(planted, 0.9, 0.08)).astype(float)
    assert search(columns, error, list(map(str, range(400))), least=15).found[0].literals == (3, 50, 99)


def test_nothing_is_found_where_there_is_no_error_or_no_literal() -> None:
    assert search(np.ones((2, 5), bool), np.zeros(5), ["a", "b"], least=1).found == ()
    assert search(np.ones((0, 5), bool), np.ones(5), [], least=1).found == ()


def test_the_chance_of_errors_is_that_of_drawing() -> None:
    rng = np.random.default_rng(1)
    error = (rng.random(60) < 0.3).astype(float)
    inside = np.arange(60) < 12
    more = np.mean([rng.permutation(error)[:12].sum() >= error[inside].sum() for _ in range(20_000)])
    assert chance_of(error, inside) == pytest.approx(more, abs=0.012)
    assert chance_of(error * 0.999, inside) == pytest.approx(more, abs=0.12)
    assert chance_of(error, np.zeros(60, bool)) == 1.0


@pytest.mark.long
@pytest.mark.parametrize("size", [10, 60, 400])
def test_the_chance_of_shares_of_errors_is_that_of_drawing_where_errors_are_rare(size: int) -> None:
    rng = np.random.default_rng(2)
    n_items = rng.integers(1, 15, 1000)
    error = rng.binomial(n_items, rng.beta(0.03, 1.5, 1000)) / n_items
    sums = np.array([error[rng.choice(1000, size, replace=False)].sum() for _ in range(8000)])
    far = excess_z(error, np.full(8000, float(size)), sums)
    assert (far >= 2.326).mean() == pytest.approx(0.01, abs=0.003)
    assert (far >= 3.09).mean() < 0.002  # in standard errors it was up to 0.012


def test_many_looks_cost_significance() -> None:
    assert adjusted(np.array([1e-4]), np.array([1]), 10_000)[0] == pytest.approx(1.0)
    assert adjusted(np.array([0.02, 0.015]), np.array([2, 1]), 2).tolist() == [0.02, 0.02]


def test_literals_of_opposite_sides_are_not_joined() -> None:
    rng = np.random.default_rng(0)
    columns = rng.random((2, 400)) < 0.3
    error = (columns[0] & columns[1]).astype(float)
    assert (0, 1) in [one.literals for one in search(columns, error, ["a", "b"], least=5).found]
    assert (0, 1) not in [one.literals for one in search(columns, error, ["a", "b"], [1, -1], least=5).found]
