import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from overton.export.reshapes import constant_target, fix_reshapes


def reshaped(after: list[int | str]) -> onnx.ModelProto:
    """A graph that brings (row, token, 12) to a shape which it puts together from sizes of its input."""
    before = ["row", "token", 12]
    sizes = {name: f"size.{name}" for name in before if isinstance(name, str)}
    constants = [numpy_helper.from_array(np.array([size], np.int64), f"c.{size}") for size in (-1, 3, 4, 12)]
    nodes = [helper.make_node("Shape", ["items"], ["shape"])]
    nodes.append(helper.make_node("Split", ["shape"], ["size.row", "size.token", "rest"], num_outputs=3, axis=0))
    nodes.append(helper.make_node("Concat", [sizes.get(size, f"c.{size}") for size in after], ["target"], axis=0))
    nodes.append(helper.make_node("Reshape", ["items", "target"], ["out"], allowzero=1))  # as the exporter writes it
    told = [helper.make_tensor_value_info("out", TensorProto.FLOAT, after)]
    given = [helper.make_tensor_value_info("items", TensorProto.FLOAT, before)]
    graph = helper.make_graph(nodes, "made", given, told, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


@pytest.mark.parametrize(
    ("after", "operators"),
    [
        (["row", "token", 3, 4], ["Reshape"]),
        (["row", "token", 4, 3], ["Reshape"]),
        (["token", "row", 12], ["Shape", "Split", "Concat", "Reshape"]),
    ],
)
def test_what_is_reshaped_comes_out_the_same_at_every_size(after, operators):
    model, before = reshaped(after), reshaped(after)
    fix_reshapes(model.graph)
    onnx.checker.check_model(model, full_check=True)
    assert [node.op_type for node in model.graph.node] == operators
    sessions = [
        onnxruntime.InferenceSession(one.SerializeToString(), providers=["CPUExecutionProvider"])
        for one in (before, model)
    ]
    for rows, tokens in ((1, 1), (2, 5), (5, 2)):
        items = np.arange(rows * tokens * 12, dtype=np.float32).reshape(rows, tokens, 12)
        old, new = (session.run(None, {"items": items})[0] for session in sessions)
        assert old.shape == new.shape
        assert (old == new).all()


@pytest.mark.parametrize(
    ("before", "after"),
    [((), ("row", 2)), (("row", 2), ()), (("", 2), ("", 2)), (("a", "b"), ("c", "d")), (("a",), (0,))],
)
def test_what_is_not_known_stays_as_it_is(before, after):
    assert constant_target(before, after) is None
