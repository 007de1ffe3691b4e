"""What a version is worth as a page, to keep as one file or to serve. What pages say is in `pages`, with no HTML."""

from overton.web.gather import compare_page, report_page
from overton.web.pages import ComparisonPage, ReportPage
from overton.web.render import render_file, render_page

__all__ = ["ComparisonPage", "ReportPage", "compare_page", "render_file", "render_page", "report_page"]
