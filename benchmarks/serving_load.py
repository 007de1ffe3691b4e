"""What the benchmarks of the server share: a server in a process of its own, and a load generator beside it.

The generator is one process with one epoll loop over plain sockets, so that it costs little beside the server. Closed
loop: every connection asks again as soon as it was answered. Open loop: requests are due at given times (constant rate,
or gaps drawn from an exponential), whether or not earlier ones were answered, and latency counts from the time that a
request was due, so that a server that stalls is not let off.
"""

import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from overton.application import find_version
from overton.artifact import Artifact
from overton.data.files import read_lines

SERVER = """
import sys
import msgspec
from overton.serve import Settings
from overton.serve.server import run

def observe(event):
    print(f"{event.stage}: {event.message}", file=sys.stderr, flush=True)
    if "port" in event.values:
        print(event.values["port"], flush=True)

run(msgspec.json.decode(sys.argv[1], type=Settings), observe=observe)
"""
ROOT = Path(__file__).parents[1]
READ = 1 << 18
NAP = 0.0001  # a load that spins takes from a server whose core is the other half of its own
PATIENCE = 15.0  # seconds in which what was asked last must be answered


@dataclass
class Result:
    """What came of a load.

    Attributes:
        seconds: Latency of each answer, in the order of the answers.
        status: HTTP status of each.
        took: How long the load went on.
        faults: Connections that were closed or reset, with the reason.
    """

    seconds: np.ndarray
    status: np.ndarray
    took: float
    faults: list[str] = field(default_factory=list)

    def of(self, status: int) -> np.ndarray:
        """Latencies of the answers of one status."""
        found: np.ndarray = self.seconds[self.status == status]
        return found

    def percentiles(self, status: int = 200) -> dict[str, float]:
        """Milliseconds at p50, p99 and p99.9, and the greatest."""
        found = self.of(status) * 1000
        if not len(found):
            return {}
        points = {f"p{point:g}": float(np.percentile(found, point)) for point in (50, 99, 99.9)}
        return {**points, "max": float(found.max())}

    @property
    def rate(self) -> float:
        """Answers of status 200 a second."""
        return len(self.of(200)) / self.took


class _Connection:
    """One keep-alive connection with at most one request under way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.due = 0.0
        self.request = -1
        self._read = b""

    def send(self, content: bytes, request: int, due: float) -> None:
        self.request, self.due, self._read = request, due, b""
        sent = self.socket.send(content)
        while sent < len(content):
            select.select([], [self.socket], [], 1)
            sent += self.socket.send(content[sent:])

    def take(self) -> tuple[int, bytes] | None:
        """Status and body, once all of an answer is there."""
        part = self.socket.recv(READ)
        if not part:
            raise ConnectionResetError("closed by the server")
        self._read = self._read + part if self._read else part
        end = self._read.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = self._read[:end].lower()
        place = head.find(b"content-length:")
        size = int(head[place + 15 :].split(b"\r\n", 1)[0])
        if len(self._read) < end + 4 + size:
            return None
        return int(self._read[9:12]), self._read[end + 4 :]


def request_of(body: bytes, path: str = "/v1/predict", content_type: str = "application/json") -> bytes:
    """The bytes of a POST."""
    head = f"POST {path} HTTP/1.1\r\nHost: [::1]\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def load(
    port: int,
    requests: Sequence[bytes],
    *,
    connections: int,
    seconds: float,
    rate: float | None = None,
    poisson: bool = False,
    check: Callable[[int, int, bytes], None] | None = None,
    tick: Callable[[float], None] | None = None,
) -> Result:
    """Ask for some seconds, and tell what came of it.

    Args:
        port: Of the server on this machine.
        requests: Asked in turn.
        connections: How many there are; of an open loop the most requests under way.
        seconds: How long.
        rate: Requests a second, for an open loop; None for a closed one.
        poisson: Whether the gaps of an open loop are drawn; else they are all the same.
        check: Looks at each answer: number of the request, status, body.
        tick: Called about once a second with the time since the start.
    """
    connected = _Connections(port, connections)
    gaps = _gaps(rate, poisson=poisson)
    latencies: list[float] = []
    statuses: list[int] = []
    start = time.perf_counter()
    until, due, next_tick, number = start + seconds, start, start + 1, 0
    while True:
        now = time.perf_counter()
        if now >= until and (connected.all_free or now > until + PATIENCE):
            break
        while now < until and connected.free and due <= now:
            which = number % len(requests)
            if connected.send(requests[which], which, due if rate is not None else time.perf_counter()):
                number += 1
                due += next(gaps)
        if tick is not None and now >= next_tick:
            tick(now - start)
            next_tick += 1
        # epoll waits whole milliseconds: what is due sooner is waited for in naps
        soon = rate is not None and now < until and due - now < 0.002 and bool(connected.free)
        if soon:
            time.sleep(min(max(due - now, 0.0), NAP))
        for one, status, body in connected.answers(0.0 if soon else 0.001):
            latencies.append(time.perf_counter() - one.due)
            statuses.append(status)
            if check is not None:
                check(one.request, status, body)
    took = min(time.perf_counter(), until) - start
    return Result(np.array(latencies), np.array(statuses), took, connected.close())


def _gaps(rate: float | None, *, poisson: bool) -> Iterator[float]:
    """Seconds from one request to the next: none in a closed loop."""
    random = np.random.default_rng(0)
    while True:
        yield 0.0 if rate is None else random.exponential(1 / rate) if poisson else 1 / rate


class _Connections:
    """All connections to a server; one that is lost is told as a fault, and made again."""

    def __init__(self, port: int, count: int) -> None:
        self._port = port
        self._poll = select.epoll()
        self._by_number: dict[int, _Connection] = {}
        self._faults: list[str] = []
        self.free: deque[_Connection] = deque()  # asked in turn, so that none is idle for long
        for _ in range(count):
            self._connect()

    @property
    def all_free(self) -> bool:
        """Whether every request was answered."""
        return len(self.free) == len(self._by_number)

    def send(self, content: bytes, request: int, due: float) -> bool:
        """Ask on a free connection; whether it could be sent."""
        one = self.free.popleft()
        try:
            one.send(content, request, due)
        except OSError as error:
            self._lose(one, repr(error))
            return False
        return True

    def answers(self, seconds: float) -> Iterator[tuple[_Connection, int, bytes]]:
        """Answers that are there or come within that time: status and body."""
        for descriptor, _ in self._poll.poll(seconds):
            one = self._by_number[descriptor]
            try:
                answer = one.take()
            except OSError as error:
                self._lose(one, repr(error))
                continue
            if answer is not None:
                self.free.append(one)
                yield one, *answer

    def close(self) -> list[str]:
        """Close all; the faults there were."""
        unanswered = ["no answer"] * (len(self._by_number) - len(self.free))
        for one in self._by_number.values():
            one.socket.close()
        self._poll.close()
        return self._faults + unanswered

    def _connect(self) -> None:
        one = _Connection(self._port)
        self._by_number[one.socket.fileno()] = one
        self._poll.register(one.socket.fileno(), select.EPOLLIN)
        self.free.append(one)

    def _lose(self, one: _Connection, reason: str) -> None:
        self._faults.append(reason)
        number = one.socket.fileno()
        self._poll.unregister(number)
        del self._by_number[number]
        one.socket.close()
        self._connect()


@contextmanager
def server(settings: Any, core: int | None) -> Iterator[tuple[int, int]]:
    """A server in a process of its own, pinned to a core where there are several; its port and its process."""
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVER, msgspec.json.encode(settings).decode()],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
            preexec_fn=(lambda: os.sched_setaffinity(0, {core})) if core is not None else None,
        )
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line:
                log.seek(0)
                raise SystemExit(log.read())
            yield int(line), process.pid
        finally:
            process.terminate()
            process.wait(30)
            process.stdout.close()
            log.seek(0)
            complaints = [line for line in log.read().splitlines() if "Traceback" in line or "failed" in line]
            if complaints:
                print("the server complained:", *complaints[:5], sep="\n  ")


def cpu_seconds(process: int) -> float:
    """CPU time that a process has had, all threads, in seconds to the nanosecond."""
    total = 0
    for entry in Path(f"/proc/{process}/task").iterdir():
        total += int((entry / "schedstat").read_text().split()[0])
    return total / 1e9


def resident_bytes(process: int) -> int:
    """Memory of a process that is in use."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def cores() -> tuple[int | None, int | None]:
    """A core for the server and another for the load; None where there is but one."""
    have = sorted(os.sched_getaffinity(0))
    return (have[0], have[1]) if len(have) > 1 else (None, None)


def pin(core: int | None) -> None:
    """Let this process run on one core."""
    if core is not None:
        os.sched_setaffinity(0, {core})


def machine() -> str:
    """How busy the machine is: a figure means little without."""
    return f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def stolen_seconds() -> float:
    """Time in which a virtual machine did not get the processor that it had to do with, of all cores, since it started.

    A load generator counts such a pause as latency; a server can do nothing about it.
    """
    first = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    return int(first[8]) / os.sysconf("SC_CLK_TCK")


def version_and_records(
    version: str | None, data: Path | None, scratch: Path, most: int
) -> tuple[Artifact, list[bytes]]:
    """A version and records to ask it about; the factoid example, built, where none is named."""
    if version is None:
        version = str(scratch / "factoid")
        overton = [sys.executable, "-m", "overton"]
        init = [*overton, "init", version, "--example", "factoid", "--records", "2000"]
        subprocess.run(init, check=True, stdout=sys.stderr)
        subprocess.run([*overton, "build", version], check=True, stdout=sys.stderr)
    artifact = find_version(version).artifact
    if data is None:
        return artifact, artifact.files["golden.jsonl"].splitlines()[:most]
    lines = []
    for _, line in read_lines(data):
        record = json.loads(line)
        if record.get("payloads"):
            lines.append(msgspec.json.encode({"id": record.get("id"), "payloads": record["payloads"]}))
        if len(lines) == most:
            break
    return artifact, lines
