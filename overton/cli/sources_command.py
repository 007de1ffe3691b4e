"""`overton sources`: who gave the labels, how much, how much they disagree, how good they are; of one record, why."""

import argparse

from overton.cli import console

HELP = "show what every source of labels is worth, or where the labels of one record come from"
EXAMPLE = """\
  overton sources demo --task Intent
  overton sources demo --tag slice:nutrition
  overton sources demo --task Intent --record f000003"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    console.add_app(parser)
    parser.add_argument("--task", metavar="T", help="this task alone")
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument(
        "--tag",
        action="append",
        default=[],
        metavar="TAG",
        help="rows of the records that have this tag or match this expression over tags, below those of their "
        "split; may be given several times",
    )
    shown.add_argument("--tags", action="store_true", help="rows of every tag")
    shown.add_argument(
        "--record",
        metavar="ID",
        help="where the labels of this record come from: every vote, its weight, and the probabilities that they make",
    )
    console.add_store(parser)
    console.add_max_bad(parser)
    console.add_common(parser, json_output=True)


def run(options: argparse.Namespace) -> int:
    """Print the page, or the lineage of a record."""
    from overton.application import load
    from overton.supervision import render_lineage, render_sources

    application = load(options.app, store=options.store)
    with console.progress(quiet=options.quiet) as observe:
        if options.record is not None:
            lineage = application.explain_record(
                options.record, task=options.task, max_bad=options.max_bad, observe=observe
            )
        else:
            report = application.source_report(
                options.task, tags=None if options.tags else options.tag, max_bad=options.max_bad, observe=observe
            )
    if options.json:
        console.write_json((report if options.record is None else lineage).to_json())
    elif options.record is not None:
        console.write(render_lineage(lineage, width=console.width()))
    else:
        shown = {row.task for row in report.rows}
        silent = [
            f"{name}: no record has a label" for name in application.task_names(options.task) if name not in shown
        ]
        console.write("\n".join([*filter(None, [render_sources(report, width=console.width())]), *silent]))
    return 0
