"""Where shards go: a folder of a local disk, or a prefix of an object store. Everything there is created once."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import obstore
from obstore.exceptions import AlreadyExistsError

from overton.base.files import DRAFT, OWN_DRAFT, draft_of
from overton.store.blobs import is_url, open_cloud
from overton.store.faults import told


class Output:
    """A place for files by name. What has a name is whole, and is never written again.

    Args:
        text: A folder, or a URL of an object store.
    """

    def __init__(self, text: str) -> None:
        self.text = text.rstrip("/") or "/"
        self._root = None if is_url(text) else Path(text.removeprefix("file://"))
        self._store: Any = open_cloud(self.text) if self._root is None else None

    def absolute(self) -> str:
        """The path of a local folder, from the root; empty for an object store."""
        return str(self._root.absolute()) if self._root else ""

    def names(self) -> set[str]:
        """Names of all that is there, with the folders that it is in."""
        if self._root is None:
            with told(self.text):
                return {entry["path"] for part in obstore.list(self._store) for entry in part}
        return {
            str(path.relative_to(self._root))
            for path in self._root.rglob("*")
            if path.is_file() and not DRAFT.fullmatch(path.name)
        }

    def read(self, name: str) -> bytes | None:
        """What a file holds; None where there is none."""
        if self._root is None:
            with told(self.text):
                try:
                    return bytes(obstore.get(self._store, name).bytes())
                except FileNotFoundError:
                    return None
        try:
            return (self._root / name).read_bytes()
        except FileNotFoundError:
            return None

    def create(self, name: str, content: bytes) -> bool:
        """Create a small file; False, and nothing done, where there is one of the name."""
        with self.creating(name) as draft:
            draft.file.write(content)
        return draft.created

    @contextmanager
    def creating(self, name: str) -> Iterator["Draft"]:
        """A file to write, which gets its name when the block ends well; one that has the name already stays."""
        if self._root is None:
            with tempfile.TemporaryFile() as file:
                draft = Draft(file)
                yield draft
                file.seek(0)
                with told(self.text), suppress(AlreadyExistsError):
                    obstore.put(self._store, name, file, mode="create", use_multipart=False)
                    draft.created = True
            return
        path = self._root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = draft_of(path)
        try:
            with temporary.open("xb") as file:
                draft = Draft(file)
                yield draft
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(temporary, path)  # unlike a rename, it fails where there is one
                draft.created = True
            except FileExistsError:
                pass
            except FileNotFoundError:  # another run of the same plan was done first, and removed what it took for left
                if not path.exists():
                    raise
        finally:
            with suppress(FileNotFoundError):
                os.unlink(temporary)

    def remove_drafts(self) -> None:
        """Remove what workers that were killed left behind, when nothing is left to do.

        Nothing else: another run may write into a folder below, and what else is hidden belongs to somebody.
        """
        if self._root is not None:
            for path in (*self._root.glob(".*.tmp"), *self._root.glob("_*/.*.tmp")):
                if OWN_DRAFT.fullmatch(path.name):
                    path.unlink(missing_ok=True)


class Draft:
    """A file that has no name yet.

    Args:
        file: To be written.

    Attributes:
        created: Whether it got its name, when its block is over.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.created = False
