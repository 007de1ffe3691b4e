"""Predictions and gold into a report: quality by task, tag and metric, with counts and intervals. No torch here.

`compare` sets two versions side by side on the same records and says whether the new one may take the old one's place.
"""

from overton.evaluate.compare import (
    Compared,
    ComparedRow,
    Comparison,
    Gate,
    compare_predictions,
    gate_json_schema,
    parse_gate,
    render_comparison,
    render_junit,
    render_summary,
    source_changes,
    tag_changes,
)
from overton.evaluate.examples import ExampleRows, TaskRows, example_rows
from overton.evaluate.judge import Judged, judge
from overton.evaluate.measure import evaluate, main_metric, main_scores
from overton.evaluate.outcomes import confidence_of, right_units
from overton.evaluate.parquet import parse_examples, render_examples
from overton.evaluate.render import render_report
from overton.evaluate.report import Report, Row, parse_report
from overton.evaluate.rows import evaluated_rows
from overton.evaluate.temperature import best_temperature
from overton.evaluate.thresholds import best_thresholds

__all__ = [
    "Compared",
    "ComparedRow",
    "Comparison",
    "ExampleRows",
    "Gate",
    "Judged",
    "Report",
    "Row",
    "TaskRows",
    "best_temperature",
    "best_thresholds",
    "compare_predictions",
    "confidence_of",
    "evaluate",
    "evaluated_rows",
    "example_rows",
    "gate_json_schema",
    "judge",
    "main_metric",
    "main_scores",
    "parse_examples",
    "parse_gate",
    "parse_report",
    "render_comparison",
    "render_examples",
    "render_junit",
    "render_report",
    "render_summary",
    "right_units",
    "source_changes",
    "tag_changes",
]
