"""Training in bfloat16: what is computed less exactly, and what stays in float32."""

from dataclasses import replace

import numpy as np
import pytest

from overton.train import precision, train
from tests.train.test_train import PROGRAM, SETTINGS, make_batches


@pytest.fixture
def made_for_it(monkeypatch):
    monkeypatch.setattr(precision, "multiplies_bfloat16", lambda _: True)


def trained(mixed):
    settings = replace(SETTINGS, epochs=2, mixed=mixed)
    batches, _ = make_batches(n_records=32, settings=settings)
    return train(PROGRAM, batches, settings=settings, seed=1)


def test_a_whole_model_trained_in_bfloat16_ends_near_the_exact_one_with_weights_in_float32(made_for_it):
    less, exact = trained(True), trained(None)
    assert {weight.dtype for weight in less.weights.values()} == {np.dtype(np.float32)}
    losses = [sum(run.history[-1].losses.values()) for run in (less, exact)]
    assert losses[0] == pytest.approx(losses[1], rel=0.05)
    assert losses[0] != losses[1]


@pytest.mark.parametrize("mixed", [None, False])
def test_a_model_without_a_transformer_is_exact_unless_it_is_asked_for(made_for_it, monkeypatch, mixed):
    found = trained(mixed).weights
    monkeypatch.setattr(precision, "multiplies_bfloat16", lambda _: False)
    plain = trained(True).weights
    assert all(found[name].tobytes() == plain[name].tobytes() for name in plain)
