"""Heads of records that choose among sets of bits, and heads that read a wide path beside their vectors."""

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
from overton.train import (
    Objective,
    blind_loss,
    forward_of,
    hearing,
    predict,
    sets_loss,
    train,
    with_shares,
    with_temperatures,
)
from overton.train.calibrate import as_trained
from tests.train.test_train import SCHEMA, SETTINGS, SMALL, make_batches

WIDE = {payload.name: replace(SMALL, wide=payload.type != "set") for payload in SCHEMA.payloads}
WIDE["tokens"] = replace(WIDE["tokens"], crf=True)
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


def test_sets_and_the_wide_paths_are_learned(trained):
    _, found = trained
    first, last = found.history[0].losses, found.history[-1].losses
    for name in ("Record", "RecordBits", "Token", "TokenBits"):
        assert last[name] < 0.4 * first[name], name
    for payload in ("query", "tokens"):
        assert not found.weights[f"blocks.{payload}/wide.pieces.weight"][0].any()


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


def test_a_share_of_the_wide_path_weighs_it_against_the_other(trained):
    batches, found = trained
    inputs = next(batches.epoch(0)).inputs

    def logits(share):
        weights = with_shares(found, PROGRAM, {"Record": share}).weights
        return forward_of(load_model(PROGRAM, weights))(inputs)

    plain, more, most = (logits(share) for share in (0.5, 0.6, 0.9))
    assert np.allclose(plain["Record"], forward_of(load_model(PROGRAM, found.weights))(inputs)["Record"], atol=1e-6)
    step = more["Record"] - plain["Record"]
    assert np.abs(step).max() > 0.01
    assert np.allclose(most["Record"] - plain["Record"], 4 * step, atol=1e-4)
    for name in set(PROGRAM.outputs) - {"Record"}:
        assert np.array_equal(plain[name], most[name])


@pytest.mark.parametrize("task", ["Record", "RecordBits", "Token", "TokenBits"])
def test_what_heads_read_is_kept_and_tells_what_they_would_say_with_another_share(trained, task):
    batches, found = trained
    model, rows = load_model(PROGRAM, found.weights), np.arange(60)
    asked = (PROGRAM.schema, batches.gather, Encoder(PROGRAM), rows, np.ones(len(rows), np.int64))
    with hearing(model, PROGRAM) as heads:
        said = predict(forward_of(model), *asked, batch_size=25)
    assert heads.keys() == {"Record", "RecordBits", "Token", "TokenBits"}
    for share in (0.5, 0.8):
        other = load_model(PROGRAM, with_shares(found, PROGRAM, {task: share}).weights)
        wanted = predict(forward_of(other), *asked)[task]
        shown = heads[task].said(said[task], share)
        assert np.allclose(shown.probability, wanted.probability, atol=1e-5)
        assert np.array_equal(shown.label, wanted.label)
    predict(forward_of(model), *asked)
    assert sum(len(wide) for _, wide in heads[task].read) == len(rows), "closed, and heard no more"


@pytest.mark.parametrize("task", ["Record", "RecordBits", "Token", "TokenBits"])
def test_records_of_one_token_each_may_tell_what_heads_would_say_with_another_share(trained, task):
    batches, found = trained
    model, (rows,) = load_model(PROGRAM, found.weights), np.nonzero(batches.lengths == 1)
    asked = (
        PROGRAM.schema,
        batches.gather,
        Encoder(PROGRAM),
        batches.rows[rows],
        np.ones(batches.rows.max() + 1, np.int64),
    )
    with hearing(model, PROGRAM) as heads:
        said = predict(forward_of(model), *asked)[task]
    shown = heads[task].said(said, 0.5)
    assert len(rows) > 1
    assert np.array_equal(shown.label, said.label)
    assert np.array_equal(shown.offsets, said.offsets)


def test_what_was_found_on_dev_is_taken_back(trained):
    _, found = trained
    changed = with_shares(found, PROGRAM, {"Record": 0.9, "RecordBits": 0.2})
    changed = with_temperatures(changed, PROGRAM, {"Record": 2.0, "RecordBits": 0.5, "Token": 3.0})
    back = as_trained(changed, PROGRAM)
    for name, weights in found.weights.items():
        assert np.allclose(back[name], weights, rtol=1e-5), name
