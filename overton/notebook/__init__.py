"""Documents as they look in a notebook: HTML by itself, escaped, with no script and nothing to fetch.

Each function takes the JSON document of a value (`to_json`), so it knows no room, and every room may call it.
"""

from overton.notebook.comparison import comparison_html
from overton.notebook.errors import error_html, errors_html
from overton.notebook.overview import application_html, version_html
from overton.notebook.report import report_html
from overton.notebook.rows import drift_html, slices_html
from overton.notebook.words import wrong_of

__all__ = [
    "application_html",
    "comparison_html",
    "drift_html",
    "error_html",
    "errors_html",
    "report_html",
    "slices_html",
    "version_html",
    "wrong_of",
]
