import itertools
import math

import numpy as np
import pytest
import torch

from overton.schema import Task
from overton.train import Objective
from overton.train.chain import chain_loss, chain_task_loss

LENGTHS = [4, 1, 3]
N_CLASSES = 3
TASK = Task("T", "tokens", "multiclass", ("a", "b", "c"))


def made_up(seed, soft=False):
    """Logits, transitions, targets, which tokens have one, lengths."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=(len(LENGTHS), 4, N_CLASSES))
    transitions = random.normal(size=(N_CLASSES + 2, N_CLASSES))
    sure = np.eye(N_CLASSES)[random.integers(0, N_CLASSES, (len(LENGTHS), 4))]
    target = random.dirichlet(np.ones(N_CLASSES), (len(LENGTHS), 4)) if soft else sure
    known = np.arange(4) < np.array(LENGTHS)[:, None]
    return [torch.tensor(value) for value in (logits, transitions, target, known, np.array(LENGTHS))]


def score(logits, transitions, path):
    pairs = sum(transitions[before, after] for before, after in itertools.pairwise(path))
    return (
        sum(logits[place, label] for place, label in enumerate(path))
        + pairs
        + transitions[-2, path[0]]
        + transitions[-1, path[-1]]
    )


def by_hand(logits, transitions, target, known, length):
    """The loss of one record by trying all sequences: those that agree with its certain targets, by all."""
    scores = {path: score(logits, transitions, path) for path in itertools.product(range(N_CLASSES), repeat=length)}
    agree = [
        value
        for path, value in scores.items()
        if all(target[place, label] == 1 for place, label in enumerate(path) if known[place])
    ]
    return np.logaddexp.reduce(list(scores.values())) - np.logaddexp.reduce(agree)


@pytest.mark.parametrize("hidden", [[], [(0, 1)], [(0, 0), (2, 2)], [(0, 3), (0, 2), (2, 0)], [(0, 0), (0, 1), (0, 2)]])
def test_the_loss_is_the_surprise_at_the_certain_targets_whatever_the_tokens_without_one_are(hidden):
    logits, transitions, target, known, length = made_up(len(hidden))
    for place in hidden:
        known[place] = False
        target[place] = 0
    found = chain_loss(logits, transitions, target, known, length)
    for row, size in enumerate(LENGTHS):
        values = (logits[row].numpy(), transitions.numpy(), target[row].numpy(), known[row].numpy(), size)
        assert float(found[row]) == pytest.approx(by_hand(*values))


def test_the_loss_of_soft_targets_is_expected_under_them():
    logits, transitions, target, known, length = made_up(1, soft=True)
    found = chain_loss(logits, transitions, target, known, length)
    for row, size in enumerate(LENGTHS):
        paths = list(itertools.product(range(N_CLASSES), repeat=size))
        scores = [score(logits[row].numpy(), transitions.numpy(), path) for path in paths]
        chance = [math.prod(float(target[row, place, label]) for place, label in enumerate(path)) for path in paths]
        assert float(found[row]) == pytest.approx(np.logaddexp.reduce(scores) - np.dot(chance, scores))


def test_soft_targets_beside_tokens_without_one_cost_at_least_as_much_as_their_expectation():
    logits, transitions, target, known, length = made_up(2, soft=True)
    known[0, 1], target[0, 1] = False, 0
    mixed = 0.0
    for sure in itertools.product(range(N_CLASSES), repeat=3):
        chance = math.prod(float(target[0, place, label]) for place, label in zip((0, 2, 3), sure, strict=True))
        certain = torch.zeros(4, N_CLASSES)
        certain[[0, 2, 3], list(sure)] = 1
        values = (logits[0].numpy(), transitions.numpy(), certain.numpy(), known[0].numpy(), 4)
        mixed += chance * by_hand(*values)
    assert float(chain_loss(logits, transitions, target, known, length)[0]) >= mixed - 1e-9


def test_padding_and_records_without_targets_add_nothing():
    logits, transitions, target, known, length = made_up(3)
    whole = chain_task_loss(TASK, logits, transitions, target, known, length, Objective())
    wide = torch.cat([logits, torch.full((3, 2, N_CLASSES), 50.0)], 1)
    assert float(chain_task_loss(TASK, wide, transitions, target, known, length, Objective())) == pytest.approx(
        float(whole)
    )
    more = [torch.cat([value, value[:1]]) for value in (logits, target, known, length)]
    more[2][3] = False
    again = chain_task_loss(TASK, more[0], transitions, more[1], more[2], more[3], Objective())
    assert float(again) == pytest.approx(float(whole))
    none = chain_task_loss(TASK, logits, transitions, target[:, :0], known[:, :0], length, Objective())
    assert float(none) == 0


def test_rebalancing_shifts_the_logits():
    logits, transitions, target, known, length = made_up(4)
    shift = torch.tensor([0.5, -1.0, 0.0])
    shifted = chain_task_loss(TASK, logits + shift, transitions, target, known, length, Objective())
    assert float(
        chain_task_loss(TASK, logits, transitions, target, known, length, Objective(shift=shift))
    ) == pytest.approx(float(shifted))


def test_records_count_as_much_as_their_tokens_are_sure():
    logits, transitions, target, known, length = made_up(5)
    whole = chain_task_loss(TASK, logits, transitions, target, known, length, Objective())
    sure = chain_task_loss(TASK, logits, transitions, target, known, length, Objective(certainty=1.0))
    assert float(sure) == pytest.approx(float(whole))
    unsure = torch.full_like(target, 1 / N_CLASSES) * known.unsqueeze(-1)
    none = chain_task_loss(TASK, logits, transitions, unsure, known, length, Objective(certainty=1.0))
    assert float(none) == pytest.approx(0, abs=1e-6)


def test_every_weight_of_the_chain_has_a_finite_gradient():
    for hidden in (False, True):
        logits, transitions, target, known, length = made_up(5)
        known[0, 1] = not hidden
        values = [value.requires_grad_() for value in (logits, transitions)]
        chain_loss(*values, target, known, length).sum().backward()
        assert all(torch.isfinite(value.grad).all() and value.grad.abs().sum() > 0 for value in values)
