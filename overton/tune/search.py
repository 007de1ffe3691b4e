"""The search: trials proposed, scored on an engine, poor ones given up; the same ones on any number of workers.

A trial knows the outcome of all but `at_once` - 1 of those before it, neither more nor less, whatever is fast or slow.
Where time is limited, no more of them are under way than there are workers, so that none waits for its turn.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from overton.base import Event, Observe, count_of, ignore
from overton.engine import Engine, Inline, Work
from overton.tune.propose import Known, need_optuna, propose
from overton.tune.prune import limits_of
from overton.tune.space import Picked, Space
from overton.tune.study import Asked, Score, Study, Trial, best_of

AT_ONCE = 4
MOST_TRIALS = 1000


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to search.

    Attributes:
        trials: Most programs that are tried.
        minutes: No trial is begun that would not end within so many, or after them; 0 for any time.
        at_once: Trials that may run at one time.
    """

    trials: int = MOST_TRIALS
    minutes: float = 0.0
    at_once: int = AT_ONCE


@dataclass(frozen=True, slots=True)
class Goal:
    """What to look for.

    Attributes:
        objective: As in `Study`.
        bounds: What serving must meet: `p99_ms`, `size_mb`.
    """

    objective: str = ""
    bounds: Mapping[str, float] = field(default_factory=dict)


@dataclass
class _Search:
    """The one mutable thing: a search under way."""

    space: Space
    effort: Effort
    goal: Goal
    seed: int
    before: Study | None
    clock: Callable[[], float]
    observe: Observe
    begin: float = 0.0
    asked: list[Asked] = field(default_factory=list)
    trials: list[Trial] = field(default_factory=list)
    recalled: set[int] = field(default_factory=set)  # numbers of trials that an earlier run has made


def search(
    space: Space,
    make: Callable[[], Work[Asked, Score]],
    *,
    effort: Effort,
    clock: Callable[[], float],
    goal: Goal | None = None,
    seed: int = 0,
    engine: Engine | None = None,
    known: Callable[[Asked], Score | None] | None = None,
    taken: Callable[[tuple[Trial, ...]], None] | None = None,
    parent: tuple[str, Study] | None = None,
    observe: Observe = ignore,
) -> Study:
    """Try programs and tell how good they are.

    Args:
        space: What there is to choose from.
        make: Makes the function that scores a program; see `Engine.run`.
        effort: How long to search.
        clock: Seconds since some moment.
        goal: What to look for; the mean over tasks where None.
        seed: The same seed gives the same trials, as long as time does not run out.
        engine: Where trials run; here where None.
        known: Gives the score of a trial of an earlier run that was stopped.
        taken: Told of the trials so far when one more is over.
        parent: A version and its search, to begin from.
        observe: Told of every trial.

    Raises:
        OvertonError: Where Optuna is not installed, or no trial made a program that serving can bear.
    """
    need_optuna()
    goal, engine = goal or Goal(), engine or Inline()
    before = parent[1] if parent else None
    run = _Search(space, effort, goal, seed, before, clock, observe, begin=clock())
    ahead = min(effort.at_once, engine.workers) if effort.minutes else effort.at_once
    recall = partial(_recall, run, known) if known else None
    scores = engine.run(make, _proposals(run), ahead=ahead, known=recall, lost=_lost, observe=observe)
    for score in scores:
        one = run.asked[len(run.trials)]
        run.trials.append(Trial(one.number, one.picked, score))
        if taken:
            taken(tuple(run.trials))
        total = effort.trials if effort.trials < MOST_TRIALS else 0
        observe(
            Event("search", told_trial(run.trials, known=one.number in run.recalled), done=len(run.trials), total=total)
        )
    options = {knob.name: knob.options for knob in space.knobs}
    study = Study(tuple(run.trials), goal.objective, goal.bounds, options, seed, parent[0] if parent else "")
    observe(Event("search", f"trial {study.best.number} is the best of {len(study.trials)}"))
    return study


def _proposals(run: _Search) -> Iterator[Asked]:
    """What to try, one after the other, each by the outcome of those that it may know of."""
    while len(run.asked) < run.effort.trials and _has_time(run):
        number = len(run.asked) + 1
        # More may be known where few run at once: that would make trials depend on the number of workers.
        trials = tuple(run.trials[: max(number - run.effort.at_once, 0)])
        pending = [one.picked for one in run.asked[len(trials) :]]
        picked = propose(run.space, number, run.seed, Known(trials, pending, run.goal.bounds, run.before))
        if picked is None:
            run.observe(Event("search", f"every program of the space was tried: {count_of(len(run.asked), 'trial')}"))
            return
        run.asked.append(Asked(number, picked, run.space.choices(picked), limits_of(trials, run.goal.bounds)))
        said = told_picked(picked, run.space.first) or "as without a search"
        run.observe(Event("search", f"trial {number}: {said}"))
        yield run.asked[-1]


def _recall(run: _Search, known: Callable[[Asked], Score | None], asked: Asked) -> Score | None:
    """The score of a trial that an earlier run has made, which is noted."""
    score = known(asked)
    if score is not None:
        run.recalled.add(asked.number)
    return score


def _has_time(run: _Search) -> bool:
    """Whether one more trial would end in time, as those before it went; the first is always begun.

    While none is over, nobody knows how long one takes, and free workers begin some as long as there is time.
    """
    if not run.asked or not run.effort.minutes:
        return True
    mean = sum(trial.score.seconds for trial in run.trials) / max(len(run.trials), 1)
    return run.clock() - run.begin + mean <= run.effort.minutes * 60


def _lost(asked: Asked, reason: str) -> Score:
    return Score("failed", reason=reason)


def told_picked(picked: Picked, first: Picked) -> str:
    """What is picked, as far as it differs from what a build without a search takes."""
    return ", ".join(f"{name} {told_option(value)}" for name, value in picked.items() if value != first[name])


def told_option(value: Any) -> str:
    """An option as it stands in a tuning file.

    Example:
        >>> told_option(True), told_option(0.003), told_option("cnn")
        ('true', '0.003', 'cnn')
    """
    return str(value).lower() if isinstance(value, bool) else str(value)


def told_trial(trials: list[Trial], *, known: bool = False) -> str:
    """One line about the last of some trials; of a known one, that an earlier run made it, in place of its time."""
    trial = trials[-1]
    score = trial.score
    parts = [score.status if score.value is None or score.status != "done" else f"{score.value:.4f}"]
    if score.why:
        parts.append(score.why)
    if score.p99_ms is not None and score.size_mb is not None and not score.reason:
        parts.append(f"p99 {score.p99_ms:.2f} ms, {score.size_mb:.1f} MB")
    parts.append("known from an earlier run" if known else f"{score.seconds:.0f} s")
    best = best_of(trials)
    if best:
        parts.append(
            "the best so far" if best.number == trial.number else f"best: {best.score.value:.4f}, trial {best.number}"
        )
    return f"trial {trial.number}: {'; '.join(parts)}"
