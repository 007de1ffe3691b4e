import errno
import json
import os
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import overton.data.files.digests
import overton.data.files.load
import overton.data.files.verified
from overton.base import OvertonError
from overton.data.files import load_dataset, write_records
from overton.data.files.container import SectionWriter, open_container
from overton.data.files.unused import PATIENCE, SUFFIXES
from overton.engine import Inline, Processes
from overton.schema import parse_schema
from tests.data_schema import DECLARED, SCHEMA


def line(number, **more):
    tasks = {"Intent": {"a": "age", "gold": "height"}, "POS": {"a": ["N", None]}}
    return {"id": f"r{number}", "payloads": {"tokens": ["how", f"t{number}"], "title": "A b."}, "tasks": tasks} | more


def write(path, lines, end="\n"):
    path.write_text("".join((text if isinstance(text, str) else json.dumps(text)) + end for text in lines), newline="")
    os.utime(path, (1, 1))  # long settled
    return path


@pytest.fixture
def data(tmp_path):
    return write(tmp_path / "d.jsonl", [line(number) for number in range(40)])


def load(files, **options):
    files = [files] if isinstance(files, Path) else files
    return load_dataset(SCHEMA, files, files[0].parent / "rows", **options)


def stored(path):
    return sorted((path.parent / "rows").glob("*.*s"))


def test_line_ends_of_windows_are_accepted(tmp_path, data):
    windows = write(
        tmp_path / "w" / "d.jsonl" if (tmp_path / "w").mkdir() is None else data, [line(n) for n in range(40)], "\r\n"
    )
    ours, theirs = load(data), load(windows)
    rows = np.arange(40)
    assert ours.payloads(rows) == theirs.payloads(rows)
    assert ours.ids(rows) == theirs.ids(rows)


@pytest.mark.long
def test_shards_are_the_same_whoever_makes_them(tmp_path, monkeypatch):
    monkeypatch.setattr("overton.data.files.load.LEAST_BYTES", 0)
    content = {}
    for name, engine in (("here", None), ("one", Inline()), ("two", Processes(2))):
        folder = tmp_path / name
        folder.mkdir()
        files = [write(folder / f"{part}.jsonl", [line(f"{part}{n}") for n in range(9)]) for part in "abc"]
        write(files[1], [line("b0"), "{", line("b1")])
        messages = []
        dataset = load(files, max_bad=1, engine=engine, observe=lambda event, told=messages: told.append(event.message))
        assert dataset.n_records == 20
        content[name] = {path.name: path.read_bytes() for path in stored(files[0])}
        assert ("3 of 3 files" in messages) == (name == "two")
        assert messages[0] == "3 new data files to read"
    assert len(content["here"]) == 6
    assert {path: text for path, text in content["two"].items() if path.endswith(".votes")} == {
        path: text for path, text in content["here"].items() if path.endswith(".votes")
    }
    assert content["one"].keys() == content["two"].keys() == content["here"].keys()


def test_a_file_is_read_once_and_then_opened(data):
    messages = []
    load(data)
    times = [path.stat().st_mtime_ns for path in stored(data)]
    dataset = load(data, observe=messages.append)
    assert messages == []
    assert [path.stat().st_mtime_ns for path in stored(data)] == times
    assert dataset.n_records == 40


def test_only_a_changed_file_is_read_again(tmp_path, data):
    other = write(tmp_path / "e.jsonl", [line("x")])
    load([data, other])
    before = set(stored(data))
    write(other, [line("y")])
    dataset = load([data, other])
    assert dataset.ids(np.array([39, 40])) == ["r39", "ry"]
    assert len(set(stored(data)) - before) == 2


def test_a_changed_schema_reads_everything_again(data):
    first = load(data)
    tasks = DECLARED["tasks"] | {
        "Intent": {"payload": "query", "type": "multiclass", "classes": ["age", "height", "new"]}
    }
    schema = parse_schema(json.dumps({**DECLARED, "tasks": tasks}))
    second = load_dataset(schema, [data], data.parent / "rows")
    assert second.schema.task("Intent").classes == ("age", "height", "new")
    assert first.digest != second.digest


def test_of_two_labels_of_a_source_that_of_the_later_file_counts_wherever_it_stands(tmp_path):
    records = write(tmp_path / "a.jsonl", [line(number) for number in range(5)])
    later = write(tmp_path / "b.jsonl", [{"id": "r4", "tasks": {"Intent": {"a": "height"}}}])
    votes = load([records, later]).votes("Intent", ["a"])
    assert [votes.task.classes[label] for label in votes.label] == ["age"] * 4 + ["height"]


def test_ids_of_one_hash_are_told_apart(tmp_path, monkeypatch):
    monkeypatch.setattr("overton.data.rows.hashing._mix", lambda hashes: np.full_like(hashes, 7))
    records = write(tmp_path / "a.jsonl", [line(number) for number in range(5)])
    more = [{"id": name, "tasks": {"Intent": {"a": "height"}}} for name in ("r3", "r9")]
    dataset = load([records, write(tmp_path / "b.jsonl", more)], max_bad=1)
    votes = dataset.votes("Intent", ["a"])
    assert [votes.task.classes[label] for label in votes.label] == ["age", "age", "age", "height", "age"]
    assert [problem.code for problem in dataset.joined.problems] == ["record.unknown-id"]


def test_two_lines_that_put_a_record_into_two_splits_are_told(tmp_path):
    records = write(tmp_path / "a.jsonl", [line(number) for number in range(5)])
    write(tmp_path / "b.jsonl", [{"id": "r4", "tags": ["dev"]}, {"id": "r4", "tags": ["test"]}])
    with pytest.raises(OvertonError) as raised:
        load([records, tmp_path / "b.jsonl"])
    problem = raised.value.problems[0]
    assert (problem.code, problem.line) == ("record.two-splits", 2)


def test_a_schema_that_has_changed_reads_its_data_anew(data):
    load(data)
    tasks = {**DECLARED["tasks"], "Intent": {**DECLARED["tasks"]["Intent"], "classes": ["height", "width"]}}
    schema = parse_schema(json.dumps({**DECLARED, "tasks": tasks}))
    with pytest.raises(OvertonError, match="unknown label 'age'"):
        load_dataset(schema, [data], data.parent / "rows")


def test_a_schema_in_another_order_reads_rows_of_its_own(data):
    first, rows = load(data), np.arange(40)
    payloads, tasks = (dict(reversed(DECLARED[part].items())) for part in ("payloads", "tasks"))
    schema = parse_schema(json.dumps({"payloads": payloads, "tasks": tasks}))
    second = load_dataset(schema, [data], data.parent / "rows")
    assert second.digest == first.digest
    assert second.payloads(rows) == first.payloads(rows)
    for task in first.schema.tasks:
        assert second.schema.task(task.name) == task
        assert second.votes(task.name).label.tolist() == first.votes(task.name).label.tolist()


def test_the_digest_tells_the_name_of_a_file_after_which_records_are_named(tmp_path):
    """Which of them are held out goes by their ids."""
    texts = [json.dumps(line(number) | {"id": None}) for number in range(30)]
    first, second = (load(write(tmp_path / name, texts)) for name in ("a.jsonl", "b.jsonl"))
    assert first.splits.test.tolist() != second.splits.test.tolist()
    assert first.digest != second.digest


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="looks at the limits of another process")
def test_there_may_be_more_data_files_than_a_process_may_have_open(tmp_path):
    """A dashboard begins one a day."""
    files = [write(tmp_path / f"{number:02}.jsonl", [line(number)]) for number in range(40)]
    script = (
        "import resource, sys; from pathlib import Path; from overton.data.files import load_dataset\n"
        "from tests.data_schema import SCHEMA\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (60, 4096))\n"
        "print(load_dataset(SCHEMA, [Path(one) for one in sys.argv[2:]], Path(sys.argv[1])).n_records)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "rows"), *map(str, files)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("40\n", "")


def test_a_source_that_only_abstains_is_named_for_its_task_alone(tmp_path, data):
    tasks = {"Intent": {"silent": None}, "POS": {"mute": None, "spotty": [None, None]}}
    late = {"id": "r1", "tasks": {"Intent": {"late": None}}}
    bad = line("b", tasks={"Intent": {"faulty": "no such class", "misled": None}})
    path = write(tmp_path / "e.jsonl", [line("e", tasks=tasks), late, bad])
    dataset = load([data, path], max_bad=1)
    assert dataset.votes("Intent").named == ("a", "gold", "late", "silent")
    assert dataset.votes("POS").named == ("a", "mute", "spotty")
    assert dataset.votes("POS").speaking == ("a",)


def test_lines_that_are_left_out_are_a_remark_beside_figures(tmp_path):
    path = write(tmp_path / "a.jsonl", [line(0), "{", "[", line(1)])
    dataset = load(path, max_bad=2)
    remarks = dataset.remarks({task.name: dataset.votes(task.name) for task in dataset.schema.tasks})
    assert "2 lines with faults were left out: no figure tells of what stands there" in remarks
    whole = load(write(tmp_path / "b.jsonl", [line(0)]))
    remarks = whole.remarks({task.name: whole.votes(task.name) for task in whole.schema.tasks})
    assert not any("faults" in remark for remark in remarks)


def test_the_digest_tells_data_and_not_its_place(tmp_path, data):
    (tmp_path / "copy").mkdir()
    copy = write(tmp_path / "copy" / "d.jsonl", [line(number) for number in range(40)])
    assert load(data).digest == load(copy).digest
    write(copy, [line(number) for number in range(41)])
    assert load(data).digest != load(copy).digest


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda content: content[:-1], "bytes where"),
        (lambda content: content[:20], "it is too short to be a row store"),
        (lambda content: b"PK" + content[2:], "it is not a row store"),
        (lambda content: content.replace(b'"sections"', b'"sectoins"', 1), "its header is damaged"),
        (lambda content: content[:8] + b"\x63" + content[9:], "it has format 99; this Overton reads format 4"),
    ],
    ids=["truncated", "stub", "foreign", "header", "version"],
)
@pytest.mark.parametrize("suffix", [".rows", ".votes"])
def test_a_damaged_row_store_is_told_and_built_again(data, spoil, reason, suffix):
    rows = np.arange(40)
    expected = load(data).payloads(rows)
    (path,) = (path for path in stored(data) if path.suffix == suffix)
    path.write_bytes(spoil(path.read_bytes()))
    kind = suffix[1:]
    with pytest.raises(OvertonError, match=r"the row store cannot be used: .*\[data.damaged-store\]") as error:
        open_container(path, kind)
    assert reason in str(error.value)
    messages = []
    dataset = load(data, observe=messages.append)
    assert dataset.payloads(rows) == expected
    assert f"{path}: the row store cannot be used: " in messages[0].message
    assert open_container(path, kind)


@pytest.mark.parametrize("suffix", [".rows", ".votes"])
def test_a_row_store_with_changed_bytes_is_told_and_built_again(data, suffix):
    rows = np.arange(40)
    expected = load(data).payloads(rows)
    load(data)  # by which it is read through, and found to be whole
    (path,) = (path for path in stored(data) if path.suffix == suffix)
    content = bytearray(path.read_bytes())
    content[-5] ^= 0xFF
    path.write_bytes(content)
    messages = []
    dataset = load(data, observe=messages.append)
    assert "its content has changed since it was written" in messages[0].message
    assert dataset.payloads(rows) == expected
    messages.clear()
    load(data, observe=messages.append)
    assert not messages


def test_an_unchanged_row_store_is_not_read_through_again(data, monkeypatch):
    load(data)
    load(data)
    monkeypatch.setattr("overton.data.files.verified.verify_container", lambda path: pytest.fail(f"{path} was read"))
    assert load(data).n_records == 40


@pytest.mark.parametrize("suffix", [".rows", ".votes"])
@pytest.mark.parametrize("spoil", [lambda part: bytes(byte ^ 0x5A for byte in part), lambda part: bytes(len(part))])
def test_damage_in_the_middle_of_a_row_store_is_one_event_and_mended(data, suffix, spoil):
    rows = np.arange(40)
    whole = load(data)
    expected = whole.payloads(rows), whole.votes("POS").label.tolist()  # before its map is overwritten
    (path,) = (path for path in stored(data) if path.suffix == suffix)
    content = path.read_bytes()
    begin = content.index(b"}}") + 2  # behind the header
    middle = begin + (len(content) - begin) // 2
    path.write_bytes(content[: middle - 400] + spoil(content[middle - 400 : middle + 400]) + content[middle + 400 :])
    messages = []
    dataset = load(data, observe=messages.append)
    told = [event.message for event in messages if event.message]
    assert told == [
        f"{path}: the row store cannot be used: its content has changed since it was written; it is built again"
    ]
    assert (dataset.payloads(rows), dataset.votes("POS").label.tolist()) == expected


def test_another_release_reads_the_data_files_again(data, monkeypatch):
    load(data)
    before = set(stored(data))
    monkeypatch.setattr("overton.data.files.load.__version__", "99.0")
    load(data)
    assert len(set(stored(data)) - before) == 2


def test_half_a_row_store_is_built_again(data):
    load(data)
    stored(data)[0].unlink()
    assert load(data).n_records == 40
    assert len(stored(data)) == 2


def test_files_of_another_kind_are_refused(tmp_path):
    with SectionWriter(tmp_path) as sections:
        sections.append("a", np.arange(3))
        sections.save(tmp_path / "x", "votes", {})
    with pytest.raises(OvertonError, match="it holds votes where rows were looked for"):
        open_container(tmp_path / "x", "rows")


def test_sections_take_the_widest_type_that_came(tmp_path):
    with SectionWriter(tmp_path) as sections:
        for part in (np.array([1], np.int8), np.array([300], np.int16), np.zeros(0, np.int8), np.array([-1], np.int8)):
            sections.append("a", part)
        sections.append_bytes("b", b"xyz")
        assert sections.read("a").tolist() == [1, 300, -1]
        sections.save(tmp_path / "x", "rows", {"n": 1})
    meta, found = open_container(tmp_path / "x", "rows")
    assert (meta, found["a"].dtype, found["a"].tolist(), found["b"].tobytes()) == (
        {"n": 1},
        np.int16,
        [1, 300, -1],
        b"xyz",
    )
    assert not found["a"].flags.writeable


def test_a_build_that_is_stopped_leaves_no_file(data):
    def stop(event):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(data, observe=stop)
    assert stored(data) == []
    assert [path.name for path in (data.parent / "rows").iterdir()] == ["digests.json"]


def test_a_write_that_fails_leaves_no_file(data, monkeypatch):
    def fail(self, *arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(SectionWriter, "_read_as", fail)
    with pytest.raises(OSError, match="No space left"):
        load(data)
    assert stored(data) == []


def test_a_digest_is_remembered_while_the_file_stays_as_it_was(data, monkeypatch):
    load(data)
    asked = []
    digest = overton.data.files.digests._digest
    monkeypatch.setattr(overton.data.files.digests, "_digest", lambda *given: asked.append(given[0]) or digest(*given))
    load(data)
    assert asked == []
    write(data, [line(number) for number in range(41)])
    assert load(data).n_records == 41
    assert asked == [data]


@pytest.mark.parametrize("engine", [None, pytest.param(Processes(2), marks=pytest.mark.slow)], ids=["here", "two"])
def test_a_file_that_changes_while_it_is_read_is_kept_under_no_digest(tmp_path, monkeypatch, engine):
    """An edit that comes just then, and is taken back later, would else count for ever."""
    monkeypatch.setattr("overton.data.files.load.LEAST_BYTES", 0)
    files = [write(tmp_path / f"{name}.jsonl", [line(f"{name}{number}") for number in range(40)]) for name in "ab"]
    before = [path.read_bytes() for path in files]
    new_files, edits = overton.data.files.load.new_files, []

    def edited(*arguments):
        edits.append(line(f"new{len(edits)}"))
        for path in files:
            path.write_text(json.dumps(edits[-1]) + "\n")
        return new_files(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(overton.data.files.load, "new_files", edited)
        with pytest.raises(OvertonError) as raised:
            load(files, engine=engine)
    assert [(one.code, one.path) for one in raised.value.problems] == [
        ("data.changed-meanwhile", str(path)) for path in files
    ]
    for path, content in zip(files, before, strict=True):
        path.write_bytes(content)
    assert load(files).n_records == 80


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_what_is_appended_while_a_file_is_read_is_read_the_next_time(data, monkeypatch, suffix):
    path = data.with_name(f"e.jsonl{suffix}")
    write_records(path, [line(number) for number in range(40)])
    write_records(more := data.with_name(f"more.jsonl{suffix}"), [line("new")])
    new_files = overton.data.files.load.new_files

    def appended(*arguments):
        with path.open("ab") as file:
            file.write(more.read_bytes())
        return new_files(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(overton.data.files.load, "new_files", appended)
        assert load(path).n_records == 40
    again = load(path)
    assert again.ids(np.arange(39, 41)) == ["r39", "rnew"]


def test_a_file_that_changes_once_while_it_is_read_is_read_again(data, monkeypatch):
    new_files, edits = overton.data.files.load.new_files, []

    def edited(*arguments):
        if not edits:
            edits.append(data.write_text(json.dumps(line("new")) + "\n"))
        return new_files(*arguments)

    monkeypatch.setattr(overton.data.files.load, "new_files", edited)
    assert load(data).ids(np.arange(1)) == ["rnew"]


def test_where_nothing_can_be_written_what_is_kept_is_read(data, monkeypatch):
    def refuse(path, content):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    load(data)
    monkeypatch.setattr(overton.data.files.digests, "write_atomic", refuse)
    monkeypatch.setattr(overton.data.files.verified, "write_atomic", refuse)
    (data.parent / "rows" / "digests.json").unlink()  # as in a copy, whose files have other signs
    for kept in (data.parent / "rows").glob("*.verified"):
        kept.unlink()
    assert load(data).n_records == 40


@pytest.fixture
def one_tick(monkeypatch):
    """Files that change twice within one tick of the clock: neither time tells."""
    signs = overton.data.files.digests.signs_of
    monkeypatch.setattr(overton.data.files.digests, "signs_of", lambda status: (*signs(status)[:2], 0, 0))


def change_at_once(path):
    """Give a record another id, the size and times of the file as before."""
    status = path.stat()
    path.write_text(path.read_text().replace("r1", "q1"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.usefixtures("one_tick")
def test_a_file_that_changed_a_moment_ago_is_not_trusted(data):
    data.write_text(data.read_text())
    load(data)
    change_at_once(data)
    assert load(data).ids(np.array([1])) == ["q1"]


@pytest.mark.usefixtures("one_tick")
def test_a_file_that_had_just_changed_is_not_trusted_after_others_were_read_either(data):
    other = write(data.with_name("other.jsonl"), [line("other")])
    data.write_text(data.read_text())
    load(data)
    change_at_once(data)
    load(other)
    later = data.stat().st_mtime + 10
    os.utime(data.parent / "rows" / "digests.json", (later, later))
    assert load(data).ids(np.array([1])) == ["q1"]


def test_bad_lines_are_refused_with_all_their_faults(tmp_path):
    wrong = [line(number, tasks={"Intent": {"a": "aeg"}}) for number in range(3)]
    path = write(tmp_path / "d.jsonl", [line(9), *wrong, "{", line(9)])
    for _ in range(2):  # once when the store is made, once when it is there
        with pytest.raises(OvertonError) as error:
            load(path, max_bad=4)
        assert str(error.value).replace(f"{tmp_path}/", "") == (
            "d.jsonl:2: $.tasks.Intent.a: unknown label 'aeg'. Did you mean 'age'? [record.unknown-label] "
            "(and 2 more of this kind)\n"
            "d.jsonl:5: the line ends in the middle of the record. Was the file cut off? A record stands on one line, "
            "without line breaks inside [record.truncated]\n"
            "d.jsonl:6: $.id: the id 'r9' is taken by the record at d.jsonl:1. Give every record its own id; "
            "to add labels to a record, name its id and leave out 'payloads' [record.id-clash]\n"
            "5 bad lines, where at most 4 may be left out. Mend them (`overton check` tells every fault), "
            "or leave them out with --max-bad 5 [data.too-many-bad]"
        )


def test_every_file_that_cannot_be_read_is_told(tmp_path):
    names = ("a.jsonl.gz", "b.jsonl.gz", "c.jsonl")
    for name in names[:2]:
        (tmp_path / name).write_bytes(b"no gzip")
    files = [tmp_path / name for name in names]
    write(files[2], [line(1)])
    with pytest.raises(OvertonError) as error:
        load(files)
    assert [(problem.code, problem.path) for problem in error.value.problems] == [
        ("data.unreadable", str(path)) for path in files[:2]
    ]
    with pytest.raises(OvertonError) as error:
        load([tmp_path / "x.jsonl", files[2], tmp_path / "y.jsonl"])
    assert [problem.path for problem in error.value.problems] == [str(tmp_path / "x.jsonl"), str(tmp_path / "y.jsonl")]


def test_a_line_that_names_a_record_left_out_is_no_bad_line(tmp_path):
    late = {"id": "r1", "tasks": {"Intent": {"b": "age"}}}
    bad = {"id": "r1", "payloads": {"tokens": 7}}
    path = write(tmp_path / "d.jsonl", [line(0), bad, line(2), late])
    with pytest.raises(OvertonError) as error:
        load(path)
    assert [problem.code for problem in error.value.problems] == ["record.payload-type", "data.too-many-bad"]
    messages = []
    dataset = load(path, max_bad=1, observe=messages.append)
    assert dataset.ids(np.arange(2)) == ["r0", "r2"]
    assert [event.message for event in messages if event.message] == [
        "1 bad line left out",
        "1 line that would add to them left out",
    ]


@pytest.mark.parametrize("order", [1, -1])
def test_of_a_field_that_several_payloads_read_the_most_is_told(tmp_path, order):
    payloads = {
        "tokens": {"type": "sequence", "max_length": 3},
        "few": {"type": "sequence", "field": "tokens", "max_length": 1},
        "entities": {"type": "set", "range": "tokens", "max_length": 2},
        "near": {"type": "set", "range": "few", "field": "entities", "max_length": 2},
        "listed": {"type": "set", "field": "entities", "max_length": 3},
    }
    schema = {
        "payloads": dict(list(payloads.items())[::order]),
        "tasks": {"Pick": {"payload": "listed", "type": "select"}},
    }
    members = [{"id": "a", "range": [1, 2]}, {"id": "b"}, {"id": "c", "range": [0, 1]}, {"id": "d"}]
    records = [
        {"payloads": {"tokens": ["w", "x", "y", "z"], "entities": members}},
        {"payloads": {"tokens": None, "entities": []}},
    ]
    path = write(tmp_path / "d.jsonl", [json.dumps(record) for record in records])
    dataset = load_dataset(parse_schema(json.dumps(schema)), [path], tmp_path / "cache")
    assert dataset.payloads(np.arange(2)) == [
        {"tokens": ["w", "x", "y"], "entities": [{"id": "a", "range": [1, 2]}, {"id": "b"}, {"id": "c"}]},
        {"tokens": None, "entities": []},
    ]


def test_bad_lines_are_left_out_where_that_is_allowed(tmp_path):
    wrong = line(1, tasks={"Intent": {"new": "aeg"}, "POS": {"new": ["Q", None]}}, tags=["odd"])
    late = {"id": "nobody", "tasks": {"Intent": {"a": "age"}}}
    path = write(tmp_path / "d.jsonl", [line(0), wrong, line(2), line(0), late, line(3)])
    messages = []
    dataset = load(path, max_bad=3, observe=messages.append)
    rows = np.arange(3)
    assert dataset.ids(rows) == ["r0", "r2", "r3"]
    assert [len(payloads["tokens"]) for payloads in dataset.payloads(rows)] == [2, 2, 2]
    assert dataset.gather(rows).columns["tokens"].strings.tolist() == [
        [dataset.pool[text] for text in ("how", f"t{number}")] for number in (0, 2, 3)
    ]
    assert dataset.sources == ("a", "gold")
    assert dataset.tags.names == ()
    assert dataset.schema.task("POS").classes == ("N",)
    assert dataset.votes("Intent").unit.tolist() == [0, 0, 1, 1, 2, 2]
    assert messages[-1].message == "3 bad lines left out"


def test_data_without_a_record_is_refused(tmp_path):
    with pytest.raises(OvertonError, match=r"d\.jsonl: there is no record with payloads.*\[data.no-records\]"):
        load(write(tmp_path / "d.jsonl", [""]))


def test_a_folder_whose_name_is_no_text_holds_data_as_any_other(tmp_path):
    folder = tmp_path / os.fsdecode(b"jos\xe9")
    folder.mkdir()
    path = write(folder / "d.jsonl", [line(1), {"id": "r2", "payloads": 7}, {"payloads": {"tokens": ["x"]}}])
    assert load(path, max_bad=1).ids(np.arange(2)) == ["r1", "d.jsonl:3"]
    assert stored(path) != []
    with pytest.raises(OvertonError) as raised:
        load(path)
    assert raised.value.problems[0].path == str(path)


def test_files_without_a_record_are_named(tmp_path):
    files = [write(tmp_path / f"{name}.jsonl", [""]) for name in "abcdefg"]
    for some, path, told in (
        (files[:1], files[0], "there is no record with payloads"),
        (files[:2], tmp_path, "there is no record with payloads in a.jsonl, b.jsonl"),
        (files, tmp_path, "there is no record with payloads in a.jsonl, b.jsonl, c.jsonl, d.jsonl, e.jsonl and 2 more"),
    ):
        with pytest.raises(OvertonError) as fault:
            load(some)
        assert [(one.path, one.message) for one in fault.value.problems] == [(str(path), told)]


def test_the_later_line_wins_unit_by_unit(tmp_path):
    first = write(tmp_path / "a.jsonl", [{"id": "r1", "tasks": {"POS": {"a": ["V", "V"]}, "Intent": {"z": "age"}}}])
    second = write(tmp_path / "b.jsonl", [line(1)])
    third = write(tmp_path / "c.jsonl", [{"id": "r1", "tasks": {"POS": {"a": [None, "X"]}, "Intent": {"a": "height"}}}])
    dataset = load([third, first, second])
    votes = dataset.votes("POS")
    assert [votes.task.classes[label] for label in votes.label] == ["N", "X"]
    assert dataset.n_overridden("POS") == 2
    intent = dataset.votes("Intent")
    assert [intent.sources[source] for source in intent.source] == ["a", "gold", "z"]
    assert [intent.task.classes[label] for label in intent.label] == ["height", "height", "age"]


def test_late_labels_are_cut_where_their_record_was(tmp_path):
    long = {"id": "r", "payloads": {"tokens": list("abcdef"), "entities": [{"id": f"E{n}"} for n in range(5)]}}
    late = {"id": "r", "tasks": {"POS": {"a": list("ABCDEF")}, "Arg": {"a": 1, "b": 4, "c": {"0": 0.5, "4": 0.5}}}}
    dataset = load(write(tmp_path / "d.jsonl", [long, late]))
    votes = dataset.votes("POS")
    assert [votes.task.classes[label] for label in votes.label] == ["A", "B", "C", "D"]
    arg = dataset.votes("Arg")
    assert [(arg.sources[source], label) for source, label in zip(arg.source, arg.label, strict=True)] == [("a", 1)]
    assert arg.candidates.tolist() == [3]
    assert "1 record with more than 4 items in 'tokens': the rest of them is cut" in dataset.notes


@pytest.mark.parametrize(("own", "late"), [(0, 4), (4, 0), ({"0": 1.0}, {"0": 0.9, "4": 0.1}), (4, 3), (1, 4)])
def test_the_last_label_of_a_source_counts_though_it_names_a_member_that_is_cut(tmp_path, own, late):
    """A correction to such a member used to be lost, and what it corrects went on to count."""
    first = {"id": "r", "payloads": {"tokens": ["a"], "entities": [{"id": f"E{n}"} for n in range(5)]}}
    first["tasks"] = {"Arg": {"gold": own, "z": 2}}
    dataset = load(write(tmp_path / "d.jsonl", [first, {"id": "r", "tasks": {"Arg": {"gold": late}}}]))
    arg = dataset.votes("Arg")
    said = [("gold", late)] if late == 0 else []
    assert [(arg.sources[source], label) for source, label in zip(arg.source, arg.label, strict=True)] == [
        *said,
        ("z", 2),
    ]
    assert (dataset.n_overridden("Arg"), dataset.n_beyond("Arg")) == (1, 1 - len(said))
    assert len(arg.first) == len(arg.source) + 1


def test_an_absurd_member_of_a_late_label_costs_no_memory(tmp_path):
    first = {"id": "r", "payloads": {"tokens": ["a"], "entities": [{"id": "E"}]}, "tasks": {"Arg": {"z": 0}}}
    path = write(
        tmp_path / "d.jsonl", [first, {"id": "r", "tasks": {"Arg": {"gold": 10**9}}}] + [line(n) for n in range(30)]
    )
    tracemalloc.start()
    votes = load(path, max_bad=1).votes("Arg")
    assert tracemalloc.get_traced_memory()[1] < 100_000_000
    tracemalloc.stop()
    assert votes.label[0] == 0


def test_a_record_without_an_id_can_be_named_by_its_file_and_line(tmp_path):
    nameless = {"payloads": {"tokens": ["a"]}}
    late = {"id": "a.jsonl:2", "tasks": {"Intent": {"s": "age"}}}
    write(tmp_path / "a.jsonl", [line(0), nameless])
    write(tmp_path / "b.jsonl", [late])
    dataset = load([tmp_path / "a.jsonl", tmp_path / "b.jsonl"])
    assert dataset.ids(np.array([1])) == ["a.jsonl:2"]
    assert dataset.votes("Intent").unit.tolist() == [0, 0, 1]


def test_tags_that_come_late_count(tmp_path):
    late = [{"id": "r1", "tags": ["slice:new", "test"]}, {"id": "r1", "tags": ["slice:new"]}]
    dataset = load(write(tmp_path / "d.jsonl", [*(line(n, tags=["train"] if n != 1 else []) for n in range(3)), *late]))
    assert dataset.tags.rows("slice:new").tolist() == [1]
    assert dataset.splits.test.tolist() == [1]


def test_a_shard_that_nobody_asked_for_in_a_week_goes_when_another_is_made(tmp_path, data):
    """A file that is replaced every night would leave one each time."""
    long_ago = time.time() - PATIENCE - 1
    other = write(tmp_path / "o.jsonl", [line(number) for number in range(50, 60)])
    load([data, other])
    first = stored(data)
    write(data, [line(number) for number in range(30)])
    assert load([data, other]).n_records == 40
    assert len(stored(data)) == 6, "yesterday's is at hand"
    for path in (tmp_path / "rows").iterdir():
        os.utime(path, (long_ago, long_ago))
    assert load([data, other]).n_records == 40
    assert len(stored(data)) == 6, "what only reads removes nothing"
    write(data, [line(number) for number in range(20)])
    assert load([data, other]).n_records == 30
    left = [path for path in (tmp_path / "rows").iterdir() if path.suffix in SUFFIXES]
    assert len({path.stem for path in left}) == 3, "the one that was read today stays too"
    assert len([path for path in first if path.exists()]) == 2, "of the first ones, that of the other file"
