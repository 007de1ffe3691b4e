"""Pieces that talk to each other, such as the ranks of a training, on a cluster: Ray Train starts and ends them.

It gets room for all of them on the cluster before it starts any, so that none waits for one that finds no core; it lets
them meet in a process group of torch; and it ends the others where one fails or is lost.
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from overton.base import Event, Observe, OvertonError, Problem
from overton.engine.actor import outcome_of, stand_like
from overton.engine.pending import lost_gang, taken
from overton.engine.worker import DONE

LISTEN = 0.5  # seconds between two looks at what the pieces tell
PATIENCE = 60.0  # seconds until the first word of any, after which a person is told
LEAVE = 15.0  # seconds in which pieces end that nobody wants any more
PREFIX = "gang-"  # of folders in which Ray Train keeps its account of pieces
OLD = 24 * 3600.0  # seconds after which such a folder was left by a process that was killed
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
        folder: Where Ray Train gets a folder of its own meanwhile; all nodes see it.
        observe: Told what the pieces tell.

    Raises:
        OvertonError: What the work of one raised first; `engine.lost-gang` where one was lost before; `engine.no-gang`
            where the cluster cannot start them.
    """
    n_gpus = int(ray.cluster_resources().get("GPU", 0))
    if 0 < n_gpus < count:
        observe(Event("engine", f"{count} processes work together on CPUs: the cluster has {n_gpus} GPUs"))
    own = _folder(folder)
    board = ray.remote(num_cpus=0, max_concurrency=1)(Board).remote()
    try:
        # Ray Train wants to be started from within the cluster, where a client of it is not.
        start = ray.remote(num_cpus=0, max_retries=0, runtime_env={"env_vars": SETTINGS})(_train)
        config = {"board": board, "make": ray.put(make), "path": list(sys.path), "folder": os.getcwd()}
        under_way = start.remote(config, count, str(own.absolute()), n_gpus >= count)
        try:
            _follow(ray, under_way, board, observe)
        except BaseException:  # the user too may stop it: what was started is to be gone before anything begins again
            with suppress(ray.exceptions.RayError):
                ray.cancel(under_way, force=True)
                ray.wait([under_way], timeout=LEAVE)
            raise
        return _outcome(ray, under_way, board, count)
    finally:
        with suppress(ray.exceptions.RayError):
            ray.kill(board)
        shutil.rmtree(own, ignore_errors=True)


def _folder(parent: Path) -> Path:
    """A new folder; those that were left by processes which were killed go."""
    parent.mkdir(parents=True, exist_ok=True)
    for other in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if other.stat().st_mtime < time.time() - OLD:
                shutil.rmtree(other, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))


def _follow(ray: Any, under_way: Any, board: Any, observe: Observe) -> None:
    """Pass on what the pieces tell until all have ended."""
    done: list[Any] = []
    began, is_heard = time.monotonic(), False
    while not done:
        done, _ = ray.wait([under_way], timeout=LISTEN)
        for event in ray.get(board.told.remote()):
            is_heard = True
            observe(event)
        if not is_heard and time.monotonic() - began >= PATIENCE:
            is_heard = True  # once is enough
            observe(Event("engine", "nothing has begun yet: the cluster may lack free cores for all at one time"))


def _outcome(ray: Any, under_way: Any, board: Any, count: int) -> Any:
    try:
        reason = ray.get(under_way)
        ends = ray.get(board.ends.remote())
    except ray.exceptions.RayTaskError as error:  # nothing was lost: Ray Train is not there, or refuses
        cause = getattr(error, "cause", None) or error
        message = f"Ray Train cannot start processes on the cluster: {type(cause).__name__}: {cause}".partition("\n")[0]
        hint = "pip install 'overton[ray]' on every node"
        raise OvertonError(Problem(message, "engine.no-gang", hint=hint)) from None
    except ray.exceptions.RayError as error:
        raise lost_gang(type(error).__name__) from None
    for _, word, value in ends:
        if word != DONE:
            return taken(word, value)
    if reason or len(ends) < count:
        raise lost_gang(reason or "it ended without a word")
    return next(value for number, _, value in ends if number == 0)


def _train(config: Mapping[str, Any], count: int, folder: str, on_gpus: bool) -> str:
    """Within the cluster: have Ray Train run the pieces; why it failed, if so."""
    from ray.train import FailureConfig, RunConfig, ScalingConfig, TrainingFailedError
    from ray.train.torch import TorchTrainer

    trainer = TorchTrainer(
        _piece,
        train_loop_config=dict(config),
        scaling_config=ScalingConfig(num_workers=count, use_gpu=on_gpus, resources_per_worker={"CPU": 1}),
        run_config=RunConfig(
            name="run",
            storage_path=folder,
            failure_config=FailureConfig(max_failures=0),
            worker_runtime_env=None if on_gpus else {"env_vars": {"CUDA_VISIBLE_DEVICES": ""}},
        ),
    )
    try:
        trainer.fit()
    except TrainingFailedError as error:
        failures = getattr(error, "worker_failures", {})
        told = [f"number {number} by {type(failure).__name__}" for number, failure in sorted(failures.items())]
        return ", ".join(told) or str(error).partition("\n")[0]
    return ""


def _piece(config: Mapping[str, Any]) -> None:
    """One piece, in a process of its own. Where it fails, so does all: the others may wait for it."""
    stand_like(config["path"], config["folder"])
    import ray
    from ray import train

    board, number = config["board"], train.get_context().get_world_rank()
    word, value = outcome_of(lambda: ray.get(config["make"])()(number, board.tell.remote))
    ray.get(board.end.remote(number, word, value))
    if word != DONE:
        raise RuntimeError(f"piece {number} failed, as the board tells")
