"""Supervision: the votes of every source, combined into the probability of each label."""

from overton.supervision.analysis.classes import ClassRow
from overton.supervision.analysis.copies import Copy
from overton.supervision.analysis.lineage import RecordLineage, TaskLineage, UnitLineage, VoteLineage, explain_task
from overton.supervision.analysis.marginal import Marginal
from overton.supervision.analysis.record import explain_record, find_record, item_texts, record_text
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
from overton.supervision.analysis.slices import PairOfSources, SliceRow, disagreement_in
from overton.supervision.analysis.warn import SourceWarning
from overton.supervision.array_tasks import combine_bits, combine_select
from overton.supervision.arrays import LabelModel
from overton.supervision.combine import METHODS, Combined, combine
from overton.supervision.combined_labels import combined_labels
from overton.supervision.kept import Kept, bring_up_to_date, count_votes
from overton.supervision.sets import label_sets
from overton.supervision.tally import Tally, merge
from overton.supervision.targets import Targets
from overton.supervision.taught import taught_by

__all__ = [
    "METHODS",
    "ClassRow",
    "Combined",
    "Copy",
    "Kept",
    "LabelModel",
    "Marginal",
    "PairOfSources",
    "RecordLineage",
    "SliceRow",
    "SourceReport",
    "SourceRow",
    "SourceWarning",
    "Tally",
    "Targets",
    "TaskLineage",
    "UnitLineage",
    "VoteLineage",
    "bring_up_to_date",
    "combine",
    "combine_bits",
    "combine_select",
    "combined_labels",
    "count_votes",
    "disagreement_in",
    "explain_record",
    "explain_task",
    "find_record",
    "item_texts",
    "join_reports",
    "label_sets",
    "merge",
    "record_text",
    "render_lineage",
    "render_sources",
    "source_report",
    "source_rows",
    "tags_to_show",
    "taught_by",
]
