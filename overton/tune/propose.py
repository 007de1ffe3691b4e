"""What to try next: a function of the seed, the number of the trial and what is known by then, and of nothing else.

The first trial is what a build without a search takes. Where something pretrained may be chosen, that is tried next: it
knows what no data file holds. Those that follow vary the best so far, since the defaults are good and trials are dear.
Where serving has bounds and none is known to keep to them, the next is what is likely to be the quickest of all, and
others vary that. Later trials are proposed by Optuna's tree-structured Parzen estimator. No program is tried twice.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from overton.base import OvertonError, Problem
from overton.tune.space import Knob, Picked, Space
from overton.tune.study import Study, Trial, best_of, violations

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

NEARBY = 16  # trials that vary the best so far
CHANGED = 2.0  # knobs that such a trial turns, in the mean
FROM_PARENT = 2  # of the parent's best trials that are tried again
ATTEMPTS = 20
MOST_LISTED = 10_000  # combinations that are looked through for one that is left


@dataclass(frozen=True, slots=True)
class Known:
    """What is known when a trial is proposed.

    Attributes:
        done: Trials whose outcome is known.
        pending: The options of those that are under way.
        bounds: What serving must meet.
        parent: The search of the version before, if any.
    """

    done: Sequence[Trial] = ()
    pending: Sequence[Picked] = ()
    bounds: Mapping[str, float] = field(default_factory=dict)
    parent: Study | None = None


def propose(space: Space, number: int, seed: int, known: Known) -> dict[str, Any] | None:
    """The options of a trial; None where every program has been tried.

    Args:
        space: What there is to choose from.
        number: Number of the trial, from 1.
        seed: Seed of the search.
        known: What is known by now.

    Raises:
        OvertonError: Where Optuna is needed and not installed.
    """
    if number == 1:
        return space.first
    tried = {space.key(picked) for picked in (*(trial.picked for trial in known.done), *known.pending)}
    for picked in _candidates(space, number, seed, known):
        if space.key(picked) not in tried:
            return dict(picked)
    return _left_over(space, np.random.default_rng([seed, number]), tried)


def need_optuna() -> None:
    """Make sure that Optuna is there.

    Raises:
        OvertonError: Where it is not.
    """
    try:
        import optuna  # noqa: F401
    except ImportError:
        hint = "pip install 'overton[search]', or build without --trials"
        raise OvertonError(Problem("a search needs the package optuna", "search.no-package", hint=hint)) from None


def _candidates(space: Space, number: int, seed: int, known: Known) -> Iterator[Picked]:
    """Proposals, the best idea first."""
    if known.parent:
        yield from filter(None, map(space.adopted, _best_of_parent(known.parent)))
    best = best_of(known.done)
    if known.bounds and best is None:
        yield space.cheapest
    if space.informed:
        yield space.informed
    start = space.cheapest if known.bounds else space.first
    for attempt in range(ATTEMPTS):
        if number <= NEARBY:
            yield _vary(space, best.picked if best else start, np.random.default_rng([seed, number, attempt]))
        else:
            yield _estimate(space, int(np.random.SeedSequence([seed, number, attempt]).generate_state(1)[0]), known)


def _best_of_parent(parent: Study) -> list[Picked]:
    done = [trial for trial in parent.trials if trial.score.status == "done" and trial.score.value is not None]
    ranked = sorted(done, key=lambda trial: (-(trial.score.value or 0.0), trial.number))
    return [trial.picked for trial in ranked[:FROM_PARENT]]


def _vary(space: Space, centre: Picked, random: np.random.Generator) -> dict[str, Any]:
    """A combination that differs from another in a few knobs, in one at least."""
    names = [knob.name for knob in space.knobs]
    turned = random.random(len(names)) < CHANGED / len(names)
    turned[random.integers(len(names))] = True
    picked = {}
    for knob, is_turned in zip(space.knobs, turned.tolist(), strict=True):
        others = [option for option in knob.options if option != centre[knob.name]]
        picked[knob.name] = others[int(random.integers(len(others)))] if is_turned else centre[knob.name]
    return picked


def _left_over(space: Space, random: np.random.Generator, tried: set[str]) -> dict[str, Any] | None:
    """Any combination that makes a program which was not tried; None where none is found.

    Nearly all of a space too large to be listed is left, unless most of its combinations make the same few programs, as
    where many options are listed of settings that nothing in the schema uses.
    """
    if space.size <= MOST_LISTED:
        every = list(space)
        order = random.permutation(len(every)).tolist()
        return next((every[place] for place in order if space.key(every[place]) not in tried), None)
    for _ in range(MOST_LISTED):
        picked = {knob.name: knob.options[int(random.integers(len(knob.options)))] for knob in space.knobs}
        if space.key(picked) not in tried:
            return picked
    return None


def _estimate(space: Space, seed: int, known: Known) -> dict[str, Any]:
    """What Optuna proposes. Options travel by their places: those of numbers in the order of the numbers."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    options = {knob.name: sorted(knob.options) if knob.is_ordered else list(knob.options) for knob in space.knobs}
    distributions = {knob.name: _distribution(knob) for knob in space.knobs}
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=0))
    for trial in (*_of_parent(space, known), *known.done):
        study.add_trial(_frozen(trial, options, distributions, known.bounds))
    for picked in known.pending:
        study.add_trial(
            optuna.trial.create_trial(
                state=optuna.trial.TrialState.RUNNING,
                params=_places(picked, options),
                distributions=distributions,
            )
        )
    found = study.ask(distributions).params
    return {name: options[name][place] for name, place in found.items()}


def _of_parent(space: Space, known: Known) -> list[Trial]:
    """The parent's trials, their scores moved by what the first of both searches tells of the change of the data."""
    if known.parent is None or not known.parent.trials or not known.done:
        return []
    then, now = known.parent.trials[0], known.done[0]
    if space.adopted(then.picked) != now.picked or then.score.value is None or now.score.value is None:
        return []
    change = now.score.value - then.score.value
    return [
        replace(trial, picked=picked, score=replace(trial.score, value=trial.score.value + change, curve=()))
        for trial in known.parent.trials
        if trial.score.status == "done" and trial.score.value is not None and (picked := space.adopted(trial.picked))
    ]


def _distribution(knob: Knob) -> "BaseDistribution":
    from optuna.distributions import CategoricalDistribution, IntDistribution

    n_options = len(knob.options)
    return IntDistribution(0, n_options - 1) if knob.is_ordered else CategoricalDistribution(tuple(range(n_options)))


def _places(picked: Picked, options: Mapping[str, list[Any]]) -> dict[str, int]:
    return {name: options[name].index(value) for name, value in picked.items()}


def _frozen(
    trial: Trial,
    options: Mapping[str, list[Any]],
    distributions: "dict[str, BaseDistribution]",
    bounds: Mapping[str, float],
) -> "FrozenTrial":
    """A trial as Optuna knows it. One that was never trained is told by its constraints alone, or as failed."""
    from optuna.trial import TrialState, create_trial

    score = trial.score
    state = {"pruned": TrialState.PRUNED, "failed": TrialState.FAIL}.get(score.status, TrialState.COMPLETE)
    return create_trial(
        state=state,
        value=None if state == TrialState.FAIL else score.value or 0.0,
        params=_places(trial.picked, options),
        distributions=distributions,
        intermediate_values=dict(enumerate(score.curve, 1)),
        constraints=violations(score.cost, bounds),
    )
