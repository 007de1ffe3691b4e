"""Supervision: the votes of every source, combined into the probability of each label."""

from overton.supervision.analysis.render import render_sources
from overton.supervision.analysis.rows import SourceRow, source_rows
from overton.supervision.array_tasks import combine_bits, combine_select
from overton.supervision.arrays import LabelModel
from overton.supervision.combine import METHODS, Combined, combine
from overton.supervision.combined_labels import combined_labels
from overton.supervision.targets import Targets

__all__ = [
    "METHODS",
    "Combined",
    "LabelModel",
    "SourceRow",
    "Targets",
    "combine",
    "combine_bits",
    "combine_select",
    "combined_labels",
    "render_sources",
    "source_rows",
]
