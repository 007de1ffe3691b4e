import itertools
import json

import numpy as np
import pytest

from overton.codec import Encoder, hash_features, input_specs
from overton.compile import compile_program, default_choices
from overton.data import Pool, RecordParser, pack
from overton.schema import parse_schema
from tests.kinds import ODD, SCHEMA

KINDS = parse_schema(json.dumps(SCHEMA)).with_classes({name: ("a", "b") for name in SCHEMA["tasks"]})
PROGRAM = compile_program(KINDS, default_choices(KINDS))
WORDS = {"function": "words.v2", "columns": ("word", "word", "prefix3", "suffix2", "shape"), "buckets": (1000,) * 5}
FEATURES = [
    [905, 540, 146, 827, 537],
    [905, 540, 146, 827, 391],
    [946, 227, 24, 237, 73],
    [0, 0, 579, 530, 0],
    [944, 396, 565, 958, 362],
]


def records(*payloads):
    parser = RecordParser(KINDS, closed=True)
    return [parser.parse(json.dumps({"payloads": value}).encode()) for value in payloads]


def test_features_are_the_same_for_ever():
    texts = ["Paris", "paris", "42", "", "日本"]
    assert hash_features(texts, WORDS).tolist() == FEATURES
    before = [*FEATURES[:2], [6, 558, 645, 110, 73], *FEATURES[3:]]  # of "42" that of "00"
    assert hash_features(texts, {**WORDS, "function": "words.v1"}).tolist() == before


@pytest.mark.parametrize(
    ("one", "other", "are_alike"), [("g1", "g2", False), ("4", "3", False), ("1999", "2024", True)]
)
def test_numbers_of_a_few_digits_are_told_apart(one, other, are_alike):
    first, second = hash_features([one, other], WORDS)
    assert (first == second).all() == are_alike


def test_ids_of_one_size_are_alike_but_for_themselves_whatever_stands_before_their_numbers():
    settings = {"function": "ids.v2", "columns": ("id", "part", "size", "size"), "buckets": (1000,) * 4}
    small, like_it, padded, larger, none = hash_features(["Q4071", "Q4999", "Q004071", "Q14071", "Q"], settings)
    assert small[0] != like_it[0]
    assert small[1:].tolist() == like_it[1:].tolist() == padded[1:].tolist()
    assert larger[1] == small[1]
    assert not set(larger[2:]) & set(small[2:])
    assert none[2:].tolist() == [0, 0]


def test_words_that_differ_in_case_alone_share_all_but_their_shape():
    upper, lower = hash_features(["Paris", "paris"], WORDS)
    assert (upper == lower).tolist() == [True, True, True, True, False]


def test_bucket_0_is_kept_for_nothing():
    found = hash_features(["".join(letters) for letters in itertools.product("abcdefgh", repeat=5)], WORDS)[:, :2]
    assert found.min() == 1
    assert found.max() == 999


def test_of_a_word_of_a_megabyte_only_the_first_letters_are_read():
    found, expected = hash_features(["x" * 256 + "y" * 1_000_000, "x" * 256], WORDS)
    assert found.tolist() == expected.tolist()


def test_inputs_have_the_names_types_and_sizes_that_are_told():
    batch = pack(records(*ODD.values()), KINDS, Pool())
    inputs = Encoder(PROGRAM).encode(batch)
    assert set(inputs) == {spec.name for spec in input_specs(PROGRAM)}
    for spec in input_specs(PROGRAM):
        value = inputs[spec.name]
        assert value.dtype == spec.type
        assert value.ndim == len(spec.shape)
        assert [size for size, told in zip(value.shape, spec.shape, strict=True) if isinstance(told, int)] == [
            told for told in spec.shape if isinstance(told, int)
        ]


def test_a_batch_of_nothing_has_one_item_of_padding():
    inputs = Encoder(PROGRAM).encode(pack(records({}), KINDS, Pool()))
    assert inputs["tokens.features"].shape[:2] == (1, 1)
    assert not inputs["tokens.features"].any()
    assert inputs["tokens.length"].tolist() == [0]


def test_a_record_has_the_same_features_alone_as_in_a_wider_batch():
    long, short = {"tokens": ["a", "b", "c", "d"]}, {"tokens": ["c", "a"]}
    encoder = Encoder(PROGRAM)
    both = encoder.encode(pack(records(long, short), KINDS, Pool()))["tokens.features"]
    alone = encoder.encode(pack(records(short), KINDS, Pool()))["tokens.features"]
    assert np.array_equal(both[1, :2], alone[0])
    assert not both[1, 2:].any()


def test_a_pool_may_grow_and_another_may_follow():
    encoder, pool = Encoder(PROGRAM), Pool()
    first = encoder.encode(pack(records({"tokens": ["a"]}), KINDS, pool))["tokens.features"]
    more = [f"w{number}" for number in range(12)]
    encoder.encode(pack(records({"tokens": more}), KINDS, pool))
    again = encoder.encode(pack(records({"tokens": ["a"]}), KINDS, pool))["tokens.features"]
    other = encoder.encode(pack(records({"tokens": ["b"]}, {"tokens": ["a"]}), KINDS, Pool()))["tokens.features"]
    assert np.array_equal(first, again)
    assert np.array_equal(other[1:], first)
