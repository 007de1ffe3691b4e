"""Temperatures into weights: a task's last layer is linear, so dividing its weights divides the logits."""

from collections.abc import Mapping
from dataclasses import replace

from overton.compile import Program
from overton.train.state import Trained


def with_temperatures(trained: Trained, program: Program, temperature: Mapping[str, float]) -> Trained:
    """The same weights, but with the logits of each task divided by its temperature."""
    weights = dict(trained.weights)
    for task, value in temperature.items():
        layer = f"blocks.{program.outputs[task].replace('.', '/')}.score"
        for name in (f"{layer}.weight", f"{layer}.bias"):
            weights[name] = (weights[name] / value).astype(weights[name].dtype)
    return replace(trained, weights=weights, temperature=dict(temperature))
