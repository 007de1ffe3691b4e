"""Objects by path on a local disk, S3, GCS or Azure, reduced to what a store needs: create, read, list.

`create` is atomic on each of those: of two writers of one path one wins, and nobody ever sees half an object.
"""

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import obstore
from obstore.exceptions import AlreadyExistsError
from obstore.store import LocalStore, from_url

from overton.base import OvertonError, Problem
from overton.store.faults import lacks_bucket, told

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

T = TypeVar("T")
R = TypeVar("R")

CLOUDS = ("s3", "gs", "az")
AT_ONCE = 8
MAX_ENTRY = 4 << 20
STAGED = re.compile(r".*#\d+", re.DOTALL)

# A server that does not answer is told of within a minute; one that sends slowly may take its time.
# Plain http is spoken only to an endpoint that the user wrote as such.
CLIENT: "ClientConfig" = {"allow_http": True, "connect_timeout": "5s", "read_timeout": "15s", "timeout": "10min"}
RETRY: "RetryConfig" = {
    "max_retries": 3,
    "retry_timeout": timedelta(seconds=30),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=2), "base": 2},
}


@dataclass(frozen=True, slots=True)
class Found:
    """An object as a list shows it.

    Attributes:
        path: Its path from the root of the store.
        size: Its size in bytes.
        modified: When it was last written, by the clock of the backend.
        mark: What differs where it was written anew, even at the same time: of its content, or of its file.
    """

    path: str
    size: int
    modified: datetime
    mark: str = ""


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
        else:
            self._backend = open_cloud(url)

    @property
    def is_remote(self) -> bool:
        """Whether every look at it takes a network."""
        return self._root is None

    def create(self, path: str, content: bytes) -> bool:
        """Create an object; False, and nothing done, where there is one already."""
        self._refuse_links(path)
        with told(self.url):
            try:
                obstore.put(self._open(make=True), path, content, mode="create")
            except AlreadyExistsError:
                return False
        return True

    def replace(self, path: str, content: bytes) -> None:
        """Write an object in the place of the one that is there: where its path alone says what its content is."""
        self._refuse_links(path)
        with told(self.url):
            obstore.put(self._open(make=True), path, content, mode="overwrite", use_multipart=False)

    def read(self, path: str, *, at_most: int = MAX_ENTRY) -> bytes | None:
        """The content of an object; None where there is none.

        Args:
            path: Its path.
            at_most: Bytes that it may have; a longer one is refused before any of it is read.

        Raises:
            OvertonError: Where it is longer, or the store cannot be read.
        """
        found = self.read_with_time(path, at_most=at_most)
        return found[0] if found else None

    def read_with_time(self, path: str, *, at_most: int = MAX_ENTRY) -> tuple[bytes, datetime] | None:
        """The same, and when it was last written.

        Raises:
            OvertonError: As `read` does.
        """
        if not self._is_there():
            return None
        self._refuse_links(path)
        with told(self.url):
            try:
                found = obstore.get(self._open(), path)
                if found.meta["size"] <= at_most:
                    return bytes(found.bytes()), found.meta["last_modified"]
                size = found.meta["size"]
            except FileNotFoundError as error:
                if lacks_bucket(error):
                    raise
                return None
        raise OvertonError(
            Problem(
                message=f"{path} has {size:,} bytes, at most {at_most:,} belong there",
                code="store.too-large",
                path=self.url,
                hint="It was not read. Restore it from a copy of the store",
            )
        )

    def each(self, work: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """Do the same to several things, in their order; at once where each waits for a network."""
        items = list(items)
        if not self.is_remote or len(items) == 1:
            return [work(item) for item in items]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(work, items))

    def find(self, path: str) -> Found | None:
        """An object without its content; None where there is none."""
        if not self._is_there():
            return None
        self._refuse_links(path)
        with told(self.url):
            try:
                meta = obstore.head(self._open(), path)
            except FileNotFoundError as error:
                if lacks_bucket(error):
                    raise
                return None
        return _listed(path, meta)

    def find_all(self, folder: str) -> list[Found]:
        """Every object below a folder, in the order of their paths."""
        self._refuse_links(folder)
        with told(self.url):
            if self._root is not None:
                entries = [entry for entry in walk_files(self._root, folder) if not STAGED.fullmatch(entry.path)]
            else:
                listed = [entry for part in obstore.list(self._open(), folder) for entry in part]
                entries = [_listed(entry["path"], entry) for entry in listed]
        return sorted(entries, key=lambda entry: entry.path)

    def find_in(self, folder: str) -> dict[str, Found | None]:
        """The objects that lie directly in a folder, by their names, sorted; None for what is there and is none."""
        if self._root is not None:
            return {name: self._find_plain(folder, name) for name in self.names(folder)}
        with told(self.url):
            listed = obstore.list_with_delimiter(self._open(), folder)
        found: dict[str, Found | None] = {path.rstrip("/"): None for path in listed["common_prefixes"]}
        found |= {entry["path"]: _listed(entry["path"], entry) for entry in listed["objects"]}
        return {path.rpartition("/")[2]: found[path] for path in sorted(found)}

    def find_in_each(self, folder: str, name: str) -> dict[str, Found | None]:
        """The object of one name in each folder that lies directly in a folder, by the name of that, sorted.

        None where there is no plain one, as no list shows a link: whoever reads it is told why. One look at all of
        them, so that it is known at once which of many objects are as they were.
        """
        if self._root is not None:
            return {one: self._find_plain(f"{folder}/{one}", name) for one in self.names(folder)}
        there = {found.path: found for found in self.find_all(folder)}
        names = {path.removeprefix(f"{folder}/").partition("/")[0] for path in there}
        return {one: there.get(f"{folder}/{one}/{name}") for one in sorted(names)}

    def names(self, folder: str) -> list[str]:
        """Names of the objects and folders that lie directly in a folder, sorted."""
        self._refuse_links(folder)
        with told(self.url):
            if self._root is not None:
                try:
                    found = os.listdir(self._root / folder)
                except FileNotFoundError:
                    return []
                return sorted(name for name in found if not STAGED.fullmatch(name))
            listed = obstore.list_with_delimiter(self._open(), folder)
        paths = [*listed["common_prefixes"], *(entry["path"] for entry in listed["objects"])]
        return sorted(path.rstrip("/").rpartition("/")[2] for path in paths)

    def remove(self, paths: Iterable[str]) -> None:
        """Remove objects for good; one that is not there is none to remove."""
        for path in paths:
            self._refuse_links(path)
            with told(self.url):
                try:
                    obstore.delete(self._open(), path)
                except FileNotFoundError:
                    continue

    def leftovers(self, folder: str) -> list[tuple[str, Found]]:
        """What writes that were killed left on a local disk beside their places, with those; no list shows it.

        Args:
            folder: A folder, with what is below it; of the root itself, where others may have theirs, the files alone.
        """
        if self._root is None:
            return []
        with told(self.url):
            found = list(walk_files(self._root, folder) if folder else _files_in(self._root))
        return [(entry.path.rpartition("#")[0], entry) for entry in found if STAGED.fullmatch(entry.path)]

    def remove_leftovers(self, found: Iterable[Found]) -> None:
        """Remove what `leftovers` found."""
        for entry in found:
            assert self._root is not None, "only a local disk has leftovers"
            with told(self.url):
                (self._root / entry.path).unlink(missing_ok=True)

    def _find_plain(self, folder: str, name: str) -> Found | None:
        """A plain file in a plain folder of a local disk, of which the folders above were looked at; None for none."""
        assert self._root is not None, "only a local disk has files"
        place = os.path.join(self._root, folder)
        with told(self.url):
            try:
                is_folder, status = stat.S_ISDIR(os.lstat(place).st_mode), os.lstat(os.path.join(place, name))
            except (FileNotFoundError, NotADirectoryError):
                return None
        return _found(f"{folder}/{name}", status) if is_folder and stat.S_ISREG(status.st_mode) else None

    def _is_there(self) -> bool:
        with told(self.url):
            return self._root is None or self._root.is_dir()

    def _open(self, *, make: bool = False) -> "ObjectStore":
        if self._backend is None:
            assert self._root is not None, "a store has a backend or a root"
            self._backend = LocalStore(self._root, mkdir=make, automatic_cleanup=True)
        return self._backend

    def _refuse_links(self, path: str) -> None:
        """A link within a local store may lead anywhere, so none is followed, neither to read nor to write."""
        place = self._root
        if place is None:
            return
        with told(self.url):
            for part in path.split("/"):
                place = place / part
                try:
                    mode = place.lstat().st_mode
                except (FileNotFoundError, NotADirectoryError):
                    return
                if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                    raise OvertonError(
                        Problem(
                            message=f"{path} is a link" if stat.S_ISLNK(mode) else f"{path} is not a plain file",
                            code="store.link",
                            path=self.url,
                            hint="A store consists of plain files: copy them without links",
                        )
                    )


def is_url(text: str) -> bool:
    """Whether a text names a place in an object store rather than a local path."""
    scheme, mark, _ = text.partition("://")
    return bool(mark) and scheme != "file"


def open_cloud(url: str) -> "ObjectStore":
    """The objects below a url of an object store.

    Raises:
        OvertonError: Where the url is of another kind.
    """
    scheme, _, rest = url.partition("://")
    if scheme in CLOUDS and is_plain(rest):
        with told(url):
            return from_url(url, client_options=CLIENT, retry_config=RETRY)
    raise OvertonError(
        Problem(
            message=f"{_without_user(url)!r} is not the place of a store",
            code="store.url",
            hint="Name a local path, or file://PATH, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or "
            "az://CONTAINER/PREFIX; credentials stand in the environment",
        )
    )


def walk_files(root: Path, folder: str) -> Iterator[Found]:
    """Every plain file below a folder of a local disk; no link is followed.

    Others may write and remove there meanwhile: what has gone since it was seen is none of them.

    Raises:
        OSError: Where a folder cannot be read.
    """
    for place, _, names in os.walk(root / folder, onerror=_unless_gone):
        for name in names:
            path = os.path.join(place, name)
            try:
                status = os.lstat(path)
            except FileNotFoundError:
                continue
            if stat.S_ISREG(status.st_mode):
                yield _found(os.path.relpath(path, root), status)


def _files_in(root: Path) -> Iterator[Found]:
    """The plain files that lie directly in a folder of a local disk; none where it is not there."""
    names = os.listdir(root) if root.is_dir() else []
    for name in names:
        with suppress(FileNotFoundError):
            status = os.lstat(root / name)
            if stat.S_ISREG(status.st_mode):
                yield _found(name, status)


def _listed(path: str, meta: "ObjectMeta") -> Found:
    return Found(path, meta["size"], meta["last_modified"], meta["e_tag"] or "")


def _found(path: str, status: os.stat_result) -> Found:
    modified = datetime.fromtimestamp(status.st_mtime, UTC)
    return Found(path, status.st_size, modified, f"{status.st_ino}-{status.st_mtime_ns}-{status.st_ctime_ns}")


def _unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def is_plain(place: str) -> bool:
    """Whether the part of a url behind `s3://` is a bucket and a path, and nothing that leads elsewhere."""
    bucket, *parts = place.rstrip("/").split("/")
    odd = any(sign in place for sign in "@?#%\\") or any(not character.isprintable() for character in place)
    return not odd and not {"", ".", ".."}.intersection([bucket, *parts])


def _without_user(url: str) -> str:
    """The url as it may be shown: a password that somebody wrote into it is not."""
    return re.sub(r"//[^/@]*@", "//...@", url)
