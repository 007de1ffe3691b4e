"""`overton tag`: tag the records for which an expression holds."""

import argparse

from overton.cli import console

HELP = "tag the records for which an SQL expression holds, in a data file of the tag's own"
EXAMPLE = """\
  overton tag demo slice:short_protein --where "has(tokens, 'protein') AND n_tokens <= 5"
  overton tag demo slice:contested --where "votes.Intent.weak_kb <> votes.Intent.legacy_v1" --dry-run"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    console.add_app(parser)
    parser.add_argument("name", metavar="NAME", help="the tag, such as slice:short")
    parser.add_argument(
        "--where",
        required=True,
        metavar="EXPR",
        help="the expression: DuckDB SQL over the columns id, tags, split, votes, gold, each payload and n_PAYLOAD; "
        "records that bore the tag by an earlier expression lose it",
    )
    parser.add_argument(
        "--version",
        metavar="VERSION",
        help="the version whose predictions are the column predicted, if any: an id or alias of APP, or as elsewhere",
    )
    parser.add_argument("--dry-run", action="store_true", help="tell which records it holds of, and write nothing")
    console.add_store(parser)
    console.add_max_bad(parser)
    console.add_common(parser, json_output=True)


def run(options: argparse.Namespace) -> int:
    """Write the file of the tag and tell what is in it."""
    from overton.application import load
    from overton.review import render_tagging

    application = load(options.app, store=options.store)
    version = application.find_version(options.version) if options.version else None
    with console.progress(quiet=options.quiet) as observe:
        found = application.tag(
            options.name,
            options.where,
            version=version,
            write=not options.dry_run,
            max_bad=options.max_bad,
            observe=observe,
        )
    if options.json:
        console.write_json({**found.to_json(), "written": not options.dry_run})
    else:
        console.write(render_tagging(found, written=not options.dry_run, width=console.width()))
    return 0
