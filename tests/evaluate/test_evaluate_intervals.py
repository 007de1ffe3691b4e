import numpy as np
import pytest

from overton.evaluate import evaluate
from overton.evaluate.intervals import RatioSums, effective_size, mean_interval, student, wilson
from overton.evaluate.judge import judge
from overton.evaluate.outcomes import outcomes_of
from tests.evaluate.evaluate_factories import all_test, gold_of_labels, predictions_of, random_task, tags_of, task_of


@pytest.mark.parametrize(
    ("share", "n", "low", "high"),
    [(0.5, 10, 0.2366, 0.7634), (0, 10, 0, 0.2775), (1, 10, 0.7225, 1), (0.9, 500, 0.8706, 0.9234)],
)
def test_wilson_interval_has_the_published_values(share, n, low, high):
    found = wilson(np.array([share]), np.array([n]))
    assert [side.item() for side in found] == pytest.approx([low, high], abs=5e-4)


def test_wilson_interval_of_nothing_is_no_number():
    assert np.isnan(wilson(np.array([np.nan]), np.array([0]))).all()


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (5, 2.571), (10, 2.228), (30, 2.042), (1000, 1.962)],
)
def test_student_quantile_has_the_tabled_values(freedom, quantile):
    assert student(np.array([freedom])).item() == pytest.approx(quantile, rel=3e-3)


def test_student_quantile_needs_a_degree_of_freedom():
    assert np.isnan(student(np.array([0]))).all()


def test_a_mean_of_three_records_is_as_unsure_as_student_says():
    loss = np.array([1.0, 2.0, 3.0])
    one = np.ones(1)
    sums = RatioSums(
        a=loss.sum() * one, b=3 * one, aa=(loss**2).sum() * one, ab=loss.sum() * one, bb=3 * one, records=3 * one
    )
    (low,), (high,) = mean_interval(sums)
    half = np.log(high / 2.0)
    assert np.log(2.0 / low) == pytest.approx(half)
    assert half == pytest.approx(4.303 * np.sqrt(sums.variance[0]) / 2.0, rel=1e-3)


def sums_of(right, length):
    right, length = np.asarray(right, float), np.asarray(length, float)
    columns = right, length, right * right, right * length, length * length, (length > 0) * 1.0
    return RatioSums(*(np.array([column.sum()]) for column in columns))


def test_one_item_a_record_is_worth_one():
    assert effective_size(sums_of([1, 0, 1, 1], [1, 1, 1, 1])).item() == 4


def test_ten_copies_of_one_item_are_worth_about_one():
    size = effective_size(sums_of([10] * 150 + [0] * 50, [10] * 200)).item()
    assert 180 < size <= 201


def test_independent_tokens_are_worth_about_their_number():
    right = np.random.default_rng(0).binomial(10, 0.8, 400)
    assert 3500 < effective_size(sums_of(right, np.full(400, 10))).item() <= 4000


def test_a_split_that_is_all_right_is_worth_its_records_at_most():
    assert effective_size(sums_of([10] * 50, [10] * 50)).item() <= 50


def test_a_small_group_takes_the_correlation_of_the_whole():
    whole, small = sums_of([10] * 150 + [0] * 50, [10] * 200), sums_of([10] * 4, [10] * 4)
    both = RatioSums(
        *(
            np.concatenate([getattr(whole, name), getattr(small, name)])
            for name in ("a", "b", "aa", "ab", "bb", "records")
        )
    )
    assert effective_size(both)[1] <= 4


def clustered(rng, n_records, doubt=1.5):
    """Tokens of which some records are easy and some hard."""
    task = task_of("multiclass", "abcd")
    lengths = rng.integers(1, 20, n_records)
    record = np.repeat(np.arange(n_records), lengths)
    gold = rng.choice(4, len(record), p=[0.1, 0.2, 0.3, 0.4])
    score = rng.normal(size=(len(record), 4))
    score[np.arange(len(record)), gold] += 2 + doubt * rng.normal(size=n_records)[record]
    probability = np.exp(score) / np.exp(score).sum(axis=1, keepdims=True)
    said = predictions_of(task, probability.argmax(axis=1), probability, lengths)
    return said, gold_of_labels(task, gold, lengths=lengths)


def records_of_kind(kind):
    return lambda rng, n_records: random_task(rng, kind, n_records, missing=0)


def rows_of(said, gold):
    n_records = len(gold.offsets) - 1
    tags = tags_of([["small"] if record % 6 == 0 else [] for record in range(n_records)])
    report = evaluate({"T": said}, {"T": gold}, tags, all_test(n_records))
    return {(row.tag, row.metric): row for row in report.rows}


def coverage(make, n_records, n_draws):
    """How often each interval covers the figure of a very large sample."""
    truth = rows_of(*make(np.random.default_rng(0), 40_000))
    covered = {}
    for seed in range(1, n_draws + 1):
        for key, row in rows_of(*make(np.random.default_rng(seed), n_records)).items():
            inside = row.low - 1e-9 <= truth["*", row.metric].value <= row.high + 1e-9
            covered.setdefault(key, []).append(inside)
    return {key: np.mean(inside) for key, inside in covered.items()}


@pytest.mark.slow
def test_intervals_over_correlated_tokens_cover_the_truth_where_plain_ones_do_not():
    found = coverage(clustered, 150, 120)
    assert {key: share for key, share in found.items() if share < 0.86} == {}
    assert found["*", "accuracy"] > 0.9
    truth = rows_of(*clustered(np.random.default_rng(0), 40_000))["*", "accuracy"].value
    plain = []
    for seed in range(1, 121):
        said, gold = clustered(np.random.default_rng(seed), 150)
        row = rows_of(said, gold)["*", "accuracy"]
        low, high = wilson(np.array([row.value]), np.array([row.n]))
        plain.append(low[0] <= truth <= high[0])
    assert np.mean(plain) < 0.75


@pytest.mark.slow
@pytest.mark.parametrize(
    "make", [clustered, *(records_of_kind(kind) for kind in ("multiclass", "select", "span", "bitvector list"))]
)
def test_every_interval_covers_the_truth_about_as_often_as_it_says(make):
    found = coverage(make, 180, 400)
    assert {key: share for key, share in found.items() if share < (0.9 if key[0] == "*" else 0.86)} == {}


@pytest.mark.parametrize("metric", ["macro_f1", "micro_f1", "precision", "recall", "log_loss"])
def test_the_interval_is_as_wide_as_that_of_a_bootstrap_over_records(metric):
    rng = np.random.default_rng(4)
    said, gold = random_task(rng, "bitvector list", 500)
    row = rows_of(said, gold)["*", metric]
    judged = judge(said, gold, np.arange(500), np.arange(500))
    outcomes = outcomes_of(judged)
    item_record = np.repeat(np.arange(judged.n_records), np.diff(outcomes.items.first))
    drawn = []
    for _ in range(400):
        times = rng.multinomial(judged.n_records, np.full(judged.n_records, 1 / judged.n_records))
        drawn.append(figure(metric, outcomes, times, item_record, judged))
    # A design effect below one is taken for chance, so an interval may be somewhat wider, not narrower.
    assert 0.88 < (row.high - row.low) / 2 / (1.96 * np.std(drawn)) < 1.25


def figure(metric, outcomes, times, item_record, judged):
    from overton.evaluate.outcomes import losses_of

    if metric == "log_loss":
        return (losses_of(judged) * times).sum() / (outcomes.units * times).sum()
    counts = np.bincount(outcomes.items.code, weights=times[item_record], minlength=outcomes.items.n_codes)
    hit, made_up, missed = counts.reshape(3, -1)
    if metric == "macro_f1":
        return (2 * hit / (2 * hit + made_up + missed)).mean()
    hit, made_up, missed = hit.sum(), made_up.sum(), missed.sum()
    return {
        "micro_f1": 2 * hit / (2 * hit + made_up + missed),
        "precision": hit / (hit + made_up),
        "recall": hit / (hit + missed),
    }[metric]
