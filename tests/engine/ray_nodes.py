"""A real Ray cluster of two nodes on this machine, of one core each, for as long as a test needs it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.s3_server import free_ports

ROOT = Path(__file__).parents[2]
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "OMP_NUM_THREADS": "1"}
QUIET["RAY_raylet_start_wait_time_s"] = "120"  # a busy machine takes its time
QUIET["RAY_worker_niceness"] = "0"  # else workers come last on a busy machine
OPEN = {"RAY_AUTH_MODE": "disabled"}  # it listens on this machine for a minute; no token of the user's is looked for
SECONDS_TO_START = 180
STARTS = 3


@dataclass
class Node:
    """A node: the process that started its parts, and waits for them."""

    process: subprocess.Popen

    def raylet(self) -> int:
        """The process that gives out the cores of the node."""
        (found,) = [pid for pid in descendants(self.process.pid) if b"raylet/raylet" in command_of(pid)]
        return found

    def kill(self) -> None:
        """Lose the node without a word."""
        os.kill(self.raylet(), signal.SIGKILL)

    def stop(self) -> None:
        """End what is left of it."""
        parts = descendants(self.process.pid)
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pid in parts:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


@contextmanager
def two_nodes(folder: Path) -> Iterator[tuple[str, str, Node, Node]]:
    """Start them, wait until both have joined, give the address, that for clients and the nodes, and stop them."""
    pytest.importorskip("ray")
    port, clients = free_ports(2)
    address = f"127.0.0.1:{port}"
    head = ["--head", f"--port={port}", f"--ray-client-server-port={clients}", "--include-dashboard=false"]
    nodes = []
    try:
        for number, words in enumerate(([*head, f"--temp-dir={folder}"], [f"--address={address}"]), 1):
            for _ in range(STARTS):
                nodes.append(start(folder, words))
                if is_up(nodes[-1], folder / "log", number):
                    break
                nodes.pop().stop()
            else:
                pytest.fail(f"the cluster did not start:\n{(folder / 'log').read_text()[-2000:]}")
        yield address, f"ray://127.0.0.1:{clients}", nodes[0], nodes[1]
    finally:
        for node in reversed(nodes):
            node.stop()


def start(folder: Path, words: list[str]) -> Node:
    """A node of one core."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    env = {**os.environ, **QUIET, **OPEN, "PYTHONPATH": path}
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--num-cpus=1", "--num-gpus=0"]
    command += ["--object-store-memory=100000000", "--disable-usage-stats", *words]
    with (folder / "log").open("ab") as log:
        return Node(subprocess.Popen(command, stdout=log, stderr=log, env=env))


def is_up(node: Node, log: Path, n_nodes: int) -> bool:
    """Wait until so many nodes are there; false where this one gave up, as on a busy machine after half a minute."""
    end = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < end and node.process.poll() is None:
        if log.read_text().count("Ray runtime started") == n_nodes:
            return True
        time.sleep(0.1)
    return False


def descendants(pid: int) -> list[int]:
    """All processes below one."""
    children: dict[int, list[int]] = {}
    for place in Path("/proc").iterdir():
        if place.name.isdecimal():
            try:
                parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(place.name))
    found, waiting = [], [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def command_of(pid: int) -> bytes:
    """The words that a process was started with."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
