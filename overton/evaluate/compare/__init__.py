"""Two versions on the same records: what got worse, how sure that is, and whether the new one may be used."""

from overton.evaluate.compare.better import shown_better
from overton.evaluate.compare.changes import SourceChange, TagChange, moved_most, source_changes, tag_changes
from overton.evaluate.compare.comparison import ONE_VERSION, Compared, Comparison, compare_predictions
from overton.evaluate.compare.flips import Flip
from overton.evaluate.compare.gate import Gate, gate_json_schema, parse_gate, unknown_tags
from overton.evaluate.compare.publish import render_junit, render_summary
from overton.evaluate.compare.render import render_comparison
from overton.evaluate.compare.rows import ComparedRow

__all__ = [
    "ONE_VERSION",
    "Compared",
    "ComparedRow",
    "Comparison",
    "Flip",
    "Gate",
    "SourceChange",
    "TagChange",
    "compare_predictions",
    "gate_json_schema",
    "moved_most",
    "parse_gate",
    "render_comparison",
    "render_junit",
    "render_summary",
    "shown_better",
    "source_changes",
    "tag_changes",
    "unknown_tags",
]
