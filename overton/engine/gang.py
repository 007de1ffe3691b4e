"""Pieces that talk to each other, such as the ranks of a training, on a cluster: Ray Train starts and ends them.

It gets room for all of them on the cluster before it starts any, so that none waits for one that finds no core; it lets
them meet in a process group of torch; and it ends the others where one is lost.
"""

import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from overton.base import Event, Observe, OvertonError, Problem
from overton.engine.actor import outcome_of
from overton.engine.pending import taken
from overton.engine.worker import DONE

LISTEN = 0.5  # seconds between two looks at what the pieces tell
PATIENCE = 60.0  # seconds without a word from any, after which a person is told
LOST = "engine.lost-gang"
NAME = "ranks"
SETTINGS = {
    "RAY_TRAIN_V2_ENABLED": "1",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # paths mean what they mean here
    "RAY_TRAIN_METRICS_ENABLED": "0",
}


class Board:
    """Where the pieces put what they tell and what came of them; an object in a process of the cluster."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._ends: list[tuple[int, str, Any]] = []

    def tell(self, event: Event) -> None:
        """Put what a person should see."""
        self._events.append(event)

    def end(self, number: int, word: str, value: Any) -> None:
        """Put what came of a piece."""
        self._ends.append((number, word, value))

    def told(self) -> list[Event]:
        """What was told since it was asked."""
        events, self._events = self._events, []
        return events

    def ends(self) -> list[tuple[int, str, Any]]:
        """What came of the pieces, as they ended."""
        return self._ends


def run_gang(ray: Any, make: Callable[[], Any], count: int, *, folder: Path, observe: Observe) -> Any:
    """Run so many pieces at one time, each given its number, and give the result of the first.

    Args:
        ray: Ray, connected.
        make: Makes the work, once in each piece.
        count: How many there are.
        folder: Where Ray Train keeps its account of them meanwhile; all nodes see it.
        observe: Told what the pieces tell.

    Raises:
        OvertonError: What the work of one raised first; `LOST` where one was lost.
    """
    board = ray.remote(num_cpus=0, max_concurrency=1)(Board).remote()
    packed = ray.cloudpickle.dumps(make)
    on_gpus = ray.cluster_resources().get("GPU", 0) >= count
    # Ray Train wants to be started from within the cluster, where a client of it is not.
    start = ray.remote(num_cpus=0, max_retries=0, runtime_env={"env_vars": SETTINGS})(_train)
    under_way = start.remote(board, packed, list(sys.path), count, str(folder), on_gpus)
    try:
        _follow(ray, under_way, board, observe)
        reason = ray.get(under_way)
        ends = ray.get(board.ends.remote())
    except ray.exceptions.RayError as error:
        raise _lost(type(error).__name__) from None
    finally:
        ray.cancel(under_way, force=True)
        ray.kill(board)
        shutil.rmtree(folder, ignore_errors=True)
    for _, word, value in ends:
        if word != DONE:
            return taken(word, value)
    if reason or len(ends) < count:
        raise _lost(reason or "it ended without a word")
    return next(value for number, _, value in ends if number == 0)


def _follow(ray: Any, under_way: Any, board: Any, observe: Observe) -> None:
    """Pass on what the pieces tell until all have ended."""
    done: list[Any] = []
    heard = monotonic()
    while not done:
        done, _ = ray.wait([under_way], timeout=LISTEN)
        events = ray.get(board.told.remote())
        for event in events:
            observe(event)
        if events:
            heard = monotonic()
        elif monotonic() - heard >= PATIENCE:
            heard = monotonic()
            observe(Event("engine", "no word from the ranks: the cluster may lack free cores for all of them"))


def _train(board: Any, packed: bytes, path: Sequence[str], count: int, folder: str, on_gpus: bool) -> str:
    """Within the cluster: have Ray Train run the pieces; why it failed, if so."""
    for name, value in SETTINGS.items():
        os.environ[name] = value
    from ray.train import FailureConfig, RunConfig, ScalingConfig, TrainingFailedError
    from ray.train.torch import TorchTrainer

    trainer = TorchTrainer(
        _piece,
        train_loop_config={"board": board, "make": packed, "path": list(path)},
        scaling_config=ScalingConfig(num_workers=count, use_gpu=on_gpus, resources_per_worker={"CPU": 1}),
        run_config=RunConfig(name=NAME, storage_path=folder, failure_config=FailureConfig(max_failures=0)),
    )
    try:
        trainer.fit()
    except TrainingFailedError as error:
        failures = getattr(error, "worker_failures", {})
        told = [f"rank {number}: {type(failure).__name__}" for number, failure in sorted(failures.items())]
        return ", ".join(told) or str(error).partition("\n")[0]
    return ""


def _piece(config: Mapping[str, Any]) -> None:
    """One piece, in a process of its own."""
    sys.path.extend(entry for entry in config["path"] if entry not in sys.path)
    import ray
    from ray import train

    board, number = config["board"], train.get_context().get_world_rank()
    word, value = outcome_of(partial(_work, ray.cloudpickle.loads, config["make"], number, board.tell.remote))
    ray.get(board.end.remote(number, word, value))


def _work(loads: Callable[[bytes], Any], packed: bytes, number: int, observe: Observe) -> Any:
    return loads(packed)()(number, observe)


def _lost(reason: str) -> OvertonError:
    hint = "Build again: it goes on after the last epoch. A rank may have run out of memory; try fewer"
    return OvertonError(Problem(f"a rank was lost on the cluster ({reason})", LOST, hint=hint))
