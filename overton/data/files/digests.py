"""Digests of data files, remembered by size and times of change so that an unchanged file is not read again."""

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from overton.base import OvertonError, Problem, os_reason
from overton.base.files import is_stream, write_atomic, written

NAME = "digests.json"
CHANGED = "data.changed-meanwhile"
_BLOCK = 1 << 18
# Nanoseconds: a file that changed so shortly before may change again within one tick of its clock.
_SETTLED = 2_000_000_000

Signs = tuple[int, int, int, int]
Known = dict[str, tuple[Signs, str]]


class Digested(NamedTuple):
    """A file, the SHA-256 of its content, and by what it is known whether it is still that content.

    Others may append to it meanwhile: what is meant are the bytes that it had.
    """

    path: Path
    digest: str
    signs: Signs

    @property
    def size(self) -> int:
        """Its bytes."""
        return self.signs[0]


def file_digests(files: Sequence[Path], cache: Path) -> list[Digested]:
    """Each file with the SHA-256 of its content.

    Args:
        files: The files.
        cache: Folder where digests are remembered.

    Raises:
        OvertonError: Where files cannot be read: a problem each.
    """
    memory = cache / NAME
    known, recalled = _recall(memory)
    digests: list[Digested] = []
    unreadable: list[Problem] = []
    fresh: Known = {}
    is_new = False
    for path in files:
        try:
            refuse_stream(path)
            status = path.stat()
            entry = known.get(written(path.absolute()))
            signs = signs_of(status)
            same = entry is not None and entry[0] == signs
            settled = status.st_mtime_ns + _SETTLED < recalled
            trusted = entry is not None and same and settled
            digest = entry[1] if entry is not None and trusted else _digest(path, status.st_size)
            is_new |= not trusted
        except OvertonError as error:
            unreadable.extend(error.problems)
            continue
        except OSError as error:
            unreadable.append(_unreadable(path, os_reason(error)))
            continue
        fresh[written(path.absolute())] = (signs, digest)
        digests.append(Digested(path, digest, signs))
    if unreadable:
        raise OvertonError(unreadable)
    if is_new:
        sure = {path: entry for path, entry in known.items() if entry[0][1] + _SETTLED < recalled}
        with suppress(OSError):  # as where an application may only be read: the next one reads the files once more
            write_atomic(memory, msgspec.json.encode(sure | fresh))
    return digests


def refuse_stream(path: Path) -> None:
    """Refuse a data file that is a pipe or the like: to open it is to wait until somebody writes to it.

    Raises:
        OvertonError: Where it is none that can be read again and again.
    """
    with suppress(OSError):  # why it cannot be looked at is told where it is opened
        if is_stream(path):
            hint = "Write what it gives to a file of its own"
            raise OvertonError(_unreadable(path, "it is not a file, but a pipe, a socket or a device", hint))


def refuse_change(file: Digested | None) -> None:
    """Refuse a file of which other bytes were read than those of its digest, since somebody changed them meanwhile.

    Args:
        file: The file; None for one that may change.

    Raises:
        OvertonError: Where they are not there any more.
    """
    if file is None:
        return
    with suppress(OSError):
        if signs_of(file.path.stat()) == file.signs or _digest(file.path, file.size) == file.digest:
            return
    hint = "Do it again: it begins with what the file says now"
    raise OvertonError(Problem("it was changed while it was read", CHANGED, str(file.path), hint=hint))


def signs_of(status: os.stat_result) -> Signs:
    """By what a file that has changed is known without reading it: its size, times of change and number."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _recall(memory: Path) -> tuple[Known, int]:
    """The remembered digests, and when they were written, in nanoseconds."""
    try:
        return msgspec.json.decode(memory.read_bytes(), type=Known), memory.stat().st_mtime_ns
    except (OSError, ValueError):
        return {}, 0


def _digest(path: Path, size: int) -> str:
    """SHA-256 of the first bytes of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while size and (content := file.read(min(size, _BLOCK))):
            digest.update(content)
            size -= len(content)
    return digest.hexdigest()


def _unreadable(path: Path, reason: str, hint: str = "") -> Problem:
    return Problem(f"the file cannot be read: {reason}", "data.unreadable", str(path), hint=hint, kind=str(path))
