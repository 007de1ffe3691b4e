"""The end of the dashboard's process, whatever is being made for its pages."""

import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from overton.application import Application
from overton.web.dashboard import Dashboard, finish

TRIES = 4


def test_the_end_waits_so_long_for_what_is_made_beside(tmp_path: Path) -> None:
    dashboard, goes_on = Dashboard(tmp_path), threading.Event()
    assert finish(0)
    dashboard.beside(goes_on.wait)
    assert not finish(0.01)
    goes_on.set()
    assert finish(10)


@pytest.mark.slow
def test_an_interrupt_ends_the_dashboard_quietly_though_a_page_is_being_made(kinds_application: Application) -> None:
    """Interrupted while a thread computes in a library, Python would end by `abort` in about half of the tries."""
    for _ in range(TRIES):
        # What a shell starts in the background, a test run too, ignores ^C, and so do its children.
        with subprocess.Popen(
            [sys.executable, "-m", "overton", "web", str(kinds_application.directory), "--port", "0"],
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        ) as process:
            read(process.stderr.readline().rpartition(" ")[2].strip())
            process.send_signal(signal.SIGINT)
            _, told = process.communicate(timeout=60)
        assert (process.returncode, told.splitlines()[-1]) == (130, "stopped; nothing was left half written")


def read(url: str) -> None:
    """Ask for a page, until somebody answers."""
    for _ in range(200):
        try:
            with urllib.request.urlopen(url) as answer:
                assert answer.status == 200
                return
        except urllib.error.URLError:
            time.sleep(0.05)
    raise AssertionError(f"nobody answers at {url}")
