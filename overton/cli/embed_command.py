"""`overton embed`: records in, the vectors of one of their payloads out, for other systems to build on."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from overton.base import count_of
from overton.cli import console, predict_command

if TYPE_CHECKING:
    from overton.base import Observe
    from overton.version import Version

HELP = "write the embedding of a payload: a row a record, a token, a member or a word, with ids"
EXAMPLE = """\
  overton embed demo@live questions.jsonl queries.parquet --payload query
  overton embed demo@live logs/ vectors/ --payload entities --on local:8
  overton embed demo@live logs/ words/ --payload tokens --words --least 5"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    console.add_version(parser)
    predict_command.add_files(parser)
    parser.add_argument("--payload", required=True, metavar="P", help="the payload whose vectors are written")
    parser.add_argument(
        "--words", action="store_true", help="one row for each different string, by itself: word vectors"
    )
    parser.add_argument(
        "--least", type=console.natural, metavar="N", help="with --words: only strings seen so often (default 1)"
    )
    predict_command.add_shards(parser, "parquet", "4; with --words 32")
    console.add_store(parser)
    console.add_max_bad(parser)
    console.add_common(parser)


def run(options: argparse.Namespace) -> int:
    """Embed; 1 where more lines than --max-bad had faults."""
    from overton.application import find_version
    from overton.batch.files import is_one_file

    one_file = is_one_file(options.inputs, options.output)
    wrong = predict_command.not_of_one_file(options) if one_file else ""
    if options.least is not None and not options.words:
        wrong = "--least counts strings, which --words asks for"
    if wrong:
        console.note(f"overton embed: {wrong}")
        return 2
    version = find_version(options.version, store=options.store)
    with console.progress(quiet=options.quiet) as observe:
        if one_file:
            predict_command.check_own(options, version)
            told = _one_file(options, version, observe)
        else:
            how = {"words": True, "least": options.least or 1} if options.words else {}
            outcome = version.embed_files(
                options.inputs,
                options.output,
                payload=options.payload,
                format=options.format or "parquet",
                shard_mb=options.shard_mb,
                on=options.on,
                observe=observe,
                **how,
            )
    if one_file:
        console.note(f"{options.output}: {told}")
        return 0
    return predict_command.finish(options, outcome)


def _one_file(options: argparse.Namespace, version: "Version", observe: "Observe") -> str:
    """Embed one file into another, and tell what was done."""
    from overton.batch import embed_file, embed_words_file

    source, output = Path(options.inputs[0]), Path(options.output)
    asked: dict[str, Any] = {"payload": options.payload, "home": version.home, "observe": observe}
    if options.words:
        n_words, count = embed_words_file(version.artifact, source, output, least=options.least or 1, **asked)
        return f"{count_of(n_words, 'word')} of {count_of(count, 'record')}"
    count = embed_file(version.artifact, version.label, source, output, **asked)
    return f"{options.payload} of {count_of(count, 'record')}"
