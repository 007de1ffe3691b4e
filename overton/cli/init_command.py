"""`overton init`: a complete small application to start from."""

import argparse
import shlex
from pathlib import Path

from overton.cli import console

HELP = "write a complete small application to start from"
BLANK, RECORDS = "blank", 5000
EXAMPLE = "  overton init demo --example factoid --records 5000 --seed 0"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("directory", type=Path, metavar="DIR", help="where to write it; must be new or empty")
    parser.add_argument("--example", default=BLANK, help="which example: blank (default) or factoid")
    parser.add_argument("--records", type=int, metavar="N", help=f"records to make (default {RECORDS})")
    parser.add_argument("--seed", type=int, metavar="S", help="another seed makes other records (default 0)")


def run(options: argparse.Namespace) -> int:
    """Write the application."""
    from overton.base import OvertonError, Problem, did_you_mean
    from overton.example import EXAMPLES
    from overton.example.files import write_application

    if options.example not in EXAMPLES:
        raise OvertonError(
            Problem(
                message=f"there is no example {options.example!r}",
                code="init.unknown-example",
                hint=did_you_mean(options.example, EXAMPLES),
            )
        )
    if options.example == BLANK and (options.records, options.seed) != (None, None):
        console.note(
            f"overton init: --records and --seed say nothing of {BLANK}, which is always the same; see --example"
        )
        return 2
    n_records = RECORDS if options.records is None else options.records
    if n_records < 1:
        raise OvertonError(Problem(message="an application needs at least 1 record", code="init.no-records"))
    application = EXAMPLES[options.example](n_records, options.seed or 0)
    write_application(application, options.directory)
    console.write(f"{options.directory}: {', '.join(sorted(application.files))}")
    console.write(f"Next: overton check {shlex.quote(str(options.directory))}")
    return 0
