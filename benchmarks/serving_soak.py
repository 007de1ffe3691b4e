"""A server in load for long, while versions are promoted under it: no failed request, no mixed answer, memory flat.

    python benchmarks/serving_soak.py VERSION DATA.jsonl [--minutes 10] [--every 30] [--share 0.7]

Two versions are put into a store of their own: the named one, and a sibling whose classes stand in the other order, so
that every answer tells which of them made it. The server follows the alias; every 30 seconds the other version is
promoted. First it is measured what the server can answer (closed loop), then it is asked for 70 % of that, half of the
requests single records, half batches of eight, and every answer is compared with what its version says. The exit status
is 1 where a request failed, an answer was mixed or wrong, a promotion was not served, or memory grew.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from serving_load import (
    cores,
    cpu_seconds,
    load,
    machine,
    pin,
    request_of,
    resident_bytes,
    server,
    version_and_records,
)

from overton.artifact import Artifact, Runtime, render_json
from overton.base import now
from overton.data import RecordParser
from overton.serve import Place, Settings
from overton.store import Store

ALIAS = "live"
BATCH = 8
MINUTES, EVERY, SHARE, RECORDS = 10.0, 30.0, 0.7, 400
CONNECTIONS = 32
MOST_GROWTH = 0.05  # of the memory once every part of the server has been used
SETTLED = 3  # promotions until then


def main() -> int:
    """Load, promote, compare and print; 1 where anything is amiss."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version", nargs="?", help="a path to an artefact, APP@ID, APP@ALIAS, or APP")
    parser.add_argument("data", nargs="?", type=Path, help="records to send, one a line")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="how long (default 10)")
    parser.add_argument("--every", type=float, default=EVERY, help="seconds from promotion to promotion (default 30)")
    parser.add_argument("--share", type=float, default=SHARE, help="of what the server can answer (default 0.7)")
    parser.add_argument("--records", type=int, default=RECORDS, help="how many different records (default 400)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        artifact, lines = version_and_records(options.version, options.data, Path(scratch), options.records)
        core, own = cores()
        pin(own)
        figures = soak(
            artifact,
            lines,
            Path(scratch) / "store",
            core=core,
            minutes=options.minutes,
            every=options.every,
            share=options.share,
        )
    print(json.dumps(figures, indent=2))
    return 0 if figures["ok"] else 1


def soak(
    artifact: Artifact,
    lines: list[bytes],
    directory: Path,
    *,
    core: int | None,
    minutes: float,
    every: float = EVERY,
    share: float = SHARE,
) -> dict[str, Any]:
    """Load a server for long while versions are promoted.

    Args:
        artifact: The version.
        lines: Records to send.
        directory: Where a store is made.
        core: The core of the server.
        minutes: How long.
        every: Seconds from promotion to promotion.
        share: Of what the server can answer.
    """
    lines = lines[: len(lines) // BATCH * BATCH]
    versions = (artifact, sibling(artifact))
    store = Store(str(directory))
    for version in versions:
        store.put(version, when=now())
    promote(store, artifact.id)
    settings = Settings(Place(artifact.id, store.url), alias=ALIAS, poll_seconds=1.0, port=0)
    with server(settings, core) as (port, process):
        return Soak(store, versions, lines, process, every).run(port, minutes * 60, share)


class Soak:
    """What is watched while the load goes on."""

    def __init__(
        self, store: Store, versions: Sequence[Artifact], lines: list[bytes], process: int, every: float
    ) -> None:
        self._store = store
        self._ids = [version.id for version in versions]
        self._expected = {version.id: answers_of(version, lines) for version in versions}
        self._process = process
        self._every = every
        batches = [lines[start : start + BATCH] for start in range(0, len(lines), BATCH)]
        self._numbers: list[list[int]] = []
        self._requests: list[bytes] = []
        for place, batch in enumerate(batches):
            for offset, line in enumerate(batch):
                self._numbers.append([place * BATCH + offset])
                self._requests.append(request_of(line))
                if offset % BATCH == 0:
                    self._numbers.append(list(range(place * BATCH, place * BATCH + BATCH)))
                    self._requests.append(request_of(b'{"records":[' + b",".join(batch) + b"]}"))
        self._wrong: list[str] = []
        self._by_version = dict.fromkeys(self._ids, 0)
        self._promoted = [0.0]
        self._served: list[float] = []
        self._memory: list[tuple[float, int]] = []
        self._start = time.perf_counter()

    def run(self, port: int, seconds: float, share: float) -> dict[str, Any]:
        """Measure what the server can answer, and load it with a share of that."""
        load(port, self._requests, connections=1, seconds=1)
        saturated = load(port, self._requests, connections=CONNECTIONS, seconds=5, check=self._check)
        rate = saturated.rate * share
        before = cpu_seconds(self._process)
        self._start = time.perf_counter()
        result = load(
            port,
            self._requests,
            connections=CONNECTIONS,
            seconds=seconds,
            rate=rate,
            poisson=True,
            check=self._check,
            tick=self._tick,
        )
        busy = (cpu_seconds(self._process) - before) / seconds
        failed = int((result.status != 200).sum()) + len(result.faults)
        whole = [size for _, size in self._memory]  # of a run that is too short to settle
        settled = [size for when, size in self._memory if when > self._every * SETTLED] or whole
        quarter = max(len(settled) // 4, 1)
        early, late = (float(np.median(part)) for part in (settled[:quarter], settled[-quarter:]))
        growth = late / early - 1 if early else 0.0
        served = len(self._served) >= len(self._promoted) - 2  # the last may come too late to be seen
        return {
            "seconds": seconds,
            "saturated_a_second": round(saturated.rate),
            "asked_a_second": round(rate),
            "answers": len(result.seconds),
            "failed": failed,
            "faults": result.faults[:5],
            "wrong_or_mixed": len(self._wrong),
            "wrong": self._wrong[:5],
            "by_version": self._by_version,
            "promotions": len(self._promoted) - 1,
            "promotions_served": len(self._served),
            "milliseconds": {name: round(value, 2) for name, value in result.percentiles().items()},
            "core_in_use": round(busy, 2),
            "memory_mb": {"early": round(early / 1e6, 1), "late": round(late / 1e6, 1), "growth": round(growth, 4)},
            "memory_peak_mb": round(max(size for _, size in self._memory) / 1e6, 1),
            "machine": machine(),
            "ok": not failed and not self._wrong and served and growth <= MOST_GROWTH,
        }

    def _check(self, request: int, status: int, body: bytes) -> None:
        if status != 200:
            return
        said = msgspec.json.decode(body)
        version = said["version"]
        numbers = self._numbers[request]
        labels = [record["tasks"] for record in said["records"]] if "records" in said else [said["tasks"]]
        if labels != [self._expected[version][number] for number in numbers]:
            self._wrong.append(f"{version}: {str(labels)[:200]}")
        self._by_version[version] += 1
        if version == self._now and len(self._served) < len(self._promoted) - 1:
            self._served.append(time.perf_counter() - self._start - self._promoted[-1])

    @property
    def _now(self) -> str:
        return self._ids[(len(self._promoted) - 1) % 2]

    def _tick(self, seconds: float) -> None:
        self._memory.append((seconds, resident_bytes(self._process)))
        if seconds - self._promoted[-1] >= self._every:
            self._promoted.append(seconds)
            promote(self._store, self._now)


def sibling(artifact: Artifact) -> Artifact:
    """The same model with the classes of its tasks in the other order: it says something else about every record.

    Its golden records are told anew, so that a server replays them as those of any version.
    """

    def turned(name: str) -> bytes:
        value = artifact.json(name)
        tasks = value["schema"]["tasks"] if "schema" in value else value["tasks"]
        for task in tasks.values():
            if task.get("classes"):
                task["classes"] = task["classes"][::-1]
        for bits in value.get("thresholds", {}).values():
            bits.reverse()
        return render_json(value)

    files = {name: turned(name) for name in ("program.json", "schema.json", "signature.json")}
    lines = artifact.files["golden.jsonl"].splitlines()
    found = replace(artifact, files={**artifact.files, **files})
    golden = b""
    for line, labels in zip(lines, answers_of(found, lines), strict=True):
        tasks = {task: {"overton": label} for task, label in labels.items() if label is not None}
        golden += msgspec.json.encode({**msgspec.json.decode(line), "tasks": tasks}) + b"\n"
    return replace(found, files={**found.files, "golden.jsonl": golden})


def answers_of(artifact: Artifact, lines: list[bytes]) -> list[dict[str, Any]]:
    """What a version says of each record, as JSON gives it back."""
    runtime, parser = Runtime(artifact), RecordParser(artifact.schema, closed=True)
    found: list[dict[str, Any]] = []
    for line in lines:
        found += runtime.predict([parser.parse(line)])
    return msgspec.json.decode(msgspec.json.encode(found))


def promote(store: Store, version: str) -> None:
    """Let the alias name a version."""
    store.promote(ALIAS, version, who="soak", when=now(), why="", expected=store.aliases().get(ALIAS))


if __name__ == "__main__":
    sys.exit(main())
