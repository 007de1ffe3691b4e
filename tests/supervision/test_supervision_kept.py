import json
import os
import shutil
import threading

import numpy as np
import pytest

import overton
import overton.data.rows.votes
from overton.combining import Tallies, combine_votes
from overton.data.files import load_dataset
from overton.data.files.container import SectionWriter
from overton.supervision import bring_up_to_date
from overton.supervision.files import FORMAT, load_kept, save_kept
from overton.supervision.tally import count
from tests.kinds import write_kinds
from tests.supervision.test_supervision_tally import assert_same

TASKS = ("Record", "RecordBits", "Token", "TokenBits", "Member", "MemberBits", "Pick", "Title")


@pytest.fixture
def home(tmp_path):
    """The application of all kinds, the votes of one more source standing in a file of their own."""
    write_kinds(tmp_path / "app", 60)
    write_late(tmp_path / "app", "late.jsonl", "late", 0)
    return tmp_path / "app"


def write_late(home, name, source, step, n=30):
    """Labels of a source for the first records, every `step` another."""
    said = {"Record": ("red", "other"), "Title": ("short", "long")}
    lines = [
        {"id": f"r{number}", "tasks": {task: {source: labels[(number + step) % 2]} for task, labels in said.items()}}
        for number in range(n)
    ]
    write_lines(home / "data" / name, lines)


def write_lines(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    os.utime(path, (1, 1))


def read_lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def tallies_of(application):
    """The tally of every task as combining leaves it on disk."""
    tallies = application._tallies()
    dataset = application.dataset()
    for task in TASKS:
        combine_votes(dataset, task, tallies=tallies)
    return {task: tallies.load(task).tally for task in TASKS}


def assert_fresh(application):
    """What is kept is what a new application would count, and gives the same targets."""
    dataset, tallies = application.dataset(), application._tallies()
    for task in TASKS:
        found, expected = combine_votes(dataset, task, tallies=tallies), combine_votes(dataset, task)
        assert_same(tallies.load(task).tally, count(dataset.votes(task)))
        assert found.targets.index.tolist() == expected.targets.index.tolist()
        assert found.targets.table.tobytes() == expected.targets.table.tobytes()
        assert found.accuracy == expected.accuracy


class Watched(dict):
    """Sections of a shard that remember which were looked at."""

    def __init__(self, sections, seen):
        super().__init__(sections)
        self.seen = seen

    def __getitem__(self, name):
        self.seen.add(name)
        return super().__getitem__(name)


def watch(dataset):
    """Which sections of votes of each data file are looked at from now on."""
    seen = {}
    for shard in dataset.joined.shards:
        object.__setattr__(shard, "votes", Watched(shard.votes, seen.setdefault(shard.name, set())))
    return seen


def test_a_tally_comes_back_from_disk_as_it_was(home, tmp_path):
    dataset = overton.load(home).dataset()
    for task in TASKS:
        kept = bring_up_to_date(dataset, task, None)
        save_kept(tmp_path / "votes" / task, task, kept)
        found = load_kept(tmp_path / "votes" / task, task)
        assert found.stamps == kept.stamps
        assert_same(found.tally, kept.tally)


def test_votes_are_counted_once(home, monkeypatch):
    application = overton.load(home)
    tallies_of(application)
    before = {path: path.stat().st_mtime_ns for path in (home / ".overton" / "votes").iterdir()}
    assert {path.name for path in before} == {f"{task}.tally" for task in TASKS}
    monkeypatch.setattr("overton.supervision.kept.count", lambda votes: pytest.fail("votes were counted"))
    tallies_of(overton.load(home))
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_an_edit_of_one_source_reads_the_votes_of_its_file_alone(home):
    application = overton.load(home)
    before = tallies_of(application)
    write_late(home, "late.jsonl", "late", 1)
    dataset, tallies = application.dataset(), application._tallies()
    seen = watch(dataset)
    kept = {task: tallies.load(task) for task in TASKS}
    found = {task: bring_up_to_date(dataset, task, kept[task]) for task in TASKS}
    numbers = [task.name for task in dataset.schema.tasks]
    values = {name: {section for section in sections if "value" in section} for name, sections in seen.items()}
    expected = {f"{prefix}{numbers.index(task)}.value" for task in ("Record", "Title") for prefix in ("", "late.")}
    assert values == {"late.jsonl": expected, "records.jsonl": set()}
    for task in TASKS:
        if task in ("Record", "Title"):
            assert found[task].tally.patterns.index.tolist() != before[task].patterns.index.tolist()
        else:
            assert found[task] is kept[task]
    assert_fresh(application)


def edit_records(change):
    def edit(home):
        path = home / "data" / "records.jsonl"
        write_lines(path, change(read_lines(path)))

    return edit


def add(*lines):
    return lambda home: write_lines(home / "data" / "zz.jsonl", lines)


def shorten(lines):
    """The first record with members, but without labels of them, loses the last of them."""
    long = next(line for line in lines[::7] if line["payloads"].get("entities"))
    long["payloads"]["entities"].pop()
    return lines


EDITS = {
    "a source goes": lambda home: (home / "data" / "late.jsonl").unlink(),
    "a source is renamed": lambda home: write_late(home, "late.jsonl", "a new name", 0),
    "a later file overrides": lambda home: write_late(home, "zz.jsonl", "late", 1, n=10),
    "a source votes in two files": lambda home: write_late(home, "zz.jsonl", "rule", 1, n=10),
    "gold comes": lambda home: write_late(home, "zz.jsonl", "gold", 1, n=10),
    "a file is renamed": lambda home: shutil.move(home / "data" / "late.jsonl", home / "data" / "a.jsonl"),
    "a source and a class come": add({"id": "r1", "tasks": {"Record": {"x": "a new class"}}}),
    "an empty file comes": add(),
    "a record comes": add({"id": "new", "payloads": {"tokens": ["red", "car"]}}),
    "a tag comes": add({"id": "r2", "tags": ["slice:odd"]}),
    "records change their order": edit_records(lambda lines: lines[::-1]),
    "a record without late labels goes": edit_records(lambda lines: lines[:-1]),
    "a set shrinks": edit_records(shorten),
    "all other votes go": edit_records(lambda lines: [{**line, "tasks": {}} for line in lines]),
}


# What becomes of a file of labels alone differs from edit to edit only where the records themselves change.
OF_RECORDS = ("records change their order", "a record without late labels goes", "a set shrinks", "a record comes")
APART = [pytest.param(edit, True, marks=[] if edit in OF_RECORDS else pytest.mark.slow) for edit in EDITS]


@pytest.mark.long
@pytest.mark.parametrize(("edit", "apart"), [*((edit, False) for edit in EDITS), *APART])
def test_after_any_edit_targets_are_those_of_a_fresh_application(home, edit, apart):
    if apart:
        records = home / "data" / "records.jsonl"
        labels = [{"id": line["id"], "tasks": line.get("tasks", {})} for line in read_lines(records)]
        write_lines(home / "data" / "all-labels.jsonl", labels[:-1])
        edit_records(lambda lines: [{**line, "tasks": {}} for line in lines])(home)
    tallies_of(overton.load(home))
    EDITS[edit](home)
    assert_fresh(overton.load(home))


@pytest.mark.long
@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"something else"),
        lambda path: path.write_bytes(path.read_bytes()[:-100]),
        lambda path: path.write_bytes(path.read_bytes()[:-90] + b"\xff" * 80 + path.read_bytes()[-10:]),
        lambda path: save_container(path, {}),
        lambda path: save_container(path, meta(format=FORMAT)),
    ],
)
def test_a_damaged_or_foreign_file_is_told_and_counted_again(home, spoil):
    application = overton.load(home)
    before = tallies_of(application)
    spoil(home / ".overton" / "votes" / "Record.tally")
    messages = []
    tallies = application._tallies(lambda event: messages.append(event.message))
    combine_votes(application.dataset(), "Record", tallies=tallies)
    assert len(messages) == 1
    assert "Record.tally cannot be used: " in messages[0]
    assert messages[0].endswith("; the votes are counted again")
    assert_same(tallies.load("Record").tally, before["Record"])


@pytest.mark.parametrize("changed", [{"format": 999}, {"task": "Other"}])
def test_a_file_of_another_format_or_task_is_left_aside_silently(home, changed):
    application = overton.load(home)
    tallies_of(application)
    path = home / ".overton" / "votes" / "Record.tally"
    save_container(path, meta(**changed))
    assert load_kept(path, "Record", observe=lambda event: pytest.fail(event.message)) is None


def meta(**changed):
    return {"format": FORMAT, "task": "Record", "records": "", "stamps": {}, "sources": [], "classes": []} | changed


def save_container(path, content):
    with SectionWriter(path.parent) as writer:
        for name in ("index", "row", "source", "first", "label", "weight", "count", "n_options"):
            writer.append(name, np.zeros(3, np.int64))
        writer.save(path, "tally", content)


def test_processes_that_write_at_once_leave_a_whole_file(home, tmp_path):
    kept = bring_up_to_date(overton.load(home).dataset(), "Record", None)
    path = tmp_path / "votes" / "Record.tally"
    writers = [threading.Thread(target=save_kept, args=(path, "Record", kept)) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert_same(load_kept(path, "Record").tally, kept.tally)
    assert [file.name for file in path.parent.iterdir()] == ["Record.tally"]


def forgiving(home, previous):
    """A data set of which bad lines are left out, and its counted votes."""
    application = overton.load(home)
    rows = home / ".overton" / "rows"
    dataset = load_dataset(application.schema, application.data_files, rows, max_bad=9)
    return dataset, bring_up_to_date(dataset, "Record", previous)


def test_a_late_label_that_no_longer_counts_is_seen(home):
    write_lines(home / "data" / "free.jsonl", [{"id": "free", "payloads": {"title": "of no split"}}])
    write_lines(home / "data" / "zz.jsonl", [{"id": "free", "tags": ["test"], "tasks": {"Record": {"z": "red"}}}])
    _, first = forgiving(home, None)
    write_lines(home / "data" / "yy.jsonl", [{"id": "free", "tags": ["dev"]}])
    dataset, second = forgiving(home, first)
    assert "z" not in {dataset.sources[source] for source in second.tally.patterns.cells.source}
    assert_same(second.tally, count(dataset.votes("Record")))


def test_labels_of_a_record_that_lost_its_id_to_another_are_seen_to_go(home):
    for name, source in (("x1.jsonl", "one"), ("x2.jsonl", "two")):
        twin = {"id": "twin", "payloads": {"title": "the same"}, "tasks": {"Record": {source: "red"}}}
        write_lines(home / "data" / name, [twin])
    _, first = forgiving(home, None)
    shutil.move(home / "data" / "x1.jsonl", home / "data" / "x3.jsonl")
    dataset, second = forgiving(home, first)
    assert second.stamps.records == first.stamps.records
    assert "one" not in {dataset.sources[source] for source in second.tally.patterns.cells.source}
    assert_same(second.tally, count(dataset.votes("Record")))


def test_a_set_that_shrinks_below_a_vote_that_still_fits_is_seen(home):
    def write_set(n_members):
        members = [{"id": f"M{number}"} for number in range(n_members)]
        write_lines(home / "data" / "set.jsonl", [{"id": "set", "payloads": {"entities": members}}])

    write_lines(home / "data" / "zz.jsonl", [{"id": "set", "tasks": {"Pick": {"p": 0}}}])
    write_set(3)
    tallies_of(overton.load(home))
    write_set(2)
    assert_fresh(overton.load(home))


def test_a_place_for_tallies_is_asked_and_told_once_a_task(home):
    dataset = overton.load(home).dataset()
    kept = {}
    tallies = Tallies(load=kept.get, save=kept.__setitem__)
    first = combine_votes(dataset, "Record", tallies=tallies)
    tallies = Tallies(load=kept.get, save=lambda task, kept: pytest.fail("nothing has changed"))
    assert combine_votes(dataset, "Record", tallies=tallies).accuracy == first.accuracy
