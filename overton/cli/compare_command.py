"""`overton compare`: two versions on the same records, slice by slice."""

import argparse
from pathlib import Path

from overton.cli import console

HELP = "compare two versions slice by slice on the same records; exit 1 where the gate refuses the new one"
EXAMPLE = """\
  overton compare demo@live demo
  overton compare demo@live demo@3f9c2a --data new_test.jsonl --tag 'slice:nutrition & channel:voice'
  overton compare demo@live demo --html compare.html"""

EXIT = """\
  0  the gate lets the new version pass
  1  the gate refuses it: the comparison is on stdout all the same, its reasons under `refused` with --json;
     or something is to be mended: the problems are on stderr, and no comparison is on stdout
  2  wrong usage"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("old", metavar="OLD", help="the version that is there: APP@ALIAS, APP@ID or a path")
    parser.add_argument("new", metavar="NEW", help="the version that is to take its place; APP is the newest")
    parser.add_argument("--data", type=Path, metavar="PATH", help="compare on this data file or folder instead")
    parser.add_argument(
        "--tag",
        action="append",
        default=[],
        metavar="EXPR",
        help="rows of the records that match this expression over tags, too; may be given several times",
    )
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the comparison as a page, as one file")
    console.add_store(parser)
    console.add_max_bad(parser)
    console.add_common(parser, json_output=True)


def run(options: argparse.Namespace) -> int:
    """Print the comparison."""
    from overton.application import find_version
    from overton.evaluate import ONE_VERSION, render_comparison
    from overton.evaluation import data_since

    if options.html:
        console.check_page(options.html)
    old, new = (find_version(text, store=options.store, max_bad=options.max_bad) for text in (options.old, options.new))
    with console.progress(quiet=options.quiet) as observe:
        comparison = new.compare(old, options.data, tags=options.tag, max_bad=options.max_bad, observe=observe)
    if ONE_VERSION in comparison.notes and not options.data and data_since(new.home, new.artifact):
        console.note("the data files have changed since it was built: `overton build` makes a version of them")
    if options.json:
        console.write_json(comparison.to_json())
    else:
        console.write(render_comparison(comparison, width=console.width()))
    if options.html:
        from overton.web import compare_page
        from overton.web.files import write_page

        with console.progress(quiet=options.quiet) as observe:
            page = compare_page(old, new, data=options.data, comparison=comparison, observe=observe)
        console.note_file(options.html, write_page(options.html, page))
    return int(bool(comparison.refusals))
