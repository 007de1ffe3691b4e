import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from overton.export.side_by_side import join_dense_layers

RANDOM = np.random.default_rng(0)
SIZES = {"left": 3, "middle": 1, "right": 5}


def graph(*nodes: onnx.NodeProto, outputs: dict[str, int]) -> onnx.ModelProto:
    """A graph of some nodes behind two dense layers for each size, with weights of their own."""
    constants = []
    for name, size in SIZES.items():
        constants.append(numpy_helper.from_array(RANDOM.normal(size=(4, size)).astype(np.float32), f"{name}.weight"))
        constants.append(numpy_helper.from_array(RANDOM.normal(size=size).astype(np.float32), f"{name}.bias"))
    shape = ["row", "token"]
    told = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [*shape, size]) for name, size in outputs.items()]
    items = helper.make_tensor_value_info("items", TensorProto.FLOAT, [*shape, 4])
    made = helper.make_graph(list(nodes), "made", [items], told, constants)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def dense(name: str, read: str = "items", *, turned: bool = False) -> list[onnx.NodeProto]:
    added = [f"{name}.product", f"{name}.bias"]
    return [
        helper.make_node("MatMul", [read, f"{name}.weight"], [f"{name}.product"], f"{name}.multiply"),
        helper.make_node("Add", added[::-1] if turned else added, [name], f"{name}.add"),
    ]


def run(model: onnx.ModelProto) -> list[np.ndarray]:
    items = np.random.default_rng(1).normal(size=(2, 3, 4)).astype(np.float32)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"items": items})


def operators(model: onnx.ModelProto) -> list[str]:
    return sorted(node.op_type for node in model.graph.node)


def test_layers_that_read_the_same_become_one_and_compute_the_same():
    model = graph(*dense("left"), *dense("middle", turned=True), *dense("right"), outputs=SIZES)
    before = run(model)
    join_dense_layers(model.graph)
    onnx.checker.check_model(model, full_check=True)
    assert operators(model) == ["Add", "MatMul", "Split"]
    assert [value.name.rpartition(".")[2] for value in model.graph.initializer] == ["weight", "bias", "sizes"]
    for old, new in zip(before, run(model), strict=True):
        assert old == pytest.approx(new, abs=1e-6)


def test_what_stands_between_two_layers_still_comes_in_its_place():
    model = graph(
        *dense("left"),
        helper.make_node("Relu", ["left"], ["left.positive"]),
        *dense("right"),
        helper.make_node("Neg", ["right"], ["right.negative"]),
        outputs={"left.positive": 3, "right.negative": 5},
    )
    before = run(model)
    join_dense_layers(model.graph)
    onnx.checker.check_model(model, full_check=True)
    assert operators(model) == ["Add", "MatMul", "Neg", "Relu", "Split"]
    for old, new in zip(before, run(model), strict=True):
        assert old == pytest.approx(new, abs=1e-6)


@pytest.mark.parametrize("alone", ["no bias", "read twice", "told", "another input"])
def test_what_is_no_dense_layer_beside_another_stays(alone):
    nodes, outputs = dense("left"), {"left": 3, "right": 5}
    if alone == "no bias":
        nodes += [helper.make_node("MatMul", ["items", "right.weight"], ["right"], "bare")]
    elif alone == "read twice":
        nodes += [*dense("right"), helper.make_node("Neg", ["right.product"], ["more"])]
        outputs["more"] = 5
    elif alone == "told":
        nodes += dense("right")
        outputs["right.product"] = 5
    else:
        nodes += [helper.make_node("Neg", ["items"], ["turned"]), *dense("right", "turned")]
    model = graph(*nodes, outputs=outputs)
    before, was = run(model), operators(model)
    join_dense_layers(model.graph)
    assert operators(model) == was
    for old, new in zip(before, run(model), strict=True):
        assert (old == new).all()
