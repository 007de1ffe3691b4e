import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overton.base import OvertonError
from overton.schema import Payload, Schema, Task, parse_schema, render_schema
from overton.schema.files import load_schema

FACTOID = """{
  "payloads": {
    "tokens": {"type": "sequence", "max_length": 32},
    "query": {"type": "singleton", "base": ["tokens"]},
    "entities": {"type": "set", "field": "candidates", "range": "tokens"}
  },
  "tasks": {
    "EntityType": {"payload": "tokens", "type": "bitvector", "classes": ["person", "Länge"]},
    "Intent": {"payload": "query", "type": "multiclass"},
    "IntentArg": {"payload": "entities", "type": "select"}
  }
}
"""


def test_a_schema_is_read_in_full():
    schema = parse_schema(FACTOID)
    assert schema == Schema(
        payloads=(
            Payload("tokens", "sequence", "tokens", max_length=32),
            Payload("query", "singleton", "query", base=("tokens",)),
            Payload("entities", "set", "candidates", range="tokens"),
        ),
        tasks=(
            Task("EntityType", "tokens", "bitvector", ("person", "Länge")),
            Task("Intent", "query", "multiclass"),
            Task("IntentArg", "entities", "select"),
        ),
    )


def test_rendering_gives_the_text_of_the_example():
    assert render_schema(parse_schema(FACTOID)) == FACTOID


def test_payloads_may_be_declared_in_any_order():
    value = json.loads(FACTOID)
    value["payloads"] = dict(reversed(value["payloads"].items()))
    names = [payload.name for payload in parse_schema(json.dumps(value)).by_dependency()]
    assert names.index("tokens") < min(names.index("query"), names.index("entities"))


def test_a_payload_is_made_of_the_items_below_its_singletons_each_once():
    singleton = {
        "both": ["tokens", "title"],
        "more": ["listed", "both"],
        "whole": ["both", "more", "tokens"],
    }
    payloads = {
        "tokens": {"type": "sequence"},
        "title": {"type": "singleton"},
        "listed": {"type": "set", "base": ["title"]},
        **{name: {"type": "singleton", "base": base} for name, base in singleton.items()},
    }
    tasks = {"A": {"payload": "whole", "type": "multiclass"}}
    schema = parse_schema(json.dumps({"payloads": payloads, "tasks": tasks}))
    assert [part.name for part in schema.made_of("whole")] == ["tokens", "title", "listed"]
    assert [part.name for part in schema.made_of("more")] == ["listed", "tokens", "title"]
    assert [part.name for part in schema.made_of("listed")] == ["listed"]


def test_a_byte_order_mark_is_accepted():
    assert parse_schema("\ufeff" + FACTOID) == parse_schema(FACTOID)


def test_deep_nesting_is_a_fault_and_no_crash():
    with pytest.raises(OvertonError, match="nested too deeply"):
        parse_schema("[" * 100_000)


def test_the_digest_does_not_depend_on_layout_but_on_content():
    schema = parse_schema(FACTOID)
    assert schema.digest() == parse_schema(json.dumps(json.loads(FACTOID))).digest()
    assert schema.digest() != parse_schema(FACTOID.replace("32", "33")).digest()


names = st.text(string.ascii_letters + string.digits, min_size=1, max_size=8)
texts = st.text(min_size=1).filter(lambda text: text.strip() and text.isprintable())


@st.composite
def schemas(draw):
    payloads = []
    for name in draw(st.lists(names, min_size=1, max_size=5, unique=True)):
        type = draw(st.sampled_from(["singleton", "sequence", "set"]))
        earlier = [payload.name for payload in payloads]
        sequences = [payload.name for payload in payloads if payload.type == "sequence"]
        base = draw(st.lists(st.sampled_from(earlier), unique=True)) if earlier else []
        has_items = type != "singleton" or not base
        payloads.append(
            Payload(
                name=name,
                type=type,
                field=draw(st.just(name) | texts.map(lambda text, name=name: f"{name} {text}")),
                base=tuple(base),
                range=draw(st.sampled_from(sequences) | st.none()) if sequences and type == "set" else None,
                **({"max_length": draw(st.integers(1, 10**6))} if has_items else {}),
            )
        )
    tasks = []
    for name in draw(st.lists(names, min_size=1, max_size=5, unique=True)):
        payload = draw(st.sampled_from(payloads))
        types = ["multiclass", "bitvector", *(["select"] if payload.type == "set" else [])]
        type = draw(st.sampled_from(types))
        classes = draw(st.lists(texts, min_size=2, unique=True) | st.just([])) if type != "select" else []
        tasks.append(Task(name, payload.name, type, tuple(classes)))
    return Schema(tuple(payloads), tuple(tasks))


@given(schemas())
def test_parsing_is_the_inverse_of_rendering(schema):
    assert parse_schema(render_schema(schema)) == schema


def test_a_schema_file_is_loaded_and_its_name_stands_in_faults(tmp_path):
    path = tmp_path / "schema.json"
    path.write_text(FACTOID, encoding="utf-8")
    assert load_schema(path) == parse_schema(FACTOID)
    path.write_text(FACTOID.replace('"set"', '"sett"'), encoding="utf-8")
    with pytest.raises(OvertonError) as error:
        load_schema(path)
    problem = error.value.problems[0]
    assert (problem.path, problem.line, problem.code) == (str(path), 5, "schema.unknown-type")


def test_a_schema_that_cannot_be_read_is_a_fault(tmp_path):
    with pytest.raises(OvertonError, match="no such file") as error:
        load_schema(tmp_path / "schema.json")
    assert error.value.problems[0].code == "schema.unreadable"
    (tmp_path / "latin.json").write_bytes(b'{"payloads": "\xe9"}')
    with pytest.raises(OvertonError, match=r"not UTF-8: byte 14 is 0xe9\. Save the file as UTF-8"):
        load_schema(tmp_path / "latin.json")
    with pytest.raises(OvertonError, match="is a directory"):
        load_schema(tmp_path)
