"""A small application with versions in its store, made without training: a real schema, real records, drawn weights."""

import json
import random
from pathlib import Path

import overton
from overton.application import Application
from overton.artifact import Runtime
from overton.pipeline import evaluate_version
from tests.tiny_artifact import SCHEMA, tiny_artifact

SCRIPT = "<script>document.title = 'broken'</script><img src=x onerror=alert(1)>"
LONG = "x" * 10_000
QUOTES = "a" + '"' * 38  # five times as long once it is escaped
NASTY = "r-nasty"


def record(number: int, choose: random.Random) -> dict:
    """A record with labels by three sources, and gold on dev and test."""
    words = [choose.choice(["how", "old", "tall", "is", "the", "queen", "tower", "paris"]) for _ in range(5)]
    members = [{"id": f"Q{place}", "range": [place, place + 1]} for place in range(choose.randint(1, 3))]
    split = ("train", "train", "train", "dev", "test", "test")[number % 6]
    intent = "height" if "tall" in words else "age"
    tags = [split, "lang:en"] + (["slice:tower"] if "tower" in words else []) + (["slice:short"] if number < 9 else [])
    tasks = {
        "POS": {"lexicon": [choose.choice(["NOUN", "VERB", "X", None]) for _ in words], "tagger": ["NOUN"] * 5},
        "EntityType": {"gazetteer": [["location"] if word == "paris" else [] for word in words]},
        "Intent": {"rules": intent, "crowd": {"age": 0.4, "height": 0.6}, "model": choose.choice(["age", "height"])},
        "IntentArg": {"popularity": 0, "crowd": len(members) - 1},
    }
    if split != "train":
        tasks["POS"]["gold"] = ["NOUN" if word in ("queen", "tower", "paris") else "X" for word in words]
        tasks["EntityType"]["gold"] = tasks["EntityType"]["gazetteer"]
        tasks["Intent"]["gold"] = intent
        tasks["IntentArg"]["gold"] = len(members) - 1
    payloads = {"tokens": words, "query": " ".join(words), "entities": members}
    return {"id": f"r{number}", "payloads": payloads, "tasks": tasks, "tags": tags}


def nasty_record() -> dict:
    """A record whose texts would do harm, or not fit, if a page let them."""
    words = [SCRIPT, LONG, "\u202edetrever", "it's", '"quoted"']
    return {
        "id": NASTY,
        "payloads": {
            "tokens": words,
            "query": SCRIPT,
            "entities": [{"id": SCRIPT, "range": [0, 1]}, {"id": LONG}, {"id": QUOTES}],
        },
        "tasks": {
            "POS": {SCRIPT[:60]: ["X"] * 5, "gold": ["VERB"] * 5},
            "EntityType": {"gold": [["title"]] * 5},
            "Intent": {SCRIPT[:60]: "age", "gold": "age"},
            "IntentArg": {SCRIPT[:60]: 0, "gold": 2},
        },
        "tags": ["test", f"slice:{SCRIPT}", "slice:tower"],
    }


def write_application(directory: Path, n_records: int = 60) -> Application:
    """Write the application to a new directory, without a version."""
    (directory / "data").mkdir(parents=True)
    (directory / "schema.json").write_text(SCHEMA)
    choose = random.Random(0)
    records = [*(record(number, choose) for number in range(n_records)), nasty_record()]
    lines = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in records)
    (directory / "data" / "records.jsonl").write_text(lines)
    return overton.load(directory)


def add_version(application: Application, seed: int) -> str:
    """Put a version into the store whose report is that of its predictions, and return its id."""
    dataset = application.dataset()
    artifact = tiny_artifact(seed)
    report, examples = evaluate_version(dataset, Runtime(artifact))
    lineage = {
        "overton": overton.__version__,
        "schema": dataset.schema.digest(),
        "seed": seed,
        "data": {"digest": dataset.digest, "files": dict(dataset.files), "records": dataset.n_records},
        "sources": {"Intent": {"rules": 0.9, "crowd": 0.7}},
        "tags": dataset.tags.by_split(dataset.splits),
        "splits": {name: len(getattr(dataset.splits, name)) for name in ("train", "dev", "test")},
    }
    whole = artifact.with_files(report=report.to_json(), lineage=lineage, examples=examples)
    return application.store.put(whole, when=f"2026-01-0{seed + 1}T00:00:00+00:00")


def live_application(directory: Path) -> Application:
    """The application with two versions, of which the older is live."""
    application = write_application(directory)
    first, _ = add_version(application, 0), add_version(application, 1)
    application.version(first).promote("live", why="the first")
    return application
