"""Two versions on a million records, 500 tags and four tasks: the time it takes, and whether the gate keeps its word.

The first part times the comparison of predictions as `overton compare` makes it, with one tag and with all, since
hundreds of slices should cost about what one costs. The second plants the truth in simulated tables: nothing changed,
or one slice of 150 records among 100 fell by ten points while a share of all records differs anyway.

    python benchmarks/compare.py [--records 1000000] [--tags 500] [--tags-per-record 5] [--runs 1000]
"""

import argparse
import resource
import sys
import time
from pathlib import Path

import numpy as np
from numpy import ndarray

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.report import CLASSES, make_tags, make_task
from overton.codec import Predictions
from overton.data import Tags
from overton.evaluate import Gate, compare_predictions
from tests.evaluate.planted_changes import accuracy_table, f1_table, tokens_table
from tests.evaluate.test_compare_planted import share_found, share_refused

BUDGET = 5.0
CHURN = (0.02, 0.05, 0.1, 0.2)
UNSTEADY = 0.6  # deviation of the logarithm of how many differ, from slice to slice


def main() -> None:
    """Print both parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--tags", type=int, default=500)
    parser.add_argument("--tags-per-record", type=float, default=5.0)
    parser.add_argument("--runs", type=int, default=1000, help="of each simulation; 0 leaves them out")
    options = parser.parse_args()
    time_comparison(options.records, options.tags, options.tags_per_record)
    if options.runs:
        plant(options.runs)


def time_comparison(n_records: int, n_tags: int, per_record: float) -> None:
    """Time one tag and all."""
    rng = np.random.default_rng(0)
    tags = make_tags(rng, n_records, n_tags, per_record)
    pairs = {name: make_task(rng, name, n_records) for name in CLASSES}
    old, gold = ({name: pair[index] for name, pair in pairs.items()} for index in (0, 1))
    new = {name: changed(rng, said) for name, said in old.items()}
    rows = np.arange(n_records)
    print(f"{n_records * len(CLASSES):,} predictions of each version, {len(tags.tag):,} tags on records")
    for shown, words in ((one_tag(tags), "1 tag"), (tags, f"{n_tags} tags")):
        start = time.perf_counter()
        found = compare_predictions(old, new, gold, shown, rows, Gate(), ids=lambda numbers: numbers.astype(str))
        seconds = time.perf_counter() - start
        print(f"{words}: {seconds:.2f} s for {len(found.rows):,} rows")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"budget {BUDGET:.0f} s, peak {peak:.1f} GiB")


def changed(rng: np.random.Generator, said: Predictions) -> Predictions:
    """Predictions that differ on one record of twenty."""
    probability, label = said.probability.copy(), said.label.copy()
    differ = np.flatnonzero(rng.random(len(label)) < 0.05)
    other = rng.permutation(differ)
    probability[differ], label[differ] = said.probability[other], said.label[other]
    return Predictions(said.task, said.offsets, probability, label)


def one_tag(tags: Tags) -> Tags:
    """The first of the tags alone."""
    has = tags.has(tags.names[0])
    first: ndarray = np.concatenate([[0], np.cumsum(has)])
    return Tags(tags.names[:1], first, np.zeros(first[-1], np.int32))


def plant(runs: int) -> None:
    """How often the gate refuses where nothing changed, and where something fell."""
    tables = {"accuracy": accuracy_table, "accuracy of tokens": tokens_table, "F1": f1_table}
    for churn in CHURN:
        for name, make in tables.items():
            refused, covered = share_refused(lambda rng, n, make=make, churn=churn: make(rng, n, churn), runs)
            print(f"no change, {churn:4.0%} differ, {name}: refused {refused:.3f}, intervals cover 0 in {covered:.3f}")
    for churn in (0.0, *CHURN):
        found, first = share_found(churn, runs)
        print(f"10 points in 150 records, {churn:4.0%} differ anyway: refused {found:.3f}, named first {first:.3f}")
    for churn in CHURN:
        found, first = share_found(churn, runs, unsteady=UNSTEADY)
        print(f"the same, slices not all as unsteady, {churn:4.0%}: refused {found:.3f}, named first {first:.3f}")


if __name__ == "__main__":
    main()
