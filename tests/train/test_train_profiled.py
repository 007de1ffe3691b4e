"""The profile of some steps of a training."""

from pathlib import Path

import pytest
import torch

from overton.train.files import profiled


@pytest.mark.parametrize(
    ("n_steps", "said"),
    [(0, ""), (1, "nothing"), (6, "nothing"), (7, "1 step profiled"), (8, "2 steps"), (30, "10 steps")],
)
def test_as_many_steps_are_told_as_were_profiled(
    tmp_path: Path, n_steps: int, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    told: list[str] = []
    with profiled(tmp_path / "train", observe=lambda event: told.append(event.message)) as stepped:
        for _ in range(n_steps):
            with torch.profiler.record_function("forward"):
                torch.ones(8) @ torch.ones(8)
            stepped()
    assert [line.startswith(said) for line in told] == ([True] if said else [])
    assert (tmp_path / "train" / "profile.txt").exists() == ("profiled" in said or "steps" in said)
    assert capfd.readouterr() == ("", "")  # torch's profiler tells nobody that it begins and ends
