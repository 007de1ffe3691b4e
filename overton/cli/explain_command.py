"""`overton explain`: the compiled program, as text."""

import argparse

from overton.cli import console

HELP = "print the compiled program of an application or of a version"
EXAMPLE = "  overton explain demo"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "target", metavar="APP|VERSION", help="an application, or APP@ID, APP@ALIAS, an artefact's path"
    )
    console.add_store(parser)
    console.add_max_bad(parser)
    console.add_common(parser)


def run(options: argparse.Namespace) -> int:
    """Print the program."""
    from overton.application import explain_target

    with console.progress(quiet=options.quiet) as observe:
        text = explain_target(options.target, store=options.store, max_bad=options.max_bad, observe=observe)
        console.write(text)
    return 0
