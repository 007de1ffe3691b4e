"""Combining votes again after an edit of one source, with the counted votes that were kept, against counting all anew.

The records of an application, repeated with fresh ids until they are many, stand in one data file, and the labels of
one source in another. That one is edited: every label of the source takes the place of its next one. Both ways read the
edited file into the row store first; that is told apart, and so is fitting, which both ways do alike. The application is
`--data`, `factoid-en` under OVERTON_TEST_DATA, or a made one.

    python benchmarks/refit.py [--data FOLDER] [--records 900000] [--source NAME]
"""

import argparse
import json
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ingest import find_application, read_lines

import overton
from overton.data import Dataset
from overton.pipeline import combine_votes
from overton.supervision import Kept, bring_up_to_date
from overton.supervision.files import load_kept, save_kept

ROUNDS = 3


def main() -> None:
    """Time both and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of an application: schema.json and data/")
    parser.add_argument("--records", type=int, default=900_000)
    parser.add_argument("--source", help="whose labels are edited; the one with most of the first task it votes on")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        application = find_application(options.data, folder)
        records = [json.loads(line) for line in read_lines(application)]
        source = options.source or most_voting(records)
        home = folder / "repeated"
        (home / "data").mkdir(parents=True)
        shutil.copy(application / "schema.json", home)
        said = [taken_out(record, source) for record in records]
        write_repeated(records, options.records, home / "data" / "a-records.jsonl")
        write_repeated(said, options.records, home / "data" / "b-source.jsonl")
        dataset = overton.load(home).dataset()
        print(f"{application.name}: {dataset.n_records:,} records, {len(dataset.sources)} sources; edited: {source}")
        keep_all(dataset, home)
        turned = [{**one, "tasks": other["tasks"]} for one, other in zip(said, [*said[1:], said[0]], strict=True)]
        write_repeated(fitting(turned, said), options.records, home / "data" / "b-source.jsonl")
        read, dataset = timed(overton.load(home).dataset)
        opened, _ = timed(overton.load(home).dataset)
        print(f"reading the edited file: {read - opened:.2f} s; opening the row store: {opened:.2f} s")
        print_table(dataset, home)


def print_table(dataset: Dataset, home: Path) -> None:
    """Print the seconds of every task, and of all."""
    total = [0.0, 0.0]
    print(f"\n{'task':12s} {'votes':>12s} {'anew':>8s} {'kept':>8s} {'ratio':>7s} {'fit':>8s}")
    for task in [task.name for task in dataset.schema.tasks]:
        anew, fresh = best(lambda task=task: bring_up_to_date(dataset, task, None))
        ours, found = best(lambda task=task: bring_up_to_date(dataset, task, load_kept(path_of(home, task), task)))
        assert (found.tally.patterns.index == fresh.tally.patterns.index).all()
        whole, _ = timed(lambda task=task, found=found: combine_votes(dataset, task, tallies=Given(found)))
        n_votes = float(fresh.tally.patterns.count @ votes_of_patterns(fresh))
        print(f"{task:12s} {n_votes:12,.0f} {anew:8.3f} {ours:8.3f} {anew / ours:7.1f} {whole:8.3f}")
        total = [total[0] + anew, total[1] + ours]
    print(f"{'all':12s} {'':12s} {total[0]:8.3f} {total[1]:8.3f} {total[0] / total[1]:7.1f}")


class Given:
    """A place for counted votes that holds one."""

    def __init__(self, kept: Kept) -> None:
        self.load: Callable[[str], Kept | None] = lambda task: kept
        self.save: Callable[[str, Kept], None] = lambda task, kept: None


def votes_of_patterns(kept: Kept) -> Any:  # noqa: ANN401
    """Number of votes of each pattern."""
    import numpy as np

    patterns = kept.tally.patterns
    return np.bincount(patterns.cells.row, minlength=patterns.n_patterns)


def keep_all(dataset: Dataset, home: Path) -> None:
    """Count the votes of all tasks and keep them, telling how long that takes."""
    counted = saved = 0.0
    for task in [task.name for task in dataset.schema.tasks]:
        seconds, kept = timed(lambda task=task: bring_up_to_date(dataset, task, None))
        counted += seconds
        saved += timed(lambda task=task, kept=kept: save_kept(path_of(home, task), task, kept))[0]
    size = sum(file.stat().st_size for file in (home / ".overton" / "votes").iterdir()) / 1e6
    print(f"first count: {counted:.2f} s, and {saved:.2f} s to keep it ({size:.0f} MB)")


def path_of(home: Path, task: str) -> Path:
    """Where the counted votes of a task are kept."""
    return home / ".overton" / "votes" / f"{task}.tally"


def most_voting(records: list[dict[str, Any]]) -> str:
    """The source, not gold, with most labels of the last task that is of records and has several sources."""
    votes = Counter(
        name
        for record in records
        for task, said in record["tasks"].items()
        for name, label in said.items()
        if task == "Intent" and name != "gold" and isinstance(label, str)
    )
    return votes.most_common(1)[0][0]


def taken_out(record: dict[str, Any], source: str) -> dict[str, Any]:
    """The labels of a source, which the record loses."""
    tasks = {task: {source: said.pop(source)} for task, said in record["tasks"].items() if source in said}
    return {"id": record["id"], "tasks": tasks}


def fitting(turned: list[dict[str, Any]], said: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Labels that changed their records, where a label is a class; those of lists and members stay."""
    for new, old in zip(turned, said, strict=True):
        tasks = {
            task: new["tasks"][task]
            if task in new["tasks"] and all(isinstance(label, str) for label in new["tasks"][task].values())
            else labels
            for task, labels in old["tasks"].items()
        }
        yield {"id": old["id"], "tasks": tasks}


def write_repeated(lines: Any, n_records: int, path: Path) -> None:  # noqa: ANN401
    """Write records again and again, each with an id of its own; those that say nothing are left out."""
    parts = [
        (record["id"], json.dumps({key: value for key, value in record.items() if key != "id"})[1:])
        for record in lines
    ]
    keep = [bool(rest != ' "tasks": {}}' and rest != '"tasks": {}}') for _, rest in parts]
    with path.open("w") as file:
        for number in range(n_records):
            place = number % len(parts)
            if keep[place]:
                file.write(f'{{"id": "{number // len(parts)}-{parts[place][0]}", {parts[place][1]}\n')
    os.utime(path, (0, 0))  # long settled, so that its digest may be remembered


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds that a call takes, and what it returns."""
    start = time.perf_counter()
    found = function()
    return time.perf_counter() - start, found


def best(function: Callable[[], Any]) -> tuple[float, Any]:
    """The fewest seconds of some calls, and what the last returns."""
    runs = [timed(function) for _ in range(ROUNDS)]
    return min(seconds for seconds, _ in runs), runs[-1][1]


if __name__ == "__main__":
    main()
