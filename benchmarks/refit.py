"""Combining votes after an edit of one source: what was counted is kept and brought up to date, or all is counted anew.

The records of an application, repeated with fresh ids until they are many, stand in one data file, and the labels of
one source in another, which is edited: every other label is taken back. Both ways find the edited file read into the
row store, and both fit their models afterwards; either is told apart. The application is `--data`, `factoid-en` under
OVERTON_TEST_DATA, or a made one.

    python benchmarks/refit.py [--data FOLDER] [--records 900000] [--source NAME]
"""

import argparse
import json
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ingest import find_application, read_lines

import overton
from overton.combining import combine_votes
from overton.data import Dataset
from overton.supervision import bring_up_to_date
from overton.supervision.files import load_kept, save_kept

ROUNDS = 3


def main() -> None:
    """Time both and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of an application: schema.json and data/")
    parser.add_argument("--records", type=int, default=900_000)
    parser.add_argument("--source", help="the one to edit; without it the one with most labels of records")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        application, home = find_application(options.data, Path(name)), Path(name) / "repeated"
        records = [json.loads(line) for line in read_lines(application)]
        source = options.source or most_voting(records)
        labels = [take_out(record, source) for record in records]
        (home / "data").mkdir(parents=True)
        shutil.copy(application / "schema.json", home)
        write_repeated(records, options.records, home / "data" / "a-records.jsonl")
        write_repeated(labels, options.records, home / "data" / "b-source.jsonl")
        dataset = overton.load(home).dataset()
        print(f"{application.name}: {dataset.n_records:,} records, {len(dataset.sources)} sources; edited: {source}")
        keep_all(dataset, home / "votes")
        edited = [one if number % 2 else None for number, one in enumerate(labels)]
        write_repeated(edited, options.records, home / "data" / "b-source.jsonl")
        both, dataset = timed(overton.load(home).dataset)
        opened, _ = timed(overton.load(home).dataset)
        print(f"the edited file: {both - opened:.2f} s to read; opening the row store: {opened:.2f} s")
        print_table(dataset, home / "votes")


def keep_all(dataset: Dataset, folder: Path) -> None:
    """Count the votes of all tasks and keep them, telling how long that takes."""
    counted = saved = 0.0
    for task in dataset.schema.tasks:
        seconds, kept = timed(bring_up_to_date, dataset, task.name, None)
        counted += seconds
        saved += timed(save_kept, folder / task.name, task.name, kept)[0]
    size = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
    print(f"first count: {counted:.2f} s, and {saved:.2f} s to keep it ({size:.0f} MB)")


def print_table(dataset: Dataset, folder: Path) -> None:
    """Print the seconds of every task, and of all."""
    total = np.zeros(3)
    print(f"\n{'task':12s} {'votes':>12s} {'anew':>8s} {'kept':>8s} {'ratio':>7s} {'models':>8s}")
    for task in [task.name for task in dataset.schema.tasks]:
        anew, fresh = best(bring_up_to_date, dataset, task, None)
        ours, found = best(lambda task=task: bring_up_to_date(dataset, task, load_kept(folder / task, task)))
        patterns = fresh.tally.patterns
        assert (found.tally.patterns.index == patterns.index).all(), "both ways lead to the same"
        whole, _ = timed(combine_votes, dataset, task)
        n_votes = int(patterns.count[patterns.cells.row].sum())
        print(f"{task:12s} {n_votes:12,} {anew:8.3f} {ours:8.3f} {anew / ours:7.1f} {whole - anew:8.3f}")
        total += (anew, ours, whole - anew)
    print(f"{'all':12s} {'':12s} {total[0]:8.3f} {total[1]:8.3f} {total[0] / total[1]:7.1f} {total[2]:8.3f}")


def most_voting(records: Sequence[dict[str, Any]]) -> str:
    """The source, not gold, with most labels that are a class of a whole record."""
    votes = Counter(
        source
        for record in records
        for said in record["tasks"].values()
        for source, label in said.items()
        if isinstance(label, str) and source != "gold"
    )
    return votes.most_common(1)[0][0]


def take_out(record: dict[str, Any], source: str) -> dict[str, Any] | None:
    """The labels of a source as a record that adds to the one that loses them; None where there are none."""
    tasks = {task: {source: said.pop(source)} for task, said in record["tasks"].items() if source in said}
    return {"id": record["id"], "tasks": tasks} if tasks else None


def write_repeated(records: Sequence[dict[str, Any] | None], n_records: int, path: Path) -> None:
    """Write records again and again, each time with other ids."""
    parts = [record and (record["id"], json.dumps({**record, "id": ""}).partition('"id": ""')) for record in records]
    with path.open("w") as file:
        for number in range(n_records):
            if part := parts[number % len(parts)]:
                name, (before, _, after) = part
                file.write(f'{before}"id": "{number // len(parts)}-{name}"{after}\n')
    os.utime(path, (0, 0))  # long settled, so that its digest may be remembered


def timed(function: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
    """Seconds that a call takes, and what it returns."""
    start = time.perf_counter()
    found = function(*arguments)
    return time.perf_counter() - start, found


def best(function: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
    """The fewest seconds of some calls, and what the last returns."""
    runs = [timed(function, *arguments) for _ in range(ROUNDS)]
    return min(seconds for seconds, _ in runs), runs[-1][1]


if __name__ == "__main__":
    main()
