"""The factoid application: questions about people, places, foods and films, with four tasks."""

import json
from collections.abc import Mapping
from random import Random

from overton.example.application import ExampleApplication
from overton.example.examples import Example, draw_example
from overton.example.facts import Words
from overton.example.slices import SLICES
from overton.example.sources import SOURCES, Label
from overton.example.texts import FACTOID_README, FACTOID_SCHEMA

SPLITS = ("train", "dev", "test")


def factoid(n_records: int, seed: int) -> ExampleApplication:
    """A complete application of `n_records` records.

    A record depends on the seed, its number and the questions before it, so a larger application begins with the
    records of a smaller one, and the same numbers give the same bytes.
    """
    lines_by_split: dict[str, list[str]] = {split: [] for split in SPLITS}
    seen: set[Words] = set()
    for number in range(n_records):
        rng = Random(f"factoid:{seed}:{number}")
        example = draw_example(f"f{number:06d}", rng, seen)
        lines_by_split[example.split].append(_render(example, rng))
    data = {f"data/{split}.jsonl": "".join(lines) for split, lines in lines_by_split.items() if lines}
    return ExampleApplication({"schema.json": FACTOID_SCHEMA, "README.md": FACTOID_README, **data})


def _render(example: Example, rng: Random) -> str:
    labels_by_task = {task: _labels(example, task, rng) for task in SOURCES}
    if example.split != "train":
        for task, gold in _gold(example).items():
            labels_by_task[task]["gold"] = gold
    record = {"id": example.id, "payloads": _payloads(example), "tasks": labels_by_task, "tags": _tags(example)}
    return json.dumps(record, separators=(",", ":")) + "\n"


def _labels(example: Example, task: str, rng: Random) -> dict[str, Label]:
    labels = {source: label(example, rng) for source, label in SOURCES[task].items()}
    return {source: label for source, label in labels.items() if not _is_abstention(label)}


def _is_abstention(label: Label) -> bool:
    return label is None or (isinstance(label, list) and all(each is None for each in label))


def _gold(example: Example) -> Mapping[str, Label]:
    return {
        "POS": list(example.tags),
        "EntityType": [list(bits) for bits in example.types],
        "Intent": example.intent,
        "IntentArg": example.argument,
    }


def _payloads(example: Example) -> dict[str, object]:
    return {
        "tokens": example.tokens,
        "query": " ".join(example.tokens),
        "entities": [{"id": each.entity.id, "range": [each.start, each.end]} for each in example.candidates],
    }


def _tags(example: Example) -> list[str]:
    lineage = [f"lineage:template_v{example.version}", *(["lineage:typo"] if example.has_typo else [])]
    channel = "channel:web" if example.is_typed else "channel:voice"
    slices = [tag for tag, is_in in SLICES.items() if is_in(example.words, example.candidates)]
    return [example.split, "lang:en", channel, *lineage, f"batch:{example.batch}", *slices]
