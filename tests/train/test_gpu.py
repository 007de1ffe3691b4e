"""Training on a GPU: what it learns there is what a CPU learns. Left out unless asked for: `pytest -m gpu`."""

import socket
from dataclasses import replace

import numpy as np
import pytest
import torch

from overton.base import OvertonError
from overton.nn import build_model
from overton.train import joined, meeting_place, train, weights_of
from tests.train.test_train import PROGRAM, SETTINGS, make_batches

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="finds no GPU")]

SHORT = replace(SETTINGS, epochs=2)


@pytest.fixture
def exactly():
    """In double precision: AdamW makes a step of any gradient, though it be but rounding."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def test_a_gpu_learns_what_a_cpu_learns(exactly: None, monkeypatch: pytest.MonkeyPatch) -> None:
    given = weights_of(build_model(PROGRAM, 0))
    there = train(PROGRAM, make_batches()[0], settings=SHORT, seed=0, given=given)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    here = train(PROGRAM, make_batches()[0], settings=SHORT, seed=0, given=given)
    for name, weight in here.weights.items():
        np.testing.assert_allclose(there.weights[name], weight, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("mixed", [False, True])
def test_a_gpu_learns_in_either_precision(mixed: bool) -> None:
    trained = train(PROGRAM, make_batches()[0], settings=replace(SETTINGS, mixed=mixed), seed=0)
    first, last = trained.history[0].losses, trained.history[-1].losses
    for name, loss in last.items():
        assert loss < 0.25 * first[name], name
    assert all(np.isfinite(weight).all() for weight in trained.weights.values())


def test_ranks_meet_by_nccl_and_too_many_are_told_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        place = meeting_place("127.0.0.1", listening.getsockname()[1], listening.detach())
    with joined(0, 1, "127.0.0.1", place.port) as ranks:
        assert torch.distributed.get_backend() == "nccl"
        assert ranks.told_by_first({"Record": 0.5}, torch.device("cuda")) == {"Record": 0.5}
    too_many = torch.cuda.device_count() + 1
    with pytest.raises(OvertonError, match=r"train\.too-many-ranks"), joined(0, too_many, "127.0.0.1", place.port):
        raise AssertionError("they are not let in")
