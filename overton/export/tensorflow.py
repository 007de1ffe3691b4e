"""An ONNX graph of ours to a TensorFlow SavedModel, operator by operator.

The converters that exist freeze sizes or break recurrent layers (docs/decisions/0025-other-runtimes.md); our graphs
have some forty operators, so that a table of them (`tensorflow_ops`) is the smaller risk.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
from numpy import ndarray
from onnx import numpy_helper

from overton.base import OvertonError, Problem
from overton.export.quiet import quiet
from overton.export.tensorflow_ops import OPERATORS, TYPES

SERVING = "serving_default"
SMALL = 16  # numbers of a weight that is kept as a constant: sizes, axes, bounds

Run = Callable[[Mapping[str, ndarray]], dict[str, ndarray]]


def save_tensorflow(model: bytes, names: Mapping[str, str], folder: str) -> None:
    """Write a graph as a SavedModel whose signature `serving_default` has every size free that is free in ONNX.

    Args:
        model: The ONNX model.
        names: By the name of each input and output, the name that it gets (`overton.export.names.tensor_names`).
        folder: Where it is written.

    Raises:
        OvertonError: Where TensorFlow is not installed, or the graph has an operator that is not in the table.
    """
    graph = onnx.load_from_string(model).graph
    _check_operators(graph)
    tf = _tensorflow()
    with quiet():
        weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        module = tf.Module()
        module.kept = {
            f"w{number}": tf.Variable(value, trainable=False, name=f"w{number}")
            for number, value in enumerate(weights.values())
            if value.dtype == np.float32 and value.size > SMALL
        }
        variables = {
            name: module.kept[f"w{number}"] for number, name in enumerate(weights) if f"w{number}" in module.kept
        }
        constants = {name: value for name, value in weights.items() if name not in variables}

        def run(**inputs: Any) -> dict[str, Any]:
            values: dict[str, Any] = {"": None}
            values |= {name: tf.constant(value) for name, value in constants.items()}
            values |= {name: variable.read_value() for name, variable in variables.items()}
            values |= {value.name: inputs[names[value.name]] for value in graph.input}
            for node in graph.node:
                _run_node(tf, node, values)
            return {names[value.name]: tf.identity(values[value.name]) for value in graph.output}

        specs = {names[value.name]: _spec(tf, value, names[value.name]) for value in graph.input}
        module.run = tf.function(run, autograph=False)
        concrete = module.run.get_concrete_function(**specs)
        tf.saved_model.save(module, folder, signatures={SERVING: concrete})


def load_tensorflow(folder: str, names: Mapping[str, str]) -> Run:
    """A SavedModel as a function from inputs to outputs by the names of the signature."""
    tf = _tensorflow()
    with quiet():
        module = tf.saved_model.load(folder)
    serve = module.signatures[SERVING]
    back = {plain: name for name, plain in names.items()}
    read = list(serve.structured_input_signature[1])

    def run(inputs: Mapping[str, ndarray]) -> dict[str, ndarray]:
        found = serve(**{name: tf.constant(inputs[back[name]]) for name in read})
        return {back[plain]: value.numpy() for plain, value in found.items()}

    run.__dict__["module"] = module  # the function alone does not keep its variables
    return run


def _run_node(tf: Any, node: Any, values: dict[str, Any]) -> None:
    attributes = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    if node.op_type == "Constant":
        values[node.output[0]] = tf.constant(numpy_helper.to_array(attributes["value"]))
        return
    found = OPERATORS[node.op_type](tf, attributes, *(values[name] for name in node.input))
    values.update(zip(node.output, found if isinstance(found, list | tuple) else [found], strict=False))


def _spec(tf: Any, value: Any, name: str) -> Any:
    kind = value.type.tensor_type
    sizes = [None if size.dim_param else size.dim_value for size in kind.shape.dim]
    return tf.TensorSpec(sizes, TYPES[kind.elem_type], name=name)


def _check_operators(graph: Any) -> None:
    missing = sorted({node.op_type for node in graph.node} - {*OPERATORS, "Constant"})
    if missing:
        message = f"the model has operators that the export to TensorFlow does not know: {', '.join(missing)}"
        raise OvertonError(
            Problem(message, "export.operator", hint="Export to onnx or torch, and tell us of the block")
        )


def _tensorflow() -> Any:
    try:
        import tensorflow
    except ImportError:
        message = "exporting to TensorFlow needs the package `tensorflow`, which is not installed"
        hint = "pip install 'overton[tensorflow]'"
        raise OvertonError(Problem(message, "export.not-installed", hint=hint)) from None
    return tensorflow
