import json

import pytest

from overton.base import OvertonError
from overton.evaluate import Gate, gate_json_schema, parse_gate
from tests.evaluate.evaluate_factories import tags_of


def faults(text):
    with pytest.raises(OvertonError) as fault:
        parse_gate(text, "gate.json")
    return [str(problem) for problem in fault.value.problems]


def test_an_empty_gate_is_the_default_and_a_full_one_is_read_back():
    assert parse_gate("{}", "") == Gate()
    gate = Gate(0.01, 0.005, {"*": 0.0, "slice:a & !lang:en": 0.1}, ("slice:a", "*"), 30, 0.05, 0.01, 4.0)
    assert parse_gate(json.dumps(gate.to_json()), "") == gate
    assert gate.margin_of("*") == 0
    assert gate.margin_of("slice:b") == 0.005
    assert gate.tags == ("slice:a", "slice:a & !lang:en")


def test_every_fault_is_told_with_its_field_and_a_hint():
    text = {"alpa": 0.1, "margin": -1, "minimum_support": 2.5, "p99_ms": "fast", "ece": True}
    assert faults(json.dumps(text, indent=1)) == [
        "gate.json:2: $.alpa: unknown key 'alpa'. Did you mean 'alpha'? [gate.unknown-key]",
        "gate.json:3: $.margin: expected a number from 0 to 1, got -1 [gate.bad-value]",
        "gate.json:4: $.minimum_support: expected a whole number from 1 to 1e+09, got 2.5 [gate.bad-value]",
        'gate.json:5: $.p99_ms: expected a number from 0.01 to 100000, got "fast" [gate.bad-value]',
        "gate.json:6: $.ece: expected a number from 0 to 1, got true [gate.bad-value]",
    ]
    lists = {"margins": {"slice:a": 2, "a &": 0.1}, "critical": ["slice:a", 3, "(b"]}
    assert [fault.split(": ")[1] for fault in faults(json.dumps(lists))] == [
        "$.margins['slice:a']",
        "$.margins['a &']",
        "$.critical[1]",
        "$.critical[2]",
    ]
    assert "expected an object from tag to margin" in faults('{"margins": [1]}')[0]
    assert "expected a list of tags" in faults('{"critical": "slice:a"}')[0]


def test_a_tag_in_quotes_or_brackets_is_that_tag():
    tags = tags_of([["slice:a b", "c"], ["d"]])
    gate = parse_gate(json.dumps({"margins": {'"slice:a b"': 0.3, "(*)": 0.2}, "critical": ["(d)", "d", "c & d"]}), "")
    found = gate.on(tags)
    assert (found.margin_of("slice:a b"), found.margin_of("*"), found.margin_of("c")) == (0.3, 0.2, 0)
    assert found.critical == ("d", "c & d")
    assert Gate(margins={"c": 0.1, "(c)": 0.2, '"gone"': 0.3}).on(tags).margins == {"c": 0.1, '"gone"': 0.3}


@pytest.mark.parametrize("text", ['{"critical": ["test"]}', '{"margins": {"(dev)": 0.1}}'])
def test_a_split_is_no_tag_that_a_gate_can_judge(text):
    (fault,) = faults(text)
    assert "is a split, not a tag within one. The whole split is called '*' [gate.bad-value]" in fault


def test_a_key_that_stands_twice_is_told_where_it_stands_again():
    text = '{"margins": {"a": 0.1,\n "b": 0.1,\n "a": 0.2},\n "margin": 0,\n "margin": 1}'
    assert faults(text) == [
        "gate.json:3: $.margins.a: this key appears twice [gate.duplicate-key]",
        "gate.json:5: $.margin: this key appears twice [gate.duplicate-key]",
    ]


@pytest.mark.parametrize("text", ["{", "[]", '{"alpha": NaN}', "[" * 100_000])
def test_what_is_no_object_of_json_is_refused(text):
    assert len(faults(text)) == 1


def test_its_json_schema_names_every_setting():
    assert set(gate_json_schema()["properties"]) == set(Gate().to_json())
