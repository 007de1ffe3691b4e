"""Training: program, batches and a scorer to weights."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

from overton.base import Event, Meter, Observe, ignore, rough_duration, share_text
from overton.compile import MEMBERSHIP, Program, TrainingChoices
from overton.nn import Drop, Model, build_model
from overton.train.batches import Batches, TrainingBatch
from overton.train.chain import chain_task_loss
from overton.train.loss import Objective, sets_loss, task_loss, total_loss
from overton.train.memory import memory_suffices
from overton.train.optimizer import Optimizer
from overton.train.precision import set_precision
from overton.train.predict import Forward, ScoreDev, transitions_key
from overton.train.ranks import ALONE, Ranks
from overton.train.schedule import epochs_for, learning_rate_at
from overton.train.slices import membership_loss
from overton.train.state import Checkpoint, EpochResult, Trained, Weights

CLOSE = 0.002  # of dev scores: less than a few hundred or thousand records can tell
STEPS_PER_EVENT = 20
WORTH_TELLING = 60.0  # seconds that are left
NO_OBJECTIVE = Objective()

Save = Callable[[Checkpoint], None]
Stop = Callable[[Sequence[EpochResult], int], bool]  # the epochs so far, and how many are planned
Stepped = Callable[[], None]


@dataclass
class _Run:
    """The one mutable thing: a training under way; epochs before `first` (from 0) are no candidates."""

    program: Program
    settings: TrainingChoices
    model: Model
    optimizer: Optimizer
    device: torch.device
    seed: int
    n_epochs: int
    objectives: Mapping[str, Objective]
    observe: Observe
    ranks: Ranks
    stepped: Stepped | None
    meter: Meter
    half: bool  # whether the whole model computes in bfloat16
    best: Weights = field(default_factory=dict)
    best_epoch: int = 0
    history: tuple[EpochResult, ...] = ()
    first: int = 0


def train(
    program: Program,
    batches: Batches,
    *,
    settings: TrainingChoices,
    seed: int,
    score_dev: ScoreDev | None = None,
    objectives: Mapping[str, Objective] | None = None,
    observe: Observe = ignore,
    start: Checkpoint | None = None,
    given: Weights | None = None,
    warm: bool = False,
    save: Save | None = None,
    stop: Stop | None = None,
    stepped: Stepped | None = None,
    ranks: Ranks = ALONE,
) -> Trained:
    """Train a program.

    Args:
        program: What to train.
        batches: The training records.
        settings: How to train.
        seed: Decides the first weights, the order of records and what is dropped. The same seed gives the same
            bytes on a CPU, whether or not the training was interrupted in between.
        score_dev: Scores the model after each epoch; the weights of the last epoch that comes within 0.002 of the best
            score are kept. Without it, those of the last.
        objectives: What is asked of the model beside the targets, by task.
        observe: Told of every epoch, and of the steps between.
        start: A checkpoint of the same program and seed to go on from.
        given: Weights to begin with, by name, instead of random ones.
        warm: Whether they are those of a parent version: only epochs of the later half are kept then, since dev may
            prefer what the parent knew to what the data say now.
        save: Given a checkpoint after every epoch.
        stop: Asked after every epoch whether to give up.
        stepped: Called after every step, as a profiler wants it.
        ranks: This process among those that train together; the batches are its part of each.

    Returns:
        The weights that were kept, and the history.

    Raises:
        OvertonError: Where memory runs out.
    """
    with _reproducible(), memory_suffices():
        observe = observe if ranks.is_first else ignore
        run = _begin(program, batches, settings, seed, objectives or {}, given or {}, observe)
        run.ranks, run.stepped = ranks, stepped
        run.meter.wait = torch.cuda.synchronize if stepped and run.device.type == "cuda" else None
        if start is not None:
            _restore(run, start)
        run.first = run.n_epochs // 2 if warm else 0
        while not _finished(run) and not (stop is not None and run.history and stop(run.history, run.n_epochs)):
            result = _epoch(run, batches, score_dev)
            _keep(run, result, batches)
            if save is not None and ranks.is_first:
                with _part(run, "save"):
                    save(_checkpoint(run))
    return Trained(weights=run.best, history=run.history, best_epoch=run.best_epoch, n_epochs=run.n_epochs)


def forward_of(model: Model) -> Forward:
    """The model as a function from arrays to arrays: the logits of every task, and the transitions of those chained."""
    device = next(model.parameters()).device
    found = {transitions_key(task): model.transitions(task) for task in model.outputs}
    transitions = {name: value.detach().cpu().numpy().copy() for name, value in found.items() if value is not None}

    def forward(inputs: Mapping[str, ndarray]) -> dict[str, ndarray]:
        model.eval()
        with torch.inference_mode():
            logits = model({name: torch.from_numpy(value).to(device) for name, value in inputs.items()})
        return {**transitions, **{name: value.cpu().numpy() for name, value in logits.items()}}

    return forward


def weights_of(model: Model) -> dict[str, ndarray]:
    """All weights of a model by name, those that never change among them."""
    return {name: weight.detach().cpu().numpy().copy() for name, weight in model.state_dict().items()}


@contextmanager
def _reproducible() -> Iterator[None]:
    """Random numbers and algorithms as the seed says, and everything as it was before when done."""
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    memory: Any = torch.utils.deterministic
    fill, threads = memory.fill_uninitialized_memory, torch.get_num_threads()
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.use_deterministic_algorithms(True, warn_only=True)
        # Sums depend on how they are split among threads, and two threads that wait for each other on a busy machine
        # can be a hundred times slower than one.
        torch.set_num_threads(1)
        memory.fill_uninitialized_memory = False  # all memory is written before it is read; filling it costs time
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before[0], warn_only=before[1])
            memory.fill_uninitialized_memory = fill
            torch.set_num_threads(threads)


def _begin(
    program: Program,
    batches: Batches,
    settings: TrainingChoices,
    seed: int,
    objectives: Mapping[str, Objective],
    given: Weights,
    observe: Observe,
) -> _Run:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    dropout = Drop(
        activations=settings.dropout,
        members=settings.member_dropout,
        words=settings.word_dropout,
        ids=settings.id_dropout,
        pieces=settings.piece_dropout,
    )
    model = build_model(program, seed, dropout, given=given).to(device)
    return _Run(
        program=program,
        settings=settings,
        model=model,
        optimizer=Optimizer(model, settings),
        device=device,
        seed=seed,
        n_epochs=settings.epochs or epochs_for(batches.n_records),
        objectives={name: _to(value, device) for name, value in objectives.items()},
        observe=observe,
        ranks=ALONE,
        stepped=None,
        meter=Meter(),
        half=set_precision(model, settings.mixed, device),
    )


def _to(objective: Objective, device: torch.device) -> Objective:
    shift, weight = objective.shift, objective.bit_weight
    return replace(
        objective,
        shift=None if shift is None else shift.to(device),
        bit_weight=None if weight is None else weight.to(device),
    )


def _finished(run: _Run) -> bool:
    n_done, scores = len(run.history), [past.score for past in run.history[run.first :] if past.scores]
    n_since = len(scores) - 1 - scores.index(max(scores)) if scores else 0
    return n_done >= run.n_epochs or n_since >= run.settings.patience


def _epoch(run: _Run, batches: Batches, score_dev: ScoreDev | None) -> EpochResult:
    """One pass over the records. All that is random in it follows from the seed, its number and the rank."""
    number = len(run.history)
    seed = _seed(run.seed, number)
    torch.manual_seed(seed if run.ranks.is_first else _seed(run.seed, number, run.ranks.number))
    run.model.train()
    sums: dict[str, Tensor] = {}
    n_steps = batches.n_batches * run.n_epochs
    source = batches.epoch(seed)
    for position in range(batches.n_batches):
        step = number * batches.n_batches + position
        losses = _step(run, source, learning_rate_at(step, n_steps, run.settings.learning_rate))
        sums = {name: sums.get(name, 0) + loss for name, loss in losses.items()}
        if step % STEPS_PER_EVENT == 0:
            run.observe(Event("train", done=step + 1, total=n_steps))
        if run.stepped:
            run.stepped()
    run.ranks.add(list(sums.values()))
    means = {name: float(total) / batches.n_batches for name, total in sums.items()}
    with _part(run, "dev"):
        told = dict(score_dev(forward_of(run.model))) if score_dev and run.ranks.is_first else {}
    return EpochResult(number + 1, means, run.ranks.told_by_first(told, run.device))


@contextmanager
def _part(run: _Run, name: str) -> Iterator[None]:
    """Time a part of the training; a profiler sees it by its name too."""
    with torch.profiler.record_function(name), run.meter(name):
        yield


def _seed(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def _step(run: _Run, source: Iterator[TrainingBatch], learning_rate: float) -> dict[str, Tensor]:
    """One step down the gradient of a batch, of which this rank has a part; the losses of that part, to be added up."""
    run.optimizer.zero_grad()
    losses: dict[str, Tensor] = {}
    is_last = False
    while not is_last:
        with _part(run, "batch"):
            batch = next(source)
        losses = {name: losses.get(name, 0) + loss for name, loss in _add_gradient(run, batch).items()}
        is_last = batch.is_last
    if run.ranks.count > 1:
        with _part(run, "ranks"):
            run.optimizer.add_up(run.ranks)
    with _part(run, "optimizer"):
        run.optimizer.step(learning_rate)
    return losses


def _add_gradient(run: _Run, batch: TrainingBatch) -> dict[str, Tensor]:
    """Add the gradient of a part of a batch to those of the weights; its losses."""
    with _part(run, "inputs"):
        inputs = {name: _placed(run, value) for name, value in batch.inputs.items()}
        targets = {name: (_placed(run, target), _placed(run, known)) for name, (target, known) in batch.targets.items()}
        belong = None if batch.members is None else _placed(run, batch.members)
    with _part(run, "forward"):
        losses = _losses(run, inputs, targets, belong)
        losses = {name: loss * batch.share.get(name, 1.0) for name, loss in losses.items()} if batch.share else losses
        weights = {name: objective.weight for name, objective in run.objectives.items()}
        total = total_loss(losses, weights)
    with _part(run, "backward"):
        total.backward()  # type: ignore[no-untyped-call]
    return {name: loss.detach() for name, loss in losses.items()}


def _losses(
    run: _Run, inputs: Mapping[str, Tensor], targets: Mapping[str, tuple[Tensor, Tensor]], belong: Tensor | None
) -> dict[str, Tensor]:
    """The loss of every task in a batch, and that of the memberships. Losses are reckoned in full precision."""
    with torch.autocast(run.device.type, torch.bfloat16, enabled=run.half):
        logits = run.model(inputs)
    logits = {name: value.float() for name, value in logits.items()} if run.half else logits
    losses: dict[str, Tensor] = {}
    for name, target in targets.items():
        task = run.program.schema.task(name)
        objective = run.objectives.get(name, NO_OBJECTIVE)
        transitions, members = run.model.transitions(name), run.model.sets(name)
        if members is not None:
            losses[name] = sets_loss(logits[name], members, *target, objective)
        elif transitions is None:
            losses[name] = task_loss(task, logits[name], *target, objective)
        else:
            length = inputs[f"{task.payload}.length"]
            losses[name] = chain_task_loss(task, logits[name], transitions, *target, length, objective)
    if MEMBERSHIP in logits and belong is not None:
        weight = run.objectives.get(MEMBERSHIP, NO_OBJECTIVE).bit_weight
        losses[MEMBERSHIP] = membership_loss(logits[MEMBERSHIP], belong, weight)
    return losses


def _placed(run: _Run, value: ndarray) -> Tensor:
    return torch.from_numpy(value).to(run.device)


def _keep(run: _Run, result: EpochResult, batches: Batches) -> None:
    """Add an epoch to the history, keep its weights where none before is clearly better, and tell the observer.

    The learning rate falls to nothing, so that of epochs which dev can hardly tell apart the last is the best guess.
    """
    before = [past.score for past in run.history[run.first :]]
    run.history = (*run.history, result)
    if not before or not result.scores or result.score > max(before) - CLOSE:
        run.best, run.best_epoch = weights_of(run.model), result.epoch
    loss = sum(result.losses.values())
    scores = "".join(f", {name} {share_text(value)}" for name, value in result.scores.items())
    values = {
        "losses": dict(result.losses),
        "scores": dict(result.scores),
        "best_epoch": run.best_epoch,
        "learning_rate": run.optimizer.learning_rate,
        "records": batches.n_records,
        "seconds": dict(run.meter.seconds),
    }
    left = sum(run.meter.seconds.values()) * (run.n_epochs - result.epoch)
    more = f", {rough_duration(left)} more at most" if left > WORTH_TELLING else ""
    message = f"epoch {result.epoch}/{run.n_epochs}: loss {loss:.3f}{scores}{more}"
    run.observe(Event("train", message, done=result.epoch, total=run.n_epochs, values=values))
    run.meter.seconds.clear()  # what keeping its checkpoint takes counts in the next


def _checkpoint(run: _Run) -> Checkpoint:
    return Checkpoint(
        program=run.program.digest(),
        weights=weights_of(run.model),
        best=run.best,
        optimizer=run.optimizer.state(),
        history=run.history,
        best_epoch=run.best_epoch,
        seed=run.seed,
    )


def _restore(run: _Run, start: Checkpoint) -> None:
    assert start.program == run.program.digest(), "a checkpoint belongs to its program"
    assert start.seed == run.seed, "a checkpoint belongs to its seed"
    run.model.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in start.weights.items()})
    run.optimizer.restore(start.optimizer)
    run.best, run.best_epoch, run.history = start.best, start.best_epoch, start.history
