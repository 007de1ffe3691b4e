"""`overton embed`: records in, the vectors of one of their payloads out, for other systems to build on."""

import argparse
from pathlib import Path

from overton.cli import console, predict_command

HELP = "write the embedding of a payload: a row a record, a token, a member or a word, with ids"
EXAMPLE = """\
  overton embed demo@live questions.jsonl queries.parquet --payload query
  overton embed demo@live logs/ vectors/ --payload entities --on local:8
  overton embed demo@live logs/ words.parquet --payload tokens --words --least 5"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    console.add_version(parser)
    predict_command.add_files(parser)
    parser.add_argument("--payload", required=True, metavar="P", help="the payload whose vectors are written")
    parser.add_argument(
        "--words", action="store_true", help="one row for each different string, by itself, into one file: word vectors"
    )
    parser.add_argument(
        "--least", type=console.natural, default=1, metavar="N", help="with --words: only strings seen so often"
    )
    predict_command.add_shards(parser, "parquet", 4)
    console.add_store(parser)
    console.add_max_bad(parser)
    console.add_common(parser)


def run(options: argparse.Namespace) -> int:
    """Embed; 1 where more lines than --max-bad had faults."""
    from overton.application import find_version
    from overton.batch import embed_file, embed_words
    from overton.batch.files import is_one_file
    from overton.engine import engine_of

    one_file = not options.words and is_one_file(options.inputs, options.output)
    version = find_version(options.version, store=options.store)
    output = Path(options.output)
    with console.progress(quiet=options.quiet) as observe:
        if options.words:
            words = embed_words(
                version.artifact,
                options.inputs,
                output,
                payload=options.payload,
                least=options.least,
                engine=engine_of(options.on),
                observe=observe,
            )
        elif one_file:
            source = Path(options.inputs[0])
            count = embed_file(version.artifact, version.id, source, output, payload=options.payload, observe=observe)
        else:
            outcome = version.embed_files(
                options.inputs,
                options.output,
                payload=options.payload,
                format=options.format or "parquet",
                shard_mb=options.shard_mb,
                on=options.on,
                observe=observe,
            )
    if options.words:
        console.note(f"{output}: {len(words.texts):,} words of {words.records:,} records, {words.errors:,} errors")
        return 1 if words.errors > options.max_bad else 0
    if one_file:
        console.note(f"{output}: {options.payload} of {count:,} records")
        return 0
    return predict_command.finish(options, outcome)
