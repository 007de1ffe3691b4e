"""When a trial is given up: where its quality on dev is below the median of those before it at the same point.

Points are shares of the epochs that were planned, since learning rates follow them. A trial is held against those alone
whose outcome was known when it began, so that it does not matter how many run at once, or how fast.

Source: the median rule of Golovin et al. 2017, Google Vizier, doi:10.1145/3097983.3098043.
"""

from collections.abc import Mapping, Sequence
from statistics import median

from overton.tune.study import Trial, violations

STEPS = 20
FIRST_STEP = 5  # a quarter of the training: before that, scores say little
LEAST_KNOWN = 3


def limits_of(trials: Sequence[Trial], bounds: Mapping[str, float]) -> tuple[float, ...]:
    """What a new trial has to reach at each step: the median of the best so far of those before it.

    Trials that serving cannot bear do not count: the best of the others may well be worse.

    Args:
        trials: Those whose outcome is known.
        bounds: What serving must meet.

    Returns:
        A value a step, of which there are `STEPS`; minus infinity where nothing is asked. Empty where it is nowhere.
    """
    known = [
        trial
        for trial in trials
        if trial.score.curve and not any(over > 0 for over in violations(trial.score.cost, bounds).values())
    ]
    limits = []
    for step in range(1, STEPS + 1):
        reached = [value for trial in known if (value := _reached(trial, step)) is not None]
        is_asked = step >= FIRST_STEP and len(reached) >= LEAST_KNOWN
        limits.append(median(reached) if is_asked else float("-inf"))
    return tuple(limits) if max(limits) > float("-inf") else ()


def is_poor(curve: Sequence[float], n_epochs: int, limits: Sequence[float]) -> bool:
    """Whether a training is to be given up after the epochs so far.

    Example:
        >>> limits = limits_of([], {})
        >>> is_poor([0.1, 0.2], 4, limits)
        False
        >>> is_poor([0.1, 0.2], 4, [0.5] * 20)
        True
    """
    step = len(curve) * STEPS // max(n_epochs, 1)
    return bool(limits) and 0 < step < STEPS and max(curve) < limits[step - 1]


def _reached(trial: Trial, step: int) -> float | None:
    """The best that a trial had at a step; None where it had been given up by then."""
    score = trial.score
    n_epochs = max(1, -(-step * score.n_epochs // STEPS))
    if score.status == "pruned" and n_epochs > len(score.curve):
        return None
    return max(score.curve[:n_epochs])
