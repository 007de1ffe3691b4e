"""Operators that the exporter knows whole are not taken apart, which would trace a program once more."""

import numpy as np
import pytest
from onnxruntime import InferenceSession
from torch.export import ExportedProgram

from overton.codec import input_specs
from overton.compile import Choices, PayloadChoices, compile_program
from overton.export import whole
from overton.export.trace import example_input, example_sizes, traced
from overton.nn import build_model
from tests.export.test_export import PROGRAMS, SLOW, compiled, schema_of

PLAIN = {"payloads": {"title": {"type": "singleton"}}, "tasks": {"T": {"payload": "title", "type": "bitvector"}}}


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> list[ExportedProgram]:
    """The programs that were taken apart."""
    taken, take_apart = [], ExportedProgram.run_decompositions

    def counted(program, *given, **more):
        taken.append(program)
        return take_apart(program, *given, **more)

    monkeypatch.setattr(ExportedProgram, "run_decompositions", counted)
    return taken


def model_of(program):
    return build_model(program, seed=0).eval()


@pytest.fixture(scope="module")
def small():
    return compile_program(schema_of(PLAIN), Choices({"title": PayloadChoices(size=8, encoder="cnn", layers=1)}))


@pytest.mark.slow
def test_an_operator_that_the_exporter_knows_in_parts_alone_is_taken_apart_and_gives_the_same(
    small, apart: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = traced(small, model_of(small))
    assert apart == []
    monkeypatch.setattr(whole, "_rename", lambda module: None)
    found = traced(small, model_of(small))
    assert len(apart) == 1
    assert [node.op_type for node in found.graph.node] == [node.op_type for node in wanted.graph.node]
    specs = input_specs(small)
    feeds = {spec.name: example_input(spec, example_sizes(specs)).numpy() for spec in specs}
    answers = [InferenceSession(model.SerializeToString()).run(None, feeds) for model in (found, wanted)]
    assert np.array_equal(*answers)


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_nothing_that_blocks_become_is_taken_apart(name: str, apart: list) -> None:
    assert PROGRAMS[name]
    traced(compiled(name), model_of(compiled(name)))
    assert apart == []
