"""How a transformer is trained further: where it computes in bfloat16, and the rows of its table that a batch reads."""

import json
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest

if find_spec("transformers") is None or find_spec("tokenizers") is None:
    pytest.skip("needs the extra hf", allow_module_level=True)

import torch

from overton.compile import TrainingChoices
from overton.nn import Drop, Transformer, build_model
from overton.pipeline import plan
from overton.pretrained.files.transformer import mask_of
from overton.train import precision
from overton.train.optimizer import Optimizer, RowSteps
from overton.train.precision import set_precision
from tests.pretrained.test_pretrained_transformer import MASK, write_application, write_model

CPU, GPU = torch.device("cpu"), torch.device("cuda")
PIECES = torch.tensor([[2, 4, 5, 3]])
TOKENS = torch.tensor([[-1, 0, 1, -1]])
FEATURES = torch.zeros(1, 2, 1)


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    folder = tmp_path_factory.mktemp("training")
    write_model(folder / "tiny")
    application = write_application(folder / "app", folder / "tiny")
    return plan(application.dataset(), application.tuning, application.directory)


@pytest.fixture
def model(planned):
    return build_model(planned.program, 0, given=planned.given.weights)


def block_of(model, name="title/pretrained"):
    found = model.blocks[name]
    assert isinstance(found, Transformer)
    return found


@pytest.mark.parametrize(
    ("mixed", "device", "made_for_it", "whole", "half"),
    [
        (None, CPU, True, False, True),
        (None, CPU, False, False, False),
        (None, GPU, True, False, True),
        (True, CPU, True, True, False),
        (True, CPU, False, False, False),
        (True, GPU, True, True, False),
        (False, CPU, True, False, False),
        (False, GPU, True, False, False),
    ],
)
def test_where_bfloat16_is_computed_in(model, monkeypatch, mixed, device, made_for_it, whole, half):
    monkeypatch.setattr(precision, "multiplies_bfloat16", lambda _: made_for_it)
    assert set_precision(model, mixed, device) is whole
    assert {block.in_bfloat16 for block in model.modules() if isinstance(block, Transformer)} == {half}


def test_a_torch_that_does_not_tell_of_such_units_is_taken_to_be_without_them(monkeypatch):
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported", raising=False)
    assert not precision.multiplies_bfloat16(CPU)


@pytest.mark.parametrize(("half", "training", "inside"), [(True, True, torch.bfloat16), (True, False, torch.float32)])
def test_a_transformer_gives_float32_and_computes_less_exactly_in_training_alone(model, half, training, inside):
    block = block_of(model).train(training)
    block.in_bfloat16 = half
    seen = []
    layer = block.encoder.encoder.layer[0].intermediate.dense
    layer.register_forward_hook(lambda module, given, found: seen.append(found.dtype))
    assert block(PIECES, TOKENS, FEATURES).dtype is torch.float32
    assert seen == [inside]


def test_bfloat16_moves_what_a_transformer_says_by_a_hundredth_at_most(model):
    block = block_of(model).train()
    for module in block.modules():
        if hasattr(module, "below"):
            module.below = 0  # nothing is dropped, not even of attention, which reads the share of its dropout
    exact = block(PIECES, TOKENS, FEATURES)
    block.in_bfloat16 = True
    assert 0 < (block(PIECES, TOKENS, FEATURES) - exact).abs().max() < 0.02 * exact.abs().max()


def test_no_dropout_of_torch_is_left_in_one_that_learns_and_its_shares_are_what_they_were(model):
    tuned, frozen = block_of(model), block_of(model, "tokens/pretrained")
    assert not [part for part in tuned.modules() if type(part) is torch.nn.Dropout]
    shares = {round(part.p, 2) for part in tuned.modules() if hasattr(part, "below")}
    assert shares == {0.1}
    assert tuned.table is tuned.encoder.get_input_embeddings().weight
    assert frozen.table is None


def test_a_step_moves_the_pieces_that_were_read_at_the_rate_of_the_transformer_and_no_others(model):
    settings = replace(TrainingChoices(), learning_rate=0.1, hf_learning_rate=0.001)
    block, optimizer = block_of(model).train(), Optimizer(model, settings)
    before = block.table.detach().clone()
    block(PIECES, TOKENS, FEATURES).pow(3).sum().backward()  # after a norm the sum of squares has hardly a gradient
    optimizer.step(0.1)
    moved = (block.table.detach() - before).square().mean(1).sqrt().numpy()
    assert set(np.flatnonzero(moved)) == {2, 3, 4, 5}
    assert moved[[4, 5]] == pytest.approx(0.001, rel=0.01)  # the marks before and after are hardly heard
    by_rows = optimizer.parts[1]
    assert isinstance(by_rows, RowSteps)
    assert len(optimizer.state()["blocks.title/pretrained.encoder.embeddings.word_embeddings.weight/square"]) == 13


def test_a_table_that_a_transformer_reads_in_its_own_way_is_stepped_all_the_same(model):
    block, optimizer = block_of(model).train(), Optimizer(model, TrainingChoices())
    before = block.table.detach().clone()
    block.table[torch.tensor([4, 6])].square().sum().backward()
    assert not block.table.grad.is_sparse
    optimizer.step(0.1)
    assert set(np.flatnonzero((block.table.detach() - before).abs().sum(1).numpy())) == {4, 6}


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_pieces_are_masked_in_training_alone_and_marks_never(planned, share):
    drop = Drop(pieces=share)
    block = block_of(build_model(planned.program, 0, drop, given=planned.given.weights))
    seen = []
    block.encoder.get_input_embeddings().register_forward_hook(lambda module, given, found: seen.append(given[0]))
    pieces = torch.tensor([[2, *[4] * 38, 3]])
    tokens = torch.tensor([[-1, *range(38), -1]])
    for training in (True, False):
        block.train(training)(pieces, tokens, torch.zeros(1, 38, 1))
    learning, serving = (row[0].tolist() for row in seen)
    assert serving == pieces[0].tolist()
    assert [learning[0], learning[-1]] == [2, 3]
    assert set(learning[1:-1]) == ({4, MASK} if share else {4})


def test_one_that_stays_frozen_or_knows_no_mask_sees_every_piece(planned):
    model = build_model(planned.program, 0, Drop(pieces=0.9), given=planned.given.weights).train()
    frozen, unmasked = block_of(model, "tokens/pretrained"), block_of(model)
    unmasked.mask = None
    seen = []
    for block in (frozen, unmasked):
        block.encoder.get_input_embeddings().register_forward_hook(lambda module, given, found: seen.append(given[0]))
        block(PIECES, TOKENS, FEATURES)
    assert [pieces.tolist() for pieces in seen] == [PIECES.tolist()] * 2


@pytest.mark.parametrize(
    ("said", "marks", "expected"),
    [
        (None, ["[PAD]", "[MASK]"], 1),
        (None, ["<s>", "<mask>"], 1),
        ("*", ["*", "[MASK]"], 0),
        ({"content": "*"}, ["[MASK]", "*"], 1),
        ("*", ["[MASK]"], 0),
        (None, ["[PAD]"], None),
        (None, ["a", "b", "[MASK]"], None),  # the table has two rows
    ],
)
def test_the_mask_is_what_the_tokenizer_says_or_bears_its_usual_name(tmp_path, said, marks, expected):
    if said is not None:
        (tmp_path / "tokenizer_config.json").write_text(json.dumps({"mask_token": said}))
    added = [{"id": number, "content": mark} for number, mark in enumerate(marks)]
    assert mask_of(tmp_path, json.dumps({"added_tokens": added}), rows=2) == expected
