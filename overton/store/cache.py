"""Content from a store far away, kept on the local disk by its digest, so that it comes over the network once.

A cache is trusted no more than the store: whatever is taken from it is checked against its digest. What has none to be
asked for by, such as a list of manifests, is kept under a name, and bears in itself what it is checked against.
"""

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from overton.base import digest_bytes
from overton.base.files import write_atomic

LIMIT = 8 << 30
MOST_RECALLED = 256 << 20  # bytes of what is kept under a name


class Cache:
    """Contents in a folder, each under its digest.

    Args:
        folder: The folder; made when the first content is kept. It may be removed at any time.
        limit: Bytes that it may hold; those that were not asked for longest go first.
    """

    def __init__(self, folder: Path, limit: int = LIMIT) -> None:
        self.folder = folder
        self.limit = limit

    def get(self, digest: str, size: int) -> bytes | None:
        """A content of that digest and size; None where it is not here, or not whole."""
        return self._read(digest, lambda length: length == size, lambda content: digest_bytes(content) == digest)

    def recall(self, name: str) -> bytes | None:
        """What was kept under a name, unchecked; None where it is not here."""
        return self._read(name, lambda length: length <= MOST_RECALLED, lambda content: True)

    def keep(self, name: str, content: bytes) -> None:
        """Keep a content under its digest, which was checked, or a name; a full disk is no reason to fail."""
        with suppress(OSError):
            self._make_room(len(content))
            write_atomic(self.folder / name, content)

    def _read(self, name: str, fits: Callable[[int], bool], is_whole: Callable[[bytes], bool]) -> bytes | None:
        path = self.folder / name
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return None
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(file.fileno())
            readable = stat.S_ISREG(status.st_mode) and fits(status.st_size)
            content = file.read() if readable else b""
        if readable and is_whole(content):
            with suppress(OSError):  # as where it may only be read
                os.utime(path)  # asked for just now
            return content
        with suppress(OSError):
            path.unlink()
        return None

    def _make_room(self, size: int) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        held = []
        for name in os.listdir(self.folder):
            with suppress(FileNotFoundError):  # another has just removed or renamed it
                status = os.lstat(self.folder / name)
                held.append((status.st_mtime, status.st_size, self.folder / name))
        total = sum(length for _, length, _ in held) + size
        for _, length, path in sorted(held):
            if total <= self.limit:
                return
            with suppress(FileNotFoundError):
                os.unlink(path)
            total -= length
