"""An artefact as a directory. It is written whole or not at all, and read without following a link out of it."""

import os
import shutil
import tempfile
from pathlib import Path

from overton.artifact.artifact import Artifact, open_artifact
from overton.artifact.check import is_known
from overton.artifact.manifest import MANIFEST
from overton.base import OvertonError, Problem


def save_artifact(artifact: Artifact, directory: Path) -> None:
    """Write an artefact into a new directory.

    Raises:
        OvertonError: Where the directory exists, or the artefact is not complete.
    """
    files = artifact.complete()
    directory.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(directory):
        raise _exists(directory)
    draft = Path(tempfile.mkdtemp(dir=directory.parent, prefix=f".{directory.name}."))
    try:
        for name, content in files.items():
            (draft / name).write_bytes(content)
        draft.chmod(0o755)
        draft.rename(directory)
    except FileExistsError:
        raise _exists(directory) from None
    except OSError:
        if directory.exists():  # made by another in the meantime; a rename replaces none but an empty directory
            raise _exists(directory) from None
        raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def load_artifact(directory: Path) -> Artifact:
    """Read the artefact of a directory and check it. Links in the directory are refused, files it does not know too.

    Raises:
        OvertonError: With every fault of `open_artifact`.
    """
    if not directory.is_dir():
        raise OvertonError(
            Problem(message="there is no such directory", code="artifact.not-found", path=str(directory))
        )
    content: dict[str, bytes] = {}
    for entry in sorted(os.scandir(directory), key=lambda entry: entry.name):
        if entry.is_symlink() or not entry.is_file(follow_symlinks=False):
            raise OvertonError(
                Problem(
                    message=f"{entry.name} is not a plain file",
                    code="artifact.not-plain",
                    path=str(directory),
                    hint="An artefact consists of plain files: copy them without links",
                )
            )
        known = is_known(entry.name) or entry.name == MANIFEST
        content[entry.name] = Path(entry.path).read_bytes() if known else b""
    return open_artifact(content, str(directory))


def _exists(directory: Path) -> OvertonError:
    return OvertonError(
        Problem(
            message="there is something already",
            code="artifact.exists",
            path=str(directory),
            hint="A version never changes: name a directory that does not exist",
        )
    )
