"""Shards that no data file has any more: they go some days after somebody last asked for them.

A data file that is replaced every night would leave a shard of its size each time.
"""

import os
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from overton.data.files.verified import SUFFIX as VERIFIED

SUFFIXES = (".rows", ".votes", VERIFIED)
DAY = 24 * 3600
# Since a shard was last asked for. A build opens its data again where it starts a worker, though another process may
# have found the files changed meanwhile; and one who goes back to yesterday's data does not wait for it.
PATIENCE = 7 * DAY


def mark_used(rows: Path) -> None:
    """Keep in mind that a shard is in use, once a day at most.

    Args:
        rows: The first of its files.
    """
    memory = rows.with_suffix(VERIFIED)
    with suppress(OSError):  # not there, or the application may only be read: then nothing is removed either
        if time.time() - memory.stat().st_mtime > DAY:
            os.utime(memory)


def remove_unused(cache: Path, used: Collection[Path]) -> list[Path]:
    """Remove the shards that nobody has asked for in `PATIENCE`.

    Args:
        cache: Folder of the shards.
        used: The first file of each that stays whatever its age.

    Returns:
        What is gone.
    """
    kept = {path.stem for path in used}
    files: dict[str, list[Path]] = {}
    for path in cache.iterdir():
        if path.suffix in SUFFIXES and path.stem not in kept:
            files.setdefault(path.stem, []).append(path)
    before = time.time() - PATIENCE
    gone = []
    for parts in files.values():
        with suppress(OSError):  # another process removes it too
            if max(path.stat().st_mtime for path in parts) < before:
                for path in parts:
                    path.unlink()
                    gone.append(path)
    return gone
