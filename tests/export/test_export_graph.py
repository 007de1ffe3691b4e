"""The graph of a program is traced once and filled with any weights."""

import json
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch

import overton.export.graph as graph_module
from overton.compile import Choices, PayloadChoices, compile_program
from overton.export import load_model, to_onnx
from overton.export.files import graph_store
from overton.export.graph import FIRST_BITS, Filling, Graph, graph_of
from overton.export.narrow import narrow_wide_paths
from overton.export.trace import traced
from overton.nn import build_model
from overton.schema import parse_schema

SCHEMA = {
    "payloads": {
        "tokens": {"type": "sequence", "max_length": 6},
        "query": {"type": "singleton", "base": ["tokens"]},
    },
    "tasks": {
        "POS": {"payload": "tokens", "type": "multiclass"},
        "Intent": {"payload": "query", "type": "multiclass"},
    },
}


@pytest.fixture(scope="module")
def program():
    """A recurrent layer, whose gates ONNX has in another order, and a wide path, exported as narrow as it is read."""
    schema = parse_schema(json.dumps(SCHEMA)).with_classes({name: ("a", "b", "c") for name in SCHEMA["tasks"]})
    plain = PayloadChoices(size=8, attention="2x4", layers=1)
    payloads = {"tokens": replace(plain, encoder="bilstm"), "query": plain}
    return compile_program(schema, Choices(payloads))


def weights_of(program, seed):
    random = torch.Generator().manual_seed(seed)
    state = build_model(program, seed=0).state_dict()
    return {
        name: torch.randn(value.shape, generator=random).numpy() if value.dtype == torch.float32 else value.numpy()
        for name, value in state.items()
    }


@pytest.fixture(scope="module")
def wanted(program):
    """Weights, and the model that is traced with them."""
    weights = weights_of(program, 1)
    return weights, traced(program, narrow_wide_paths(load_model(program, weights))).SerializeToString()


@pytest.fixture(scope="module")
def numbered(program):
    """What is traced with weights that tell their places."""
    seen = []

    def watched(program, model):
        seen.append(traced(program, model))
        return type(seen[0]).FromString(seen[0].SerializeToString())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graph_module, "traced", watched)
        graph_module._graph_of.cache_clear()
        assert graph_of(program) is not None
    return seen[0]


def test_a_filled_graph_is_what_a_trace_with_the_weights_gives(program, wanted, numbered):
    weights, model = wanted
    graph = graph_of(program)
    assert any(one.turned for one in graph.fillings)
    assert any(one.places is not None for one in graph.fillings)
    assert len(graph.model) < len(model) / 2
    assert to_onnx(program, weights) == model
    assert to_onnx(program, weights_of(program, 2)) != model


def test_a_kept_graph_is_read_and_nothing_traced(program, wanted, numbered, tmp_path, monkeypatch):
    weights, model = wanted
    graphs = graph_store(tmp_path / "graphs")
    graph_of(program, graphs)
    monkeypatch.setattr(graph_module, "_graph_of", lambda _: pytest.fail("traced again"))
    assert to_onnx(program, weights, graphs) == model
    (path,) = (tmp_path / "graphs").iterdir()
    assert path.stat().st_size < len(model) / 2


@pytest.mark.parametrize("content", [b"", b"graph", None])
def test_a_damaged_file_is_as_good_as_none(program, numbered, tmp_path, content):
    graphs = graph_store(tmp_path)
    graph_of(program, graphs)
    (path,) = tmp_path.iterdir()
    written = path.read_bytes()
    path.write_bytes(written[:-9] + b"x" + written[-8:] if content is None else content)
    assert graphs.load(path.name) is None


def test_only_so_many_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("overton.export.files.graphs.MOST", 3)
    graphs = graph_store(tmp_path)
    for number in range(5):
        graphs.save(f"{number}", Graph(bytes([number]), (Filling("w", (2, 1), 4, turned=True),)))
    assert len(list(tmp_path.iterdir())) == 3
    assert graphs.load("4") == Graph(b"\x04", (Filling("w", (2, 1), 4, turned=True),))


@pytest.mark.parametrize("fault", ["mixed", "other"])
def test_a_graph_that_does_not_hold_is_not_used(program, wanted, numbered, monkeypatch, fault):
    """The exporter mixed weights with other numbers, or made something else of them."""
    weights, model = wanted
    proto = type(numbered).FromString(numbered.SerializeToString())
    for constant in proto.graph.initializer:
        numbers = np.frombuffer(constant.raw_data, np.int32) if constant.data_type == onnx.TensorProto.FLOAT else []
        if len(numbers) and numbers[0] >= FIRST_BITS:
            changed = numbers[::-1] if fault == "other" else np.append(0, numbers[1:]).astype(np.int32)
            constant.raw_data = changed.tobytes()
    monkeypatch.setattr(graph_module, "traced", lambda *_: proto)
    graph_module._graph_of.cache_clear()
    assert graph_of(program) is None
    monkeypatch.setattr("overton.export.onnx.traced", lambda *_: onnx.load_from_string(model))
    assert to_onnx(program, weights) == model
    graph_module._graph_of.cache_clear()
