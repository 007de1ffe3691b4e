"""Checkpoints on disk: one file each, written whole or not at all, so that a killed build goes on where it was.

A checkpoint is one safetensors file: arrays under `weights/`, `best/` and `optimizer/`, and the rest as JSON in its
metadata. No pickle.
"""

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from torch.autograd.profiler_util import EventList
from torch.profiler import ProfilerActivity, profile, schedule

from overton.base import Event, Observe, count_of
from overton.base.files import remove_drafts, write_atomic
from overton.train.loop import Stepped
from overton.train.state import Checkpoint, EpochResult

FORMAT = "1"
FILE = "checkpoint.safetensors"
PARTS = ("best", "optimizer", "weights")
SKIPPED, WARMING, PROFILED = 5, 1, 10  # steps
MOST_OPERATORS = 25
NO_LOG = "6"  # of torch's profiler, which writes to stderr when it begins and ends


def save_checkpoint(checkpoint: Checkpoint, directory: Path) -> None:
    """Write a checkpoint in the place of the last one."""
    arrays = {
        f"{part}/{name}": np.ascontiguousarray(value)
        for part in PARTS
        for name, value in getattr(checkpoint, part).items()
    }
    history = [
        {"epoch": result.epoch, "losses": dict(result.losses), "scores": dict(result.scores)}
        for result in checkpoint.history
    ]
    facts = {"history": history, "best_epoch": checkpoint.best_epoch, "seed": checkpoint.seed}
    metadata = {"format": FORMAT, "program": checkpoint.program, "facts": json.dumps(facts)}
    write_atomic(directory / FILE, save(arrays, metadata))


def load_checkpoint(directory: Path) -> Checkpoint | None:
    """The checkpoint of a directory; None where there is none, or none that can be read."""
    path = directory / FILE
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                return None
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a mapping
    except (FileNotFoundError, SafetensorError):
        return None
    facts = json.loads(metadata["facts"])
    parts = {
        part: {name.partition("/")[2]: value for name, value in arrays.items() if name.startswith(f"{part}/")}
        for part in PARTS
    }
    history = tuple(EpochResult(result["epoch"], result["losses"], result["scores"]) for result in facts["history"])
    return Checkpoint(
        program=metadata["program"],
        history=history,
        best_epoch=facts["best_epoch"],
        seed=facts["seed"],
        **parts,
    )


def remove_checkpoints(directory: Path) -> None:
    """Forget the checkpoints of all runs in a directory, as when no training goes on there.

    What processes left that were killed while they wrote one goes too.
    """
    remove_drafts(directory, before=math.inf)
    for path in directory.iterdir() if directory.is_dir() else ():
        if path.is_dir():
            remove_checkpoint(path)


def remove_checkpoint(directory: Path) -> None:
    """Forget the checkpoint of one run, with its directory where nothing else is there."""
    (directory / FILE).unlink(missing_ok=True)
    with suppress(OSError):  # something else is there, or it is gone by now
        directory.rmdir()


@contextmanager
def profiled(folder: Path, *, observe: Observe) -> Iterator[Stepped]:
    """What a training calls after every step, so that some of its first steps are profiled.

    Writes `trace.json`, which Perfetto and chrome://tracing read, and `profile.txt`, the slowest operators and the
    parts of a training, when these steps are over. A training of fewer than seven steps, or one that goes on from its
    last epoch, leaves none.

    Args:
        folder: Where both go.
        observe: Told where they are.
    """
    os.environ.setdefault("KINETO_LOG_LEVEL", NO_LOG)
    has_gpu = torch.cuda.is_available()
    n_steps = 0

    def keep(profiler: profile) -> None:
        n_profiled = min(n_steps - SKIPPED - WARMING, PROFILED)  # fewer where the training has ended by then
        if n_profiled < 1:
            return
        folder.mkdir(parents=True, exist_ok=True)
        profiler.export_chrome_trace(str(folder / "trace.json"))
        write_atomic(folder / "profile.txt", _tables(profiler, f"self_{'device' if has_gpu else 'cpu'}_time_total"))
        steps = f"{n_profiled} step{'s' if n_profiled > 1 else ''}"
        observe(Event("train", f"{steps} profiled: {folder / 'profile.txt'}, {folder / 'trace.json'}"))

    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if has_gpu else [])]
    steps = schedule(wait=SKIPPED, warmup=WARMING, active=PROFILED, repeat=1)
    with profile(activities=activities, schedule=steps, on_trace_ready=keep) as profiler:

        def stepped() -> None:
            nonlocal n_steps
            n_steps += 1
            profiler.step()

        yield stepped
    if 0 < n_steps <= SKIPPED + WARMING:
        passed = f"the first {SKIPPED + WARMING} steps are passed over, and it has {count_of(n_steps, 'step')}"
        observe(Event("train", f"nothing of this training is profiled: {passed}"))


def _tables(profiler: profile, order: str) -> str:
    """The slowest operators of torch, and apart from them what has a name of its own: the parts of a training.

    In one table a part would stand above the operators that it is made of.
    """
    figures = profiler.key_averages()
    texts = []
    for what, named in (("operators of torch", False), ("parts of the training", True)):
        some: Any = EventList([one for one in figures if one.is_user_annotation is named])  # type: ignore[no-untyped-call]
        texts.append(f"{what}\n{some.table(sort_by=order, row_limit=MOST_OPERATORS)}\n")
    return "\n".join(texts)
