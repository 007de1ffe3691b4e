"""Predictions and gold into a report: quality by task, tag and metric, with counts and intervals. No torch here."""

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
    "ExampleRows",
    "Judged",
    "Report",
    "Row",
    "TaskRows",
    "best_temperature",
    "best_thresholds",
    "confidence_of",
    "evaluate",
    "evaluated_rows",
    "example_rows",
    "judge",
    "main_metric",
    "main_scores",
    "parse_examples",
    "parse_report",
    "render_examples",
    "render_report",
    "right_units",
]
