"""Review: the errors of a version, slices that nobody defined, tags by expression, and drift of what it is asked."""

from overton.review.annotate import Candidate
from overton.review.errors import ErrorPage, RecordError, SourceOnErrors, UnitError
from overton.review.render import render_errors
from overton.review.review import review_errors

__all__ = [
    "Candidate",
    "ErrorPage",
    "RecordError",
    "SourceOnErrors",
    "UnitError",
    "render_errors",
    "review_errors",
]
