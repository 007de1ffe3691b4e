"""Does the gate keep its word? Simulated tables in which it is known that nothing changed, or what fell.

`docs/compare.md` has the figures of the slow ones, which are the same with more runs.
"""

import functools

import numpy as np
import pytest

from overton.evaluate.compare.gate import Gate
from overton.evaluate.compare.rows import REGRESSED
from tests.evaluate.planted_changes import accuracy_table, f1_table, rows_of, slices_of, tokens_table

N_RECORDS, N_SLICES, SIZE = 6000, 100, 150
TABLES = {"accuracy": accuracy_table, "tokens": tokens_table, "f1": f1_table}


def share_refused(make, runs, *, gate=None, n_tasks=1, seed=0):
    """Share of runs without any change in which some row regressed, and how often an interval covers 0."""
    rng = np.random.default_rng(seed)
    refused, covered = 0, []
    for _ in range(runs):
        groups, _ = slices_of(rng, N_RECORDS, N_SLICES, SIZE)
        rows = rows_of([make(rng, N_RECORDS) for _ in range(n_tasks)], groups, gate)
        refused += any(row.verdict == REGRESSED for row in rows)
        covered.append(np.mean([row.low <= 0 <= row.high for row in rows]))
    return refused / runs, float(np.mean(covered))


def share_found(churn, runs, *, fall=0.1, unsteady=0.0, seed=0):
    """Share of runs with a fall in one slice in which it regressed, and in which it is named first.

    Slices differ in how many of their records differ anyway, where `unsteady` (a deviation of logarithms) is not 0.
    """
    rng = np.random.default_rng(seed)
    found = first = 0
    for _ in range(runs):
        groups, members = slices_of(rng, N_RECORDS, N_SLICES, SIZE)
        share = np.full(N_RECORDS, churn)
        for number, factor in enumerate(np.exp(rng.normal(0, unsteady, N_SLICES)) if unsteady else ()):
            share[members[number]] = min(churn * factor, 0.25)
        share[members[7]] = churn
        rows = rows_of([accuracy_table(rng, N_RECORDS, share, fall=fall, where=members[7])], groups)
        found += any(row.verdict == REGRESSED and row.tag == "slice:007" for row in rows)
        first += rows[0].tag == "slice:007" and rows[0].verdict == REGRESSED
    return found / runs, first / runs


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[] if kind == "accuracy" else pytest.mark.slow) for kind in TABLES]
)
def test_without_a_change_it_refuses_no_more_often_than_it_says(kind):
    refused, covered = share_refused(functools.partial(TABLES[kind], churn=0.1), 60)
    assert refused <= 0.05 + 0.06  # two standard errors of sixty runs
    assert covered > 0.94


def test_a_fall_of_ten_points_in_one_slice_of_a_hundred_is_refused_and_named_first():
    found, first = share_found(0.05, 60)
    assert found >= 0.8
    assert first >= 0.8


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("churn", [0.02, 0.05, 0.1, 0.2])
@pytest.mark.parametrize("kind", TABLES)
def test_without_a_change_it_refuses_no_more_often_than_it_says_in_many_runs(kind, churn):
    refused, covered = share_refused(functools.partial(TABLES[kind], churn=churn), 1000)
    assert refused <= 0.05 + 0.014  # two standard errors
    assert covered > 0.945


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_critical_slices_and_several_tasks_do_not_raise_the_rate():
    gate = Gate(critical=("*", "slice:001", "slice:002"))
    make = functools.partial(accuracy_table, churn=0.1)
    assert share_refused(make, 500, gate=gate)[0] <= 0.05 + 0.02
    assert share_refused(make, 300, n_tasks=4)[0] <= 0.05 + 0.025


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_fall_as_great_as_the_margin_is_refused_no_more_often_than_it_says():
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(500):
        groups, _ = slices_of(rng, N_RECORDS, 20, 300)
        everywhere = accuracy_table(rng, N_RECORDS, 0.1, fall=0.03, where=np.arange(N_RECORDS))
        refused += any(row.verdict == REGRESSED for row in rows_of([everywhere], groups, Gate(margin=0.03)))
    assert refused / 500 <= 0.05 + 0.02


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("churn", "bar"), [(0.0, 0.95), (0.02, 0.95), (0.05, 0.95), (0.1, 0.8)])
def test_a_planted_fall_is_refused_in_many_runs(churn, bar):
    found, first = share_found(churn, 500)
    assert found >= bar
    assert first >= bar - 0.05


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_planted_fall_is_refused_where_slices_are_not_all_as_unsteady():
    assert share_found(0.05, 300, unsteady=0.6)[0] >= 0.8
