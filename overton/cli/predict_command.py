"""`overton predict`: records in, the same records with the version's predictions as one more source out."""

import argparse
from pathlib import Path

from overton.cli import console

HELP = "predict the records of a data file, as a data file"
EXAMPLE = "  overton predict demo@live questions.jsonl predictions.jsonl --probabilities"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    console.add_version(parser)
    parser.add_argument("input", type=Path, metavar="INPUT", help="data file; '-' for stdin")
    parser.add_argument("output", type=Path, metavar="OUTPUT", help="data file to write; '-' for stdout")
    parser.add_argument("--probabilities", action="store_true", help="write class -> probability")
    console.add_store(parser)
    console.add_common(parser)


def run(options: argparse.Namespace) -> int:
    """Predict, streaming."""
    from overton.application import find_version

    version = find_version(options.version, store=options.store)
    with console.progress(quiet=options.quiet) as observe:
        count = version.predict_file(
            options.input, options.output, probabilities=options.probabilities, observe=observe
        )
    console.note(f"{options.output}: {count:,} records, source overton@{version.label}")
    return 0
