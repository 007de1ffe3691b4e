"""`overton errors`: what a version got wrong, what every source said there, and what to annotate."""

import argparse
from pathlib import Path

from overton.cli import console

HELP = "show what a version got wrong on one task, what every source said there, and what to annotate"
EXAMPLE = """\
  overton errors demo --task Intent --tag slice:nutrition
  overton errors demo --task Intent --annotate to_annotate.jsonl"""
ANNOTATED = 100  # records written for annotators where nobody says how many
SHOWN = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    console.add_version(parser)
    parser.add_argument("--task", required=True, metavar="T", help="the task")
    console.add_tags(parser)
    parser.add_argument(
        "--split",
        choices=("train", "dev", "test", "all"),
        default="test",
        help="which records: train, dev, test or all (default test)",
    )
    parser.add_argument("--data", type=Path, metavar="PATH", help="look at this data file or folder instead")
    parser.add_argument(
        "--limit", type=console.natural, default=10, metavar="N", help="most records shown (default 10)"
    )
    parser.add_argument(
        "--annotate",
        type=Path,
        metavar="FILE",
        help="write a data file that adds gold to the training records where it promises most, for annotators to fill "
        "in, and FILE.txt to read beside it; where FILE is there already, records that it lacks are added to it",
    )
    parser.add_argument(
        "--annotations", type=console.natural, metavar="N", help=f"how many records to annotate (default {ANNOTATED})"
    )
    console.add_store(parser)
    console.add_max_bad(parser)
    console.add_common(parser, json_output=True)


def run(options: argparse.Namespace) -> int:
    """Print the page, and write the file for annotators."""
    from overton.application import find_version
    from overton.review import render_errors
    from overton.review.files import add_skeleton, check_skeleton

    if options.annotate:
        check_skeleton(options.annotate, options.task)
    version = find_version(options.version, store=options.store, max_bad=options.max_bad)
    wanted = SHOWN if options.annotations is None else options.annotations
    with console.progress(quiet=options.quiet) as observe:
        page = version.errors(
            options.task,
            tags=options.tag,
            split=options.split,
            limit=options.limit,
            annotate=(ANNOTATED if options.annotations is None else wanted) if options.annotate else wanted,
            data=options.data,
            observe=observe,
        )
    if options.json:
        console.write_json(page.to_json())
    else:
        console.write(render_errors(page, width=console.width(), annotate=SHOWN))
    if options.annotate:
        known, added = add_skeleton(options.annotate, options.task, page.annotate)
        told = (
            f"{added:,} more records to annotate, beside the {known:,} that it has"
            if known
            else f"{added:,} to annotate"
        )
        console.note(f"{options.annotate}: {told}; {options.annotate}.txt to read them")
    return 0
