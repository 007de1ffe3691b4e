"""`overton report`: quality by task, tag and slice."""

import argparse
from pathlib import Path

from overton.cli import console

HELP = "show the quality of a version by tag and slice, worst slices first"
EXAMPLE = "  overton report demo\n  overton report demo@live --data new_test.jsonl --tag slice:nutrition"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "version", metavar="VERSION", help="path to an artefact, APP@ID, APP@ALIAS, or APP (the newest)"
    )
    parser.add_argument("--data", type=Path, metavar="PATH", help="evaluate on this data file or folder instead")
    parser.add_argument("--tag", metavar="T", help="rows of this tag alone")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write report.json and predictions.parquet there")
    console.add_store(parser)
    console.add_common(parser, json_output=True)


def run(options: argparse.Namespace) -> int:
    """Print the report and write its files."""
    from overton.application import find_version
    from overton.evaluate import render_report

    version = find_version(options.version, store=options.store)
    with console.progress(quiet=options.quiet) as observe:
        evaluation = version.evaluate(options.data, observe=observe) if options.data else version.evaluation()
    own = version.report_directory_on(options.data) if options.data else version.report_directory
    directory = options.out or own
    evaluation.save(directory)
    report = evaluation.report.of_tag(options.tag) if options.tag else evaluation.report
    if options.json:
        console.write_json({"version": version.id, **report.to_json()})
        return 0
    console.write(render_report(report, width=console.width()))
    console.note(f"{directory}: report.json, predictions.parquet")
    return 0
