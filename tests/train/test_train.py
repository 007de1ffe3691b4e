import json
import math
import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from overton.base import OvertonError
from overton.codec import Encoder
from overton.compile import Choices, PayloadChoices, TrainingChoices, compile_program, default_choices
from overton.data import Pool, RecordParser, pack
from overton.schema import Task, parse_schema
from overton.supervision import Targets
from overton.train import (
    Objective,
    Trained,
    batch_size_for,
    blind_loss,
    encoder_for,
    epochs_for,
    forward_of,
    learning_rate_at,
    objectives_of,
    task_loss,
    train,
    training_batches,
    with_temperatures,
)
from overton.train.files import load_checkpoint, remove_checkpoints, save_checkpoint
from overton.train.loss import LEAST_SHARE

SCHEMA = parse_schema(
    json.dumps(
        {
            "payloads": {
                "tokens": {"type": "sequence"},
                "query": {"type": "singleton", "base": ["tokens"]},
                "entities": {"type": "set", "range": "tokens"},
            },
            "tasks": {
                "Record": {"payload": "query", "type": "multiclass", "classes": ["other", "red"]},
                "RecordBits": {"payload": "query", "type": "bitvector", "classes": ["red", "green"]},
                "Token": {"payload": "tokens", "type": "multiclass", "classes": ["thing", "fruit"]},
                "TokenBits": {"payload": "tokens", "type": "bitvector", "classes": ["red"]},
                "Member": {"payload": "entities", "type": "multiclass", "classes": ["thing", "fruit"]},
                "MemberBits": {"payload": "entities", "type": "bitvector", "classes": ["red"]},
                "Pick": {"payload": "entities", "type": "select"},
            },
        }
    )
)
SMALL = PayloadChoices(size=16, layers=1, encoder="cnn", attention="2x8")
PROGRAM = compile_program(SCHEMA, Choices({payload.name: SMALL for payload in SCHEMA.payloads}))
SETTINGS = TrainingChoices(
    epochs=12, batch_size=16, learning_rate=0.02, dropout=0.0, member_dropout=0.0, word_dropout=0.0, id_dropout=0.0
)
WORDS = ["red", "green", "apple", "pear", "car"]


def make_batches(n_records=96, settings=SETTINGS):
    """Records whose labels follow from their words, with targets for all of them."""
    choose = random.Random(0)
    texts = [[choose.choice(WORDS) for _ in range(choose.randint(1, 5))] for _ in range(n_records)]
    parser = RecordParser(SCHEMA, closed=True)
    records = [
        parser.parse(
            json.dumps(
                {
                    "payloads": {
                        "tokens": text,
                        "entities": [{"id": word, "range": [place, place + 1]} for place, word in enumerate(text)],
                    }
                }
            ).encode()
        )
        for text in texts
    ]
    pool = Pool()
    fruit = [[word in ("apple", "pear") for word in text] for text in texts]
    red = [[word == "red" for word in text] for text in texts]
    labels = {
        "Record": [[any(one)] for one in red],
        "RecordBits": [[(any(one), "green" in text)] for one, text in zip(red, texts, strict=True)],
        "Token": fruit,
        "TokenBits": [[(bit,) for bit in one] for one in red],
        "Member": fruit,
        "MemberBits": [[(bit,) for bit in one] for one in red],
        "Pick": [[one.index(True) if any(one) else -1] for one in fruit],
    }
    targets = {name: targets_of(SCHEMA.task(name), value) for name, value in labels.items()}
    batches = training_batches(
        lambda rows: pack([records[row] for row in rows], SCHEMA, pool),
        Encoder(PROGRAM),
        targets,
        np.arange(n_records),
        np.array([len(text) for text in texts]),
        settings.batch_size,
    )
    return batches, targets


def targets_of(task, labels):
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in labels])])
    flat = [label for one in labels for label in one]
    if task.type == "bitvector":
        table, index = np.unique(np.array(flat, np.float32), axis=0, return_inverse=True)
        return Targets(task, offsets, index.reshape(-1).astype(np.int32), table)
    width = 5 if task.type == "select" else len(task.classes)
    return Targets(task, offsets, np.array(flat, np.int32), np.eye(width, dtype=np.float32))


def loss_of(task_type, logits, probability, known, **objective):
    classes = () if task_type == "select" else ("a", "b")
    arguments = torch.tensor(logits), torch.tensor(probability), torch.tensor(known), Objective(**objective)
    return float(task_loss(Task("T", "p", task_type, classes), *arguments))


def test_every_kind_of_task_is_learned():
    batches, targets = make_batches()
    trained = train(PROGRAM, batches, settings=SETTINGS, seed=0)
    first, last = trained.history[0].losses, trained.history[-1].losses
    assert set(last) == set(targets)
    for name, loss in last.items():
        assert loss < 0.25 * first[name], name


def test_the_loss_is_the_cross_entropy_expected_under_the_target():
    loss = loss_of("multiclass", [[0.0, math.log(3)]], [[[0.4, 0.6]]], [[True]])
    assert loss == pytest.approx(-0.4 * math.log(0.25) - 0.6 * math.log(0.75))


def test_units_without_a_target_add_nothing():
    one = loss_of("multiclass", [[[0.0, 2.0], [5.0, 0.0]]], [[[0.0, 1.0], [0.0, 0.0]]], [[True, False]])
    assert one == loss_of("multiclass", [[[0.0, 2.0]]], [[[0.0, 1.0]]], [[True]])
    assert loss_of("multiclass", [[1.0, 2.0]], [[[0.0, 0.0]]], [[False]]) == 0


def test_the_loss_of_a_batch_is_the_mean_over_its_labelled_records():
    units = [[[0.0, 2.0], [0.0, 2.0]], [[0.0, 0.0], [0.0, 0.0]]]
    target = [[[0.0, 1.0], [0.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]]
    loss = loss_of("multiclass", units, target, [[True, True], [False, False]])
    assert loss == pytest.approx(2 * math.log(1 + math.exp(-2)), rel=1e-5)


@pytest.mark.parametrize("robustness", [0.0, 0.7])
def test_padding_of_a_set_is_harmless(robustness):
    logits = torch.tensor([[1.0, 0.5, -1e4], [0.3, -1e4, -1e4]], requires_grad=True)
    task = Task("Pick", "entities", "select")
    target = torch.tensor([[[0.7, 0.3]], [[1.0, 0.0]]])
    loss = task_loss(task, logits, target, torch.tensor([[True], [True]]), Objective(robustness=robustness))
    loss.backward()
    assert math.isfinite(float(loss.detach()))
    assert torch.isfinite(logits.grad).all()


def test_a_robust_loss_lets_go_of_absurd_targets_and_no_robustness_is_the_cross_entropy():
    sure = [[8.0, 0.0]]
    plain = loss_of("select", sure, [[[0.0, 1.0]]], [[True]])
    assert loss_of("select", sure, [[[0.0, 1.0]]], [[True]], robustness=1e-6) == pytest.approx(plain, rel=1e-3)
    assert loss_of("select", sure, [[[0.0, 1.0]]], [[True]], robustness=1.0) == pytest.approx(1, abs=1e-3)
    assert plain > 8


def test_rare_bits_weigh_more_when_asked():
    one = [[0.0, 0.0]], [[[1.0, 0.0]]], [[True]]
    assert loss_of("bitvector", *one) == pytest.approx(2 * math.log(2))
    assert loss_of("bitvector", *one, bit_weight=torch.tensor([3.0, 3.0])) == pytest.approx(4 * math.log(2))


def test_a_unit_counts_as_much_as_its_target_is_sure():
    logits = [[0.3, -0.2]]
    for kind, half in (("multiclass", [[[0.5, 0.5]]]), ("bitvector", [[[0.5, 0.5]]]), ("select", [[[0.5, 0.5]]])):
        assert loss_of(kind, logits, half, [[True]], certainty=1.0) == pytest.approx(0, abs=1e-6)
        assert loss_of(kind, logits, half, [[True]]) > 0.5
        sure = [[[1.0, 0.0]]]
        assert loss_of(kind, logits, sure, [[True]], certainty=1.0) == pytest.approx(
            loss_of(kind, logits, sure, [[True]])
        )
    target = [[[0.9, 0.1]]]
    weight = 1 + (0.9 * math.log(0.9) + 0.1 * math.log(0.1)) / math.log(2)
    plain = loss_of("multiclass", logits, target, [[True]])
    assert loss_of("multiclass", logits, target, [[True]], certainty=2.0) == pytest.approx(weight**2 * plain)


def test_smoothing_spreads_hard_targets_and_leaves_soft_ones():
    logits, shared = [[0.0, math.log(3)]], [[[0.05, 0.95]]]
    hard = loss_of("multiclass", logits, [[[0.0, 1.0]]], [[True]], smoothing=0.1)
    assert hard == pytest.approx(loss_of("multiclass", logits, shared, [[True]]))
    soft = loss_of("multiclass", logits, [[[0.4, 0.6]]], [[True]], smoothing=0.1)
    assert soft == loss_of("multiclass", logits, [[[0.4, 0.6]]], [[True]])


def test_targets_are_smoothed_where_nearly_all_are_hard_and_tasks_of_doubtful_ones_are_left_as_they_are():
    task = Task("T", "p", "multiclass", ("a", "b"))
    hard = targets_of(task, [[0], [1]] * 100)
    doubtful = replace(hard, table=np.array([[0.9, 0.1], [0.1, 0.9]], np.float32))
    some = replace(hard, table=np.array([[1.0, 0.0], [0.1, 0.9]], np.float32))
    settings = TrainingChoices(label_smoothing=0.1)
    shares = [objectives_of({"T": one}, np.arange(200), settings)["T"].smoothing for one in (hard, doubtful, some)]
    assert shares == [0.1, 0.0, 0.0]
    assert objectives_of({"T": hard}, np.arange(200), TrainingChoices(label_smoothing=0.0))["T"].smoothing == 0.0
    assert objectives_of({"T": some}, np.arange(0, 200, 2), settings)["T"].smoothing == 0.1  # of training records
    bits = replace(hard, task=Task("T", "p", "bitvector", ("a", "b")))
    assert objectives_of({"T": bits}, np.arange(200), settings)["T"].smoothing == 0.0


def test_rebalancing_follows_the_shares_of_the_classes():
    task = Task("T", "p", "multiclass", ("a", "b"))
    targets = {"T": targets_of(task, [[0], [0], [0], [1]])}
    shift = objectives_of(targets, np.arange(4), TrainingChoices(rebalance=1.0))["T"].shift
    assert shift.tolist() == pytest.approx([math.log(0.75), math.log(0.25)])
    assert objectives_of(targets, np.arange(4), TrainingChoices(rebalance=0.0))["T"].shift is None
    tokens = {"T": targets_of(task, [[0, 0], [0, 1]])}
    assert objectives_of(tokens, np.arange(2), TrainingChoices(rebalance=1.0))["T"].shift is None


def test_a_class_that_hardly_occurs_is_not_taken_for_likely():
    task = Task("T", "p", "multiclass", ("a", "b", "c", "d"))
    targets = {"T": targets_of(task, [[0]] * 50 + [[1]] * 49 + [[2]])}
    shift = objectives_of(targets, np.arange(100), TrainingChoices(rebalance=0.5))["T"].shift
    least = 0.5 * math.log(LEAST_SHARE / 4)
    assert shift.tolist() == pytest.approx([0.5 * math.log(0.5), 0.5 * math.log(0.49), least, least])


def test_a_blind_guess_loses_the_entropy_of_the_labels_in_all_units_of_a_record():
    share = np.array([0.75, 0.25])
    entropy = float(-(share * np.log(share)).sum())
    multiclass = targets_of(Task("T", "p", "multiclass", ("a", "b")), [[0, 0], [], [0, 1]])
    assert blind_loss(multiclass, np.arange(3)) == pytest.approx(2 * entropy)
    bits = targets_of(Task("T", "p", "bitvector", ("a", "b")), [[[1, 0]], [[1, 0]], [[1, 0]], [[0, 1]]])
    assert blind_loss(bits, np.arange(4)) == pytest.approx(2 * entropy)
    table = np.array([[0.5, 0.5, 0, 0], [0.25, 0.25, 0.25, 0.25]], np.float32)
    pick = Targets(Task("T", "p", "select"), np.arange(3), np.array([0, 1], np.int32), table)
    assert blind_loss(pick, np.arange(2)) == pytest.approx((math.log(2) + math.log(4)) / 2)
    assert blind_loss(multiclass, np.array([1])) == 0


def test_a_blind_guess_that_knows_the_label_before_loses_less():
    task = Task("T", "p", "multiclass", ("a", "b"))
    turns = targets_of(task, [[0, 1] * 20] * 5)
    assert blind_loss(turns, np.arange(5)) == pytest.approx(40 * math.log(2), rel=1e-3)
    assert blind_loss(turns, np.arange(5), chained=True) == pytest.approx(0, abs=0.01)
    choose = np.random.default_rng(0)
    alone = targets_of(task, [choose.integers(0, 2, 40).tolist() for _ in range(200)])
    assert blind_loss(alone, np.arange(200), chained=True) == pytest.approx(40 * math.log(2), rel=0.01)


def test_balanced_tasks_begin_with_losses_alike():
    words = targets_of(Task("Words", "p", "multiclass", ("a", "b")), [[0, 1] * 10] * 4)
    record = targets_of(Task("Record", "p", "multiclass", ("a", "b")), [[0], [1], [0], [1]])
    targets = {"Words": words, "Record": record}
    found = objectives_of(targets, np.arange(4), TrainingChoices(balance=1.0))
    weights = {name: objective.weight for name, objective in found.items()}
    assert weights["Record"] == pytest.approx(20 * weights["Words"])
    assert sum(weights[name] * blind_loss(target, np.arange(4)) for name, target in targets.items()) == pytest.approx(
        sum(blind_loss(target, np.arange(4)) for target in targets.values())
    )
    half = objectives_of(targets, np.arange(4), TrainingChoices(balance=0.5))
    assert half["Record"].weight == pytest.approx(20**0.5 * half["Words"].weight)
    equal = objectives_of(targets, np.arange(4), TrainingChoices(balance=0.0))
    assert {objective.weight for objective in equal.values()} == {1.0}


@pytest.mark.long
def test_the_same_seed_gives_the_same_bytes_and_another_does_not():
    short = TrainingChoices(epochs=2, batch_size=16)
    runs = [train(PROGRAM, make_batches()[0], settings=short, seed=seed).weights for seed in (1, 1, 2)]
    assert all(runs[0][name].tobytes() == runs[1][name].tobytes() for name in runs[0])
    assert any(runs[0][name].tobytes() != runs[2][name].tobytes() for name in runs[0])


@pytest.mark.long
def test_a_training_taken_up_from_disk_ends_as_if_it_was_never_stopped(tmp_path):
    settings = TrainingChoices(epochs=4, batch_size=16)

    def stop_after_two(checkpoint):
        save_checkpoint(checkpoint, tmp_path / "run")
        if len(checkpoint.history) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(PROGRAM, make_batches()[0], settings=settings, seed=5, save=stop_after_two)
    start = load_checkpoint(tmp_path / "run")
    resumed = train(PROGRAM, make_batches()[0], settings=settings, seed=5, start=start)
    whole = train(PROGRAM, make_batches()[0], settings=settings, seed=5)
    assert len(resumed.history) == 4
    assert all(resumed.weights[name].tobytes() == whole.weights[name].tobytes() for name in whole.weights)


def test_a_checkpoint_that_is_missing_or_damaged_is_none(tmp_path):
    assert load_checkpoint(tmp_path / "run") is None
    train(
        PROGRAM,
        make_batches(32)[0],
        settings=TrainingChoices(epochs=1),
        seed=0,
        save=lambda one: save_checkpoint(one, tmp_path / "run"),
    )
    path = next((tmp_path / "run").iterdir())
    path.write_bytes(path.read_bytes()[:1000])
    assert load_checkpoint(tmp_path / "run") is None
    remove_checkpoints(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_training_stops_when_patience_ends_and_keeps_the_best_epoch():
    scores = iter([0.1, 0.9, 0.5, 0.4, 0.3, 0.2])
    kept = []

    def score(forward):
        kept.append(forward)
        return {"Record": next(scores)}

    settings = TrainingChoices(epochs=6, patience=2, batch_size=32)
    trained = train(PROGRAM, make_batches(32)[0], settings=settings, seed=0, score_dev=score)
    assert (trained.best_epoch, len(trained.history)) == (2, 4)


def test_of_epochs_that_dev_can_hardly_tell_apart_the_last_is_kept():
    scores = iter([0.5, 0.9, 0.8985, 0.897, 0.8, 0.899])
    settings = TrainingChoices(epochs=6, patience=6, batch_size=32)

    def score(_):
        return {"Record": next(scores)}

    trained = train(PROGRAM, make_batches(32)[0], settings=settings, seed=0, score_dev=score)
    assert trained.best_epoch == 6
    scores = iter([0.5, 0.9, 0.8985, 0.897, 0.8, 0.7])
    trained = train(PROGRAM, make_batches(32)[0], settings=settings, seed=0, score_dev=score)
    assert trained.best_epoch == 3


def test_a_training_may_be_given_up_after_any_epoch():
    seen = []

    def stop(history, n_epochs):
        seen.append((len(history), n_epochs))
        return len(history) == 2

    settings = TrainingChoices(epochs=5, batch_size=32)
    trained = train(PROGRAM, make_batches(32)[0], settings=settings, seed=0, stop=stop)
    assert (len(trained.history), trained.n_epochs) == (2, 5)
    assert seen == [(1, 5), (2, 5)]


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 has 1 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: 8 GiB"),
    ],
)
def test_memory_that_runs_out_is_told_with_what_needs_less(error):
    def stepped():
        raise error

    with pytest.raises(OvertonError, match="memory ran out") as told:
        train(PROGRAM, make_batches(32)[0], settings=SETTINGS, seed=0, stepped=stepped)
    (problem,) = told.value.problems
    assert problem.code == "train.memory"
    assert "batch_size" in problem.hint
    assert "\n" not in problem.message


def test_another_failure_of_a_training_stays_what_it_was():
    def stepped():
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes do not fit"):
        train(PROGRAM, make_batches(32)[0], settings=SETTINGS, seed=0, stepped=stepped)


def test_programs_that_read_the_same_share_an_encoder():
    def encoder(kept, **tokens):
        choices = default_choices(PROGRAM.schema)
        payloads = {**choices.payloads, "tokens": replace(choices.payloads["tokens"], **tokens)}
        program = compile_program(PROGRAM.schema, replace(choices, payloads=payloads))
        return encoder_for(program, {}, {}, None, np.arange(0), kept=kept)

    kept = {}
    first = encoder(kept)
    assert encoder(kept, encoder="bag", size=32) is first
    assert encoder(kept, characters=True) is not first
    assert encoder(None) is not first


def test_a_temperature_divides_the_logits_of_its_task_alone():
    from overton.nn import build_model

    batches, _ = make_batches(32)
    trained = train(PROGRAM, batches, settings=TrainingChoices(epochs=1), seed=0)
    inputs = next(batches.epoch(0)).inputs
    found = []
    for one in (trained, with_temperatures(trained, PROGRAM, {"Record": 2.0, "Token": 0.5})):
        model = build_model(PROGRAM, seed=0)
        model.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in one.weights.items()})
        found.append(forward_of(model)(inputs))
    assert np.allclose(found[0]["Record"], 2 * found[1]["Record"], atol=1e-5)
    assert np.allclose(found[0]["Token"], 0.5 * found[1]["Token"], atol=1e-5)
    assert np.array_equal(found[0]["Pick"], found[1]["Pick"])


def test_a_temperature_leaves_the_order_of_the_sequences_of_a_chain():
    name = "blocks.Token/head.transitions"
    trained = Trained({name: np.array([[2.0], [4.0], [6.0]], np.float32)})
    assert with_temperatures(trained, PROGRAM, {"Token": 2.0}).weights[name].tolist() == [[1], [2], [3]]


def test_the_learning_rate_rises_and_falls():
    rates = [learning_rate_at(step, 100, 1.0) for step in range(101)]
    assert max(rates) == rates[9] == 1.0
    assert rates[0] == pytest.approx(0.1)
    assert rates[100] == pytest.approx(0.0)
    assert rates[9:] == sorted(rates[9:], reverse=True)


def test_little_data_is_seen_more_often():
    assert epochs_for(100) >= epochs_for(20_000) >= epochs_for(10_000_000) >= 1
    assert (batch_size_for(999), batch_size_for(2_999), batch_size_for(3_000)) == (16, 32, 64)


def test_every_record_is_seen_once_an_epoch():
    batches, _ = make_batches(50)
    sizes = [len(batch.inputs["tokens.length"]) for batch in batches.epoch(1)]
    assert sum(sizes) == 50
    assert len(sizes) == batches.n_batches


def test_every_epoch_but_the_last_tells_how_long_the_rest_takes_where_that_is_worth_telling(monkeypatch):
    def told() -> list[str]:
        said: list[str] = []
        batches, _ = make_batches(20)
        train(
            PROGRAM,
            batches,
            settings=replace(SETTINGS, epochs=3),
            seed=0,
            observe=lambda event: said.append(event.message) if event.message else None,
        )
        return said

    assert not any("more at most" in message for message in told())
    monkeypatch.setattr("overton.train.loop.WORTH_TELLING", 0.0)
    assert [message.endswith(" s more at most") for message in told()] == [True, True, False]
