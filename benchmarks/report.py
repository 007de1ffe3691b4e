"""The report of a million predictions on each of four tasks and 500 tags, beside pandas grouped tag by tag.

Both make every figure of the report with its 95 % interval, in this process and from the same predictions, and must
agree. Times are of the processor, since a machine may be busy. pandas may be asked for some of the tags alone, spread
evenly; its time is then told for all of them in proportion.

    python benchmarks/report.py [--records 1000000] [--tags 500] [--tags-per-record 5] [--pandas-tags 500]
"""

import argparse
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.report_pandas import Figure, figures_of, find_rows, frames_of, tag_sums
from overton.codec import Predictions
from overton.data import Gold, Splits, Tags
from overton.evaluate import Report, evaluate
from overton.evaluate.calibration import BINS
from overton.schema import Task

SAMPLES = 200
CLASSES = {"Intent": 20, "Topic": 5, "Type": 10, "Arg": 4}
TYPES = {"Intent": "multiclass", "Topic": "multiclass", "Type": "bitvector", "Arg": "select"}
BUDGET = 5.0


def main() -> None:
    """Time both and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--tags", type=int, default=500)
    parser.add_argument("--tags-per-record", type=float, default=5.0)
    parser.add_argument("--pandas-tags", type=int, default=500, help="how many of the tags pandas is asked for")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    tags = make_tags(rng, options.records, options.tags, options.tags_per_record)
    pairs = {name: make_task(rng, name, options.records) for name in CLASSES}
    said, gold = ({name: pair[index] for name, pair in pairs.items()} for index in (0, 1))
    nothing = np.zeros(0, np.int64)
    splits = Splits(nothing, nothing, np.arange(options.records), ())

    start = time.process_time()
    report = evaluate(said, gold, tags, splits)
    ours = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    n_predictions = options.records * len(CLASSES)
    print(
        f"{n_predictions:,} predictions, {options.tags} tags, "
        f"{len(tags.tag):,} tags on records, {len(report.rows):,} figures with intervals"
    )
    print(f"overton: {ours:.2f} s (budget {BUDGET:.0f} s), peak {peak:.1f} GiB", flush=True)

    step = max(options.tags // max(options.pandas_tags, 1), 1)
    names = tags.names[::step]
    seconds, figures = time_pandas(said, gold, tags, names)
    check_equal(report, figures)
    share = len(names) / len(tags.names)
    prepared, found, grouped = seconds["prepare"], seconds["find"] / share, seconds["group"] / share
    print(f"pandas, from {len(names)} tags, all figures agree: {prepared:.1f} s to prepare its frames,")
    print(f"{found:.0f} s to find the rows of each tag by a table of tags and records, {grouped:.0f} s to group them")
    print(f"{(prepared + found + grouped) / ours:.0f} times as long; {(prepared + grouped) / ours:.0f} times where")
    print("each tag is a column of every frame already")


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
    said: dict[str, Predictions], gold: dict[str, Gold], tags: Tags, names: tuple[str, ...]
) -> tuple[dict[str, float], dict[tuple[str, str, str], Figure]]:
    """What pandas takes for every figure of every task on some tags.

    Returns:
        Processor seconds to prepare frames, to find the rows of each tag and to group them; and the figures.
    """
    noise = np.random.default_rng(0).standard_normal((SAMPLES, BINS + 1))
    owner = np.repeat(np.arange(len(tags.first) - 1), np.diff(tags.first))
    table = pd.DataFrame({"tag": pd.Categorical.from_codes(tags.tag, list(tags.names)), "record": owner})
    figures: dict[tuple[str, str, str], Figure] = {}
    seconds = {"prepare": 0.0, "find": 0.0, "group": 0.0}

    def timed(what: str, make: Callable[[], Any]) -> Any:
        start = time.process_time()
        made = make()
        seconds[what] += time.process_time() - start
        return made

    records = {name: timed("find", lambda name=name: table["record"][table["tag"] == name]) for name in names}
    for task in said:
        frames = timed("prepare", lambda task=task: frames_of(said[task], gold[task]))
        sums = [tag_sums(frames, *find_rows(frames, pd.Series(np.arange(len(tags.first) - 1))))]
        for name in names:
            rows = timed("find", lambda name=name, frames=frames: find_rows(frames, records[name]))
            sums.append(timed("group", lambda rows=rows, frames=frames: tag_sums(frames, *rows)))
        found = timed("group", lambda frames=frames, sums=sums: figures_of(frames, sums, noise))
        for metric, told in found.items():
            figures |= {(task, tag, metric): one for tag, one in zip(("*", *names), told, strict=True)}
    return seconds, figures


def check_equal(report: Report, figures: dict[tuple[str, str, str], Figure]) -> None:
    """Stop where the two disagree."""
    tags = {tag for _, tag, _ in figures}
    ours = {(row.task, row.tag, row.metric): (row.value, row.low, row.high) for row in report.rows if row.tag in tags}
    assert ours.keys() == figures.keys(), "both tell of the same tags and metrics"
    for key, told in ours.items():
        assert np.allclose(told, figures[key], rtol=1e-7, atol=1e-9), (key, told, figures[key])


if __name__ == "__main__":
    main()
