"""Records to and from data files, one JSON object a line; the name's ending says how the file is compressed."""

import gzip
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any, TypeVar, cast

import msgspec

from overton.base import OvertonError, Problem
from overton.base.files import atomic_writer, check_place
from overton.data.files.lines import blocks_of, contents, read_blocks
from overton.data.parser import RecordParser
from overton.data.record import Record
from overton.schema import Schema

T = TypeVar("T")

STANDARD = Path("-")


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of a data file with their numbers from 1, blank ones left out; of stdin where the path is `-`.

    Raises:
        OvertonError: Where the file cannot be read, is no text, or its compressed stream is broken.
    """
    for block in blocks_of(contents(sys.stdin.buffer, str(path))) if path == STANDARD else read_blocks(path):
        yield from zip(block.numbers, block.lines, strict=True)


def read_chunks(schema: Schema, path: Path, size: int) -> Iterator[list[tuple[Record, dict[str, Any]]]]:
    """The records of a data file, so many at a time, each as it was read and as the JSON value that it is.

    Raises:
        OvertonError: With all faults of a chunk that has any.
    """
    parser = RecordParser(schema)
    rest = read_lines(path)
    while chunk := list(islice(rest, size)):
        parsed = []
        problems: list[Problem] = []
        for number, line in chunk:
            try:
                parsed.append((parser.parse(line), msgspec.json.decode(line)))
            except (OvertonError, msgspec.MsgspecError):
                problems.extend(parser.faults(line, str(path), number))
        if problems:
            raise OvertonError(problems)
        yield parsed


def write_records(path: Path, records: Iterable[Mapping[str, Any]]) -> int:
    """Write records as a data file, whole or not at all (stdout where the path is `-`), and return their number."""
    encode = msgspec.json.Encoder().encode
    count = 0
    with _stream(path) as file, compressed(file, path.name) as stream:
        for record in records:
            stream.write(encode(record) + b"\n")
            count += 1
    return count


def write_parts(
    path: Path, parts: Iterable[T], sink: Callable[[IO[bytes]], AbstractContextManager[Callable[[T], Any]]]
) -> None:
    """Write the parts of a file, whole or not at all (stdout where the path is `-`).

    Args:
        path: The file.
        parts: What it consists of.
        sink: Opens what writes the parts to a file.
    """
    with _stream(path) as file, sink(file) as write:
        for part in parts:
            write(part)


@contextmanager
def compressed(file: IO[bytes], name: str) -> Iterator[IO[bytes]]:
    """A stream into an open file, compressed as the ending of a name says."""
    if name.endswith(".gz"):
        with gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as stream:
            yield cast(IO[bytes], stream)
    elif name.endswith(".zst"):
        import zstandard  # only a few write such files, and everyone would wait for the import

        with zstandard.ZstdCompressor().stream_writer(file, closefd=False) as stream:
            yield stream
    else:
        yield file


@contextmanager
def _stream(path: Path) -> Iterator[IO[bytes]]:
    if path == STANDARD:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    check_place(path)
    with atomic_writer(path) as file:
        yield file
