"""Whether a shard was read through and found whole, so that only one that changed since is read through again."""

from contextlib import suppress
from pathlib import Path

import msgspec

from overton.base.files import write_atomic
from overton.data.files.container import verify_container
from overton.data.files.digests import Signs, signs_of

SUFFIX = ".verified"


def verify_once(rows: Path, votes: Path) -> None:
    """Verify the two files of a shard, unless they are as they were when they were last verified.

    A shard opens in milliseconds whatever its size, and a read of it all would not, so what was found is remembered
    beside it, with the size, the times of change and the number of its files. A disk that changes bytes by itself
    goes unnoticed.

    Args:
        rows: A file that `open_container` has opened.
        votes: The same.

    Raises:
        OvertonError: Where one is damaged.
    """
    memory = rows.with_suffix(SUFFIX)
    signs = [signs_of(path.stat()) for path in (rows, votes)]
    if _recall(memory) == signs:
        return
    for path in (rows, votes):
        verify_container(path)
    with suppress(OSError):  # as where an application may only be read: the next one reads them through once more
        write_atomic(memory, msgspec.json.encode(signs))


def _recall(memory: Path) -> list[Signs]:
    try:
        return msgspec.json.decode(memory.read_bytes(), type=list[Signs])
    except (OSError, ValueError):
        return []
