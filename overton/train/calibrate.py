"""Temperatures into weights: a task's last layer is linear, so dividing its weights divides the logits.

A head that chooses among sets has a scale behind them instead: sets keep their odds, and bits get theirs.

A chain's transitions are divided as well, so that its sequences keep their order.
"""

from collections.abc import Mapping
from dataclasses import replace

from overton.codec import transitions_name
from overton.compile import Program
from overton.train.state import Trained

LINEAR = ("score.weight", "score.bias", "wide.weight")
SCALED = ("scale",)


def with_temperatures(trained: Trained, program: Program, temperature: Mapping[str, float]) -> Trained:
    """The same weights, but with the logits of each task divided by its temperature."""
    weights = dict(trained.weights)
    for task, value in temperature.items():
        head = program.outputs[task]
        block = f"blocks.{head.replace('.', '/')}"
        last = SCALED if f"{block}.{SCALED[0]}" in weights else LINEAR
        for name in (*(f"{block}.{part}" for part in last), transitions_name(head)):
            if name in weights:
                weights[name] = (weights[name] / value).astype(weights[name].dtype)
    return replace(trained, weights=weights, temperature=dict(temperature))
