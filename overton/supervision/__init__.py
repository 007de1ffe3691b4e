"""Supervision: the votes of every source, combined into the probability of each label."""

from overton.supervision.analysis.render import render_sources
from overton.supervision.analysis.rows import SourceRow, source_rows
from overton.supervision.combine import METHODS, Combined, combine
from overton.supervision.combined_labels import combined_labels
from overton.supervision.kept import Kept, bring_up_to_date
from overton.supervision.tally import Tally
from overton.supervision.targets import Targets

__all__ = [
    "METHODS",
    "Combined",
    "Kept",
    "SourceRow",
    "Tally",
    "Targets",
    "bring_up_to_date",
    "combine",
    "combined_labels",
    "render_sources",
    "source_rows",
]
