import json
from functools import cache

import numpy as np
import pytest
import torch

from overton.codec import Encoder
from overton.compile import Choices, PayloadChoices, compile_program
from overton.data import Pool, RecordParser, pack
from overton.nn import BLOCKS, build_model
from overton.nn.wide import ALONE, WidePath, mean_of_paths
from overton.schema import parse_schema
from tests.kinds import BASES, ODD

KINDS = parse_schema(json.dumps(BASES)).with_classes({name: ("a", "b", "c") for name in BASES["tasks"]})
SHORT = {"tokens": ["red", "car"], "title": "red car", "entities": [{"id": "car", "range": [1, 2]}]}
LONG = {
    "tokens": ["a", "big", "green", "apple", "and", "a", "pear"],
    "title": "a big green apple and a pear",
    "entities": [{"id": "apple", "range": [3, 4]}, {"id": "pear", "range": [6, 7]}, {"id": "fruit"}],
}
PRETRAINED = {"transformer.v1", "vectors.v1"}  # tests/pretrained has programs of these
FORMER = {"add_max.v1", "add_mean.v1"}  # versions of before have programs of these
OTHER = {
    "tokens": ["the", *LONG["tokens"][1:]],
    "title": "another",
    "entities": [{**member, "id": "melon"} for member in LONG["entities"]],
}
SETS = {encoder: {"RecordBits": (("a",), ("a", "c"), ())} for encoder in ("cnn", "bilstm")}
PROGRAMS = [
    ("cnn", "attention"),
    ("bilstm", "max"),
    ("bag", "mean"),
    ("bigru", "attention"),
    ("dilated", "mean"),
    ("transformer", "max"),
]


@cache
def program_of(encoder, aggregate, slices=()):
    more = {"crf": encoder != "bag", "strings": encoder != "cnn", "characters": encoder != "bilstm"}
    more |= {"wide": encoder in ("cnn", "bag")}
    choices = PayloadChoices(size=16, layers=2, encoder=encoder, aggregate=aggregate, attention="2x8", **more)
    return compile_program(
        KINDS, Choices(payloads={payload.name: choices for payload in KINDS.payloads}), slices, sets=SETS.get(encoder)
    )


@cache
def models() -> dict:
    """Models ready to predict, by digest of their program: most tests ask the same ones."""
    return {}


def model_of(program):
    if program.digest() not in models():
        models()[program.digest()] = build_model(program, seed=3).eval()
    return models()[program.digest()]


def logits_of(program, *payloads):
    parser = RecordParser(KINDS, closed=True)
    records = [parser.parse(json.dumps({"payloads": value}).encode()) for value in payloads]
    inputs = Encoder(program).encode(pack(records, KINDS, Pool()))
    model = model_of(program)
    with torch.inference_mode():
        found = model({name: torch.from_numpy(value) for name, value in inputs.items()})
    return {name: value.numpy() for name, value in found.items()}


@pytest.mark.parametrize(("encoder", "aggregate"), PROGRAMS)
def test_a_record_has_the_same_logits_alone_as_beside_a_longer_one(encoder, aggregate):
    program = program_of(encoder, aggregate)
    alone, beside = logits_of(program, SHORT), logits_of(program, LONG, SHORT)
    for task, logits in alone.items():
        padded = beside[task][1]
        inside = tuple(slice(0, size) for size in logits[0].shape)
        assert np.abs(padded[inside] - logits[0]).max() < 1e-5, task


@pytest.mark.parametrize(("encoder", "aggregate"), PROGRAMS)
def test_the_order_of_members_does_not_matter(encoder, aggregate):
    program = program_of(encoder, aggregate)
    turned = {**LONG, "entities": [LONG["entities"][place] for place in (2, 0, 1)]}
    logits, moved = logits_of(program, LONG), logits_of(program, turned)
    for task in KINDS.tasks:
        on_members = KINDS.payload(task.payload).type == "set"
        expected = logits[task.name][0][[2, 0, 1]] if on_members else logits[task.name][0]
        assert np.abs(expected - moved[task.name][0]).max() < 1e-5, task.name


@pytest.mark.parametrize(("encoder", "aggregate"), PROGRAMS)
def test_each_input_of_a_payload_tells(encoder, aggregate):
    program = program_of(encoder, aggregate)
    logits = logits_of(program, LONG)
    changes = {
        "title": ("Link", "Title", "Whole"),
        "entities": ("Link", "List", "Pick", "Record", "Tag", "Whole"),
        "tokens": ("Link", "List", "Pick", "Record", "Tag", "Whole"),
    }
    for payload, heard in changes.items():
        changed = logits_of(program, {**LONG, payload: OTHER[payload]})
        told = {task for task in logits if np.abs(logits[task] - changed[task]).max() > 1e-4}
        assert told.issuperset(heard)
        assert payload != "title" or told == set(heard)


@pytest.mark.parametrize(("encoder", "aggregate"), PROGRAMS)
@pytest.mark.parametrize("name", ODD)
def test_odd_records_have_finite_logits(encoder, aggregate, name):
    for task, logits in logits_of(program_of(encoder, aggregate), ODD[name]).items():
        assert np.isfinite(logits).all(), task


@pytest.mark.parametrize(("encoder", "aggregate"), PROGRAMS)
def test_every_weight_takes_part_in_learning(encoder, aggregate):
    program = program_of(encoder, aggregate)
    parser = RecordParser(KINDS, closed=True)
    records = [parser.parse(json.dumps({"payloads": value}).encode()) for value in (LONG, SHORT)]
    inputs = Encoder(program).encode(pack(records, KINDS, Pool()))
    model = build_model(program, seed=3).train()
    logits = model({name: torch.from_numpy(value) for name, value in inputs.items()})
    # Padding scores far below everything; the sum of sines has a gradient in every logit that is no padding.
    torch.stack([torch.sin(value[value > -1e3]).sum() for value in logits.values()]).sum().backward()
    without = [name for name, weight in model.named_parameters() if weight.grad is None]
    # The transitions of a chain stand beside the graph: in the loss (tests/train/test_train_chain.py) and in decoding.
    assert all(name.endswith(".transitions") for name in without)


def test_the_same_seed_gives_the_same_weights():
    program = program_of("cnn", "attention")
    first, again, other = (build_model(program, seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_every_block_is_used_by_some_program():
    used = {node.op for encoder, aggregate in PROGRAMS for node in program_of(encoder, aggregate, ("slice:a",)).nodes}
    assert used | PRETRAINED | FORMER == set(BLOCKS)


@pytest.mark.long
@pytest.mark.parametrize("op", ["attend.v2", "add_max.v2", "add_mean.v2"])
def test_which_items_go_with_the_one_vector_of_a_record_is_learned(op):
    heads = {"heads": (2, 8)} if op == "attend.v2" else {}
    random = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        kinds = torch.randn(10, 16)
        block = BLOCKS[op](units=["record"], sizes=[16], size=16, dropout=0.0, **heads)
        model = torch.nn.ModuleList([block, torch.nn.Linear(16, 1)])
    asked, item = (torch.randint(0, 10, (256, n), generator=random) for n in (1, 4))
    item = torch.where(torch.rand(256, 4, generator=random) < 0.4, asked, item)
    goes = (asked == item).float()
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(150):
        logits = model[1](block(kinds[item], kinds[asked[:, 0]]))[..., 0]
        optimizer.zero_grad()
        torch.nn.functional.binary_cross_entropy_with_logits(logits, goes).backward()
        optimizer.step()
    assert ((logits > 0) == (goes > 0)).float().mean() > 0.95


def test_bits_of_a_head_of_sets_are_as_likely_as_the_sets_that_have_them():
    program = program_of("bilstm", "max")
    vectors = torch.randn(5, 16)
    head = build_model(program, seed=2).blocks["RecordBits/head"]
    torch.nn.init.normal_(head.bits.weight)
    said, scores = head.eval()(vectors).sigmoid(), head.train()(vectors)
    assert scores.shape == (5, 3)
    head.dropout.below = 0
    share = head(vectors).softmax(-1)
    expected = torch.stack([share[:, 0] + share[:, 1], torch.zeros(5), share[:, 1]], 1)
    assert torch.allclose(said, expected, atol=1e-5)


def test_each_path_of_a_head_learns_by_itself_for_some_records():
    deep, wide = torch.ones(4000, 1), torch.zeros(4000, 1)
    share = mean_of_paths(deep, wide, training=True)
    assert mean_of_paths(deep, wide, training=False).unique().tolist() == [0.5]
    assert {value: round(float((share == value).float().mean()), 1) for value in (0.0, 0.5, 1.0)} == {
        0.0: pytest.approx(ALONE, abs=0.1),
        0.5: pytest.approx(1 - 2 * ALONE, abs=0.1),
        1.0: pytest.approx(ALONE, abs=0.1),
    }


@pytest.mark.parametrize("shape", [(6, 4), (3, 2, 4)])
def test_a_wide_path_sums_the_same_pieces_in_training_and_after_and_moves_no_padding(monkeypatch, shape):
    monkeypatch.setattr("overton.nn.wide.PIECE_DROPOUT", 0.0)
    path = WidePath(rows=9, size=5)
    grams = torch.randint(0, 9, shape, dtype=torch.int32)
    grams[0] = 0  # nothing in it
    torch.testing.assert_close(path.train()(grams), path.eval()(grams))
    path.train()(grams).sum().backward()
    gradient = path.pieces.weight.grad.coalesce()
    assert set(gradient.indices()[0].tolist()) == set(grams.unique().tolist()) - {0}
    path.zero_grad()
    path(torch.zeros(shape, dtype=torch.int32)).sum().backward()
    assert not path.pieces.weight.grad.to_dense().any()


@pytest.mark.parametrize("training", [True, False])
def test_a_record_of_two_texts_has_the_pieces_of_both(monkeypatch, training):
    monkeypatch.setattr("overton.nn.wide.PIECE_DROPOUT", 0.0)
    path = WidePath(rows=9, size=5).train(training)
    title, body = torch.randint(0, 9, (6, 3), dtype=torch.int32), torch.randint(0, 9, (6, 4), dtype=torch.int32)
    torch.testing.assert_close(path(title, body), path(torch.cat([body, title], 1)))
