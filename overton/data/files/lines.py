"""Data files to lines: plain, gzip or Zstandard, a block at a time, so that memory does not depend on the file."""

import zlib
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from overton.base import OvertonError, Problem, os_reason
from overton.base.files import written
from overton.data.names import reading_order

if TYPE_CHECKING:
    from zlib import _Decompress

SUFFIXES = (".jsonl", ".jsonl.gz", ".jsonl.zst")
NAMES = "Compressed files end in .gz (gzip) or .zst (Zstandard), others in .jsonl"
MOST_NAMED = 3
BLOCK = 1 << 21
_GZIP, _GZIP_BLOCK = 31, 1 << 18  # how zlib is told to read gzip; bytes that are read at a time
_ZSTD_BLOCK = 1 << 16  # compressed: what comes out may be a hundred times as much
_ZSTD_STEP = 1 << 10  # what came out of earlier blocks is lost where one in the same step is broken
TOO_WIDE = "requires too much memory"  # as Zstandard says of a frame
BINARY = {  # what else is taken for a data file, by how it begins
    b"\x1f\x8b": "gzip data",
    b"\x28\xb5\x2f\xfd": "Zstandard data",
    b"PAR1": "Parquet",
    b"PK\x03\x04": "a ZIP archive",
}


@dataclass(frozen=True, slots=True)
class Block:
    """Some lines of a file, blank ones left out.

    Attributes:
        lines: Their bytes, without line ends.
        numbers: The number of each in its file, from 1.
    """

    lines: list[bytes]
    numbers: list[int]


def in_reading_order(files: Iterable[Path]) -> list[Path]:
    """Data files in the order in which they are read: of labels of one source, the later count."""
    return sorted(files, key=lambda path: reading_order(path.name))


def data_files(directory: Path) -> list[Path]:
    """The data files of a folder, in the order in which they are read: by name, the edits of a day last.

    Hidden ones are none: `.#train.jsonl` is how an editor says that somebody changes `train.jsonl`, and leads nowhere.

    Raises:
        OvertonError: Where there is none, or the name of one is no text.
    """
    found = directory.iterdir() if directory.is_dir() else ()
    files = [path for path in found if path.name.endswith(SUFFIXES) and not path.name.startswith(".")]
    check_file_names(files)
    if files:
        return in_reading_order(files)
    message = "there is no data file" if directory.is_dir() else "there is no folder of data files"
    raise OvertonError(
        Problem(
            message=f"{message}{_others(directory)}",
            code="data.no-files",
            path=str(directory),
            hint=f"Put records there, one JSON object a line, in files named *{', *'.join(SUFFIXES)}",
        )
    )


def _others(directory: Path) -> str:
    """What stands in the place of the data files, at most three of it, for a message; a folder within is not read."""
    there = [] if not directory.is_dir() else sorted(directory.iterdir())
    named = [f"{path.name}/" if path.is_dir() else path.name for path in there if not path.name.startswith(".")]
    listed = ", ".join(map(repr, named[:MOST_NAMED])) + (", ..." if len(named) > MOST_NAMED else "")
    return f", only {listed}" if named else ""


def check_file_names(files: Iterable[Path]) -> None:
    """Refuse data files whose names are no text: what remembers files by their names could not.

    Raises:
        OvertonError: With a problem for each.
    """
    odd = [written(path) for path in files if written(path.absolute()) != str(path.absolute())]
    if odd:
        message, hint = "the name of the file is not UTF-8", "Rename it in UTF-8"
        raise OvertonError(Problem(message, "data.file-name", path, hint=hint, kind=path) for path in odd)


def read_blocks(path: Path, size: int | None = None) -> Iterator[Block]:
    """The lines of a file.

    Args:
        path: The file.
        size: How many bytes of it to read; all where None.

    Raises:
        OvertonError: Where the file cannot be read, is no text, or its compressed stream is broken or ends too early.
    """
    return blocks_of(_contents(path, size))


def blocks_of(contents: Iterable[bytes]) -> Iterator[Block]:
    """The lines of what a file holds, read in parts of any length.

    Raises:
        OvertonError: Where it cannot be read on, with the number of the line that is not whole.
    """
    number = 1
    rest: list[bytes] = []  # parts of a line that is not over: put together at once, as it may be as long as the file
    try:
        for content in contents:
            if number == 1 and not rest:
                content = content.removeprefix(BOM_UTF8)
            rest.append(content)
            if b"\n" in content:
                *lines, last = b"".join(rest).split(b"\n")
                yield _block(lines, number)
                number, rest = number + len(lines), [last]
    except OvertonError as error:
        if number == 1 and not any(rest):
            raise
        raise OvertonError(replace(problem, line=number) for problem in error.problems) from None
    yield _block([b"".join(rest)], number)


def _block(lines: list[bytes], first: int) -> Block:
    numbers = list(range(first, first + len(lines)))
    if any(not line or line.isspace() for line in lines):
        there = [number for number, line in enumerate(lines) if line and not line.isspace()]
        return Block([lines[place] for place in there], [numbers[place] for place in there])
    return Block(lines, numbers)


def _contents(path: Path, size: int | None) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from contents(file if size is None else cast(IO[bytes], _First(file, size)), str(path))
    except OSError as error:
        raise _broken(str(path), os_reason(error), "Check the path and its permissions") from None


class _First:
    """The first bytes of a file, as a file."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self._left = size

    def read(self, size: int) -> bytes:
        """At most so many of those that are left."""
        content = self._file.read(min(size, self._left))
        self._left -= len(content)
        return content


def contents(file: IO[bytes], name: str, *, is_begin: bool = True) -> Iterator[bytes]:
    """What an open file holds, some megabytes at a time; its name's ending says how it is compressed.

    Args:
        file: The file.
        name: Its name.
        is_begin: Whether it is read from its begin, which tells what else than text it holds: in the middle of a text
            anything may stand.

    Raises:
        OvertonError: Where it is no text, or its compressed stream is broken or ends too early.
    """
    try:
        if name.endswith(".gz"):
            yield from _gzip(file)
        elif name.endswith(".zst"):
            yield from _zstd(file)
        else:
            yield from _plain(file, name, is_begin)
    except EOFError:
        reason = "its compressed stream ends too early, as if the file were cut off"
        raise _broken(name, reason, "Write it or fetch it again") from None
    except _WideWindowError:
        reason = "it was compressed with a longer memory than the 128 MB that are kept for one, as by zstd --long=31"
        hint = f"Compress it anew: zstd -d --long=31 -c {name} | zstd -o OTHER.jsonl.zst"
        raise _broken(name, reason, hint) from None
    except (zlib.error, ValueError) as error:
        raise _broken(name, f"its compressed stream is broken: {error}") from None


class _WideWindowError(Exception):
    """A Zstandard frame looks back further than there is memory for; nothing of it is broken."""


def _plain(file: IO[bytes], name: str, is_begin: bool) -> Iterator[bytes]:
    read = getattr(file, "read1", file.read)  # of a stream what is there, without waiting for megabytes more
    content = read(BLOCK)
    for begin, kind in BINARY.items():
        if is_begin and content.startswith(begin):  # else every line of it would be told as one that is no UTF-8
            raise _broken(name, f"it holds no lines of JSON, but {kind}")
    while content:
        yield content
        content = read(BLOCK)


def _gzip(file: IO[bytes]) -> Iterator[bytes]:
    pending = file.read(_GZIP_BLOCK)
    if not pending:  # an upload that failed; nothing at all, compressed, is twenty bytes
        raise EOFError
    while pending:
        member = zlib.decompressobj(_GZIP)
        while pending and not member.eof:
            yield from _inflated(member, pending)
            pending = member.unused_data or file.read(_GZIP_BLOCK)
        if not member.eof:
            raise EOFError
        while pending and not (pending := pending.lstrip(b"\0")):  # what fills up a block of a tape
            pending = file.read(_GZIP_BLOCK)


def _inflated(member: "_Decompress", content: bytes) -> Iterator[bytes]:
    """What comes of some compressed bytes; where they are broken, all that comes of those before."""
    is_full = True
    while (content or is_full) and not member.eof:
        before = member.copy()
        try:
            found = member.decompress(content, BLOCK)
        except zlib.error:  # it keeps for itself what it had made of this content by then
            yield _inflated_one_by_one(before, content)
            raise
        if found:
            yield found
        content, is_full = member.unconsumed_tail, len(found) == BLOCK


def _inflated_one_by_one(member: "_Decompress", content: bytes) -> bytes:
    found: list[bytes] = []
    with suppress(zlib.error):
        for place in range(len(content)):
            found.append(member.decompress(content[place : place + 1]))
    return b"".join(found)


def _zstd(file: IO[bytes]) -> Iterator[bytes]:
    import zstandard  # only a few read such files, and everyone would wait for the import

    pending = file.read(_ZSTD_BLOCK)
    if not pending:
        raise EOFError
    while pending:
        frame = zstandard.ZstdDecompressor().decompressobj()
        while pending and not frame.eof:
            for place in range(0, len(pending), _ZSTD_STEP):
                try:
                    content = frame.decompress(pending[place : place + _ZSTD_STEP])
                except zstandard.ZstdError as error:
                    raise (_WideWindowError if TOO_WIDE in str(error) else ValueError)(str(error)) from None
                if content:
                    yield content
                if frame.eof:
                    break
            pending = frame.unused_data + pending[place + _ZSTD_STEP :] or file.read(_ZSTD_BLOCK)
        if not frame.eof:
            raise EOFError


def _broken(path: str, reason: str, hint: str = NAMES) -> OvertonError:
    message = f"the file cannot be read: {reason}"
    return OvertonError(Problem(message, "data.unreadable", path, hint=hint, kind=path))
