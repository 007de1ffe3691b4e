"""`overton web`: the dashboard of an application."""

import argparse

from overton.cli import console

HELP = "open the dashboard: read quality by slice, correct labels, build, compare, promote"
EXAMPLE = "  overton web demo --port 8000"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    console.add_app(parser)
    parser.add_argument(
        "--port", type=int, default=8000, metavar="P", help="port on 127.0.0.1 (default 8000); 0 for any that is free"
    )
    console.add_store(parser)
    console.add_common(parser)


def run(options: argparse.Namespace) -> int:
    """Show the dashboard until stopped."""
    from overton.web.server import run as show

    try:
        with console.progress(quiet=options.quiet) as observe:
            show(options.app, store=options.store, port=options.port, observe=observe)
    except KeyboardInterrupt:
        if not _has_finished():
            console.leave(console.stopped())
        raise
    return 0


def _has_finished() -> bool:
    """Whether nothing is computed any more; a second interrupt ends the wait for that."""
    from overton.web.dashboard import finish
    from overton.web.server import FINISH_SECONDS

    try:
        return finish(FINISH_SECONDS)
    except KeyboardInterrupt:
        return False
