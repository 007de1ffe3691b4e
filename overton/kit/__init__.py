"""A version to a folder that can be deployed: what serving needs and nothing of training."""

from overton.kit.requirements import SERVING, pinned, serving_roots
from overton.kit.templates import Plan, render
from overton.kit.wheel import Distribution, render_wheel, wheel_name

__all__ = ["SERVING", "Distribution", "Plan", "pinned", "render", "render_wheel", "serving_roots", "wheel_name"]
