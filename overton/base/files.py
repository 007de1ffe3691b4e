"""Writing files so that nothing is ever half written: a temporary file beside the target, then one rename."""

import errno
import hashlib
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from overton.base.errors import OvertonError, Problem

AnyPath = str | os.PathLike[str]  # as somebody gives one from Python
Places = AnyPath | Sequence[AnyPath]

DRAFT = re.compile(r"\..*\.tmp", re.DOTALL)  # what a draft is called
OWN_DRAFT = re.compile(r"\..+\.[0-9a-f]{16}\.tmp", re.DOTALL)  # as `draft_of` names one, and hardly anybody else
LONGEST_STEM = 50  # characters of a name that its draft bears too: a name has at most 255 bytes, four a character


def places_of(given: Places) -> list[str]:
    """Files, folders, patterns or URLs as texts; of one that one."""
    return [os.fspath(one) for one in ([given] if isinstance(given, str | os.PathLike) else given)]


def written(path: AnyPath) -> str:
    """A path as a text that can be written: what of a name is no UTF-8, as on disks of old, by its numbers."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def digest_file(path: Path) -> str:
    """SHA-256 of the content of a file, as hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_text(path: Path, code: str) -> str:
    """The text of a file in UTF-8, without a byte order mark.

    Args:
        path: The file.
        code: Code of the fault where it is of another encoding.

    Raises:
        OvertonError: With the line of the first byte that is not UTF-8.
        OSError: Where the file cannot be read.
    """
    content = path.read_bytes()
    try:
        return content.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line, byte = content.count(b"\n", 0, error.start) + 1, error.object[error.start]
        message, hint = f"not UTF-8: byte {error.start} is {byte:#04x}", "Save the file as UTF-8"
        raise OvertonError(Problem(message, code, str(path), line, hint=hint)) from None


@contextmanager
def atomic_writer(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file that takes the place of `path` when the block ends well, and vanishes when not.

    A link stays, and the file that it leads to is replaced; a pipe or a device such as `/dev/null` is written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    check_place(path)
    if is_stream(path):
        with path.open("wb") as stream:
            yield stream
        return
    path = path.resolve() if path.is_symlink() else path
    draft = draft_of(path)
    try:
        # The system itself takes off what the umask forbids: to look at that, one would have to change it, and another
        # thread that looks at the same time would put back what it found.
        file = open(draft, "xb")  # noqa: SIM115
    except OSError as error:
        error.filename = str(path)  # nobody knows the temporary file
        raise
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(draft)
        raise


def is_stream(path: Path) -> bool:
    """Whether a path leads to a pipe or a device: something that is written to, and never replaced."""
    return path.exists() and not (path.is_file() or path.is_dir())


def draft_of(path: Path) -> Path:
    """A new place beside a file for what is to become it; `remove_drafts` knows it by its name."""
    return path.with_name(f".{path.name[:LONGEST_STEM]}.{secrets.token_hex(8)}.tmp")


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write a whole file, or nothing."""
    with atomic_writer(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder for the block to fill, which takes the place of `path` when the block ends well, and vanishes when not.

    Raises:
        OSError: Where there is something at `path` by then, other than an empty folder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        yield draft
        draft.chmod(0o755)
        draft.rename(path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def check_new_folder(path: Path, code: str) -> None:
    """Refuse a place for a new folder, before any work is done for it, where there is more than an empty folder.

    Args:
        path: The place.
        code: Code of the fault.

    Raises:
        OvertonError: Where there is.
    """
    if os.path.lexists(path) and not (path.is_dir() and not any(path.iterdir())):
        hint = "Name a folder that does not exist, or an empty one"
        raise OvertonError(Problem("something is already there", code, str(path), hint=hint))


def remove_drafts(folder: Path, *, before: float) -> int:
    """Remove what processes left, at any depth of a folder, that were killed while they wrote; how many files.

    Args:
        folder: Where to look.
        before: Files that were last written before this time go, in seconds since 1970: a younger one may belong to a
            process that writes it now.
    """
    n_removed = 0
    for place, _, names in os.walk(folder):  # unlike `rglob`, it bears that others remove folders meanwhile
        for name in names:
            path = Path(place, name)
            # Written to its end meanwhile, or somebody else's: to tidy up is no reason to fail.
            with suppress(OSError):
                if DRAFT.fullmatch(name) and path.is_file() and path.stat().st_mtime < before:
                    path.unlink()
                    n_removed += 1
    return n_removed


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """Hold the lock of a file for the block, which begins when nobody else holds it; the file is made where it is none.

    The system gives a lock back when the process that holds it ends, whatever ends it. One that takes over the handle,
    which the block is given, holds it on.

    Raises:
        OSError: Where the file cannot be opened, or there are no such locks, as on some network disks.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _lock(handle, "LOCK_EX")
        yield handle
    finally:
        os.close(handle)


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock of a file; none does where there is no such file."""
    try:
        handle = os.open(path, os.O_RDONLY)  # who may only read may look too
    except FileNotFoundError:
        return False
    try:
        _lock(handle, "LOCK_SH", "LOCK_NB")  # shared, so that those who look do not see each other
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def _lock(handle: int, *how: str) -> None:
    if os.name != "posix":
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
    import fcntl

    fcntl.flock(handle, sum(getattr(fcntl, name) for name in how))


def check_place(path: Path) -> None:
    """Refuse a path where no file can be written, before any work is done for it.

    Raises:
        OSError: Where its folder is not there, or it is a folder itself.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path.parent))
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
