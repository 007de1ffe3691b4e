"""A build that is stopped: nothing half written, and the next build goes on where it stood."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from overton import load
from overton.base.threads import THREADS
from overton.cli.entry import start
from tests.kinds import write_kinds

BUILD = [sys.executable, "-m", "overton.cli.main", "build"]


def write_application(directory: Path, epochs: int) -> None:
    write_kinds(directory, n_records=60, tasks=("Record", "Token"))
    payloads = {"tokens": {"size": 16, "layers": 1}, "query": {"size": 16, "wide": False}, "entities": {"size": 16}}
    tuning = {"payloads": payloads, "training": {"epochs": epochs, "patience": 100}, "serving": {"int8": "off"}}
    (directory / "tuning.json").write_text(json.dumps(tuning))


def stop_after_epoch(directory: Path, epoch: int, number: signal.Signals) -> int:
    """Build until an epoch has been told, send a signal, return the exit status."""
    # What a shell starts in the background, a test run too, ignores ^C, and so do its children.
    with subprocess.Popen(
        [*BUILD, str(directory)],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        for line in process.stderr:
            if f"train: epoch {epoch}/" in line:
                process.send_signal(number)
                break
        process.communicate(timeout=60)
        return process.returncode


def test_a_command_stopped_while_it_is_being_imported_ends_quietly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Stopped(dict):
        def __getattr__(self, name: str) -> object:
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "overton.cli.main", Stopped())
    assert start() == 130
    assert capsys.readouterr().err == "stopped\n"


@pytest.mark.slow
def test_a_build_stopped_by_the_user_leaves_nothing_half_written(tmp_path: Path) -> None:
    write_application(tmp_path / "stopped", epochs=50)
    assert stop_after_epoch(tmp_path / "stopped", 2, signal.SIGINT) == 130
    assert not (tmp_path / "stopped" / "store").exists()
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.slow
def test_a_build_that_was_stopped_is_taken_up_again_and_ends_as_if_it_never_was(tmp_path: Path) -> None:
    write_application(tmp_path / "stopped", epochs=6)
    assert stop_after_epoch(tmp_path / "stopped", 3, signal.SIGINT) == 130
    outcome = subprocess.run([*BUILD, str(tmp_path / "stopped")], capture_output=True, text=True, check=True)
    assert "goes on after epoch" in outcome.stderr
    assert not list((tmp_path / "stopped" / ".overton" / "runs").iterdir())

    write_application(tmp_path / "whole", epochs=6)
    subprocess.run([*BUILD, str(tmp_path / "whole")], capture_output=True, check=True)
    weights = [load(tmp_path / name).version().artifact.files["weights.safetensors"] for name in ("stopped", "whole")]
    assert weights[0] == weights[1]


@pytest.mark.slow
def test_a_build_that_is_killed_leaves_no_version(tmp_path: Path) -> None:
    write_application(tmp_path / "killed", epochs=6)
    assert stop_after_epoch(tmp_path / "killed", 2, signal.SIGKILL) == -signal.SIGKILL
    assert load(tmp_path / "killed").version_rows() == []


def test_numerical_libraries_are_told_to_use_one_thread_before_they_are_loaded():
    code = """
import os, sys
from overton.base.threads import THREADS
from overton.cli import entry
assert "numpy" not in sys.modules
sys.argv = ["overton", "--version"]
try:
    entry.start()
except SystemExit:
    print(*(os.environ[name] for name in THREADS))
"""
    environment = {name: value for name, value in os.environ.items() if name not in THREADS}
    for given, told in (({}, "1 1 1"), ({"OMP_NUM_THREADS": "3"}, "3 1 1")):
        done = subprocess.run(
            [sys.executable, "-c", code], env={**environment, **given}, capture_output=True, text=True
        )
        assert done.stdout.splitlines()[-1:] == [told], done.stderr
