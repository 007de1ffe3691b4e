"""Hidden subsets of real questions, and predictions that are wrong where a test wants them to be."""

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from overton.codec import Predictions
from overton.data import Dataset, gold_of
from overton.data.files import load_dataset
from overton.review.discover import find_slices
from overton.schema.files import load_schema

RARE, USUAL = 0.37, 0.08  # how often a version of factoid-en errs on intents that training hardly has, and on others
PLANTED = {
    "born, 8 tokens or more": (lambda own, tags: "born" in own and len(own) >= 8, ("'born'", "n_tokens >= 8")),
    "album": (lambda own, tags: "album" in own, ("'album'",)),
    "country, a batch": (
        lambda own, tags: "country" in own and "batch:test-02" in tags,
        ("'country'", "batch:test-02"),
    ),
    "what, 5 tokens or fewer": (lambda own, tags: "what" in own and len(own) <= 5, ("'what'", "n_tokens <= 5")),
    "two words": (lambda own, tags: {"genre", "music"} <= set(own), ("'genre'", "'music'")),
    "a slice, of an origin": (
        lambda own, tags: "slice:list_query" in tags and "origin:sq-valid" in tags,
        ("slice:list_query", "origin:sq-valid"),
    ),
}


@dataclass(frozen=True)
class Questions:
    """Real questions with gold.

    Attributes:
        dataset: The records.
        rows: Those with a gold intent, int64.
        tokens: Their words in lower case.
        tags: Their tags.
    """

    dataset: Dataset
    rows: np.ndarray
    tokens: list[list[str]]
    tags: list[set[str]]

    def subset(self, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
        """Which of them are in a subset of `PLANTED`, bool, and what tells of it in the expression of a slice."""
        holds, told = PLANTED[name]
        return np.array([holds(own, bears) for own, bears in zip(self.tokens, self.tags, strict=True)]), told

    def errors(self, rng: np.random.Generator) -> np.ndarray:
        """Errors at random, as a version of factoid-en makes them."""
        rare = np.array(["eval:rare_intent" in bears for bears in self.tags])
        return rng.random(len(self.rows)) < np.where(rare, RARE, USUAL)


def real_questions(source: Path, folder: Path) -> Questions:
    """The questions of dev and test of factoid-en.

    Args:
        source: Its directory.
        folder: A directory to write to.
    """
    with gzip.open(source / "data" / "records.jsonl.gz", "rt") as file:
        (folder / "records.jsonl").write_text("".join(line for line in file if '"test"' in line or '"dev"' in line))
    dataset = load_dataset(load_schema(source / "schema.json"), [folder / "records.jsonl"], folder / "rows")
    rows = np.flatnonzero(gold_of(dataset.votes("Intent")).known)
    tags = dataset.tags
    bears = [{tags.names[k] for k in tags.tag[tags.first[row] : tags.first[row + 1]].tolist()} for row in rows]
    return Questions(dataset, rows, tokens_of(dataset, rows), bears)


def predictions_with_errors(dataset: Dataset, rows: np.ndarray, task: str, wrong: np.ndarray) -> Predictions:
    """Gold but where it is to be wrong, there any other class."""
    gold = gold_of(dataset.votes(task))
    n_classes = len(gold.task.classes)
    shift = np.random.default_rng(0).integers(1, n_classes, len(rows))
    label = (np.maximum(gold.label[rows], 0) + wrong * shift) % n_classes
    probability = np.full((len(rows), n_classes), 0.1, np.float32)
    probability[np.arange(len(rows)), label] = 0.8
    return Predictions(gold.task, np.arange(len(rows) + 1), probability, label.astype(np.int32))


def find(dataset: Dataset, rows: np.ndarray, task: str, wrong: np.ndarray, **more: object):
    said = {task: predictions_with_errors(dataset, rows, task, wrong)}
    return find_slices(dataset, rows, said, task, version="v", splits=("test",), **more)


def tokens_of(dataset: Dataset, rows: np.ndarray) -> list[list[str]]:
    return [[token.lower() for token in payloads["tokens"]] for payloads in dataset.payloads(rows)]
