"""An application with the seven kinds of task and odd records, small enough to be built in a test."""

import json
import random
from pathlib import Path

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

# The same with payloads that read others: tokens that read the query, members that read a query and a text, and
# records made of all that.
BASES = {
    "payloads": {
        **SCHEMA["payloads"],
        "tagged": {"type": "sequence", "field": "tokens", "base": ["query"]},
        "linked": {"type": "set", "field": "entities", "range": "tokens", "base": ["query", "title"]},
        "listed": {"type": "set", "field": "entities", "base": ["tagged"]},
        "whole": {"type": "singleton", "base": ["linked", "listed", "query", "tagged", "title"]},
    },
    "tasks": {
        **SCHEMA["tasks"],
        "Tag": {"payload": "tagged", "type": "multiclass"},
        "Link": {"payload": "linked", "type": "select"},
        "List": {"payload": "listed", "type": "bitvector"},
        "Whole": {"payload": "whole", "type": "multiclass"},
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


def write_kinds(directory: Path, n_records: int = 240, tasks: tuple[str, ...] = tuple(SCHEMA["tasks"])) -> None:
    """Write the application, or some of its tasks, to a new directory."""
    (directory / "data").mkdir(parents=True)
    (directory / "schema.json").write_text(
        json.dumps({**SCHEMA, "tasks": {name: SCHEMA["tasks"][name] for name in tasks}})
    )
    # Not int8, which would depend on the machine.
    small = {"size": 64, "attention": "2x32"}  # less to train, to write, and to read in every test
    payloads = {name: {**small} for name in SCHEMA["payloads"]}
    payloads["tokens"]["layers"] = 1  # less to trace, as below
    payloads["title"] = {"size": 64, "encoder": "bag", "aggregate": "mean"}
    tuning = {
        "payloads": payloads,
        "slices": "on",
        "training": {"epochs": 10, "batch_size": 64},
        "serving": {"int8": "off"},
    }
    (directory / "tuning.json").write_text(json.dumps(tuning))
    choose = random.Random(0)
    records = [make_record(number, choose) for number in range(n_records)]
    for record in records:
        record["tasks"] = {name: said for name, said in record["tasks"].items() if name in tasks}
    records += [{"id": name, "payloads": payloads, "tags": ["train"]} for name, payloads in ODD.items()]
    (directory / "data" / "records.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
