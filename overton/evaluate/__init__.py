"""Predictions and gold into a report: quality by task, tag and metric, with counts and intervals. No torch here.

`compare` sets two versions side by side on the same records and says whether the new one may take the old one's place.
"""

from overton.evaluate.compare import (
    ONE_VERSION,
    Compared,
    ComparedRow,
    Comparison,
    Gate,
    TagChange,
    compare_predictions,
    gate_json_schema,
    moved_most,
    parse_gate,
    render_comparison,
    render_junit,
    render_summary,
    shown_better,
    source_changes,
    tag_changes,
    unknown_tags,
)
from overton.evaluate.drift import (
    DriftReport,
    DriftRow,
    confidence_row,
    count_row,
    judged_rows,
    share_row,
    words_row,
)
from overton.evaluate.examples import ExampleRows, TaskRows, example_rows
from overton.evaluate.judge import Judged, judge, may_be_found
from overton.evaluate.measure import evaluate, main_metric, main_scores, tag_scores
from overton.evaluate.outcomes import confidence_of, right_units
from overton.evaluate.parquet import parse_examples, render_examples
from overton.evaluate.profile import (
    Profile,
    TaskProfile,
    length_counts,
    member_counts,
    parse_profile,
    profile_of,
    task_profile,
)
from overton.evaluate.render import render_models, render_report
from overton.evaluate.report import Report, Row, parse_report
from overton.evaluate.rows import evaluated_rows
from overton.evaluate.shares import best_share
from overton.evaluate.temperature import best_temperature, render_temperatures
from overton.evaluate.thresholds import best_thresholds
from overton.evaluate.words import item_payloads, lower_items

__all__ = [
    "ONE_VERSION",
    "Compared",
    "ComparedRow",
    "Comparison",
    "DriftReport",
    "DriftRow",
    "ExampleRows",
    "Gate",
    "Judged",
    "Profile",
    "Report",
    "Row",
    "TagChange",
    "TaskProfile",
    "TaskRows",
    "best_share",
    "best_temperature",
    "best_thresholds",
    "compare_predictions",
    "confidence_of",
    "confidence_row",
    "count_row",
    "evaluate",
    "evaluated_rows",
    "example_rows",
    "gate_json_schema",
    "item_payloads",
    "judge",
    "judged_rows",
    "length_counts",
    "lower_items",
    "main_metric",
    "main_scores",
    "may_be_found",
    "member_counts",
    "moved_most",
    "parse_examples",
    "parse_gate",
    "parse_profile",
    "parse_report",
    "profile_of",
    "render_comparison",
    "render_examples",
    "render_junit",
    "render_models",
    "render_report",
    "render_summary",
    "render_temperatures",
    "right_units",
    "share_row",
    "shown_better",
    "source_changes",
    "tag_changes",
    "tag_scores",
    "task_profile",
    "unknown_tags",
    "words_row",
]
