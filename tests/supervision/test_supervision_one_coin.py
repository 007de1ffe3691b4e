import numpy as np
import pytest

from overton.supervision.models.members import MemberScorer
from overton.supervision.models.one_coin import OneCoinSettings, fit_one_coin, log_odds
from overton.supervision.models.patterns import Cells, find_patterns
from overton.supervision.models.probability import softmax

SETTINGS = OneCoinSettings(accuracy=0.75, strength=16, lowest=0.1, highest=0.98)


def cells_of(rows):
    flat = [(row, source, label) for row, votes in enumerate(rows) for source, label in votes]
    row, source, label = (np.array(column, np.int64) for column in zip(*flat, strict=True))
    return Cells(row, source.astype(np.int32), np.arange(len(row) + 1), label.astype(np.int32), np.ones(len(row)))


def test_the_posterior_is_that_of_bayes():
    cells = cells_of([[(0, 1), (1, 2)]])
    scorer = MemberScorer(np.array([0.8, 0.6]), n_labels=4)
    scores = scorer.scores(cells, np.array([3]), np.ones(2))
    table = softmax(np.where(np.arange(4) < 3, scores, -np.inf))
    likelihood = np.array([0.1 * 0.2, 0.8 * 0.2, 0.1 * 0.6])
    assert table[0] == pytest.approx([*(likelihood / likelihood.sum()), 0])


def test_a_guess_among_the_options_has_no_weight():
    assert log_odds(np.array([0.25]), np.array([4])) == pytest.approx(0)


def test_a_source_alone_keeps_the_assumed_accuracy():
    cells = cells_of([[(0, 1)], [(0, 0)]])
    assert fit_one_coin(cells, np.ones(2), np.array([2, 2]), 1, SETTINGS).tolist() == [0.75]


def test_votes_beside_known_truth_count_as_they_are():
    cells = cells_of([[(0, 1)]])
    gold = (np.array([84.0]), np.array([42.0]))
    fitted = fit_one_coin(cells, np.ones(1), np.array([2]), 1, SETTINGS, gold)
    assert fitted[0] == pytest.approx((42 + 12) / 100)


def test_accuracies_are_recovered_where_the_number_of_options_varies():
    random = np.random.default_rng(0)
    n, accuracy = 20_000, np.array([0.9, 0.7, 0.5, 0.3])
    options = random.integers(2, 7, n)
    truth = random.integers(0, options)
    right = random.random((n, 4)) < accuracy
    wrong = (truth[:, None] + random.integers(1, options[:, None], (n, 4))) % options[:, None]
    label = np.where(right, truth[:, None], wrong)
    units, sources = np.nonzero(random.random((n, 4)) < 0.8)
    votes = Cells(
        units,
        sources.astype(np.int32),
        np.arange(len(units) + 1),
        label[units, sources].astype(np.int32),
        np.ones(len(units)),
    )
    patterns = find_patterns(votes, options)
    fitted = fit_one_coin(patterns.cells, patterns.count, patterns.n_options, 4, SETTINGS)
    assert fitted == pytest.approx(accuracy, abs=0.02)


def test_known_truth_alone_is_enough():
    cells, nothing = cells_of([[(0, 1)]]), np.zeros(0)
    none = Cells(cells.row[:0], cells.source[:0], np.zeros(1, np.int64), cells.label[:0], cells.weight[:0])
    gold = (np.array([84.0]), np.array([42.0]))
    fitted = fit_one_coin(none, nothing, nothing.astype(np.int64), 1, SETTINGS, gold)
    assert fitted[0] == pytest.approx((42 + 12) / 100)


@pytest.mark.parametrize("n_labels", [1, 2, 5, 12, 13, 40])
def test_probabilities_of_few_labels_and_of_many_are_the_same_sums(n_labels):
    scores = np.random.default_rng(0).normal(0, 30, (50, n_labels))
    scores[:, n_labels // 2 + 1 :] = -np.inf
    powers = np.exp(scores - scores.max(1, keepdims=True))
    assert softmax(scores) == pytest.approx(powers / powers.sum(1, keepdims=True), rel=1e-14)
    assert softmax(scores[0]) == pytest.approx(softmax(scores)[0], rel=1e-14)
