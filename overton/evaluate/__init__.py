"""Predictions and gold into a report: quality by task, tag and metric, with counts and intervals. No torch here."""

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
from overton.evaluate.judge import Judged, judge
from overton.evaluate.measure import evaluate, main_metric, main_scores
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
from overton.evaluate.render import render_report
from overton.evaluate.report import Report, Row, parse_report
from overton.evaluate.rows import evaluated_rows
from overton.evaluate.temperature import best_temperature
from overton.evaluate.thresholds import best_thresholds
from overton.evaluate.words import item_payloads, lower_items

__all__ = [
    "DriftReport",
    "DriftRow",
    "ExampleRows",
    "Judged",
    "Profile",
    "Report",
    "Row",
    "TaskProfile",
    "TaskRows",
    "best_temperature",
    "best_thresholds",
    "confidence_of",
    "confidence_row",
    "count_row",
    "evaluate",
    "evaluated_rows",
    "example_rows",
    "item_payloads",
    "judge",
    "judged_rows",
    "length_counts",
    "lower_items",
    "main_metric",
    "main_scores",
    "member_counts",
    "parse_examples",
    "parse_profile",
    "parse_report",
    "profile_of",
    "render_examples",
    "render_report",
    "right_units",
    "share_row",
    "task_profile",
    "words_row",
]
