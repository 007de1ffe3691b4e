"""The builds of an application as they went: one small file each, that tells what ran, runs, or was stopped."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec

from overton.base import OvertonError, now
from overton.base.files import write_atomic

FORMAT = 1
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
def run_of(folder: Path, **facts: Any) -> Iterator[Run]:
    """Keep an account of a build while the block runs, and of how it ended.

    Args:
        folder: Where the accounts are.
        facts: What is known at its beginning, such as its seed.
    """
    begun, start = now(), perf_counter()
    _forget_old(folder)
    run = Run(folder / f"{begun.replace(':', '').replace('+0000', '')}-{os.getpid()}.json")
    run.add(format=FORMAT, begun=begun, status="running", process=os.getpid(), host=socket.gethostname(), **facts)
    try:
        yield run
    except BaseException as error:
        reason = str(error.problems[0]) if isinstance(error, OvertonError) else type(error).__name__
        status = "stopped" if isinstance(error, KeyboardInterrupt) else "failed"
        run.add(status=status, reason=reason, seconds=round(perf_counter() - start, 1))
        raise
    run.add(status="done", seconds=round(perf_counter() - start, 1))


def dev_score(lineage: Mapping[str, Any]) -> float | None:
    """Mean over the tasks of the main metric on dev, as training saw it in its best epoch; None without dev records."""
    epochs = lineage["epochs"]
    scores = epochs[lineage["best_epoch"] - 1]["scores"] if epochs else {}
    return sum(scores.values()) / len(scores) if scores else None


def load_runs(folder: Path, searches: Path) -> list[dict[str, Any]]:
    """The builds, newest first, each with the trials of its search under `trials`, as `tune.files` has them.

    A build whose process is no more is told as `stopped`.
    """
    from overton.tune.files import load_trials

    rows = []
    for path in sorted(folder.glob("*.json"), reverse=True):
        try:
            row = msgspec.json.decode(path.read_bytes())
        except msgspec.DecodeError:
            continue
        if not isinstance(row, dict) or row.get("format") != FORMAT:
            continue
        if row["status"] == "running" and row["host"] == socket.gethostname() and not _is_alive(row["process"]):
            row["status"] = "stopped"
        row["trials"] = []
        if row.get("search"):
            done, running = load_trials(searches / row["search"])
            most = row.get("n_trials") or len(done) + len(running)
            row["trials"] = [
                {"number": one.number, "picked": dict(one.picked), **_score(msgspec.to_builtins(one.score))}
                for one in done
                if one.number <= most
            ]
            word = "running" if row["status"] == "running" else "stopped"
            row["trials"] += [{**_score(one), "status": word} for one in running if one["number"] <= most]
            row["trials"].sort(key=lambda one: one["number"])
        rows.append(row)
    return rows


def _score(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: inner for name, inner in value.items() if name not in ("curve", "format", "run")}


def _forget_old(folder: Path) -> None:
    for path in sorted(folder.glob("*.json"), reverse=True)[KEPT - 1 :]:
        path.unlink(missing_ok=True)
        shutil.rmtree(path.with_suffix(""), ignore_errors=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
