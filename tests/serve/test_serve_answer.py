import json
from codecs import BOM_UTF8

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from overton.artifact import Runtime
from overton.data import RecordParser
from overton.serve import Limits, Model, answer
from tests.properties import examples
from tests.serve.fuzz import requests
from tests.tiny_artifact import RECORD, tiny_artifact

MODEL = Model.of(Runtime(tiny_artifact()), "v1")


def ask(value: object, query: str = "", **limits: int) -> tuple[int, dict]:
    body = value if isinstance(value, bytes) else msgspec.json.encode(value)
    said = answer(MODEL, body, query, Limits(**limits))
    return said.status, msgspec.json.decode(said.body)


def ask_lines(*lines: object, **limits: int) -> tuple[int, list[dict], str]:
    body = b"\n".join(line if isinstance(line, bytes) else msgspec.json.encode(line) for line in lines)
    said = answer(MODEL, body, "", Limits(**limits), lines=True)
    return said.status, [msgspec.json.decode(line) for line in said.body.splitlines()], said.media_type


def problems(value: object, query: str = "", **limits: int) -> list[tuple[str, str]]:
    status, said = ask(value, query, **limits)
    assert 400 <= status < 500
    return [(problem["code"], problem.get("field", "")) for problem in said["problems"]]


def test_a_record_gets_a_label_for_each_task():
    status, said = ask(RECORD)
    assert status == 200
    assert (said["id"], said["version"]) == ("q17", "v1")
    assert said["tasks"]["Intent"] in ("age", "height")
    assert said["tasks"]["IntentArg"] in (0, 1)
    assert len(said["tasks"]["POS"]) == len(said["tasks"]["EntityType"]) == 5


def test_a_record_needs_no_id():
    assert ask({"payloads": RECORD["payloads"]})[1]["id"] is None


def test_probabilities_are_given_where_they_are_asked_for():
    status, said = ask(RECORD, "probabilities=true")
    assert status == 200
    assert sum(said["tasks"]["Intent"].values()) == pytest.approx(1, abs=0.01)
    assert ask(RECORD, "probabilities=false") == ask(RECORD)


def test_several_records_are_answered_in_their_order():
    other = {"id": "other", "payloads": {"tokens": ["a"], "query": "a", "entities": []}}
    status, said = ask({"records": [RECORD, other, RECORD]})
    assert status == 200
    assert said["version"] == "v1"
    assert [record["id"] for record in said["records"]] == ["q17", "other", "q17"]
    assert said["records"][1]["tasks"] == ask(other)[1]["tasks"]
    assert said["records"][1]["tasks"]["IntentArg"] is None


def test_a_record_a_line_is_answered_by_a_line_each():
    status, said, media_type = ask_lines(RECORD, b"", {"payloads": RECORD["payloads"]}, RECORD)
    assert (status, media_type) == (200, "application/x-ndjson")
    assert [line["id"] for line in said] == ["q17", None, "q17"]
    assert said[0] == ask(RECORD)[1]
    assert ask_lines() == (200, [], "application/x-ndjson")


def test_the_faults_of_lines_tell_their_numbers_and_refuse_all_lines():
    status, said, media_type = ask_lines(RECORD, {"payloads": {"tokens": 3}}, RECORD, {"id": "no payloads"})
    assert (status, media_type) == (422, "application/json")
    assert [problem["field"].partition(":")[0] for problem in said[0]["problems"]] == ["line 2", "line 4"]
    said = ask_lines(b"", b" ", RECORD, b"", {"payloads": {"tokens": 3}})[1]
    assert said[0]["problems"][0]["field"] == "line 5: $.payloads.tokens"
    assert ask_lines(RECORD, b"{")[0] == 400
    assert ask_lines(RECORD, b"[" * 100)[0] == 422
    assert ask_lines(RECORD, RECORD, RECORD, max_records=2)[0] == 413


def test_of_very_many_faults_no_more_are_looked_for_than_are_quickly_found():
    """Each costs a look for what was perhaps meant: a request of a megabyte held up all others for seconds."""
    wrong = {**RECORD, "tasks": {f"task{number}": 0 for number in range(300)}}
    for many in ({"records": [wrong] * 200}, b"\n".join([msgspec.json.encode(wrong)] * 200)):
        said = ask(many)[1] if isinstance(many, dict) else ask_lines(many)[1][0]
        assert len(said["problems"]) == 100
        assert said["more"] < 1300
    said = ask(RECORD, "&".join(["probabilties"] * 5000))[1]
    assert said["more"] == 900


def test_half_of_a_character_beside_another_fault_is_told():
    found = ask({**RECORD, "tasks": {"Intent": "half"}})[1]["problems"]
    assert [problem["code"] for problem in found] == ["record.label-type"]
    half = msgspec.json.encode({**RECORD, "tasks": {"Intent": "half"}}).replace(b'"half"', b'"\\ud800"')
    assert problems(half) == [("record.bad-json", "$"), ("record.label-type", "$.tasks.Intent")]


def test_a_label_of_a_class_that_came_after_the_build_changes_nothing():
    labelled = {**RECORD, "tasks": {"Intent": {"crowd": "weight", "gold": {"weight": 1}}, "EntityType": None}}
    assert ask(labelled) == ask(RECORD)
    wide = {"EntityType": {"crowd": [["river"], [], [], [], ["title"]]}}
    assert ask({"records": [{**RECORD, "tasks": wide}]}) == ask({"records": [RECORD]})
    assert problems({**RECORD, "tasks": {"Intnt": {"crowd": "age"}}}) == [("record.unknown-task", "$.tasks.Intnt")]


def test_what_gives_something_of_which_nothing_can_be_predicted_is_answered_with_a_note():
    mistaken = {"payloads": {"query": "how tall is lincoln"}}
    (note,) = ask(mistaken)[1]["notes"]
    assert note == "nothing could be predicted from 'query' alone; the record lacks 'entities', 'tokens'"
    assert set(ask(mistaken)[1]["tasks"].values()) == {None}
    for nothing in ({}, {"query": None}, {"tokens": [], "query": ""}):
        assert "notes" not in ask({"payloads": nothing})[1], "it is answered as it asked"
    assert "notes" not in ask(RECORD)[1]
    assert "notes" not in ask(RECORD, "probabilities=true")[1]
    several = ask({"records": [RECORD, mistaken]})[1]["records"]
    assert [one.get("notes") for one in several] == [None, [note]]
    assert [one.get("notes") for one in ask_lines(RECORD, mistaken)[1]] == [None, [note]]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "there is no record, the body is empty"),
        (b" \n", "there is no record, the body is empty"),
        (b'{"payloads": {', "the JSON ends in the middle of the record"),
        (b'{"id": "\xff"}', "byte 9 is 0xff, which is not UTF-8"),
        (b"[1]", "expected an object, got [1]"),
        (b'[{"payloads": {}}]', "expected one record, got a list"),
        (b'{"payloads": {}},', "expected one record, got a list"),
    ],
)
def test_what_is_wrong_with_a_request_is_told_without_a_word_of_files(body, said):
    (problem,) = ask(body)[1]["problems"]
    assert problem["message"] == said
    assert problem["hint"]
    assert not {"file", "line"} & set(" ".join(problem.values()).lower().replace(".", " ").split())


def test_a_mark_of_byte_order_is_passed_over_as_in_files():
    for value in (RECORD, {"records": [RECORD]}):
        assert ask(BOM_UTF8 + msgspec.json.encode(value)) == ask(value)
    assert ask_lines(BOM_UTF8 + msgspec.json.encode(RECORD)) == ask_lines(RECORD)


def test_what_is_predicted_is_counted():
    model = Model.of(Runtime(tiny_artifact()), "v1")
    body = msgspec.json.encode({"records": [RECORD] * 40})
    assert answer(model, body, "probabilities=true").status == 200
    assert model.tally.records == 40
    labels = model.tally.labels()
    assert sum(labels["Intent"].values()) == 40
    assert sum(labels["POS"].values()) == 200
    assert labels["IntentArg"] == {"(none)": 0, "(a member)": 40}
    assert answer(model, b"{", "").status == 400
    assert model.tally.records == 40


def test_no_records_get_no_answers():
    assert ask({"records": []}) == (200, {"records": [], "version": "v1"})
    assert ask(b' {\n "records" : [ ] } ')[0] == 200


def test_a_line_of_a_data_file_can_be_sent_as_it_is():
    line = {**RECORD, "tasks": {"Intent": {"crowd": "age", "gold": None}}, "tags": ["test", "slice:x"]}
    assert ask(line) == ask(RECORD)


@pytest.mark.parametrize("body", [b"", b"{", b'{"payloads": {}', b'{"a": NaN}', b"\xff\xfe", b"nope", b'{"records": ['])
def test_what_is_not_json_is_a_bad_request(body):
    status, said = ask(body)
    assert status == 400
    assert said["problems"]


def test_json_nested_without_end_is_told_as_such():
    for body in (b"[" * 50_000, b'{"payloads":' * 50_000, b'{"records":' + b"[" * 50_000):
        status, said = ask(body)
        assert status == 422
        assert [problem["code"] for problem in said["problems"]] == ["serve.too-deep"]


def test_json_may_be_nested_as_deep_as_the_limit_and_no_deeper():
    body = b'{"records": [{"payloads": {"query": ' + b"[" * 5 + b"]" * 5 + b"}}]}"
    assert problems(body, max_depth=8)[0][0] == "serve.too-deep"
    assert problems(body, max_depth=9)[0][0] != "serve.too-deep"
    assert ask({**RECORD, "id": "[{" * 100})[0] == 200, "brackets in a text are no nesting"


@pytest.mark.parametrize("value", [[], "text", 7, None, True, {"payload": {}}, {"payloads": 3}, {"payloads": {"x": 1}}])
def test_json_that_is_no_record_is_unprocessable(value):
    status, said = ask(value)
    assert status == 422
    assert said["problems"]


def test_the_faults_are_those_that_check_tells():
    broken = {"id": "x", "payloads": {"tokns": ["a"], "entities": [{"id": 1}]}, "tasks": {}}
    line = msgspec.json.encode(broken)
    parser = RecordParser(tiny_artifact().schema, closed=True)
    expected = [(problem.message, problem.code) for problem in parser.faults(line)]
    assert expected
    status, said = ask(broken)
    assert status == 422
    assert [(problem["message"], problem["code"]) for problem in said["problems"]] == expected


def test_the_faults_of_a_batch_tell_the_place_of_their_record():
    found = problems({"records": [RECORD, {"payloads": {"tokens": 3}}, RECORD, {"id": "no payloads"}]})
    assert len(found) >= 2
    assert found[0][1].startswith("$.records[1]")
    assert found[-1][1].startswith("$.records[3]")


def test_a_record_without_payloads_is_unprocessable():
    assert len(problems({"id": "q17"})) == 1
    assert ask({"payloads": {}})[0] == 200


@pytest.mark.parametrize(
    "value", [{"records": {}}, {"records": None}, {"records": [], "more": 1}, {"records": 3, "id": "x"}]
)
def test_a_batch_is_a_list_of_records_and_nothing_else(value):
    assert problems(value) == [("serve.bad-batch", "$")]


@pytest.mark.parametrize("body", ['{"records": [RECORD], "records": []}', '{"records": [], "records": [RECORD]}'])
def test_of_two_lists_of_records_none_is_passed_over_in_silence(body):
    status, said = ask(body.replace("RECORD", json.dumps(RECORD)).encode())
    told = [(problem["code"], problem["field"]) for problem in said["problems"]]
    assert (status, told) == (422, [("record.duplicate-key", "$.records")])


def test_a_record_may_speak_of_records():
    record = {"id": "records", "payloads": {"tokens": ["records", "records"]}}
    assert ask({"records": [record, record]})[0] == 200


@pytest.mark.parametrize("query", ["probabilities=1", "probabilities", "probability=true", "x=%00", "=", "a&b=%ff"])
def test_a_parameter_that_means_nothing_is_told(query):
    status, said = ask(RECORD, query)
    assert status == 422 or query == "="
    assert all(problem["code"] == "serve.bad-parameter" for problem in said.get("problems", ()))


def test_too_much_is_refused():
    assert ask(RECORD, max_bytes=100)[0] == 413
    assert ask({"records": [RECORD] * 3}, max_records=2)[0] == 413
    assert ask({"records": [RECORD] * 3}, max_records=3)[0] == 200


def test_a_thousand_faults_are_not_all_told():
    status, said = ask({"records": [{"payloads": 3}] * 1000}, max_records=1000)
    assert status == 422
    assert len(said["problems"]) == 100
    assert said["more"] >= 900


@pytest.mark.long
@given(requests, st.sampled_from(["", "probabilities=true"]))
@examples(80)
def test_no_json_makes_the_server_fail(value, query):
    status, said = ask(msgspec.json.encode(value), query)
    assert status in (200, 422)
    assert said["version"] == "v1" if status == 200 else said["problems"]


@given(st.binary(max_size=60) | st.text(max_size=40).map(str.encode))
@examples(80)
def test_no_bytes_make_the_server_fail(body):
    assert ask(body)[0] in (400, 422)


@given(st.integers(0, 10_000), st.integers(0, 255))
@examples(80)
def test_no_damaged_request_makes_the_server_fail(place, byte):
    body = bytearray(msgspec.json.encode({**RECORD, "tasks": {"Intent": {"gold": "age"}}, "tags": ["test"]}))
    body[place % len(body)] = byte
    assert ask(bytes(body))[0] in (200, 400, 422)
