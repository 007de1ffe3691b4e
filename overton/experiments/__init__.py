"""The experiments of Ré et al. 2019, section 3, on an application of one's own: scaling, pretrained, baseline."""

from overton.experiments.baseline import Baseline, Comparison
from overton.experiments.curves import Curves, Figure, Size
from overton.experiments.figures import draw
from overton.experiments.points import Job, Measured, Point
from overton.experiments.render import render_outcome
from overton.experiments.run import run_baseline, run_pretrained, run_scaling

__all__ = [
    "Baseline",
    "Comparison",
    "Curves",
    "Figure",
    "Job",
    "Measured",
    "Point",
    "Size",
    "draw",
    "render_outcome",
    "run_baseline",
    "run_pretrained",
    "run_scaling",
]
