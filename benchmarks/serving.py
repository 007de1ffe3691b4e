"""One client over HTTP against the bare onnxruntime call of the same model on the same inputs, in one run.

    python benchmarks/serving.py VERSION DATA.jsonl      VERSION as on the command line: a path, APP@ID, APP
    python benchmarks/serving.py                         builds the factoid example first

The server runs in a process of its own, the client here, one request at a time over one connection. Requests and bare
calls take turns in blocks, so that both see the same machine. Budget: HTTP, encoding and decoding together cost no
more than 1 ms at p50.
"""

import argparse
import itertools
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnxruntime

from overton.application import find_version
from overton.artifact import Artifact
from overton.artifact.files import save_artifact
from overton.codec import Encoder, count_units, decode, labels_json
from overton.data import Pool, RecordParser, pack

BUDGET_MILLISECONDS = 1.0
BLOCK = 100
WARM_UP = 200
SERVER = """
import sys
from pathlib import Path
from overton.artifact.files import load_artifact
from overton.serve.server import run

def observe(event):
    if "port" in event.values:
        print(event.values["port"], flush=True)

artifact = load_artifact(Path(sys.argv[1]))
run(artifact, artifact.id, port=0, observe=observe)
"""


def main() -> int:
    """Measure and print; 1 where the budget is not met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version", nargs="?", help="a path to an artefact, APP@ID, APP@ALIAS, or APP")
    parser.add_argument("data", nargs="?", type=Path, help="records to send, one a line")
    parser.add_argument("--requests", type=int, default=5000, help="how many of each (default 5000)")
    parser.add_argument("--json", action="store_true", help="the figures as one JSON document")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        version, data = (options.version, options.data) if options.version else _example(Path(scratch))
        artifact = find_version(version).artifact
        lines = list(itertools.islice(_records(data), 2000))
        save_artifact(artifact, Path(scratch) / "version")
        with _server(Path(scratch) / "version") as port:
            times = _race(artifact, lines, port, options.requests)
        times |= _stages(artifact, lines, options.requests)
    figures = {name: _percentiles(values) for name, values in times.items()}
    added = figures["http"]["p50"] - figures["onnxruntime"]["p50"]
    if options.json:
        print(json.dumps({"milliseconds": figures, "added_p50": added, "budget": BUDGET_MILLISECONDS}))
    else:
        _print(figures, added)
    return 0 if added <= BUDGET_MILLISECONDS else 1


def _example(scratch: Path) -> tuple[str, Path]:
    app = scratch / "factoid"
    overton = [sys.executable, "-c", "import sys; from overton.cli.main import main; sys.exit(main())"]
    subprocess.run(
        [*overton, "init", str(app), "--example", "factoid", "--records", "2000"], check=True, stdout=sys.stderr
    )
    subprocess.run([*overton, "build", str(app)], check=True, stdout=sys.stderr)
    return str(app), next((app / "data").glob("*.jsonl"))


def _records(data: Path) -> Iterator[bytes]:
    """Requests: the id and payloads of the records of a file, without their labels."""
    with data.open("rb") as file:
        for line in file:
            record = json.loads(line)
            if record.get("payloads"):
                yield msgspec.json.encode({"id": record.get("id"), "payloads": record["payloads"]})


@contextmanager
def _server(directory: Path) -> Iterator[int]:
    process = subprocess.Popen([sys.executable, "-c", SERVER, str(directory)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def _race(artifact: Artifact, lines: list[bytes], port: int, count: int) -> dict[str, np.ndarray]:
    """Times of requests and of bare calls, in turns."""
    encoder, parser, pool = Encoder(artifact.program), RecordParser(artifact.schema), Pool()
    session = _session(artifact)
    names = [tensor.name for tensor in session.get_inputs()]
    feeds = []
    for line in lines:
        values = encoder.encode(pack([parser.parse(line)], artifact.schema, pool))
        feeds.append({name: values[name] for name in names})
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        requests = [_request(line) for line in lines]

        def ask(number: int) -> None:
            _ask(client, requests[number])

        def call(number: int) -> None:
            session.run(None, feeds[number])

        for number in range(WARM_UP):
            ask(number % len(lines))
            call(number % len(lines))
        http, bare = [], []
        for start in range(0, count, BLOCK):
            block = [number % len(lines) for number in range(start, min(start + BLOCK, count))]
            http.extend(_time(ask, block))
            bare.extend(_time(call, block))
    return {"http": np.array(http), "onnxruntime": np.array(bare)}


def _session(artifact: Artifact) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(artifact.files["model.onnx"], options, providers=["CPUExecutionProvider"])


def _time(act: Callable[[int], None], numbers: list[int]) -> list[float]:
    times = []
    for number in numbers:
        start = time.perf_counter()
        act(number)
        times.append(time.perf_counter() - start)
    return times


def _request(body: bytes) -> bytes:
    head = (
        f"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _ask(client: socket.socket, request: bytes) -> None:
    client.sendall(request)
    answer = client.recv(1 << 16)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), answer
    size = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    while len(body) < size:
        body += client.recv(1 << 16)


def _stages(artifact: Artifact, lines: list[bytes], count: int) -> dict[str, np.ndarray]:
    """Times of the steps inside the server, for one record at a time."""
    schema, parser, pool, encoder = artifact.schema, RecordParser(artifact.schema), Pool(), Encoder(artifact.program)
    session = _session(artifact)
    names = [tensor.name for tensor in session.get_inputs()]
    outputs = [artifact.signature.output_by_task[task.name] for task in schema.tasks]
    steps: tuple[tuple[str, Callable[[Any, Any], Any]], ...] = (
        ("parse", lambda line, _: parser.parse(line)),
        ("pack", lambda record, _: pack([record], schema, pool)),
        ("encode", lambda batch, _: encoder.encode(batch)),
        ("run", lambda values, _: session.run(outputs, {name: values[name] for name in names})),
        (
            "decode",
            lambda logits, made: [
                decode(task, output, count_units(schema, task, made["pack"]))
                for task, output in zip(schema.tasks, logits, strict=True)
            ],
        ),
        ("labels", lambda said, _: {one.task.name: labels_json(one, schema.unit(one.task))[0] for one in said}),
        ("render", lambda labels, _: msgspec.json.encode({"id": None, "tasks": labels, "version": artifact.id})),
    )
    times: dict[str, list[float]] = {f"  {name}": [] for name, _ in steps}
    for number in range(count + WARM_UP):
        value: Any = lines[number % len(lines)]
        made: dict[str, Any] = {}
        for name, step in steps:
            start = time.perf_counter()
            value = made[name] = step(value, made)
            if number >= WARM_UP:
                times[f"  {name}"].append(time.perf_counter() - start)
    return {name: np.array(values) for name, values in times.items()}


def _percentiles(seconds: np.ndarray) -> dict[str, float]:
    return {f"p{point}": float(np.percentile(seconds, point) * 1000) for point in (50, 99)}


def _print(figures: dict[str, dict[str, float]], added: float) -> None:
    print(f"{'milliseconds':<14}{'p50':>8}{'p99':>8}")
    for name, values in figures.items():
        print(f"{name:<14}{values['p50']:>8.3f}{values['p99']:>8.3f}")
    print(f"HTTP, encoding and decoding cost {added:.3f} ms at p50; the budget is {BUDGET_MILLISECONDS:.0f} ms")


if __name__ == "__main__":
    sys.exit(main())
