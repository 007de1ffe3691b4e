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

KINDS = parse_schema(json.dumps(BASES)).with_classes({name: ("a", "b", "c") for name in BASES["tasks"]})


# Each export takes seconds, so encoders share programs: that of the tokens, that of the text, how inputs are joined.
PROGRAMS = [
    ("cnn", "bilstm", "attention", ()),
    ("bigru", "dilated", "max", ("slice:a", "slice:b")),
    ("transformer", "bag", "mean", ()),
]


# Each takes many seconds: the transformer, which has no state that lengths could break, waits for the slow tests.
MARKED = [pytest.param(program, marks=[pytest.mark.slow] * (program[0] == "transformer")) for program in PROGRAMS]


@pytest.fixture(scope="module", params=MARKED, ids=[tokens for tokens, *_ in PROGRAMS])
def exported(request):
    of_tokens, of_text, aggregate, slices = request.param
    strings = of_tokens == "transformer"
    choices = PayloadChoices(
        size=16, layers=2, encoder=of_tokens, aggregate=aggregate, attention="2x8", strings=strings, wide=not slices
    )
    payloads = {payload.name: choices for payload in KINDS.payloads} | {"title": replace(choices, encoder=of_text)}
    sets = {"RecordBits": ((), ("a",), ("a", "b"))} if of_tokens != "transformer" else None
    program = compile_program(KINDS, Choices(payloads), slices, sets=sets)
    weights = {name: value.numpy() for name, value in build_model(program, seed=1).state_dict().items()}
    return program, weights, to_onnx(program, weights)


def inputs_of(program, *payloads):
    parser = RecordParser(KINDS, closed=True)
    records = [parser.parse(json.dumps({"payloads": value}).encode()) for value in payloads]
    return Encoder(program).encode(pack(records, KINDS, Pool()))


def test_the_model_computes_the_same_at_every_size(exported):
    program, weights, content = exported
    batches = [inputs_of(program, value) for value in ODD.values()]
    batches.append(inputs_of(program, *ODD.values()))
    batches.append(inputs_of(program, *[ODD["a long record"]] * 33))
    checked = parity(content, program, weights, batches)
    assert checked.within(1e-5), checked
    assert checked.n_records == 2 * len(ODD) + 33


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
    name = next(name for name in weights if name.endswith("Pick/head.score.weight"))
    other = {**weights, name: weights[name] + np.float32(0.5)}
    checked = parity(content, program, other, [inputs_of(program, ODD["one token"], ODD["unseen words"])])
    assert not checked.within(1e-4)
    assert checked.error_by_task["Pick"] == checked.max_error
    assert checked.error_by_task["Token"] < 1e-5


def test_the_model_does_not_tell_where_it_was_made(exported):
    _, _, content = exported
    assert str(Path(torch.__file__).parent).encode() not in content
    assert str(Path(__file__).parents[2]).encode() not in content
    assert b"stack_trace" not in content
