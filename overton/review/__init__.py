"""Review: the errors of a version, slices that nobody defined, tags by expression, and drift of what it is asked."""

from overton.review.annotate import Candidate
from overton.review.discover import FoundSlice, SlicePage
from overton.review.drift import review_drift
from overton.review.errors import ErrorPage, RecordError, SourceOnErrors, UnitError, find_errors
from overton.review.render import render_errors
from overton.review.render_drift import render_drift
from overton.review.render_slices import render_slices
from overton.review.review import review_errors, review_slices
from overton.review.tagging import Tagging, render_tagging

__all__ = [
    "Candidate",
    "ErrorPage",
    "FoundSlice",
    "RecordError",
    "SlicePage",
    "SourceOnErrors",
    "Tagging",
    "UnitError",
    "find_errors",
    "render_drift",
    "render_errors",
    "render_slices",
    "render_tagging",
    "review_drift",
    "review_errors",
    "review_slices",
]
