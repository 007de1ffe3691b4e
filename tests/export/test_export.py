import importlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from overton.codec import Encoder, input_specs
from overton.compile import Choices, PayloadChoices, compile_program
from overton.data import Pool, RecordParser, pack
from overton.export import output_name, parity, to_onnx
from overton.nn import build_model
from overton.schema import parse_schema
from tests.kinds import BASES, ODD

# Each export takes seconds. So the application of every kind lends its program, and for the slow tests encoders share
# others: one where payloads read each other, with few tasks, and two where everything reads everything.
READS = {
    "payloads": {
        **{name: BASES["payloads"][name] for name in ("tokens", "title", "tagged", "linked")},
        "query": {"type": "singleton", "base": ["tokens"]},
    },
    "tasks": {name: BASES["tasks"][name] for name in ("Token", "Tag", "Link", "Title")},
}


def schema_of(said):
    return parse_schema(json.dumps(said)).with_classes({name: ("a", "b", "c") for name in said["tasks"]})


ALL = schema_of(BASES)
# Encoders of tokens, of tokens that read the query, and of the text; how inputs are joined; slices.
PROGRAMS = {
    "every kind": None,
    "bilstm dilated": (schema_of(READS), ("bilstm", "dilated", "bag"), "max", ()),
    "bigru cnn dilated": (ALL, ("bigru", "cnn", "dilated"), "attention", ("slice:a", "slice:b")),
    "transformer bag": (ALL, ("transformer", "transformer", "bag"), "mean", ()),
}
SLOW = ("bigru cnn dilated", "bilstm dilated", "transformer bag")
MARKED = [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in PROGRAMS]


def compiled(name):
    """One of the programs above."""
    schema, encoders, aggregate, slices = PROGRAMS[name]
    strings = "transformer" in name
    plain = PayloadChoices(
        size=16, layers=1 + strings, aggregate=aggregate, attention="2x8", strings=strings, wide=not slices
    )
    own = dict(zip(("tokens", "tagged", "title"), encoders, strict=True))
    payloads = {one.name: replace(plain, encoder=own.get(one.name, plain.encoder)) for one in schema.payloads}
    sets = {"RecordBits": ((), ("a",), ("a", "b"))} if slices else None
    return compile_program(schema, Choices(payloads), slices, sets=sets)


@pytest.fixture(scope="module", params=MARKED)
def exported(request, kinds_application):
    if PROGRAMS[request.param] is None:
        artifact = kinds_application.version().artifact
        return artifact.program, artifact.weights(), artifact.files["model.onnx"]
    program = compiled(request.param)
    weights = {name: value.numpy() for name, value in build_model(program, seed=1).state_dict().items()}
    return program, weights, to_onnx(program, weights)


def inputs_of(program, *payloads):
    parser = RecordParser(program.schema, closed=True)
    known = {payload.name for payload in program.schema.payloads}
    given = [{name: value for name, value in one.items() if name in known} for one in payloads]
    records = [parser.parse(json.dumps({"payloads": value}).encode()) for value in given]
    return Encoder(program).encode(pack(records, program.schema, Pool()))


def test_the_model_computes_the_same_at_every_size(exported):
    program, weights, content = exported
    batches = [inputs_of(program, value) for value in ODD.values()]
    batches.append(inputs_of(program, *ODD.values()))
    batches.append(inputs_of(program, *[ODD["a long record"]] * 33))
    checked = parity(content, program, weights, batches)
    assert checked.within(5e-5), checked  # what training made of weights has logits of tens
    assert checked.n_records == 2 * len(ODD) + 33


@pytest.mark.slow
def test_recurrent_encoders_may_have_an_odd_size():
    words = {"payloads": {"tokens": {"type": "sequence"}, "title": {"type": "singleton"}}}
    tasks = {"Token": {"payload": "tokens", "type": "multiclass"}, "Title": {"payload": "title", "type": "multiclass"}}
    schema, odd = schema_of({**words, "tasks": tasks}), PayloadChoices(size=13, layers=2, aggregate="max")
    encoders = {"tokens": "bilstm", "title": "bigru"}
    choices = Choices({name: replace(odd, encoder=encoder) for name, encoder in encoders.items()})
    program = compile_program(schema, choices)
    weights = {name: value.numpy() for name, value in build_model(program, seed=1).state_dict().items()}
    batches = [inputs_of(program, value) for value in ODD.values()] + [inputs_of(program, *ODD.values())]
    assert parity(to_onnx(program, weights), program, weights, batches).within(5e-5)


def test_no_size_is_frozen_and_nothing_lies_outside_the_file(exported):
    program, _, content = exported
    model = onnx.load_from_string(content)
    onnx.checker.check_model(model)
    assert not any(tensor.external_data for tensor in model.graph.initializer)
    frozen = {
        value.name: [bool(size.dim_param) for size in value.type.tensor_type.shape.dim] for value in model.graph.input
    }
    for spec in input_specs(program):
        assert frozen[spec.name] == [isinstance(size, str) for size in spec.shape], spec.name
    assert {value.name for value in model.graph.output} == {output_name(name) for name in program.all_outputs}


def test_a_model_that_differs_is_found_out(exported):
    program, weights, content = exported
    task = "Pick" if any(task.name == "Pick" for task in program.schema.tasks) else "Tag"
    name = next(name for name in weights if name.endswith(f"{task}/head.score.weight"))
    other = {**weights, name: weights[name] * np.float32(2)}
    checked = parity(content, program, other, [inputs_of(program, ODD["one token"], ODD["unseen words"])])
    assert not checked.within(1e-4)
    assert checked.error_by_task[task] == checked.max_error
    assert checked.error_by_task["Token"] < 1e-5


def test_records_of_very_many_items_may_differ_by_what_their_sums_are_less_exact():
    inexactness = importlib.import_module("overton.export.parity")._inexactness
    batch = {"a.length": np.ones(3, np.int32), "a.features": np.ones((3, 4096, 6), np.int32)}
    assert inexactness(batch) == 1
    assert inexactness({**batch, "a.grams": np.ones((3, 4 * 4096), np.int32)}) == 2
    assert inexactness({}) == 1


def test_a_great_logit_may_differ_by_a_share_of_it():
    difference = importlib.import_module("overton.export.parity")._difference  # the function hides its module
    wanted = np.array([[400.0, -0.5, -1e4]], np.float32)
    assert difference(wanted + np.float32([2e-4, 0, 0]), wanted) < 1e-6
    assert difference(wanted + np.float32([0, 2e-4, 0]), wanted) == pytest.approx(2e-4, rel=1e-3)
    assert difference(wanted[:, :2], wanted) == difference(wanted * np.float32("nan"), wanted) == np.inf


def test_the_model_does_not_tell_where_it_was_made(exported):
    _, _, content = exported
    assert str(Path(torch.__file__).parent).encode() not in content
    assert str(Path(__file__).parents[2]).encode() not in content
    assert b"stack_trace" not in content
