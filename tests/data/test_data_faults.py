import json
from pathlib import Path

import pytest

from overton.base import OvertonError, render_problems
from overton.data import RecordParser
from overton.data.encode.encoder import Encoder
from overton.data.faults.line import line_faults
from overton.data.files import check_data
from overton.schema import parse_schema
from tests.data_schema import SCHEMA
from tests.golden import check_cases, load_cases

CASES = sorted((Path(__file__).parents[1] / "cases" / "data").glob("*.txt"))
LINES = sorted({line for path in CASES for case in load_cases(path) for line in case.input.splitlines()})
GOOD = b'{"id": "a", "payloads": {"tokens": ["a", "b"]}, "tasks": {"Intent": {"s": "age"}}, "tags": ["train"]}'


@pytest.mark.long
@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_every_fault_of_a_data_file_is_told_in_full(path, update_golden, tmp_path):
    def faults(text):
        (tmp_path / "d.jsonl").write_text(text, encoding="utf-8")
        found = check_data(SCHEMA, [tmp_path / "d.jsonl"])
        return render_problems(found.problems).replace(f"{tmp_path}/", "") or "no fault"

    check_cases(path, faults, update=update_golden)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_cases_of_a_fault_show_it(path):
    code = f"[record.{path.stem.replace('_', '-')}]"
    assert path.stem == "every_fault_at_once" or any(code in case.expected for case in load_cases(path))


@pytest.mark.parametrize("line", LINES)
def test_the_fast_path_suspects_exactly_the_lines_that_have_faults(line):
    encoder = Encoder(SCHEMA)
    lines = [GOOD, line.encode(), GOOD]
    has_fault = bool(line_faults(line.encode(), SCHEMA))
    chunk, suspects = encoder.encode(lines)
    assert not has_fault or 1 in suspects
    if not has_fault and suspects:
        chunk, suspects = encoder.encode(lines, keys_counted=True)
    assert (chunk is None) == has_fault


@pytest.mark.parametrize("line", LINES)
def test_a_parser_raises_all_faults_of_a_line_and_only_of_a_wrong_one(line):
    parser = RecordParser(SCHEMA)
    faults = parser.faults(line.encode(), "d.jsonl", 3)
    if not faults:
        assert parser.parse(line.encode())
        return
    with pytest.raises(OvertonError) as error:
        parser.parse(line.encode())
    assert [problem.message for problem in error.value.problems] == [problem.message for problem in faults]


def test_bytes_that_are_not_utf8_are_told_with_their_place():
    (found,) = line_faults(b'{"id": "\xff"}', SCHEMA, "d.jsonl", 7)
    assert str(found) == (
        "d.jsonl:7: byte 9 of the line is 0xff, which is not UTF-8. Save the file as UTF-8 [record.not-utf8]"
    )


def test_a_file_in_utf16_is_recognised():
    (found, *_) = line_faults('{"id": "a"}'.encode("utf-16"), SCHEMA)
    assert found.hint == "Save the file as UTF-8; this one looks like UTF-16"


def test_nesting_without_end_is_a_fault_and_no_crash():
    for line in (b"[" * 100_000, b'{"tasks": ' * 100_000, b'{"id": "a", "payloads": ' + b"[" * 900 + b"]" * 900 + b"}"):
        assert line_faults(line, SCHEMA)
        assert Encoder(SCHEMA).encode([GOOD, line]) == (None, [1])


@pytest.mark.long
def test_a_value_that_can_just_be_read_is_told_though_it_is_too_deep_to_be_shown():
    for depth in range(800, 1000):
        assert line_faults(b'{"payloads": {"tokens": [%b]}}' % (b"[" * depth + b"]" * depth), SCHEMA)


def test_a_number_of_thousands_of_digits_is_a_fault_and_no_crash():
    line = b'{"id": "a", "payloads": {"entities": []}, "tasks": {"Arg": {"s": ' + b"9" * 5000 + b"}}}"
    assert line_faults(line, SCHEMA)[0].code == "record.bad-json"
    assert Encoder(SCHEMA).encode([GOOD, line])[0] is None


def test_of_a_line_with_faults_without_end_the_first_thousand_are_told():
    line = json.dumps({"payloads": {"tokens": [1] * 100_000}, "tags": ["Test"]}).encode()
    assert len(line_faults(line, SCHEMA)) == 1_000


def test_a_closed_parser_refuses_a_record_without_payloads():
    line = b'{"id": "a", "tasks": {"Intent": {"s": "age"}}}'
    assert RecordParser(SCHEMA).parse(line).id == "a"
    with pytest.raises(OvertonError, match=r"the record has no payloads.*\[record.no-payloads\]"):
        RecordParser(SCHEMA, closed=True).parse(line)


def test_a_key_that_stands_twice_is_seen_where_two_sets_read_one_field():
    payloads = {
        "tokens": {"type": "sequence"},
        "linked": {"type": "set", "range": "tokens", "field": "entities"},
        "listed": {"type": "set", "field": "entities"},
    }
    tasks = {"Pick": {"payload": "listed", "type": "select"}, "Link": {"payload": "linked", "type": "select"}}
    parser = RecordParser(parse_schema(json.dumps({"payloads": payloads, "tasks": tasks})))
    right = b'{"payloads": {"tokens": ["b"], "entities": [{"id": "x", "range": [0, 1]}]}}'
    assert parser.parse(right).payloads["tokens"] == ["b"]
    with pytest.raises(OvertonError, match="'tokens' appears twice"):
        parser.parse(right.replace(b'"tokens": ["b"]', b'"tokens": ["a"], "tokens": ["b"]'))
    with pytest.raises(OvertonError, match="which has 1 token"):
        parser.parse(right.replace(b"[0, 1]", b"[0, 2]"))


def test_a_parsed_record_says_what_the_line_says():
    line = {"id": "a", "payloads": {"tokens": ["a"], "title": None}, "tasks": {"POS": {"s": ["X"]}}, "tags": ["dev"]}
    record = RecordParser(SCHEMA).parse(json.dumps(line).encode())
    assert (record.id, record.payloads, record.tasks, record.tags) == tuple(line.values())
    empty = RecordParser(SCHEMA).parse(b'{"payloads": {}}')
    assert (empty.id, empty.payloads, empty.tasks, empty.tags) == (None, {}, {}, [])


def test_what_a_failed_chunk_brought_is_forgotten():
    encoder = Encoder(SCHEMA)
    tasks = b'{"POS": {"s": ["New"]}, "Bits": {"t": [["N"]]}}'
    bad = b'{"id": "b", "payloads": {"tokens": ["new"]}, "tasks": ' + tasks + b', "tags": ["n"]}'
    assert encoder.encode([GOOD, bad])[0] is None
    assert encoder.encode([GOOD])[0] is not None
    assert encoder.strings.texts == ["a", "b"]
    assert encoder.sources.seen == ["s"]
    assert encoder.tags.seen == ["train"]
    assert [known.classes.seen for known in encoder.tasks][:2] == [[], ["k", "l", "m"]]


def test_a_class_that_is_like_none_of_many_says_where_a_new_one_is_declared(tmp_path):
    classes = [f"class_{letter * 3}" for letter in "abcdefghijklmnop"]
    declared = {
        "payloads": {"text": {"type": "singleton"}},
        "tasks": {"Kind": {"payload": "text", "type": "multiclass", "classes": classes}},
    }
    schema = parse_schema(json.dumps(declared))
    (tmp_path / "d.jsonl").write_text('{"payloads": {"text": "a"}, "tasks": {"Kind": {"s": "furniture"}}}\n')
    (problem,) = check_data(schema, [tmp_path / "d.jsonl"]).problems
    assert problem.hint == "Correct it, or add it to the 'classes' of the task in schema.json"
