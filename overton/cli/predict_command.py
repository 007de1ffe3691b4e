"""`overton predict`: records in, the same records with the version's predictions as one more source out."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from overton.base import count_of
from overton.cli import console

if TYPE_CHECKING:
    from overton.batch import Outcome
    from overton.version import Version

HELP = "predict the records of data files: of one file into another, or of many into shards"
EXAMPLE = """\
  overton predict demo@live questions.jsonl predictions.jsonl --probabilities
  overton predict demo@live logs/2026-*/*.jsonl.gz predictions/ --on local:8
  overton predict demo@live s3://bucket/logs/ s3://bucket/predictions/ --format parquet --on ray"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    console.add_version(parser)
    add_files(parser)
    parser.add_argument("--probabilities", action="store_true", help="write class -> probability")
    add_shards(parser, "jsonl", "32")
    console.add_store(parser)
    console.add_max_bad(parser)
    console.add_common(parser)


def add_files(parser: argparse.ArgumentParser) -> None:
    """The arguments that name what is read and written."""
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="data files, folders, patterns, or URLs of an object store (s3://, gs://, az://); '-' alone for stdin",
    )
    parser.add_argument(
        "output",
        metavar="OUTPUT",
        help="a file to write, for one INPUT ('-' for stdout); else a folder or URL for shards",
    )


def add_shards(parser: argparse.ArgumentParser, format: str, shard_mb: str) -> None:
    """The options of shards."""
    parser.add_argument(
        "--format",
        metavar="F",
        help=f"format of shards: jsonl, jsonl.gz, jsonl.zst, parquet (default {format}); one file has that of its name",
    )
    parser.add_argument(
        "--shard-mb",
        type=console.megabytes,
        metavar="MB",
        help=f"most megabytes of an INPUT that make one shard (default {shard_mb}); a compressed file is one",
    )
    console.add_place(parser, "shards are made")


def run(options: argparse.Namespace) -> int:
    """Predict, streaming; 1 where more lines than --max-bad had faults."""
    from overton.application import find_version
    from overton.batch.files import is_one_file

    one_file = is_one_file(options.inputs, options.output)
    wrong = not_of_one_file(options) if one_file else ""
    if wrong:
        console.note(f"overton predict: {wrong}")
        return 2
    version = find_version(options.version, store=options.store)
    with console.progress(quiet=options.quiet) as observe:
        if one_file:
            check_own(options, version)
            count = version.predict_file(
                Path(options.inputs[0]), Path(options.output), probabilities=options.probabilities, observe=observe
            )
        else:
            outcome = version.predict_files(
                options.inputs,
                options.output,
                probabilities=options.probabilities,
                format=options.format or "jsonl",
                shard_mb=options.shard_mb,
                on=options.on,
                observe=observe,
            )
    if one_file:
        console.note(f"{options.output}: {count_of(count, 'record')}, source overton@{version.label}")
        return 0
    return finish(options, outcome)


def not_of_one_file(options: argparse.Namespace) -> str:
    """Which of the options says nothing of one file that is made of one; empty where none does."""
    from overton.batch import format_of

    folder = "name a folder as OUTPUT, such as out/, to make shards"
    if options.max_bad:
        return f"--max-bad is for shards: one file is written only where every line is good; {folder}"
    if options.shard_mb:
        return f"--shard-mb is for shards; {folder}"
    if options.format and options.format != format_of(Path(options.output).name):
        return f"--format is for shards: one file has that of its name, stdout jsonl; {folder}"
    return ""


def check_own(options: argparse.Namespace, version: "Version") -> None:
    """Refuse an output in the place of a file of the application that the version lies in, wherever its data lie."""
    from overton.data.files import check_output, own_files

    check_output(Path(options.output), own=own_files(version.home.parent) if version.home else ())


def finish(options: argparse.Namespace, outcome: "Outcome") -> int:
    """Tell what a batch run did; 1 where more lines than --max-bad had faults."""
    place = options.output.rstrip("/")
    if outcome.counts.errors:
        console.note(f"{place}/_errors: {count_of(outcome.counts.errors, 'line')} left out, each with its reasons")
    console.note(f"{place}: {outcome}")
    return 1 if outcome.counts.errors > options.max_bad else 0
