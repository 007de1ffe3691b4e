"""`overton drift`: whether what a version is asked has drifted from what it was built on."""

import argparse
from pathlib import Path

from overton.cli import console

HELP = "tell whether unlabelled records have drifted from those that a version was built on"
EXAMPLE = "  overton drift demo@live requests.jsonl"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    console.add_version(parser)
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="data file or folder, such as a log of requests; labels are not needed"
    )
    console.add_store(parser)
    console.add_max_bad(parser)
    console.add_common(parser, json_output=True)


def run(options: argparse.Namespace) -> int:
    """Print what drifted; exit 0 whether anything did or not, since that is no fault."""
    from overton.application import find_version
    from overton.review import render_drift

    version = find_version(options.version, store=options.store, max_bad=options.max_bad)
    with console.progress(quiet=options.quiet) as observe:
        report = version.drift(options.file, observe=observe)
    if options.json:
        console.write_json(report.to_json())
    else:
        console.write(render_drift(report, width=console.width()))
    return 0
