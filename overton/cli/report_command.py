"""`overton report`: quality by task, tag and slice."""

import argparse
from pathlib import Path

from overton.cli import console

HELP = "show the quality of a version by tag and slice, worst slices first"
EXAMPLE = """\
  overton report demo
  overton report demo@live --data new_test.jsonl --tag slice:nutrition
  overton report demo --tag 'slice:long_query & !lang:en'"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "version", metavar="VERSION", help="path to an artefact, APP@ID, APP@ALIAS, or APP (the newest)"
    )
    parser.add_argument("--data", type=Path, metavar="PATH", help="evaluate on this data file or folder instead")
    parser.add_argument("--tag", metavar="T", help="rows of this tag, or expression over tags, alone")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write report.json and predictions.parquet there")
    console.add_store(parser)
    console.add_common(parser, json_output=True)


def run(options: argparse.Namespace) -> int:
    """Print the report and write its files."""
    from overton.application import find_version
    from overton.data import is_made_of_tags
    from overton.evaluate import render_report

    version = find_version(options.version, store=options.store)
    kept = version.evaluation()
    made = (
        [options.tag] if options.tag and not kept.report.has_tag(options.tag) and is_made_of_tags(options.tag) else []
    )
    with console.progress(quiet=options.quiet) as observe:
        evaluation = version.evaluate(options.data, tags=made, observe=observe) if options.data or made else kept
    if made and not options.data and evaluation.report.data != kept.report.data:
        console.note("the data files have changed since the build: the figures are of the files as they are now")
    own = version.report_directory_on(options.data) if options.data else version.report_directory
    directory = options.out or (None if made and not options.data else own)  # the own report stays as it was built
    if directory:
        evaluation.save(directory)
    report = evaluation.report.of_tag(options.tag) if options.tag else evaluation.report
    if options.json:
        study = version.study()
        console.write_json(
            {"version": version.id, **report.to_json(), **({"search": study.to_json()} if study else {})}
        )
        return 0
    console.write(render_report(report, width=console.width()))
    if not options.data and not options.tag:
        console.write_study(version)
    if directory:
        console.note(f"{directory}: report.json, predictions.parquet")
    return 0
