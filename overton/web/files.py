"""Pages on disk: one file each, whole or not at all."""

from pathlib import Path

from overton.base.files import write_atomic
from overton.web.pages import ComparisonPage, ReportPage
from overton.web.render import render_file


def write_page(path: Path, page: ReportPage | ComparisonPage) -> int:
    """Write a page as one file that asks for nothing, and return its size in bytes."""
    content = render_file(page).encode()
    write_atomic(path, content)
    return len(content)
