"""A sample of what was asked and answered, as records of a data file: to be checked for drift, labelled, built from.

A line is what was sent to be predicted, with the answer as the source `overton@<version>`, and an id of its own, since
a client may send one id twice and a data file may not hold it twice; the id that was sent is kept as the tag
`sent:<id>`. What a client claims to be true is left out, and in which split its record should count: whoever may ask
could else say what the next version learns, and on what it is measured.
"""

import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import msgspec

from overton.base import Event, Observe, OvertonError, Problem, ignore
from overton.data import SPLITS, is_bad_tag
from overton.serve.metrics import Metrics

ENDING = ".jsonl"
FILES = 10
LOGGED = "overton_log_records_total"
PAUSE_SECONDS = 10.0
OWNER_ONLY = 0o600


class RequestLog:
    """Writes some of the requests to a file, and to others by turns.

    A file that has reached its size is set aside as `NAME-<time>-<number>.jsonl` beside it, and of those the oldest are
    removed, so that there are at most ten. A disk that is full or gone costs log lines, never an answer.

    Args:
        path: The file; its name ends with `.jsonl`, so that every command reads it as it is.
        rate: Most records a second; those beyond it are not logged.
        max_bytes: Size from which a file is set aside.
        metrics: Where it is counted what was logged.
        observe: Told where the file cannot be written.
        clock: Seconds that never go back.

    Raises:
        OvertonError: Where the file cannot be opened.
    """

    def __init__(
        self,
        path: Path,
        *,
        rate: float = 10.0,
        max_bytes: int = 64 << 20,
        metrics: Metrics,
        observe: Observe = ignore,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._rate = rate
        self._max_bytes = max_bytes
        self._metrics = metrics
        self._observe = observe
        self._clock = clock
        self._most = max(rate, 1.0) if rate else 0.0  # at once
        self._allowed, self._then = self._most, clock()
        self._again = 0.0
        self._written = 0
        self._flushed = 0  # bytes of the file that are whole lines for certain
        self._file: IO[bytes] | None = None
        check_log(path)
        self._open()

    def write(self, version: str, lines: Sequence[bytes], labels: Sequence[Mapping[str, Any]]) -> None:
        """Log what was answered, as far as the rate allows.

        Args:
            version: The version that answered.
            lines: The records as they were sent, each right by its schema.
            labels: Their answers.
        """
        now = self._clock()
        self._allowed = min(self._allowed + (now - self._then) * self._rate, self._most)
        self._then = now
        many = min(int(self._allowed), len(lines)) if now >= self._again else 0
        if many < len(lines):
            self._metrics.add(LOGGED, "over the rate" if now >= self._again else "failed", by=len(lines) - many)
        if not many:
            return
        self._allowed -= many
        told = [_record(self._name(), version, line, said) for line, said in zip(lines[:many], labels, strict=False)]
        self._keep(b"".join(msgspec.json.encode(record) + b"\n" for record in told), many)

    def flush(self) -> None:
        """Let others see what was written so far."""
        self._keep(b"", 0)

    def close(self) -> None:
        """Write what is left, and no more."""
        self.flush()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _keep(self, content: bytes, many: int) -> None:
        try:
            if self._file is None and content:
                self._open()
            if self._file is None:
                return
            if content:
                self._file.write(content)
                self._metrics.add(LOGGED, "written", by=many)
            else:
                self._file.flush()
                self._flushed = self._file.tell()
            if self._file.tell() >= self._max_bytes:
                self._set_aside()
        except OSError as error:
            self._again = self._clock() + PAUSE_SECONDS
            self._drop()
            if many:
                self._metrics.add(LOGGED, "failed", by=many)
            self._observe(Event("log", f"{self._path}: {error.strerror or error}; tried again later"))

    def _open(self) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, OWNER_ONLY)
        self._file = open(descriptor, "ab")  # noqa: SIM115  # stays open while the server runs
        self._flushed = self._file.tell()
        if _lacks_end(self._path):
            self._file.write(b"\n")

    def _drop(self) -> None:
        """Let go of a file that cannot be written; what waits to be written is lost with it, and half a line too."""
        if self._file is None:
            return
        with suppress(OSError):
            self._file.close()
        self._file = None
        with suppress(OSError):
            if self._path.is_file():
                with self._path.open("r+b") as file:
                    file.seek(self._flushed)
                    file.truncate(self._flushed + file.read().rfind(b"\n") + 1)

    def _set_aside(self) -> None:
        assert self._file is not None, "there is a file to set aside"
        self._file.close()
        self._file = None
        mark = time.strftime("%Y%m%dT%H%M%S", time.gmtime()), self._written
        *_, last = [("", 0), *sorted(_set_aside_before(self._path))]
        # Where the clock was set back, what is set aside last is the youngest all the same, and stays.
        moment, number = mark if mark > last else (last[0], last[1] + 1)
        self._path.rename(self._path.with_name(f"{self._path.name.removesuffix(ENDING)}-{moment}-{number}{ENDING}"))
        for old in set_aside_files(self._path)[: -(FILES - 1)]:
            old.unlink(missing_ok=True)

    def _name(self) -> str:
        self._written += 1
        return f"{time.time_ns() // 1_000_000:x}-{os.getpid():x}-{self._written:x}"


def set_aside_files(path: Path) -> list[Path]:
    """The files that were set aside from a log, the oldest first; others of like names beside it are somebody's own."""
    return [own for _, own in sorted(_set_aside_before(path).items())]


def _set_aside_before(path: Path) -> dict[tuple[str, int], Path]:
    """The files that were set aside from a log, by the time and the number in their names."""
    ours = re.compile(re.escape(path.name.removesuffix(ENDING)) + r"-(\d{8}T\d{6})-(\d+)" + re.escape(ENDING))
    found = ((ours.fullmatch(own.name), own) for own in path.parent.iterdir())
    return {(match[1], int(match[2])): own for match, own in found if match}


def check_log(path: Path) -> None:
    """Refuse a name that no command would read as a data file.

    Raises:
        OvertonError: Where it is such a name, or its folder is not there.
    """
    reason = ""
    if not path.name.endswith(ENDING) or path.name == ENDING:
        reason = f"its name does not end with {ENDING}, so that no command would read it"
    elif not path.parent.is_dir():
        reason = "its folder is not there"
    if reason:
        raise OvertonError(
            Problem(
                message=f"requests cannot be logged there: {reason}",
                code="serve.bad-log",
                path=str(path),
                hint="Name a file such as requests.jsonl in a folder that exists",
            )
        )


def _lacks_end(path: Path) -> bool:
    """Whether the last line of a file has no line end, as a machine that lost its power may have left it."""
    with suppress(OSError):
        if path.is_file():
            with path.open("rb") as file:
                file.seek(-1, os.SEEK_END)
                return file.read() != b"\n"
    return False


def _record(name: str, version: str, line: bytes, labels: Mapping[str, Any]) -> dict[str, Any]:
    sent = msgspec.json.decode(line)
    own = f"sent:{sent.get('id')}"
    tags = [tag for tag in sent.get("tags") or () if tag not in SPLITS]
    if sent.get("id") is not None and not is_bad_tag(own):
        tags.append(own)
    tasks = {task: {f"overton@{version}": label} for task, label in labels.items() if label is not None}
    rest = {"tasks": tasks, "tags": tags}
    return {"id": name, "payloads": sent["payloads"], **{key: value for key, value in rest.items() if value}}
