"""Publishes onto a disk that is full, and tells what came of it; run in a mount namespace with a small disk of its own.

python -m tests.store.full_disk DIRECTORY SOURCE      DIRECTORY is the root of the disk, SOURCE a store elsewhere
"""

import contextlib
import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from overton.base import OvertonError
from overton.cli.main import main
from overton.store import Store
from tests.stores import promote, put

PAGES = (0, 1, 2)  # that are left; the content of a version takes more


def leave(disk: Path, pages: int) -> Path:
    """Take up the disk but for so many pages."""
    ballast = disk / "ballast"
    left = os.statvfs(disk)
    with ballast.open("wb") as file:
        if left.f_bavail > pages:
            os.posix_fallocate(file.fileno(), 0, (left.f_bavail - pages) * left.f_bsize)
    return ballast


def refused(call: Callable[[], object]) -> list[tuple[str, str]]:
    """The problems that a call is refused with, and what the operating system said."""
    try:
        call()
    except OvertonError as error:
        return [(problem.code, str(error.__cause__)) for problem in error.problems]
    return []


def publish(disk: Path, source: Store) -> dict[str, object]:
    """Put a version where another is live, with more and more room, by Python and by the command."""
    store = Store(str(disk / "store"))
    old = put(store)
    promote(store, "live", old, None)
    rows = []
    for pages in PAGES:
        ballast = leave(disk, pages)
        said, stderr = refused(lambda: put(store, 1)), io.StringIO()
        with contextlib.redirect_stderr(stderr):
            status = main(["store", "push", source.url, store.url, "--quiet"])
        versions, aliases = [found.id for found in store.versions()], store.aliases()
        ballast.unlink()
        rows.append([said, status, stderr.getvalue(), versions, aliases, store.get(old).id])
    new = put(store, 1)
    ballast = leave(disk, 0)
    promotion = refused(lambda: promote(store, "live", new, old))
    before = [store.aliases(), len(store.history("live"))]
    ballast.unlink()
    promote(store, "live", new, old)
    after = [store.aliases(), len(store.history("live")), store.get(new).id]
    return {"old": old, "new": new, "rows": rows, "promotion": promotion, "before": before, "after": after}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(publish(Path(sys.argv[1]), Store(sys.argv[2]))))
