"""What the records of a version looked like and what it said of them: what later records are held against.

Words and lengths are those of the training data. What the version predicts and how sure it is are counted on dev and
test, which it did not learn from. How often a record is to have a word that training never had is told by how many
training records have a word that no other has: leaving each out in turn (Good 1953, doi:10.1093/biomet/40.3-4.237).
Dev and test would not tell it where they are made to be harder than what people ask.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy import ndarray

from overton.base import OvertonError, Problem
from overton.codec import Predictions
from overton.data import Batch, Dataset, parts_of
from overton.evaluate.examples import least_sure
from overton.evaluate.sketch import Sketch, parse_sketch, sketch_of
from overton.evaluate.words import item_payloads, lower_items

FORMAT = 1
MOST_RECORDS = 5000  # of dev and test, on which predictions are counted
MOST_WORDS = 500
MOST_CONFIDENCES = 1000
CHUNK = 512
NULL = "null"
NOTHING = "(nothing)"  # where no class holds, or nothing was predicted


@dataclass(frozen=True, slots=True)
class PayloadProfile:
    """One payload.

    Attributes:
        lengths: Number of training records by number of tokens or members, as text; `null` where it is missing.
        records: Number of training records.
        words: Number of training records by word, of the words in most.
        seen: All words of training.
        novel: Training records with a word that no other training record has.
    """

    lengths: Mapping[str, int]
    records: int
    words: Mapping[str, int]
    seen: Sketch
    novel: int


@dataclass(frozen=True, slots=True)
class TaskProfile:
    """What is predicted of one task.

    Attributes:
        records: Records that something was predicted of.
        classes: Number of predictions by class, `(nothing)` among them; where a record has several, each counts as its
            share of the record, since those of one record go together.
        confidence: Probability of the prediction of some records, of the least sure one where a record has several.
    """

    records: int
    classes: Mapping[str, float]
    confidence: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """The profile of a version.

    Attributes:
        payloads: By name of the payload.
        tasks: By name of the task.
        slices: Number of records that are predicted to belong to each slice with capacity, on dev and test.
        records: Number of these records.
    """

    payloads: Mapping[str, PayloadProfile]
    tasks: Mapping[str, TaskProfile]
    slices: Mapping[str, int]
    records: int

    def to_json(self) -> dict[str, Any]:
        """The JSON value of `profile.json`."""
        return {
            "format": FORMAT,
            "records": self.records,
            "payloads": {
                name: {
                    "records": one.records,
                    "lengths": dict(one.lengths),
                    "words": dict(one.words),
                    "seen": one.seen.to_json(),
                    "novel": one.novel,
                }
                for name, one in self.payloads.items()
            },
            "tasks": {
                name: {"records": one.records, "classes": dict(one.classes), "confidence": list(one.confidence)}
                for name, one in self.tasks.items()
            },
            "slices": dict(self.slices),
        }


def parse_profile(value: Any) -> Profile:
    """The profile that `Profile.to_json` told.

    Raises:
        OvertonError: Where the value is none, or one of another format.
    """
    try:
        if value["format"] != FORMAT:
            raise ValueError(f"format {value['format']!r}; expected {FORMAT}")
        payloads = {name: {**one, "seen": parse_sketch(one["seen"])} for name, one in value["payloads"].items()}
        return Profile(
            payloads={name: PayloadProfile(**one) for name, one in payloads.items()},
            tasks={name: msgspec.convert(one, TaskProfile) for name, one in value["tasks"].items()},
            slices=value["slices"],
            records=value["records"],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        hint = "Build the version again with this Overton"
        raise OvertonError(Problem(f"not a profile: {error}", "report.bad", "profile.json", hint=hint)) from None


def profile_of(
    dataset: Dataset,
    predict: Callable[[ndarray], Mapping[str, Predictions]],
    memberships: Callable[[Batch], ndarray],
    slices: tuple[str, ...] = (),
) -> Profile:
    """The profile of a version.

    Args:
        dataset: The records that it was built on.
        predict: What it says of some records, by task.
        memberships: Probability that each record of a batch belongs to each slice, of shape (record, slice).
        slices: Names of the slices.
    """
    train, held = dataset.splits.train, np.sort(np.concatenate([dataset.splits.dev, dataset.splits.test]))
    held = held if len(held) else train
    held = held[np.unique(np.linspace(0, len(held) - 1, min(len(held), MOST_RECORDS)).astype(np.int64))]
    predictions = predict(held)
    return Profile(
        payloads={payload.name: _payload(dataset, payload.name, train) for payload in item_payloads(dataset)},
        tasks={name: task_profile(said) for name, said in predictions.items()},
        slices=member_counts(dataset, held, memberships, slices),
        records=len(held),
    )


def length_counts(dataset: Dataset, payload: str, rows: ndarray) -> dict[str, int]:
    """Number of records by number of tokens or members, in order; `null` where the payload is missing."""
    present = np.concatenate(
        [np.zeros(0, np.bool_), *(batch.columns[payload].present for batch in _batches(dataset, rows))]
    )
    length, count = np.unique(dataset.item_lengths(payload)[rows][present], return_counts=True)
    missing = {NULL: int((~present).sum())} if not present.all() else {}
    return {**{str(n): k for n, k in zip(length.tolist(), count.tolist(), strict=True)}, **missing}


def task_profile(said: Predictions) -> TaskProfile:
    """What is predicted of one task."""
    length = np.diff(said.offsets)
    weight = np.repeat(1 / np.maximum(length, 1), length)
    if said.task.type == "bitvector":
        names = [*said.task.classes, NOTHING]
        held = np.concatenate([said.label, ~said.label.any(axis=1, keepdims=True)], axis=1)
        count = weight @ (held / held.sum(axis=1, keepdims=True)) if len(held) else np.zeros(len(names))
    else:
        width = max(int(said.label.max(initial=-1)) + 1, len(said.task.classes))
        names = [*(said.task.classes or map(str, range(width))), NOTHING]
        count = np.bincount(np.where(said.label < 0, width, said.label), weight, width + 1)
    confidence = np.sort(least_sure(said))
    confidence = confidence[~np.isnan(confidence)]
    some = np.unique(np.linspace(0, len(confidence) - 1, min(len(confidence), MOST_CONFIDENCES)).astype(np.int64))
    return TaskProfile(
        records=int((length > 0).sum()),
        classes={name: round(float(n), 3) for name, n in zip(names, count, strict=True) if n > 0},
        confidence=tuple(np.round(confidence[some].astype(np.float64), 4).tolist()),
    )


def member_counts(
    dataset: Dataset, rows: ndarray, memberships: Callable[[Batch], ndarray], slices: tuple[str, ...]
) -> dict[str, int]:
    """Number of some records that are predicted to belong to each slice."""
    count = np.zeros(len(slices), np.int64)
    for batch in _batches(dataset, rows) if slices else ():
        count += (memberships(batch) > 0.5).sum(axis=0)
    return dict(zip(slices, count.tolist(), strict=True))


def _payload(dataset: Dataset, name: str, train: ndarray) -> PayloadProfile:
    record, word, names = lower_items(dataset, dataset.schema.payload(name), train)
    count = np.bincount(word, minlength=len(names))
    common = np.argsort(-count, kind="stable")[:MOST_WORDS].tolist()
    return PayloadProfile(
        lengths=length_counts(dataset, name, train),
        records=len(train),
        words={names[number]: int(count[number]) for number in common},
        seen=sketch_of(names),
        novel=len(np.unique(record[count[word] == 1])) if len(word) else 0,
    )


def _batches(dataset: Dataset, rows: ndarray) -> Iterator[Batch]:
    for part in parts_of(dataset.record_lengths()[rows].tolist(), CHUNK):
        yield dataset.gather(rows[part])
