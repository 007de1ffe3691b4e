"""A complete artefact made by hand: a real schema, program and ONNX graph, with weights drawn instead of trained."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from overton.artifact import Artifact, pack_artifact, signature_of
from overton.compile import MEMBERSHIP, Program, compile_program, default_choices
from overton.schema import Schema, parse_schema

SCHEMA = """
{"payloads": {"tokens":   {"type": "sequence", "max_length": 16},
              "query":    {"type": "singleton", "base": ["tokens"]},
              "entities": {"type": "set", "range": "tokens", "max_length": 8}},
 "tasks":    {"POS":        {"payload": "tokens",   "type": "multiclass", "classes": ["NOUN", "VERB", "X"]},
              "EntityType": {"payload": "tokens",   "type": "bitvector", "classes": ["location", "title"]},
              "Intent":     {"payload": "query",    "type": "multiclass", "classes": ["age", "height"]},
              "IntentArg":  {"payload": "entities", "type": "select"}}}
"""
RECORD: dict[str, Any] = {
    "id": "q17",
    "payloads": {
        "tokens": ["how", "tall", "is", "the", "president"],
        "query": "how tall is the president",
        "entities": [{"id": "President_(title)", "range": [4, 5]}, {"id": "United_States", "range": [2, 4]}],
    },
}
REPORT = {
    "format": 1,
    "rows": [
        {"task": "Intent", "split": split, "tag": "*", "metric": metric, "value": value, "low": 0, "high": 1, "n": 9}
        for split, metric, value in (("dev", "accuracy", 0.5), ("test", "accuracy", 0.75), ("test", "ece", 0.1))
    ],
    "main_metric": {"Intent": "accuracy"},
    "confusion": {},
    "notes": [],
}
SLICES = ("slice:long", "slice:short")  # more than six tokens, and one or two
LONG, SHORT = 6.5, 2.5
ALTERNATE = np.array([[-99, 99, -99], [99, -99, -99], [-99] * 3, [0, 0, -99], [0, 0, -99]], np.float32)


def tiny_schema() -> Schema:
    """The schema above."""
    return parse_schema(SCHEMA)


@cache
def tiny_artifact(seed: int = 0, chain: bool = False, slices: bool = False) -> Artifact:
    """A complete artefact; those of different seeds predict differently.

    With a chain, POS has transitions under which VERB always follows NOUN and NOUN follows VERB. With slices, it tells
    by the number of tokens which records belong to `SLICES`.
    """
    choices = default_choices(tiny_schema())
    tokens = replace(choices.payloads["tokens"], crf=chain)
    choices = replace(choices, payloads={**choices.payloads, "tokens": tokens})
    program = compile_program(tiny_schema(), choices, SLICES if slices else ())
    weights = _weights(program, seed)
    if chain:
        weights["blocks.POS/head.transitions"] = ALTERNATE
    model = _graph(program, weights).SerializeToString()
    draft = pack_artifact(
        onnx=model, weights=weights, program=program, choices={"seed": seed}, signature=signature_of(program, model)
    )
    return draft.with_files(report=REPORT, lineage={"seed": seed})


def _weights(program: Program, seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    columns = {name: len(settings["columns"]) for name, settings in program.features.items()}
    return {
        task.name: random.normal(size=(columns[_source(task.payload)], max(len(task.classes), 1))).astype(np.float32)
        for task in program.schema.tasks
    }


def _source(payload: str) -> str:
    return "tokens" if payload == "query" else payload


def _graph(program: Program, weights: dict[str, np.ndarray]) -> onnx.ModelProto:
    nodes = []
    inputs = []
    for payload in ("tokens", "entities"):
        shape = ["row", payload, len(program.features[payload]["columns"])]
        inputs.append(helper.make_tensor_value_info(f"{payload}.features", TensorProto.INT32, shape))
        nodes.append(helper.make_node("Cast", [f"{payload}.features"], [f"{payload}.float"], to=TensorProto.FLOAT))
        nodes.append(helper.make_node("Mul", [f"{payload}.float", "scale"], [f"{payload}.small"]))
    outputs = []
    for task in program.schema.tasks:
        item = _source(task.payload)
        shape = {"query": ["row"], "tokens": ["row", "tokens"], "entities": ["row", "entities"]}[task.payload]
        labels = [len(task.classes)] if task.classes else []
        outputs.append(helper.make_tensor_value_info(f"{task.name}.logits", TensorProto.FLOAT, [*shape, *labels]))
        whole = task.payload != "query" and bool(task.classes)
        product = f"{task.name}.logits" if whole else f"{task.name}.items"
        nodes.append(helper.make_node("MatMul", [f"{item}.small", f"{task.name}.weight"], [product]))
        if task.type == "select":
            nodes.append(helper.make_node("Squeeze", [product, "last"], [f"{task.name}.logits"]))
        elif not whole:
            nodes.append(helper.make_node("ReduceSum", [product, "first"], [f"{task.name}.logits"], keepdims=0))
    memberships: dict[str, np.ndarray] = {}
    if program.slices:
        memberships = {"direction": np.array([1, -1], np.float32), "bound": np.array([-LONG, SHORT], np.float32)}
        nodes += _membership_nodes()
        outputs.append(helper.make_tensor_value_info(MEMBERSHIP, TensorProto.FLOAT, ["row", len(SLICES)]))
    constants = {"scale": np.float32(1e-4), "last": np.array([2]), "first": np.array([1])}
    arrays = {**{f"{name}.weight": weight for name, weight in weights.items()}, **constants, **memberships}
    initializers = [numpy_helper.from_array(np.asarray(value), name) for name, value in arrays.items()]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    return model


def _membership_nodes() -> list[onnx.NodeProto]:
    """Logits of the slices: how far the number of tokens is beyond the one bound, and below the other."""
    return [
        helper.make_node("Sign", ["tokens.float"], ["tokens.sign"]),  # features are 0 where there is no token
        helper.make_node("ReduceMax", ["tokens.sign", "last"], ["tokens.is"], keepdims=0),
        helper.make_node("ReduceSum", ["tokens.is", "first"], ["tokens.many"], keepdims=1),
        helper.make_node("Mul", ["tokens.many", "direction"], ["tokens.directed"]),
        helper.make_node("Add", ["tokens.directed", "bound"], [MEMBERSHIP]),
    ]
