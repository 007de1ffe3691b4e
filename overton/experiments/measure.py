"""One point: a program trained on some of the records and evaluated on test, by the stages of a build."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy import ndarray

from overton.base import Event, Observe, OvertonError, Problem, count_of, ignore
from overton.codec import Encoder, Predictions
from overton.data import GOLD, Dataset, Votes, gold_of
from overton.evaluate import Row, evaluate
from overton.fitting import Plan, fit

if TYPE_CHECKING:
    from overton.supervision import Combined
    from overton.train import Trained


def measure(
    dataset: Dataset, planned: Plan, combined: Mapping[str, Combined], *, seed: int, observe: Observe = ignore
) -> tuple[dict[str, int], tuple[Row, ...]]:
    """Number of labels that were trained on, and quality on test.

    It is a build without its artefact: the program is trained on the combined votes of these records, watched on dev
    and calibrated there as in every build. What is evaluated is the trained program itself, where a build
    evaluates the exported one, which is proved to compute the same.

    Args:
        dataset: The records, those of dev and test among them.
        planned: The program, and what is pretrained of it for these records.
        combined: The combined votes of these records, every task by name.
        seed: Seed of everything random in training.
        observe: Told of the progress.

    Returns:
        By task the labels on training records, those of `gold` left out; and the main metric of each task on test.
    """
    trained = fit(dataset, planned, combined, seed=seed, observe=observe)
    test = dataset.splits.test
    predictions = predict_trained(dataset, planned, trained, test)
    gold = {name: gold_of(dataset.votes(name, [GOLD])) for name in predictions}
    report = evaluate(predictions, gold, dataset.tags, dataset.splits, rows=test)
    return {name: count_labels(dataset, name) for name in predictions}, report.main_rows("test")


def predict_trained(dataset: Dataset, planned: Plan, trained: Trained, rows: ndarray) -> dict[str, Predictions]:
    """Predictions of all tasks for some records, in their order, by the trained program."""
    from overton.export import load_model
    from overton.train import forward_of, predict

    program = planned.program
    forward = forward_of(load_model(program, trained.weights))
    encoder = Encoder(program, planned.given.strings)
    lengths = dataset.record_lengths()
    return predict(forward, program.schema, dataset.gather, encoder, rows, lengths, thresholds=trained.thresholds)


def count_labels(dataset: Dataset, task: str) -> int:
    """Number of labels of a task on training records, those of `gold` left out."""
    votes = dataset.votes(task)
    weak = np.array([name != GOLD for name in votes.sources], np.bool_)
    return int((_on_training(dataset, votes) & weak[votes.source]).sum())


def check_labelled(dataset: Dataset, seed: int) -> None:
    """Refuse what was drawn of some records where nothing can be learned from it.

    Args:
        dataset: What was drawn, with the records of dev and test.
        seed: What drew it.

    Raises:
        OvertonError: Where no training record has a label of any task, if only of `gold`.
    """
    tasks = dataset.schema.learnable().tasks
    if not any(_on_training(dataset, dataset.votes(task.name)).any() for task in tasks):
        n = len(dataset.splits.train)
        message = f"seed {seed} draws {count_of(n, 'training record')} for the smallest size, and no label of any task"
        raise OvertonError(Problem(message, "experiment.bad-sizes", hint="Name fewer or closer sizes"))


def _on_training(dataset: Dataset, votes: Votes) -> ndarray:
    """Which votes are on training records, bool of shape (cell,)."""
    training = np.isin(np.arange(dataset.n_records), dataset.splits.train)
    on_training: ndarray = np.repeat(training, np.diff(votes.offsets))[votes.unit]
    return on_training


def steps_alone(name: str, observe: Observe) -> Observe:
    """An observer that passes on how far the training of a point is, and keeps back what a build would tell."""

    def step(event: Event) -> None:
        if event.total:
            observe(Event(name, done=event.done, total=event.total))

    return step
