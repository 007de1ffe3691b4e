"""Payloads that nothing links to what they are about are told."""

import json

import pytest

from overton.codec import count_units
from overton.compile import default_choices
from overton.data import Pool, RecordParser, pack
from overton.schema import parse_schema, unlinked_payloads

TOKENS = {"tokens": {"type": "sequence"}}
QUERY = {"query": {"type": "singleton", "base": ["tokens"]}}
INTENT = {"Intent": {"payload": "query", "type": "multiclass", "classes": ["a", "b"]}}
ARG = {"Arg": {"payload": "entities", "type": "select"}}


def told(payloads: dict, tasks: dict) -> list[tuple[str, str]]:
    found = unlinked_payloads(parse_schema(json.dumps({"payloads": payloads, "tasks": tasks}), "schema.json"))
    return [(problem.code, problem.field) for problem in found]


@pytest.mark.parametrize("link", [{"range": "tokens"}, {"base": ["query"]}, {"base": ["tokens"]}])
def test_what_a_task_reads_directly_or_through_others_is_linked(link: dict) -> None:
    assert told({**TOKENS, **QUERY, "entities": {"type": "set", **link}}, {**INTENT, **ARG}) == []


def test_a_set_that_is_selected_from_by_ids_alone_is_told() -> None:
    payloads = {**TOKENS, **QUERY, "entities": {"type": "set"}}
    assert told(payloads, {**INTENT, **ARG}) == [("schema.select-by-id", "$.payloads.entities")]


def test_a_set_that_is_all_there_is_or_that_is_not_selected_from_is_not_told() -> None:
    kind = {"Kind": {"payload": "entities", "type": "multiclass", "classes": ["a", "b"]}}
    assert told({"entities": {"type": "set"}}, ARG) == []
    assert told({**TOKENS, **QUERY, "entities": {"type": "set"}}, {**INTENT, **kind}) == []


def test_payloads_that_no_task_reads_are_told_with_an_example_of_where_they_belong() -> None:
    payloads = {**TOKENS, **QUERY, "title": {"type": "singleton"}, "both": {"type": "singleton", "base": ["title"]}}
    found = unlinked_payloads(parse_schema(json.dumps({"payloads": payloads, "tasks": INTENT}), "schema.json"))
    assert [problem.field for problem in found] == ["$.payloads.title", "$.payloads.both"]
    assert {problem.code for problem in found} == {"schema.unread-payload"}
    assert "to that of 'query', for example" in found[0].hint


def test_payloads_that_are_read_in_very_many_ways_are_looked_at_once() -> None:
    both = {f"p{n}": {"type": "singleton", "base": [f"p{n - 1}", f"p{n - 2}"]} for n in range(2, 60)}
    payloads = {**TOKENS, **{name: {"type": "singleton", "base": ["tokens"]} for name in ("p0", "p1")}, **both}
    tasks = {"A": {"payload": "p59", "type": "multiclass", "classes": ["a", "b"]}}
    assert told(payloads, tasks) == []
    schema = parse_schema(json.dumps({"payloads": payloads, "tasks": tasks}))
    assert default_choices(schema).payloads["p59"].wide
    batch = pack([RecordParser(schema).parse(b'{"payloads": {"tokens": ["a"]}}')], schema, Pool())
    assert count_units(schema, schema.tasks[0], batch).tolist() == [1]
