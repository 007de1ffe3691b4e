"""Training as a stage: a plan and combined votes to trained weights, watched on dev and calibrated there.

What training is made of lives in `overton.train`, which is imported where it is needed: torch takes seconds to load.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy import ndarray

from overton import __version__
from overton.artifact import Artifact
from overton.base import Event, Observe, count_of, digest_json, ignore
from overton.base.ragged import spread
from overton.codec import Encoder, Predictions, chained_tasks
from overton.compile import Choices, Program, SliceChoice, SupervisionSettings
from overton.compile.tuning import DEFAULT_SUPERVISION
from overton.data import GOLD, SLICE_PREFIX, Dataset, Gold, gold_of
from overton.evaluate import (
    best_share,
    best_temperature,
    best_thresholds,
    main_scores,
    render_temperatures,
    tag_scores,
)
from overton.pretrained import Given
from overton.supervision import Combined, taught_by

if TYPE_CHECKING:
    from overton.train import Batches, Checkpoint, Forward, Objective, Parent, Ranks, ScoreDev, Stepped, Stop, Trained

MOST_HEARD = 4000  # records of dev that tell how much each of two paths counts

Load = Callable[[str], "Checkpoint | None"]
Save = Callable[[str, "Checkpoint"], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be trained.

    Attributes:
        choices: How the program is chosen and trained.
        program: What they make of the schema.
        given: What is pretrained.
        slices: What is of slices.
        teacher: Digest of the model that it learns from beside the votes; empty for none.
        supervision: What is said of the sources whose votes it learns from.
    """

    choices: Choices
    program: Program
    given: Given
    slices: SliceChoice
    teacher: str = ""
    supervision: SupervisionSettings = DEFAULT_SUPERVISION


@dataclass(frozen=True, slots=True)
class Resume:
    """Where training keeps its state, so that a build that was killed goes on where it stood.

    Attributes:
        load: Gives the last checkpoint of a run by its key; None where there is none.
        save: Keeps the checkpoint of a run.
    """

    load: Load
    save: Save


@dataclass(frozen=True, slots=True)
class Watch:
    """Who watches a training closely, beside the person who sees its progress.

    Attributes:
        epochs: Told of every epoch: losses, scores on dev, slice by slice too, and what took how long. None for nobody.
        profile: Entered while the model is trained; gives what is called after every step. None for no profile.
    """

    epochs: Observe | None = None
    profile: Callable[[], AbstractContextManager[Stepped]] | None = None


UNWATCHED = Watch()


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
    ranks: Ranks | None = None,
    watch: Watch = UNWATCHED,
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
        ranks: This process among those that train together; None for one alone.
        watch: Who watches closely.
        observe: Told of the progress.
    """
    from overton.train import ALONE, first_weights, train

    choices, program = planned.choices.training, planned.program
    batches, encoder, objectives = teaching(dataset, planned, combined, encoders=encoders, ranks=ranks)
    dev = _shortest_first(dataset, dataset.splits.dev)
    begin = first_weights(program, planned.given, seed, parent, observe=observe)
    key = _key(dataset, planned, seed, begin.parent)
    observe(Event("train", f"{count_of(batches.n_records, 'record')}, {len(dev):,} on dev, seed {seed}{ranks or ''}"))
    start = _left_over(resume, key, observe)
    score_dev = scorer(dataset, program, combined, encoder, dev, watch.epochs) if len(dev) else None
    with watch.profile() if watch.profile else nullcontext() as stepped:
        trained = train(
            program,
            batches,
            settings=begin.settings(choices, batches.n_records),
            seed=seed,
            score_dev=score_dev,
            objectives=objectives,
            observe=_both(observe, watch.epochs) if watch.epochs else observe,
            start=start,
            given=begin.weights,
            warm=bool(begin.taken),
            save=(lambda checkpoint: resume.save(key, checkpoint)) if resume else None,
            stop=stop,
            stepped=stepped,
            ranks=ranks or ALONE,
        )
    if ranks and not ranks.is_first:
        return trained
    trained = replace(trained, parent=begin.parent, warm=begin.lineage(), run=key)
    return calibrate(dataset, program, encoder, trained, dev, observe=observe)


def begun_by(parent: Artifact | None) -> Parent | None:
    """What a training begins with of a version; None for none."""
    if parent is None:
        return None
    from overton.train import parent_of

    return parent_of(parent)


class Teach(Protocol):
    """What trains a plan: `fit`, or the same by several processes."""

    def __call__(
        self,
        dataset: Dataset,
        planned: Plan,
        combined: Mapping[str, Combined],
        *,
        seed: int,
        parent: Parent | None = None,
        observe: Observe = ignore,
    ) -> Trained:
        """Train it; see `fit`."""
        ...


def _key(dataset: Dataset, planned: Plan, seed: int, parent: str) -> str:
    """Names a training: whatever changes its outcome is in it."""
    facts = [dataset.digest, planned.program.to_json(), asdict(planned.choices.training), seed, parent, __version__]
    told = [] if planned.supervision == DEFAULT_SUPERVISION else [asdict(planned.supervision)]  # it changes the targets
    return digest_json([*facts, *([planned.teacher] if planned.teacher else []), *told])


def _left_over(resume: Resume | None, key: str, observe: Observe) -> Checkpoint | None:
    """What an earlier training of the same key left, if anything."""
    start = resume.load(key) if resume else None
    if start is not None:
        observe(Event("train", f"goes on after epoch {len(start.history)}, from what an earlier training left"))
    return start


def teaching(
    dataset: Dataset,
    planned: Plan,
    combined: Mapping[str, Combined],
    *,
    encoders: dict[str, Encoder] | None = None,
    ranks: Ranks | None = None,
) -> tuple[Batches, Encoder, dict[str, Objective]]:
    """What a program is taught with: batches of training records, the encoder that makes them, what is asked of it.

    Of several ranks each has its part of every batch.
    """
    from overton.train import encoder_for, membership_objective, memberships_of, objectives_of, training_batches

    choices, program, given = planned.choices.training, planned.program, planned.given
    targets = {name: found.targets for name, found in combined.items()}
    rows = dataset.splits.train
    every = _shortest_first(dataset, np.concatenate([rows, dataset.splits.dev]))
    encoder = encoder_for(program, given.strings, given.weights, dataset.gather, every, kept=encoders)
    memberships = memberships_of(dataset.tags, sorted(planned.slices.modelled))
    lengths = dataset.record_lengths()
    batches = training_batches(dataset.gather, encoder, targets, rows, lengths, choices.batch_size, memberships)
    if ranks:
        batches = replace(batches, part=ranks.number, n_parts=ranks.count)
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
    dataset: Dataset,
    program: Program,
    combined: Mapping[str, Combined],
    encoder: Encoder,
    dev: ndarray,
    told: Observe | None = None,
) -> ScoreDev:
    """How good a model is on dev, by task that it learns: the function that training watches.

    Args:
        dataset: The records.
        program: What is trained.
        combined: The combined votes of every task by name.
        encoder: The encoder of the program.
        dev: Numbers of the dev records.
        told: Told how good it is slice by slice; None for nobody.
    """
    from overton.train import predict

    truth = {name: dev_truth(dataset, combined[name], dev) for name in learned_tasks(dataset, combined)}
    lengths = dataset.record_lengths()

    def score(forward: Forward) -> dict[str, float]:
        answers = predict(forward, program.schema, dataset.gather, encoder, dev, lengths)
        said = {name: answers[name] for name in truth}
        if told:
            told(Event("train", values={"slices": tag_scores(said, truth, dev, dataset.tags, SLICE_PREFIX)}))
        return main_scores(said, truth, dev)

    return score


def _both(first: Observe, second: Observe) -> Observe:
    def observe(event: Event) -> None:
        first(event)
        second(event)

    return observe


def taught_targets(
    combined: Mapping[str, Combined], said: Mapping[str, Predictions], rows: ndarray, planned: Plan
) -> dict[str, Combined]:
    """The combined votes of every task, with what a model says of some records among them, which it was trained on."""
    chained = chained_tasks(planned.program)
    return {
        name: replace(found, targets=taught_by(found.targets, said[name], rows, certain=name in chained))
        if name in said and found.targets.teach(rows)
        else found
        for name, found in combined.items()
    }


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
    gold = {task.name: gold_of(dataset.votes(task.name, [GOLD])) for task in program.schema.learnable().tasks}
    trained = _weigh_paths(dataset, program, encoder, trained, dev, gold, observe)
    forward = forward_of(load_model(program, trained.weights))
    predictions = predict(forward, program.schema, dataset.gather, encoder, dev, dataset.record_lengths())
    temperature = {name: best_temperature(said, gold[name], dev) for name, said in predictions.items()}
    observe(Event("train", f"temperatures: {render_temperatures(temperature)}"))
    thresholds = {
        name: best_thresholds(said, gold[name], dev, temperature[name])
        for name, said in predictions.items()
        if said.task.type == "bitvector"
    }
    return replace(with_temperatures(trained, program, temperature), thresholds=thresholds)


def _weigh_paths(
    dataset: Dataset,
    program: Program,
    encoder: Encoder,
    trained: Trained,
    dev: ndarray,
    gold: Mapping[str, Gold],
    observe: Observe,
) -> Trained:
    """The trained program whose heads of two paths believe each as far as it is right on dev."""
    from overton.export import load_model
    from overton.train import forward_of, hearing, predict, with_shares

    model, share = load_model(program, trained.weights), {}
    some = dev[:: -(-len(dev) // MOST_HEARD)]
    with hearing(model, program) as heads:
        if not heads:
            return trained
        lengths = dataset.record_lengths()
        predictions = predict(forward_of(model), program.schema, dataset.gather, encoder, some, lengths)
    for name, head in heads.items():
        cooled = best_temperature(predictions[name], gold[name], some)
        share[name] = best_share(partial(head.said, predictions[name]), gold[name], some, cooled)
    counts = ", ".join(f"{name} {value:.0%}" for name, value in share.items())
    observe(Event("train", f"what the wide path counts: {counts}"))
    return with_shares(trained, program, share)


def learned_tasks(dataset: Dataset, combined: Mapping[str, Combined]) -> tuple[str, ...]:
    """The tasks that a training record has a target of; the answers to others are chance, and so is how good they are.

    Args:
        dataset: The records.
        combined: The combined votes of every task by name.
    """
    return tuple(name for name, found in combined.items() if found.targets.teach(dataset.splits.train))


def dev_truth(dataset: Dataset, combined: Combined, dev: ndarray) -> Gold:
    """What counts as true on dev: gold where the task has any there, else the most likely combined labels."""
    gold = gold_of(dataset.votes(combined.targets.task.name, [GOLD]))
    return gold if gold.known[spread(gold.offsets, dev)].any() else combined.targets.most_likely()
