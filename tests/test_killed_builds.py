"""kill -9 at any moment of a build: the next one goes on, its outcome is that of an undisturbed one, nothing stays."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from queue import Empty, Queue

import pytest

import overton
from tests.kinds import write_kinds

BUILD = [sys.executable, "-m", "overton.cli.main", "build"]
AN_HOUR = 3600
KILLS = int(os.environ.get("OVERTON_TEST_KILLS", "50"))
LONG = 40_000  # tokens of a record
# What is killed: by name the line with which it has begun, and the line that ends it.
STAGES = {
    "ingest": (
        "ingest: N new data file to read",
        "data: N records with more than N items in 'tokens': the rest of them is cut",
    ),
    "labels": ("data: N record with more than N items in 'title': the rest of them is cut", "combine: done in N s"),
    "training": ("compile: done in N s", "train: done in N s"),
    "export": ("train: done in N s", "export: done in N s"),
    "evaluation": ("export: done in N s", "evaluate: done in N s"),
    "publishing": ("evaluate: done in N s", "publish: version N"),
}
# What a build leaves that came too far to be killed in a stage, and that would spare the next one the stage.
KEPT = {"ingest": "rows", "labels": "votes", "training": "runs", "export": "graphs"}
READ = "ingest: N new data file to read"
WENT_ON = "train: goes on after epoch N from what an earlier training left"
ATTEMPTS = 8  # at a kill in a stage, each sooner than the one before
TIMES = {"seconds"}  # of the lineage: what no two builds have in common
LEFT = re.compile(r"\.tmp$|#\d+$")  # what is being written, here and by the object store's client


class Build:
    """A build in a process group of its own, and the lines that it tells as they come."""

    def __init__(self, app: Path) -> None:
        self.process = subprocess.Popen(
            [*BUILD, str(app)], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, start_new_session=True
        )
        self.lines: Queue[tuple[float, str]] = Queue()
        self.told: list[str] = []  # all of them, without their figures
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as lines:
            for line in lines:
                said = line.split("] ", 1)[-1].strip()
                self.told.append(stage_of(said))
                self.lines.put((time.monotonic(), said))

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.end()

    def end(self) -> None:
        """Wait until it has ended, and all that it told has come."""
        assert self.process.wait() in (0, -signal.SIGKILL)
        self.reader.join()


def write(directory: Path) -> Path:
    """An application of few records that are long, so that reading them takes as long as what follows."""
    write_kinds(directory, n_records=60, tasks=("Record",))
    small = {"size": 8, "wide": False}
    tuning = {"training": {"epochs": 3}, "serving": {"int8": "off"}}
    tuning["payloads"] = {"query": small, "tokens": {"size": 8, "encoder": "bag"}, "entities": {"size": 8}}
    (directory / "tuning.json").write_text(json.dumps(tuning))
    data = directory / "data" / "records.jsonl"
    records = [json.loads(line) for line in data.read_text().splitlines()]
    for record in records:
        if record["payloads"].get("tokens"):
            record["payloads"]["tokens"] += ["much"] * LONG  # all but a dozen are cut
    data.write_text("".join(json.dumps(record) + "\n" for record in records))
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


def gaps_of(stage: str, lines: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """The gaps of a stage: each the line before, and how long it took until the next. The first is where it begins."""
    begin, end = (next(place for place, (line, _) in enumerate(lines) if line == told) for told in STAGES[stage])
    return [(lines[place][0], lines[place + 1][1]) for place in range(begin, end)]


def stage_of(line: str) -> str:
    """A line without the figures in it, so that it is known again."""
    return re.sub(r"[0-9a-f]{12}|\d[\d,.]*", "N", line.partition(" in /")[0])


def kill_after(build: Build, line: str, seconds: float, end: str) -> bool:
    """Kill a build some time after a line; whether the line that ends the stage was not told by then."""
    while build.process.poll() is None:
        try:
            if stage_of(build.lines.get(timeout=0.05)[1]) == line:
                break
        except Empty:
            continue
    try:
        build.process.wait(seconds)
    except subprocess.TimeoutExpired:
        build.kill()
        return end not in build.told
    build.end()
    return False


def check_resumed(told: list[str], killed: str) -> None:
    """A build that came after one killed in a stage: what that had finished is not done again."""
    stages = list(STAGES)
    if stages.index(killed) > stages.index("ingest"):
        assert READ not in told, (killed, told)
    if stages.index(killed) > stages.index("training"):
        assert WENT_ON in told, (killed, told)
        assert not [line for line in told if line.startswith("train: epoch")], (killed, told)


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
    lines = timeline(whole)
    expected = outcome(whole)
    choose = random.Random(0)
    kills: Counter[str] = Counter()
    while kills.total() < KILLS:
        app = write(tmp_path / f"killed-{kills.total()}")
        killed, n_versions = "", 0
        for stage in STAGES:  # in their order, so that each is killed while there is all of it to do
            gaps = gaps_of(stage, lines)
            for attempt in range(ATTEMPTS):
                line, seconds = choose.choice(gaps)
                build = Build(app)
                hit = kill_after(build, line, choose.uniform(0, seconds / 2**attempt), STAGES[stage][1])
                if killed:
                    check_resumed(build.told, killed)
                kills[stage] += hit
                n_before, n_versions = n_versions, check_store(app)
                killed = stage if hit and n_versions == n_before else ""
                if hit:
                    break
                if stage in KEPT:
                    shutil.rmtree(app / ".overton" / KEPT[stage], ignore_errors=True)
        age(app)
        last = Build(app)
        last.end()
        if killed:
            check_resumed(last.told, killed)
        assert check_store(app)
        assert outcome(app) == expected
        assert not list((app / ".overton" / "runs").glob("*/*"))
        overton.load(app).store.gc(keep=100, who="test", when="2100-01-01T00:00:00+00:00", delete=True)
        assert leftovers(app) == []
    assert min(kills[stage] for stage in STAGES) >= KILLS // len(STAGES), kills
