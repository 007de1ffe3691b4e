"""Copies of applications for `slices.py`: made slices for clinc150, a tag for records in no slice, noise on labels."""

import gzip
import json
import random
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

Record = dict[str, Any]

REST = "rest"
RARE = 20  # training records that are left of each rare intent
MARKED = 200  # training records of the slice whose labels follow another rule
MARKER = "zulu"
PAIRS = (
    ("calories", "nutrition_info"),
    ("pto_request", "pto_request_status"),
    ("credit_limit", "credit_limit_change"),
    ("rewards_balance", "redeem_rewards"),
    ("gas", "gas_type"),
    ("change_user_name", "user_name"),
    ("bill_balance", "bill_due"),
    ("transfer", "pay_bill"),
)
KEYWORDS: Mapping[str, Callable[[Sequence[str]], bool]] = {
    "short": lambda tokens: len(tokens) <= 4,
    "when": lambda tokens: "when" in tokens,
    "not": lambda tokens: "not" in tokens or "n't" in tokens,
    "tell": lambda tokens: "tell" in tokens,
    "long": lambda tokens: len(tokens) >= 16,
}


def rewrite(application: Path, copy: Path, noise: float) -> Path:
    """A copy of an application as the benchmark needs it, always the same."""
    (copy / "data").mkdir(parents=True)
    shutil.copy(application / "schema.json", copy)
    records = []
    for path in sorted((application / "data").iterdir()):
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
            records += [json.loads(line) for line in file]
    choose = random.Random(0)
    if application.name == "clinc150":
        records = with_slices(records, choose)
    if noise:
        disturb(records, noise, choose)
    for record in records:
        if not any(tag.startswith("slice:") for tag in record["tags"]):
            record["tags"].append(REST)
    (copy / "data" / "records.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return copy


def with_slices(records: list[Record], choose: random.Random) -> list[Record]:
    """clinc150 with 8 slices of two rare intents that are taken for each other, 5 of keywords, and a marked one.

    In the marked slice a word is put in front and the label is that of another intent, as in a part of the data with
    a decision boundary of its own.
    """
    pair_of = {intent: "_".join(pair) for pair in PAIRS for intent in pair}
    others = sorted({intent_of(record) for record in records} - {*pair_of, "oos"})[::11][:12]
    swapped = {intent: others[number ^ 1] for number, intent in enumerate(others)}
    kept: list[Record] = []
    seen: Counter[str] = Counter()
    marked: dict[str, int] = defaultdict(int)
    choose.shuffle(records)
    for record in records:
        intent, split, tokens = intent_of(record), record["tags"][0], record["payloads"]["tokens"]
        if intent in pair_of:
            record["tags"].append(f"slice:rare_{pair_of[intent]}")
            seen[intent] += split == "train"
            if split == "train" and seen[intent] > RARE:
                continue
        record["tags"] += [f"slice:kw_{name}" for name, holds in KEYWORDS.items() if holds(tokens)]
        kept.append(record)
        if intent in swapped and marked[split] < MARKED:
            marked[split] += 1
            kept.append(mark(record, swapped[intent]))
    return kept


def mark(record: Record, intent: str) -> Record:
    """A record of the marked slice made of another."""
    tokens = [MARKER, *record["payloads"]["tokens"]]
    tags = [*[tag for tag in record["tags"] if not tag.startswith("slice:kw")], "slice:marked"]
    payloads = {"tokens": tokens, "query": " ".join(tokens)}
    return {
        "id": f"{record['id']}-marked",
        "payloads": payloads,
        "tasks": {**record["tasks"], "Intent": {"gold": intent}},
        "tags": tags,
    }


def intent_of(record: Record) -> str:
    """The true intent of a record of clinc150."""
    return str(record["tasks"]["Intent"]["gold"])


def disturb(records: Sequence[Record], share: float, choose: random.Random) -> None:
    """Replace a share of the labels that are one class a record, on training records, by a class drawn from all."""
    classes: dict[str, set[str]] = defaultdict(set)
    for record in records:
        for task, votes in record["tasks"].items():
            classes[task] |= {label for label in votes.values() if isinstance(label, str)}
    names = {task: sorted(found) for task, found in classes.items()}
    for record in records:
        if "train" in record["tags"]:
            for task, votes in record["tasks"].items():
                for source, label in votes.items():
                    if isinstance(label, str) and choose.random() < share:
                        votes[source] = choose.choice(names[task])
