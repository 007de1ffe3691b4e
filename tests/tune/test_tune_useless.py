"""Settings that change no program are told, and none that may change one."""

import json

import pytest

from overton.compile import default_choices, parse_tuning
from overton.schema import Schema, parse_schema
from overton.tune import useless_settings
from tests.tune.tune_factories import KINDS

PLAIN = parse_schema(
    """{"payloads": {"tokens": {"type": "sequence"}, "query": {"type": "singleton", "base": ["tokens"]},
                     "entities": {"type": "set", "base": ["tokens"]}},
        "tasks": {"Arg": {"payload": "entities", "type": "select"}}}"""
)


def told(value: dict, schema: Schema) -> list[str]:
    return [problem.field for problem in useless_settings(parse_tuning(json.dumps(value), "t.json", schema), schema)]


@pytest.mark.parametrize(
    ("section", "payload", "settings"),
    [
        ("payloads", "query", {"encoder": "bag"}),
        ("payloads", "query", {"layers": [1, 2]}),
        ("payloads", "entities", {"strings": True}),
        ("payloads", "tokens", {"crf": True}),
        ("training", "", {"label_smoothing": 0.2}),
        ("training", "", {"rebalance": [0, 1]}),
        ("payloads", "tokens", {"tune": True}),
        ("payloads", "query", {"tune": [False, True]}),
        ("training", "", {"hf_learning_rate": 0.001}),
        ("training", "", {"piece_dropout": [0, 0.3]}),
    ],
)
def test_a_setting_that_nothing_makes_use_of_is_told(section: str, payload: str, settings: dict) -> None:
    (setting,) = settings
    value = {section: {payload: settings} if payload else settings}
    place = ".".join(part for part in ("$", section, payload, setting) if part)
    assert told(value, PLAIN) == [place]


def test_a_model_of_several_is_told_of_its_own_settings() -> None:
    own = {"payloads": {"query": {"encoder": "bag"}}}
    assert told({"models": {"large": {}, "small": own}}, PLAIN) == ["$.models.small.payloads.query.encoder"]


SETS = parse_schema("""{"payloads": {"c": {"type": "set"}}, "tasks": {"Pick": {"payload": "c", "type": "select"}}}""")


def test_a_share_of_words_is_told_where_there_are_none_and_no_vectors_of_ids() -> None:
    value = {"training": {"word_dropout": 0.2}}
    assert told(value, SETS) == ["$.training.word_dropout"]
    assert told({**value, "payloads": {"c": {"embedding": "vectors:ids.txt"}}}, SETS) == []
    assert told(value, PLAIN) == []


TUNED = {"hf_learning_rate": 0.001, "piece_dropout": 0.3}


@pytest.mark.parametrize("embedding", ["hf:minilm", ["hash", "hf:minilm"], "vectors:words.txt"])
def test_what_is_of_pretrained_embeddings_is_told_where_none_is_there(embedding: str | list[str]) -> None:
    value = {"payloads": {"tokens": {"embedding": embedding, "tune": True}}, "training": TUNED}
    in_vain = [f"$.training.{name}" for name in TUNED] if "vectors" in embedding else []
    assert told(value, PLAIN) == in_vain


def test_what_one_of_several_models_makes_use_of_is_not_told() -> None:
    large = {"payloads": {"tokens": {"embedding": "hf:minilm"}}}
    both = {"payloads": {"tokens": {"tune": True}}, "training": TUNED}
    assert told({"models": {"large": large, "small": {}}, **both}, PLAIN) == []
    assert len(told({"models": {"large": {}, "small": {}}, **both}, PLAIN)) == 3


@pytest.mark.parametrize(
    "value",
    [
        {"payloads": {"tokens": {"encoder": "bag", "layers": 1, "attention": "2x8"}}},
        {"payloads": {"query": {"size": 32, "aggregate": "max", "attention": "2x8"}}},
        {"payloads": {"entities": {"strings": True}}},
        {"training": {"label_smoothing": 0.2, "robustness": 0.1}},
        default_choices(KINDS).to_json(KINDS),
    ],
)
def test_what_may_change_a_program_or_is_as_by_default_is_not_told(value: dict) -> None:
    assert told(value, KINDS) == []
