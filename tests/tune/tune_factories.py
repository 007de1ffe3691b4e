"""Programs that are scored by a formula, so that a search is over in a moment."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from overton.base import Observe
from overton.compile import Tuning, parse_tuning
from overton.schema import parse_schema
from overton.tune import Asked, Score, Space, is_poor, space_of
from overton.tune.files import begin_trial, save_score
from tests.kinds import SCHEMA

KINDS = parse_schema(json.dumps(SCHEMA)).with_classes({name: ("a", "b", "c") for name in SCHEMA["tasks"]})
LISTS = {
    "payloads": {"tokens": {"size": [64, 32, 128, 256], "encoder": ["cnn", "bag", "bilstm"], "layers": [3, 1]}},
    "training": {"dropout": [0.3, 0.1, 0.2, 0.5], "learning_rate": [0.003, 0.001]},
    "slices": ["off", "on"],
}
EPOCHS = 20


def tune(value: object) -> Tuning:
    return parse_tuning(json.dumps(value), "tuning.json", KINDS)


def listed_space() -> Space:
    return space_of(tune(LISTS), KINDS, has_slices=True)


def quality(asked: Asked) -> float:
    """The best program is 128 wide, of cnn, with dropout 0.2, a low learning rate and slices."""
    tokens, training = asked.choices.payloads["tokens"], asked.choices.training
    wide = {32: 0.0, 64: 0.05, 128: 0.09, 256: 0.08}[tokens.size]
    encoder = {"cnn": 0.1, "bilstm": 0.08, "bag": 0.0}[tokens.encoder]
    dropout = 0.1 - abs(training.dropout - 0.2)
    rate, slices = 0.05 * (training.learning_rate == 0.001), 0.05 * (asked.choices.slices == "on")
    return round(0.4 + wide + encoder + dropout + rate + slices, 6)


def make_formula(bounds: dict[str, float] | None = None, slow: float = 0.0) -> Callable[[Asked, Observe], Score]:
    """Scores by the formula, pruned as a training would be; every third trial takes longer."""

    def score(asked: Asked, observe: Observe) -> Score:
        time.sleep(slow * (asked.number % 3 == 0))
        value, size = quality(asked), asked.choices.payloads["tokens"].size
        cost = {"p99_ms": size / 100, "size_mb": size / 10}
        if any(cost[name] > most for name, most in (bounds or {}).items()):
            return Score("infeasible", reason="too much", **cost)
        curve = [round(value * (1 - 0.5 ** (epoch / 2)), 6) for epoch in range(1, EPOCHS + 1)]
        for epoch in range(1, EPOCHS):
            if is_poor(curve[:epoch], EPOCHS, asked.limits):
                return Score("pruned", max(curve[:epoch]), curve=tuple(curve[:epoch]), n_epochs=EPOCHS)
        return Score("done", value, {"Record": value}, tuple(curve), EPOCHS, seconds=1.0, **cost)

    return score


def make_kept(folder: Path, deadly: int = 0, unlucky: int = 0) -> Callable[[Asked, Observe], Score]:
    """The same with a journal and a log of what was worked on; one trial may end its process, one may fail."""
    formula = make_formula()

    def score(asked: Asked, observe: Observe) -> Score:
        with (folder / "log").open("a") as log:
            log.write(f"{asked.number}\n")
        begin_trial(folder, asked, "2026-01-01T00:00:00+00:00")
        if asked.number == deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        found = Score("failed", reason="no network") if asked.number == unlucky else formula(asked, observe)
        save_score(folder, asked, found, "2026-01-01T00:00:00+00:00")
        return found

    return score
