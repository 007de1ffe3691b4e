"""From a schema and data to a version, in one readable function: `build`.

Schema and data in; votes combined; program chosen, trained, exported, evaluated, packaged; version out. Every
stage is a function from values to a value and lives in the room of its name; disk and printing stay outside.
torch is imported only where a model is trained, so that reading a report or the sources does not wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from overton.artifact import LARGE, Artifact, Runtime, golden_records, sample_records
from overton.base import Clock, Event, Observe, OvertonError, Problem, digest_bytes, ignore
from overton.codec import Predictions, concatenate
from overton.compile import Choices, SupervisionSettings, Tuning, choose_slices, compile_program
from overton.data import GOLD, SLICE_PREFIX, Dataset, Splits, gold_of
from overton.evaluate import (
    Gate,
    Profile,
    Report,
    evaluate,
    evaluated_rows,
    example_rows,
    parse_profile,
    profile_of,
    render_examples,
)
from overton.fitting import Plan, Teach, fit, taught_targets
from overton.lineage import lineage_of
from overton.pretrained.files import load_pretrained
from overton.schema import Schema
from overton.schema.files import load_schema
from overton.served import check_built, check_planned, export_served
from overton.supervision import (
    Combined,
    Kept,
    Tally,
    Targets,
    bring_up_to_date,
    combine,
    combined_labels,
    count_votes,
    label_sets,
)
from overton.tune import Study

if TYPE_CHECKING:
    from overton.export import Graphs
    from overton.train import Trained

PLAIN = SupervisionSettings()
SMALL = "small"  # the model beside the large one, where the tuning wants two
PREDICT_RECORDS = 512
CHUNK = 4096  # records at a time, where a file is written from the row store


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found: the choices of its best trial, and all of them."""

    choices: Choices
    study: Study


@dataclass(frozen=True, slots=True)
class Tallies:
    """Where the counted votes of each task are kept, so that after an edit only those of the edited sources are read.

    Attributes:
        load: Gives what was kept of a task by its name; None where there is nothing.
        save: Keeps the counted votes of a task.
        count: Counts the votes of some sources on a task, where none are kept.
    """

    load: Callable[[str], Kept | None]
    save: Callable[[str, Kept], None]
    count: Callable[[Dataset, str, Collection[str]], Tally] = count_votes


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
        planned = plan(dataset, tuning.of_model(LARGE), folder, choices=choices, observe=observe)
    if not study:  # before the training, since what it makes of the weights does not matter
        check_planned(dataset, planned, tuning, seed=seed, graphs=graphs)
    from overton.train import parent_of

    with clock("train"):
        begin = parent_of(parent) if parent else None
        trained = teach(dataset, planned, combined, seed=seed, parent=begin, observe=observe)
    artifact = finish(
        dataset, planned, combined, trained, tuning, seed=seed, clock=clock, gate=gate, graphs=graphs, study=study
    )
    if not study:  # int8 may have been counted on, and refused
        check_built(artifact, dataset, tuning)
    if tuning.models:
        before = parent.model(SMALL) if parent and SMALL in parent.models else None
        small = build_small(dataset, tuning, combined, artifact, folder, seed, before, teach, gate, graphs, observe)
        artifact = artifact.with_model(SMALL, small)
    return artifact


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
    study: Study | None = None,
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
        study: The search behind it, if any.
    """
    observe = clock.observe
    with clock("export"):
        sample = sample_records(dataset)
        artifact, precision = export_served(
            dataset, planned, trained, tuning, predict_rows, sample, gate=gate, graphs=graphs, observe=observe
        )
    with clock("evaluate"):
        report, examples = evaluate_version(dataset, runtime := Runtime(artifact), observe=observe)
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
    tuning: Tuning,
    combined: Mapping[str, Combined],
    large: Artifact,
    folder: Path,
    seed: int,
    parent: Artifact | None,
    teach: Teach,
    gate: Gate | None,
    graphs: Graphs | None,
    observe: Observe,
) -> Artifact:
    """The small model of a version, which learns from the votes and from what the large one says of training records.

    Returns:
        It as an artefact by itself.
    """
    from overton.train import parent_of

    clock = Clock(observe)
    observe(Event("train", "the small model, which learns from the large one too"))
    planned = plan(dataset, tuning.of_model(SMALL), folder, observe=observe)
    planned = replace(planned, teacher=digest_bytes(large.files["weights.safetensors"]))
    with clock("teach"):
        rows = np.sort(dataset.splits.train)
        said = predict_rows(dataset, Runtime(large), rows, observe=observe)
        taught = taught_targets(combined, said, rows, planned)
    with clock("train"):
        begin = parent_of(parent) if parent else None
        trained = teach(dataset, planned, taught, seed=seed, parent=begin, observe=observe)
    return finish(dataset, planned, combined, trained, tuning, seed=seed, clock=clock, gate=gate, graphs=graphs)


def combine_all(
    dataset: Dataset,
    *,
    supervision: SupervisionSettings = PLAIN,
    tallies: Tallies | None = None,
    observe: Observe = ignore,
) -> dict[str, Combined]:
    """The combined votes of every task by name.

    Args:
        dataset: The records.
        supervision: What is said of the sources of labels.
        tallies: Where counted votes are kept; None for nowhere.
        observe: Told of the progress.

    Raises:
        OvertonError: Where no training record has a label of any task.
    """
    combined = {}
    silent = [name for name in supervision.trusted if name not in dataset.sources]
    if silent:
        observe(Event("combine", f"no label of {', '.join(silent)}, though trusted"))
    for task in dataset.schema.learnable().tasks:
        found = combine_votes(dataset, task.name, supervision=supervision, tallies=tallies)
        combined[task.name] = found
        n_voted = int((found.targets.index >= 0).sum()) - found.n_certain
        certain = ", those of trusted sources among them" if supervision.trusted else ""
        parts = [f"{found.n_certain:,} gold targets{certain}"] if found.n_certain else []
        parts += [f"{n_voted:,} targets from {len(found.accuracy)} sources by {found.method}"] if n_voted else []
        parts += [f"weighed on {found.n_known:,} gold labels"] if found.n_known and n_voted else []
        parts += [f"otherwise in {', '.join(part.name for part in found.slices)}"] if found.slices else []
        observe(Event("combine", f"{task.name}: {', '.join(parts) or 'no label'}"))
    if not any(found.targets.has_target()[dataset.splits.train].any() for found in combined.values()):
        hint = "Records are training data unless they are tagged dev or test; `overton sources` shows the labels"
        raise OvertonError(Problem("no training record has a label of any task", "build.no-labels", hint=hint))
    return combined


def combine_votes(
    dataset: Dataset, task: str, *, supervision: SupervisionSettings = PLAIN, tallies: Tallies | None = None
) -> Combined:
    """The combined votes of one task.

    Gold is certain where it stands in training data; on dev it shows what the sources are worth, and is no target. It
    is read anew each time; the votes of all other sources are counted once, and again where they have changed.
    """
    kept = tallies.load(task) if tallies else None
    counted = bring_up_to_date(dataset, task, kept, count_all=tallies.count if tallies else count_votes)
    if tallies and counted is not kept:
        tallies.save(task, counted)
    training, dev = (np.isin(np.arange(dataset.n_records), rows) for rows in (dataset.splits.train, dataset.splits.dev))
    gold = dataset.votes(task, [GOLD, *supervision.trusted])
    slices = {name: dataset.tags.has(name) for name in dataset.tags.names if name.startswith(SLICE_PREFIX)}
    return combine(
        gold,
        counted.tally,
        training=training,
        dev=dev if supervision.use_dev_gold else None,
        trusted=supervision.trusted,
        slices=slices,
    )


def combined_records(dataset: Dataset, targets: Mapping[str, Targets]) -> Iterator[dict[str, Any]]:
    """The combined votes of some tasks as records of a data file that adds to the others; source `combined`."""
    listed = {task.name: dataset.schema.unit(task) != "record" for task in dataset.schema.tasks}
    for start in range(0, dataset.n_records, CHUNK):
        rows = np.arange(start, min(start + CHUNK, dataset.n_records))
        labels = {name: combined_labels(found, rows, per_item=listed[name]) for name, found in targets.items()}
        for position, record_id in enumerate(dataset.ids(rows)):
            said = {name: labels[name][position] for name in targets}
            tasks = {name: {"combined": label} for name, label in said.items() if label is not None}
            if tasks:
                yield {"id": record_id, "tasks": tasks}


def plan(
    dataset: Dataset,
    tuning: Tuning,
    folder: Path = Path(),
    *,
    choices: Choices | None = None,
    observe: Observe = ignore,
) -> Plan:
    """The choices, what is pretrained for the strings of the data, and the program for its classes and slices.

    Args:
        dataset: The records.
        tuning: What the engineer pinned.
        folder: Where pretrained vectors are looked for that are not named by an absolute path.
        choices: What a search chose; the tuning's own where None.
        observe: Told of the progress.
    """
    choices = choices or tuning.choices(dataset.schema)
    given = load_pretrained(choices, folder, dataset.texts, observe=observe)
    train = dataset.splits.train
    in_sets, known = choices.tasks_in_sets(dataset.schema), tuning.supervision
    sets = {name: label_sets(combine_votes(dataset, name, supervision=known).targets, train) for name in in_sets}
    slices = choose_slices(dataset.tags.count(SLICE_PREFIX, train), len(train), on=choices.slices != "off")
    if slices.modelled or slices.monitored:
        observe(Event("compile", str(slices)))
    modelled, facts = tuple(slices.modelled), given.facts
    program = compile_program(dataset.schema, choices, modelled, pretrained=facts, sets=sets, n_records=len(train))
    return Plan(choices, program, given, slices)


def evaluate_version(
    dataset: Dataset,
    runtime: Runtime,
    *,
    splits: Splits | None = None,
    seed: int = 0,
    predict: Callable[..., dict[str, Predictions]] | None = None,
    observe: Observe = ignore,
) -> tuple[Report, bytes]:
    """Quality on every record that has gold, and the examples behind it as the content of a Parquet file.

    Args:
        dataset: The records.
        runtime: The model.
        splits: Which record counts where; the splits of the data set where not given.
        seed: Seed of the intervals.
        predict: Predicts in place of `predict_rows`, with the same arguments.
        observe: Told of the progress.
    """
    splits = splits or dataset.splits
    votes = {task.name: dataset.votes(task.name) for task in dataset.schema.tasks}
    gold = {name: gold_of(found) for name, found in votes.items()}
    rows = evaluated_rows(splits, gold)
    predictions = (predict or predict_rows)(dataset, runtime, rows, observe=observe)
    report = evaluate(predictions, gold, dataset.tags, splits, rows=rows, seed=seed)
    report = replace(report, data=dataset.files)
    examples = example_rows(dataset.ids(rows), rows, dataset.tags, splits, votes, predictions, gold)
    return report, render_examples(examples)


def predict_rows(
    dataset: Dataset, runtime: Runtime, rows: ndarray, *, observe: Observe = ignore
) -> dict[str, Predictions]:
    """Predictions of all tasks for some records, in their order."""
    parts: list[Mapping[str, Predictions]] = []
    for start in range(0, len(rows), PREDICT_RECORDS):
        parts.append(runtime.run(dataset.gather(rows[start : start + PREDICT_RECORDS])))
        observe(Event("evaluate", done=min(start + PREDICT_RECORDS, len(rows)), total=len(rows)))
    return {task.name: concatenate([part[task.name] for part in parts]) for task in runtime.schema.learnable().tasks}


def profile_version(dataset: Dataset, runtime: Runtime) -> Profile:
    """What the records look like and what the version says of them, for later records to be held against."""
    return profile_of(dataset, partial(predict_rows, dataset, runtime), runtime.memberships, runtime.signature.slices)


def kept_profile(artifact: Artifact, runtime: Runtime, records: Callable[[], Dataset]) -> Profile:
    """What a version was built on: what it kept of that, or where it kept nothing, what its records look like now."""
    if "profile.json" in artifact.files:
        return parse_profile(artifact.json("profile.json"))
    return profile_version(records(), runtime)


def open_schema(home: Path | None, own: Schema) -> Schema:
    """The schema of a version's application, in which classes may be new; its own where it lies in none."""
    path = home.parent / "schema.json" if home else None
    return load_schema(path) if path and path.is_file() else own
