"""The optimizer: rows of a table that no batch reads stay as they are; a stopped training goes on with its state."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from overton.codec import Encoder
from overton.nn import build_model
from overton.train import Ranks, train
from overton.train.optimizer import LARGEST_GRADIENT, MEMORY, Optimizer, RowSteps
from tests.train.test_train import SETTINGS, make_batches
from tests.train.test_train_sets import PROGRAM

TABLES = {"blocks.query/wide.pieces.weight": "tokens.grams", "blocks.tokens/wide.pieces.weight": "tokens.windows"}
SHORT = replace(SETTINGS, epochs=2)


def wide_batches():
    return replace(make_batches(n_records=32)[0], encoder=Encoder(PROGRAM))


def sparse(rows, values):
    """A gradient of these rows of a table of shape (6, 2)."""
    index = torch.tensor(rows).unsqueeze(0)
    return torch.sparse_coo_tensor(index, torch.tensor(values), (6, 2), check_invariants=True).coalesce()


def stepped(*gradients, learning_rate=0.1):
    table = torch.zeros(6, 2, requires_grad=True)
    optimizer = RowSteps([table], learning_rate)
    for gradient in gradients:
        table.grad = gradient
        optimizer.step()
    return table.detach(), optimizer.state[table]


def test_a_first_step_is_as_long_in_every_row_as_the_learning_rate_whatever_the_gradient():
    table, state = stepped(sparse([1, 4], [[3.0, 4.0], [0.0, -1e-3]]))
    root_mean_square = table.square().mean(1).sqrt()
    assert root_mean_square.tolist() == pytest.approx([0, 0.1, 0, 0, 0.1, 0], rel=1e-3)
    assert table[1].tolist() == pytest.approx([-0.1 * 3 / 12.5**0.5, -0.1 * 4 / 12.5**0.5], rel=1e-3)
    assert table[4, 1] > 0  # down the gradient
    assert set(np.flatnonzero(state["square"].numpy())) == {1, 4}


def test_a_row_goes_on_from_its_own_mean_square_and_those_not_read_stay():
    first, second = sparse([1, 2], [[2.0, 2.0], [1.0, 1.0]]), sparse([2], [[1.0, 1.0]])
    before, _ = stepped(first)
    after, state = stepped(first, second)
    assert after[1].tolist() == before[1].tolist()
    square = (1 - MEMORY) * (1 + MEMORY)
    assert float(state["square"][2]) == pytest.approx(square)
    expected = float(before[2, 0]) - 0.1 / (square / (1 - MEMORY**2)) ** 0.5
    assert float(after[2, 0]) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("table", TABLES)
def test_training_moves_the_rows_that_records_hold_and_no_other(table):
    begin = build_model(PROGRAM, 0).state_dict()[table].numpy()
    weights = train(PROGRAM, wide_batches(), settings=SHORT, seed=0).weights[table]
    moved = (weights != begin).any(1)
    seen = {int(gram) for batch in wide_batches().epoch(0) for gram in batch.inputs[TABLES[table]].reshape(-1)}
    assert set(np.flatnonzero(moved)) <= seen - {0}
    assert moved.sum() > len(seen) / 2  # half of the pieces are dropped each time


def test_a_gradient_is_cut_to_its_largest_length_over_tables_and_all_else():
    model = build_model(PROGRAM, 0)
    optimizer = Optimizer(model, SETTINGS)
    weights = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    for weight in weights.values():
        weight.grad = torch.ones_like(weight)
    for table in TABLES:
        weights[table].grad = None
        functional.embedding(torch.tensor([3, 7, 7]), weights[table], sparse=True).sum().backward()
    optimizer.step(0.0)
    gradients = [weight.grad for weight in weights.values()]
    lengths = [(one.coalesce().values() if one.is_sparse else one).norm() for one in gradients]
    assert float(torch.stack(lengths).norm()) == pytest.approx(LARGEST_GRADIENT, rel=1e-3)


def test_a_rank_whose_records_give_no_gradient_adds_nothing():
    model = build_model(PROGRAM, 0)
    optimizer = Optimizer(model, SETTINGS)
    optimizer.add_up(Ranks())
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            assert weight.grad.is_sparse == (name in TABLES)
            assert not weight.grad.to_dense().any()
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    optimizer.step(0.0)
    assert all(torch.equal(before[name], weight) for name, weight in model.named_parameters())


def test_a_training_with_a_table_goes_on_from_a_checkpoint_as_if_never_stopped():
    kept = []

    def stop_after_one(checkpoint):
        kept.append(checkpoint)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(PROGRAM, wide_batches(), settings=SHORT, seed=5, save=stop_after_one)
    for table in TABLES:
        assert {name for name in kept[0].optimizer if name.startswith(table)} == {f"{table}/square", f"{table}/step"}
    resumed = train(PROGRAM, wide_batches(), settings=SHORT, seed=5, start=kept[0])
    whole = train(PROGRAM, wide_batches(), settings=SHORT, seed=5)
    assert all(resumed.weights[name].tobytes() == whole.weights[name].tobytes() for name in whole.weights)
