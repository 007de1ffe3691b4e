"""Whether `overton discover` finds slices that were planted, tells none where there is none, and how long it takes.

    python benchmarks/discover.py [--records 1200] [--seeds 10] [--timed 20000,50000] [--questions factoid-en]

Records are made up: 1 to 11 of 40 words, four batches, one source. The predictions are gold with errors, 8 % at random
and more in a slice. The first table says how often the planted slice is among the first three that are told; then runs
with errors at random alone are counted; then one search is timed, on one core, with a slice of two words half wrong.
With `--questions` the labels of one hidden subset after the other of the questions of dev and test in that directory
are flipped, all or 80 % of them, beside errors at random as a version makes them; nothing else is measured then.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy import ndarray

sys.path.insert(0, str(Path(__file__).parents[1]))

from overton.codec import Predictions
from overton.data import Dataset, gold_of
from overton.data.files import load_dataset
from overton.review.discover import SlicePage, find_slices
from overton.schema import parse_schema
from tests.review.planted_slices import PLANTED, find, real_questions

SCHEMA = parse_schema(
    """{"payloads": {"tokens": {"type": "sequence"}, "query": {"type": "singleton", "base": ["tokens"]}},
        "tasks": {"Intent": {"payload": "query", "type": "multiclass", "classes": ["a", "b", "c"]}}}"""
)
WORDS = [f"w{number}" for number in range(40)]
RATES = (0.3, 0.5, 0.8)
RANDOM = 0.08
FLIPPED = (1.0, 0.8)

Holds = Callable[[int, list[str]], bool]
SLICES: dict[str, tuple[Holds, tuple[str, ...]]] = {
    "a word": (lambda row, words: "w7" in words, ("'w7'",)),
    "a word in short records": (lambda row, words: "w7" in words and len(words) <= 7, ("'w7'", "n_tokens <=")),
    "a tag and a length": (lambda row, words: row % 4 == 1 and len(words) >= 9, ("batch:1", "n_tokens >=")),
    "two words": (lambda row, words: "w7" in words and "w9" in words, ("'w7'", "'w9'")),
}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=1200)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--timed", default="20000,50000")
    parser.add_argument("--questions", type=Path, help="the directory of factoid-en")
    options = parser.parse_args()
    if options.questions:
        flip(options.questions, options.seeds)
        return
    print(f"planted slice among the first three, of {options.seeds} seeds, by its share of errors")
    for name, (holds, parts) in SLICES.items():
        found, size = dict.fromkeys(RATES, 0), []
        for seed in range(options.seeds):
            dataset, planted = make(options.records, seed, holds)
            size.append(int(planted.sum()))
            for rate in RATES:
                page = discover(dataset, np.where(planted, rate, RANDOM), seed)
                found[rate] += any(all(part in one.where for part in parts) for one in page.slices[:3])
        told = "  ".join(f"{rate:.0%}: {n:2}" for rate, n in found.items())
        print(f"  {name:24} {np.mean(size):5.0f} records  {told}")
    dataset, _ = make(options.records, 0, SLICES["a word"][0])
    runs = 6 * options.seeds
    told = sum(bool(discover(dataset, np.full(options.records, 0.15), seed).slices) for seed in range(runs))
    print(f"errors at random alone: a slice told in {told} of {runs} runs")
    for n_records in map(int, options.timed.split(",")):
        dataset, planted = make(n_records, 0, SLICES["two words"][0])
        start = time.perf_counter()
        page = discover(dataset, np.where(planted, 0.5, RANDOM), 0)
        seconds, peak = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"{n_records:,} records: {page.n_looked_at:,} slices in {seconds:.1f} s, peak {peak:.2f} GiB")


def flip(source: Path, seeds: int) -> None:
    """Print how often each hidden subset of real questions is among the first three slices."""
    asked = real_questions(source, Path(tempfile.mkdtemp()))
    print(f"hidden subset of {len(asked.rows):,} questions among the first three, of {seeds} seeds, by share flipped")
    for name in PLANTED:
        planted, told = asked.subset(name)
        found = dict.fromkeys(FLIPPED, 0)
        for share in FLIPPED:
            for seed in range(seeds):
                rng = np.random.default_rng(seed)
                wrong = asked.errors(rng) | (planted & (rng.random(len(planted)) < share))
                first = find(asked.dataset, asked.rows, "Intent", wrong).slices[:3]
                found[share] += any(all(part in one.where for part in told) for one in first)
        print(
            f"  {name:26} {planted.sum():5} records  " + "  ".join(f"{share:.0%}: {n:2}" for share, n in found.items())
        )


def make(n_records: int, seed: int, holds: Holds) -> tuple[Dataset, ndarray]:
    """Records, and which of them are in the slice."""
    rng = np.random.default_rng(seed)
    lines, planted = [], []
    for number in range(n_records):
        words = rng.choice(WORDS, size=rng.integers(1, 12), replace=False).tolist()
        gold = "abc"[rng.integers(3)]
        votes = {"gold": gold, "rule": gold if rng.random() < 0.8 else "a"}
        tags = ["test", f"batch:{number % 4}"]
        lines.append(json.dumps({"payloads": {"tokens": words}, "tasks": {"Intent": votes}, "tags": tags}))
        planted.append(holds(number, words))
    folder = Path(tempfile.mkdtemp())
    (folder / "records.jsonl").write_text("\n".join(lines))
    return load_dataset(SCHEMA, [folder / "records.jsonl"], folder / "rows"), np.array(planted)


def discover(dataset: Dataset, rate: ndarray, seed: int) -> SlicePage:
    """The slices, where each record is predicted wrongly at its rate."""
    rng = np.random.default_rng(seed)
    gold, rows = gold_of(dataset.votes("Intent")), np.arange(dataset.n_records)
    wrong = rng.random(len(rows)) < rate
    label = (gold.label + wrong * rng.integers(1, 3, len(rows))) % 3
    probability = np.full((len(rows), 3), 1 / 3, np.float32)
    said = Predictions(gold.task, np.arange(len(rows) + 1), probability, label.astype(np.int32))
    return find_slices(dataset, rows, {"Intent": said}, "Intent", version="", splits=("test",))


if __name__ == "__main__":
    main()
