"""Review: the errors of a version, slices that nobody defined, tags by expression, and drift of what it is asked."""

from overton.review.annotate import Candidate
from overton.review.discover import FoundSlice, SlicePage, words_of_records
from overton.review.drift import kept_profile, review_drift
from overton.review.errors import ErrorPage, RecordError, SourceOnErrors, UnitError, find_errors
from overton.review.labels import agrees, combined_label, names_of, plain_label, vote_label
from overton.review.render import render_errors
from overton.review.render_drift import render_drift
from overton.review.render_slices import render_slices
from overton.review.review import bear_all, no_rows, review_errors, review_slices, rows_of
from overton.review.tag_sql import tag_sql
from overton.review.tagging import Tagging, check_tag, nobody_bears, render_tagging

__all__ = [
    "Candidate",
    "ErrorPage",
    "FoundSlice",
    "RecordError",
    "SlicePage",
    "SourceOnErrors",
    "Tagging",
    "UnitError",
    "agrees",
    "bear_all",
    "check_tag",
    "combined_label",
    "find_errors",
    "kept_profile",
    "names_of",
    "no_rows",
    "nobody_bears",
    "plain_label",
    "render_drift",
    "render_errors",
    "render_slices",
    "render_tagging",
    "review_drift",
    "review_errors",
    "review_slices",
    "rows_of",
    "tag_sql",
    "vote_label",
    "words_of_records",
]
