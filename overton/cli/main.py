"""`overton COMMAND ...`: parse the words, run the command, turn its outcome into an exit status.

0 done; 1 the user's input or a gate says no (the problems are on stderr); 2 wrong usage. Nothing heavy is
imported before a command runs, so `--help` answers at once.
"""

import argparse
import errno
import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from overton import __version__
from overton.base import OvertonError, Problem, render_problems
from overton.base.errors import SHOWN
from overton.cli import console
from overton.cli.parser import Parser

COMMANDS = (
    "init",
    "check",
    "sources",
    "combine",
    "build",
    "report",
    "compare",
    "errors",
    "discover",
    "tag",
    "drift",
    "explain",
    "predict",
    "embed",
    "versions",
    "runs",
    "promote",
    "store",
    "serve",
    "web",
    "export",
    "kit",
    "experiment",
    "schema",
)

EPILOG = """the loop:
  overton init demo --example factoid     an application to play with
  overton check demo                      every fault of its schema, tuning and data
  overton sources demo                    who gave the labels, and how good they are
  overton build demo                      combine, train, evaluate, package: a version
  overton report demo                     its quality by tag and slice, worst first
  overton compare demo@live demo          what got better and worse, slice by slice
  overton errors demo --task Intent       what it got wrong, and what every source said there
  overton promote demo@VERSION live       make it the live version
  overton serve demo@live                 answer over HTTP

VERSION is a path to an artefact, or APP@ID, APP@ALIAS, or APP (the newest)."""


def build_parser(commands: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """The parser of the whole command line, from which `docs/commands.md` is generated, or of some commands alone."""
    parser = Parser(
        prog="overton",
        description="Build, monitor and improve machine-learned products by editing data, not models.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"overton {__version__}")
    parsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in commands:
        module = importlib.import_module(f"overton.cli.{name}_command")
        told = getattr(module, "EXIT", "")  # where it tells more than 0, 1 and 2
        command = parsers.add_parser(
            name,
            help=module.HELP,
            description=module.HELP[0].upper() + module.HELP[1:] + ".",
            epilog=f"example:\n{module.EXAMPLE}" + (f"\n\nexit status:\n{told}" if told else ""),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser


def main(words: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    words = sys.argv[1:] if words is None else words
    try:
        # The options of all the other commands take longer to make than many a command to run.
        parser = build_parser([words[0]] if words and words[0] in COMMANDS else COMMANDS)
        return _run(parser.parse_args(words))
    except KeyboardInterrupt:
        return console.stopped()


def _run(options: argparse.Namespace) -> int:
    try:
        return int(options.run(options))
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone, as `| head` does
        return 0
    except (OvertonError, OSError, ModuleNotFoundError) as error:
        problems = console.problems_of(error)
        if not problems:
            raise
        if isinstance(error, OSError) and error.filename is None and error.errno == errno.ENOSPC:
            # Most likely our output: what waits to be written to it would fail once more when Python ends.
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _refuse(options, problems)


def _refuse(options: argparse.Namespace, problems: Sequence[Problem]) -> int:
    """Tell why the command did not do its work, on stdout too where that is to be JSON."""
    limit = len(problems) if options.command == "check" else SHOWN
    text = render_problems(problems, limit=limit)
    if len(problems) > limit and options.command != "predict":  # its input is no part of the application
        text += "; `overton check` tells all"
    console.note(text)
    if getattr(options, "json", False):
        console.write_json({"ok": False, "problems": console.problems_json(problems)})
    return 1


if __name__ == "__main__":
    sys.exit(main())
