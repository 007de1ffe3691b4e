import json
import random

import numpy as np
import pytest
import torch

from overton.codec import Encoder
from overton.compile import MEMBERSHIP, Choices, PayloadChoices, TrainingChoices, compile_program
from overton.data import Pool, RecordParser, Tags, pack
from overton.export import load_model
from overton.schema import parse_schema
from overton.supervision import Targets
from overton.train import (
    Memberships,
    forward_of,
    membership_loss,
    membership_objective,
    memberships_of,
    train,
    training_batches,
)
from overton.train.slices import sample_extra
from tests.tables import rows_of_a_user

SCHEMA = parse_schema(
    json.dumps(
        {
            "payloads": {"tokens": {"type": "sequence"}, "query": {"type": "singleton", "base": ["tokens"]}},
            "tasks": {"Record": {"payload": "query", "type": "multiclass", "classes": ["other", "red"]}},
        }
    )
)
CHOICES = Choices({payload.name: PayloadChoices(size=16, layers=1, attention="2x8") for payload in SCHEMA.payloads})
with rows_of_a_user():
    PROGRAM = compile_program(SCHEMA, CHOICES, ("slice:car", "slice:pear"))
WORDS = ["red", "green", "apple", "pear", "car"]
TAGS = Tags(
    names=("dev", "slice:a", "slice:b", "slice:c", "train"),
    first=np.array([0, 2, 3, 3, 6]),
    tag=np.array([1, 4, 3, 1, 2, 3], np.int32),
)


def make_batches(n_records=160, *, sliced=True):
    choose = random.Random(0)
    texts = [[choose.choice(WORDS) for _ in range(choose.randint(1, 4))] for _ in range(n_records)]
    parser = RecordParser(SCHEMA, closed=True)
    records = [parser.parse(json.dumps({"payloads": {"tokens": text}}).encode()) for text in texts]
    pool, member = Pool(), np.array([["car" in text, "pear" in text] for text in texts])
    labels = np.array(["red" in text for text in texts], np.int32)
    targets = {"Record": Targets(SCHEMA.task("Record"), np.arange(n_records + 1), labels, np.eye(2, dtype=np.float32))}
    first = np.concatenate([[0], np.cumsum(member.sum(1))])
    batches = training_batches(
        lambda rows: pack([records[row] for row in rows], SCHEMA, pool),
        Encoder(PROGRAM),
        targets,
        np.arange(n_records),
        np.array([len(text) for text in texts]),
        16,
        Memberships(2, first, member.nonzero()[1].astype(np.int32)) if sliced else None,
    )
    return batches, member


def test_memberships_are_read_from_the_tags_in_the_order_of_the_slices():
    found = memberships_of(TAGS, ("slice:a", "slice:c"))
    assert found.gather(np.array([3, 0, 2, 1, 3])).tolist() == [[1, 1], [1, 0], [0, 0], [0, 1], [1, 1]]
    assert found.count(np.array([0, 1, 2, 3])).tolist() == [2, 2]
    assert found.gather(np.zeros(0, np.int64)).shape == (0, 2)
    assert memberships_of(TAGS, ()) is None


def test_members_of_small_slices_are_seen_again_the_rarest_most():
    member = np.zeros((1000, 3), bool)
    member[:200, 0] = member[200:210, 1] = member[209:211, 2] = True
    found = Memberships(3, np.concatenate([[0], np.cumsum(member.sum(1))]), member.nonzero()[1].astype(np.int32))
    extra = found.extra(np.arange(1000))
    assert extra[:200].tolist() == [0] * 200
    assert extra[200:209] == pytest.approx(np.full(9, 5**0.5 - 1))
    assert extra[209:211].tolist() == [4, 4]
    assert not extra[211:].any()


def test_what_is_seen_again_is_at_most_half_of_what_is_seen_once():
    slices = np.arange(1000, dtype=np.int32) % 500
    extra = Memberships(500, np.arange(1001), slices).extra(np.arange(1000))
    assert extra.sum() == pytest.approx(500)


def test_what_is_seen_again_is_as_much_in_every_epoch_and_as_often_as_it_should():
    extra = np.array([0.0, 1.5, 0.0, 0.25, 0.25, 2.0])
    counts = np.zeros(6)
    for seed in range(400):
        again = sample_extra(extra, np.random.default_rng(seed))
        assert len(again) == 4
        counts += np.bincount(again, minlength=6)
    assert counts / 400 == pytest.approx(extra, abs=0.08)
    assert len(sample_extra(np.zeros(3), np.random.default_rng(0))) == 0


def test_an_epoch_has_every_record_and_some_again_with_who_belongs_where():
    batches, _ = make_batches()
    found = list(batches.epoch(3))
    assert len(found) == batches.n_batches
    assert sum(len(batch.inputs["tokens.length"]) for batch in found) >= batches.n_records
    for batch in found:
        assert batch.members.shape == (len(batch.inputs["tokens.length"]), 2)
        assert batch.members.dtype == np.float32


def test_without_slices_nothing_is_seen_again_and_no_membership_is_told():
    batches, _ = make_batches(sliced=False)
    found = list(batches.epoch(3))
    assert sum(len(batch.inputs["tokens.length"]) for batch in found) == 160
    assert all(batch.members is None for batch in found)
    assert membership_objective(None, np.arange(3)) == {}


def test_the_loss_of_membership_weighs_rare_members_and_grows_with_the_root_of_the_slices():
    logits, members = torch.zeros(4, 1), torch.tensor([[1.0], [0.0], [0.0], [0.0]])
    plain = float(membership_loss(logits, members, None))
    assert float(membership_loss(logits, members, torch.tensor([5.0]))) == pytest.approx(2 * plain)
    assert float(membership_loss(logits.repeat(1, 9), members.repeat(1, 9), None)) == pytest.approx(3 * plain)


@pytest.mark.long
def test_memberships_are_learned_and_told_of_records_without_tags():
    batches, member = make_batches()
    settings = TrainingChoices(epochs=15, batch_size=16, learning_rate=0.02, dropout=0.0, word_dropout=0.0)
    objectives = membership_objective(batches.memberships, batches.rows)
    trained = train(PROGRAM, batches, settings=settings, seed=0, objectives=objectives)
    first, last = trained.history[0].losses, trained.history[-1].losses
    assert set(last) == {"Record", MEMBERSHIP}
    assert last[MEMBERSHIP] < 0.2 * first[MEMBERSHIP]
    inputs = batches.encoder.encode(batches.gather(np.arange(160)))
    told = forward_of(load_model(PROGRAM, trained.weights))(inputs)[MEMBERSHIP] > 0
    assert (told == member).mean() > 0.97


@pytest.mark.long
def test_the_same_seed_gives_the_same_bytes():
    settings = TrainingChoices(epochs=2, batch_size=16)
    first, again = (train(PROGRAM, make_batches()[0], settings=settings, seed=1).weights for _ in range(2))
    assert all(first[name].tobytes() == again[name].tobytes() for name in first)
