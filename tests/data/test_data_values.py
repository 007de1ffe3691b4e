import json

import numpy as np
import pytest

from overton.data import Pool, Record, Tags, gold_of, pack, record_json_schema, tokenize
from overton.data.encode.keys import lost_keys
from overton.data.files import load_dataset
from overton.data.names import meant_tag
from overton.data.rows.hashing import hash_bytes, hash_rows
from overton.data.tags import split_records
from tests.data_schema import SCHEMA


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Who's 1.80 m, or 1,000.50?", ["Who", "'", "s", "1.80", "m", ",", "or", "1,000.50", "?"]),
        ("v2.0 a_b x-ray", ["v2", ".", "0", "a_b", "x", "-", "ray"]),
        ("gbẹ̀san Äpfel Ä", ["gbẹ̀san", "Äpfel", "Ä"]),
        ("नमस्ते दुनिया।", ["नमस्ते", "दुनिया", "।"]),
        ("東京タワーは333mです。", ["東", "京", "タ", "ワ", "ー", "は", "333m", "で", "す", "。"]),
        ("สวัสดี", ["ส", "วั", "ส", "ดี"]),
        ("안녕 하세요", ["안녕", "하세요"]),
        ("👩‍👩‍👧 ❤️!", ["👩‍👩‍👧", "❤️", "!"]),
        (" \n\t\u3000", []),
    ],
)
def test_texts_of_many_scripts_are_cut_into_tokens(text, tokens):
    assert tokenize(text) == tokens


def test_a_pool_gives_numbers_in_order_and_can_forget_the_last():
    pool = Pool(["a", "b"])
    assert [pool[text] for text in ("b", "c", "a", "d")] == [1, 2, 0, 3]
    pool.shrink(2)
    assert (pool.texts, dict(pool)) == (["a", "b"], {"a": 0, "b": 1})
    assert pool["x"] == 2


@pytest.mark.parametrize(
    ("tag", "meant"),
    [
        ("Test", "test"),
        (" train", "train"),
        ("DEV", "dev"),
        ("val", "dev"),
        ("trains", "train"),
        ("SLICE:x", "slice:x"),
        ("slice: x", "slice:x"),
        ("test", ""),
        ("slice:x", ""),
        ("text", ""),
        ("best", ""),
        ("eval:hard", ""),
        ("test:unit", ""),
        ("slcie:x", "slice:x"),
        ("Silce: x", "slice:x"),
        ("slce:x", "slice:x"),
        ("sllice:x", "slice:x"),
        ("since:x", ""),
        ("size:x", ""),
        ("splice:x", ""),
        ("spice:x", ""),
        ("slide:x", ""),
        ("lice:x", ""),
    ],
)
def test_a_tag_near_one_that_means_something_is_told_from_others(tag, meant):
    assert meant_tag(tag) == meant


def test_lines_that_lose_keys_are_found_exactly():
    lines = [
        b'{"a": 1, "b": 2}',
        b'{"a" : "x:y"}',
        b'{"a": "\\":", "b":":"}',
        b'{"a": 1, "a": 2}',
        b'{"a"\t: " :"}',
        b"[1]",
    ]
    decoded = np.array([2, 1, 2, 1, 1, 0])
    assert lost_keys(lines, decoded).tolist() == [False, False, False, True, False, False]


def test_hashes_tell_strings_and_rows_apart():
    strings = [b"", b"a", b"b", b"ab", b"ba", b"aa", b"x" * 100, b"x" * 101]
    hashes = hash_bytes(strings)
    assert len(set(hashes.tolist())) == len(strings)
    assert (hash_bytes(strings[::-1])[::-1] == hashes).all()
    rows = hash_rows(hashes[[1, 2, 2, 1, 1, 2]], np.array([2, 2, 0, 2]))
    assert rows[0] == rows[3]
    assert len({int(rows[0]), int(rows[1]), int(rows[2])}) == 3


def tags_of(*lists):
    names = sorted({name for tags in lists for name in tags})
    first = np.cumsum([0, *map(len, lists)])
    return Tags(tuple(names), first, np.array([names.index(name) for tags in lists for name in sorted(tags)], np.int32))


def test_records_without_a_split_are_training_data():
    splits = split_records(tags_of(["train"], [], ["dev"], ["test"], ["x"]), np.arange(5, dtype=np.uint64))
    assert (splits.train.tolist(), splits.dev.tolist(), splits.test.tolist()) == ([0, 1, 4], [2], [3])
    assert splits.notes == ()


def test_a_tenth_each_is_held_out_where_nothing_else_is_told():
    hashes = hash_bytes([b"r%d" % number for number in range(5000)])
    splits = split_records(tags_of(*[["train"], []] * 2500), hashes)
    assert 400 < len(splits.dev) < 600
    assert 400 < len(splits.test) < 600
    together = np.concatenate([splits.train, splits.dev, splits.test])
    assert sorted(together.tolist()) == list(range(5000))
    assert splits.notes == (
        f"no record is tagged dev: {len(splits.dev)} training records are held out for it, by a hash of their id",
        f"no record is tagged test: {len(splits.test)} training records are held out for it, by a hash of their id",
    )


def test_of_few_records_one_each_is_held_out_whatever_their_ids_are():
    splits = split_records(tags_of(*[[]] * 11), np.arange(11, dtype=np.uint64) * 10 + 5)  # no hash says so
    assert (splits.dev.tolist(), splits.test.tolist(), splits.train.tolist()) == ([0], [1], list(range(2, 11)))


def test_a_record_stays_in_its_split_when_others_come():
    hashes = hash_bytes([b"r%d" % number for number in range(400)])
    few = split_records(tags_of(*[[]] * 200), hashes[:200])
    many = split_records(tags_of(*[[]] * 400), hashes)
    assert set(few.dev.tolist()) == {row for row in many.dev.tolist() if row < 200}


def test_gold_of_a_soft_vote_is_its_most_probable_class(tmp_path):
    lines = [
        {"payloads": {"tokens": ["a"], "title": "t"}, "tasks": {"Intent": {"gold": {"age": 0.4, "height": 0.6}}}},
        {"payloads": {"tokens": ["a"], "title": "t"}, "tasks": {"Topics": {"gold": {"x": 0.4, "y": 0.5}}}},
    ]
    (tmp_path / "d.jsonl").write_text("\n".join(map(json.dumps, lines)))
    dataset = load_dataset(SCHEMA, [tmp_path / "d.jsonl"], tmp_path / "rows")
    gold = gold_of(dataset.votes("Intent"))
    assert (gold.known.tolist(), gold.label.tolist()) == ([True, False], [1, -1])
    bits = gold_of(dataset.votes("Topics"))
    assert (bits.known.tolist(), bits.label.tolist()) == ([False, True], [[False, False], [False, True]])


def test_gold_that_two_classes_share_judges_nothing(tmp_path):
    labels = [{"age": 0.5, "height": 0.5}, {"height": 0.5, "age": 0.5}, "height", {"age": 1.0}]
    lines = [{"payloads": {"tokens": ["a"], "title": "t"}, "tasks": {"Intent": {"gold": one}}} for one in labels]
    (tmp_path / "d.jsonl").write_text("\n".join(map(json.dumps, lines)))
    gold = gold_of(load_dataset(SCHEMA, [tmp_path / "d.jsonl"], tmp_path / "rows").votes("Intent"))
    assert (gold.known.tolist(), gold.label.tolist()) == ([False, False, True, True], [-1, -1, 1, 0])


def test_packing_nothing_and_nulls_keeps_the_shapes():
    pool = Pool()
    for records in ([], [Record(payloads={}), Record(payloads={"tokens": []})]):
        batch = pack(records, SCHEMA, pool)
        assert batch.columns["tokens"].strings.shape == (len(records), 0)
        assert batch.columns["entities"].range.shape == (len(records), 0, 2)
    assert batch.columns["tokens"].present.tolist() == [False, True]
    assert batch.columns["query"].present.tolist() == [False, True]


def test_a_text_is_cut_into_at_most_so_many_tokens():
    batch = pack([Record(payloads={"title": "one two three four five six seven"})], SCHEMA, Pool())
    column = batch.columns["title"]
    assert [batch.pool.texts[number] for number in column.strings[0]] == ["one", "two", "three", "four", "five"]


def test_the_json_schema_of_records_names_what_the_schema_names():
    found = record_json_schema(SCHEMA)
    assert list(found["properties"]) == ["id", "payloads", "tasks", "tags"]
    assert list(found["properties"]["payloads"]["properties"]) == ["tokens", "query", "entities", "labels", "title"]
    assert list(found["properties"]["tasks"]["properties"]) == [task.name for task in SCHEMA.tasks]
    general = record_json_schema()
    assert general["properties"]["payloads"]["additionalProperties"]
    assert json.loads(json.dumps(found)) == found
