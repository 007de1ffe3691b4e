"""`overton COMMAND ...`: parse the words, run the command, turn its outcome into an exit status.

0 done; 1 the user's input or a gate says no (the problems are on stderr); 2 wrong usage. Nothing heavy is
imported before a command runs, so `--help` answers at once.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence

from overton import __version__
from overton.base import OvertonError, render_problems

COMMANDS = (
    "init",
    "check",
    "sources",
    "combine",
    "build",
    "report",
    "explain",
    "predict",
    "versions",
    "promote",
    "serve",
    "schema",
)

EPILOG = """the loop:
  overton init demo --example factoid     an application to play with
  overton check demo                      every fault of its schema, tuning and data
  overton sources demo                    who gave the labels, and how good they are
  overton build demo                      combine, train, evaluate, package: a version
  overton report demo                     its quality by tag and slice, worst first
  overton promote demo@VERSION live       make it the live version
  overton serve demo@live                 answer over HTTP

VERSION is a path to an artefact, or APP@ID, APP@ALIAS, or APP (the newest)."""


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line; `docs/commands.md` is generated from it."""
    parser = argparse.ArgumentParser(
        prog="overton",
        description="Build, monitor and improve machine-learned products by editing data, not models.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"overton {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS:
        module = importlib.import_module(f"overton.cli.{name}_command")
        command = commands.add_parser(
            name,
            help=module.HELP,
            description=module.HELP[0].upper() + module.HELP[1:] + ".",
            epilog=f"example:\n{module.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser


def main(words: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    options = build_parser().parse_args(words)
    try:
        status = options.run(options)
    except OvertonError as error:
        sys.stderr.write(render_problems(error.problems) + "\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("stopped; nothing was left half written\n")
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone, as `| head` does
        return 0
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
