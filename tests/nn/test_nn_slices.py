import json

import pytest
import torch

from overton.codec import Encoder
from overton.compile import MEMBERSHIP, Choices, PayloadChoices, compile_program
from overton.data import Pool, RecordParser, pack
from overton.nn import build_model
from overton.schema import parse_schema
from tests.kinds import ODD, SCHEMA

KINDS = parse_schema(json.dumps(SCHEMA)).with_classes({name: ("a", "b", "c") for name in SCHEMA["tasks"]})
SMALL = PayloadChoices(size=16, layers=1, encoder="cnn", attention="2x8")
CHOICES = Choices({payload.name: SMALL for payload in KINDS.payloads})
PLAIN = compile_program(KINDS, CHOICES)
SLICED = compile_program(KINDS, CHOICES, ("slice:a", "slice:b", "slice:c"))
RECORD = {
    "tokens": ["a", "red", "apple", "and", "a", "pear"],
    "title": "fruit",
    "entities": [{"id": "apple", "range": [2, 3]}, {"id": "pear", "range": [5, 6]}, {"id": "fruit"}],
}


def inputs_of(program, *payloads):
    parser = RecordParser(KINDS, closed=True)
    records = [parser.parse(json.dumps({"payloads": value}).encode()) for value in payloads]
    inputs = Encoder(program).encode(pack(records, KINDS, Pool()))
    return {name: torch.from_numpy(value) for name, value in inputs.items()}


def stirred(seed=0):
    """A model whose slices do something."""
    model = build_model(SLICED, seed=seed).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.1 * torch.randn(weight.shape, generator=generator))
    return model


def test_slices_begin_as_next_to_no_change():
    """All vectors that heads read are normalised already, and stay so; what is left is the constant in the norm."""
    plain, sliced = build_model(PLAIN, seed=0).eval(), build_model(SLICED, seed=1).eval()
    sliced.load_state_dict(plain.state_dict(), strict=False)
    inputs = inputs_of(PLAIN, RECORD, *ODD.values())
    with torch.inference_mode():
        expected, found = plain(inputs), sliced(inputs)
    assert found.pop(MEMBERSHIP).shape == (1 + len(ODD), 3)
    assert all(torch.allclose(found[task], expected[task], rtol=1e-3, atol=1e-3) for task in expected)


def test_memberships_change_every_task():
    model, inputs = stirred(), inputs_of(SLICED, RECORD)
    with torch.inference_mode():
        before = model(inputs)
        model.blocks["slices/membership"].score.bias.add_(4)
        after = model(inputs)
    assert all((before[task] - after[task]).abs().max() > 1e-3 for task in SCHEMA["tasks"])


@pytest.mark.parametrize("name", ODD)
def test_odd_records_have_finite_logits_that_do_not_depend_on_what_stands_beside_them(name):
    model = stirred()
    with torch.inference_mode():
        alone, beside = model(inputs_of(SLICED, ODD[name])), model(inputs_of(SLICED, RECORD, ODD[name]))
    for output, logits in alone.items():
        inside = tuple(slice(0, size) for size in logits[0].shape)
        assert torch.isfinite(logits).all(), output
        if name not in ("null payloads", "no payloads", "an empty set", "an empty sequence"):
            assert (beside[output][1][inside] - logits[0]).abs().max() < 1e-4, output
    assert (beside[MEMBERSHIP][1] - alone[MEMBERSHIP][0]).abs().max() < 1e-4


def test_the_order_of_members_does_not_matter():
    model, order = stirred(), [2, 0, 1]
    turned = {**RECORD, "entities": [RECORD["entities"][place] for place in order]}
    with torch.inference_mode():
        found, moved = model(inputs_of(SLICED, RECORD)), model(inputs_of(SLICED, turned))
    for task in ("Pick", "Member", "MemberBits"):
        assert (found[task][0][order] - moved[task][0]).abs().max() < 1e-4
    assert (found[MEMBERSHIP] - moved[MEMBERSHIP]).abs().max() < 1e-4


def test_every_weight_learns_and_tasks_do_not_bend_the_memberships():
    model, inputs = stirred().train(), inputs_of(SLICED, RECORD, RECORD)
    logits = model(inputs)
    membership = logits.pop(MEMBERSHIP)
    torch.stack([torch.sin(value[value > -1e3]).sum() for value in logits.values()]).sum().backward(retain_graph=True)
    named = dict(model.named_parameters())
    without = {name for name, weight in named.items() if weight.grad is None and not name.endswith(".transitions")}
    assert without == {name for name, _ in model.named_parameters() if name.startswith("blocks.slices/membership")}
    membership.sum().backward()
    without = [name for name, weight in named.items() if weight.grad is None]
    assert all(name.endswith(".transitions") for name in without)  # which the loss of a chain reads, not its logits


def test_a_slice_adds_little():
    many = compile_program(KINDS, CHOICES, [f"slice:{number}" for number in range(103)])
    sizes = [sum(weight.numel() for weight in build_model(one, 0).parameters()) for one in (SLICED, many)]
    assert (sizes[1] - sizes[0]) / 100 < 64 + 1 + 5 * 3 * 16 + 1
