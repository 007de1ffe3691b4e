"""Random batches of 64 from the row store, against `numpy.take` on fixed-width rows of the same content.

Both give the same padded arrays of one batch; the peer's rows are as wide as the longest record, in one file that
is mapped as ours is. Warm: all is in the page cache. Cold: the cache has forgotten both files before each run.

    python benchmarks/rowstore.py [--data FOLDER] [--records 200000] [--batches 500]
"""

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
from ingest import find_application, in_fresh_process, read_lines, write_repeated
from numpy import ndarray

from overton.data import Batch, Dataset
from overton.data.files import load_dataset
from overton.schema.files import load_schema

BUDGET = 6.0
SIZE = 64

Field = tuple[str, int, int, bool]


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
        shutil.copy(application / "schema.json", folder)
        # Each step runs in a process of its own: a mapped file stays in the cache as long as anyone maps it.
        in_fresh_process(prepare, folder)
        seconds, _ = in_fresh_process(open_again, folder)
        stored, fixed = files_of(folder)
        print(f"{application.name}: {options.records:,} records, opened in {1e3 * seconds:.1f} ms")
        print(
            f"ragged rows with ids and texts {stored.stat().st_size / 1e6:,.0f} MB, "
            f"fixed rows alone {fixed.stat().st_size / 1e6:,.0f} MB"
        )
        for state, repeats in (("warm", 5), ("cold", 1)):
            times: dict[str, list[float]] = {"numpy.take": [], "overton": []}
            for number in range(3):
                for peer, found in times.items():
                    if state == "cold":
                        drop_from_cache(stored)
                        drop_from_cache(fixed)
                    found.append(in_fresh_process(time_batches, folder, peer, options.batches, repeats, number)[0])
            theirs, ours = (min(found) for found in times.values())
            print(
                f"{state}: numpy.take {theirs * 1e6:7.1f} us, overton {ours * 1e6:7.1f} us a batch "
                f"({SIZE / ours:,.0f} records/s); ratio {ours / theirs:.2f} (budget {BUDGET:.0f})"
            )


def prepare(folder: Path) -> None:
    """Make the row store and the fixed rows, and see that both give the same."""
    dataset = load(folder)
    FixedRows.write(dataset, folder / "fixed")
    assert_equal(dataset, FixedRows(dataset, folder / "fixed"), np.arange(0, dataset.n_records, 997))


def open_again(folder: Path) -> float:
    """Seconds to open a row store that is there."""
    start = time.perf_counter()
    load(folder)
    return time.perf_counter() - start


def time_batches(folder: Path, peer: str, n_batches: int, repeats: int, seed: int) -> float:
    """Seconds a batch: the best of some rounds over the same random batches."""
    dataset = load(folder)
    n_records = dataset.n_records
    _ = dataset.pool
    gather = FixedRows(dataset, folder / "fixed").take if peer == "numpy.take" else dataset.gather
    rng = np.random.default_rng(seed)
    batches = [rng.integers(0, n_records, SIZE) for _ in range(n_batches)]
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        for rows in batches:
            gather(rows)
        times.append((time.perf_counter() - start) / n_batches)
    return min(times)


def load(folder: Path) -> Dataset:
    """The records of a folder from its row store."""
    return load_dataset(load_schema(folder / "schema.json"), [folder / "records.jsonl"], folder / "rows")


def files_of(folder: Path) -> tuple[Path, Path]:
    """The file of rows, and its peer."""
    return next(folder.glob("rows/*.rows")), folder / "fixed"


class FixedRows:
    """The rows of a data set, each as wide as the widest, in one mapped file."""

    def __init__(self, dataset: Dataset, path: Path) -> None:
        self._fields, width = self._plan(dataset)
        self._rows_on_disk = np.asarray(np.memmap(path, np.int32, "r").reshape(-1, width))

    @classmethod
    def write(cls, dataset: Dataset, path: Path) -> None:
        """Write the rows of a data set."""
        fields, width = cls._plan(dataset)
        with path.open("wb") as file:
            for low in range(0, dataset.n_records, 4096):
                batch = dataset.gather(np.arange(low, min(low + 4096, dataset.n_records)))
                file.write(cls._rows(batch, fields, width).tobytes())

    @staticmethod
    def _plan(dataset: Dataset) -> tuple[list[Field], int]:
        """Name, first word, items and whether it has ranges of every payload; and the words of a row."""
        fields: list[Field] = []
        begin = 0
        for payload in dataset.schema.payloads:
            if payload.has_items:
                items = int(dataset.item_lengths(payload.name).max())
                fields.append((payload.name, begin, items, payload.range is not None))
                begin += 1 + items * (3 if payload.range else 1)
        return fields, begin

    @staticmethod
    def _rows(batch: Batch, fields: list[Field], width: int) -> ndarray:
        rows = np.full((batch.n_records, width), -1, np.int32)
        for name, begin, n_items, with_range in fields:
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
        assert (strings[:, :width] == column.strings).all()
        assert (strings[:, width:] == -1).all()
        assert (length == column.length).all()
        assert (present == column.present).all()
        for spans in ranges:
            assert (spans[:, :width] == column.range).all()


def drop_from_cache(path: Path) -> None:
    """Let the system forget the pages of a file."""
    handle = os.open(path, os.O_RDONLY)
    os.fsync(handle)
    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(handle)


if __name__ == "__main__":
    main()
