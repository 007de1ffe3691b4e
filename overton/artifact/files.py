"""An artefact as a directory. It is written whole or not at all, and read without following a link out of it."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from overton.artifact.artifact import Artifact, open_artifact
from overton.artifact.check import HINT
from overton.artifact.manifest import MANIFEST, MAX_MANIFEST, parse_manifest
from overton.artifact.names import MODELS
from overton.base import OvertonError, Problem
from overton.base.files import new_folder


def save_artifact(artifact: Artifact, directory: Path) -> None:
    """Write an artefact into a new directory.

    Raises:
        OvertonError: Where the directory exists, or the artefact is not complete.
    """
    files = artifact.complete()
    if os.path.lexists(directory):
        raise _exists(directory)
    try:
        with new_folder(directory) as draft:
            for name, content in files.items():
                (draft / name).parent.mkdir(parents=True, exist_ok=True)
                (draft / name).write_bytes(content)
    except OSError:
        if directory.exists():  # made by another in the meantime; a rename replaces none but an empty directory
            raise _exists(directory) from None
        raise


def load_artifact(directory: Path) -> Artifact:
    """Read the artefact of a directory and check it. Links in the directory are refused, files it does not know too.

    A file is read only where it is as long as the manifest says.

    Raises:
        OvertonError: With every fault of `open_artifact`.
    """
    if not directory.is_dir():
        raise OvertonError(
            Problem(message="there is no such directory", code="artifact.not-found", path=str(directory))
        )
    sizes = dict(_plain_files(directory))
    manifest = _read(directory / MANIFEST, min(sizes[MANIFEST], MAX_MANIFEST + 1)) if MANIFEST in sizes else None
    if manifest is None:
        return open_artifact({}, str(directory))  # which tells that there is none
    expected = parse_manifest(manifest, str(directory / MANIFEST)).files
    wrong = [
        Problem(
            message=f"{name} has {size:,} bytes, the manifest says {expected[name].size:,}",
            code="artifact.digest",
            path=str(directory),
            hint=HINT,
        )
        for name, size in sizes.items()
        if name in expected and expected[name].size != size
    ]
    if wrong:
        raise OvertonError(wrong)
    content = {name: _read(directory / name, size) if name in expected else b"" for name, size in sizes.items()}
    return open_artifact({**content, MANIFEST: manifest}, str(directory))


def _plain_files(directory: Path, within: str = "") -> Iterator[tuple[str, int]]:
    """Name and size of every file, those of models among them.

    Raises:
        OvertonError: Where one is no plain file.
    """
    for entry in sorted(os.scandir(directory), key=lambda entry: entry.name):
        is_of_models = within == MODELS or (not within and f"{entry.name}/" == MODELS)
        if is_of_models and entry.is_dir(follow_symlinks=False):
            yield from _plain_files(Path(entry.path), f"{within}{entry.name}/")
            continue
        if not entry.is_file(follow_symlinks=False):
            raise _not_plain(Path(entry.path))
        yield f"{within}{entry.name}", entry.stat(follow_symlinks=False).st_size


def _read(path: Path, size: int) -> bytes:
    """At most so many bytes of a plain file. It is looked at again once it is open: a link may have come in between."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _not_plain(path) from None
        raise
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise _not_plain(path)
        return file.read(size)


def _not_plain(path: Path) -> OvertonError:
    return OvertonError(
        Problem(
            message=f"{path.name} is not a plain file",
            code="artifact.not-plain",
            path=str(path.parent),
            hint="An artefact consists of plain files: copy them without links",
        )
    )


def _exists(directory: Path) -> OvertonError:
    return OvertonError(
        Problem(
            message="something is already there",
            code="artifact.exists",
            path=str(directory),
            hint="A version never changes: name a directory that does not exist",
        )
    )
