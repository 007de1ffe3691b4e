"""The builds of an application as they went: one small file each, that tells what ran, runs, or was stopped."""

from __future__ import annotations

import os
import re
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec

from overton.artifact import Artifact
from overton.base import OvertonError, instant
from overton.base.files import is_locked, locked, write_atomic
from overton.evaluate import parse_report
from overton.tune import Score, parse_study

FORMAT = 1
LOST = "lost with the worker that did it"
LOCK = ".lock"  # ending of the file beside an account that its build holds the lock of
KEPT = 100  # builds that are told of; older ones are forgotten


@dataclass
class Run:
    """A build under way: what is known of it is added while it goes on."""

    path: Path
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where what was watched of it is kept, beside its account."""
        return self.path.with_suffix("")

    def add(self, **facts: Any) -> None:
        """Write what is known now."""
        self.facts |= facts
        write_atomic(self.path, msgspec.json.format(msgspec.json.encode(self.facts), indent=1) + b"\n")


@contextmanager
def run_of(folder: Path, searches: Path, **facts: Any) -> Iterator[Run]:
    """Keep an account of a build while the block runs, and of how it ended.

    Args:
        folder: Where the accounts are.
        searches: Where the trials are: those of builds that are forgotten go.
        facts: What is known at its beginning, such as its seed.
    """
    begun, start = instant(), perf_counter()
    _forget_old(folder, searches)
    run = Run(folder / f"{re.sub(r'[:.]|[+]00:00', '', begun)}-{os.getpid()}.json")
    with _held(run.path.with_suffix(LOCK)):
        run.add(format=FORMAT, begun=begun, status="running", process=os.getpid(), host=socket.gethostname(), **facts)
        try:
            yield run
        except BaseException as error:
            reason = str(error.problems[0]) if isinstance(error, OvertonError) else type(error).__name__
            ended = {"status": "failed", "reason": reason}
            if isinstance(error, KeyboardInterrupt):
                ended = {"status": "stopped", "reason": "interrupted"}
            run.add(**ended, seconds=round(perf_counter() - start, 1))
            raise
        run.add(status="done", seconds=round(perf_counter() - start, 1))


@contextmanager
def _held(lock: Path) -> Iterator[None]:
    """Hold the lock of a build for the block; the file is gone afterwards, and where nothing can be locked."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as until_ended:
        until_ended.callback(lock.unlink, missing_ok=True)
        try:
            until_ended.enter_context(locked(lock))
        except OSError:  # there are no locks on this disk
            lock.unlink(missing_ok=True)
        yield


def served(artifact: Artifact) -> dict[str, Any]:
    """What is known of the model that a version serves: `score` on dev, `size_mb`, and `p99_ms` where it was measured.

    Where it has more than one, `models` has the same of every other by name. The score is what a trial of the same
    choices has: the mean over tasks of the main metric on dev, or what the search looked for. Without a search it is
    that of the report, which tells of gold alone.
    """
    size = {"size_mb": round(len(artifact.files["model.onnx"]) / 1e6, 3)}
    study = parse_study(artifact.json("search.json")) if "search.json" in artifact.files else None
    if study:
        score = study.best.score
        found = {"score": score.value, "p99_ms": score.p99_ms}
    else:
        found = {"score": _reported(artifact)}
    others = {name: served(artifact.model(name)) for name in artifact.models[1:]}
    told = {**found, **size, "models": others or None}
    return {name: value for name, value in told.items() if value is not None}


def _reported(artifact: Artifact) -> float | None:
    """Quality on dev by the report; None where it cannot tell."""
    rows = parse_report(artifact.json("report.json")).main_rows("dev")
    values = [row.value for row in rows if row.value is not None]
    return sum(values) / len(values) if values else None


def load_runs(folder: Path, searches: Path) -> list[dict[str, Any]]:
    """The builds, newest first, each with the trials of its search under `trials`, as `tune.files` has them.

    A build whose process is no more is told as `stopped`; where a later one took its search up, `resumed` tells when
    that began. A trial is told of the build that did it, and `earlier` of those that found it done.
    """
    rows: list[dict[str, Any]] = []
    later: dict[str, str] = {}  # when the build after began, by search
    for row in _accounts(folder):
        row["trials"] = []
        if search := row.get("search"):
            row["trials"] = _trials(searches / search, row, later.get(search, ""))
            if search in later and row["status"] != "done":
                row["resumed"] = later[search]
            later[search] = row["begun"]
        rows.append(row)
    return rows


def is_any_running(folder: Path) -> bool:
    """Whether a build goes on of which the account lies in a folder; one where nothing can be locked is not seen."""
    return any(map(is_locked, folder.glob(f"*{LOCK}")))


def _accounts(folder: Path) -> Iterator[dict[str, Any]]:
    """The accounts of builds, newest first; what is no account, or has just been forgotten, is left out."""
    for path in sorted(folder.glob("*.json"), reverse=True):
        try:
            row = msgspec.json.decode(path.read_bytes())
        except (FileNotFoundError, ValueError):
            continue
        if not isinstance(row, dict) or row.get("format") != FORMAT:
            continue
        if row["status"] == "running" and not _goes_on(row, path.with_suffix(LOCK)):
            row["status"] = "stopped"
        yield row


def _goes_on(row: Mapping[str, Any], lock: Path) -> bool:
    """Whether a build runs that has not told how it ended.

    Its lock tells, whatever machine or container it is of. Where it has none, its process does: the system may have
    given the number of that to another since.
    """
    if lock.exists():
        return is_locked(lock)
    return row["host"] != socket.gethostname() or _is_alive(row["process"])


def _trials(journal: Path, row: Mapping[str, Any], end: str) -> list[dict[str, Any]]:
    """The trials that a build did or found done, in the order of their numbers.

    Args:
        journal: Folder of the search.
        row: The account of the build.
        end: When the next build of the same search began; empty for never.
    """
    from overton.tune.files import load_journal

    told = load_journal(journal)
    most = row.get("n_trials") or len(told.begun)
    word = "running" if row["status"] == "running" else "stopped"
    found = [{"number": one.number, "picked": dict(one.picked), **_score(one.score)} for one in told.done]
    found += [{"number": one["number"], "picked": one["picked"], "status": word} for one in told.running]
    for one in found:
        one["begun"] = told.begun[one["number"]]
        one["earlier"] = one["begun"] < row["begun"]
        if one["status"] == "stopped" and row["status"] == "done" and not one["earlier"]:
            one |= {"status": "failed", "reason": LOST}  # a search ends when each of its trials is over, or given up
    found = [one for one in found if one["number"] <= most and (not end or one["begun"] < end)]
    return sorted(found, key=lambda one: one["number"])


def _score(score: Score) -> dict[str, Any]:
    """What is told of a trial that is over; its quality is that of a model that would be served, or none."""
    told = {name: inner for name, inner in msgspec.to_builtins(score).items() if name not in ("curve", "run")}
    return {**told, "value": score.quality, "reason": score.why}


def _forget_old(folder: Path, searches: Path) -> None:
    old = sorted(folder.glob("*.json"), reverse=True)[KEPT - 1 :]
    if not old:
        return
    for path in old:
        for one in (path, path.with_suffix(LOCK)):
            one.unlink(missing_ok=True)
        shutil.rmtree(path.with_suffix(""), ignore_errors=True)
    rows = list(_accounts(folder))
    if any(row["status"] == "running" and "search" not in row for row in rows):
        return  # it may be about to take up a search that it has not named yet
    named = {row.get("search") for row in rows}
    for place in searches.glob("*"):
        if place.name not in named:
            shutil.rmtree(place, ignore_errors=True)


def _is_alive(process: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has waited for, as in a container, does not."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    try:
        state = Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    except (OSError, IndexError):  # no Linux, or it is gone by now
        return True
    return state not in {"Z", "X"}
