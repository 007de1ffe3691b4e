"""Random batches of 64 from the row store, against `numpy.take` on fixed-width rows of the same content.

Both give the same padded arrays of the same batches; the peer's rows are as wide as the longest record, in one file that is
mapped as ours is. Warm: everything is in the page cache. Cold: the cache is told to forget both files before each run.

    python benchmarks/rowstore.py [--data FOLDER] [--records 200000] [--batches 500]
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from ingest import find_application, read_lines, write_repeated
from numpy import ndarray

from overton.data import Batch, Dataset
from overton.data.files import load_dataset
from overton.schema import Schema
from overton.schema.files import load_schema

BUDGET = 6.0
SIZE = 64


def main() -> None:
    """Time both, warm and cold, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of an application: schema.json and data/")
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--batches", type=int, default=500)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        application = find_application(options.data, folder)
        write_repeated(list(read_lines(application)), options.records, folder / "records.jsonl")
        schema = load_schema(application / "schema.json")
        dataset = load_dataset(schema, [folder / "records.jsonl"], folder / "rows")
        start = time.perf_counter()
        dataset = load_dataset(schema, [folder / "records.jsonl"], folder / "rows")
        print(f"{application.name}: {dataset.n_records:,} records, opened in {1e3 * (time.perf_counter() - start):.1f} ms")
        fixed = FixedRows(dataset, folder / "fixed")
        ours = next(folder.glob("rows/*.rows"))
        print(f"ragged rows {ours.stat().st_size / 1e6:,.0f} MB with ids and texts, fixed rows {fixed.path.stat().st_size / 1e6:,.0f} MB")
        rng = np.random.default_rng(0)
        batches = [rng.integers(0, dataset.n_records, SIZE) for _ in range(options.batches)]
        assert_equal(dataset, fixed, batches[0])
        dataset.gather(batches[0])
        for state in ("warm", "cold"):
            files = [] if state == "warm" else [ours, fixed.path]
            theirs = best(lambda rows: fixed.take(rows), batches, files)
            own = best(lambda rows: dataset.gather(rows), batches, files)
            rate = SIZE / own
            print(f"{state}: numpy.take {theirs * 1e6:7.1f} us, overton {own * 1e6:7.1f} us a batch ({rate:,.0f} records/s); "
                  f"ratio {own / theirs:.2f} (budget {BUDGET:.0f})")


class FixedRows:
    """The rows of a data set, each as wide as the widest, in one mapped file."""

    def __init__(self, dataset: Dataset, path: Path) -> None:
        self.path = path
        self._fields: list[tuple[str, int, int, bool]] = []
        columns: list[tuple[str, int, bool]] = []
        for payload in dataset.schema.payloads:
            if payload.has_items:
                columns.append((payload.name, int(dataset.item_lengths(payload.name).max()), payload.range is not None))
        begin = 0
        for name, width, with_range in columns:
            self._fields.append((name, begin, width, with_range))
            begin += 1 + width * (3 if with_range else 1)
        with path.open("wb") as file:
            for low in range(0, dataset.n_records, 4096):
                batch = dataset.gather(np.arange(low, min(low + 4096, dataset.n_records)))
                file.write(self._rows(batch, begin).tobytes())
        self._rows_on_disk = np.asarray(np.memmap(path, np.int32, "r").reshape(-1, begin))

    def _rows(self, batch: Batch, width: int) -> ndarray:
        rows = np.full((batch.n_records, width), -1, np.int32)
        for name, begin, n_items, with_range in self._fields:
            column = batch.columns[name]
            rows[:, begin] = np.where(column.present, column.length, -1)
            rows[:, begin + 1 : begin + 1 + column.strings.shape[1]] = column.strings
            if with_range:
                spans = np.zeros((batch.n_records, n_items, 2), np.int32)
                spans[:, : column.range.shape[1]] = column.range
                rows[:, begin + 1 + n_items : begin + 1 + 3 * n_items] = spans.reshape(batch.n_records, -1)
        return rows

    def take(self, rows: ndarray) -> dict[str, tuple[ndarray, ...]]:
        """Strings, length, presence and ranges of some records, padded to the longest record of all."""
        block = np.take(self._rows_on_disk, rows, axis=0)
        found = {}
        for name, begin, width, with_range in self._fields:
            head = block[:, begin]
            parts = [np.ascontiguousarray(block[:, begin + 1 : begin + 1 + width]), np.maximum(head, 0), head >= 0]
            if with_range:
                spans = block[:, begin + 1 + width : begin + 1 + 3 * width]
                parts.append(np.ascontiguousarray(spans).reshape(len(rows), width, 2))
            found[name] = tuple(parts)
        return found


def assert_equal(dataset: Dataset, fixed: FixedRows, rows: ndarray) -> None:
    """Both must give the same arrays, but for the width of the padding."""
    batch = dataset.gather(rows)
    for name, (strings, length, present, *ranges) in fixed.take(rows).items():
        column = batch.columns[name]
        width = column.strings.shape[1]
        assert (strings[:, :width] == column.strings).all() and (strings[:, width:] == -1).all()
        assert (length == column.length).all() and (present == column.present).all()
        for spans in ranges:
            assert (spans[:, :width] == column.range).all()


def best(gather: Callable[[ndarray], object], batches: list[ndarray], forget: list[Path]) -> float:
    """Seconds a batch: the best of five runs where the cache is warm, the mean of three where it is cold."""
    times = []
    for _ in range(3 if forget else 5):
        for path in forget:
            drop_from_cache(path)
        start = time.perf_counter()
        for rows in batches:
            gather(rows)
        times.append((time.perf_counter() - start) / len(batches))
    return sum(times) / len(times) if forget else min(times)


def drop_from_cache(path: Path) -> None:
    """Let the system forget the pages of a file."""
    handle = os.open(path, os.O_RDONLY)
    os.fsync(handle)
    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(handle)


if __name__ == "__main__":
    main()
