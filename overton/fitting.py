"""Training as a stage: a plan and combined votes to trained weights, watched on dev and calibrated there.

What training is made of lives in `overton.train`, which is imported where it is needed: torch takes seconds to load.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy import ndarray

from overton import __version__
from overton.base import Event, Observe, digest_json, ignore
from overton.codec import Encoder, chained_tasks
from overton.compile import Choices, Program, SliceChoice
from overton.data import GOLD, Dataset, Gold, gold_of
from overton.evaluate import best_temperature, best_thresholds, main_scores
from overton.pretrained import Given
from overton.supervision import Combined

if TYPE_CHECKING:
    from overton.train import Batches, Checkpoint, Objective, Parent, ScoreDev, Stop, Trained

Load = Callable[[str], "Checkpoint | None"]
Save = Callable[[str, "Checkpoint"], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be trained: the choices, the program they make of the schema, what is pretrained, what is of slices."""

    choices: Choices
    program: Program
    given: Given
    slices: SliceChoice


@dataclass(frozen=True, slots=True)
class Resume:
    """Where training keeps its state, so that a build that was killed goes on where it stood.

    Attributes:
        load: Gives the last checkpoint of a run by its key; None where there is none.
        save: Keeps the checkpoint of a run.
    """

    load: Load
    save: Save


def fit(
    dataset: Dataset,
    planned: Plan,
    combined: Mapping[str, Combined],
    *,
    seed: int,
    parent: Parent | None = None,
    resume: Resume | None = None,
    stop: Stop | None = None,
    encoders: dict[str, Encoder] | None = None,
    observe: Observe = ignore,
) -> Trained:
    """Train the program on the combined votes, watching its quality on dev.

    Args:
        dataset: The records.
        planned: What to train.
        combined: The combined votes of every task by name.
        seed: Seed of everything random.
        parent: The version whose weights training begins with; None for random ones.
        resume: Where training keeps its state; None for nowhere.
        stop: Asked after every epoch whether to give up.
        encoders: What was made of the strings of the same records for other programs, to be used again and added to.
        observe: Told of the progress.
    """
    from overton.train import first_weights, train

    choices, program = planned.choices.training, planned.program
    batches, encoder, objectives = teaching(dataset, planned, combined, encoders=encoders)
    dev = _shortest_first(dataset, dataset.splits.dev)
    begin = first_weights(program, planned.given, seed, parent, observe=observe)
    key = digest_json([dataset.digest, program.to_json(), asdict(choices), seed, begin.parent, __version__])
    observe(Event("train", f"{batches.n_records:,} records, {len(dev):,} on dev, seed {seed}"))
    start = resume.load(key) if resume else None
    if start is not None:
        observe(Event("train", f"goes on after epoch {len(start.history)}, from what an earlier training left"))
    trained = train(
        program,
        batches,
        settings=begin.settings(choices, batches.n_records),
        seed=seed,
        score_dev=scorer(dataset, program, combined, encoder, dev) if len(dev) else None,
        objectives=objectives,
        observe=observe,
        start=start,
        given=begin.weights,
        warm=bool(begin.taken),
        save=(lambda checkpoint: resume.save(key, checkpoint)) if resume else None,
        stop=stop,
    )
    trained = replace(trained, parent=begin.parent, warm=begin.lineage(), run=key)
    return calibrate(dataset, program, encoder, trained, dev, observe=observe)


def teaching(
    dataset: Dataset,
    planned: Plan,
    combined: Mapping[str, Combined],
    *,
    encoders: dict[str, Encoder] | None = None,
) -> tuple[Batches, Encoder, dict[str, Objective]]:
    """What a program is taught with: batches of training records, the encoder that makes them, what is asked of it."""
    from overton.train import encoder_for, membership_objective, memberships_of, objectives_of, training_batches

    choices, program, given = planned.choices.training, planned.program, planned.given
    targets = {name: found.targets for name, found in combined.items()}
    rows = dataset.splits.train
    every = _shortest_first(dataset, np.concatenate([rows, dataset.splits.dev]))
    encoder = encoder_for(program, given.strings, given.weights, dataset.gather, every, kept=encoders)
    memberships = memberships_of(dataset.tags, sorted(planned.slices.modelled))
    lengths = dataset.record_lengths()
    batches = training_batches(dataset.gather, encoder, targets, rows, lengths, choices.batch_size, memberships)
    objectives = dict(objectives_of(targets, rows, choices, chained_tasks(program), program.tasks_in_sets()))
    return batches, encoder, objectives | membership_objective(memberships, rows)


def _shortest_first(dataset: Dataset, rows: ndarray) -> ndarray:
    """The same records, so ordered that batches of them need little padding."""
    ordered: ndarray = rows[np.argsort(dataset.record_lengths()[rows], kind="stable")]
    return ordered


def untrained(planned: Plan, seed: int) -> Trained:
    """The weights that training would begin with: as slow and as large as those that it ends with."""
    from overton.nn import build_model
    from overton.train import Trained, weights_of

    return Trained(weights_of(build_model(planned.program, seed, given=planned.given.weights)))


def scorer(
    dataset: Dataset, program: Program, combined: Mapping[str, Combined], encoder: Encoder, dev: ndarray
) -> ScoreDev:
    """How good a model is on dev, by task: the function that training watches."""
    from overton.train import predict

    truth = {name: dev_truth(dataset, found, dev) for name, found in combined.items()}
    return lambda forward: main_scores(predict(forward, program.schema, dataset.gather, encoder, dev), truth, dev)


def calibrate(
    dataset: Dataset, program: Program, encoder: Encoder, trained: Trained, dev: ndarray, *, observe: Observe = ignore
) -> Trained:
    """The trained program with probabilities that mean what they say on dev, and bits that are said where it pays.

    As far as there is gold to tell.
    """
    from overton.export import load_model
    from overton.train import forward_of, predict, with_temperatures

    if not len(dev):
        return trained
    forward = forward_of(load_model(program, trained.weights))
    predictions = predict(forward, program.schema, dataset.gather, encoder, dev)
    gold = {name: gold_of(dataset.votes(name, [GOLD])) for name in predictions}
    temperature = {name: best_temperature(said, gold[name], dev) for name, said in predictions.items()}
    observe(Event("train", "temperatures: " + ", ".join(f"{name} {value:.2f}" for name, value in temperature.items())))
    thresholds = {
        name: best_thresholds(said, gold[name], dev, temperature[name])
        for name, said in predictions.items()
        if said.task.type == "bitvector"
    }
    return replace(with_temperatures(trained, program, temperature), thresholds=thresholds)


def dev_truth(dataset: Dataset, combined: Combined, dev: ndarray) -> Gold:
    """What counts as true on dev: gold where the task has any there, else the most likely combined labels."""
    gold = gold_of(dataset.votes(combined.targets.task.name, [GOLD]))
    units = np.repeat(np.isin(np.arange(dataset.n_records), dev), np.diff(gold.offsets))
    return gold if (gold.known & units).any() else combined.targets.most_likely()
