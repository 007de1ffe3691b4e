import json
import multiprocessing
import os
import threading
import unicodedata
from datetime import UTC, datetime
from pathlib import Path

import pytest

import overton
from overton.base import OvertonError
from overton.base.files import locked, write_atomic
from overton.data import Dataset
from overton.data.files import data_files, load_dataset
from overton.schema import parse_schema
from overton.web.edits import files
from overton.web.edits.files import append_lines, edits_name
from overton.web.edits.labels import Correction, correction_line, tag_lines
from tests.kinds import SCHEMA, write_kinds

TODAY = "edits-2026-03-01.jsonl"
# A label that fits the record below, and one unit of it, by task.
GOOD = {
    "Record": "red",
    "RecordBits": ["green"],
    "Token": ["O", "fruit"],
    "TokenBits": [["colour"], []],
    "Member": ["fruit"],
    "MemberBits": [[]],
    "Pick": 0,
    "Title": "long",
}
UNITS = {"Token": {"1": "fruit"}, "TokenBits": {"0": []}, "Member": {"0": "thing"}, "MemberBits": {"0": ["edible"]}}
RECORD = {
    "id": "here",
    "payloads": {"tokens": ["red", "apple"], "title": "red apple", "entities": [{"id": "apple", "range": [1, 2]}]},
    "tags": ["train"],
}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    write_kinds(tmp_path / "app", 30)
    (tmp_path / "app" / "data" / "a.jsonl").write_text(json.dumps(RECORD) + "\n")
    return tmp_path / "app"


def read(directory: Path) -> Dataset:
    schema = parse_schema(json.dumps(SCHEMA))
    return load_dataset(schema, data_files(directory / "data"), directory / ".overton" / "rows")


def said(dataset: Dataset, task: str, source: str, record: str = "here") -> list:
    """What a source says of the units of a record."""
    from overton.data import gold_of
    from overton.review import plain_label
    from overton.supervision import find_record

    row = find_record(dataset, record)
    found = gold_of(dataset.votes(task), source)
    units = range(int(found.offsets[row]), int(found.offsets[row + 1]))
    return [plain_label(found.label[unit], found.task.classes) if found.known[unit] else None for unit in units]


def write(directory: Path, correction: Correction) -> None:
    line = correction_line(read(directory), correction, TODAY)
    append_lines(directory / "data" / TODAY, [line])


def append_many(path: str, editor: int, count: int) -> None:
    for number in range(count):
        append_lines(Path(path), [{"id": f"{editor}-{number}", "tags": ["x" * 200]}])


def test_the_file_of_a_day_is_named_by_the_day_in_utc() -> None:
    late = datetime.fromisoformat("2026-03-01T23:30:00-05:00")
    assert edits_name(late) == "edits-2026-03-02.jsonl"
    assert edits_name() in (f"edits-{datetime.now(UTC):%Y-%m-%d}.jsonl", edits_name())


@pytest.mark.parametrize("task", GOOD)
def test_a_label_of_every_kind_of_task_is_a_vote_of_its_editor(task: str, directory: Path) -> None:
    write(directory, Correction("here", task, "ann", GOOD[task]))
    listed = task in UNITS
    assert said(read(directory), task, "ann") == (GOOD[task] if listed else [GOOD[task]])


@pytest.mark.parametrize("task", UNITS)
def test_single_tokens_and_members_are_corrected_and_the_others_left_open(task: str, directory: Path) -> None:
    write(directory, Correction("here", task, "ann", units=UNITS[task]))
    (place, label), n = next(iter(UNITS[task].items())), len(GOOD[task])
    assert said(read(directory), task, "ann") == [label if number == int(place) else None for number in range(n)]


def test_a_record_that_is_cut_is_corrected_at_its_full_length(directory: Path) -> None:
    write(directory, Correction("a long record", "Token", "ann", units={"3": "fruit"}))
    line = json.loads((directory / "data" / TODAY).read_text())
    assert len(line["tasks"]["Token"]["ann"]) == 40
    assert said(read(directory), "Token", "ann", "a long record")[3] == "fruit"


def test_the_later_line_wins_and_the_one_before_stays_as_it_is(directory: Path) -> None:
    write(directory, Correction("here", "Record", "ann", "red"))
    first = (directory / "data" / TODAY).read_text()
    write(directory, Correction("here", "Record", "ann", "other"))
    assert (directory / "data" / TODAY).read_text().startswith(first)
    assert said(read(directory), "Record", "ann") == ["other"]


@pytest.mark.long
@pytest.mark.parametrize(
    ("correction", "code", "hint"),
    [
        (Correction("here", "Record", "ann", "reed"), "record.unknown-label", "Did you mean 'red'"),
        (Correction("here", "Token", "ann", ["O"]), "record.label-length", "null abstains"),
        (Correction("here", "Token", "ann", units={"2": "O"}), "edits.units", ""),
        (Correction("here", "Token", "ann", units={"-1": "O"}), "edits.units", ""),
        (Correction("here", "Token", "ann", units={"9" * 5000: "O"}), "edits.units", ""),
        (Correction("here", "Record", "ann", units={"0": "red"}), "edits.units", "Give one label"),
        (Correction("here", "Pick", "ann", 1), "record.select-index", "count from 0"),
        (Correction("here", "Pick", "ann", -1), "record.select-index", "count from 0"),
        (Correction("here", "Pick", "ann", "apple"), "record.label-type", ""),
        (Correction("here", "RecordBits", "ann", "green"), "record.label-type", 'Write ["green"]'),
        (Correction("here", "MemberBits", "ann", [["eatable"]]), "record.unknown-label", ""),
        (Correction("here", "Recrod", "ann", "red"), "application.unknown-task", "Did you mean 'Record'"),
        (Correction("heer", "Record", "ann", "red"), "sources.unknown-record", "Did you mean 'here'"),
        (Correction("here", "Record", "ann lee", "red"), "base.bad-name", ""),
        (Correction("here", "Record", "", "red"), "base.bad-name", ""),
        (Correction("here", "Record", "a\u202eb", "red"), "base.bad-name", ""),
        (Correction("here", "Record", "combined", "red"), "edits.reserved", "a name of your own"),
        (Correction("here", "Record", "Gold", "red"), "edits.near-gold", "Write 'gold'"),
        (Correction("here", "Record", "GOLD", "red"), "edits.near-gold", "Write 'gold'"),
        (Correction("here", "Record", "ann", ""), "record.empty-label", "null to abstain"),
        (Correction("here", "Record", "ann", None), "edits.nothing", ""),
        (Correction("here", "Token", "ann", [None, None]), "edits.nothing", ""),
    ],
)
def test_what_does_not_fit_is_told_and_not_written(
    correction: Correction, code: str, hint: str, directory: Path
) -> None:
    with pytest.raises(OvertonError) as caught:
        write(directory, correction)
    assert caught.value.problems[0].code == code
    assert hint in caught.value.problems[0].hint
    assert not (directory / "data" / TODAY).exists()


@pytest.mark.parametrize("editor", ["müller", "田中", "mu\u0308ller", "ann.lee-2", "สุดา", "प्रिया"])
def test_an_editor_is_named_in_any_script(editor: str, directory: Path) -> None:
    write(directory, Correction("here", "Record", editor, "other"))
    assert said(read(directory), "Record", unicodedata.normalize("NFC", editor)) == ["other"]


def test_gold_of_any_other_file_is_corrected(directory: Path) -> None:
    gold = {"id": "here", "tasks": {"Record": {"gold": "red"}}}
    (directory / "data" / "test.jsonl").write_text(json.dumps(gold) + "\n")
    write(directory, Correction("here", "Record", "gold", "other"))
    dataset = read(directory)
    assert said(dataset, "Record", "gold") == ["other"]
    assert list(dataset.files)[-1] == TODAY


def test_a_correction_that_edits_of_a_later_day_would_undo_is_refused(directory: Path) -> None:
    gold = {"id": "here", "tasks": {"Record": {"gold": "red"}}}
    (directory / "data" / "edits-2026-03-02.jsonl").write_text(json.dumps(gold) + "\n")
    with pytest.raises(OvertonError) as caught:
        write(directory, Correction("here", "Record", "gold", "other"))
    assert caught.value.problems[0].code == "edits.overruled"
    assert "edits-2026-03-02.jsonl" in caught.value.problems[0].message
    write(directory, Correction("here", "Record", "ann", "other"))
    write(directory, Correction("here", "Title", "gold", "long"))


def test_records_are_tagged_once(directory: Path) -> None:
    lines = tag_lines(read(directory), ["here", "r1", "here"], "slice:odd")
    append_lines(directory / "data" / TODAY, lines)
    dataset = read(directory)
    assert sorted(dataset.ids(dataset.tags.rows("slice:odd"))) == ["here", "r1"]
    assert tag_lines(dataset, ["here"], "slice:odd") == []
    for ids, tag, code in (
        (["here"], "test", "tagging.split"),
        (["here"], "Slice:odd", "tagging.bad-name"),
        (["heer"], "slice:odd", "sources.unknown-record"),
    ):
        with pytest.raises(OvertonError) as caught:
            tag_lines(dataset, ids, tag)
        assert caught.value.problems[0].code == code


def test_a_last_line_without_its_end_gets_one_first(tmp_path: Path) -> None:
    path = tmp_path / TODAY
    path.write_text('{"id": "a", "tags": ["x"]}')
    done = append_lines(path, [{"id": "b", "tags": ["y"]}, {"id": "c", "tags": ["z"]}])
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == ["a", "b", "c"]
    assert (done.line, done.count) == (2, 2)
    assert append_lines(path, [{"id": "d"}]).line == 4


def test_a_line_goes_to_the_file_that_has_the_place_when_its_turn_comes(tmp_path: Path) -> None:
    path = tmp_path / "edits.jsonl"
    with locked(path):
        editor = threading.Thread(target=append_lines, args=(path, [{"id": "b"}]))
        editor.start()
        editor.join(0.1)  # it has opened the file, and waits
        write_atomic(path, '{"id":"a"}\n')
    editor.join()
    assert path.read_text() == '{"id":"a"}\n{"id":"b"}\n'


@pytest.mark.long
def test_what_many_processes_and_threads_append_at_once_is_all_there(tmp_path: Path) -> None:
    path = tmp_path / TODAY
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=append_many, args=(str(path), number, 40)) for number in range(3)]
    threads = [threading.Thread(target=append_many, args=(str(path), number, 40)) for number in range(3, 9)]
    for one in (*processes, *threads):
        one.start()
    for one in (*processes, *threads):
        one.join()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert sorted(line["id"] for line in lines) == sorted(f"{k}-{n}" for k in range(9) for n in range(40))
    for editor in range(9):  # each editor's lines stand in the order in which they were said
        own = [int(line["id"].split("-")[1]) for line in lines if line["id"].startswith(f"{editor}-")]
        assert own == list(range(40))


def test_of_a_full_disk_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / TODAY
    append_lines(path, [{"id": "a"}])
    before, real = path.read_bytes(), os.write
    monkeypatch.setattr(files.os, "write", lambda handle, content: real(handle, content[:5]))
    with pytest.raises(OvertonError) as caught:
        append_lines(path, [{"id": "b"}])
    monkeypatch.undo()
    assert caught.value.problems[0].code == "edits.not-written"
    assert path.read_bytes() == before
    append_lines(path, [{"id": "c"}])
    assert len(path.read_text().splitlines()) == 2


def test_an_application_with_edits_has_no_fault(directory: Path) -> None:
    for task, label in GOOD.items():
        write(directory, Correction("here", task, "ann", label))
    assert overton.load(directory).check().problems == ()
