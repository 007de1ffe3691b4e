"""Checkpoints on disk: one file each, written whole or not at all, so that a killed build goes on where it was.

A checkpoint is one safetensors file: arrays under `weights/`, `best/` and `optimizer/`, and the rest as JSON in its
metadata. No pickle.
"""

import json
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from overton.base.files import write_atomic
from overton.train.state import Checkpoint, EpochResult

FORMAT = "1"
FILE = "checkpoint.safetensors"
PARTS = ("best", "optimizer", "weights")


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
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                return None
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a mapping
    except SafetensorError:
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
    """Forget the checkpoints of all runs in a directory, as when a training is finished."""
    for path in {*directory.glob(f"*/{FILE}"), *directory.glob(f"*/.{FILE}.*.tmp")}:
        remove_checkpoint(path.parent)


def remove_checkpoint(directory: Path) -> None:
    """Forget the checkpoint of one run, with its directory where nothing else is there.

    What a process left that was killed while it wrote one goes too.
    """
    for path in (directory / FILE, *directory.glob(f".{FILE}.*.tmp")):
        path.unlink(missing_ok=True)
    if directory.is_dir() and not any(directory.iterdir()):
        directory.rmdir()
