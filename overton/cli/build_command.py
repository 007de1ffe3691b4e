"""`overton build`: schema and data in, a version out."""

import argparse
from pathlib import Path

from overton.cli import console

HELP = "combine the supervision, train, evaluate and package one version"
EXAMPLE = "  overton build demo --seed 1\n  overton build demo --from live"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("app", type=Path, metavar="APP", help="directory of the application")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="seed of everything random (default 0)")
    parser.add_argument(
        "--from",
        dest="parent",
        metavar="VERSION",
        help="begin with the weights of a version, for a shorter training: an id or alias of APP, or as elsewhere",
    )
    console.add_store(parser)
    console.add_max_bad(parser)
    console.add_common(parser, json_output=True)


def run(options: argparse.Namespace) -> int:
    """Build and print the report."""
    from overton.application import load

    application = load(options.app, store=options.store)
    with console.progress(quiet=options.quiet) as observe:
        parent = application.find_version(options.parent) if options.parent else None
        version = application.build(seed=options.seed, parent=parent, max_bad=options.max_bad, observe=observe)
    if options.json:
        console.write_json({"version": version.id, **version.report().to_json()})
        return 0
    from overton.evaluate import render_report

    console.write(render_report(version.report(), width=console.width()))
    console.write(f"\nversion {version.id}")
    console.write(
        f"Next: overton report {options.app}@{version.id}, or overton promote {options.app}@{version.id} live"
    )
    return 0
