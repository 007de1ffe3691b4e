"""Supervision: the votes of every source, combined into the probability of each label."""

from overton.supervision.analysis.classes import ClassRow
from overton.supervision.analysis.copies import Copy
from overton.supervision.analysis.lineage import RecordLineage, TaskLineage, UnitLineage, VoteLineage, explain_task
from overton.supervision.analysis.marginal import Marginal
from overton.supervision.analysis.record import explain_record, find_record
from overton.supervision.analysis.render import render_sources
from overton.supervision.analysis.render_lineage import render_lineage
from overton.supervision.analysis.report import (
    SourceReport,
    join_reports,
    source_report,
    source_rows,
    tags_to_show,
)
from overton.supervision.analysis.rows import SourceRow
from overton.supervision.analysis.slices import SliceRow
from overton.supervision.analysis.warn import SourceWarning
from overton.supervision.array_tasks import combine_bits, combine_select
from overton.supervision.arrays import LabelModel
from overton.supervision.combine import METHODS, Combined, combine
from overton.supervision.combined_labels import combined_labels
from overton.supervision.targets import Targets

__all__ = [
    "METHODS",
    "ClassRow",
    "Combined",
    "Copy",
    "LabelModel",
    "Marginal",
    "RecordLineage",
    "SliceRow",
    "SourceReport",
    "SourceRow",
    "SourceWarning",
    "Targets",
    "TaskLineage",
    "UnitLineage",
    "VoteLineage",
    "combine",
    "combine_bits",
    "combine_select",
    "combined_labels",
    "explain_record",
    "explain_task",
    "find_record",
    "join_reports",
    "render_lineage",
    "render_sources",
    "source_report",
    "source_rows",
    "tags_to_show",
]
