"""Temperatures into weights: a task's last layer is linear, so dividing its weights divides the logits.

A head that chooses among sets has a scale behind them instead: sets keep their odds, and bits get theirs.

A chain's transitions are divided as well, so that its sequences keep their order.
"""

from collections.abc import Mapping
from dataclasses import replace

from overton.codec import transitions_name
from overton.compile import Program
from overton.train.state import Trained

# What the logits of a head are linear in. A name may be that of another layer in another head.
SCORE = ("score.weight", "score.bias")
LAST = {
    "multiclass_head.v2": (*SCORE, "wide.weight"),
    "bitvector_head.v2": (*SCORE, "wide.weight"),
    "sets_head.v1": ("scale",),
}


def with_temperatures(trained: Trained, program: Program, temperature: Mapping[str, float]) -> Trained:
    """The same weights, but with the logits of each task divided by its temperature."""
    weights = dict(trained.weights)
    ops = {node.name: node.op for node in program.nodes}
    for task, value in temperature.items():
        head = program.outputs[task]
        block = f"blocks.{head.replace('.', '/')}"
        for name in (*(f"{block}.{part}" for part in LAST.get(ops[head], SCORE)), transitions_name(head)):
            if name in weights:
                weights[name] = (weights[name] / value).astype(weights[name].dtype)
    return replace(trained, weights=weights, temperature=dict(temperature))
