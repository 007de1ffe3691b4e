"""What `overton predict` and `overton embed` do: of one file to one, or of any number of files to shards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Any

from overton import __version__
from overton.artifact import Artifact, Runtime
from overton.base import Event, Observe, OvertonError, Problem, digest_bytes, digest_json, group_problems, ignore
from overton.base.files import AnyPath, Places, places_of
from overton.batch import embed as embedding
from overton.batch import predict as predicting
from overton.batch.files import Output, load_model, save_model
from overton.batch.plan import COUNTED, EMBED, PREDICT, Asked
from overton.batch.run import Outcome, run_batch
from overton.batch.sinks import PARQUET, check_format, format_of, sink
from overton.batch.words import Words, added_up, count_verb, counter_of
from overton.batch.work import Counts, Made, Verb, counts_of, faults_of
from overton.codec import chained_tasks
from overton.compile import Program, embedding_program, weights_of
from overton.data import LineReader, Records, without_collection
from overton.data.files import STANDARD, check_output, read_lines, write_parts
from overton.engine import Engine, Inline

PREDICT_MB, EMBED_MB = 32, 4  # of an input that make a shard; a vector is many times as long as its token
LINES, LINES_OF_STDIN = 4096, 256  # read at a time from one file; whoever writes to us may wait for answers
MB = 1_000_000


def predict_files(
    artifact: Artifact,
    version: str,
    inputs: Places,
    output: AnyPath,
    *,
    probabilities: bool = False,
    format: str = "jsonl",
    shard_mb: float | None = None,
    engine: Engine | None = None,
    observe: Observe = ignore,
) -> Outcome:
    """Predict any number of data files into shards, each created once; a run that was killed goes on where it was.

    Args:
        artifact: The version.
        version: Its id.
        inputs: Files, folders, patterns such as `in/*.jsonl`, or URLs of an object store.
        output: A folder, or a URL of an object store.
        probabilities: Class -> probability in place of labels.
        format: One of `overton.batch.sinks.FORMATS`.
        shard_mb: Most megabytes of an input that make a shard; 32 where None.
        engine: Where pieces are worked on; here where None.
        observe: Told of the progress.

    Raises:
        OvertonError: Where there is no input, or the output belongs to another run.
    """
    asked = Asked(
        verb=PREDICT,
        version=version,
        format=check_format(format),
        probabilities=probabilities,
        shard_bytes=int((shard_mb or PREDICT_MB) * MB),
    )
    verb = partial(_predict_verb, _slim(artifact), asked)
    return run_batch(asked, inputs, output, verb, engine or Inline(), observe=observe)


def embed_files(
    artifact: Artifact,
    version: str,
    inputs: Places,
    output: AnyPath,
    *,
    payload: str,
    format: str = PARQUET,
    shard_mb: float | None = None,
    engine: Engine | None = None,
    home: Path | None = None,
    observe: Observe = ignore,
) -> Outcome:
    """Write the vectors of a payload of any number of data files into shards; see `predict_files`.

    Args:
        artifact: The version.
        version: Its id.
        inputs: Files, folders, patterns such as `in/*.jsonl`, or URLs of an object store.
        output: A folder, or a URL of an object store.
        payload: Name of the payload.
        format: One of `overton.batch.sinks.FORMATS`.
        shard_mb: Most megabytes of an input that make a shard; 4 where None.
        engine: Where pieces are worked on; here where None.
        home: Folder of what is derived of the application, to keep what computes the vectors; None for nowhere.
        observe: Told of the progress.

    Raises:
        OvertonError: Where there is no input or no such payload, or the output belongs to another run.
    """
    shard_bytes = int((shard_mb or EMBED_MB) * MB)
    asked = Asked(EMBED, version, check_format(format), payload=payload, shard_bytes=shard_bytes)
    verb = partial(_embed_verb, embedding_of(artifact, payload, home=home), asked)
    return run_batch(asked, inputs, output, verb, engine or Inline(), observe=observe)


def predict_file(
    artifact: Artifact,
    version: str,
    source: AnyPath,
    output: AnyPath,
    *,
    probabilities: bool = False,
    observe: Observe = ignore,
) -> int:
    """Predict a data file into a data file or a Parquet file, streaming, and return how many records there were.

    Raises:
        OvertonError: Where a record has a fault, or the output is a file not to be lost.
    """
    source, output = Path(source), Path(output)
    asked = Asked(PREDICT, version, format_of(output.name), probabilities=probabilities)
    return _one_file(_predict_verb(artifact, asked), asked, source, output, observe)


def embed_file(
    artifact: Artifact,
    version: str,
    source: AnyPath,
    output: AnyPath,
    *,
    payload: str,
    home: Path | None = None,
    observe: Observe = ignore,
) -> int:
    """Write the vectors of a payload of a data file, and return how many records there were; see `embed_files`.

    Raises:
        OvertonError: Where a record has a fault, there is no such payload, or the output is a file not to be lost.
    """
    source, output = Path(source), Path(output)
    asked = Asked(EMBED, version, format_of(output.name), payload=payload)
    return _one_file(_embed_verb(embedding_of(artifact, payload, home=home), asked), asked, source, output, observe)


def embed_words(
    artifact: Artifact,
    version: str,
    inputs: Places,
    output: AnyPath,
    *,
    payload: str,
    least: int = 1,
    format: str = PARQUET,
    shard_mb: float | None = None,
    engine: Engine | None = None,
    home: Path | None = None,
    observe: Observe = ignore,
) -> Outcome:
    """Write one row for each different string of a payload: how often it is there, and its vector by itself.

    What is counted of each piece is created once, so that a run that was killed goes on; lines with faults are told in
    side files, as `predict_files` does. The last file is `words` with the ending of the format.

    Args:
        artifact: The version.
        version: Its id.
        inputs: Files, folders, patterns or URLs.
        output: A folder, or a URL of an object store.
        payload: Name of the payload.
        least: Leave out strings that are there less often.
        format: One of `overton.batch.sinks.FORMATS`.
        shard_mb: Most megabytes of an input that are counted in one piece; 32 where None.
        engine: Where pieces are worked on; here where None.
        home: Folder of what is derived of the application, to keep what computes the vectors; None for nowhere.
        observe: Told of the progress.

    Raises:
        OvertonError: Where there is no input, the payload has no strings, or the output belongs to another run.
    """
    made = embedding_of(artifact, payload, words=True, home=home)
    shard_bytes = int((shard_mb or PREDICT_MB) * MB)
    asked = Asked(
        EMBED, version, check_format(format), payload=payload, shard_bytes=shard_bytes, words=True, least=least
    )
    verb = partial(count_verb, artifact.schema, payload)
    outcome = run_batch(asked, inputs, output, verb, engine or Inline(), observe=observe)
    place, counted = Output(*places_of(output)), COUNTED.partition("/")[0]
    there = place.names()
    words = Words.of(added_up(place, (name for name in there if name.startswith(f"{counted}/"))), least)
    if (name := f"words.{format}") not in there:
        with place.creating(name) as draft:
            _write_words(words, made, asked, draft.file)
    place.remove_drafts()
    return replace(outcome, words=len(words.texts))


def embed_words_file(
    artifact: Artifact,
    source: AnyPath,
    output: AnyPath,
    *,
    payload: str,
    least: int = 1,
    home: Path | None = None,
    observe: Observe = ignore,
) -> tuple[int, int]:
    """As `embed_words`, of one file into one; gives how many words and how many records there were.

    Raises:
        OvertonError: Where a record has a fault, the payload has no strings, or the output is a file not to be lost.
    """
    source, output = Path(source), Path(output)
    check_output(output, [source])
    made = embedding_of(artifact, payload, words=True, home=home)
    asked = Asked(EMBED, "", format_of(output.name), payload=payload)
    total: Counter[str] = Counter()
    count, n_records = counter_of(payload), 0
    with without_collection():
        for records in _good_records(LineReader(artifact.schema), source):
            total.update(count(records, ""))
            n_records += records.n_rows
            observe(Event(asked.verb, done=n_records))
    words = Words.of(total, least)
    write_parts(output, [words], partial(_words_sink, made, asked))
    return len(words.texts), n_records


@contextmanager
def _words_sink(made: embedding.Embedding, asked: Asked, file: IO[bytes]) -> Iterator[Callable[[Words], None]]:
    yield lambda words: _write_words(words, made, asked, file)


def _write_words(words: Words, made: embedding.Embedding, asked: Asked, file: IO[bytes]) -> None:
    columns = embedding.word_vectors(embedding.Embedder(made), words.texts, words.counts)
    with sink(file, asked.format, _embed_schema(made, asked, words=True)) as write:
        write(embedding.as_table(columns) if asked.format == PARQUET else embedding.as_lines(columns))


def embedding_of(
    artifact: Artifact, payload: str, *, words: bool = False, home: Path | None = None
) -> embedding.Embedding:
    """The graph that computes the vectors of a payload, from the weights of a version; torch writes it, but only once.

    Raises:
        OvertonError: Where there is no such payload.
    """
    program = embedding_program(artifact.program, payload, words=words)
    weights = digest_bytes(artifact.files["weights.safetensors"])
    key, kept = digest_json([__version__, program.digest(), weights]), home and home / "embeddings"
    onnx = load_model(kept, key) if kept else None
    if onnx is None:
        onnx = _written(program, artifact, home)
        if kept:
            save_model(kept, key, onnx)
    width = next(node.settings["size"] for node in program.nodes if node.name == program.outputs[payload])
    assert isinstance(width, int), "a size is a number"
    strings = embedding.strings_read(program, artifact.strings)
    return embedding.Embedding(program, onnx, strings, artifact.schema.payload(payload), width)


def _written(program: Program, artifact: Artifact, home: Path | None) -> bytes:
    from overton.export import to_onnx
    from overton.export.files import graph_store

    return to_onnx(program, weights_of(program, artifact.weights()), graph_store(home / "graphs") if home else None)


def _slim(artifact: Artifact) -> Artifact:
    """What of a version a worker needs to run it."""
    left = {"report.json", "lineage.json", "predictions.parquet", "profile.json", "search.json", "golden.jsonl"}
    if not chained_tasks(artifact.program):
        left.add("weights.safetensors")
    return Artifact({name: content for name, content in artifact.files.items() if name not in left})


def _predict_verb(artifact: Artifact, asked: Asked) -> Verb:
    runtime, schema = Runtime(artifact), None
    if asked.format == PARQUET:
        schema = predicting.arrow_schema(runtime.schema, probabilities=asked.probabilities)
    opened = partial(sink, format=asked.format, schema=schema)
    return Verb(runtime.schema, predicting.make_predict(runtime, asked), opened)


def _embed_verb(made: embedding.Embedding, asked: Asked) -> Verb:
    opened = partial(sink, format=asked.format, schema=_embed_schema(made, asked))
    embed = embedding.make_embed(embedding.Embedder(made), asked)
    return Verb(made.program.schema, lambda records, name: Made(embed(records, name)), opened)


def _embed_schema(made: embedding.Embedding, asked: Asked, *, words: bool = False) -> Any:
    return embedding.arrow_schema(made.payload, made.width, words=words) if asked.format == PARQUET else None


def _one_file(verb: Verb, asked: Asked, source: Path, output: Path, observe: Observe) -> int:
    check_output(output, [source])
    reader, counts = LineReader(verb.schema), Counts()

    def parts() -> Iterator[Any]:
        nonlocal counts
        for records in _good_records(reader, source, at_once=source == output == STANDARD):
            made = verb.make(records, "" if asked.verb == PREDICT and asked.format != PARQUET else source.name)
            counts += counts_of(records, made)
            yield from made.parts
            observe(Event(asked.verb, done=counts.records))

    with without_collection():
        write_parts(output, parts(), verb.sink)
    if counts.remarks:
        observe(Event(asked.verb, counts.remarks, done=counts.records))
    return counts.records


def _good_records(reader: LineReader, source: Path, *, at_once: bool = False) -> Iterator[Records]:
    """The records of a file, some thousands at a time; behind a line with a fault the rest is read for faults alone.

    Args:
        reader: Reads them.
        source: The file.
        at_once: Tell the first faults without reading on, as where whoever writes them waits for answers.

    Raises:
        OvertonError: Where one has a fault: with the faults of all, those of one kind counted.
    """
    rest = read_lines(source)
    told: tuple[Problem, ...] = ()
    try:
        while chunk := list(islice(rest, LINES_OF_STDIN if source == STANDARD else LINES)):
            numbers, lines = zip(*chunk, strict=True)
            records = reader.read(list(lines), list(numbers), str(source))
            told = group_problems([*told, *faults_of(records)])
            if told and at_once:
                break
            if not told:
                yield records
    except OvertonError as error:
        told = (*told, *error.problems)
    if told:
        raise OvertonError(told)
