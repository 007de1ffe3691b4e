"""`overton promote`: let an alias name a version."""

import argparse

from overton.cli import console

HELP = "let an alias such as `live` name a version, if the gate lets it pass"
EXAMPLE = """\
  overton promote demo@3f9c2a live --why "nutrition slice mended"
  overton promote demo@3f9c2a live --force --why "gold of slice:old_phones is wrong, see ticket 7\""""

EXIT = """\
  0  promoted, or the alias names the version already
  1  the gate or the signature refuses (the codes on stderr begin with `gate.`, or are `application.incompatible`), or
     something is to be mended; the alias stays
  2  wrong usage
`overton build --promote` exits 3 where the gate refuses."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("version", metavar="VERSION", help="APP@ID, APP@ALIAS, or APP (the newest)")
    parser.add_argument("alias", metavar="ALIAS", help="the alias, such as live")
    parser.add_argument("--why", default="", metavar="TEXT", help="kept in the alias's log")
    parser.add_argument(
        "--force", action="store_true", help="promote although the signature or the gate says no; needs --why"
    )
    console.add_store(parser)
    console.add_max_bad(parser)
    console.add_common(parser)


def run(options: argparse.Namespace) -> int:
    """Promote and say what changed."""
    from overton.application import find_version

    if options.force and not options.why.strip():
        console.note("overton promote: --force needs --why, which stays in the alias's log")
        return 2
    version = find_version(options.version, store=options.store)
    with console.progress(quiet=options.quiet) as observe:
        before = version.promote(
            options.alias, why=options.why, force=options.force, max_bad=options.max_bad, observe=observe
        )
    if before == version.id:
        console.write(f"{options.alias}: names {version.id} already")
        return 0
    console.write(f"{options.alias}: {before or 'nothing'} -> {version.id}")
    return 0
