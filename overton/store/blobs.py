"""Objects by path on a local disk, S3, GCS or Azure, reduced to what a store needs: create, read, list.

`create` is atomic on each of those: of two writers of one path one wins, and nobody ever sees half an object.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, from_url

from overton.base import OvertonError, Problem

if TYPE_CHECKING:
    from obstore.store import ObjectStore

CLOUDS = ("s3", "gs", "az")


class Blobs:
    """Objects under one root.

    Args:
        url: A local path, or `file://`, `s3://`, `gs://` or `az://`. The clients of the clouds read credentials
            and endpoint from the environment, as their own tools do.
        backend: An obstore backend in place of the one that the url means.

    Raises:
        OvertonError: Where the url is of another kind.
    """

    def __init__(self, url: str, backend: "ObjectStore | None" = None) -> None:
        self.url = url.rstrip("/")
        self._backend = backend
        self._root: Path | None = None
        scheme, mark, rest = url.partition("://")
        if backend is not None:
            return
        if not mark or scheme == "file":
            self._root = Path(rest if mark else url).absolute()
        elif scheme in CLOUDS:
            with _faults(url):
                self._backend = from_url(url)
        else:
            raise OvertonError(
                Problem(
                    message=f"{url!r} is not the place of a store",
                    code="store.url",
                    hint="Name a local path, or a url that begins with file://, s3://, gs:// or az://",
                )
            )

    def create(self, path: str, content: bytes) -> bool:
        """Create an object; False, and nothing done, where there is one already."""
        with _faults(self.url):
            try:
                obstore.put(self._open(make=True), path, content, mode="create")
            except AlreadyExistsError:
                return False
        return True

    def mend(self, path: str, content: bytes) -> None:
        """Replace an object whose content is not what its path says."""
        with _faults(self.url):
            obstore.put(self._open(make=True), path, content, mode="overwrite", use_multipart=False)

    def read(self, path: str) -> bytes | None:
        """The content of an object; None where there is none."""
        if self._root is not None:
            self._refuse_links(path)
            if not self._root.is_dir():
                return None
        with _faults(self.url):
            try:
                return bytes(obstore.get(self._open(), path).bytes())
            except FileNotFoundError:
                return None

    def names(self, folder: str) -> list[str]:
        """Names of the objects and folders that lie directly in a folder, sorted."""
        if self._root is not None and not self._root.is_dir():
            return []
        with _faults(self.url):
            found = obstore.list_with_delimiter(self._open(), folder)
            paths = [*found["common_prefixes"], *(entry["path"] for entry in found["objects"])]
        return sorted(path.rstrip("/").rpartition("/")[2] for path in paths)

    def _open(self, *, make: bool = False) -> "ObjectStore":
        if self._backend is None:
            assert self._root is not None, "a store has a backend or a root"
            self._backend = LocalStore(self._root, mkdir=make)
        return self._backend

    def _refuse_links(self, path: str) -> None:
        assert self._root is not None, "only a local store has links"
        place = self._root
        for part in path.split("/"):
            place = place / part
            if place.is_symlink():
                raise OvertonError(
                    Problem(
                        message=f"{path} is a link",
                        code="store.link",
                        path=self.url,
                        hint="A store consists of plain files: copy them without links",
                    )
                )


@contextmanager
def _faults(url: str) -> Iterator[None]:
    """Tell what a backend has to complain of as a problem of the user's."""
    try:
        yield
    except (BaseError, OSError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise OvertonError(
            Problem(
                message=f"the store cannot be used: {reason}",
                code="store.unusable",
                path=url,
                hint="Check that it exists, that you may read and write it, and the credentials in the environment",
            )
        ) from error
