"""What goes on from a parent's weights, and what begins anew."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from overton.base import OvertonError
from overton.codec.grams import Grams
from overton.compile import Choices, PayloadChoices, TrainingChoices, compile_program
from overton.compile.pretrained import Pretrained
from overton.data import Pool
from overton.nn import build_model
from overton.pretrained import Given
from overton.schema import parse_schema
from overton.train import (
    Parent,
    epochs_for,
    first_weights,
    forward_of,
    take_over,
    train,
    warm_epochs_for,
    with_temperatures,
)
from overton.train.loop import weights_of
from tests.train.test_train import PROGRAM, SETTINGS, make_batches

SMALL = PayloadChoices(size=8, layers=1, attention="2x4")
PAYLOADS = {
    "tokens": {"type": "sequence"},
    "query": {"type": "singleton", "base": ["tokens"]},
    "entities": {"type": "set", "range": "tokens"},
}
TASKS = {
    "Intent": {"payload": "query", "type": "multiclass", "classes": ["age", "height", "spouse"]},
    "Slot": {"payload": "tokens", "type": "multiclass", "classes": ["O", "B-x", "I-x"]},
    "Type": {"payload": "tokens", "type": "bitvector", "classes": ["place", "title"]},
    "Pick": {"payload": "entities", "type": "select"},
}


def make_program(
    tasks=None, payloads=None, slices=(), words=None, tune=True, digest="1", sets=None, query=None, n_records=0, **own
):
    """The program of a schema, with a chain on tokens; `words` gives tokens a table of pretrained vectors."""
    schema = parse_schema(json.dumps({"payloads": payloads or PAYLOADS, "tasks": tasks or TASKS}))
    small = {payload.name: SMALL for payload in schema.payloads}
    small["tokens"] = replace(SMALL, crf=True, tune=tune, **own)
    small["query"] = replace(SMALL, **query or {})
    facts = {}
    if words:
        size = {"rows": len(words), "width": 4}
        features = {"pretrained": "vectors:a.txt", "digest": digest}
        facts = {"tokens": Pretrained("vectors.v1", ("rows",), 4, features, size)}
    return compile_program(schema, Choices(small), slices, pretrained=facts, sets=sets, n_records=n_records)


def weights_from(program, seed):
    """Weights of which no two are alike."""
    random = np.random.default_rng(seed)
    fresh = weights_of(build_model(program, seed))
    return {name: random.normal(size=value.shape).astype(np.float32) for name, value in fresh.items()}


def begin(old, new, words=((), ()), temperature=None):
    """Parent's weights, fresh weights, and what is begun with."""
    strings = [{"tokens": "\n".join(one)} if one else {} for one in words]
    parent = Parent("0" * 12, old, weights_from(old, 1), strings[0], temperature or {})
    fresh = weights_from(new, 2)
    return parent.weights, fresh, take_over(parent, new, strings[1], fresh)


def with_classes(task, *classes):
    return {**TASKS, task: {**TASKS[task], "classes": list(classes)}}


def test_what_is_the_same_is_taken_over_whole() -> None:
    old, fresh, found = begin(make_program(slices=("slice:a",)), make_program(slices=("slice:a",)))
    assert found.is_whole
    assert not found.rows
    renewed = tuple(f"blocks.{name.replace('.', '/')}." for name in found.renewed)
    expected = {name: fresh[name] if name.startswith(renewed) else old[name] for name in found.weights}
    assert all(np.array_equal(found.weights[name], expected[name]) for name in expected)
    assert "go on from 000000000000" in str(found)


def test_vectors_of_hashed_strings_are_renewed_where_an_encoder_reads_them() -> None:
    _, _, found = begin(make_program(), make_program())
    assert found.renewed == ("tokens.embedding", "entities.embedding")
    assert found.is_whole
    assert "renewed: tokens.embedding, entities.embedding" in str(found)
    assert found.lineage()["renewed"] == list(found.renewed)
    bag = make_program(encoder="bag")
    assert begin(bag, bag)[2].renewed == ("entities.embedding",)
    assert "tokens.embedding" in begin(bag, bag)[2].taken


def test_rows_of_classes_follow_their_names() -> None:
    new = make_program(with_classes("Intent", "spouse", "weight", "age"))
    old, fresh, found = begin(make_program(), new)
    for name in ("blocks.Intent/head.score.weight", "blocks.Intent/head.score.bias"):
        assert np.array_equal(found.weights[name], [old[name][2], fresh[name][1], old[name][0]])
    assert found.is_whole
    assert (found.rows["Intent.head"].new, found.rows["Intent.head"].gone) == (("weight",), ("height",))
    assert "Intent.head: 1 new, 1 gone" in str(found)


def test_a_head_of_other_classes_altogether_begins_anew() -> None:
    _, _, found = begin(make_program(), make_program(with_classes("Intent", "weight", "colour", "price")))
    assert found.begun == ("Intent.head",)
    assert not found.rows


def test_rows_of_bits_follow_their_names() -> None:
    old, fresh, found = begin(make_program(), make_program(with_classes("Type", "title", "river")))
    name = "blocks.Type/head.score.bias"
    assert found.weights[name].tolist() == [old[name][1], fresh[name][1]]


def test_rows_of_sets_follow_the_names_of_their_bits_and_those_of_the_wide_path_go_with_them() -> None:
    tasks = {**TASKS, "Kind": {"payload": "query", "type": "bitvector", "classes": ["place", "title"]}}
    before, now = (
        make_program(tasks, sets={"Kind": sets}, query={"wide": True})
        for sets in (((), ("place",)), (("place",), ("place", "title")))
    )
    old, fresh, found = begin(before, now)
    for part in ("score.weight", "score.bias", "wide.weight"):
        name = f"blocks.Kind/head.{part}"
        assert np.array_equal(found.weights[name], [old[name][1], fresh[name][1]])
    assert np.array_equal(found.weights["blocks.Kind/head.bits.weight"], old["blocks.Kind/head.bits.weight"])
    assert found.is_whole


def test_a_wide_path_whose_table_grows_says_of_every_text_what_it_said() -> None:
    before, now = (make_program(query={"wide": True}, n_records=number) for number in (100, 2000))
    old, _, found = begin(before, now)
    name = "blocks.query/wide.pieces.weight"
    assert (len(old[name]), len(found.weights[name])) == (4097, 16385)
    assert found.is_whole
    pool, texts = Pool(), ["how old is the president of peru", "height", "one two three four"]
    places = [[pool[word] for word in text.split()] for text in texts]
    strings = np.array([[*row, *[-1] * (7 - len(row))] for row in places], np.int32)
    sums = []
    for program, weights in ((before, old), (now, found.weights)):
        grams = Grams(program.features["tokens"]).take(strings, pool)
        sums.append(weights[name][grams].sum(1))
    np.testing.assert_allclose(sums[0], sums[1], rtol=1e-5)


def test_a_wide_path_whose_table_shrinks_begins_anew() -> None:
    before, now = (make_program(query={"wide": True}, wide=True, n_records=number) for number in (2000, 100))
    assert begin(before, now)[2].begun == ("tokens.wide", "query.wide")


def test_classes_of_a_chain_with_a_wide_path_follow_their_names_though_its_table_grows() -> None:
    before = make_program(wide=True, n_records=100)
    now = make_program(with_classes("Slot", "B-y", "O"), wide=True, n_records=2000)
    old, fresh, found = begin(before, now)
    assert found.is_whole
    for part in ("score.weight", "wide.weight"):
        name = f"blocks.Slot/head.{part}"
        assert np.array_equal(found.weights[name], [fresh[name][0], old[name][0]])
    table = "blocks.tokens/wide.pieces.weight"
    assert (len(old[table]), len(found.weights[table])) == (4097, 16385)


def test_a_wide_path_goes_on_where_another_comes() -> None:
    before, now = make_program(wide=True), make_program(wide=True, query={"wide": True})
    assert set(begin(before, now)[2].begun) == {"query.wide", "Intent.head"}


def test_words_go_on_where_a_wide_path_comes_that_reads_them_too() -> None:
    before, now = make_program(), make_program(query={"wide": True}, wide=True)
    heads = {"Intent.head", "Slot.head", "Type.head"}
    assert set(begin(before, now)[2].begun) == {"query.wide", "tokens.wide", *heads}


def test_a_head_of_sets_of_other_bits_begins_anew() -> None:
    before, now = (
        make_program(
            {**TASKS, "Kind": {"payload": "query", "type": "bitvector", "classes": classes}},
            sets={"Kind": ((), ("place",))},
        )
        for classes in (["place", "title"], ["place", "river"])
    )
    assert begin(before, now)[2].begun == ("Kind.head",)


def test_the_transitions_of_a_chain_follow_the_names_on_both_sides() -> None:
    old, fresh, found = begin(make_program(), make_program(with_classes("Slot", "B-x", "B-y", "O")))
    name = "blocks.Slot/head.transitions"
    before, now = old[name], found.weights[name]
    assert now.shape == (5, 3)
    assert [now[0, 2], now[2, 0], now[0, 0]] == [before[1, 0], before[0, 1], before[1, 1]]
    assert now[3].tolist() == [before[3, 1], fresh[name][3, 1], before[3, 0]]  # the beginning
    assert now[4].tolist() == [before[4, 1], fresh[name][4, 1], before[4, 0]]  # the end
    assert np.array_equal(now[1], fresh[name][1])


def test_rows_of_slices_follow_their_names() -> None:
    old, fresh, found = begin(make_program(slices=("slice:a", "slice:c")), make_program(slices=("slice:b", "slice:c")))
    for name in ("slices/membership.score.weight", "tokens/slices.own", "query/slices.shift"):
        name = f"blocks.{name}"
        assert np.array_equal(found.weights[name], [fresh[name][0], old[name][1]])


def test_slices_switched_on_leave_the_rest_as_it_was() -> None:
    _, _, found = begin(make_program(), make_program(slices=("slice:a",)))
    assert set(found.begun) == {
        "slices.membership",
        "tokens.slices",
        "query.slices",
        "entities.context.slices",
    }


def test_pretrained_vectors_follow_their_strings() -> None:
    words = ("red", "green"), ("blue", "green", "red")
    programs = make_program(words=words[0]), make_program(words=words[1], digest="2")
    old, fresh, found = begin(*programs, words)
    name = "blocks.tokens/pretrained.vectors"
    assert np.array_equal(found.weights[name], [fresh[name][0], old[name][1], old[name][0]])
    assert found.is_whole


def test_frozen_vectors_stay_as_the_file_has_them_and_what_is_learned_goes_on() -> None:
    words = ("red", "green"), ("green", "blue")
    programs = [make_program(words=some, tune=False) for some in words]
    old, fresh, found = begin(*programs, words)
    assert np.array_equal(found.weights["blocks.tokens/pretrained.vectors"], fresh["blocks.tokens/pretrained.vectors"])
    assert not found.rows
    name = "blocks.tokens/pretrained.unknown"
    assert np.array_equal(found.weights[name], old[name])


def test_vectors_of_another_file_begin_anew_with_what_reads_them() -> None:
    old, new = (make_program(words=("red",)), make_program(words=("red",)))
    features = {**new.features["tokens"], "pretrained": "vectors:b.txt"}
    new = replace(new, features={**new.features, "tokens": features})
    _, _, found = begin(old, new, (("red",), ("red",)))
    assert set(found.begun) == {"tokens.pretrained", "tokens.embedding"}


@pytest.mark.parametrize(
    ("choice", "value", "begun"),
    [("encoder", "bag", {"tokens.encoder"}), ("layers", 2, {"tokens.encoder"}), ("crf", False, {"Slot.head"})],
)
def test_a_block_that_is_built_otherwise_begins_anew(choice: str, value: object, begun: set[str]) -> None:
    new = replace(SMALL, **{"crf": True, choice: value})
    schema = make_program().schema
    small = {payload.name: SMALL for payload in schema.payloads}
    _, fresh, found = begin(make_program(), compile_program(schema, Choices({**small, "tokens": new})))
    assert set(found.begun) == begun
    assert not found.is_whole
    for name in fresh:
        if name.startswith(tuple(f"blocks.{node.replace('.', '/')}." for node in begun)):
            assert np.array_equal(found.weights[name], fresh[name])


def test_a_payload_that_reads_another_begins_anew_though_its_shape_is_the_same() -> None:
    payloads = {**PAYLOADS, "title": {"type": "sequence"}}
    other = {**payloads, "query": {"type": "singleton", "base": ["title"]}}
    tasks = {**TASKS, "Title": {"payload": "title", "type": "bitvector", "classes": ["a"]}}
    _, _, found = begin(make_program(tasks, payloads), make_program(tasks, other))
    assert set(found.begun) == {"query.aggregate"}


def test_a_task_that_is_added_begins_anew_and_one_that_is_gone_is_dropped() -> None:
    more = {**TASKS, "Topic": {"payload": "query", "type": "multiclass", "classes": ["a", "b"]}}
    _, _, found = begin(make_program(), make_program(more))
    assert found.begun == ("Topic.head",)
    fewer = {name: TASKS[name] for name in ("Intent", "Slot")}
    payloads = {name: PAYLOADS[name] for name in ("tokens", "query")}
    _, fresh, found = begin(make_program(), make_program(fewer, payloads))
    assert found.is_whole
    assert set(found.weights) == set(fresh)


def test_where_nothing_is_shared_all_begins_anew_and_it_is_told() -> None:
    payloads = {"text": {"type": "singleton"}}
    other = parse_schema(
        json.dumps({"payloads": payloads, "tasks": {"T": {"payload": "text", "type": "bitvector", "classes": ["a"]}}})
    )
    _, fresh, found = begin(make_program(), compile_program(other, Choices({"text": SMALL})))
    assert not found.taken
    assert all(np.array_equal(found.weights[name], fresh[name]) for name in fresh)
    assert "all begin anew" in str(found)
    assert found.settings(TrainingChoices(), 1000) == TrainingChoices()


def test_weights_that_are_not_those_of_their_program_are_refused() -> None:
    program = make_program()
    with pytest.raises(OvertonError, match="lack blocks"):
        take_over(Parent("1", program, {}), program, {}, weights_from(program, 0))


def test_a_parent_without_a_step_of_training_gives_its_logits_before_they_were_calibrated() -> None:
    batches, _ = make_batches(32)
    trained = train(PROGRAM, batches, settings=replace(SETTINGS, epochs=1), seed=0)
    temperature = {"Record": 2.0, "Token": 0.5, "Pick": 3.0}
    calibrated = with_temperatures(trained, PROGRAM, temperature)
    parent = Parent("1", PROGRAM, calibrated.weights, temperature=temperature)
    found = first_weights(PROGRAM, Given(), 7, parent)
    known = {name: value for name, value in trained.weights.items() if "embedding." in name}  # what is renewed
    inputs = next(batches.epoch(0)).inputs
    logits = []
    for weights in (trained.weights, {**found.weights, **known}):
        model = build_model(PROGRAM, seed=3)
        model.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in weights.items()})
        logits.append(forward_of(model)(inputs))
    for task in PROGRAM.outputs:
        assert np.allclose(logits[0][task], logits[1][task], rtol=1e-5, atol=1e-5), task


def test_without_a_parent_only_what_is_pretrained_is_given() -> None:
    found = first_weights(PROGRAM, Given(), 0)
    assert not found.weights
    assert found.settings(SETTINGS, 10) == SETTINGS
    assert found.lineage() == {}


def test_a_warm_training_is_shorter_unless_its_epochs_are_pinned() -> None:
    _, _, found = begin(make_program(), make_program())
    assert found.settings(TrainingChoices(), 5000).epochs == warm_epochs_for(5000) < epochs_for(5000)
    assert found.settings(TrainingChoices(epochs=9), 5000).epochs == 9


def test_a_warm_training_keeps_the_best_of_its_later_half() -> None:
    batches, _ = make_batches(32)
    scores = iter([0.8, 0.7, 0.4, 0.6, 0.5])
    trained = train(
        PROGRAM,
        batches,
        settings=TrainingChoices(epochs=5, batch_size=32),
        seed=0,
        score_dev=lambda _: {"Record": next(scores)},
        given=weights_from(PROGRAM, 5),
        warm=True,
    )
    assert trained.best_epoch == 4


def test_a_wide_path_begins_anew_where_the_words_that_it_reads_are_told_apart_otherwise() -> None:
    before = now = make_program(query={"wide": True})
    assert begin(before, now)[2].is_whole
    before = replace(before, features={"tokens": {**before.features["tokens"], "function": "words.v1"}})
    assert "query.wide" in begin(before, now)[2].begun
