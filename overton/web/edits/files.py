"""Lines are appended to data files of their day: none that exists is changed, and of two editors at once none is lost.

Every line is written by one call to a file that is open for appending, while the file is locked; it is on the disk
before the editor is told so. What ends without a line end, as an editor of texts may leave it, gets one first.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from overton.base import OvertonError, Problem, os_reason

if os.name == "posix":
    import fcntl

PREFIX = "edits-"
NAME = re.compile(r"edits-\d{4}-\d\d-\d\d\.jsonl")
BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Appended:
    """Where lines were written.

    Attributes:
        path: The data file.
        line: Number of the first of them, from 1.
        count: How many.
    """

    path: Path
    line: int
    count: int


def edits_name(when: datetime | None = None) -> str:
    """Name of the file of the edits of a day, in UTC; of today where None.

    Example:
        >>> edits_name(datetime(2026, 3, 1, tzinfo=UTC))
        'edits-2026-03-01.jsonl'
    """
    return f"{PREFIX}{(when or datetime.now(UTC)).astimezone(UTC):%Y-%m-%d}.jsonl"


def append_lines(path: Path, values: Sequence[Mapping[str, Any]]) -> Appended:
    """Append one line a value, all of them or none.

    Raises:
        OvertonError: Where there is no room for them; the file is as it was then.
        OSError: Where the file cannot be written.
    """
    content = b"".join(msgspec.json.encode(value) + b"\n" for value in values)
    is_new = not path.exists()
    with _locked(path) as handle:
        end = os.lseek(handle, 0, os.SEEK_END)
        line, ended = _lines_before(handle, end)
        _write_whole(handle, content if ended else b"\n" + content, end, path)
    if is_new:
        _keep_name(path.parent)
    return Appended(path, line, len(values))


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """The file, open for appending, which nobody else appends to meanwhile.

    Another file may come in its place while its lock is waited for, as where an editor of texts saves it: what is
    written to the first would be lost.
    """
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            if os.name == "posix":
                fcntl.flock(handle, fcntl.LOCK_EX)
            if _is_in_place(handle, path):
                yield handle
                return
        finally:
            os.close(handle)


def _is_in_place(handle: int, path: Path) -> bool:
    """Whether an open file is the one that has a path."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _write_whole(handle: int, content: bytes, end: int, path: Path) -> None:
    """Write at the end, and take back what was written of it where not all was."""
    try:
        if os.write(handle, content) == len(content):
            os.fsync(handle)
            return
        reason = "no space is left"
    except OSError as error:
        reason = os_reason(error)
    os.ftruncate(handle, end)
    hint = "Nothing of it was written; make room on the disk, then save again"
    raise OvertonError(Problem(f"the edit could not be written: {reason}", "edits.not-written", str(path), hint=hint))


def _lines_before(handle: int, end: int) -> tuple[int, bool]:
    """Number of the line that comes next, from 1, and whether the last one has its line end."""
    count, last = 0, b"\n"
    for start in range(0, end, BLOCK):
        block = os.pread(handle, min(BLOCK, end - start), start)
        count, last = count + block.count(b"\n"), block[-1:]
    ended = last == b"\n"
    return count + (1 if ended else 2), ended


def _keep_name(folder: Path) -> None:
    """See to it that a new file is found after the machine has lost its power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
