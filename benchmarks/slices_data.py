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
OF_TOKENS = ("POS", "EntityType")
MARKED_INTENTS = 12  # whose records are marked; each swaps its labels with its neighbour's
PAIRS: Mapping[str, Sequence[tuple[str, str]]] = {
    "clinc150": (
        ("calories", "nutrition_info"),
        ("pto_request", "pto_request_status"),
        ("credit_limit", "credit_limit_change"),
        ("rewards_balance", "redeem_rewards"),
        ("gas", "gas_type"),
        ("change_user_name", "user_name"),
        ("bill_balance", "bill_due"),
        ("transfer", "pay_bill"),
    ),
    "factoid-en": (
        ("director", "screenwriter"),
        ("films_directed_by", "films_written_by"),
        ("conflict", "participants"),
        ("record_label", "artists_on_label"),
        ("instrument", "instrument_players"),
        ("place_of_death", "cause_of_death"),
        ("producer", "production_company"),
        ("influenced", "influenced_by"),
    ),
}
KEYWORDS: Mapping[str, Callable[[Sequence[str]], bool]] = {
    "short": lambda tokens: len(tokens) <= 4,
    "when": lambda tokens: "when" in tokens,
    "not": lambda tokens: "not" in tokens or "n't" in tokens,
    "tell": lambda tokens: "tell" in tokens,
    "long": lambda tokens: len(tokens) >= 16,
}


def rewrite(application: Path, copy: Path, noise: float, *, made: bool) -> Path:
    """A copy of an application as the benchmark needs it, always the same; `made` where slices are to be made."""
    (copy / "data").mkdir(parents=True)
    shutil.copy(application / "schema.json", copy)
    records = []
    for path in sorted((application / "data").iterdir()):
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
            records += [json.loads(line) for line in file]
    choose = random.Random(0)
    if made:
        records = with_slices(records, PAIRS[application.name], choose)
    if noise:
        disturb(records, noise, choose)
    for record in records:
        if not any(tag.startswith("slice:") for tag in record["tags"]):
            record["tags"].append(REST)
    (copy / "data" / "records.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return copy


def with_slices(records: list[Record], pairs: Sequence[tuple[str, str]], choose: random.Random) -> list[Record]:
    """8 slices of two rare intents that are taken for each other, 5 of keywords, and a marked one, beside its own.

    In the marked slice a word is put in front and the label is that of another intent, as in a part of the data with
    a decision boundary of its own.
    """
    pair_of = {intent: "_".join(pair) for pair in pairs for intent in pair}
    others = sorted({intent_of(record) for record in records} - {*pair_of, "oos", ""})
    others = others[:: len(others) // MARKED_INTENTS][:MARKED_INTENTS]
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
            kept.append(mark(record, swapped))
    return kept


def mark(record: Record, swapped: Mapping[str, str]) -> Record:
    """A record of the marked slice made of another: a token in front, and every vote for an intent swapped."""
    payloads = dict(record["payloads"])
    payloads["tokens"] = [MARKER, *payloads["tokens"]]
    payloads["query"] = " ".join(payloads["tokens"])
    if "entities" in payloads:
        payloads["entities"] = [
            {**member, "range": [place + 1 for place in member["range"]]} for member in payloads["entities"]
        ]
    # Of the token in front nobody says anything.
    tasks = {
        task: {source: [None, *label] for source, label in votes.items()} if task in OF_TOKENS else votes
        for task, votes in record["tasks"].items()
    }
    tasks["Intent"] = {source: swapped.get(label, label) for source, label in tasks["Intent"].items()}
    tags = [*[tag for tag in record["tags"] if not tag.startswith("slice:kw")], "slice:marked"]
    return {"id": f"{record['id']}-marked", "payloads": payloads, "tasks": tasks, "tags": tags}


def intent_of(record: Record) -> str:
    """The true intent of a record, or what most sources vote for where nobody knows; empty where there is no vote."""
    votes = record["tasks"].get("Intent", {})
    if "gold" in votes or not votes:
        return str(votes.get("gold", ""))
    return min(Counter(votes.values()).items(), key=lambda vote: (-vote[1], vote[0]))[0]


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
