"""The seven kinds of task and the odd records, from data file to served answer."""

import asyncio
import json
import random
from pathlib import Path

import httpx
import numpy as np
import pytest

import overton
from overton import Version
from overton.serve import create_app

SCHEMA = {
    "payloads": {
        "tokens": {"type": "sequence", "max_length": 12},
        "query": {"type": "singleton", "base": ["tokens", "entities"]},
        "title": {"type": "singleton"},
        "entities": {"type": "set", "range": "tokens"},
    },
    "tasks": {
        "Record": {"payload": "query", "type": "multiclass"},
        "RecordBits": {"payload": "query", "type": "bitvector"},
        "Token": {"payload": "tokens", "type": "multiclass"},
        "TokenBits": {"payload": "tokens", "type": "bitvector"},
        "Member": {"payload": "entities", "type": "multiclass"},
        "MemberBits": {"payload": "entities", "type": "bitvector"},
        "Pick": {"payload": "entities", "type": "select"},
        "Title": {"payload": "title", "type": "multiclass", "classes": ["short", "long", "never seen"]},
    },
}

ODD = {
    "null payloads": {"tokens": None, "query": None, "title": None, "entities": None},
    "no payloads": {},
    "an empty set": {"tokens": ["red", "apple"], "title": "red apple", "entities": []},
    "an empty sequence": {"tokens": [], "title": "", "entities": []},
    "one token": {"tokens": ["red"], "title": "red", "entities": [{"id": "Red", "range": [0, 1]}]},
    "a long record": {"tokens": ["red"] * 40, "title": "red " * 200, "entities": [{"id": "Red", "range": [0, 1]}] * 9},
    "unseen words": {
        "tokens": ["日本語", "🍎", "\u0000x"],
        "title": "ünïcödé",
        "entities": [{"id": "??", "range": [0, 2]}],
    },
}


def make_record(number: int, choose: random.Random) -> dict:
    """A record whose labels follow from its words, so that there is something to learn."""
    tokens = [choose.choice(["red", "green", "big", "apple", "pear", "car"]) for _ in range(choose.randint(1, 6))]
    members = [{"id": word, "range": [place, place + 1]} for place, word in enumerate(tokens) if word != "big"][:4]
    is_fruit = [member["id"] in ("apple", "pear") for member in members]
    tasks = {
        "Record": {"rule": "red" if "red" in tokens else "other", "crowd": {"red": 0.5, "other": 0.5}},
        "RecordBits": {"rule": sorted({word for word in tokens if word in ("red", "green")})},
        "Token": {"rule": ["fruit" if word in ("apple", "pear") else "O" for word in tokens]},
        "TokenBits": {"rule": [["colour"] if word in ("red", "green") else [] for word in tokens]},
        "Member": {"rule": ["fruit" if fruit else "thing" for fruit in is_fruit]},
        "MemberBits": {"rule": [["edible"] if fruit else [] for fruit in is_fruit]},
        "Title": {"rule": "short" if len(tokens) < 3 else "long"},
    }
    if any(is_fruit):
        tasks["Pick"] = {"rule": is_fruit.index(True)}
    split = ("dev", "test", "train", "train", "train", "train")[number % 6]
    if split != "train":
        tasks = {name: {**said, "gold": said["rule"]} for name, said in tasks.items()}
    if number % 7 == 0:  # records with no label at all, so that whole batches lack some task
        tasks = {}
    payloads = {"tokens": tokens, "title": " ".join(tokens), "entities": members}
    return {
        "id": f"r{number}",
        "payloads": payloads,
        "tasks": tasks,
        "tags": [split, "slice:big"] if "big" in tokens else [split],
    }


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Version:
    """A version of an application with every kind of task."""
    directory = tmp_path_factory.mktemp("kinds")
    (directory / "data").mkdir()
    (directory / "schema.json").write_text(json.dumps(SCHEMA))
    (directory / "tuning.json").write_text(json.dumps({"training": {"epochs": 4}}))
    choose = random.Random(0)
    records = [make_record(number, choose) for number in range(240)]
    records += [{"id": name, "payloads": payloads, "tags": ["train"]} for name, payloads in ODD.items()]
    (directory / "data" / "records.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return overton.load(directory).build(seed=0)


@pytest.mark.parametrize("task", SCHEMA["tasks"])
def test_every_kind_of_task_is_learned_and_reported(version: Version, task: str) -> None:
    """The rule behind every task is simple, so that a model that learns at all beats the most frequent class."""
    report = version.report()
    row = report.row(task, "test", "*", report.main_metric[task])
    assert row.n > 20
    assert row.value > 0.6


@pytest.mark.parametrize("name", ODD)
def test_an_odd_record_is_predicted_alone_as_in_a_batch(version: Version, name: str) -> None:
    """What stands beside a record in a batch must not change its prediction."""
    plain = {"tokens": ["red", "apple", "big"], "title": "red apple", "entities": [{"id": "apple", "range": [1, 2]}]}
    alone = version.predict([{"payloads": ODD[name]}], probabilities=True)[0]
    beside = version.predict([{"payloads": plain}, {"payloads": ODD[name]}], probabilities=True)[1]
    assert set(alone) == set(SCHEMA["tasks"])
    for task, label in alone.items():
        assert _flat(label) == pytest.approx(_flat(beside[task]), abs=2e-3), task


def test_every_record_is_served(version: Version) -> None:
    """The server answers what `predict` answers."""

    async def ask() -> dict:
        transport = httpx.ASGITransport(app=create_app(version.runtime, version.id))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            answer = await client.post("/v1/predict", json={"records": [{"payloads": value} for value in ODD.values()]})
            assert answer.status_code == 200, answer.text
            return answer.json()

    answer = asyncio.run(ask())
    expected = version.predict([{"payloads": value} for value in ODD.values()])
    assert [record["tasks"] for record in answer["records"]] == expected


def _flat(label: object) -> list[float]:
    """The probabilities of a label in a fixed order, whatever its shape."""
    if isinstance(label, dict):
        return [label.get(key, 0.0) for key in sorted(label) if label[key] > 0.01]
    if isinstance(label, list):
        return [number for part in label for number in _flat(part)]
    return [] if label is None else [float(np.float64(label))]
