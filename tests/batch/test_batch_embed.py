"""Embeddings: the vectors that the model's tasks share, a row a record, token, member or word, with ids."""

import json
import shutil
import subprocess
import sys
import tracemalloc
from functools import cache, partial
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from overton.artifact import Artifact, pack_artifact
from overton.artifact.files import save_artifact
from overton.base import OvertonError
from overton.batch import embed, embed_file, embed_files, embed_words, embed_words_file, sinks, verbs
from overton.batch.embed import Embedding, arrow_schema, as_lines, as_table
from overton.batch.plan import EMBED, Asked
from overton.cli.main import main
from overton.codec import Encoder
from overton.compile import embedding_program, weights_of
from overton.data import Batch, LineReader, Pool, RecordParser, pack
from overton.export import graph
from overton.nn import build_model
from overton.version import Version
from tests.batch.stopped import run_stopped
from tests.batch.test_batch_run import content
from tests.tiny_artifact import tiny_artifact

RECORDS = [
    {
        "id": f"r{number}",
        "payloads": {
            "tokens": ["how", "tall", "is", "the", "president"][: 1 + number % 5] if number != 3 else None,
            "entities": [{"id": f"e{place}", "range": [0, 1]} for place in range(number % 3)] if number != 3 else None,
        },
    }
    for number in range(9)
]


@cache
def drawn() -> Artifact:
    """A version whose weights are those of a real module, as it begins."""
    tiny = tiny_artifact()
    state = build_model(tiny.program, seed=1).state_dict()
    return pack_artifact(
        onnx=tiny.files["model.onnx"],
        weights={name: value.numpy() for name, value in state.items()},
        program=tiny.program,
        choices={},
        signature=tiny.signature,
    )


@cache
def other() -> Artifact:
    """A version of the same program with other weights."""
    weights = {name: value + 1 for name, value in drawn().weights().items()}
    files = {"onnx": drawn().files["model.onnx"], "program": drawn().program, "signature": drawn().signature}
    return pack_artifact(weights=weights, choices={}, **files)


def by_torch(payload: str, *, words: bool = False) -> np.ndarray:
    """The vectors of all records at once, as torch computes them."""
    program = embedding_program(drawn().program, payload, words=words)
    model = build_model(program, seed=0)
    weights = weights_of(program, drawn().weights())
    model.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in weights.items()})
    parser = RecordParser(drawn().schema)
    batch = pack([parser.parse(json.dumps(record).encode()) for record in RECORDS], drawn().schema, Pool())
    inputs = {name: torch.from_numpy(value) for name, value in Encoder(program).encode(batch).items()}
    with torch.no_grad():
        return model.eval()(inputs)[payload].numpy()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.jsonl"
    path.write_text("\n".join(map(json.dumps, RECORDS)))
    return path


def test_a_part_of_a_program_is_what_its_payload_needs():
    program = drawn().program
    assert [node.name for node in embedding_program(program, "tokens").nodes] == ["tokens.embedding", "tokens.encoder"]
    assert [node.name for node in embedding_program(program, "tokens", words=True).nodes] == ["tokens.embedding"]
    assert embedding_program(program, "entities").outputs == {"entities": "entities.aggregate"}
    for payload, words in (("token", False), ("query", True)):
        with pytest.raises(OvertonError) as raised:
            embedding_program(program, payload, words=words)
        assert raised.value.problems[0].code == "batch.unknown-payload"


@pytest.mark.slow
def test_a_singleton_has_a_row_a_record(source: Path, tmp_path: Path):
    assert embed_file(drawn(), "v", source, tmp_path / "out.parquet", payload="query") == len(RECORDS)
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["id"].to_pylist() == [record["id"] for record in RECORDS]
    expected = by_torch("query")
    for row, vector in enumerate(table["vector"].to_pylist()):
        if row == 3:
            assert vector is None
        else:
            assert vector == pytest.approx(expected[row].tolist(), abs=1e-5)


@pytest.mark.slow
def test_a_graph_that_torch_has_written_is_kept_for_the_next_process(source: Path, tmp_path: Path, monkeypatch) -> None:
    version = Version(drawn().id, drawn(), tmp_path / ".overton")
    version.embed_files([source], tmp_path / "out", payload="query", on="local:1")
    graph._graph_of.cache_clear()  # as another process begins
    monkeypatch.setattr(graph, "traced", lambda *_: pytest.fail("written again"))
    shutil.rmtree(tmp_path / ".overton" / "embeddings")  # as for a later version of the same program
    version.embed_files([source], tmp_path / "again", payload="query", on="local:1")
    (tmp_path / "version").mkdir()
    for name, found in drawn().files.items():
        (tmp_path / "version" / name).write_bytes(found)
    code = f"""
import sys
from pathlib import Path
from overton.artifact import Artifact
from overton.version import Version
artifact = Artifact({{path.name: path.read_bytes() for path in Path({str(tmp_path / "version")!r}).iterdir()}})
version = Version(artifact.id, artifact, Path({str(tmp_path / ".overton")!r}))
version.embed_files([{str(source)!r}], {str(tmp_path / "third")!r}, payload="query", on="local:1")
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    first, *others = (pq.read_table(next((tmp_path / name).glob("*.parquet"))) for name in ("out", "again", "third"))
    assert all(first.equals(other) for other in others)


def test_what_computes_vectors_is_written_once_for_a_payload_of_a_version(tmp_path: Path, monkeypatch) -> None:
    written: list[bytes] = []

    def write(*_: object) -> bytes:
        written.append(f"model {len(written)}".encode())
        return written[-1]

    def model(artifact: Artifact, payload: str, home: Path | None = tmp_path, **how: bool) -> bytes:
        return verbs.embedding_of(artifact, payload, home=home, **how).onnx

    monkeypatch.setattr(verbs, "_written", write)
    asked = [
        (drawn(), "query", {}),
        (drawn(), "tokens", {}),
        (drawn(), "tokens", {"words": True}),
        (other(), "query", {}),
    ]
    found = [model(artifact, payload, **how) for artifact, payload, how in asked]
    assert len(set(found)) == len(written) == len(asked)
    assert [model(artifact, payload, **how) for artifact, payload, how in asked] == found
    assert (len(written), model(drawn(), "query", home=None)) == (len(asked), written[-1])
    for path in (tmp_path / "embeddings").iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    assert model(drawn(), "query") == written[-1] == b"model 5"
    monkeypatch.setattr("overton.batch.files.vectors.MOST", 2)
    assert model(drawn(), "tokens") == b"model 6"
    assert len(list((tmp_path / "embeddings").iterdir())) == 2


def test_what_has_no_vector_has_null_and_no_zeros_in_either_format():
    columns = {"id": ["a", "b"], "vector": np.eye(2, dtype=np.float32), "missing": np.array([False, True])}
    assert as_table(columns)["vector"].to_pylist() == [[1, 0], None]
    assert [json.loads(line)["vector"] for line in as_lines(columns).splitlines()] == [[1, 0], None]


@pytest.mark.long
def test_lines_of_many_vectors_take_little_more_memory_than_their_text():
    vector = np.random.default_rng(0).normal(size=(10_000, 64)).astype(np.float32)
    columns = {"id": [f"r{row}" for row in range(len(vector))], "vector": vector}
    tracemalloc.start()
    lines = as_lines(columns)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    told = [json.loads(line) for line in lines.splitlines()]
    assert [row["id"] for row in told] == columns["id"]
    assert np.allclose([row["vector"] for row in told], vector, atol=1e-6)
    assert peak < 4 * len(lines)
    assert as_lines({"id": [], "vector": vector[:0]}) == b""


class Doubling:
    """Stands for a large model: the vector of a token tells how long its record is."""

    def __init__(self, width: int) -> None:
        self.embedding = Embedding(drawn().program, b"", {}, drawn().schema.payload("tokens"), width)

    def run(self, batch: Batch) -> np.ndarray:
        column = batch.columns["tokens"]
        told = np.where(np.arange(column.strings.shape[1]) < column.length[:, None], column.length[:, None], -1)
        return np.repeat(told.astype(np.float32)[:, :, None], self.embedding.width, axis=2)


@pytest.mark.long
@pytest.mark.parametrize("format", ["parquet", "jsonl"])
def test_some_vectors_are_in_memory_together_and_no_more(format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    width, lengths = 64, [1 + number % 5 if number % 7 else 0 for number in range(1500)]
    lines = [json.dumps({"id": f"r{row}", "payloads": {"tokens": ["a"] * n}}).encode() for row, n in enumerate(lengths)]
    records = LineReader(drawn().schema).read(lines, list(range(1, 1501)), "in.jsonl")
    monkeypatch.setattr(embed, "NUMBERS_AT_ONCE", 1 << 12)
    monkeypatch.setattr(sinks, "GROUP_BYTES", 1 << 14)
    doubling, asked = Doubling(width), Asked(EMBED, "v", format, payload="tokens")
    opened, written = partial(sinks.sink, format=format, schema=arrow_schema(doubling.embedding.payload, width)), 0
    tracemalloc.start()
    with (tmp_path / "out").open("wb") as file, opened(file) as write:
        for part in embed.make_embed(doubling, asked)(records, "in.jsonl"):
            write(part)
            written += 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert written > 40
    assert peak < sum(lengths) * width * 4
    if format == "parquet":
        assert pq.ParquetFile(tmp_path / "out").num_row_groups > 10
        rows = pq.read_table(tmp_path / "out").to_pylist()
    else:
        rows = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    wanted = [(f"r{row}", place, "a", [n] * width) for row, n in enumerate(lengths) for place in range(n)]
    assert [tuple(row.values()) for row in rows] == wanted


@pytest.mark.slow
def test_a_set_has_a_row_a_member_in_shards_too(source: Path, tmp_path: Path):
    outcome = embed_files(
        drawn(), "v", [str(source)], str(tmp_path / "out"), payload="entities", format="jsonl", shard_mb=0.0004
    )
    assert outcome.shards > 2
    shards = sorted((tmp_path / "out").glob("*.jsonl"))
    rows = [json.loads(line) for shard in shards for line in shard.read_text().splitlines()]
    expected = by_torch("entities")
    wanted = [(number, place) for number in range(9) if number != 3 for place in range(number % 3)]
    assert [(row["id"], row["position"], row["member"]) for row in rows] == [
        (f"r{number}", place, f"e{place}") for number, place in wanted
    ]
    for row, (number, place) in zip(rows, wanted, strict=True):
        assert row["vector"] == pytest.approx(expected[number, place].tolist(), abs=1e-5)


@pytest.mark.long
def test_words_have_a_row_each_with_their_count(source: Path, tmp_path: Path):
    found = embed_words_file(drawn(), source, tmp_path / "words.parquet", payload="tokens", least=2)
    table = pq.read_table(tmp_path / "words.parquet")
    assert found == (4, len(RECORDS))
    counted = dict(zip(table["word"].to_pylist(), table["count"].to_pylist(), strict=True))
    assert counted == {"how": 8, "tall": 6, "is": 4, "the": 2}
    expected = by_torch("tokens", words=True)[1]
    for place, word in enumerate(("how", "tall")):
        vector = table["vector"].to_pylist()[table["word"].to_pylist().index(word)]
        assert vector == pytest.approx(expected[place].tolist(), abs=1e-5)


@pytest.mark.long
@pytest.mark.parametrize(("payload", "key", "first"), [("query", "id", "r0"), ("tokens --words", "word", "how")])
def test_a_stream_is_made_of_a_stream(
    payload: str,
    key: str,
    first: str,
    source: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    save_artifact(Artifact({**tiny_artifact().files, **drawn().files}), tmp_path / "version")
    monkeypatch.chdir(tmp_path)
    with source.open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert main(["embed", "version", "-", "-", "--payload", *payload.split(), "-q"]) == 0
    # All that has reached the descriptor, also by what traces the model.
    rows = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert rows[0][key] == first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "version"]


@pytest.mark.slow
def test_a_process_makes_a_stream_of_a_stream(source: Path, tmp_path: Path):
    save_artifact(Artifact({**tiny_artifact().files, **drawn().files}), tmp_path / "version")
    command = [sys.executable, "-m", "overton", "embed", str(tmp_path / "version"), "-", "-", "--payload", "query"]
    with source.open() as file:
        done = subprocess.run([*command, "-q"], stdin=file, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[0])["id"] == "r0"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "version"]


def test_a_run_does_not_take_from_another_the_words_that_it_writes(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write, begun = verbs._write_words, []

    def embed():
        return embed_words(drawn(), "v", [str(source)], str(tmp_path / "out"), payload="tokens")

    def write_beside_another(*given):
        write(*given)
        begun.append(len(begun))
        if len(begun) == 1:
            with pytest.raises(KeyboardInterrupt):
                embed()  # counts nothing anew, and is stopped before it has written its own
        else:
            raise KeyboardInterrupt

    left = tmp_path / "out" / ".words.parquet.0123456789abcdef.tmp"  # as of a process that was killed
    left.parent.mkdir()
    left.touch()
    monkeypatch.setattr(verbs, "_write_words", write_beside_another)
    assert embed().words == 5
    assert begun == [0, 1]
    assert (tmp_path / "out" / "words.parquet").is_file()
    assert not left.exists()


def test_words_of_many_files_are_counted_once_though_the_run_is_stopped(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "in"
    folder.mkdir()
    source.rename(folder / "a.jsonl")
    (folder / "b.jsonl").write_text("\n".join(map(json.dumps, RECORDS)) + '\n{"payloads"\n')

    def embed(output: str):
        how = {"payload": "tokens", "least": 2, "format": "jsonl", "shard_mb": 0.0004}
        return embed_words(drawn(), "v", [str(folder)], str(tmp_path / output), **how)

    whole = embed("whole")
    assert (whole.words, whole.counts.records, whole.counts.errors) == (5, 2 * len(RECORDS), 1)
    rows = [json.loads(line) for line in (tmp_path / "whole" / "words.jsonl").read_text().splitlines()]
    assert [(row["word"], row["count"]) for row in rows] == [
        ("how", 16),
        ("tall", 12),
        ("is", 8),
        ("the", 4),
        ("president", 2),
    ]
    (errors,) = (tmp_path / "whole" / "_errors").iterdir()
    assert json.loads(errors.read_text())["line"] == 10

    run_stopped(monkeypatch, lambda: embed("out"), after=2)
    assert not (tmp_path / "out" / "words.jsonl").exists()
    outcome = embed("out")
    assert (outcome.known, outcome.counts, outcome.words) == (2, whole.counts, 5)
    assert str(outcome).startswith(f"5 words of {2 * len(RECORDS)} records in {outcome.shards} shards, 2 of them")
    assert content(tmp_path / "out") == content(tmp_path / "whole")
    with pytest.raises(OvertonError, match="least 2, not 3"):
        embed_words(drawn(), "v", [str(folder)], str(tmp_path / "out"), payload="tokens", least=3, format="jsonl")
