"""`overton build`: schema and data in, a version out."""

import argparse
from pathlib import Path

from overton.cli import console

HELP = "combine the supervision, train, evaluate and package one version"
EXAMPLE = "  overton build demo --seed 1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("app", type=Path, metavar="APP", help="directory of the application")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="seed of everything random (default 0)")
    console.add_store(parser)
    console.add_max_bad(parser)
    console.add_common(parser, json_output=True)


def run(options: argparse.Namespace) -> int:
    """Build and print the report."""
    from overton.application import load

    application = load(options.app, store=options.store)
    with console.progress(quiet=options.quiet) as observe:
        version = application.build(seed=options.seed, max_bad=options.max_bad, observe=observe)
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
