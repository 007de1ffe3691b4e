import gzip
import json
import tempfile
import unittest.mock
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import overton.data.encode.encoder
import overton.data.rows.votes
from overton.base import OvertonError
from overton.data import Record, RecordParser, gold_of, pack, tokenize
from overton.data.encode.encoder import RUN_BYTES, Encoder
from overton.data.faults.line import line_faults
from overton.data.files import check_data, load_dataset
from tests.data_records import SOURCES, data_sets, odd_lines, records
from tests.data_schema import SCHEMA
from tests.properties import examples

PARSER = RecordParser(SCHEMA)
GOOD = b'{"id": "g", "payloads": {"tokens": ["a", "b"]}, "tasks": {"Intent": {"s": "age"}}, "tags": ["train"]}'


def write(files, folder):
    paths = []
    for number, lines in enumerate(files):
        paths.append(folder / f"f{number}.jsonl")
        paths[-1].write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return paths


def loaded(files, folder):
    return load_dataset(SCHEMA, write(files, folder), folder / "rows")


def bases(files):
    """Records with payloads and their ids, as the files say them in order."""
    return [
        (line.get("id") or f"f{number}.jsonl:{place}", line)
        for number, lines in enumerate(files)
        for place, line in enumerate(lines, 1)
        if line.get("payloads") is not None
    ]


def in_memory(dataset, columns, task):
    """The votes of a task by record, unit within it and source, told from the files by plain means."""
    payload = dataset.schema.payload(task.payload)
    votes = {}
    row_of = {id_: row for row, (id_, _) in enumerate(bases(columns))}
    for number, lines in enumerate(columns):
        for place, line in enumerate(lines, 1):
            row = row_of[line.get("id") or f"f{number}.jsonl:{place}"]
            for source, label in (line.get("tasks", {}).get(task.name) or {}).items():
                units = [label] if dataset.schema.unit(task) == "record" else (label or [])[: payload.max_length]
                for unit, one in enumerate(units):
                    entries = entries_of(one, task, payload.max_length)
                    if entries is not None:
                        votes[row, unit, source] = entries
    return votes


def entries_of(label, task, max_length):
    """Class (or member) to probability, or None for an abstention."""
    if label is None:
        return None
    if isinstance(label, dict):
        outside = task.type == "select" and any(int(name) >= max_length for name in label)
        return None if outside else dict(label)
    if task.type == "bitvector":
        return dict.fromkeys(label, 1.0)
    if task.type == "select":
        return {str(label): 1.0} if label < max_length else None
    return {label: 1.0}


def votes_by_unit(votes):
    assert (np.diff(votes.unit * max(len(votes.sources), 1) + votes.source) > 0).all()
    assert votes.first[-1] == len(votes.label) == len(votes.probability)
    assert (votes.candidates is not None) == (votes.task.type == "select")
    record = np.searchsorted(votes.offsets, votes.unit, side="right") - 1
    found = {}
    for cell, (row, unit, source) in enumerate(zip(record, votes.unit, votes.source, strict=True)):
        entries = range(votes.first[cell], votes.first[cell + 1])
        names = {e: votes.task.classes[votes.label[e]] if votes.task.classes else str(votes.label[e]) for e in entries}
        key = (int(row), int(unit - votes.offsets[row]), votes.sources[source])
        assert key not in found
        found[key] = {names[e]: float(votes.probability[e]) for e in entries}
    return found


def cut_payloads(payloads):
    """What the store keeps of the payloads of a record, by plain means."""
    kept = {"tokens": None, "query": None, "entities": None, "labels": None, "title": None} | payloads
    tokens, entities = kept["tokens"], kept["entities"]
    if isinstance(entities, dict):
        entities = [entities[str(number)] for number in range(len(entities))]
    if tokens is not None:
        kept["tokens"] = tokens[:4]
    if entities is not None:
        kept["entities"] = [cut_member(member) for member in entities[:3]]
    return kept


def cut_member(member):
    start, end = member.get("range") or (4, 4)
    return {"id": member["id"], "range": [start, min(end, 4)]} if start < 4 else {"id": member["id"]}


@pytest.mark.long
@examples(8)
@given(data_sets(), st.sampled_from([300, RUN_BYTES]))
def test_what_is_stored_is_what_the_files_say(files, run_bytes):
    with (
        tempfile.TemporaryDirectory() as name,
        unittest.mock.patch.object(overton.data.encode.encoder, "RUN_BYTES", run_bytes),
    ):
        dataset = loaded(files, Path(name))
        expected = bases(files)
        rows = np.arange(dataset.n_records)
        assert dataset.ids(rows) == [id_ for id_, _ in expected]
        assert dataset.payloads(rows) == [cut_payloads(record["payloads"]) for _, record in expected]
        for task in dataset.schema.tasks:
            assert votes_by_unit(dataset.votes(task.name)) == in_memory(dataset, files, task)


@pytest.mark.long
@examples(8)
@given(data_sets(), st.sets(st.sampled_from([*SOURCES, "nobody"])), st.sampled_from([0, 0.5, 1]))
def test_votes_of_some_sources_are_those_among_all(files, wanted, few):
    with tempfile.TemporaryDirectory() as name, unittest.mock.patch.object(overton.data.rows.votes, "_FEW", few):
        dataset = loaded(files, Path(name))
        for task in dataset.schema.tasks:
            whole, part = dataset.votes(task.name), dataset.votes(task.name, wanted)
            assert (part.sources, part.offsets.tolist()) == (whole.sources, whole.offsets.tolist())
            said = {key: entries for key, entries in votes_by_unit(whole).items() if key[2] in wanted}
            assert votes_by_unit(part) == said


@pytest.mark.long
@examples(8)
@given(data_sets())
def test_gold_is_what_the_source_gold_says(files):
    with tempfile.TemporaryDirectory() as name:
        dataset = loaded(files, Path(name))
        for task in dataset.schema.tasks:
            votes = dataset.votes(task.name)
            gold = gold_of(votes)
            said = {key[:2]: entries for key, entries in votes_by_unit(votes).items() if key[2] == "gold"}
            units = {(row, unit): votes.offsets[row] + unit for row, unit in said}
            for place, entries in said.items():
                label = gold.label[units[place]]
                is_tied = task.type != "bitvector" and list(entries.values()).count(max(entries.values())) > 1
                assert gold.known[units[place]] != is_tied
                if is_tied:
                    assert label == -1
                elif task.type == "bitvector":
                    assert {c for c, bit in zip(task.classes, label, strict=True) if bit} == {
                        c for c, p in entries.items() if p >= 0.5
                    }
                else:
                    chosen = task.classes[label] if task.classes else str(label)
                    assert entries[chosen] == max(entries.values())
            assert gold.known.sum() <= len(said)


@pytest.mark.long
@examples(8)
@given(data_sets())
def test_tags_are_those_of_all_lines_of_a_record(files):
    with tempfile.TemporaryDirectory() as name:
        dataset = loaded(files, Path(name))
        row_of = {id_: row for row, (id_, _) in enumerate(bases(files))}
        expected = {}
        for number, lines in enumerate(files):
            for place, line in enumerate(lines, 1):
                for tag in line.get("tags", []):
                    expected.setdefault(tag, set()).add(row_of[line.get("id") or f"f{number}.jsonl:{place}"])
        assert dataset.tags.names == tuple(sorted(expected))
        for tag, rows in expected.items():
            assert dataset.tags.rows(tag).tolist() == sorted(rows)
            assert np.flatnonzero(dataset.tags.has(tag)).tolist() == sorted(rows)
        found = {tag: rows.tolist() for tag, rows in dataset.tags.rows_by_name("").items()}
        assert found == {tag: sorted(rows) for tag, rows in expected.items()}


@pytest.mark.long
@examples(8)
@given(data_sets(), st.randoms(use_true_random=False))
def test_gathering_is_packing_in_any_order(files, random):
    with tempfile.TemporaryDirectory() as name:
        dataset = loaded(files, Path(name))
        rows = [random.randrange(dataset.n_records) for _ in range(random.randrange(1, 6))]
        expected = bases(files)
        plain = [Record(payloads=expected[row][1]["payloads"]) for row in rows]
        parser = RecordParser(SCHEMA)
        parsed = [parser.parse(json.dumps(expected[row][1]).encode()) for row in rows]
        gathered = dataset.gather(np.array(rows))
        for packed in (pack(plain, SCHEMA, dataset.pool), pack(parsed, SCHEMA, dataset.pool)):
            assert packed.n_records == gathered.n_records == len(rows)
            assert list(packed.columns) == [payload.name for payload in SCHEMA.by_dependency()]
            for column_name, column in gathered.columns.items():
                other = packed.columns[column_name]
                for field in ("strings", "length", "present", "range"):
                    ours, theirs = getattr(column, field), getattr(other, field)
                    assert (ours is None) == (theirs is None), (column_name, field)
                    if ours is not None:
                        assert ours.dtype == theirs.dtype
                        assert ours.tolist() == theirs.tolist()


@pytest.mark.long
@examples(8)
@given(data_sets())
def test_a_record_is_the_same_whichever_file_it_stands_in(files):
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as many:
        files = [[{"id": f"{n}-{m}", **line} for m, line in enumerate(lines)] for n, lines in enumerate(files)]
        whole = loaded([[line for lines in files for line in lines]], Path(one))
        split = loaded(files, Path(many))
        rows = np.arange(whole.n_records)
        assert whole.ids(rows) == split.ids(rows)
        assert whole.payloads(rows) == split.payloads(rows)
        assert whole.schema == split.schema
        for task in whole.schema.tasks:
            assert votes_by_unit(whole.votes(task.name)) == votes_by_unit(split.votes(task.name))
            assert whole.n_overridden(task.name) == split.n_overridden(task.name)
        assert whole.tags.names == split.tags.names
        assert [split.tolist() for split in splits_of(whole)] == [other.tolist() for other in splits_of(split)]


def splits_of(dataset):
    return dataset.splits.train, dataset.splits.dev, dataset.splits.test


@pytest.mark.long
@examples(60)
@given(odd_lines())
def test_the_fast_path_refuses_a_line_just_where_it_has_a_fault(line):
    faults = line_faults(line, SCHEMA)
    encoder = Encoder(SCHEMA)
    chunk, suspects = encoder.encode([GOOD, line, GOOD])
    if faults:
        assert chunk is None
        assert 1 in suspects
    else:
        if chunk is None:
            chunk, suspects = encoder.encode([GOOD, line, GOOD], keys_counted=True)
        assert chunk is not None, suspects


@pytest.mark.long
@examples(60)
@given(odd_lines() | records().map(lambda record: json.dumps(record).encode()))
def test_a_parser_refuses_a_line_just_where_it_has_a_fault(line):
    faults = line_faults(line, SCHEMA)
    try:
        PARSER.parse(line)
        refused = False
    except OvertonError:
        refused = True
    assert refused == bool(faults)


@pytest.mark.long
@examples(8)
@given(st.lists(odd_lines() | records().map(lambda record: json.dumps(record).encode()), max_size=8))
def test_a_file_is_checked_line_by_line(lines):
    lines = [line for line in lines if line.strip() and b'"id"' in line]
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "d.jsonl.gz"
        path.write_bytes(gzip.compress(b"\n".join(lines), 1))
        found = check_data(SCHEMA, [path])
        assert found.n_lines == len(lines)
        by_code = {}
        for number, line in enumerate(lines, 1):
            for problem in line_faults(line, SCHEMA, str(path), number):
                by_code[problem.code] = by_code.get(problem.code, 0) + 1
        told = {}
        for problem in found.problems:
            told[problem.code] = told.get(problem.code, 0) + problem.count
        between = {
            "data.no-records",
            "record.id-clash",
            "record.unknown-id",
            "record.two-splits",
            "record.label-length",
            "record.select-index",
        }
        assert {code: n for code, n in told.items() if code not in between} == {
            code: n for code, n in by_code.items() if code not in between
        }


@given(st.text())
def test_tokens_are_the_text_without_its_white_space(text):
    assert "".join(tokenize(text)) == "".join(text.split())
