"""From a schema and data to a version, in one readable function: `build`.

Schema and data in; votes combined; program chosen, trained, exported, evaluated, packaged; version out. Every
stage is a function from values to a value and lives in the room of its name; disk and printing stay outside.
torch is imported only where a model is trained, so that reading a report or the sources does not wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy import ndarray

from overton.artifact import LARGE, Artifact, Runtime, golden_records, sample_records
from overton.base import Clock, Event, Observe, digest_bytes, ignore
from overton.codec import Predictions, concatenate
from overton.combining import Tallies, combine_all, combine_votes, untaught
from overton.compile import Choices, Tuning, choose_slices, compile_program
from overton.data import SLICE_PREFIX, Dataset, Splits, gold_of, parts_of
from overton.evaluate import (
    Gate,
    Profile,
    Report,
    evaluate,
    evaluated_rows,
    example_rows,
    profile_of,
    render_examples,
)
from overton.fitting import Plan, Teach, begun_by, fit, taught_targets
from overton.lineage import lineage_of
from overton.pretrained.files import Texts, load_pretrained
from overton.schema import Schema
from overton.served import check_built, check_planned, export_served
from overton.supervision import Combined, label_sets
from overton.tune import Study

if TYPE_CHECKING:
    from overton.export import Graphs
    from overton.train import Trained

SMALL = "small"  # the model beside the large one, where the tuning wants two
PREDICT_RECORDS = 512

Predict = Callable[..., dict[str, Predictions]]  # as `predict_rows`, with the same arguments
Said = Mapping[str, Predictions]
Recall = Callable[[str, Dataset, ndarray, Callable[[], Said]], Said]  # as `Predicted`, with the same arguments


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found: the choices of its best trial, and all of them."""

    choices: Choices
    study: Study


def build(
    dataset: Dataset,
    tuning: Tuning,
    *,
    folder: Path = Path(),
    seed: int = 0,
    parent: Artifact | None = None,
    teach: Teach = fit,
    tallies: Tallies | None = None,
    choose: Callable[[Dataset, Mapping[str, Combined]], Found | None] | None = None,
    gate: Gate | None = None,
    graphs: Graphs | None = None,
    spread: Callable[[Artifact], Predict] | None = None,
    observe: Observe = ignore,
) -> Artifact:
    """Build one version.

    Args:
        dataset: The records, with the votes on them.
        tuning: What the engineer pinned.
        folder: Where pretrained vectors are looked for that are not named by an absolute path.
        seed: Seed of everything random.
        parent: The version whose weights training begins with; None for random ones.
        teach: Trains the program: `fit`, told where to keep its state and who watches, or what does it elsewhere.
        tallies: Where counted votes are kept; None for nowhere.
        choose: Searches for the choices; those of the tuning are taken where it is None, or finds nothing to choose.
        gate: What int8 must keep to beside float32; the defaults where None.
        graphs: Where the graphs of programs are kept; None for this process alone.
        spread: Gives what predicts the records that a version is judged on; this process does where None.
        observe: Told of the progress.

    Raises:
        OvertonError: Where no task has a label to learn from, the exported model computes something else, or without a
            search the program is beyond a bound of serving.
    """
    clock = Clock(observe)
    for note in dataset.notes:
        observe(Event("data", note))
    with clock("combine"):
        combined = combine_all(dataset, supervision=tuning.supervision, tallies=tallies, observe=observe)
    with clock("search") if choose else nullcontext():
        found = choose(dataset, combined) if choose else None
    with clock("compile"):
        choices, study = (found.choices, found.study) if found else (None, None)
        planned = plan(dataset, tuning.of_model(LARGE), folder, combined=combined, choices=choices, observe=observe)
        small = plan(dataset, tuning.of_model(SMALL), folder, combined=combined) if tuning.models else None
    for name, pinned in ((LARGE, None if study else planned), (SMALL, small)):
        if pinned:  # what training makes of the weights does not matter
            check_planned(dataset, pinned, tuning, name, seed=seed, graphs=graphs)
    with clock("train"):
        trained = teach(dataset, planned, combined, seed=seed, parent=begun_by(parent), observe=observe)
    close = partial(finish, gate=gate, graphs=graphs, spread=spread)
    artifact = close(dataset, planned, combined, trained, tuning, seed=seed, clock=clock, study=study, parent=parent)
    if not study:  # int8 may have been counted on, and refused
        check_built(artifact, dataset, tuning)
    if not small:
        return artifact
    own = build_small(dataset, small, tuning, combined, artifact, seed, parent, teach, close, observe)
    return artifact.with_model(SMALL, own)


def finish(
    dataset: Dataset,
    planned: Plan,
    combined: Mapping[str, Combined],
    trained: Trained,
    tuning: Tuning,
    *,
    seed: int,
    clock: Clock,
    gate: Gate | None = None,
    graphs: Graphs | None = None,
    spread: Callable[[Artifact], Predict] | None = None,
    study: Study | None = None,
    parent: Artifact | None = None,
) -> Artifact:
    """Export, evaluate and package a trained program.

    Args:
        dataset: The records.
        planned: What was trained.
        combined: What it was trained on.
        trained: Its weights.
        tuning: What the engineer pinned.
        seed: Seed of the training.
        clock: Times the stages, and has those before.
        gate: What int8 must keep to beside float32; the defaults where None.
        graphs: Where the graphs of programs are kept; None for this process alone.
        spread: Gives what predicts the records that a version is judged on; this process does where None.
        study: The search behind it, if any.
        parent: The version that it was begun with; whether it serves in int8 counts where a measurement hardly tells.
    """
    observe = clock.observe
    with clock("export"):
        sample = sample_records(dataset)
        artifact, precision = export_served(
            dataset,
            planned,
            trained,
            tuning,
            predict_rows,
            sample,
            gate=gate,
            graphs=graphs,
            parent=parent,
            observe=observe,
        )
    with clock("evaluate"):
        predict = spread(artifact) if spread else None
        report, examples = evaluate_version(dataset, runtime := Runtime(artifact), predict=predict, observe=observe)
        report = replace(report, notes=(*report.notes, *untaught(dataset, combined)))
        profile = profile_version(dataset, runtime).to_json()
    lineage = lineage_of(dataset, planned, combined, trained, seed, clock.seconds, tuning.digest(), precision)
    return artifact.with_files(
        report=report.to_json(),
        lineage=lineage,
        examples=examples,
        golden=golden_records(dataset, runtime),
        profile=profile,
        search=study.to_json() if study else None,
    )


def build_small(
    dataset: Dataset,
    planned: Plan,
    tuning: Tuning,
    combined: Mapping[str, Combined],
    large: Artifact,
    seed: int,
    parent: Artifact | None,
    teach: Teach,
    close: Callable[..., Artifact],
    observe: Observe,
) -> Artifact:
    """The small model of a version, which learns from the votes and from what the large one says of training records.

    It begins with the weights of the small one of the version before, where that has one, and is told to come from it.

    Returns:
        It as an artefact by itself.

    Raises:
        OvertonError: Where it is beyond a bound of serving.
    """
    clock = Clock(observe)
    observe(Event("train", "the small model, which learns from the large one too"))
    planned = replace(planned, teacher=digest_bytes(large.files["weights.safetensors"]))
    before = parent.model(SMALL) if parent and SMALL in parent.models else None
    begun = begun_by(before)
    if begun and parent:  # by itself it would have an id that no store knows
        begun = replace(begun, id=parent.id)
    with clock("teach"):
        rows = np.sort(dataset.splits.train)
        said = predict_rows(dataset, Runtime(large), rows, observe=observe)
        taught = taught_targets(combined, said, rows, planned)
    with clock("train"):
        trained = teach(dataset, planned, taught, seed=seed, parent=begun, observe=observe)
    artifact = close(dataset, planned, combined, trained, tuning, seed=seed, clock=clock, parent=before)
    check_built(artifact, dataset, tuning, SMALL)
    return artifact


def plan(
    dataset: Dataset,
    tuning: Tuning,
    folder: Path = Path(),
    *,
    combined: Mapping[str, Combined] | None = None,
    choices: Choices | None = None,
    texts: Texts | None = None,
    observe: Observe = ignore,
) -> Plan:
    """The choices, what is pretrained for the strings of the data, and the program for its classes and slices.

    Args:
        dataset: The records.
        tuning: What the engineer pinned.
        folder: Where pretrained vectors are looked for that are not named by an absolute path.
        combined: The combined votes of every task by name; those that tell sets of bits are combined where None.
        choices: What a search chose; the tuning's own where None.
        texts: Gives the strings of a payload for which what is pretrained is kept; those of the records where None.
        observe: Told of the progress.
    """
    choices = choices or tuning.choices(dataset.schema)
    given = load_pretrained(choices, folder, texts or dataset.texts, observe=observe)
    train = dataset.splits.train
    in_sets, known = choices.tasks_in_sets(dataset.schema), tuning.supervision
    if combined is None:
        combined = {name: combine_votes(dataset, name, supervision=known) for name in in_sets}
    sets = {name: label_sets(combined[name].targets, train) for name in in_sets}
    slices = choose_slices(dataset.tags.count(SLICE_PREFIX, train), len(train), on=choices.slices != "off")
    if slices.modelled or slices.monitored:
        observe(Event("compile", str(slices)))
    modelled, facts = tuple(slices.modelled), given.facts
    program = compile_program(dataset.schema, choices, modelled, pretrained=facts, sets=sets, n_records=len(train))
    return Plan(choices, program, given, slices, supervision=known)


def evaluate_version(
    dataset: Dataset,
    runtime: Runtime,
    *,
    splits: Splits | None = None,
    predict: Predict | None = None,
    recall: Callable[[Dataset, ndarray, Callable[[], Said]], Said] | None = None,
    observe: Observe = ignore,
) -> tuple[Report, bytes]:
    """Quality on every record that has gold, and the examples behind it as the content of a Parquet file.

    Args:
        dataset: The records.
        runtime: The model.
        splits: Which record counts where; the splits of the data set where not given.
        predict: Predicts in place of `predict_rows`, with the same arguments.
        recall: What tells predictions that may be known, as `Predicted` does of one version; they are made where None.
        observe: Told of the progress.
    """
    splits = splits or dataset.splits
    votes = {task.name: dataset.votes(task.name) for task in dataset.schema.tasks}
    gold = {name: gold_of(found) for name, found in votes.items()}
    rows = evaluated_rows(splits, gold)
    make = partial(predict or predict_rows, dataset, runtime, rows, observe=observe)
    predictions = recall(dataset, rows, make) if recall else make()
    report = evaluate(predictions, gold, dataset.tags, splits, rows=rows)
    report = replace(report, data=dataset.files, notes=(*report.notes, *dataset.remarks(votes, predictions)))
    examples = example_rows(dataset.ids(rows), rows, dataset.tags, splits, votes, predictions, gold)
    return report, render_examples(examples)


def predict_rows(
    dataset: Dataset, runtime: Runtime, rows: ndarray, *, observe: Observe = ignore
) -> dict[str, Predictions]:
    """Predictions of all tasks for some records, in their order."""
    parts: list[Mapping[str, Predictions]] = []
    for part in parts_of(dataset.record_lengths()[rows].tolist(), PREDICT_RECORDS):
        parts.append(runtime.run(dataset.gather(rows[part])))
        observe(Event("evaluate", done=part.stop, total=len(rows)))
    return joined(runtime.schema, parts)


class Predicted:
    """Predictions that were made, for all that is asked of the same records: a report, a comparison, errors.

    They are held as long as this is: for the time of one command or page.
    """

    def __init__(self) -> None:
        self._made: list[tuple[str, str, ndarray, Said]] = []

    def __call__(self, version: str, dataset: Dataset, rows: ndarray, make: Callable[[], Said]) -> Said:
        """What a version says of some records, by name of task; made where it was not asked about all of them before.

        Args:
            version: What it is called.
            dataset: The records.
            rows: Which of them, int64, ascending.
            make: Predicts these.
        """
        for name, digest, known, said in self._made:
            if (name, digest) == (version, dataset.digest) and np.isin(rows, known, assume_unique=True).all():
                return said_of(said, known, rows)
        made = make()
        self._made.append((version, dataset.digest, rows, made))
        return made


def said_of(said: Said, known: ndarray, rows: ndarray) -> dict[str, Predictions]:
    """What is said of some of the records, int64 and ascending, that predictions are of, by name of task."""
    places = np.searchsorted(known, rows)
    return {task: found.only(places) for task, found in said.items()}


def joined(schema: Schema, parts: Sequence[Mapping[str, Predictions]]) -> dict[str, Predictions]:
    """The predictions of several batches as those of one, by name of task; at least one batch."""
    return {task.name: concatenate([part[task.name] for part in parts]) for task in schema.learnable().tasks}


def profile_version(dataset: Dataset, runtime: Runtime) -> Profile:
    """What the records look like and what the version says of them, for later records to be held against."""
    return profile_of(dataset, partial(predict_rows, dataset, runtime), runtime.memberships, runtime.signature.slices)
