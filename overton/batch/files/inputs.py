"""Data files to read, on a local disk or in an object store: which there are, and what they hold."""

import fnmatch
import glob
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import obstore

from overton.base import OvertonError, Problem, os_reason
from overton.base.files import written
from overton.batch.plan import Input, Piece
from overton.data.files import SUFFIXES, contents
from overton.store.blobs import is_url, open_cloud
from overton.store.faults import told

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ObjectStore

BLOCK = 1 << 21
MAGIC = ("*", "?", "[")


def find_inputs(texts: Sequence[str]) -> list[Input]:
    """The data files that some words name, sorted by where they lie, each once.

    Args:
        texts: Each a file, a folder (all data files below it, but for hidden ones), a pattern such as `in/*.jsonl`, or
            a URL of an object store: one object, all data files below it, or a pattern.

    Raises:
        OvertonError: Where a word names none, or an object store cannot be read.
    """
    found: dict[str, Input] = {}
    for text in texts:
        some = _remote(text) if is_url(text) else _local(text)
        if not some:
            raise OvertonError(
                Problem(
                    message=f"{text!r} names no data file",
                    code="batch.no-input",
                    hint=f"Name files, folders, patterns or URLs of files that end in {', '.join(SUFFIXES)}",
                )
            )
        found.update((one.place, one) for one in some)
    return [found[place] for place in sorted(found)]


def would_name(texts: Sequence[str], place: str) -> bool:
    """Whether some words, as `find_inputs` takes them, would name a data file if it were there.

    Args:
        texts: The words.
        place: Of the file: an absolute path or a URL.
    """
    return place.endswith(SUFFIXES) and any(
        _would_remotely(text, place) if is_url(text) else not is_url(place) and _would_locally(text, place)
        for text in texts
    )


def _would_locally(text: str, place: str) -> bool:
    text = text.removeprefix("file://")
    named, place = os.path.abspath(text), os.path.abspath(place)
    if Path(text).exists() or not _is_pattern(text):
        return place.startswith(f"{named}/") and _is_seen(Path(place).relative_to(named))
    return _matches(place.split("/"), named.split("/"))


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether a path is one of a pattern, part by part, as `glob` has it: `**` stands for any number of folders."""
    if not pattern or not parts:
        return not parts and not pattern
    if parts[0].startswith(".") and not pattern[0].startswith("."):
        return pattern[0] == "**" and _matches(parts, pattern[1:])
    if pattern[0] == "**":
        return _matches(parts, pattern[1:]) or _matches(parts[1:], pattern)
    return fnmatch.fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def _would_remotely(url: str, place: str) -> bool:
    (root, path), (its_root, its_path) = _parts(url), _parts(place)
    folder = _listed(path)
    inside = not folder or its_path.startswith(f"{folder}/")
    if root != its_root or not inside or not _is_seen(Path(its_path).relative_to(folder)):
        return False
    return not _is_pattern(path) or fnmatch.fnmatchcase(its_path, path)


def is_one_file(inputs: Sequence[str], output: str) -> bool:
    """Whether one file is to be made of one, rather than shards in a folder.

    Raises:
        OvertonError: Where shards are to be made, and the output has the name of a file.
    """
    only = inputs[0]
    is_single = len(inputs) == 1 and not is_url(only) and (Path(only).is_file() or not _is_several(only))
    if not is_single:
        check_folder(output, "several files give a folder of shards, but this names one file")
    return is_single and not _is_folder(output)


def check_folder(output: str, message: str) -> None:
    """Refuse an output for shards that has the name of a file.

    Raises:
        OvertonError: Where it has, and is no folder that is there.
    """
    if not _is_folder(output) and output.endswith((*SUFFIXES, ".parquet")):
        hint = f"Name a folder, such as {output.partition('.')[0] or 'predictions'}/"
        raise OvertonError(Problem(message, "batch.output-not-folder", path=output, hint=hint))


def _is_pattern(text: str) -> bool:
    return any(sign in text for sign in MAGIC)


def _is_folder(output: str) -> bool:
    return is_url(output) or output.endswith("/") or Path(output.removeprefix("file://")).is_dir()


def _is_several(text: str) -> bool:
    return Path(text).is_dir() or _is_pattern(text)


def _local(text: str) -> list[Input]:
    path = Path(text := text.removeprefix("file://"))
    if path.is_file():
        return [_file(path)]
    if path.is_dir():
        return [_file(one) for one in path.rglob("*") if _is_data(one) and _is_seen(one.relative_to(path))]
    if _is_pattern(text):
        return [_file(Path(one)) for one in glob.glob(text, recursive=True) if _is_data(Path(one))]
    return []


def _file(path: Path) -> Input:
    if written(path.absolute()) != str(path.absolute()):
        message, hint = "the path of the file is not UTF-8", "Rename it: it stands in the plan of the output"
        raise OvertonError(Problem(message, "data.unreadable", written(path), hint=hint))
    status = path.stat()
    return Input(str(path), str(path.absolute()), status.st_size, str(status.st_mtime_ns))


def _is_data(path: Path) -> bool:
    return path.name.endswith(SUFFIXES) and path.is_file()


def _is_seen(path: Path) -> bool:
    """Whether no part of a path is hidden, or kept beside data as batch runs keep theirs."""
    return not any(part.startswith((".", "_")) for part in path.parts)


def _remote(url: str) -> list[Input]:
    root, path = _parts(url)
    store = open_cloud(root)
    is_pattern = _is_pattern(path)
    with told(url):
        if path.endswith(SUFFIXES) and not is_pattern:
            try:
                return [_object(root, obstore.head(store, path))]
            except FileNotFoundError:
                return []
        folder = _listed(path)
        listed = [entry for part in obstore.list(store, folder or None) for entry in part]
    seen = [entry for entry in listed if _is_seen(Path(entry["path"]).relative_to(folder))]
    return [
        _object(root, entry)
        for entry in seen
        if entry["path"].endswith(SUFFIXES) and (not is_pattern or fnmatch.fnmatchcase(entry["path"], path))
    ]


def _listed(path: str) -> str:
    """The folder of a bucket below which everything is looked at."""
    return re.split(r"[*?\[]", path)[0].rpartition("/")[0] if _is_pattern(path) else path.rstrip("/")


def _object(root: str, entry: "ObjectMeta") -> Input:
    place = f"{root}/{entry['path']}"
    return Input(place, place, entry["size"], _tag(entry))


def _tag(entry: "ObjectMeta") -> str:
    """What shows that an object has changed."""
    return str(entry["e_tag"] or entry["last_modified"].isoformat())


def _parts(url: str) -> tuple[str, str]:
    """The bucket of a URL, and what is behind it."""
    scheme, _, rest = url.partition("://")
    bucket, _, path = rest.partition("/")
    return f"{scheme}://{bucket}", path


class Opened:
    """What an input holds, uncompressed, part by part.

    Args:
        parts: Its parts.
        position: Gives how many bytes of the input have been read, as they lie there.
    """

    def __init__(self, parts: Iterator[bytes], position: Callable[[], int]) -> None:
        self._parts = parts
        self.position = position

    def __iter__(self) -> Iterator[bytes]:
        """The parts that are left."""
        return self._parts

    def __next__(self) -> bytes:
        """The next part."""
        return next(self._parts)


@contextmanager
def opened(one: Input, piece: Piece) -> Iterator[Opened]:
    """What an input holds, uncompressed, from the byte before a piece on, or from its begin where that is its first.

    Raises:
        OvertonError: Where it cannot be read, or has changed since the plan was made: before it is opened, or while it
            was read, which is told when all else is done.
    """
    start = max(piece.begin - 1, 0)
    if is_url(one.place):
        root, path = _parts(one.place)
        store = open_cloud(root)
        with told(one.place):
            meta = obstore.head(store, path)
            reader = obstore.open_reader(store, path, buffer_size=BLOCK)
            reader.seek(start)
        _check_stamp(one, meta["size"], _tag(meta))
        with _unchanged(partial(_check_object, one, store, path)):
            parts = contents(cast(IO[bytes], _Reader(reader, one.place)), one.name, is_begin=not start)
            yield Opened(parts, reader.tell)
        return
    try:
        file = Path(one.place).open("rb")  # noqa: SIM115  closed below
    except OSError as error:
        raise _unreadable(one, error) from None
    with file:
        _check_file(one, file)
        file.seek(start)
        with _unchanged(partial(_check_file, one, file)):
            yield Opened(_told(one, contents(file, one.name, is_begin=not start)), file.tell)


def _told(one: Input, parts: Iterator[bytes]) -> Iterator[bytes]:
    """The same parts of a file; where the disk cannot read on, that is told as of a file that is broken."""
    try:
        yield from parts
    except OSError as error:
        raise _unreadable(one, error) from None


def _unreadable(one: Input, error: OSError) -> OvertonError:
    return OvertonError(Problem(f"it cannot be read: {os_reason(error)}", "data.unreadable", one.name))


@contextmanager
def _unchanged(check: Callable[[], None]) -> Iterator[None]:
    """Check an input again behind the block; what could not be read may have been changed too, and that is told."""
    try:
        yield
    except OvertonError:
        check()
        raise
    check()


class _Reader:
    """An object as a file that gives plain bytes."""

    def __init__(self, reader: Any, url: str) -> None:
        self._reader = reader
        self._url = url

    def read(self, size: int = BLOCK) -> bytes:
        with told(self._url):
            return bytes(self._reader.read(size))


def count_newlines(one: Input, piece: Piece) -> int:
    """Line ends from the byte before a piece (its begin where that is its input's first) to that before its last."""
    left = piece.end - 1 - max(piece.begin - 1, 0)
    n = 0
    with opened(one, piece) as blocks:
        for block in blocks:
            n += block.count(b"\n", 0, left)
            left -= len(block)
            if left <= 0:
                break
    return n


def _check_file(one: Input, file: IO[bytes]) -> None:
    """Of the file that is open: what has its place by now is not what is read."""
    status = os.fstat(file.fileno())
    _check_stamp(one, status.st_size, str(status.st_mtime_ns))


def _check_object(one: Input, store: "ObjectStore", path: str) -> None:
    with told(one.place):
        meta = obstore.head(store, path)
    _check_stamp(one, meta["size"], _tag(meta))


def _check_stamp(one: Input, size: int, stamp: str) -> None:
    if (size, stamp) != (one.size, one.stamp):
        raise OvertonError(
            Problem(
                message="it has changed since the run began",
                code="batch.changed-input",
                path=one.name,
                hint="Name another output, so that all its records are of one time",
            )
        )
