"""Small predictions, gold and tags for the tests of the room, and figures of them by plain loops."""

import math
from collections.abc import Sequence

import numpy as np

from overton.codec import Predictions
from overton.data import Gold, Splits, Tags
from overton.schema import Task

NONE = np.zeros(0, np.int64)


def task_of(task_type, classes=()):
    return Task("T", "p", task_type, tuple(classes))


def predictions_of(task, label, probability=None, lengths=None):
    """Predictions out of labels; where no probability is given, 0.7 for what is predicted."""
    label = np.asarray(label, bool if task.type == "bitvector" else np.int32)
    n_labels = len(task.classes) or max(int(label.max(initial=0)) + 1, 1)
    if task.type == "bitvector":
        label = label.reshape(-1, n_labels)
    if probability is None:
        probability = np.where(label, 0.7, 0.3) if task.type == "bitvector" else _sure(label, n_labels)
    return Predictions(task, _offsets(label, lengths), np.asarray(probability, np.float32), label)


def _sure(label, n_labels):
    """0.7 for the predicted label, the rest shared by the others."""
    probability = np.full((len(label), n_labels), 0.3 / max(n_labels - 1, 1))
    probability[np.arange(len(label)), label] = 0.7
    return probability


def gold_of_labels(task, label, known=None, lengths=None):
    """Gold out of labels; -1 and None stand for units without gold."""
    if task.type == "bitvector":
        known = np.array([bits is not None for bits in label]) if known is None else np.asarray(known)
        label = np.array([bits or [False] * len(task.classes) for bits in label], bool).reshape(-1, len(task.classes))
    else:
        label = np.asarray(label, np.int32)
        known = label >= 0
    return Gold(task, _offsets(label, lengths), known, label)


def _offsets(label, lengths):
    lengths = np.ones(len(label), np.int64) if lengths is None else np.asarray(lengths, np.int64)
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def tags_of(by_record: Sequence[Sequence[str]]) -> Tags:
    names = tuple(sorted({name for tags in by_record for name in tags}))
    first = np.concatenate([[0], np.cumsum([len(tags) for tags in by_record])]).astype(np.int64)
    tag = np.array([names.index(name) for tags in by_record for name in sorted(tags)], np.int32)
    return Tags(names, first, tag)


def all_test(n_records: int) -> Splits:
    return Splits(train=NONE, dev=NONE, test=np.arange(n_records), notes=())


def random_task(rng, kind, n_records, *, n_classes=5, longest=6, missing=0.1):
    """Predictions and gold of a kind: `<type>` or `<type> list`, or `span`, with gaps in both."""
    task_type, _, listed = kind.partition(" ")
    classes = ("B-a", "B-b", "I-a", "I-b", "O") if kind == "span" else [f"c{i}" for i in range(n_classes)]
    task = task_of("multiclass" if kind == "span" else task_type, () if task_type == "select" else classes)
    lengths = rng.integers(0, longest, n_records) if listed or kind == "span" else np.ones(n_records, int)
    n, width = int(lengths.sum()), len(classes)
    score = rng.normal(size=(n, width)) * 1.5
    if task_type == "bitvector":
        gold = rng.random((n, width)) < 0.3
        probability = 1 / (1 + np.exp(-score - 3 * gold + 1.5))
        known = rng.random(n) > missing
        label = [bits.tolist() if there else None for bits, there in zip(gold, known, strict=True)]
        return (
            predictions_of(task, probability > 0.5, probability, lengths),
            gold_of_labels(task, label, known, lengths=lengths),
        )
    gold = rng.integers(0, width, n)
    score[np.arange(n), gold] += 2
    probability = np.exp(score) / np.exp(score).sum(axis=1, keepdims=True)
    said = np.where(rng.random(n) < missing / 2, -1, probability.argmax(axis=1))
    gold[rng.random(n) < missing] = -1
    return predictions_of(task, said, probability, lengths), gold_of_labels(task, gold, lengths=lengths)


def brute_force(said: Predictions, gold: Gold, records: Sequence[int], span: bool = False) -> dict[str, float]:
    """The figures of some records (but the calibration error) as one would write them down first, unit by unit."""
    units = [unit for record in records for unit in range(gold.offsets[record], gold.offsets[record + 1])]
    units = [unit for unit in units if gold.known[unit]]
    if not units:
        return {}
    classes = range(len(said.task.classes))
    if said.task.type == "bitvector":
        held = [{c for c in classes if gold.label[unit, c]} for unit in units]
        told = [{c for c in classes if said.label[unit, c]} for unit in units]
        losses = [bit_loss(said.probability[unit], gold.label[unit]) for unit in units]
    else:
        held = [{int(gold.label[unit])} for unit in units]
        told = [{int(said.label[unit])} - {-1} for unit in units]
        losses = [
            -math.log(max(float(said.probability[u, gold.label[u]]), 1e-7)) if said.label[u] >= 0 else -math.log(1e-7)
            for u in units
        ]
    share = sum(t == h for t, h in zip(told, held, strict=True)) / len(units)
    figures = {"log_loss": sum(losses) / len(units)}
    figures["exact_match" if said.task.type == "bitvector" else "accuracy"] = share
    if said.task.type == "select":
        return figures
    if span:
        held = [spans(gold, record, gold.label, said.task.classes) for record in records]
        told = [spans(gold, record, said.label, said.task.classes) for record in records]
    pairs = list(zip(told, held, strict=True))
    figures["macro_f1"] = macro_f1(pairs, key=(lambda item: item[2]) if span else (lambda item: item))
    if span or said.task.type == "bitvector":
        hit, n_told, n_held = sum(len(t & h) for t, h in pairs), sum(map(len, told)), sum(map(len, held))
        figures["precision"] = hit / n_told if n_told else None
        figures["recall"] = hit / n_held if n_held else None
        figures["span_f1" if span else "micro_f1"] = 2 * hit / (n_told + n_held) if n_told + n_held else None
    return figures


def bit_loss(probability, bits):
    """Mean over the bits; in single precision, as the probabilities are."""
    true = [p if bit else np.float32(1) - p for p, bit in zip(probability, bits, strict=True)]
    return sum(-math.log(max(float(p), 1e-7)) for p in true) / len(true)


def macro_f1(pairs, key):
    labels = {key(item) for told, held in pairs for item in told | held}
    scores = []
    for label in labels:
        hit = sum(key(item) == label for told, held in pairs for item in told & held)
        either = sum(key(item) == label for told, held in pairs for items in (told, held) for item in items)
        scores.append(2 * hit / either)
    return sum(scores) / len(scores) if scores else None


def spans(gold, record, label, classes):
    """Spans of one record as (start, end, type), by the rules of conlleval, token by token."""
    found, open_span = set(), None
    for unit in range(gold.offsets[record], gold.offsets[record + 1]):
        name = classes[label[unit]] if gold.known[unit] and label[unit] >= 0 else "O"
        prefix, _, kind = name.partition("-")
        if open_span and (prefix != "I" or kind != open_span[1]):
            found.add((open_span[0], unit, open_span[1]))
            open_span = None
        if prefix in ("B", "I") and open_span is None:
            open_span = (unit, kind)
    if open_span:
        found.add((open_span[0], int(gold.offsets[record + 1]), open_span[1]))
    return found
