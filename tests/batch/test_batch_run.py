"""Batch runs: every record once, the same output for any number of workers, and what was killed goes on."""

import errno
import gzip
import json
import os
import signal
import subprocess
import sys
import zlib
from functools import partial
from itertools import count
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest
import zstandard

from overton.artifact import Artifact, Runtime
from overton.artifact.files import save_artifact
from overton.base import Event, OvertonError
from overton.batch import Counts, predict_file, predict_files
from overton.batch import run as run_module
from overton.batch import verbs as verbs_module
from overton.batch import work as work_module
from overton.batch.files import would_name
from overton.batch.plan import Asked
from overton.batch.run import run_batch
from overton.batch.verbs import _predict_verb
from overton.batch.work import Verb
from overton.cli.main import main
from overton.data import RecordParser
from overton.engine import Inline, Processes
from overton.schema import parse_schema
from tests import tiny_artifact as tiny_module
from tests.batch.stopped import run_stopped
from tests.tiny_artifact import RECORD, tiny_artifact

VERSION = "abc123"
WORDS = ("how", "tall", "is", "the", "president", "of", "france", "tasks", "Straße")


def record(number: int) -> dict:
    """Records of different lengths, one in three with labels, one in five without an id."""
    size = 1 + number % 20  # the schema keeps 16
    tokens = [WORDS[(number + place) % len(WORDS)] for place in range(size)]
    value = {
        "id": f"r{number}",
        "payloads": {
            "tokens": tokens,
            "query": " ".join(tokens),
            "entities": [{"id": f"e{number % 7}", "range": [0, 1]}],
        },
    }
    if number % 3 == 0:
        value["tasks"] = {"Intent": {"crowd": "age", "gold": None}, "POS": None}
    if number % 5 == 0:
        del value["id"]
    return value


def write(path: Path, first: int, n: int) -> None:
    lines = [json.dumps(record(number)) for number in range(first, first + n)]
    content = ("\n".join(lines) + "\n").encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three inputs: one that is cut, one that is compressed, one with faults."""
    inputs = tmp_path / "in"
    inputs.mkdir()
    write(inputs / "a.jsonl", 0, 60)
    write(inputs / "b.jsonl.gz", 60, 20)
    good = json.dumps(record(80))
    (inputs / "c.jsonl").write_text(
        f'{good}\n\n{{"id": "bad", "payl\n{{"id": "x", "payloads": {{"query": 7}}}}\n{good}'
    )
    return tmp_path


def zstd(text: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(text)


def predict(folder: Path, output: str = "out", engine=None, **how):
    return predict_files(
        tiny_artifact(), VERSION, [str(folder / "in")], str(folder / output), shard_mb=0.003, engine=engine, **how
    )


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_record_is_predicted_once_and_every_error_is_told(folder: Path):
    outcome = predict(folder)
    assert (outcome.counts.records, outcome.counts.errors, outcome.known) == (82, 2, 0)
    found = content(folder / "out")
    shards = sorted(name for name in found if "/" not in name and name != "_plan.json")
    assert outcome.shards == len(shards) > 5
    values = [json.loads(line) for name in shards for line in found[name].splitlines()]
    assert len(values) == 82
    inputs = (folder / "in").as_posix()
    named = [f"r{number}" if number % 5 else f"{inputs}/a.jsonl:{number + 1}" for number in range(60)]
    assert [value["id"] for value in values[:60]] == named
    runtime, parser = Runtime(tiny_artifact()), RecordParser(tiny_artifact().schema)
    for number, value in enumerate(values[:80]):
        given = record(number)
        (expected,) = runtime.predict([parser.parse(msgspec.json.encode(given))])
        said = {task: sources[f"overton@{VERSION}"] for task, sources in value["tasks"].items() if sources}
        assert said == {task: label for task, label in expected.items() if label is not None}
        assert value["payloads"] == given["payloads"]
        if "tasks" in given:
            assert value["tasks"]["Intent"]["crowd"] == "age"
    (errors,) = [name for name in found if name.startswith("_errors/")]
    told = [json.loads(line) for line in found[errors].splitlines()]
    assert [(one["file"], one["line"]) for one in told] == [(f"{inputs}/c.jsonl", 3), (f"{inputs}/c.jsonl", 4)]
    assert told[1]["problems"][0]["field"] == "$.payloads.query"
    assert errors == "_errors/" + next(name for name in shards if ".c-" in name).replace(".jsonl", ".errors.jsonl")


@pytest.mark.parametrize("format", ["jsonl.gz", "jsonl.zst", "parquet"])
def test_a_shard_made_again_is_the_same(folder: Path, format: str):
    predict(folder, "one", format=format)
    predict(folder, "two", format=format)
    assert content(folder / "one") == content(folder / "two")


def test_a_run_that_stops_anywhere_goes_on_to_the_same_output(folder: Path, monkeypatch: pytest.MonkeyPatch):
    predict(folder, "whole")
    whole = content(folder / "whole")
    for stop in range(3):
        run_stopped(monkeypatch, lambda: predict(folder), after=2)
        assert len([name for name in content(folder / "out") if name.startswith("_done/")]) == 2 * (stop + 1)
    (folder / "out" / "_errors").mkdir(exist_ok=True)
    (folder / "out" / ".in.a-00000.jsonl.0123456789abcdef.tmp").write_bytes(b"what a worker left that was killed")
    outcome = predict(folder)
    assert (outcome.known, outcome.counts.records, outcome.counts.errors) == (6, 82, 2)
    assert content(folder / "out") == whole
    again = predict(folder)
    assert (again.known, again.counts) == (again.shards, outcome.counts)
    assert content(folder / "out") == whole


def make_deadly(folder: str, artifact: Artifact):
    """What is made of records, by a worker that is killed once while it has a shard half written."""
    verb = _predict_verb(artifact, Asked("predict", VERSION, "jsonl"))

    def make(records, name: str):
        try:
            Path(folder, "death").touch(exist_ok=False)
        except FileExistsError:
            return verb.make(records, name)
        return os.kill(os.getpid(), signal.SIGKILL)

    return work_module.Verb(verb.schema, make, verb.sink)


@pytest.mark.slow
def test_two_workers_of_which_one_is_killed_make_what_one_makes(folder: Path):
    predict(folder, "whole")
    asked = Asked("predict", VERSION, "jsonl", shard_bytes=3000)
    said: list[str] = []
    outcome = run_batch(
        asked,
        [str(folder / "in")],
        str(folder / "out"),
        partial(make_deadly, str(folder), tiny_artifact()),  # a worker would make one of larger tables
        Processes(2),
        observe=lambda event: said.append(event.message),
    )
    assert any("given to another" in message for message in said)
    assert outcome.counts == Counts(82, 2, outcome.counts.bytes)
    assert content(folder / "out") == content(folder / "whole")


def test_one_file_is_refused_with_every_fault_however_far_apart_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(verbs_module, "LINES", 2)
    good, bad = json.dumps(RECORD), '{"payloads": {"tokens": 5}}'
    (tmp_path / "in.jsonl").write_text("\n".join([good, bad, good, good, good, bad, good, "no json", good]) + "\n")
    version = tiny_artifact()
    with pytest.raises(OvertonError) as caught:
        predict_file(version, version.id, tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    found = [(problem.code, problem.line, problem.count) for problem in caught.value.problems]
    assert found == [("record.payload-type", 2, 2), ("record.bad-json", 8, 1)]
    assert not (tmp_path / "out.jsonl").exists()


def test_an_output_of_another_run_is_left_alone(folder: Path):
    predict(folder)
    before = content(folder / "out")
    with pytest.raises(OvertonError) as raised:
        predict_files(tiny_artifact(), "other", [str(folder / "in")], str(folder / "out"), shard_mb=0.003)
    assert raised.value.problems[0].code == "batch.other-plan"
    assert "version 'abc123', not 'other'" in raised.value.problems[0].message
    write(folder / "in" / "d.jsonl", 90, 3)
    with pytest.raises(OvertonError, match=r"d\.jsonl is not among its inputs"):
        predict(folder)
    assert content(folder / "out") == before


def test_shards_without_their_counts_are_told(folder: Path):
    predict(folder)
    next((folder / "out" / "_done").iterdir()).unlink()
    with pytest.raises(OvertonError) as raised:
        predict(folder)
    assert raised.value.problems[0].code == "batch.damaged-output"


@pytest.mark.parametrize("output", ["{}/in", "in", "./in/"])
def test_an_output_within_its_input_is_not_read(output: str, folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(folder)
    with pytest.raises(OvertonError) as raised:
        predict_files(tiny_artifact(), VERSION, [str(folder / "in")], output.format(folder), shard_mb=0.003)
    assert raised.value.problems[0].code == "application.output-is-input"


@pytest.mark.parametrize(
    ("inputs", "output"),
    [("in", "in/out"), ("in", "in/sub/../out/"), ("in/**/*.jsonl", "in/out"), ("*/*/*.jsonl", "in/out")],
)
def test_an_output_whose_shards_a_second_run_would_read_is_refused_by_the_first(
    inputs: str, output: str, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(folder)
    (folder / "in" / "sub").mkdir()
    write(folder / "in" / "sub" / "a.jsonl", 0, 3)
    with pytest.raises(OvertonError, match=r"lies among the inputs, .*output-is-input") as raised:
        predict_files(tiny_artifact(), VERSION, [inputs], output)
    assert not (folder / "in" / "out").exists(), raised.value


@pytest.mark.parametrize(
    ("inputs", "output", "format"),
    [
        ("in", "in/_out", "jsonl"),
        ("in", "in/.out", "jsonl"),
        ("in", "in/out", "parquet"),
        ("in", "in-out", "jsonl"),
        ("in/*.jsonl", "in/out", "jsonl"),
        ("**/*.jsonl", "in/.out", "jsonl"),
    ],
)
def test_an_output_beside_what_is_read_may_lie_within_its_folder(
    inputs: str, output: str, format: str, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(folder)
    for known in (False, True):
        outcome = predict_files(tiny_artifact(), VERSION, [inputs], output, format=format)
        assert outcome.known == (outcome.shards if known else 0)


@pytest.mark.parametrize(
    ("url", "output", "is_read"),
    [
        ("s3://b/in", "s3://b/in/out", True),
        ("s3://b/in/", "s3://b/in/_out", False),
        ("s3://b/in", "s3://b/inner", False),
        ("s3://b/in", "s3://c/in/out", False),
        ("s3://b/in/*.jsonl", "s3://b/in/out", True),  # of a URL a star stands for folders too
        ("s3://b/in/*.jsonl.gz", "s3://b/in/out", False),
        ("s3://b/", "s3://b/out", True),
        ("s3://b/in", "/in/out", False),
    ],
)
def test_what_a_url_would_name_of_an_output(url: str, output: str, is_read: bool):
    assert would_name([url], f"{output}/x-00000.jsonl") == is_read


@pytest.mark.parametrize(
    "line",
    [
        '{"id": null, "payloads": {"query": "how"}}',
        '{"payloads": {"query": "how"}, "\\u0069d": null}',
        ' \t{"payloads": {"query": "how"}} ',
        '{"payloads": {"query": "how"}, "tasks": {}}',
        '{"payloads": {"query": "\\u0068ow", "tokens": ["\\"tasks\\"", "\\"id\\""]}}',
    ],
)
def test_a_record_without_an_id_has_one_in_the_output(line: str, folder: Path):
    (folder / "in" / "d.jsonl").write_text(line + "\n")
    predict(folder)
    (line,) = [text for name, text in content(folder / "out").items() if ".d-" in name and "/" not in name]
    keys = [key for key, _ in json.loads(line, object_pairs_hook=list)]
    assert keys.count("id") == keys.count("tasks") == 1
    assert json.loads(line)["id"] == f"{folder}/in/d.jsonl:1"


def test_an_input_that_ends_too_early_is_an_error_and_does_not_stop_the_run(folder: Path):
    path = folder / "in" / "b.jsonl.gz"
    path.write_bytes(path.read_bytes()[:-20])
    outcome = predict(folder)
    assert outcome.counts.errors == 3
    (errors,) = [text for name, text in content(folder / "out").items() if ".b-" in name and "_errors" in name]
    assert json.loads(errors)["problems"][0]["code"] == "data.unreadable"


def test_where_an_input_cannot_be_read_on_is_told_behind_the_last_line_that_was(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("overton.data.files.lines.BLOCK", 512)
    monkeypatch.setattr("overton.batch.lines.CHUNK_LINES", 4)
    path = folder / "in" / "b.jsonl.gz"
    path.write_bytes(path.read_bytes()[:-20])
    predict(folder)
    found = content(folder / "out")
    (shard,) = [text for name, text in found.items() if ".b-" in name and "/" not in name]
    (errors,) = [text for name, text in found.items() if ".b-" in name and "_errors" in name]
    assert json.loads(errors)["line"] == len(shard.splitlines()) + 1 > 4


def test_bad_lines_are_written_as_they_come_however_many_there_are(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("overton.batch.lines.CHUNK_LINES", 10)
    monkeypatch.setattr(run_module, "TOLD_EVERY", 0.0)
    path = folder / "in" / "bad.jsonl"
    path.write_text('{"other": "%s"}\n' % ("x" * 1000) * 200)
    sizes: list[int] = []

    def look(event: Event) -> None:
        sizes.append(sum(one.stat().st_size for one in (folder / "out" / "_errors").glob("*")))

    outcome = predict_files(tiny_artifact(), VERSION, [str(path)], str(folder / "out"), observe=look)
    assert outcome.counts == Counts(0, 200, path.stat().st_size)
    assert 0 < max(sizes[:10]) < max(sizes)
    (told,) = [text for name, text in content(folder / "out").items() if name.startswith("_errors")]
    assert [json.loads(line)["line"] for line in told.splitlines()] == [*range(1, 201)]


def flushed(content: bytes) -> bytes:
    """A gzip stream up to the end of a block, with more to come."""
    stream = zlib.compressobj(wbits=31)
    return stream.compress(content) + stream.flush(zlib.Z_FULL_FLUSH)


BROKEN = {  # what becomes of 400 lines, compressed, and how many come before the break
    "cut": ("b.jsonl.gz", lambda lines: flushed(b"".join(lines[:300])), 300),
    "cut in a line": ("b.jsonl.gz", lambda lines: flushed(b"".join(lines[:300]) + lines[300][:40]), 300),
    "block": ("b.jsonl.gz", lambda lines: flushed(b"".join(lines[:200])) + b"\xff" * 2000, 200),
    "sum": ("b.jsonl.gz", lambda lines: gzip.compress(b"".join(lines))[:-8] + b"12345678", 400),
    "behind": ("b.jsonl.gz", lambda lines: gzip.compress(b"".join(lines)) + b"{}", 400),
    "frame cut": ("b.jsonl.zst", lambda lines: b"".join(map(zstd, lines))[: -len(zstd(lines[-1])) - 9], 398),
    "frame": ("b.jsonl.zst", lambda lines: b"".join(map(zstd, lines[:200])) + bytes(2000), 200),
}


@pytest.mark.parametrize(("name", "make", "n_whole"), BROKEN.values(), ids=BROKEN)
def test_every_whole_line_before_an_input_breaks_off_is_predicted(tmp_path: Path, name: str, make, n_whole: int):
    lines = [json.dumps({**record(number), "id": f"r{number}"}).encode() + b"\n" for number in range(400)]
    source = tmp_path / name
    source.write_bytes(make(lines))
    outcome = predict_files(tiny_artifact(), VERSION, [str(source)], str(tmp_path / "out"))
    assert (outcome.counts.records, outcome.counts.errors) == (n_whole, 1)
    found = content(tmp_path / "out")
    (shard,) = [text for place, text in found.items() if place.endswith("b-00000.jsonl")]
    assert [json.loads(line)["id"] for line in shard.splitlines()] == [f"r{number}" for number in range(n_whole)]
    (told,) = [json.loads(text) for place, text in found.items() if place.startswith("_errors")]
    assert (told["file"], told["line"], told["text"]) == (str(source), n_whole + 1, "")
    assert [problem["code"] for problem in told["problems"]] == ["data.unreadable"]
    again = predict_files(tiny_artifact(), VERSION, [str(source)], str(tmp_path / "out"))
    assert (again.known, again.counts) == (1, outcome.counts)


def test_what_a_disk_reads_no_further_is_told_with_its_line(folder: Path, monkeypatch: pytest.MonkeyPatch):
    def failing(file, name: str, *, is_begin: bool):
        yield file.read(700)
        raise OSError(errno.EIO, "Input/output error")

    path = folder / "in" / "b.jsonl"
    write(path, 0, 30)
    n_whole = path.read_bytes()[:700].count(b"\n")
    monkeypatch.setattr("overton.batch.files.inputs.contents", failing)
    outcome = predict_files(tiny_artifact(), VERSION, [str(path)], str(folder / "out"))
    assert (outcome.counts.records, outcome.counts.errors) == (n_whole, 1)
    (errors,) = [json.loads(text) for name, text in content(folder / "out").items() if "_errors" in name]
    assert errors["line"] == n_whole + 1 > 1
    assert errors["problems"] == [{"code": "data.unreadable", "message": "it cannot be read: input/output error"}]


@pytest.mark.parametrize("name", ["a.jsonl", "b.jsonl.gz"])
def test_an_input_that_grows_while_it_is_read_ends_the_run(name: str, folder: Path):
    asked = Asked("predict", VERSION, "jsonl", shard_bytes=3000)
    verb, path = _predict_verb(tiny_artifact(), asked), folder / "in" / name

    def make(records, place: str):
        with path.open("ab") as file:
            file.write(b"\n")
        return verb.make(records, place)

    with pytest.raises(OvertonError) as raised:
        run_batch(asked, [str(path)], str(folder / "out"), lambda: Verb(verb.schema, make, verb.sink), Inline())
    assert raised.value.problems[0].code == "batch.changed-input"
    assert [path.name for path in (folder / "out").iterdir()] == ["_plan.json"]


def test_progress_tells_records_errors_speed_and_shards(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(run_module, "TOLD_EVERY", 0)
    monkeypatch.setattr(run_module, "LEAST_TOLD", 0)
    events: list[Event] = []
    outcome = predict(folder, observe=events.append)
    told = [event.message for event in events if event.stage == "predict" and event.message]
    assert len(told) >= outcome.shards
    assert "82 records, 2 errors, " in told[-1]
    assert "records/s, about " in told[-1]
    assert events[-1].done == events[-1].total == outcome.shards
    assert str(outcome).startswith(f"82 records in {outcome.shards} shards, 2 errors; ")


def test_when_a_compressed_input_is_done_is_told_by_its_bytes_as_they_lie_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "in").mkdir()
    write(tmp_path / "in" / "a.jsonl.gz", 0, 400)  # a tenth of what it holds
    monkeypatch.setattr("overton.data.files.lines._GZIP_BLOCK", 256)
    monkeypatch.setattr("overton.batch.lines.CHUNK_LINES", 40)
    monkeypatch.setattr(run_module, "TOLD_EVERY", 0)
    monkeypatch.setattr(run_module, "monotonic", count(0, 10).__next__)
    said: list[str] = []
    predict(tmp_path, observe=lambda event: said.append(event.message))
    left = [line.partition(", about ")[2].partition(" left")[0] for line in said if " left" in line]
    assert len(left) >= 10
    assert "0 s" not in left[:8], left


def test_predictions_as_parquet_are_typed_columns(folder: Path):
    predict(folder, format="parquet")
    tables = [pq.read_table(path) for path in sorted((folder / "out").glob("*.parquet"))]
    rows = [row for table in tables for row in table.to_pylist()]
    assert len(rows) == 82
    runtime, parser = Runtime(tiny_artifact()), RecordParser(tiny_artifact().schema)
    for number in (1, 2, 17, 19):
        (expected,) = runtime.predict([parser.parse(msgspec.json.encode(record(number)))])
        assert rows[number] == {"id": f"r{number}", **expected}
    predict(folder, "soft", format="parquet", probabilities=True)
    soft = pq.read_table(sorted((folder / "soft").glob("*.parquet"))[0]).to_pylist()[1]
    assert dict(soft["Intent"]).keys() <= {"age", "height"}
    assert sum(dict(soft["Intent"]).values()) == pytest.approx(1, abs=2e-3)
    assert len(soft["POS"]) == 2


def test_ids_and_predictions_of_a_task_that_is_called_id_are_columns_apart(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    schema = parse_schema(tiny_module.SCHEMA.replace('"Intent"', '"id"').replace('"POS"', '"task_id"'))
    monkeypatch.setattr(tiny_module, "tiny_schema", lambda: schema)
    artifact = tiny_artifact.__wrapped__()
    source, output = folder / "one.jsonl", folder / "one.parquet"
    write(source, 1, 2)
    predict_file(artifact, VERSION, source, output)
    rows = pq.read_table(output).to_pylist()
    assert [row["id"] for row in rows] == ["r1", "r2"]
    assert {row["task_task_id"] for row in rows} <= {"age", "height"}
    assert isinstance(rows[0]["task_id"], list), "the task that has that name keeps it"


def test_an_input_whose_path_is_no_text_is_told(folder: Path):
    (folder / "in" / os.fsdecode(b"caf\xe9.jsonl")).touch()
    with pytest.raises(OvertonError, match=r"caf\\xe9\.jsonl: the path of the file is not UTF-8"):
        predict_files(tiny_artifact(), VERSION, str(folder / "in"), str(folder / "out"))


def test_one_file_is_predicted_into_one_as_it_was_given(tmp_path: Path):
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(json.dumps(RECORD) + "\r\n" + '{"id": "late", "tasks": {"Intent": {"crowd": "age"}}}\n')
    assert predict_file(tiny_artifact(), VERSION, source, output) == 1
    first, second = output.read_bytes().splitlines()
    assert first.startswith(json.dumps(RECORD)[:-1].encode() + b',"tasks":{')
    assert second == b'{"id": "late", "tasks": {"Intent": {"crowd": "age"}}}'
    assert predict_file(tiny_artifact(), VERSION, source, tmp_path / "out.parquet") == 1
    assert pq.read_table(tmp_path / "out.parquet").num_rows == 1


def test_a_stream_is_made_of_a_stream(tmp_path: Path):
    save_artifact(tiny_artifact(), tmp_path / "version")
    late = {"id": "r1", "tasks": {"Intent": {"crowd": "age"}}}
    lines = "\ufeff" + json.dumps(record(1)) + "\n\n" + json.dumps(late) + "\n"
    command = [sys.executable, "-m", "overton", "predict", str(tmp_path / "version"), "-", "-", "-q"]
    done = subprocess.run(command, input=lines.encode(), capture_output=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert json.loads(first)["id"] == "r1"
    assert json.loads(second) == late
    assert [path.name for path in tmp_path.iterdir()] == ["version"]


@pytest.mark.parametrize("key", ['"tasks"', '"t\\u0061sks"'])
def test_labels_that_are_there_stay_however_their_key_is_written(tmp_path: Path, key: str):
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    text = json.dumps({**RECORD, "tasks": {"Intent": {"crowd": "age"}}}).replace('"tasks"', key)
    source.write_text(text)
    predict_file(tiny_artifact(), VERSION, source, output)
    value = json.loads(output.read_text())
    assert value["tasks"]["Intent"].keys() == {"crowd", f"overton@{VERSION}"}
    assert output.read_text().count("sks") == 1


def test_a_label_of_a_class_that_came_after_the_build_is_passed_on(tmp_path: Path):
    tasks = {"Intent": {"gold": "weight"}, "EntityType": {"crowd": [["river"]] * 2}}
    payloads = {"tokens": ["how", "heavy"], "query": "how heavy", "entities": []}
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(json.dumps({"id": "r", "payloads": payloads, "tasks": tasks}))
    assert predict_file(tiny_artifact(), VERSION, source, output) == 1
    said = json.loads(output.read_text())["tasks"]
    assert (said["Intent"]["gold"], said["EntityType"]["crowd"]) == ("weight", [["river"]] * 2)
    assert f"overton@{VERSION}" in said["Intent"]
    predict_files(tiny_artifact(), VERSION, [str(source)], str(tmp_path / "out"))
    (shard,) = (tmp_path / "out").glob("*.jsonl")
    assert json.loads(shard.read_text())["tasks"] == said


def test_records_with_nothing_to_predict_from_are_counted(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    save_artifact(tiny_artifact(), tmp_path / "version")
    (folder / "in" / "a.jsonl").write_text(json.dumps(record(1)) + '\n{"payloads": {"query": "how tall"}}\n' * 2)
    words = ["predict", str(tmp_path / "version"), str(folder / "in" / "a.jsonl")]
    assert main([*words, str(tmp_path / "a.jsonl")]) == 0
    assert "2 records had nothing to predict from" in capsys.readouterr().err
    assert main([*words, str(folder / "out") + "/", "--on", "local:1"]) == 0
    assert "2 records had nothing to predict from" in capsys.readouterr().err
    assert main([*words, str(folder / "out") + "/", "--on", "local:1"]) == 0
    assert "2 records had nothing to predict from" in capsys.readouterr().err, "of a run before too"


def test_lines_that_only_add_to_other_records_are_not_counted_among_those_predicted(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    save_artifact(tiny_artifact(), tmp_path / "version")
    (folder / "in" / "a.jsonl").write_text(json.dumps(record(1)) + '\n{"id": "r1", "tags": ["slice:a"]}\n' * 2)
    words = ["predict", str(tmp_path / "version"), str(folder / "in" / "a.jsonl")]
    for output in (str(tmp_path / "a.jsonl"), str(folder / "out") + "/"):
        assert main([*words, output]) == 0
        told = capsys.readouterr().err
        assert ": 1 record" in told
        assert "2 lines only for other records" in told
    assert len((tmp_path / "a.jsonl").read_text().splitlines()) == 3


def test_one_file_with_a_fault_writes_nothing(tmp_path: Path):
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(json.dumps(RECORD) + "\n{}\n{\n")
    with pytest.raises(OvertonError) as raised:
        predict_file(tiny_artifact(), VERSION, source, output)
    assert [problem.line for problem in raised.value.problems] == [2, 3]
    assert not output.exists()


def test_faults_of_one_kind_in_one_file_are_counted(tmp_path: Path):
    source = tmp_path / "in.csv"
    source.write_text("id,text\n" + "a,how tall\n" * 30)
    with pytest.raises(OvertonError) as raised:
        predict_file(tiny_artifact(), VERSION, source, tmp_path / "out.jsonl")
    assert str(raised.value).endswith(
        "A record is one JSON object on one line [record.bad-json] (and 30 more of this kind)"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["out.jsonl", "--max-bad", "5"], "--max-bad is for shards: one file is written only where every line is good"),
        (
            ["-", "--format", "parquet"],
            "--format is for shards: one file has that of its name, stdout jsonl",
        ),
        (["out.jsonl", "--shard-mb", "1"], "--shard-mb is for shards; name a folder as OUTPUT"),
        (["out.csv"], "out.csv: there is no format 'csv' to write. Name it out.jsonl: names of files end in .jsonl,"),
        (["out.csv.gz"], "there is no format 'gz' to write"),
    ],
)
def test_what_says_nothing_of_one_file_is_refused(
    folder: Path, words: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(folder)
    save_artifact(tiny_artifact(), folder / "version")
    for verb in (["predict", "version"], ["embed", "version", "--payload", "query"]):
        assert main([*verb, "in/a.jsonl", *words, "-q"]) == (1 if len(words) == 1 else 2)
        assert said in capsys.readouterr().err
    assert not list(folder.glob("out*"))
    assert main(["predict", "version", "in/a.jsonl", "out.jsonl", "--format", "jsonl", "-q"]) == 0


@pytest.mark.parametrize(("size", "said"), [("0", "above 0, got '0'"), ("1e-9", "from 0.001 on, got '1e-9'")])
def test_a_size_of_shards_is_told_as_such(size: str, said: str, folder: Path, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        main(["predict", "version", "in", "out", "--shard-mb", size])
    assert f"expected megabytes {said}" in capsys.readouterr().err


def test_how_often_words_must_be_there_is_asked_of_words(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["embed", "version", "in", "out", "--payload", "query", "--least", "5"]) == 2
    assert "--least counts strings, which --words asks for" in capsys.readouterr().err


def test_the_command_tells_errors_by_its_status_and_its_last_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(folder)
    save_artifact(tiny_artifact(), folder / "version")
    words = ["predict", "version", "in", "out", "--on", "local:1", "-q"]
    assert main(words) == 1
    assert "82 records in 3 shards, 2 errors" in capsys.readouterr().err.splitlines()[-1]
    assert main([*words, "--max-bad", "2"]) == 0
    assert "3 of them from before" in capsys.readouterr().err
