"""The search of a build: trials train programs on the same records and targets, and the best of them is the version's.

A trial is a training like any other: what it leaves in its checkpoint is what the build goes on with, so that the best
program is not trained again, and a version that was searched for is the one that its choices, pinned, would give.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from time import monotonic, perf_counter
from typing import TYPE_CHECKING

import numpy as np

from overton import __version__
from overton.artifact import LARGE, Artifact, Runtime, sample_records
from overton.base import Event, Observe, OvertonError, Problem, count_of, did_you_mean, digest_json, ignore, instant
from overton.base.ragged import spread
from overton.bench import Bench
from overton.codec import Encoder
from overton.compile import Choices, Tuning, choose_slices, split_objective
from overton.data import GOLD, SLICE_PREFIX, Dataset, gold_of, tag_mask
from overton.data.files import DatasetHandle
from overton.evaluate import Gate, main_scores, may_be_found
from overton.fitting import Watch, begun_by, dev_truth, fit, learned_tasks
from overton.pipeline import Found, plan, predict_rows
from overton.pretrained.files import digests_of, embeddings_of, vectors_at_hand
from overton.served import beyond, bounds_of, cost_of, export_served, least_cost
from overton.supervision import Combined
from overton.tune import (
    Asked,
    Effort,
    Goal,
    Score,
    Space,
    Study,
    Trial,
    best_of,
    is_poor,
    parse_study,
    search,
    space_of,
)
from overton.tune.files import begin_trial, load_score, save_score
from overton.watch.files import watching

if TYPE_CHECKING:
    from overton.engine import Engine, Work
    from overton.train import EpochResult, Parent


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that a trial needs beside its choices: what travels to the workers.

    Attributes:
        bench: Where things are.
        records: Where the records are.
        tuning: What is pinned.
        combined: The combined votes of every task by name.
        goal: What is looked for.
        gate: What int8 must keep to beside float32; the defaults where None.
        seed: Seed of everything random.
        parent: The version whose weights training begins with; None for random ones.
        journal: Folder of the journal of this search.
    """

    bench: Bench
    records: DatasetHandle
    tuning: Tuning
    combined: Mapping[str, Combined]
    goal: Goal
    gate: Gate | None
    seed: int
    parent: Parent | None
    journal: Path


def is_searched(tuning: Tuning) -> bool:
    """Whether a tuning asks for a search: for more than one trial, or some minutes of them."""
    if "trials" in tuning.search:
        return int(tuning.search["trials"]) > 1
    return float(tuning.search.get("minutes", 0)) > 0


def space_for(dataset: Dataset, tuning: Tuning, folder: Path) -> Space:
    """What may be chosen for some records, vectors among it that lie in the folder of the application."""
    train, tuning = dataset.splits.train, tuning.of_model(LARGE)
    slices = choose_slices(dataset.tags.count(SLICE_PREFIX, train), len(train))
    at_hand = partial(vectors_at_hand, folder, dataset.texts)
    return space_of(tuning, dataset.schema, has_slices=bool(slices.modelled), at_hand=at_hand)


def picked_before(artifact: Artifact, space: Space) -> Choices | None:
    """The choices that the search of a version picked, where a search of a space could pick them too."""
    before = _study_of(artifact)
    picked = before[1].best.picked if before else {}
    return space.choices(picked) if before and space.holds(picked) else None


def embeddings_behind(artifact: Artifact) -> dict[str, list[str]]:
    """The embeddings that the search of a version, if it had one, could choose from (`Space.embeddings`)."""
    before = _study_of(artifact)
    return before[1].embeddings if before else {}


def choose(
    bench: Bench,
    tuning: Tuning,
    engine: Engine,
    *,
    seed: int = 0,
    parent: Artifact | None = None,
    gate: Gate | None = None,
    begun: Callable[..., None] | None = None,
    observe: Observe = ignore,
) -> Callable[[Dataset, Mapping[str, Combined]], Found | None] | None:
    """The search of a build as its pipeline wants it; None where the tuning asks for none.

    Args:
        bench: Where trials find their records and keep their state.
        tuning: What may be chosen, how long to search and what for.
        engine: Where trials run.
        seed: Seed of the search and of every training.
        parent: The version to begin from: with its weights and its search.
        gate: What int8 must keep to beside float32; the defaults where None.
        begun: Told the name of the journal as `search`, and how many trials there are to be as `n_trials`.
        observe: Told of every trial.
    """
    if not is_searched(tuning):
        n_lists = sum(len(options) > 1 for options in tuning.options())
        if n_lists:
            said = f"{count_of(n_lists, 'setting')} to choose, and no search: the first of each; --trials N searches"
            observe(Event("compile", said))
        return None

    def found(dataset: Dataset, combined: Mapping[str, Combined]) -> Found | None:
        space = space_for(dataset, tuning, bench.folder)
        if not space.knobs:
            observe(Event("search", "every setting is pinned: there is nothing to search for"))
            return None
        goal = goal_of(dataset, tuning)
        journal = bench.searches / _key(dataset, tuning, space, seed, parent, gate, bench.folder)
        effort = _effort(tuning)
        if begun:
            begun(search=journal.name, n_trials=effort.trials)
        records = DatasetHandle.of(dataset, bench.rows)
        recipe = Recipe(bench, records, tuning, combined, goal, gate, seed, begun_by(parent), journal)
        study = search(
            space,
            partial(make_trial, recipe),
            effort=effort,
            clock=monotonic,
            goal=goal,
            seed=seed,
            engine=engine,
            known=partial(load_score, journal),
            taken=partial(_forget_worse, bench.runs),
            parent=_study_of(parent),
            observe=observe,
        )
        return Found(space.choices(study.best.picked), study)

    return found


def goal_of(dataset: Dataset, tuning: Tuning) -> Goal:
    """What a search looks for.

    Raises:
        OvertonError: Where it cannot be told on dev: there are no records, none with the tag, none of which the
            expression holds, or nothing counts as true of the task there.
    """
    objective = str(tuning.search.get("objective", ""))
    task, tag = split_objective(objective)
    if not len(dataset.splits.dev):
        message, hint = "a search needs records on dev to tell good programs from poor ones", "Tag some `dev`"
        raise OvertonError(Problem(message, "search.no-dev", hint=hint))
    path, at = "tuning.json", "$.search.objective"
    try:
        held = _tagged(dataset, tag or "*")
    except OvertonError as error:
        raise OvertonError(replace(problem, path=path, field=at) for problem in error.problems) from None
    if not held.any():
        hint = did_you_mean(tag, [*dataset.tags.by_split(dataset.splits)["dev"]])
        raise OvertonError(Problem(f"{tag!r} matches no record on dev", "search.unknown-tag", path, 0, at, hint))
    rows, learnable = dataset.splits.dev[held], [one.name for one in dataset.schema.learnable().tasks]
    if not any(_may_be_told(dataset, name, rows) for name in ([task] if task else learnable)):
        raise OvertonError(replace(_nothing_known(task, tag), path=path, field=at))
    return Goal(objective, bounds_of(tuning))


def make_trial(recipe: Recipe) -> Work[Asked, Score]:
    """The function that scores a program; the records are opened once for all trials of a worker.

    Raises:
        OvertonError: Where the data files are no longer those that the search began with.
    """
    dataset = recipe.records.open()
    encoders: dict[str, Encoder] = {}
    lines = sample_records(dataset)

    def trial(asked: Asked, observe: Observe) -> Score:
        when, begin = instant(), perf_counter()
        begin_trial(recipe.journal, asked, when)
        try:
            score = _score(recipe, dataset, lines, encoders, asked, observe)
        except OvertonError as error:
            score = Score("failed", reason=error.problems[0].message)
        score = replace(score, seconds=round(perf_counter() - begin, 3))
        save_score(recipe.journal, asked, score, when)
        return score

    return trial


def _score(
    recipe: Recipe,
    dataset: Dataset,
    lines: Sequence[bytes],
    encoders: dict[str, Encoder],
    asked: Asked,
    observe: Observe,
) -> Score:
    """Train a program, unless it is too slow or too large to serve, and tell how good it is on dev."""
    planned = plan(dataset, recipe.tuning, recipe.bench.folder, combined=recipe.combined, choices=asked.choices)
    graphs, bounds = recipe.bench.graphs(), recipe.goal.bounds
    if bounds:  # neither depends on what training will make of the weights
        cost = least_cost(dataset, planned, recipe.tuning, lines, seed=recipe.seed, graphs=graphs)
        if over := beyond(cost, bounds):
            return Score("infeasible", reason=over, p99_ms=cost["p99_ms"], size_mb=cost["size_mb"])
    task = split_objective(recipe.goal.objective)[0]

    def curve(history: Sequence[EpochResult]) -> tuple[float, ...]:
        return tuple(round(epoch.scores.get(task, epoch.score), 6) for epoch in history)

    def stop(history: Sequence[EpochResult], n_epochs: int) -> bool:
        return len(history) < n_epochs and is_poor(curve(history), n_epochs, asked.limits)

    folder = recipe.bench.watch / f"trial-{asked.number:04}" if recipe.bench.watch else None
    with watching(folder, {"picked": dict(asked.picked)}) as epochs:
        trained = fit(
            dataset,
            planned,
            recipe.combined,
            seed=recipe.seed,
            parent=recipe.parent,
            resume=recipe.bench.resume(),
            stop=stop,
            encoders=encoders,
            watch=Watch(epochs),
            observe=_as_trial(asked.number, observe),
        )
    reached = curve(trained.history)
    known = Score("done", curve=reached, n_epochs=trained.n_epochs, run=trained.run)
    if stop(trained.history, trained.n_epochs):
        return replace(known, status="pruned", value=max(reached))
    tuning, gate = recipe.tuning, recipe.gate
    artifact, _ = export_served(dataset, planned, trained, tuning, predict_rows, lines, gate=gate, graphs=graphs)
    scores = _scores_of(recipe, dataset, artifact) if len(dataset.splits.dev) else {}
    value = max(reached)
    if scores:
        value = scores[task] if task else sum(scores.values()) / len(scores)
    cost = cost_of(artifact, lines)
    known = replace(known, value=value, scores=scores, p99_ms=cost["p99_ms"], size_mb=cost["size_mb"])
    over = beyond(cost, bounds)
    return replace(known, status="infeasible", reason=over) if over else known


def _scores_of(recipe: Recipe, dataset: Dataset, artifact: Artifact) -> dict[str, float]:
    """How good the model is that would be served, on the dev records of the objective.

    It is better than in training: thresholds of bits, and how much each of two paths counts, are found at the end.

    Raises:
        OvertonError: Where nothing is known there of what is looked for.
    """
    task, tag = split_objective(recipe.goal.objective)
    dev = dataset.splits.dev
    rows = dev[_tagged(dataset, tag)] if tag else dev
    asked = {task, *learned_tasks(dataset, recipe.combined)}
    said = {name: found for name, found in predict_rows(dataset, Runtime(artifact), rows).items() if name in asked}
    truth = {name: dev_truth(dataset, recipe.combined[name], dev) for name in said}
    scores = main_scores(said, truth, rows)
    if not scores or (task and task not in scores):
        raise OvertonError(_nothing_known(task, tag))
    return scores


def _may_be_told(dataset: Dataset, task: str, rows: np.ndarray) -> bool:
    """Whether anything is to be found of a task on some dev records: by gold, or any vote where dev has no gold at all.

    It is asked before a trial is trained, and so that no search is refused which could be made: see `dev_truth`.
    """
    gold = gold_of(dataset.votes(task, [GOLD]))
    if gold.known[spread(gold.offsets, dataset.splits.dev)].any():
        return may_be_found(gold, spread(gold.offsets, rows))
    votes = dataset.votes(task)
    return bool(np.isin(votes.unit, spread(votes.offsets, rows)).any())


def _nothing_known(task: str, tag: str) -> Problem:
    message = f"nothing is known of {task or 'any task'} on the dev records{f' of {tag}' if tag else ''}"
    return Problem(message, "search.unknown-tag", hint="Add gold there that names classes, or look for something else")


def _as_trial(number: int, observe: Observe) -> Observe:
    """An observer that tells of a training what matters among many: how far it is."""

    def tell(event: Event) -> None:
        if "scores" in event.values:
            observe(Event(f"trial {number}", done=event.done, total=event.total))

    return tell


def _tagged(dataset: Dataset, tag: str) -> np.ndarray:
    """Whether a tag, or an expression over tags, holds of each dev record, bool of shape (record,)."""
    tagged: np.ndarray = tag_mask(tag, dataset.tags)[dataset.splits.dev]
    return tagged


def _effort(tuning: Tuning) -> Effort:
    known = {name: value for name, value in tuning.search.items() if name != "objective"}
    return Effort(**known)


def _key(
    dataset: Dataset,
    tuning: Tuning,
    space: Space,
    seed: int,
    parent: Artifact | None,
    gate: Gate | None,
    folder: Path,
) -> str:
    """Names the journal of a search: whatever changes its trials is in it, but not how many there are to be."""
    kept = {name: value for name, value in tuning.search.items() if name not in ("trials", "minutes")}
    knobs = [asdict(knob) for knob in space.knobs]
    facts = [
        dataset.digest,
        asdict(replace(tuning, search=kept)),
        knobs,
        seed,
        parent.id if parent else "",
        __version__,
        asdict(gate or Gate()),
        digests_of([*embeddings_of(tuning), *chain(*space.embeddings.values())], folder),
    ]
    return digest_json(facts)[:16]


def _study_of(parent: Artifact | None) -> tuple[str, Study] | None:
    if parent is None or "search.json" not in parent.files:
        return None
    return parent.id, parse_study(parent.json("search.json"))


def _forget_worse(runs: Path, trials: tuple[Trial, ...]) -> None:
    """Keep the checkpoint of the best trial alone: the build goes on from it."""
    from overton.train.files import remove_checkpoint

    best = best_of(trials)
    kept = best.score.run if best else ""
    for trial in trials:
        if trial.score.run and trial.score.run != kept:
            remove_checkpoint(runs / trial.score.run)
