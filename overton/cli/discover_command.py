"""`overton discover`: slices that nobody defined in which a version errs most."""

import argparse
from functools import partial
from pathlib import Path

from overton.cli import console

HELP = "find slices that nobody defined in which a version errs most, each with the command that saves it"
EXAMPLE = "  overton discover demo\n  overton discover demo@live --task Intent --min-records 30"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    console.add_version(parser)
    parser.add_argument(
        "--task", action="append", default=[], metavar="T", help="this task; may be given several times (default: all)"
    )
    parser.add_argument(
        "--split",
        action="append",
        choices=("train", "dev", "test", "all"),
        help="records of this split; may be given several times (default: dev and test)",
    )
    console.add_tags(parser)
    parser.add_argument("--data", type=Path, metavar="PATH", help="look at this data file or folder instead")
    parser.add_argument(
        "--min-records",
        type=console.positive,
        metavar="N",
        help="least records of a slice (default: 0.5 % of them, 10 to 100)".replace("%", "%%"),
    )
    parser.add_argument("--limit", type=console.positive, default=10, metavar="N", help="most slices (default 10)")
    console.add_store(parser)
    console.add_max_bad(parser)
    console.add_common(parser, json_output=True)


def run(options: argparse.Namespace) -> int:
    """Print the slices of each task."""
    from overton.application import find_version
    from overton.naming import parse_named, store_words
    from overton.review import render_slices, words_of_records

    version = find_version(options.version, store=options.store, max_bad=options.max_bad)
    splits = options.split or ("dev", "test")
    with console.progress(quiet=options.quiet) as observe:
        pages = version.discover(
            options.task,
            splits=splits,
            tags=options.tag,
            least=options.min_records,
            limit=options.limit,
            data=options.data,
            observe=observe,
        )
    application = str(parse_named(options.version).path)
    # The commands name this version, whatever is built or promoted before they are run.
    place = f"{application}@{version.label}" if version.store else options.version
    store = store_words(options.store, Path(application)) if version.store else []
    records = words_of_records(splits, options.tag, str(options.data or ""))
    if options.json:
        tasks = [
            {
                **page.to_json(),
                "slices": [
                    {**told, "command": one.command(application, place, store, records)}
                    for one, told in zip(page.slices, page.to_json()["slices"], strict=True)
                ],
            }
            for page in pages
        ]
        console.write_json({"version": version.label, "tasks": tasks})
        return 0
    show = partial(render_slices, application=application, version=place, store=store, records=records)
    for page in pages:
        console.write(show(page, width=console.width()) + "\n")
    return 0
