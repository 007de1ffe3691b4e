"""`overton versions`: the versions of an application, newest first, with their quality and aliases."""

import argparse
from pathlib import Path

from overton.cli import console

HELP = "list the versions of an application, newest first"
EXAMPLE = "  overton versions demo"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("app", type=Path, metavar="APP", help="directory of the application")
    console.add_store(parser)
    console.add_common(parser, json_output=True)


def run(options: argparse.Namespace) -> int:
    """Print the list."""
    from overton.application import load, render_versions

    rows = load(options.app, store=options.store).version_rows(observe=lambda event: console.note(event.message))
    if options.json:
        console.write_json({"versions": rows})
    elif rows:
        console.write(render_versions(rows))
    else:
        console.note(f"{options.app} has no version yet: overton build {options.app}")
    return 0
