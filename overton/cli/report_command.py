"""`overton report`: quality by task, tag and slice."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from overton.base import os_reason
from overton.cli import console

if TYPE_CHECKING:
    from overton.evaluate import Report
    from overton.evaluation import Evaluation
    from overton.pipeline import Predicted
    from overton.version import Version

HELP = "show the quality of a version by tag and slice, worst slices first"
EXAMPLE = """\
  overton report demo
  overton report demo@live --data new_test.jsonl --tag slice:nutrition
  overton report demo --tag 'slice:nutrition & channel:voice'
  overton report demo --html report.html"""

NOW = "the data files have changed since the build: the figures are of the files as they are now"
NEWER = (
    "the data files are others than those that it was built of: the figures are those of the build, without labels and "
    "tags that came later"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    console.add_version(parser)
    parser.add_argument("--data", type=Path, metavar="PATH", help="evaluate on this data file or folder instead")
    parser.add_argument("--tag", metavar="T", help="rows of this tag, or expression over tags, alone")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write report.json and predictions.parquet there")
    console.add_place(parser, "records are predicted, with --data or an expression", default="local:1")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the page about the version, as one file")
    console.add_store(parser)
    console.add_max_bad(parser)
    console.add_common(parser, json_output=True)


def run(options: argparse.Namespace) -> int:
    """Print the report and write its files."""
    from overton.application import find_version
    from overton.engine import engine_of
    from overton.evaluate import render_report
    from overton.evaluation import data_since
    from overton.pipeline import Predicted

    if options.html:
        console.check_page(options.html)
    engine_of(options.on)  # which may not be needed: a wrong place is told all the same
    version = find_version(options.version, store=options.store, max_bad=options.max_bad)
    kept = version.evaluation()
    made = _asked_anew(options, version, kept.report)
    predicted = Predicted() if options.html else None  # which tells more of the same records
    with console.progress(quiet=options.quiet) as observe:
        evaluate = partial(version.evaluate, options.data, tags=made, on=options.on, predicted=predicted)
        evaluation = evaluate(observe=observe) if options.data or made else kept
    if not options.data and data_since(version.home, version.artifact):
        console.note(NOW if made else NEWER)
    own = version.report_directory(options.data)
    directory = options.out or (None if made and not options.data else own)  # the own report stays as it was built
    if directory:
        directory = _saved(evaluation, directory, is_asked=bool(options.out))
    report = evaluation.report.of_tag(options.tag) if options.tag else evaluation.report
    if options.json:
        study = version.study()
        search = {"search": study.to_json()} if study else {}
        console.write_json({"version": version.label, **report.to_json(), **search})
    else:
        console.write(render_report(report, width=console.width()))
        if not options.data and not options.tag:
            console.write_models(version)
            console.write_study(version)
        if directory:
            console.note(f"{directory}: report.json, predictions.parquet")
    if options.html:
        _write_page(options, version, evaluation, predicted)
    return 0


def _saved(evaluation: Evaluation, directory: Path, *, is_asked: bool) -> Path | None:
    """Where the files of a report were written; None where nobody asked for that place, and it may only be read.

    Raises:
        OSError: Where somebody did.
    """
    try:
        evaluation.save(directory)
    except OSError as error:
        if is_asked:
            raise
        console.note(f"{error.filename or directory}: {os_reason(error)}; no file was written")
        return None
    return directory


def _asked_anew(options: argparse.Namespace, version: Version, kept: Report) -> list[str]:
    """The tag, where the report of the build does not know it, but records may: an expression, or a tag given since."""
    from overton.data import SPLITS, is_made_of_tags

    tag = options.tag
    if tag is None or (not options.data and (tag in ("*", *SPLITS) or kept.has_tag(tag))):
        return []
    has_records = options.data or version.home  # an artefact alone has none
    return [tag] if has_records or is_made_of_tags(tag) else []


def _write_page(
    options: argparse.Namespace, version: Version, evaluation: Evaluation, predicted: Predicted | None
) -> None:
    """Write the page about the version."""
    from overton.web import report_page
    from overton.web.files import write_page

    with console.progress(quiet=options.quiet) as observe:
        page_of = partial(report_page, version, data=options.data, tag=options.tag or "", evaluation=evaluation)
        page = page_of(predicted=predicted, observe=observe)
    console.note_file(options.html, write_page(options.html, page))
