"""The same model in torch, TensorFlow and Core ML: equal to ONNX for every kind of block, at every size."""

import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import torch

from overton.artifact import signature_of
from overton.base import OvertonError
from overton.codec import Encoder
from overton.compile import compile_program, default_choices
from overton.data import Pool, RecordParser, pack
from overton.export import to_onnx
from overton.export.golden import Case, load_onnx, worst_difference
from overton.export.mil import OPERATORS as MIL
from overton.export.mil import run_program
from overton.export.names import tensor_names
from overton.export.tensorflow_ops import OPERATORS as TENSORFLOW
from overton.export.torch_program import ScannedLayer, load_torch, save_torch
from overton.nn import RecurrentLayer, build_model
from overton.schema import parse_schema
from tests.export.test_export import PROGRAMS, compiled, inputs_of
from tests.kinds import ODD
from tests.tiny_artifact import tiny_artifact

TINY = """
{"payloads": {"tokens": {"type": "sequence"}},
 "tasks": {"POS": {"payload": "tokens", "type": "multiclass", "classes": ["a", "b"]}}}
"""


@pytest.fixture(scope="module", params=[name for name, said in PROGRAMS.items() if said])
def exported(request):
    """A program with random weights, its ONNX model, and calls of several sizes with what ONNX makes of them."""
    program = compiled(request.param)
    weights = {name: value.numpy() for name, value in build_model(program, seed=1).state_dict().items()}
    model = to_onnx(program, weights)
    run = load_onnx(model)
    batches = [inputs_of(program, value) for value in ODD.values()] + [inputs_of(program, *ODD.values())]
    cases = [Case((), inputs, run(inputs), {}) for inputs in batches]
    return program, weights, model, cases


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_program_of_torch_computes_the_same(exported, tmp_path: Path) -> None:
    program, weights, _, cases = exported
    save_torch(program, weights, str(tmp_path / "model.pt2"))
    assert worst_difference(load_torch(str(tmp_path / "model.pt2"), program), cases) < 1e-5


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_saved_model_of_tensorflow_computes_the_same(exported, tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    from overton.export.tensorflow import load_tensorflow, save_tensorflow

    program, _, model, cases = exported
    names = tensor_names(program, signature_of(program, model))
    save_tensorflow(model, names, str(tmp_path / "saved"))
    assert worst_difference(load_tensorflow(str(tmp_path / "saved"), names), cases) < 1e-5


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_core_ml_program_computes_the_same_and_has_the_signature(exported, tmp_path: Path) -> None:
    pytest.importorskip("coremltools")
    from overton.export.coreml import coreml_faults, load_coreml, save_coreml

    program, weights, model, cases = exported
    signature = signature_of(program, model)
    names, folder = tensor_names(program, signature), str(tmp_path / "model.mlpackage")
    save_coreml(program, weights, names, folder)
    assert coreml_faults(folder, signature, names) == []
    assert coreml_faults(folder, signature, {**names, "tagged.length": "other"}) == ["tagged.length is missing"]
    assert worst_difference(load_coreml(folder, names), cases) < 1e-5


@pytest.mark.slow
def test_a_small_program_goes_through_torch_with_every_size_free(tmp_path: Path) -> None:
    schema = parse_schema(TINY, "schema.json")
    choices = default_choices(schema)
    program = compile_program(schema, choices)
    weights = {name: value.numpy() for name, value in build_model(program, seed=0).state_dict().items()}
    save_torch(program, weights, str(tmp_path / "model.pt2"))
    run = load_torch(str(tmp_path / "model.pt2"), program)
    parser, model = RecordParser(schema, closed=True), build_model(program, seed=0).eval()
    for lengths in ((1,), (2, 9), (5, 4, 3, 2, 1, 1, 1)):
        lines = [b'{"payloads": {"tokens": [' + b",".join([b'"x"'] * length) + b"]}}" for length in lengths]
        inputs = Encoder(program).encode(pack([parser.parse(line) for line in lines], schema, Pool()))
        with torch.no_grad():
            wanted = model({name: torch.from_numpy(value) for name, value in inputs.items()})["POS"].numpy()
        np.testing.assert_allclose(run(inputs)["POS.logits"], wanted, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("cell", "size"), [("LSTM", 13), ("GRU", 12), ("LSTM", 12)])
def test_a_recurrent_layer_as_a_scan_computes_the_same(cell: str, size: int) -> None:
    torch.manual_seed(0)
    layer = RecurrentLayer(size, cell).eval()
    scanned = ScannedLayer(layer).eval()
    for lengths in ((1,), (4, 7, 2), (3, 3)):
        tokens = torch.randn(len(lengths), max(lengths), size)
        with torch.no_grad():
            torch.testing.assert_close(scanned(tokens, torch.tensor(lengths)), layer(tokens, torch.tensor(lengths)))


def test_the_table_for_tensorflow_has_every_operator_that_blocks_become(kinds_application) -> None:
    model = onnx.load_from_string(kinds_application.version().artifact.files["model.onnx"])
    assert {node.op_type for node in model.graph.node} - {*TENSORFLOW, "Constant"} == set()


def test_an_operator_that_is_not_in_the_table_is_named(tmp_path: Path) -> None:
    from overton.export.tensorflow import save_tensorflow

    model = onnx.load_from_string(tiny_artifact().files["model.onnx"])
    model.graph.node[0].op_type = "Einsum"
    with pytest.raises(OvertonError, match=r"does not know: Einsum.*\[export.operator\]"):
        save_tensorflow(model.SerializeToString(), {}, str(tmp_path / "out"))


def test_operators_of_core_ml_in_numpy_are_those_of_torch() -> None:
    torch.manual_seed(0)
    steps = torch.randn(2, 6, 9)
    x = steps.numpy()
    kernel, bias = torch.randn(6, 1, 3), torch.randn(6)
    wanted = torch.nn.functional.conv1d(steps, kernel, bias, padding=1, groups=6)
    found = MIL["conv"](x, kernel.numpy(), bias.numpy(), pad_type="custom", pad=np.array([1, 1]), groups=np.int32(6))
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    mixed = torch.randn(4, 6, 3)
    np.testing.assert_allclose(
        MIL["conv"](x, mixed.numpy(), pad_type="valid"), torch.nn.functional.conv1d(steps, mixed), atol=1e-5
    )
    norm = torch.nn.LayerNorm(9)
    found = MIL["layer_norm"](x, axes=np.array([-1]), epsilon=1e-5, gamma=norm.weight.detach().numpy())
    np.testing.assert_allclose(found, norm(steps).detach(), atol=1e-5)
    np.testing.assert_allclose(MIL["gelu"](x), torch.nn.functional.gelu(steps), atol=1e-6)
    np.testing.assert_allclose(MIL["softmax"](x, np.int32(1)), steps.softmax(1), atol=1e-6)
    np.testing.assert_allclose(MIL["linear"](x, np.eye(9, dtype=np.float32) * 2, 1.0), 2 * x + 1, atol=1e-6)
    np.testing.assert_array_equal(MIL["pad"](x, np.array([1, 2, 0, 3])), np.pad(x, [(0, 0), (1, 2), (0, 3)]))
    np.testing.assert_array_equal(MIL["reshape"](x, np.array([0, -1])), x.reshape(2, -1))
    np.testing.assert_array_equal(
        MIL["slice_by_index"](
            x, [0, 1, 2], [0, 4, 0], squeeze_mask=[True, False, False], end_mask=[False, False, True]
        ),
        x[0, 1:4, 2:],
    )
    np.testing.assert_array_equal(MIL["scatter"](np.zeros(3), np.array([1]), np.array([5.0]), mode="update"), [0, 5, 0])
    np.testing.assert_array_equal(MIL["scatter"](np.ones(3), np.array([1]), np.array([5.0])), [1, 6, 1])


def test_a_loop_of_core_ml_is_run_to_its_end() -> None:
    """Powers of two below a limit, written as coremltools has a loop: a block that asks, and a block that goes on."""

    def variable(name: str, value: object = None) -> SimpleNamespace:
        return Variable(name=name, val=value)

    class Variable(SimpleNamespace):
        __hash__ = object.__hash__

    def operation(kind: str, outputs: list, blocks: tuple = (), **inputs: object) -> SimpleNamespace:
        return SimpleNamespace(op_type=kind, inputs=inputs, outputs=outputs, blocks=blocks)

    begin, limit, end = variable("begin"), variable("limit", np.float32(40)), variable("end")
    asked, below, now, twice = variable("asked"), variable("below"), variable("now"), variable("twice")
    ask = SimpleNamespace(inputs=[asked], operations=[operation("less", [below], x=asked, y=limit)], outputs=[below])
    go_on = SimpleNamespace(inputs=[now], operations=[operation("add", [twice], x=now, y=now)], outputs=[twice])
    loop = operation("while_loop", [end], (ask, go_on), loop_vars=[begin])
    function = SimpleNamespace(inputs={"begin": begin}, operations=[loop], outputs=[end])
    assert run_program(function, {"begin": np.float32(3)})["end"] == 48
    unknown = SimpleNamespace(inputs={}, operations=[operation("erf", [end])], outputs=[end])
    with pytest.raises(OvertonError, match=r"operator erf.*\[export.operator\]"):
        run_program(unknown, {})
    assert math.isclose(float(MIL["gelu"](np.array([1.0]))[0]), 0.8413447, rel_tol=1e-5)
