"""kill -9 at any moment of a build: the next one goes on, its outcome is that of an undisturbed one, nothing stays."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from queue import Empty, Queue

import pytest

import overton
from tests.kinds import write_kinds

BUILD = [sys.executable, "-m", "overton.cli.main", "build"]
AN_HOUR = 3600
KILLS = int(os.environ.get("OVERTON_TEST_KILLS", "50"))
TIMES = {"seconds"}  # of the lineage: what no two builds have in common
LEFT = re.compile(r"\.tmp$|#\d+$")  # what is being written, here and by the object store's client


class Build:
    """A build in a process group of its own, and the lines that it tells as they come."""

    def __init__(self, app: Path) -> None:
        self.process = subprocess.Popen(
            [*BUILD, str(app)], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, start_new_session=True
        )
        self.lines: Queue[tuple[float, str]] = Queue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as lines:
            for line in lines:
                self.lines.put((time.monotonic(), line.split("] ", 1)[-1].strip()))

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.end()

    def end(self) -> None:
        """Wait until it has ended, and all that it told has come."""
        assert self.process.wait() in (0, -signal.SIGKILL)
        self.reader.join()


def write(directory: Path) -> Path:
    write_kinds(directory, n_records=60, tasks=("Record",))
    small = {"size": 8, "wide": False}
    tuning = {"training": {"epochs": 3}, "serving": {"int8": "off"}}
    tuning["payloads"] = {"query": small, "tokens": {"size": 8, "encoder": "bag"}, "entities": {"size": 8}}
    (directory / "tuning.json").write_text(json.dumps(tuning))
    return directory


def timeline(app: Path) -> list[tuple[str, float]]:
    """The lines of an undisturbed build, each with the seconds until it came since the one before."""
    begin, build = time.monotonic(), Build(app)
    build.end()
    told, before = [], begin
    while not build.lines.empty():
        when, line = build.lines.get()
        told.append((stage_of(line), when - before))
        before = when
    return told


def stage_of(line: str) -> str:
    """A line without the figures in it, so that it is known again."""
    return re.sub(r"[0-9a-f]{12}|\d[\d,.]*", "N", line)


def kill_after(app: Path, line: str, seconds: float) -> bool:
    """Build, kill it some time after a line (at once where that never comes); whether it had not ended by itself."""
    build = Build(app)
    while line and build.process.poll() is None:
        try:
            if stage_of(build.lines.get(timeout=0.05)[1]) == line:
                break
        except Empty:
            continue
    try:
        build.process.wait(seconds)
    except subprocess.TimeoutExpired:
        build.kill()
        return True
    build.end()
    return False


def outcome(app: Path) -> dict[str, object]:
    """The files of the newest version, but for times."""
    files = dict(overton.load(app).version().artifact.files)
    lineage = json.loads(files.pop("lineage.json"))
    return {**files, "lineage": {name: value for name, value in lineage.items() if name not in TIMES}}


def check_store(app: Path) -> int:
    """Every version that the store lists can be read to its last byte; how many there are."""
    rows = overton.load(app).version_rows()
    for row in rows:
        overton.load(app).version(row["version"])
    return len(rows)


def leftovers(app: Path) -> list[str]:
    return sorted(str(path.relative_to(app)) for path in app.rglob("*") if LEFT.search(path.name))


def age(app: Path) -> None:
    """Let an hour and more go by for what was being written."""
    for name in leftovers(app):
        os.utime(app / name, (then := time.time() - 3 * AN_HOUR, then))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_build_killed_at_any_moment_is_taken_up_again(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole")
    gaps = timeline(whole)
    expected = outcome(whole)
    choose = random.Random(0)
    # As many kills in every gap between two lines of the same stage, whatever time it takes.
    stages = sorted({line.partition(":")[0] for line, _ in gaps})
    done, round_number, seen = 0, 0, []
    while done < KILLS:
        app = write(tmp_path / f"killed-{round_number}")
        for _ in range(8):
            stage = stages[done % len(stages)]
            place = choose.choice([place for place, (line, _) in enumerate(gaps) if line.startswith(f"{stage}:")])
            before = gaps[place - 1][0] if place else ""
            if kill_after(app, before, choose.uniform(0, gaps[place][1])):
                done += 1
                seen.append(stage)
            check_store(app)
        age(app)
        subprocess.run([*BUILD, str(app)], check=True, capture_output=True)
        assert check_store(app)
        assert outcome(app) == expected
        assert not list((app / ".overton" / "runs").glob("*/*"))
        overton.load(app).store.gc(keep=100, who="test", when="2100-01-01T00:00:00+00:00", delete=True)
        assert leftovers(app) == []
        round_number += 1
    assert {*seen} == {*stages}
