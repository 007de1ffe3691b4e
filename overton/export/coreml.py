"""A trained program to a Core ML model (`mlprogram`), and what the written model computes, op by op, without a Mac.

The model is traced by torch and converted by coremltools, in float32, so that it can be held against the ONNX model.
Predicting with Core ML needs macOS; elsewhere `load_coreml` evaluates the program that was written (`mil`), which
proves the conversion and not Apple's runtime.

Source: https://apple.github.io/coremltools/docs-guides
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy import ndarray

from overton.artifact import Signature
from overton.base import OvertonError, Problem
from overton.codec import InputSpec, input_specs
from overton.compile import Program
from overton.export.mil import run_program
from overton.export.quiet import quiet
from overton.export.trace import Flat, example_input, example_sizes, load_model, output_name

MOST_ROWS = 64  # records of one call: Core ML wants a bound for every size that varies
MOST_PIECES = 512
GRAMS_A_TOKEN = 64  # a word of 16 letters has 62 pieces of two to five, itself, and it with the next
MAIN = "main"

Run = Callable[[Mapping[str, ndarray]], dict[str, ndarray]]


def save_coreml(program: Program, weights: Mapping[str, ndarray], names: Mapping[str, str], folder: str) -> None:
    """Write the model of a program as a package, a folder that ends in `.mlpackage`.

    Args:
        program: The program.
        weights: Its weights.
        names: By the name of each input and output, the name that it gets (`overton.export.names.tensor_names`).
        folder: Where it is written.

    Raises:
        OvertonError: Where coremltools is not installed.
    """
    tools = _coremltools()
    specs = input_specs(program)
    sizes = example_sizes(specs)
    flat = Flat(load_model(program, weights), tuple(spec.name for spec in specs)).eval()
    with quiet(), torch.no_grad():
        example = tuple(example_input(spec, sizes) for spec in specs)
        traced = torch.jit.trace(flat, example, check_trace=False)  # type: ignore[no-untyped-call]
        ranges = {
            name: tools.RangeDim(1, max(size, bound_of(program, name)), default=size) for name, size in sizes.items()
        }
        model = tools.convert(
            traced,
            inputs=[tools.TensorType(names[spec.name], _shape(spec, ranges), np.int32) for spec in specs],
            outputs=[tools.TensorType(names[output_name(task)]) for task in program.all_outputs],
            convert_to="mlprogram",
            minimum_deployment_target=tools.target.iOS17,
            compute_precision=tools.precision.FLOAT32,
            skip_model_load=True,
        )
        model.save(folder)


def load_coreml(folder: str, names: Mapping[str, str]) -> Run:
    """The program of a package as a function from inputs to outputs by the names of the signature, in numpy."""
    tools = _coremltools()
    from coremltools.converters.mil.frontend.milproto.load import load

    with quiet():
        package = tools.models.MLModel(folder, skip_model_load=True)
        spec = package.get_spec()
        program = load(spec, spec.specificationVersion, package.weights_dir)
    main, back = program.functions[MAIN], {plain: name for name, plain in names.items()}

    def run(inputs: Mapping[str, ndarray]) -> dict[str, ndarray]:
        found = run_program(main, {name: inputs[back[name]] for name in main.inputs})
        return {back[plain]: value for plain, value in found.items()}

    return run


def coreml_faults(folder: str, signature: Signature, names: Mapping[str, str]) -> list[str]:
    """How inputs and outputs of a package differ from a signature, in names, types and numbers of axes."""
    tools = _coremltools()
    with quiet():
        described = tools.models.MLModel(folder, skip_model_load=True).get_spec().description
    faults = []
    kinds = tools.proto.FeatureTypes_pb2.ArrayFeatureType
    types = {"int32": kinds.INT32, "float32": kinds.FLOAT32}
    for wanted, found in ((signature.inputs, described.input), (signature.outputs, described.output)):
        features = {feature.name: feature.type.multiArrayType for feature in found}
        for tensor in wanted:
            name = names[tensor.name]
            if name not in features:
                faults.append(f"{tensor.name} is missing")
            elif features[name].dataType != types[tensor.type]:
                faults.append(f"{tensor.name} is not of type {tensor.type}")
            elif found is described.input and len(features[name].shape) != len(tensor.shape):
                faults.append(f"{tensor.name} has {len(features[name].shape)} axes in place of {len(tensor.shape)}")
    return faults


def bound_of(program: Program, size: str) -> int:
    """The greatest value of a size that varies: of `row`, of a payload's items, of its pieces or grams."""
    if size == "row":
        return MOST_ROWS
    payload, _, part = size.rpartition(".")
    if part == "pieces" and payload:
        return MOST_PIECES
    if part == "grams" and payload:
        return program.schema.payload(payload).max_length * GRAMS_A_TOKEN
    return program.schema.payload(size).max_length


def _shape(spec: InputSpec, ranges: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(ranges[size] if isinstance(size, str) else size for size in spec.shape)


def _coremltools() -> Any:
    try:
        with quiet():
            import coremltools
    except ImportError:
        message = "exporting to Core ML needs the package `coremltools`, which is not installed"
        hint = "pip install 'overton[coreml]'"
        raise OvertonError(Problem(message, "export.not-installed", hint=hint)) from None
    return coremltools
