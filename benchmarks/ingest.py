"""Reading a data file into the row store, against `json.loads` of each of its lines.

The records of an application, repeated with fresh ids until they are many, are read by a fresh process, which tells its
time and its peak memory; so is a quarter of them, to show that memory does not grow with their number. `json.loads`
reads the same file in another fresh process, before and after. The application is `--data`, `factoid-en` under
OVERTON_TEST_DATA, or a made one.

    python benchmarks/ingest.py [--data FOLDER] [--records 900000]
"""

import argparse
import gzip
import json
import multiprocessing
import os
import re
import resource
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from overton.data.files import data_files, load_dataset
from overton.example import factoid
from overton.example.files import write_application
from overton.schema.files import load_schema

BUDGET = 3.0


def main() -> None:
    """Time both and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of an application: schema.json and data/")
    parser.add_argument("--records", type=int, default=900_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        application = find_application(options.data, Path(folder))
        lines = list(read_lines(application))
        print(f"{application.name}: {len(lines):,} records")
        path = Path(folder) / "records.jsonl"
        for n_records in (options.records // 4, options.records):
            write_repeated(lines, n_records, path)
            print(f"\n{n_records:,} records, {path.stat().st_size / 1e6:,.0f} MB")
            before, _ = in_fresh_process(time_json, path)
            ours, peak = in_fresh_process(time_ingest, application / "schema.json", path, Path(folder) / "rows")
            after, _ = in_fresh_process(time_json, path)
            bare = (before + after) / 2
            stored = sum(file.stat().st_size for file in (Path(folder) / "rows").iterdir()) / 1e6
            shutil.rmtree(Path(folder) / "rows")
            print(f"json.loads: {bare:6.1f} s  {n_records / bare:9,.0f} records/s  ({before:.1f} and {after:.1f} s)")
            print(
                f"overton:    {ours:6.1f} s  {n_records / ours:9,.0f} records/s  "
                f"(peak {peak:,.0f} MB, stored {stored:,.0f} MB)"
            )
            print(f"ratio:      {ours / bare:6.2f}    (budget {BUDGET:.0f})")


def find_application(data: Path | None, folder: Path) -> Path:
    """The application to read: as asked for, the real one where it is there, or a made one."""
    if data is not None:
        return data
    real = Path(os.environ.get("OVERTON_TEST_DATA", "")) / "factoid-en"
    if "OVERTON_TEST_DATA" in os.environ and real.is_dir():
        return real
    made = folder / "factoid"
    write_application(factoid(n_records=5000, seed=0), made)
    return made


def read_lines(application: Path) -> Iterator[bytes]:
    """The lines of all its data files."""
    for path in data_files(application / "data"):
        with gzip.open(path) if path.name.endswith(".gz") else path.open("rb") as file:
            yield from file


def write_repeated(lines: list[bytes], n_records: int, path: Path, first: int = 0) -> None:
    """Write lines again and again, each with an id of its own; they are counted from `first`."""
    parts = [re.split(rb'("id": ?")', line, maxsplit=1) for line in lines]
    with path.open("wb") as file:
        for number in range(first, first + n_records):
            before, key, rest = parts[number % len(lines)]
            file.write(b"%b%b%d-%b" % (before, key, number // len(lines), rest))
    os.utime(path, (0, 0))  # long settled, so that its digest may be remembered


def time_json(path: Path) -> float:
    """Seconds to parse every line of a file."""
    start = time.perf_counter()
    with path.open("rb") as file:
        for line in file:
            json.loads(line)
    return time.perf_counter() - start


def time_ingest(schema: Path, path: Path, cache: Path) -> float:
    """Seconds to read a file into the row store and open it."""
    start = time.perf_counter()
    load_dataset(load_schema(schema), [path], cache)
    return time.perf_counter() - start


def in_fresh_process(function, *arguments):  # noqa: ANN001, ANN002, ANN201  any of the two
    """What a function returns, and the peak memory in MB of a process that does nothing else."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_measured, (function, *arguments))


def _measured(function, *arguments):  # noqa: ANN001, ANN002, ANN202
    seconds = function(*arguments)
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
