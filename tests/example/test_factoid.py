"""The factoid application obeys the data format, and is as hard, and as wrong, as it is meant to be."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import pytest

from overton.cli import compare_command, report_command, sources_command
from overton.example import EXAMPLES, blank, factoid
from overton.example.decks import COLUMN_BY_INTENT, templates
from overton.example.examples import WEIGHT_BY_INTENT, draw_example
from overton.example.facts import TABLES, Words, load_facts
from overton.example.questions import ask_aside
from overton.example.sources import SOURCES
from overton.example.tables import read_table

ROOT = Path(__file__).parents[2]
N_RECORDS = 4000
SPLITS = {"train", "dev", "test"}
COMPLEX, NUTRITION, RARE = "slice:complex_disambiguation", "slice:nutrition", "slice:unit_conversion"

Record = dict[str, Any]


def records_of(files: Mapping[str, str]) -> list[Record]:
    return [json.loads(line) for name, text in files.items() if name.endswith(".jsonl") for line in text.splitlines()]


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return records_of(factoid(N_RECORDS, 0).files)


@pytest.mark.parametrize("page", ["README.md", "overton/example/texts.py"])
def test_the_label_that_a_page_adds_is_the_true_one(page: str) -> None:
    """Training records have no gold: what is asked is known to who made them."""
    shown = re.search(r'{"id": "(f0\d+)", "tasks": {"Intent": {"\w+": "(\w+)"}}}', (ROOT / page).read_text())
    assert shown
    seen: set[Words] = set()
    examples = [draw_example(f"f{number:06d}", Random(f"factoid:0:{number}"), seen) for number in range(10)]
    asked = {example.id: example.intent for example in examples}
    assert asked[shown[1]] == shown[2]


def only(records: list[Record], tag: str) -> list[Record]:
    return [record for record in records if tag in record["tags"]]


# --------------------------------------------------------------------------------------------------- the checker's view


def check_label(task: str, label: Any, n_tokens: int, n_entities: int) -> None:
    if task == "Intent":
        choices = label if isinstance(label, dict) else {label: 1.0}
        assert set(choices) <= set(WEIGHT_BY_INTENT)
        assert sum(choices.values()) == pytest.approx(1)
    elif task == "IntentArg":
        assert type(label) is int
        assert 0 <= label < n_entities
    else:
        inner = str if task == "POS" else list
        assert len(label) == n_tokens
        assert all(each is None or isinstance(each, inner) for each in label)
        assert task == "POS" or all(len(set(each)) == len(each) for each in label if each)


def check_record(record: Record) -> None:
    assert set(record) == {"id", "payloads", "tasks", "tags"}
    tokens, entities = record["payloads"]["tokens"], record["payloads"]["entities"]
    assert 1 <= len(tokens) <= 32
    assert record["payloads"]["query"] == " ".join(tokens)
    assert all(token and token == token.strip() for token in tokens)
    for entity in entities:
        start, end = entity["range"]
        assert 0 <= start < end <= len(tokens)
    assert len({(entity["id"], *entity["range"]) for entity in entities}) == len(entities)
    assert set(record["tasks"]) == set(SOURCES)
    for task, labels in record["tasks"].items():
        for label in labels.values():
            check_label(task, label, len(tokens), len(entities))
    assert len(set(record["tags"])) == len(record["tags"])
    assert len(SPLITS & set(record["tags"])) == 1


# ------------------------------------------------------------------------------------------------------------ measuring


def hard(label: Any) -> Any:
    return max(label, key=label.get) if isinstance(label, dict) else label


def judged(record: Record, task: str, source: str) -> Iterator[bool]:
    """For each item that the source labels, whether it is right; tokens that nobody gives a type are left out."""
    label, gold = record["tasks"][task].get(source), record["tasks"][task]["gold"]
    if label is None:
        return
    if task in ("Intent", "IntentArg"):
        yield hard(label) == gold
        return
    for said, true in zip(label, gold, strict=True):
        if said is not None and (said or true):
            yield said == true if task == "POS" else sorted(said) == sorted(true)


def accuracy(records: list[Record], task: str, source: str) -> float:
    judgements = [right for record in records for right in judged(record, task, source)]
    return sum(judgements) / len(judgements)


def majority_accuracy(records: list[Record], task: str) -> float:
    """Of a majority vote whose ties count as half right, or a third, as a coin would have it."""
    total = 0.0
    for record in records:
        weights: dict[Any, float] = defaultdict(float)
        for source, label in record["tasks"][task].items():
            for each, weight in label.items() if isinstance(label, dict) else [(label, 1.0)]:
                weights[each] += weight * (source != "gold")
        best = [each for each, weight in weights.items() if weight > max(weights.values()) - 1e-9]
        total += (record["tasks"][task]["gold"] in best) / len(best)
    return total / len(records)


# ---------------------------------------------------------------------------------------------------------------- tests


def test_every_record_obeys_the_format(records: list[Record]) -> None:
    assert len(records) == N_RECORDS
    assert len({record["id"] for record in records}) == N_RECORDS
    for record in records:
        check_record(record)


def test_the_same_numbers_give_the_same_bytes_and_another_seed_others() -> None:
    assert factoid(200, 7) == factoid(200, 7)
    assert factoid(200, 7).files["data/train.jsonl"] != factoid(200, 8).files["data/train.jsonl"]


@pytest.mark.long
def test_the_bytes_do_not_depend_on_the_hash_seed_of_the_process() -> None:
    code = "import hashlib; from overton.example import factoid; f = factoid(200, 7).files; "
    code += "print(hashlib.sha256(repr(f).encode()).hexdigest())"
    digests = set()
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        digests.add(
            subprocess.run([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, check=True).stdout
        )
    assert len(digests) == 1


def test_a_larger_application_begins_with_the_records_of_a_smaller_one() -> None:
    small, large = factoid(100, 3).files, factoid(300, 3).files
    assert all(large[name].startswith(text) for name, text in small.items())


def test_gold_stands_in_dev_and_test_only_and_there_for_every_task(records: list[Record]) -> None:
    for record in records:
        has_gold = {"gold" in labels for labels in record["tasks"].values()}
        assert has_gold == {"train" not in record["tags"]}


def test_the_file_of_a_record_is_its_split() -> None:
    for name, text in factoid(300, 0).files.items():
        if name.startswith("data/"):
            split = name.removeprefix("data/").removesuffix(".jsonl")
            assert all(split in json.loads(line)["tags"] for line in text.splitlines())


def test_splits_and_slices_have_their_shares(records: list[Record]) -> None:
    share = {tag: count / N_RECORDS for tag, count in Counter(tag for r in records for tag in r["tags"]).items()}
    assert 0.77 < share["train"] < 0.83
    assert 0.08 < share["dev"] < 0.12
    assert 0.08 < share["test"] < 0.12
    assert 0.14 < share[NUTRITION] < 0.22
    assert 0.07 < share[COMPLEX] < 0.16
    assert 0.005 < share[RARE] < 0.018
    assert share["lang:en"] == 1
    assert all(share[f"lineage:template_v{version}"] > 0.02 for version in (1, 2, 3))
    assert all(share[f"batch:{batch}"] > 0.15 for batch in range(1, 6))


def test_intents_are_many_and_skewed(records: list[Record]) -> None:
    counts = Counter(hard(r["tasks"]["Intent"]["gold"]) for r in records if "train" not in r["tags"])
    assert len(counts) >= 15
    assert max(counts.values()) > 5 * min(counts.values())


def test_test_phrasing_is_partly_new_and_training_never_sees_it(records: list[Record]) -> None:
    assert not only(only(records, "train"), "lineage:template_v3")
    test = only(records, "test")
    assert 0.1 < len(only(test, "lineage:template_v3")) / len(test) < 0.45


def test_few_questions_of_the_test_split_stand_in_training(records: list[Record]) -> None:
    train = {record["payloads"]["query"].lower() for record in only(records, "train")}
    test = [record["payloads"]["query"].lower() for record in only(records, "test")]
    assert sum(query in train for query in test) <= 0.1 * len(test)


@pytest.mark.parametrize(("task", "source"), [(task, source) for task, named in SOURCES.items() for source in named])
def test_no_source_is_perfect_and_none_is_useless(records: list[Record], task: str, source: str) -> None:
    judged_records = [record for record in records if "train" not in record["tags"]]
    assert 0.5 < accuracy(judged_records, task, source) < 0.95


def test_every_task_has_three_sources_that_contradict_each_other(records: list[Record]) -> None:
    for task in SOURCES:
        given = [[hard(label) for source, label in r["tasks"][task].items() if source != "gold"] for r in records]
        assert min(len(SOURCES[task]), max(map(len, given))) >= 3
        assert sum(any(one != labels[0] for one in labels) for labels in given if labels) > 0.2 * N_RECORDS


@pytest.mark.long
def test_a_majority_vote_is_fair_overall_and_poor_on_the_hard_slices() -> None:
    records = [r for r in records_of(factoid(4000, 1).files) if "train" not in r["tags"]]
    assert 0.78 < majority_accuracy(records, "Intent") < 0.89
    assert majority_accuracy(only(records, NUTRITION), "Intent") < majority_accuracy(records, "Intent") - 0.05
    assert majority_accuracy(only(records, RARE), "Intent") < 0.65
    assert majority_accuracy(only(records, COMPLEX), "IntentArg") < 0.6 < majority_accuracy(records, "IntentArg") - 0.1


def test_one_batch_of_the_crowd_misread_the_guideline(records: list[Record]) -> None:
    foods = [record for record in only(records, NUTRITION) if "train" not in record["tags"]]
    judged_foods = only(foods, "batch:3"), [record for record in foods if "batch:3" not in record["tags"]]
    confused, others = (accuracy(some, "Intent", "crowd") for some in judged_foods)
    assert confused < others - 0.1


def test_every_word_of_every_template_has_a_part_of_speech() -> None:
    tags = load_facts().tags
    for row in read_table("templates"):
        words = [word for word in row["text"].split() if not word.startswith("{")]
        assert [word for word in words if "/" not in word and word not in tags] == []


def test_the_tables_are_whole() -> None:
    rows = [row for table in TABLES for row in read_table(table)]
    assert len({row["id"] for row in rows}) == len(rows) > 600
    assert all(None not in row and None not in row.values() for row in rows)
    facts = load_facts()
    regions = {e.facts["region"] for kind in facts.by_kind.values() for e in kind if "region" in e.facts}
    assert [region for region in regions if tuple(region.split()) not in facts.by_surface] == []
    assert set(COLUMN_BY_INTENT) < set(WEIGHT_BY_INTENT)
    for intent in WEIGHT_BY_INTENT:
        assert len(templates(intent).items) >= 4
        assert len(templates(intent, held_out=True).items) >= 2


def test_what_stands_around_a_question_is_not_what_it_is_about() -> None:
    asides = [ask_aside(template, Random(1)) for template in templates("before").items]
    assert any(aside.mentions for aside in asides)
    assert all(aside.argument is None for aside in asides)


def test_the_blank_application_obeys_the_format_too() -> None:
    files = blank().files
    schema = json.loads(files["schema.json"])
    found = records_of(files)
    assert {tag for record in found for tag in record["tags"]} == SPLITS
    for record in found:
        assert set(record["payloads"]) == set(schema["payloads"])
        assert set(record["tasks"]) == set(schema["tasks"])
        assert all("gold" not in labels or "train" not in record["tags"] for labels in record["tasks"].values())


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_every_example_tells_what_to_do_next(example: Callable[[int, int], Any]) -> None:
    readme = example(5, 0).files["README.md"]
    assert all(f"overton {verb} ." in readme for verb in ("check", "sources", "build", "report"))


@pytest.mark.parametrize("command", [compare_command, report_command, sources_command])
def test_what_the_help_of_a_command_names_is_there(command: ModuleType, records: list[Record]) -> None:
    words = shlex.split(command.EXAMPLE)
    named = dict(pairwise(words))
    assert named.get("--record", records[0]["id"]) in {record["id"] for record in records}
    tags = {tag for record in records for tag in record["tags"]}
    assert set(named.get("--tag", "lang:en").split(" & ")) <= tags
