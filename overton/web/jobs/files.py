"""Jobs on disk: a folder each below `.overton/jobs`, with a lock that the process of the job holds while it runs.

    lock                 held by who starts a job, so that of two at once one waits and sees the other's job
    <id>/lock            held by the process of the job
    <id>/job.json        the command, who started it and when
    <id>/pid             its process, which leads a group of its own
    <id>/log.txt         what it tells; <id>/out.json what it answers; <id>/stopped where an editor stopped it

A job runs exactly while its lock is held: the system gives it back when the process ends, whatever ended it. So a
server that was killed leaves nothing to tidy up, and another one finds the job running or ended.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from overton.base import OvertonError, Problem, did_you_mean
from overton.base.files import is_locked, locked, write_atomic
from overton.web.jobs.job import Job, parse_outcome, parse_stages

LOCK, RECORD, PID, LOG, OUTPUT, STOPPED = "lock", "job.json", "pid", "log.txt", "out.json", "stopped"
NAME, TIME = re.compile(r"\d{8}-\d{6}-\d{3}"), "%Y%m%d-%H%M%S-%f"  # of a folder: when its job began, to the TICK
TICK = timedelta(milliseconds=1)
LOG_BYTES = 256 << 10  # of a log that are read
KEPT = 100  # jobs; older ones are forgotten when another is started
GRACE_SECONDS = 10.0  # for a job to end by itself once it is told to


class _Record(msgspec.Struct):
    """What `job.json` says."""

    words: tuple[str, ...]
    who: str
    started: datetime


class Jobs:
    """The jobs of one application.

    Args:
        folder: Where they are kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self, words: Sequence[str], *, who: str) -> str:
        """Start `overton` with some words, and return the id of the job.

        Raises:
            OvertonError: Where a job is running.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder / LOCK), contextlib.ExitStack() as until_started:
            if self.running():
                raise OvertonError(Problem("a build is running", "jobs.running", hint="Wait for it, or stop it"))
            for old in self._names()[KEPT:]:
                shutil.rmtree(self.folder / old, ignore_errors=True)
            place = self._new_folder()
            held = until_started.enter_context(locked(place / LOCK))
            record = _Record(tuple(words), who, datetime.now(UTC).replace(microsecond=0))
            write_atomic(place / RECORD, msgspec.json.encode(record))
            process = _spawn(words, place, held)
            write_atomic(place / PID, str(process.pid))
        threading.Thread(target=process.wait, daemon=True).start()  # so that it is not left as a zombie
        return place.name

    def every(self) -> tuple[Job, ...]:
        """The jobs that are kept, the newest first; others may be going."""
        return tuple(map(self._job, self._names()[:KEPT]))

    def get(self, job: str) -> Job:
        """One job.

        Raises:
            OvertonError: Where there is none of the name.
        """
        names = self._names()
        if job not in names:
            hint = did_you_mean(job, names)
            raise OvertonError(Problem(f"there is no build {job!r}", "jobs.unknown", hint=hint))
        return self._job(job)

    def running(self) -> Job | None:
        """The job that runs."""
        newest = next(iter(self._names()), "")
        return self._job(newest) if newest and is_locked(self.folder / newest / LOCK) else None

    def stop(self, job: str) -> Job:
        """Tell a job to end; it is ended where it has not after some seconds. One that has ended stays as it is.

        Raises:
            OvertonError: Where there is none of the name.
        """
        found = self.get(job)
        if found.state != "running":
            return found
        place = self.folder / job
        process = int((place / PID).read_text()) if (place / PID).exists() else 0
        if process:
            write_atomic(place / STOPPED, b"")
            _signal(process, signal.SIGTERM)
            threading.Timer(GRACE_SECONDS, self._end, (job, process)).start()
        return self.get(job)

    def _end(self, job: str, process: int) -> None:
        """End a job that still runs."""
        if self.get(job).state == "running":
            _signal(process, signal.SIGKILL)

    def _new_folder(self) -> Path:
        """A new folder, whose name comes after all others: after the last too where the clock was set back since."""
        free = [last + TICK for one in self.folder.iterdir() if (last := _moment(one.name))]
        place = self.folder / max([datetime.now(UTC), *free]).strftime(TIME)[:-3]
        place.mkdir()
        return place

    def _names(self) -> list[str]:
        """Names of the jobs, the newest first."""
        found = self.folder.iterdir() if self.folder.is_dir() else ()
        return sorted((one.name for one in found if _moment(one.name) and (one / RECORD).is_file()), reverse=True)

    def _job(self, name: str) -> Job:
        place = self.folder / name
        running = is_locked(place / LOCK)
        record = _record(place)
        started = record.started.timestamp()
        log = _tail(place / LOG)
        outcome = None if running else parse_outcome(_content(place / OUTPUT), log, stopped=(place / STOPPED).exists())
        ended = time.time() if running else max([_changed(place / LOG), _changed(place / OUTPUT), started])
        return Job(
            id=name,
            words=record.words,
            started=record.started.isoformat(),
            who=record.who,
            seconds=round(max(ended - started, 0.0), 1),
            state=outcome.state if outcome else "running",
            version=outcome.version if outcome else "",
            title=outcome.title if outcome else "running",
            problems=outcome.problems if outcome else (),
            stages=parse_stages(log, running=running),
            log=log,
        )


def _moment(name: str) -> datetime | None:
    """When a job began, by the name of its folder; None where that is another folder."""
    try:
        return datetime.strptime(f"{name}000", TIME).replace(tzinfo=UTC) if NAME.fullmatch(name) else None
    except ValueError:  # digits, and no time
        return None


def _record(place: Path) -> _Record:
    """What is known of a job; where somebody has spoilt that, its folder tells when it was started."""
    try:
        return msgspec.json.decode((place / RECORD).read_bytes(), type=_Record)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Record((), "", datetime.fromtimestamp(place.stat().st_mtime, UTC).replace(microsecond=0))


def _spawn(words: Sequence[str], place: Path, held: int) -> subprocess.Popen[bytes]:
    """Start the process of a job, which takes over the handle of its lock."""
    # Python is told not to look for modules in the current folder, which may be one of data.
    command = [sys.executable, "-P", "-m", "overton", *words]
    with (place / OUTPUT).open("wb") as output, (place / LOG).open("wb") as log:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=log, start_new_session=True, pass_fds=[held]
        )


def _signal(process: int, kind: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process, kind)


def _tail(path: Path) -> str:
    """The end of a file, from the beginning of a line; empty where there is none."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - LOG_BYTES, 0))
            content = file.read()
    except FileNotFoundError:
        return ""
    text = content.decode(errors="replace")
    return text if size <= LOG_BYTES else text.partition("\n")[2]


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def _changed(path: Path) -> float:
    return path.stat().st_mtime if path.exists() else 0.0
