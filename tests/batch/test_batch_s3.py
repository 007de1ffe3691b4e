"""Batch runs from an object store to an object store: a real S3-compatible server, and runs that are killed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import obstore
import pyarrow.parquet as pq
import pytest
from obstore.store import S3Store

from overton.artifact.files import save_artifact
from overton.base import OvertonError, digest_bytes
from overton.batch import embed_files, embed_words, predict_files
from overton.batch.files import find_inputs, opened
from overton.batch.plan import WHOLE, Asked, Piece
from overton.batch.run import run_batch
from overton.batch.verbs import _predict_verb
from overton.batch.work import Verb
from overton.cli.main import main
from overton.engine import Processes
from overton.store.blobs import open_cloud
from tests.batch.test_batch_embed import drawn
from tests.batch.test_batch_run import VERSION, record
from tests.s3_server import BUCKET, lead_to, s3_server
from tests.tiny_artifact import tiny_artifact

ROOT = Path(__file__).parents[2]
N_FILES, N_RECORDS, SHARD_BYTES = 12, 20, 3000
KILLED_AT = 9  # parts of records that a worker has read when it kills the run


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3_server(tmp_path_factory.mktemp("s3")) as address:
        yield address


@pytest.fixture
def url(address: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """A place of its own for each test, with many files of which one has a bad line."""
    lead_to(address, monkeypatch)
    place = f"s3://{BUCKET}/{digest_bytes(request.node.name.encode())[:12]}"
    store = open_cloud(place)
    for number in range(N_FILES):
        lines = [json.dumps(record(number * N_RECORDS + one)) for one in range(N_RECORDS)]
        lines += ['{"id": "bad", "payloads": {"query": 7}}'] * (number == 5)
        obstore.put(store, f"in/2026-{number:02}/part.jsonl", "\n".join(lines).encode())
    obstore.put(store, "in/_old/part.jsonl", b"no input")
    return place


def objects(url: str) -> dict[str, tuple[bytes, object]]:
    """Content and time of writing of all below a URL, by name."""
    store: S3Store = open_cloud(url)
    listed = [entry for part in obstore.list(store) for entry in part]
    return {
        entry["path"]: (bytes(obstore.get(store, entry["path"]).bytes()), entry["last_modified"]) for entry in listed
    }


def make_killer(driver: int) -> Verb:
    """What is made of records, by a worker that after some of them kills the process that started it."""
    verb, calls = _predict_verb(tiny_artifact(), Asked("predict", VERSION, "jsonl")), iter(range(KILLED_AT))

    def make(records, name: str):
        if next(calls, None) is None:
            os.kill(driver, signal.SIGKILL)
        return verb.make(records, name)

    return Verb(verb.schema, make, verb.sink)


def run_until_killed(url: str) -> None:
    """A run of two workers that does not end."""
    asked = Asked("predict", VERSION, "jsonl", shard_bytes=SHARD_BYTES)
    run_batch(asked, [f"{url}/in"], f"{url}/out/", partial(make_killer, os.getpid()), Processes(2))


@pytest.mark.slow
def test_an_object_that_is_replaced_while_it_is_read_is_refused(url: str):
    (one,) = find_inputs([f"{url}/in/2026-00/part.jsonl"])

    def read(contents: Iterator[bytes]) -> None:
        assert next(contents)
        obstore.put(open_cloud(url), "in/2026-00/part.jsonl", b"{}")

    with pytest.raises(OvertonError, match="has changed"), opened(one, Piece("p", 0, 0, WHOLE)) as contents:
        read(contents)


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_and_every_record_is_there_once(url: str):
    how = {"shard_mb": SHARD_BYTES / 1e6, "engine": Processes(2)}
    whole = predict_files(tiny_artifact(), VERSION, [f"{url}/in/"], f"{url}/whole", **how)
    assert (whole.counts.records, whole.counts.errors) == (N_FILES * N_RECORDS, 1)

    code = f"from tests.batch.test_batch_s3 import run_until_killed; run_until_killed({url!r})"
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    killed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, check=False)
    assert killed.returncode == -signal.SIGKILL
    before = objects(f"{url}/out")
    assert KILLED_AT <= sum(name.startswith("_done/") for name in before) < whole.shards

    outcome = predict_files(tiny_artifact(), VERSION, [f"{url}/in/"], f"{url}/out", **how)
    assert 0 < outcome.known < outcome.shards == whole.shards
    assert outcome.counts == whole.counts
    after = objects(f"{url}/out")
    assert {name: after[name] for name in before} == before  # what was there was not written again
    assert {name: text for name, (text, _) in after.items()} == {
        name: text for name, (text, _) in objects(f"{url}/whole").items()
    }
    shards = [text for name, (text, _) in after.items() if "/" not in name and name != "_plan.json"]
    ids = [json.loads(line)["id"] for text in shards for line in text.splitlines()]
    assert len(ids) == len(set(ids)) == N_FILES * N_RECORDS
    (errors,) = [text for name, (text, _) in after.items() if name.startswith("_errors/")]
    told = json.loads(errors)
    assert (told["file"], told["line"]) == (f"{url}/in/2026-05/part.jsonl", N_RECORDS + 1)
    assert told["problems"][0]["field"] == "$.payloads.query"

    again = predict_files(tiny_artifact(), VERSION, [f"{url}/in/"], f"{url}/out", **how)
    assert again.known == again.shards
    assert objects(f"{url}/out") == after


def test_the_command_reads_and_writes_urls(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    save_artifact(tiny_artifact(), tmp_path / "version")
    words = ["predict", str(tmp_path / "version"), f"{url}/in/2026-0[45]/*.jsonl", f"{url}/out", "--on", "local:1"]
    assert main([*words, "-q", "--format", "parquet"]) == 1
    said = capsys.readouterr().err
    assert f"{url}/out/_errors: 1 line left out" in said
    assert f"{2 * N_RECORDS} records in 2 shards, 1 error" in said
    rows = 0
    for name, (content, _) in objects(f"{url}/out").items():
        if name.endswith(".parquet"):
            (tmp_path / name).write_bytes(content)
            rows += pq.read_table(tmp_path / name).num_rows
    assert rows == 2 * N_RECORDS


@pytest.mark.slow
def test_vectors_of_records_and_of_words_go_there_too(url: str, tmp_path: Path):
    outcome = embed_files(drawn(), "v", [f"{url}/in/"], f"{url}/vectors", payload="query", shard_mb=SHARD_BYTES / 1e6)
    assert (outcome.counts.records, outcome.counts.errors) == (N_FILES * N_RECORDS, 1)
    words = embed_words(drawn(), "v", [f"{url}/in/"], f"{url}/words", payload="tokens", format="jsonl")
    assert (words.counts.records, words.shards) == (outcome.counts.records, N_FILES)
    found = objects(f"{url}/words")
    rows = [json.loads(line) for line in found["words.jsonl"][0].splitlines()]
    assert len(rows) == words.words
    size = min(1 + 7 % 20, 16)
    assert {row["word"] for row in rows} > set(record(7)["payloads"]["tokens"][:size])
    again = embed_words(drawn(), "v", [f"{url}/in/"], f"{url}/words", payload="tokens", format="jsonl")
    assert again.known == again.shards
    assert objects(f"{url}/words") == found
