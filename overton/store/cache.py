"""Content from a store far away, kept on the local disk by its digest, so that it comes over the network once.

A cache is trusted no more than the store: whatever is taken from it is checked against its digest.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path

from overton.base import digest_bytes
from overton.base.files import write_atomic

LIMIT = 8 << 30


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
        path = self.folder / digest
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return None
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(file.fileno())
            whole = stat.S_ISREG(status.st_mode) and status.st_size == size
            content = file.read() if whole else b""
        with suppress(OSError):
            if whole and digest_bytes(content) == digest:
                os.utime(path)  # asked for just now
                return content
            path.unlink()
        return None

    def keep(self, digest: str, content: bytes) -> None:
        """Keep a content whose digest was checked; a full disk is no reason to fail."""
        with suppress(OSError):
            self._make_room(len(content))
            write_atomic(self.folder / digest, content)

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
