"""`overton promote`: let an alias name a version."""

import argparse

from overton.cli import console

HELP = "let an alias such as `live` name a version"
EXAMPLE = '  overton promote demo@3f9c2a live --why "nutrition slice mended"'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("version", metavar="VERSION", help="APP@ID, APP@ALIAS, or APP (the newest)")
    parser.add_argument("alias", metavar="ALIAS", help="the alias, such as live")
    parser.add_argument("--why", default="", metavar="TEXT", help="kept in the alias's log")
    parser.add_argument("--force", action="store_true", help="promote although the signature is not compatible")
    console.add_store(parser)


def run(options: argparse.Namespace) -> int:
    """Promote and say what changed."""
    from overton.application import find_version

    version = find_version(options.version, store=options.store)
    before = version.promote(options.alias, why=options.why, force=options.force)
    if before == version.id:
        console.write(f"{options.alias}: names {version.id} already")
        return 0
    console.write(f"{options.alias}: {before or 'nothing'} -> {version.id}")
    return 0
