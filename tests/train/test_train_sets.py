"""Heads of records that choose among sets of bits, and that read what the text contains."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from overton.codec import Encoder
from overton.compile import Choices, compile_program
from overton.export import load_model
from overton.nn.masks import FAR
from overton.schema import Task
from overton.supervision import Targets
from overton.train import Objective, blind_loss, forward_of, sets_loss, train, with_temperatures
from tests.train.test_train import SCHEMA, SETTINGS, SMALL, make_batches

WIDE = {payload.name: replace(SMALL, wide=payload.type == "singleton") for payload in SCHEMA.payloads}
SETS = {"RecordBits": ((), ("red",), ("green",), ("green", "red"))}
PROGRAM = compile_program(SCHEMA, Choices(WIDE), sets=SETS)
MEMBERS = torch.tensor([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])


def loss_of(scores, *bits, known=True, **objective):
    probability = torch.tensor(bits).unsqueeze(1)
    is_known = torch.full((len(bits), 1), known)
    return float(sets_loss(torch.tensor(scores), MEMBERS, probability, is_known, Objective(**objective)))


def test_the_loss_of_certain_bits_is_the_cross_entropy_of_their_set():
    loss = loss_of([[0.0, math.log(2), 0.0], [0.0, 0.0, math.log(6)]], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0])
    assert loss == pytest.approx((math.log(2) + math.log(8 / 6)) / 2, abs=0.01)


def test_a_target_between_two_sets_is_shared_by_them():
    loss = loss_of([[math.log(3), 0.0, math.log(4)]], [1.0, 0.25, 0.0])
    assert loss == pytest.approx(-0.75 * math.log(3 / 8) - 0.25 * math.log(1 / 8), abs=0.01)


def test_a_set_that_is_not_known_gives_its_part_to_the_nearest():
    scores = [[1.0, 3.0, 0.0]]
    nearest = (loss_of(scores, [1.0, 0.0, 0.0]) + loss_of(scores, [0.0, 0.0, 1.0])) / 2
    assert loss_of(scores, [1.0, 0.0, 1.0]) == pytest.approx(nearest, abs=0.01)


def test_records_without_a_target_add_nothing_and_unsure_ones_less_when_asked():
    assert loss_of([[1.0, 2.0, 3.0]], [0.0, 0.0, 0.0], known=False) == 0
    plain = loss_of([[1.0, 2.0, 3.0]], [1.0, 0.4, 0.1])
    assert 0 < loss_of([[1.0, 2.0, 3.0]], [1.0, 0.4, 0.1], certainty=1.0) < plain


def test_a_blind_guess_at_sets_loses_their_entropy():
    task = Task("T", "p", "bitvector", ("a", "b"))
    targets = Targets(task, np.arange(5), np.array([0, 1, 1, 0], np.int32), np.array([[1, 1], [0, 0]], np.float32))
    assert blind_loss(targets, np.arange(4), in_sets=True) == pytest.approx(math.log(2))
    assert blind_loss(targets, np.arange(4)) == pytest.approx(2 * math.log(2))


@pytest.fixture(scope="module")
def trained():
    batches, _ = make_batches()
    batches = replace(batches, encoder=Encoder(PROGRAM))
    return batches, train(PROGRAM, batches, settings=SETTINGS, seed=0)


def test_sets_and_the_wide_path_are_learned(trained):
    _, found = trained
    first, last = found.history[0].losses, found.history[-1].losses
    for name in ("Record", "RecordBits"):
        assert last[name] < 0.4 * first[name], name
    assert not found.weights["blocks.query/wide.pieces.weight"][0].any()


@pytest.mark.parametrize("task", sorted(PROGRAM.outputs))
def test_a_temperature_divides_the_logits_of_its_task_and_no_others(trained, task):
    batches, found = trained
    inputs = next(batches.epoch(0)).inputs
    cooled = with_temperatures(found, PROGRAM, {task: 4.0})
    plain, other = (forward_of(load_model(PROGRAM, one.weights))(inputs) for one in (found, cooled))
    padded = plain[task] <= FAR
    assert (padded == (other[task] <= FAR)).all()
    assert np.allclose(plain[task][~padded], 4 * other[task][~padded], atol=1e-5)
    for name in set(PROGRAM.outputs) - {task}:
        assert np.array_equal(plain[name], other[name])
