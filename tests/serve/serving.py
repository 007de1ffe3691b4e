"""What the tests of the server share: an application to call, a store with versions, a process that serves."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import msgspec

from overton.artifact import Artifact, Runtime, golden_records
from overton.store import Store
from tests.tiny_artifact import RECORD, tiny_artifact

ROOT = Path(__file__).parents[2]
WHEN = "2026-01-01T00:00:00+00:00"
PROGRAM = """
import sys
import msgspec
from overton.serve import Settings
from overton.serve.server import run

def observe(event):
    sys.stderr.write(f"{event.stage}: {event.message}\\n")
    sys.stderr.flush()
    if "port" in event.values:
        sys.stdout.write(f"{event.values['port']}\\n")
        sys.stdout.flush()

run(msgspec.json.decode(sys.argv[1], type=Settings), observe=observe)
"""


def call(app: object, method: str, path: str, **named: object) -> httpx.Response:
    """One request to an application, without a socket."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, **named)

    return asyncio.run(ask())


class Records:
    """A data set of some payloads, as far as golden records look at it."""

    def __init__(self, payloads: list[dict[str, Any]]) -> None:
        self._payloads = payloads
        self.n_records = len(payloads)

    def payloads(self, rows: object) -> list[dict[str, Any]]:
        return [self._payloads[row] for row in rows]


def golden_artifact(seed: int = 0) -> Artifact:
    """A tiny artefact with golden requests and their answers."""
    artifact = tiny_artifact(seed)
    payloads = [
        {**RECORD["payloads"], "query": f"how tall {number}", "tokens": ["how", "tall", str(number), "is", "it"]}
        for number in range(40)
    ]
    golden = golden_records(Records(payloads), Runtime(artifact))
    return replace(artifact, files={**artifact.files, "golden.jsonl": golden})


def store_with(directory: Path, *artifacts: Artifact, alias: str = "live") -> Store:
    """A store of those versions, the first of them under the alias."""
    store = Store(str(directory / "store"))
    for artifact in artifacts:
        store.put(artifact, when=WHEN)
    promote(store, artifacts[0].id, alias)
    return store


def promote(store: Store, version: str, alias: str = "live") -> None:
    """Let the alias name a version."""
    store.promote(alias, version, who="test", when=WHEN, why="", expected=store.aliases().get(alias))


def metric(text: str, name: str) -> float:
    """The value of a metric, labels and all."""
    found = [line.rpartition(" ")[2] for line in text.splitlines() if line.rpartition(" ")[0] == name]
    assert len(found) == 1, f"{name}: {found}"
    return float(found[0])


@contextlib.contextmanager
def serving(settings: object, **environment: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process that serves, and its port."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, msgspec.json.encode(settings).decode()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment},
    )
    try:
        line = process.stdout.readline()
        if not line:
            raise AssertionError(process.communicate()[1])
        yield process, int(line)
    finally:
        process.kill()
        process.communicate()


def get(port: int, path: str) -> tuple[int, str]:
    """Status and body of a GET to a process."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def predict(port: int, record: object = RECORD) -> tuple[int, dict[str, Any]]:
    """Status and body of a prediction by a process."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/predict",
        json.dumps(record).encode(),
        {"Content-Type": "application/json", "Connection": "close"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.status, json.loads(answer.read())
