"""A build by several ranks: one that is lost costs time, and another number of ranks goes on where these stopped."""

import json
import os
import signal
from pathlib import Path

import pytest

import overton
from overton.base import Event
from tests.kinds import write_kinds


def write(directory: Path) -> overton.Application:
    write_kinds(directory, n_records=60, tasks=("Record", "Token"))
    tuning = {"training": {"epochs": 4, "patience": 9}, "serving": {"int8": "off"}}
    (directory / "tuning.json").write_text(json.dumps(tuning))
    return overton.load(directory)


def children() -> list[int]:
    """The processes that this one has started."""
    return [int(text) for text in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds processes as Linux tells them")
def test_a_rank_that_is_killed_costs_time_and_one_process_goes_on_where_two_were_stopped(tmp_path: Path) -> None:
    told: list[str] = []

    def kill_one(event: Event) -> None:
        told.append(event.message)
        if event.message.startswith("epoch 2/") and "begin again" not in " ".join(told):
            os.kill(children()[-1], signal.SIGKILL)

    killed = write(tmp_path / "killed").build(ranks=2, observe=kill_one)
    assert any("was lost" in line and "all begin again from the last epoch" in line for line in told)
    assert any("goes on after epoch" in line for line in told)
    whole = write(tmp_path / "whole").build(ranks=2)
    assert killed.artifact.files["weights.safetensors"] == whole.artifact.files["weights.safetensors"]

    def stop(event: Event) -> None:
        if event.message.startswith("epoch 2/"):
            raise KeyboardInterrupt

    stopped = write(tmp_path / "stopped")
    with pytest.raises(KeyboardInterrupt):
        stopped.build(ranks=2, observe=stop)
    told.clear()
    version = stopped.build(observe=lambda event: told.append(event.message))
    assert any("goes on after epoch" in line for line in told)
    assert len(version.artifact.json("lineage.json")["epochs"]) == 4
