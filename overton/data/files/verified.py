"""Which shards were read through and found whole, so that only those that changed since are read through again."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from overton.base.files import write_atomic
from overton.data.files.container import verify_container

NAME = "verified.json"

Signs = tuple[int, int, int, int]


def verify_once(files: Sequence[Path], cache: Path) -> None:
    """Verify the files that are new or have changed since they were last verified.

    A shard opens in milliseconds whatever its size, and a read of it all would not, so what was found is remembered
    with the size, the times of change and the number of the file. A disk that changes bytes by itself goes unnoticed.

    Args:
        files: Files that `open_container` has opened.
        cache: Folder where it is remembered.

    Raises:
        OvertonError: Where one is damaged.
    """
    memory = cache / NAME
    known = _recall(memory)
    signs = {path.name: _signs(path) for path in files}
    changed = [path for path in files if known.get(path.name) != signs[path.name]]
    for path in changed:
        verify_container(path)
    if changed:
        left = {name: entry for name, entry in known.items() if (cache / name).exists()}
        write_atomic(memory, msgspec.json.encode(left | signs))


def _signs(path: Path) -> Signs:
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _recall(memory: Path) -> dict[str, Signs]:
    try:
        return msgspec.json.decode(memory.read_bytes(), type=dict[str, Signs])
    except (OSError, msgspec.DecodeError):
        return {}
