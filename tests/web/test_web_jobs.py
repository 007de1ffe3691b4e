import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from overton.base import OvertonError
from overton.web.jobs import Job
from overton.web.jobs.files import Jobs
from overton.web.jobs.job import parse_outcome, parse_stages
from tests.web.live_application import write_application

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_application(tmp_path_factory.mktemp("jobs") / "app").directory


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(tmp_path / "jobs")


@pytest.fixture
def endless(directory: Path) -> list[str]:
    """A command that goes on until it is stopped."""
    return ["web", str(directory), "--port", "0"]


def until(look: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not look():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)


def ended(jobs: Jobs, job: str) -> Job:
    until(lambda: jobs.get(job).state != "running")
    return jobs.get(job)


def test_a_job_runs_to_its_end_and_is_told(directory: Path, jobs: Jobs) -> None:
    assert jobs.every() == ()
    job = jobs.start(["versions", str(directory), "--json"], who="ann")
    found = ended(jobs, job)
    assert (found.state, found.who, found.words[0]) == ("done", "ann", "versions")
    assert jobs.running() is None
    assert [one.id for one in Jobs(jobs.folder).every()] == [job]


def test_the_oldest_jobs_are_forgotten_when_another_is_started(
    directory: Path, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("overton.web.jobs.files.KEPT", 1)
    started = []
    for _ in range(3):
        started.append(jobs.start(["versions", "--help"], who="ann"))
        ended(jobs, started[-1])
    assert [job.id for job in jobs.every()] == started[2:]
    assert not (jobs.folder / started[0]).exists()


@pytest.mark.long
def test_a_job_that_fails_tells_its_problems(tmp_path: Path, jobs: Jobs) -> None:
    found = ended(jobs, jobs.start(["build", str(tmp_path / "nowhere"), "--json"], who="ann"))
    assert found.state == "failed"
    assert [problem["code"] for problem in found.problems] == ["application.no-schema"]
    assert "no schema.json" in found.title
    assert found.version == ""


@pytest.mark.long
def test_one_job_runs_at_a_time_and_can_be_stopped(endless: list[str], jobs: Jobs) -> None:
    job = jobs.start(endless, who="ann")
    until(lambda: "http://127.0.0.1" in jobs.get(job).log)
    assert jobs.running() is not None
    with pytest.raises(OvertonError) as caught:
        Jobs(jobs.folder).start(endless, who="bob")
    assert caught.value.problems[0].code == "jobs.running"
    assert len(jobs.every()) == 1
    jobs.stop(job)
    until(lambda: jobs.running() is None)
    assert jobs.get(job).state == "stopped"
    assert jobs.stop(job).state == "stopped"
    other = jobs.start(["--help"], who="bob")
    assert [one.id for one in jobs.every()] == [other, job]
    ended(jobs, other)


@pytest.mark.long
def test_a_job_outlives_its_server_and_the_next_one_finds_it(endless: list[str], jobs: Jobs) -> None:
    program = (
        "import os, sys; from pathlib import Path; from overton.web.jobs.files import Jobs\n"
        "Jobs(Path(sys.argv[1])).start(sys.argv[2:], who='ann'); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(jobs.folder), *endless], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    running = jobs.running()
    assert running is not None
    jobs.stop(running.id)
    assert ended(jobs, running.id).state == "stopped"


@pytest.mark.long
def test_a_job_that_is_killed_has_failed_and_leaves_no_lock(endless: list[str], jobs: Jobs) -> None:
    job = jobs.start(endless, who="ann")
    until(lambda: "http://127.0.0.1" in jobs.get(job).log)
    os.kill(int((jobs.folder / job / "pid").read_text()), signal.SIGKILL)
    found = ended(jobs, job)
    assert found.state == "failed"
    assert found.title.startswith("it ended before it was done: ")
    assert jobs.running() is None


def test_a_job_that_ended_is_no_zombie_also_where_nobody_looks(jobs: Jobs) -> None:
    job = jobs.start(["--version"], who="ann")
    process = int((jobs.folder / job / "pid").read_text())

    def gone() -> bool:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        return False

    until(gone)


def test_a_job_that_there_is_not_is_named(jobs: Jobs) -> None:
    with pytest.raises(OvertonError) as caught:
        jobs.get("../../etc")
    assert caught.value.problems[0].code == "jobs.unknown"


@pytest.mark.long
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"words": [], "who": "\xff", "started": "x"}'])
def test_a_job_whose_account_is_spoilt_hides_no_other(directory: Path, jobs: Jobs, content: bytes) -> None:
    old = jobs.start(["versions", str(directory), "--json"], who="ann")
    assert ended(jobs, old).state == "done"
    began = jobs.get(old).started
    spoilt = jobs.folder / "20990101-000000-000"
    spoilt.mkdir()
    (spoilt / "job.json").write_bytes(content)
    found = jobs.every()
    assert [(one.id, one.state) for one in found] == [(spoilt.name, "failed"), (old, "done")]
    assert (found[0].words, found[0].who, found[0].started >= began) == ((), "", True)
    assert jobs.running() is None


def test_a_job_comes_after_the_last_one_also_where_the_clock_was_set_back(jobs: Jobs) -> None:
    for name in ("20990101-000000-999", "99999999-999999-999", "zzz"):
        (jobs.folder / name).mkdir(parents=True)
        (jobs.folder / name / "job.json").write_bytes(b"{}")
    job = jobs.start(["--version"], who="ann")
    assert [one.id for one in jobs.every()] == [job, "20990101-000000-999"]
    assert job == "20990101-000001-000"
    assert ended(jobs, job).started < "2099"


def test_the_log_becomes_stages() -> None:
    log = (
        "[   0.0s] data: something\n[   0.1s] combine: Intent: 5 targets\n[   0.2s] combine: done in 0.1 s\n"
        "Traceback of something else\n[   3.0s] train: epoch 3/20: loss 1.2\n"
    )
    running = parse_stages(log, running=True)
    assert [(stage.name, stage.share, stage.done) for stage in running] == [
        ("data", None, True),
        ("combine", None, True),
        ("train", 0.15, False),
    ]
    assert all(stage.done for stage in parse_stages(log, running=False))
    assert parse_stages("", running=True) == ()


@pytest.mark.parametrize(
    ("output", "stopped", "state", "version", "title"),
    [
        ({"version": "ab12", "rows": []}, False, "done", "ab12", "version ab12"),
        ({"version": "ab12", "rows": []}, True, "done", "ab12", "version ab12"),
        (
            {"outcome": "promoted", "alias": "live", "before": None, "version": "a"},
            False,
            "done",
            "a",
            "live: nothing -> a",
        ),
        ({"outcome": "nothing to do", "alias": "live", "version": "a"}, False, "done", "a", "nothing to do"),
        (
            {"outcome": "refused", "version": "a", "refused": [{"code": "gate.regressed", "message": "worse"}]},
            False,
            "refused",
            "a",
            "the gate refuses a: worse",
        ),
        ({"ok": False, "problems": [{"message": "m"}, {"message": "n"}]}, False, "failed", "", "m (and 1 more)"),
        (None, True, "stopped", "", "nothing was left half written"),
        (None, False, "failed", "", "last words"),
    ],
)
def test_the_outcome_is_read_off_what_was_written(
    output: dict | None, stopped: bool, state: str, version: str, title: str
) -> None:
    content = b"" if output is None else json.dumps(output).encode()
    found = parse_outcome(content, "first\nlast words\n\n", stopped=stopped)
    assert (found.state, found.version) == (state, version)
    assert title in found.title
