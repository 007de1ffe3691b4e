import json
from dataclasses import replace

import pytest

from overton.base import OvertonError
from overton.compile import (
    MEMBERSHIP,
    choose_slices,
    compile_program,
    default_choices,
    explain,
    parse_program,
    parse_tuning,
)
from overton.schema import parse_schema
from tests.kinds import SCHEMA

KINDS = parse_schema(json.dumps(SCHEMA)).with_classes({name: ("a", "b", "c") for name in SCHEMA["tasks"]})
PLAIN = compile_program(KINDS, default_choices(KINDS))
SLICED = compile_program(KINDS, default_choices(KINDS), ("slice:b", "slice:a"))


def test_slices_too_small_to_learn_or_too_large_to_be_slices_are_only_monitored():
    choice = choose_slices({"slice:some": 20, "slice:few": 19, "slice:half": 500, "slice:most": 501}, 1000)
    assert choice.modelled == {"slice:half": 500, "slice:some": 20}
    assert list(choice.monitored) == ["slice:few", "slice:most"]
    assert str(choice).startswith(
        "capacity for 2 of 4 slices; slice:few is only monitored: 19 training records, and 20"
    )


def test_switched_off_all_slices_are_only_monitored():
    choice = choose_slices({"slice:some": 200}, 1000, on=False)
    assert (choice.modelled, choice.monitored) == ({}, {"slice:some": "slices are off"})
    assert str(choice).startswith("slices are off, and only reported on: slice:some; ")


def test_every_head_reads_what_the_memberships_have_changed_and_nothing_else_does():
    heads = set(SLICED.outputs.values())
    for node, before in ((node, {other.name: other for other in PLAIN.nodes}.get(node.name)) for node in SLICED.nodes):
        changed = [name for name in node.inputs if name.endswith(".slices")]
        assert len(changed) == (1 if node.name in heads else 0), node.name
        assert before is None or node.name in heads or node == before
    assert {node.name for node in SLICED.nodes} - {node.name for node in PLAIN.nodes} == {
        "entities.context.slices",
        "entities.slices",
        "query.slices",
        "slices.membership",
        "title.slices",
        "tokens.slices",
    }


def test_slices_may_change_what_tasks_on_records_read_alone():
    choices = replace(default_choices(KINDS), slices="records")
    program = compile_program(KINDS, choices, ("slice:a",))
    changed = {node.name: [name for name in node.inputs if name.endswith(".slices")] for node in program.nodes}
    heads = {task.name: changed[program.outputs[task.name]] for task in KINDS.tasks}
    assert {name for name, read in heads.items() if read} == {"Record", "RecordBits", "Title"}


def test_the_program_is_complete():
    assert SLICED.slices == ("slice:a", "slice:b")
    assert SLICED.all_outputs == {**SLICED.outputs, MEMBERSHIP: "slices.membership"}
    assert PLAIN.all_outputs == PLAIN.outputs
    assert parse_program(json.loads(json.dumps(SLICED.to_json()))) == SLICED
    assert explain(SLICED).endswith("slices\n  slice:a\n  slice:b\n")
    done = set()
    for node in SLICED.nodes:
        assert not {name for name in node.inputs if name in {other.name for other in SLICED.nodes}} - done
        done.add(node.name)


def test_payloads_and_tasks_may_bear_the_names_that_slices_use():
    schema = parse_schema(
        json.dumps(
            {
                "payloads": {"slices": {"type": "sequence"}, "all": {"type": "singleton", "base": ["slices"]}},
                "tasks": {"slices.membership": {"payload": "slices", "type": "multiclass", "classes": ["a", "b"]}},
            }
        )
    )
    program = compile_program(schema, default_choices(schema), ("slice:a",))
    names = [node.name for node in program.nodes]
    assert len(set(names)) == len(names)
    assert set(program.all_outputs) == {"slices.membership", MEMBERSHIP}


def test_slices_are_switched_on_by_the_tuning_file():
    assert parse_tuning("{}", "tuning.json", KINDS).choices(KINDS).slices == "off"
    on = parse_tuning('{"slices": "on"}', "tuning.json", KINDS).choices(KINDS)
    assert on.to_json()["slices"] == "on"
    assert on.training == default_choices(KINDS).training


@pytest.mark.parametrize("value", ["of", False, ["on", "of"], [["on"]]])
def test_what_slices_may_be_is_told(value):
    with pytest.raises(OvertonError) as raised:
        parse_tuning(json.dumps({"slices": value}), "tuning.json", KINDS)
    assert "expected one of 'off', 'records', 'on', got " in str(raised.value.problems[0])
    assert str(raised.value.problems[0]).startswith("tuning.json:1: $.slices")


def test_slices_may_be_a_choice():
    tuning = parse_tuning('{"slices": ["on", "off"]}', "tuning.json", KINDS)
    assert (tuning.slices, tuning.choices(KINDS).slices) == (("on", "off"), "on")
