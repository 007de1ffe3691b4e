"""How shards are written: lines of JSON, plain or compressed, or Parquet."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, Protocol, cast

from overton.base import OvertonError, Problem, did_you_mean
from overton.data.files import compressed

FORMATS = ("jsonl", "jsonl.gz", "jsonl.zst", "parquet")
PARQUET = "parquet"
GROUP_ROWS, GROUP_BYTES = 1 << 16, 1 << 26  # of a Parquet file are written together, about so many at most


class Sink(Protocol):
    """Takes what a piece gives, part by part: lines as bytes, or Arrow tables."""

    def __call__(self, part: Any) -> None:
        """Write a part."""
        ...


def check_format(name: str) -> str:
    """The name of a format.

    Raises:
        OvertonError: Where there is no such format.
    """
    if name not in FORMATS:
        hint = did_you_mean(name, FORMATS)
        raise OvertonError(Problem(f"there is no format {name!r} to write", "batch.unknown-format", hint=hint))
    return name


def format_of(name: str) -> str:
    """The format that the name of a file asks for; lines of JSON where it has no ending.

    Raises:
        OvertonError: Where it asks for another one.
    """
    found = next((one for one in reversed(FORMATS) if name.endswith(f".{one}")), "")
    stem, dot, ending = name.rpartition(".")
    if not found and dot and stem:
        message = f"there is no format {ending!r} to write"
        hint = f"Name it {stem}.jsonl: names of files end in {', '.join(f'.{one}' for one in FORMATS)}"
        raise OvertonError(Problem(message, "batch.unknown-format", path=name, hint=hint))
    return found or FORMATS[0]


@contextmanager
def sink(file: IO[bytes], format: str, schema: Any = None) -> Iterator[Sink]:
    """Write to an open file.

    Args:
        file: The file.
        format: One of `FORMATS`.
        schema: The Arrow schema of the tables, for Parquet.
    """
    if format == PARQUET:
        import pyarrow.parquet as pq

        with pq.ParquetWriter(file, schema, compression="zstd") as writer:
            waiting = _Tables(writer)
            yield waiting
            waiting.flush()
    else:
        with compressed(file, format) as stream:
            yield cast(Sink, stream.write)


class _Tables:
    """Tables that wait until they are worth a row group."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer
        self._waiting: list[Any] = []
        self._rows = self._bytes = 0

    def __call__(self, part: Any) -> None:
        self._waiting.append(part)
        self._rows += part.num_rows
        self._bytes += part.nbytes
        if self._rows >= GROUP_ROWS or self._bytes >= GROUP_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what waits as one row group."""
        import pyarrow as pa

        if self._rows:
            self._writer.write_table(pa.concat_tables(self._waiting))
        self._waiting, self._rows, self._bytes = [], 0, 0
