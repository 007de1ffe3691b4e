"""`overton combine`: the combined labels as a data file."""

import argparse
from pathlib import Path

from overton.base import count_of
from overton.cli import console

HELP = "write the combined labels as a data file (source `combined`, class -> probability)"
EXAMPLE = "  overton combine demo combined.jsonl --task Intent"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    console.add_app(parser)
    parser.add_argument("output", type=Path, metavar="OUTPUT", help="the data file to write, not into APP/data")
    parser.add_argument("--task", metavar="T", help="this task alone")
    console.add_max_bad(parser)
    console.add_common(parser)


def run(options: argparse.Namespace) -> int:
    """Write the file."""
    from overton.application import load

    application = load(options.app)
    with console.progress(quiet=options.quiet) as observe:
        n_records = application.combine(options.output, task=options.task, max_bad=options.max_bad, observe=observe)
    console.write(f"{options.output}: combined labels of {count_of(n_records, 'record')}")
    return 0
