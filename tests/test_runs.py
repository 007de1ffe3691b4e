"""The builds of an application as they are told: which trials each did, how it ended."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from overton.application import Application
from overton.base import OvertonError, Problem
from overton.base.files import locked
from overton.cli.main import main
from overton.cli.runs_command import render_runs
from overton.cli.versions_command import render_versions
from overton.runs import is_any_running, load_runs, run_of
from overton.tune import Asked, Score, Trial, best_of
from overton.tune.files import begin_trial, load_score, save_score
from tests.tune.tune_factories import listed_space

SPACE = listed_space()


def asked(number: int) -> Asked:
    return Asked(number, {"tokens.size": 64}, SPACE.base)


def account(folder: Path, hour: int, **more: object) -> None:
    begun = f"2026-01-01T{hour:02}:00:00+00:00"
    facts = {"format": 1, "begun": begun, "process": 1, "host": "elsewhere", "seed": 0, "search": "a", "n_trials": 3}
    folder.mkdir(exist_ok=True)
    (folder / f"{hour:02}.json").write_text(json.dumps({**facts, **more}))


@pytest.fixture
def rows(tmp_path: Path) -> list[dict]:
    """A build that ended in its second trial, and one that took it up."""
    builds, journal = tmp_path / "builds", tmp_path / "searches" / "a"
    journal.mkdir(parents=True)
    account(builds, 10, status="stopped", reason="interrupted")
    account(builds, 12, status="done", version="abc", score=0.3864, p99_ms=1.25, size_mb=3.25)
    pruned = Score("pruned", 0.36, curve=(0.3, 0.36, 0.3, 0.3, 0.3), n_epochs=20)
    for number, hour, score in ((1, 11, Score("done", 0.3864)), (2, 12, pruned), (3, 13, Score("done", 0.2))):
        begin_trial(journal, asked(number), f"2026-01-01T{hour}:30:00+00:00")
        save_score(journal, asked(number), score, f"2026-01-01T{hour}:30:00+00:00")
    return load_runs(builds, tmp_path / "searches")


def test_a_build_that_was_stopped_has_the_trials_that_it_did(rows: list[dict]) -> None:
    resumed, stopped = rows
    assert [one["number"] for one in stopped["trials"]] == [1]
    assert stopped["resumed"] == resumed["begun"]
    assert [(one["number"], one["earlier"]) for one in resumed["trials"]] == [(1, True), (2, False), (3, False)]
    assert "resumed" not in resumed


def test_what_training_saw_of_a_trial_that_was_given_up_is_told_apart(rows: list[dict]) -> None:
    pruned = rows[0]["trials"][1]
    assert (pruned["value"], pruned["reason"]) == (None, "at epoch 5 of 20, 0.3600 in training")


def test_a_trial_that_was_lost_with_its_worker_has_failed_when_the_build_is_done(tmp_path: Path) -> None:
    builds, journal = tmp_path / "builds", tmp_path / "searches" / "a"
    journal.mkdir(parents=True)
    begin_trial(journal, asked(1), "2026-01-01T11:30:00+00:00")
    begin_trial(journal, asked(2), "2026-01-01T12:30:00+00:00")
    told = {}
    for status in ("running", "stopped", "done"):
        account(builds, 12, status=status)
        told[status] = [one["status"] for one in load_runs(builds, tmp_path / "searches")[0]["trials"]]
    assert told == {"running": ["running"] * 2, "stopped": ["stopped"] * 2, "done": ["stopped", "failed"]}
    lines = render_runs(load_runs(builds, tmp_path / "searches")).splitlines()
    assert lines[3].endswith("; lost with the worker that did it")


def test_two_builds_of_one_second_are_told_in_their_order(tmp_path: Path) -> None:
    for seed in range(3):
        with run_of(tmp_path, tmp_path / "searches", seed=seed):
            pass
    told = load_runs(tmp_path, tmp_path)
    assert [row["seed"] for row in told] == [2, 1, 0]
    assert all(len(line.split()[0]) == len("2026-01-01T10:00:00+00:00") for line in render_runs(told).splitlines()[2:])


def test_the_table_of_builds(rows: list[dict]) -> None:
    lines = [line.split(maxsplit=6) for line in render_runs(rows).splitlines()]
    assert lines[1][1:] == ["done", "-", "0.3864", "1.25", "3.2", "version abc, seed 0"]
    assert lines[3][:5] == ["trial", "2", "pruned", "0:00", "-"]
    told = render_runs(rows).splitlines()
    assert told[2].endswith("tokens.size 64; done by an earlier build")
    assert told[3].endswith("tokens.size 64; at epoch 5 of 20, 0.3600 in training")
    assert told[5].endswith("seed 0, interrupted, taken up by the build of 2026-01-01T12:00:00+00:00")


def test_a_model_beside_the_own_of_a_version_has_a_line_below_its_build(tmp_path: Path) -> None:
    small = {"small": {"score": 0.25, "size_mb": 0.5}}
    account(tmp_path / "builds", 10, status="done", version="abc", score=0.3864, size_mb=3.25, models=small)
    lines = render_runs(load_runs(tmp_path / "builds", tmp_path / "searches")).splitlines()
    assert lines[2].split() == ["model", "small", "0.2500", "-", "0.5"]


def test_the_table_of_builds_fits_a_terminal_and_is_whole_elsewhere(rows: list[dict]) -> None:
    told = render_runs(rows, 80)
    assert max(map(len, told.splitlines())) <= 80 < max(map(len, render_runs(rows).splitlines()))
    assert "".join(told.split()) == "".join(render_runs(rows).split())


def test_figures_of_versions_are_a_list_where_their_columns_do_not_fit() -> None:
    quality = {f"Task{number} accuracy": 0.5 for number in range(6)}
    rows = [{"version": "abc", "created": "2026-01-01T10:00:00+00:00", "aliases": ["live"], "quality": quality}]
    told, whole = render_versions(rows, 80), render_versions(rows)
    assert max(map(len, told.splitlines())) <= 80 < max(map(len, whole.splitlines()))
    assert all(f"{name} 0.500" in " ".join(told.split()) for name in quality)
    assert render_versions(rows, 200) == whole


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (KeyboardInterrupt(), "stopped", "interrupted"),
        (OvertonError(Problem("no", "build.no-labels")), "failed", "no [build.no-labels]"),
        (MemoryError(), "failed", "MemoryError"),
    ],
)
def test_why_a_build_ended_is_told(tmp_path: Path, error: BaseException, status: str, reason: str) -> None:
    def build() -> None:
        with run_of(tmp_path, tmp_path / "searches"):
            raise error

    with pytest.raises(type(error)):
        build()
    (row,) = load_runs(tmp_path, tmp_path)
    assert (row["status"], row["reason"]) == (status, reason)


def test_a_killed_build_is_stopped_though_another_process_has_its_number_now(tmp_path: Path) -> None:
    """As in a container that was started again, where each has the same few numbers."""
    account(tmp_path, 10, status="running", process=os.getpid(), host=socket.gethostname())
    assert load_runs(tmp_path, tmp_path)[0]["status"] == "running"
    (tmp_path / "10.lock").touch()
    assert load_runs(tmp_path, tmp_path)[0]["status"] == "stopped"
    with locked(tmp_path / "10.lock"):
        assert load_runs(tmp_path, tmp_path)[0]["status"] == "running"


def test_a_build_is_known_to_run_by_the_lock_that_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with run_of(tmp_path, tmp_path / "searches"):
        monkeypatch.setattr("overton.runs.socket.gethostname", lambda: "elsewhere")
        assert is_any_running(tmp_path)
        (lock,) = tmp_path.glob("*.lock")
        lock.unlink()
        lock.touch()
        assert not is_any_running(tmp_path)
    assert [path.suffix for path in tmp_path.iterdir()] == [".json"]


@pytest.mark.parametrize("content", [b"", b"{", b'{"format": "\xff"}', b"[]"])
def test_what_is_no_account_hides_no_build(tmp_path: Path, content: bytes) -> None:
    account(tmp_path, 10, status="done")
    (tmp_path / "11.json").write_bytes(content)
    assert len(load_runs(tmp_path, tmp_path)) == 1


@pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="tells by /proc")
def test_a_killed_build_that_nobody_waited_for_is_stopped(tmp_path: Path) -> None:
    """As in a container whose first process is no init."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        account(tmp_path, 10, status="running", process=process.pid, host=socket.gethostname())
        assert load_runs(tmp_path, tmp_path)[0]["status"] == "running"
        process.kill()
        for _ in range(500):
            if load_runs(tmp_path, tmp_path)[0]["status"] == "stopped":
                break
            time.sleep(0.01)
        assert process.returncode is None
        assert load_runs(tmp_path, tmp_path)[0]["status"] == "stopped"


def test_what_searches_found_is_forgotten_with_the_builds_that_asked(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("overton.runs.KEPT", 2)
    builds, searches = tmp_path / "builds", tmp_path / "searches"
    for search in ("first", "second", "third"):
        with run_of(builds, searches) as run:
            run.add(search=search)
            (searches / search).mkdir(parents=True)
            (searches / search / "trial-0001.json").touch()
    assert sorted(path.name for path in searches.iterdir()) == ["second", "third"]
    with run_of(builds, searches):
        assert [path.name for path in searches.iterdir()] == ["third"]
        with run_of(builds, searches):
            assert [path.name for path in searches.iterdir()] == ["third"], "the build that runs may be about to ask"


def test_a_hundred_builds_are_told_of_and_of_older_ones_nothing_is_left(tmp_path: Path) -> None:
    for number in range(102):
        name = f"20260101T{number:06}000-1"
        (tmp_path / f"{name}.json").write_text("{}")
        (tmp_path / f"{name}.lock").touch()
        (tmp_path / name).mkdir()
    with run_of(tmp_path, tmp_path / "searches"):
        names = sorted(path.name for path in tmp_path.iterdir())
    assert len([name for name in names if name.endswith(".json")]) == 100
    assert not [name for name in names if "T000002" in name]
    assert "20260101T000003000-1.json" in names


def test_a_build_whose_account_is_gone_is_not_told_never_to_have_been(
    kinds_application: Application, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = shutil.copytree(kinds_application.directory, tmp_path / "app", ignore=shutil.ignore_patterns(".overton"))
    assert main(["runs", str(app)]) == 0
    told = capsys.readouterr().err
    assert "no build has left an account here" in told
    assert f"overton versions {app}" in told


def test_a_trial_that_is_not_over_has_no_score(tmp_path: Path) -> None:
    begin_trial(tmp_path, asked(1), "2026-01-01T00:00:00+00:00")
    assert load_score(tmp_path, asked(1)) is None


def test_of_equal_trials_the_first_is_the_best_and_none_that_serving_cannot_bear() -> None:
    scores = [Score("done", 0.5), Score("done", 0.5), Score("infeasible", 0.9), Score("pruned", 0.8)]
    found = best_of([Trial(number, {}, score) for number, score in enumerate(scores, 1)])
    assert found is not None
    assert found.number == 1
