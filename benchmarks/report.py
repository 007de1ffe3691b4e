"""The report of a million predictions on each of four tasks and 500 tags, against pandas grouped by tag.

Ours makes every figure with its interval; pandas makes the accuracy of each tag alone, the obvious way: one filter and
one group-by over tasks a tag. Both run in this process on the same predictions, and their accuracies must agree.

    python benchmarks/report.py [--records 1000000] [--tags 500] [--tags-per-record 5]
"""

import argparse
import resource
import time

import numpy as np
from numpy import ndarray

from overton.codec import Predictions
from overton.data import Gold, Splits, Tags
from overton.evaluate import Report, evaluate
from overton.schema import Task

CLASSES = {"Intent": 20, "Topic": 5, "Type": 10, "Arg": 4}
TYPES = {"Intent": "multiclass", "Topic": "multiclass", "Type": "bitvector", "Arg": "select"}
BUDGET = 5.0


def main() -> None:
    """Time both and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--tags", type=int, default=500)
    parser.add_argument("--tags-per-record", type=float, default=5.0)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    tags = make_tags(rng, options.records, options.tags, options.tags_per_record)
    pairs = {name: make_task(rng, name, options.records) for name in CLASSES}
    said, gold = ({name: pair[index] for name, pair in pairs.items()} for index in (0, 1))
    nothing = np.zeros(0, np.int64)
    splits = Splits(nothing, nothing, np.arange(options.records), ())

    start = time.perf_counter()
    report = evaluate(said, gold, tags, splits)
    ours = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    n_predictions = options.records * len(CLASSES)
    print(
        f"{n_predictions:,} predictions, {options.tags} tags, "
        f"{len(tags.tag):,} tags on records, {len(report.rows):,} figures"
    )
    print(f"overton: {ours:.2f} s for all figures with intervals (budget {BUDGET:.0f} s), peak {peak:.1f} GiB")

    theirs, accuracy = time_pandas(said, gold, tags)
    check_equal(report, accuracy)
    print(f"pandas:  {theirs:.2f} s for the accuracies alone, {theirs / ours:.1f} times as long; they agree")


def make_tags(rng: np.random.Generator, n_records: int, n_tags: int, per_record: float) -> Tags:
    """Tags at random, some frequent and most rare, as they are in life."""
    weight = 1 / np.arange(1, n_tags + 1) ** 0.5
    chance = np.minimum(per_record * weight / weight.sum(), 0.9)
    owners = [np.flatnonzero(rng.random(n_records, dtype=np.float32) < share) for share in chance]
    record = np.concatenate(owners)
    tag = np.repeat(np.arange(n_tags, dtype=np.int32), [len(owner) for owner in owners])
    order = np.argsort(record, kind="stable")
    first = np.concatenate([[0], np.cumsum(np.bincount(record, minlength=n_records))])
    return Tags(tuple(f"slice:{number:04}" for number in range(n_tags)), first, tag[order])


def make_task(rng: np.random.Generator, name: str, n_records: int) -> tuple[Predictions, Gold]:
    """Predictions that are right most of the time, one unit a record."""
    width, kind = CLASSES[name], TYPES[name]
    task = Task(name, "query", kind, () if kind == "select" else tuple(f"c{number}" for number in range(width)))
    offsets, known = np.arange(n_records + 1), np.ones(n_records, bool)
    score = rng.normal(size=(n_records, width)).astype(np.float32)
    if kind == "bitvector":
        bits = rng.random((n_records, width)) < 0.15
        probability = 1 / (1 + np.exp(2 - score - 4 * bits))
        return Predictions(task, offsets, probability, probability > 0.5), Gold(task, offsets, known, bits)
    label = rng.integers(0, width, n_records).astype(np.int32)
    score[np.arange(n_records), label] += 3
    probability = np.exp(score)
    probability /= probability.sum(axis=1, keepdims=True)
    said = Predictions(task, offsets, probability, probability.argmax(axis=1).astype(np.int32))
    return said, Gold(task, offsets, known, label)


def time_pandas(
    said: dict[str, Predictions], gold: dict[str, Gold], tags: Tags
) -> tuple[float, dict[tuple[str, str], float]]:
    """Seconds that pandas takes for the accuracy of every task on every tag, and those accuracies."""
    import pandas as pd

    right = {name: right_of(said[name], gold[name]) for name in said}
    frame = pd.DataFrame(
        {
            "task": pd.Categorical(np.repeat(list(right), len(tags.first) - 1)),
            "right": np.concatenate(list(right.values())),
        }
    )
    accuracy = {}
    seconds = 0.0
    for name in tags.names:
        bears = np.tile(tags.has(name), len(right))  # what a frame has as a column of its own, so not timed
        start = time.perf_counter()
        means = frame[bears].groupby("task", observed=True)["right"].mean()
        seconds += time.perf_counter() - start
        accuracy.update({(task, name): mean for task, mean in means.items()})
    return seconds, accuracy


def right_of(said: Predictions, gold: Gold) -> ndarray:
    """Which units were predicted altogether right, bool of shape (unit,)."""
    same = said.label == gold.label
    right: ndarray = same.all(axis=1) if same.ndim == 2 else same
    return right


def check_equal(report: Report, accuracy: dict[tuple[str, str], float]) -> None:
    """Stop where the two disagree."""
    ours = {
        (row.task, row.tag): row.value
        for row in report.rows
        if row.metric in ("accuracy", "exact_match") and row.tag != "*"
    }
    assert ours.keys() == accuracy.keys(), "both tell of the same tags"
    assert all(abs(value - accuracy[key]) < 1e-9 for key, value in ours.items()), "both tell the same accuracies"


if __name__ == "__main__":
    main()
