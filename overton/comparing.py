"""Two artefacts and a data set to a comparison: both predict the same records, and their lineages are read together."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import msgspec
import numpy as np
from numpy import ndarray

from overton.artifact import Artifact, Runtime, made_up_record
from overton.base import Event, Observe, OvertonError, Problem, count_of, did_you_mean, ignore
from overton.codec import Predictions
from overton.data import (
    GOLD,
    SPLITS,
    Dataset,
    Pool,
    RecordParser,
    Splits,
    Tags,
    check_tags,
    gold_of,
    is_made_of_tags,
    pack,
    parts_of,
    plain_tag,
)
from overton.evaluate import ONE_VERSION, Comparison, Gate, compare_predictions, source_changes, tag_changes
from overton.pipeline import PREDICT_RECORDS, Predicted, Recall, joined, predict_rows

TIMED = 500
WARM = 20

NO_TEST = "Tag some test, or name records of another file with --data"


def compare_artifacts(
    old: Artifact,
    new: Artifact,
    dataset: Dataset,
    splits: Splits,
    gate: Gate,
    *,
    names: tuple[str, str] | None = None,
    tags: Sequence[str] = (),
    seed: int = 0,
    predicted: Recall | None = None,
    observe: Observe = ignore,
) -> Comparison:
    """Compare two artefacts on the test records of a data set.

    Args:
        old: The one that is there.
        new: The one that is to take its place.
        dataset: The records, of any schema whose payloads both can read.
        splits: Which of them are test.
        gate: What the new one must keep to.
        names: What the two are called; their ids where None.
        tags: Expressions over tags that get rows beside the tags, and those of the gate.
        seed: Seed of the bootstrap.
        predicted: What was predicted before, by the names of the two, and takes what is predicted now.
        observe: Told of the progress.

    Raises:
        OvertonError: Where a version cannot read the records, or what is asked for is no tag of any, or a split.
    """
    numbers = splits.test
    if not len(numbers):
        raise OvertonError(Problem("there is no test record to compare on", "compare.no-records", hint=NO_TEST))
    known, called = dataset.tags.names, names or (old.id, new.id)
    now = {"tags": dataset.tags.by_split(splits), "splits": {"train": len(splits.train)}}
    dataset, gate = _with_tags(dataset, gate, tags)
    predict = partial(_recalled, predicted or Predicted(), dataset, numbers, observe=observe)
    first, second = predict(called[0], old), predict(called[1], new)
    gold = {task.name: gold_of(dataset.votes(task.name, [GOLD])) for task in dataset.schema.tasks}
    compared = compare_predictions(first, second, gold, dataset.tags, numbers, gate, ids=dataset.ids, seed=seed)
    before, after = (artifact.json("lineage.json") for artifact in (old, new))
    nobody, unknown = _of_nobody(dataset.tags, numbers, [*gate.tags, *tags], known)
    return Comparison(
        old=called[0],
        new=called[1],
        gate=gate,
        compared=compared,
        records=len(numbers),
        data=dataset.files,
        tags=tag_changes(before, after, now),
        sources=source_changes(before, after),
        latency=latency_of(new) if gate.p99_ms is not None else None,
        unknown=unknown,
        cut=tuple(_cut_short(dataset, numbers, dict(zip(called, (old, new), strict=True)))),
        notes=(
            *((ONE_VERSION,) if old.id == new.id else ()),
            *splits.notes,
            *(f"{tag} matches no record" for tag in nobody if tag not in gate.critical and tag not in unknown),
        ),
    )


def _with_tags(dataset: Dataset, gate: Gate, tags: Sequence[str]) -> tuple[Dataset, Gate]:
    """The data set with the expressions of the gate and of a reader as tags, and the gate on these."""
    check_tags(dataset.tags, tags)
    for tag in (tag for tag in tags if plain_tag(tag, dataset.tags) in SPLITS):
        message, hint = f"{tag!r} is a split, not a tag within one", "The rows of the whole split are there anyway"
        raise OvertonError(Problem(message, "compare.split", hint=hint))
    dataset, gate = with_gate(dataset, gate)
    return dataset.with_tags(tags), gate


def with_gate(dataset: Dataset, gate: Gate) -> tuple[Dataset, Gate]:
    """A data set with the expressions of a gate as tags, and the gate on these.

    Raises:
        OvertonError: Where one of them names a tag that no record has.
    """
    try:
        gate = gate.on(dataset.tags)
        return dataset.with_tags(gate.tags), gate
    except OvertonError as error:
        raise OvertonError(replace(problem, path="gate.json") for problem in error.problems) from None


def _of_nobody(
    tags: Tags, numbers: ndarray, asked: Sequence[str], known: Sequence[str]
) -> tuple[list[str], dict[str, str]]:
    """Tags and expressions that none of some records has; and those that no record at all has, with what was meant."""
    named = [tag for tag in dict.fromkeys(asked) if tag != "*"]
    nobody = [tag for tag in named if tag not in tags.names or not tags.has(tag)[numbers].any()]
    unknown = [tag for tag in nobody if tag not in tags.names and not is_made_of_tags(tag)]
    return nobody, {tag: did_you_mean(tag, known) for tag in unknown}


def _cut_short(dataset: Dataset, numbers: ndarray, artifacts: Mapping[str, Artifact]) -> Iterator[str]:
    """That the schema of the records leaves less of them than a version reads, as where `max_length` was lowered."""
    for payload in dataset.schema.payloads:
        n = dataset.n_cut(payload.name, numbers) if payload.has_items else 0
        for name, artifact in artifacts.items() if n else ():
            reads = {own.name: own.max_length for own in artifact.schema.payloads if own.has_items}.get(payload.name, 0)
            if reads > payload.max_length:
                yield (
                    f"the schema of the records cuts {payload.name!r} of {n:,} of them to max_length "
                    f"{payload.max_length:,}; {name} reads up to {reads:,}, and is judged on what is left"
                )


def latency_of(artifact: Artifact) -> dict[str, float]:
    """Milliseconds that single records take: encoded, run by onnxruntime on one thread, decoded.

    Its golden records are run in turn, after some to warm up; one that is made up where there are none.
    """
    runtime = Runtime(artifact, threads=1)
    lines = artifact.files.get("golden.jsonl", b"").splitlines() or [made_up_record(artifact.schema)]
    runtime.warm_up(lines[:1])
    parser = RecordParser(artifact.schema, closed=True)
    records = [parser.parse(line) for line in lines]
    seconds = []
    for number in range(WARM + TIMED):
        record = records[number % len(records)]
        start = time.perf_counter()
        runtime.predict([record])
        seconds.append(time.perf_counter() - start)
    p50, p99 = np.quantile(seconds[WARM:], [0.5, 0.99]) * 1000
    return {"records": len(records), "p50_ms": round(float(p50), 3), "p99_ms": round(float(p99), 3)}


def _recalled(
    recall: Recall, dataset: Dataset, numbers: ndarray, name: str, artifact: Artifact, *, observe: Observe
) -> Mapping[str, Predictions]:
    """What an artefact says of some records, predicted where nobody has asked before."""
    return recall(name, dataset, numbers, lambda: _predict(dataset, artifact, name, numbers, observe))


def _predict(
    dataset: Dataset, artifact: Artifact, name: str, numbers: ndarray, observe: Observe
) -> Mapping[str, Predictions]:
    """What an artefact says of some records, by name of task."""
    observe(Event("compare", f"{name} predicts {count_of(len(numbers), 'record')}"))
    runtime = Runtime(artifact)
    if set(artifact.schema.payloads) == set(dataset.schema.payloads):  # a version keeps them by name
        return predict_rows(dataset, runtime, numbers, observe=observe)
    # Its payloads are others: what it knows of each record is handed to it as a request would be.
    parser = RecordParser(artifact.schema, closed=True)
    fields = {payload.field for payload in artifact.schema.payloads}
    parts: list[Mapping[str, Predictions]] = []
    for some in parts_of(dataset.record_lengths()[numbers].tolist(), PREDICT_RECORDS):
        lines = [
            msgspec.json.encode({"payloads": _known(payloads, fields)}) for payloads in dataset.payloads(numbers[some])
        ]
        try:
            records = [parser.parse(line) for line in lines]
        except OvertonError as error:
            hint = "Compare on a data file that both can read, with --data"
            message = f"version {name} cannot read the records: {error.problems[0].message}"
            raise OvertonError(Problem(message, "compare.other-payloads", hint=hint)) from None
        parts.append(runtime.run(pack(records, artifact.schema, Pool())))
        observe(Event("compare", done=some.stop, total=len(numbers)))
    return joined(artifact.schema, parts)


def _known(payloads: Mapping[str, Any], fields: set[str]) -> dict[str, Any]:
    return {field: value for field, value in payloads.items() if field in fields}
