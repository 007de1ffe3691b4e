"""`overton sources`: who gave the labels, how much, how much they disagree, how good they are."""

import argparse
from pathlib import Path

from overton.cli import console

HELP = "show coverage, overlap, conflict and accuracy of every source of labels"
EXAMPLE = "  overton sources demo --task Intent"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("app", type=Path, metavar="APP", help="directory of the application")
    parser.add_argument("--task", metavar="T", help="this task alone")
    console.add_max_bad(parser)
    console.add_common(parser, json_output=True)


def run(options: argparse.Namespace) -> int:
    """Print the table."""
    from dataclasses import asdict

    from overton.application import load
    from overton.supervision import render_sources

    application = load(options.app)
    with console.progress(quiet=options.quiet) as observe:
        rows = application.sources(task=options.task, max_bad=options.max_bad, observe=observe)
    if options.json:
        console.write_json({"rows": [asdict(row) for row in rows]})
    else:
        console.write(render_sources(rows, width=console.width()))
    return 0
