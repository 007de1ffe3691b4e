"""How right combined labels are: majority vote, Overton and label models of other packages, on the same votes.

    python benchmarks/supervision.py [DATA] [--sets youtube,sms] [--methods majority,overton,snorkel] [--markdown]

DATA is a folder of applications (default: the variable OVERTON_TEST_DATA). A set is every folder of DATA/weak with a
file train_gold.jsonl.gz, measured on that, and every task of DATA/factoid-en, measured on the gold of its dev and test
records. All methods see the votes of all splits and no gold. The other packages come with the extra `bench`; what is
missing is told and left out. Text sets also tell how right a TF-IDF model is that was trained on each method's labels.

A second table says what parts of ours bring: neighbouring tokens, and gold on dev records, measured on all others.
"""

import argparse
import gzip
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from label_peers import PEERS, NotFinishedError, Peer, bit_matrices, predict, time_limit, version_of, vote_matrix
from numpy import ndarray

from overton.data import GOLD, Dataset, Gold, Votes, gold_of
from overton.data.files import data_files, load_dataset
from overton.schema.files import load_schema
from overton.supervision import combine

# Columns that are ours: what `combine` is told.
OURS: Mapping[str, Mapping[str, Any]] = {"majority": {"method": "majority"}, "overton": {}}
# Columns of the second table: what `combine` is told, and whether it sees the gold of dev records.
PARTS: Mapping[str, tuple[Mapping[str, Any], bool]] = {
    "majority": ({"method": "majority"}, False),
    "no chain": ({"chain": False}, False),
    "overton": ({}, False),
    "no chain, dev gold": ({"chain": False}, True),
    "dev gold": ({}, True),
}
BASE = "majority"  # what every method should be better than
CROWD = 100  # so many sources are people, not rules
TIE = 1e-6
MOST = 10  # classes of one item that the end model learns from; all 69 of a flat label cost many minutes
OUTSIDE = "O"
SOFT, HARD = "end model, soft", "end model, argmax"
SECONDS, LOG_LOSS, FLIPPED = "seconds", "log loss", "unanimous flipped"

NOTE = """* some sets are missing: failed, or took too long. Bits: the others fit one model a bit. Select: the others
take the number of a candidate for a class, and only what they say of the candidates of an item is counted."""

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class LabelSet:
    """Votes of one task, and what is known of the truth.

    Attributes:
        name: Name of the folder, with that of the task where there are several.
        kind: `text`, `crowd`, `token`, `bits` or `select`.
        dataset: The records.
        votes: The votes of all sources but `gold`.
        truth: Gold that accuracy is measured against.
        named: Which labels that gold speaks of, bool of shape (label,).
        spans: Gold that entities are measured against, by name of the figure; empty where there are no entities.
        train_gold: Whether the truth is that of the training records.
    """

    name: str
    kind: str
    dataset: Dataset
    votes: Votes
    truth: Gold
    named: ndarray
    spans: Mapping[str, Gold]
    train_gold: bool


@dataclass(frozen=True, slots=True)
class Predicted:
    """What a method says of each unit: `probability` of shape (unit, label), and which units it speaks of."""

    probability: ndarray
    known: ndarray


@dataclass(frozen=True, slots=True)
class Results:
    """All figures, by set and column; a text instead of figures says why there are none."""

    kinds: dict[str, str] = field(default_factory=dict)
    figures: dict[str, dict[str, Figures | str]] = field(default_factory=dict)
    gold: dict[str, Figures] = field(default_factory=dict)
    parts: dict[str, dict[str, Figures]] = field(default_factory=dict)

    def of(self, method: str, figure: str | None = None, *, kinds: str | None = None) -> dict[str, float]:
        """One figure of a method (None: the first, which ranks) in each set of some kinds that has it."""
        found = {}
        for name, row in self.figures.items():
            own = row[method]
            if isinstance(own, dict) and (kinds is None or self.kinds[name] in kinds.split()):
                wanted = next(iter(own)) if figure is None else figure
                if wanted in own:
                    found[name] = own[wanted]
        return found


def main() -> None:
    """Measure every method on every set and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", type=Path, default=os.environ.get("OVERTON_TEST_DATA"))
    parser.add_argument("--sets", help="names, parted by commas; all of them where not given")
    parser.add_argument("--methods", default=",".join([*OURS, *PEERS]))
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    if options.data is None or not (Path(options.data) / "weak").is_dir():
        print("no data: name a folder of applications that has weak/, or set OVERTON_TEST_DATA")
        return
    methods = usable(options.methods.split(","))
    results = Results()
    for label_set in read_sets(Path(options.data), options.sets.split(",") if options.sets else None):
        measure_set(label_set, methods, results)
        measure_parts(label_set, results)
    print_table(table(results, methods), methods, markdown=options.markdown)
    print(NOTE)
    print("\nWhat parts of ours bring, on records that are not dev")
    print_table(table_of_parts(results), list(PARTS), markdown=options.markdown)
    if options.json:
        found = {name: {"kind": results.kinds[name], "methods": row} for name, row in results.figures.items()}
        options.json.write_text(json.dumps({"sets": found, "gold": results.gold, "parts": results.parts}, indent=1))


def usable(methods: Sequence[str]) -> list[str]:
    """The methods that can be imported; prints the version of each peer, or why it is left out."""
    left = [method for method in methods if method in OURS]
    for method in methods:
        if method not in OURS:
            version, reason = version_of(PEERS[method])
            print(f"{method}: {f'{PEERS[method].package} {version}' if version else f'left out: {reason}'}")
            left += [method] if version else []
    return left


def measure_set(label_set: LabelSet, methods: Sequence[str], results: Results) -> None:
    """Run every method on a set and note its figures."""
    results.kinds[label_set.name] = label_set.kind
    row = results.figures[label_set.name] = {}
    final = EndModel.of(label_set) if label_set.kind == "text" else None
    for method in methods:
        try:
            predicted, seconds = run(method, label_set.votes)
        except Exception as error:  # the outermost edge to the code of others: what fails is told in its place
            if method in OURS:
                raise
            row[method] = str(error) if isinstance(error, NotFinishedError) else f"{type(error).__name__}: {error}"
        else:
            row[method] = {**measure(label_set, predicted), SECONDS: seconds}
            if final is not None:
                row[method].update(final.figures(predicted))
        print(f"{label_set.name} {method}: {row[method]}", file=sys.stderr, flush=True)
    if final is not None and label_set.train_gold:
        truth = label_set.truth.label
        sure = np.arange(len(label_set.votes.task.classes)) == truth[:, None]
        results.gold[label_set.name] = final.figures(Predicted(sure.astype(np.float32), truth >= 0))


def measure_parts(label_set: LabelSet, results: Results) -> None:
    """Run ours with and without its parts and note the figures on the records that are not dev."""
    votes = label_set.dataset.votes(label_set.votes.task.name)
    dev = label_set.dataset.tags.has("dev")
    units = np.repeat(~dev, np.diff(votes.offsets))
    truth = replace(label_set.truth, known=label_set.truth.known & units)
    spans = {name: replace(gold, known=gold.known & units) for name, gold in label_set.spans.items()}
    rest = replace(label_set, truth=truth, spans=spans)
    row = results.parts[label_set.name] = {}
    for part, (told, sees_dev) in PARTS.items():
        if (sees_dev and not gold_of(votes).known[~units].any()) or ("chain" in told and not votes.ordered):
            continue
        targets = combine(votes, **told, dev=dev if sees_dev else None).targets
        known = targets.index >= 0
        probability = targets.table[np.where(known, targets.index, 0)] * known[:, None]
        row[part] = measure(rest, Predicted(probability, known))


# ---------------------------------------------------------------------------------------------------------------- sets


def read_sets(data: Path, names: Sequence[str] | None) -> Iterator[LabelSet]:
    """The sets of a folder of applications, one after the other; each may be used until the next is asked for."""
    folders = sorted(path.parent for path in data.glob("weak/*/train_gold.jsonl.gz"))
    for folder in [*folders, *data.glob("factoid-en")]:
        if names is not None and folder.name not in {name.partition("/")[0] for name in names}:
            continue
        with tempfile.TemporaryDirectory() as cache:
            dataset = load_dataset(load_schema(folder / "schema.json"), data_files(folder / "data"), Path(cache))
            for task in dataset.schema.tasks:
                name = f"{folder.name}/{task.name}" if len(dataset.schema.tasks) > 1 else folder.name
                if names is None or name in names or folder.name in names:
                    yield label_set_of(name, dataset, task.name, folder / "train_gold.jsonl.gz")


def label_set_of(name: str, dataset: Dataset, task: str, train_gold: Path) -> LabelSet:
    """One task of a data set, with the gold of its training records where there is a file of it, else that in it."""
    votes = dataset.votes(task)
    own = gold_of(votes)
    truth, named = own, np.ones(max(len(votes.task.classes), 1), bool)
    if train_gold.exists():
        truth, named = read_gold(train_gold, dataset, votes)
    spans = {}
    is_token = dataset.schema.unit(votes.task) == "token" and votes.task.type == "multiclass"
    if is_token and OUTSIDE in votes.task.classes:
        test = np.repeat(dataset.tags.has("test"), np.diff(own.offsets))
        spans = {"F1 of entities": truth, "F1 of entities, test": replace(own, known=own.known & test)}
    votes = without_gold(votes)
    n_sources = len(np.unique(votes.source))
    on_record = "crowd" if n_sources >= CROWD else "text"
    kind = {"bitvector": "bits", "select": "select"}.get(votes.task.type, "token" if is_token else on_record)
    return LabelSet(name, kind, dataset, votes, truth, named, spans, train_gold.exists())


def read_gold(path: Path, dataset: Dataset, votes: Votes) -> tuple[Gold, ndarray]:
    """The gold in a file of labels by id, and which labels it speaks of."""
    row_of = {id_: row for row, id_ in enumerate(dataset.ids(np.arange(dataset.n_records)))}
    classes = votes.task.classes
    is_bits = votes.task.type == "bitvector"
    known = np.zeros(votes.n_units, bool)
    label = np.zeros((votes.n_units, len(classes)), bool) if is_bits else np.full(votes.n_units, -1, np.int32)
    named = np.full(len(classes), not is_bits)
    for line in gzip.decompress(path.read_bytes()).splitlines():
        record = json.loads(line)
        value = record["tasks"][votes.task.name][GOLD]
        begin, end = votes.offsets[row_of[record["id"]] : row_of[record["id"]] + 2]
        if is_bits:
            known[begin] = True
            for name, holds in value.items():
                bit = _class_of(name, classes)
                label[begin, bit], named[bit] = bool(holds), True
            continue
        for unit, name in zip(range(begin, end), value if isinstance(value, list) else [value], strict=False):
            if name is not None:
                known[unit], label[unit] = True, classes.index(name)
    return Gold(votes.task, votes.offsets, known, label), named


def _class_of(name: str, classes: Sequence[str]) -> int:
    """The class of that name, or the only one that begins with it: gold may say `cause` where sources say `causes`."""
    if name in classes:
        return classes.index(name)
    (found,) = (number for number, one in enumerate(classes) if one.startswith(name))
    return found


def without_gold(votes: Votes) -> Votes:
    """The votes of all sources but `gold`."""
    if GOLD not in votes.sources:
        return votes
    gold = votes.sources.index(GOLD)
    keep = votes.source != gold
    size = np.diff(votes.first)
    entries = np.repeat(keep, size)
    return replace(
        votes,
        sources=(*votes.sources[:gold], *votes.sources[gold + 1 :]),
        unit=votes.unit[keep],
        source=(votes.source - (votes.source > gold))[keep].astype(np.int32),
        first=np.concatenate([[0], np.cumsum(size[keep])]),
        label=votes.label[entries],
        probability=votes.probability[entries],
    )


# ------------------------------------------------------------------------------------------------------------- methods


def run(method: str, votes: Votes) -> tuple[Predicted, float]:
    """What a method says, and its seconds of fitting and predicting."""
    if method in OURS:
        start = time.perf_counter()
        targets = combine(votes, **OURS[method]).targets
        seconds = time.perf_counter() - start
        known = targets.index >= 0
        return Predicted(targets.table[np.where(known, targets.index, 0)] * known[:, None], known), seconds
    peer = PEERS[method]
    warm_up(peer)
    with time_limit(peer.limit):
        units, found, seconds = run_peer(peer, votes)
    if votes.candidates is not None:
        found = found * (np.arange(found.shape[1]) < votes.candidates[units, None]) + 1e-12
        found /= found.sum(1, keepdims=True)
    probability = np.zeros((votes.n_units, found.shape[1]), np.float32)
    probability[units] = found
    known = np.zeros(votes.n_units, bool)
    known[units] = True
    return Predicted(probability, known), seconds


@cache
def warm_up(peer: Peer) -> None:
    """Let a peer do what is done once a process, before its time is taken."""
    predict(peer, np.array([[0, 1, 0], [1, 1, -1], [0, 0, 0], [1, 1, 1]]), 2)


def run_peer(peer: Peer, votes: Votes) -> tuple[ndarray, ndarray, float]:
    """The units that a peer was given, the probability of each label of them, and its seconds."""
    if votes.task.type == "bitvector":
        units, matrices = bit_matrices(votes)
        start = time.perf_counter()
        found = np.stack([predict(peer, matrix, 2)[:, 1] for matrix in matrices], axis=1)
    else:
        # Tokens that nobody marks are given to none: their silence would make the entities of all of them worse.
        units, matrix = vote_matrix(votes, every=peer.sees_all and votes.n_units == votes.n_records)
        n_labels = len(votes.task.classes) if votes.candidates is None else int(votes.candidates.max())
        start = time.perf_counter()
        found = predict(peer, matrix, n_labels)
    return units, found, time.perf_counter() - start


# ------------------------------------------------------------------------------------------------------------ measures


def measure(label_set: LabelSet, predicted: Predicted) -> Figures:
    """The figures of one method; the first of them ranks."""
    votes, truth = label_set.votes, label_set.truth
    voted = np.zeros(votes.n_units, bool)
    voted[votes.unit] = True
    units = np.flatnonzero(voted & truth.known & predicted.known)
    figures = {name: entity_f1(gold, predicted) for name, gold in label_set.spans.items()}
    if votes.task.type == "bitvector":
        said, true = predicted.probability[units][:, label_set.named], truth.label[units][:, label_set.named]
        figures["F1"] = f1(int(((said > 0.5) & true).sum()), int((said > 0.5).sum()), int(true.sum()))
        of_truth = np.where(true, said, 1 - said)
    else:
        said, true = predicted.probability[units], truth.label[units]
        tied = said >= said.max(1, keepdims=True) - TIE
        figures["accuracy"] = float((tied[np.arange(len(units)), true] / tied.sum(1)).mean())
        of_truth = said[np.arange(len(units)), true]
    figures[LOG_LOSS] = float(-np.log(np.clip(of_truth, 1e-6, 1)).mean())
    figures[FLIPPED] = float(flipped(votes, predicted))
    return figures


def f1(right: int, said: int, true: int) -> float:
    """Harmonic mean of precision and recall."""
    return 2 * right / max(said + true, 1)


def entity_f1(gold: Gold, predicted: Predicted) -> float:
    """F1 of the spans of the records with gold; what nobody marks is outside."""
    outside = gold.task.classes.index(OUTSIDE)
    label = np.where(predicted.known, predicted.probability.argmax(1), outside)
    true = spans_of(gold, np.where(gold.known, gold.label, outside))
    said = spans_of(gold, label)
    return f1(len(said & true), len(said), len(true))


def spans_of(gold: Gold, label: ndarray) -> set[tuple[int, int, int]]:
    """Begin, end and type of the entities among units with gold: BIO spans, or else runs of one class."""
    classes = gold.task.classes
    is_bio = any(name.startswith("B-") for name in classes)
    types = [name.partition("-")[2] if is_bio and name != OUTSIDE else name for name in classes]
    number = np.array([-1 if name == OUTSIDE else types.index(name) for name in types])
    begins_anew = np.array([is_bio and name.startswith("B-") for name in classes])
    type_ = np.where(gold.known, number[label], -1)
    before = np.concatenate([[-1], type_[:-1]])
    before[gold.offsets[:-1][gold.offsets[:-1] < len(before)]] = -1
    begins = (type_ >= 0) & (begins_anew[label] | (type_ != before))
    ends = np.append(np.flatnonzero(begins | (type_ < 0)), len(label))
    start = np.flatnonzero(begins)
    stop = ends[np.searchsorted(ends, start, side="right")]
    return set(zip(start.tolist(), stop.tolist(), type_[start].tolist(), strict=True))


def flipped(votes: Votes, predicted: Predicted) -> int:
    """Number of units whose sources all say the same, of which the method says something else."""
    cell = np.repeat(np.arange(len(votes.unit)), np.diff(votes.first))
    said = np.zeros(len(votes.unit), np.int64)
    code = np.random.default_rng(0).integers(1, 2**40, predicted.probability.shape[1])
    np.add.at(said, cell, code[votes.label])
    begin = np.flatnonzero(np.diff(votes.unit, prepend=-1))
    agree = begin[np.minimum.reduceat(said, begin) == np.maximum.reduceat(said, begin)]
    probability = predicted.probability[votes.unit[agree]]
    if votes.task.type == "bitvector":
        holds = np.zeros((len(votes.unit), probability.shape[1]), bool)
        holds[cell, votes.label] = True
        return int((np.where(holds[agree], probability, 1 - probability) < 0.5 - TIE).any(1).sum())
    own = probability[np.arange(len(agree)), votes.label[votes.first[agree]]]
    return int((own < probability.max(1) - TIE).sum())


# ----------------------------------------------------------------------------------------------------------- end model


@dataclass(frozen=True, slots=True)
class EndModel:
    """TF-IDF and logistic regression on the training records that have votes, measured on the test split's gold."""

    train: ndarray
    train_words: Any
    test_words: Any
    test_label: ndarray

    @classmethod
    def of(cls, label_set: LabelSet) -> "EndModel | None":
        """The words of a set; None where scikit-learn or the gold of the test split is missing."""
        try:
            from sklearn.feature_extraction.text import TfidfVectorizer
        except ImportError:
            return None
        gold = gold_of(label_set.dataset.votes(label_set.votes.task.name))
        tags = label_set.dataset.tags
        train = np.intersect1d(tags.rows("train"), label_set.votes.unit)
        test = np.flatnonzero(tags.has("test") & gold.known)
        if not len(test):
            return None
        vectorizer = TfidfVectorizer(sublinear_tf=True)
        words = vectorizer.fit_transform(texts(label_set, train))
        return cls(train, words, vectorizer.transform(texts(label_set, test)), gold.label[test])

    def figures(self, predicted: Predicted) -> Figures:
        """Test accuracy with probabilities and with the best guesses as labels."""
        probability = predicted.probability[self.train]
        best = np.arange(probability.shape[1]) == probability.argmax(1)[:, None]
        return {SOFT: self.accuracy(probability), HARD: self.accuracy(best.astype(np.float32))}

    def accuracy(self, probability: ndarray) -> float:
        """Test accuracy; an item counts for each of its most probable classes with its probability."""
        from sklearn.linear_model import LogisticRegression

        least = np.sort(probability, axis=1)[:, -MOST:][:, :1]
        item, label = np.nonzero(probability >= np.maximum(least, 1e-3))
        if len(np.unique(label)) == 1:
            return float((self.test_label == label[0]).mean())
        model = LogisticRegression(max_iter=1000)
        model.fit(self.train_words[item], label, sample_weight=probability[item, label])
        return float((model.predict(self.test_words) == self.test_label).mean())


def texts(label_set: LabelSet, rows: ndarray) -> list[str]:
    """The text of some records: that of the task's payload, or the tokens of a sequence."""
    schema = label_set.dataset.schema
    tokens = next((payload.field for payload in schema.payloads if payload.type == "sequence"), "")
    found = []
    for values in label_set.dataset.payloads(rows):
        text = values.get(schema.payload(label_set.votes.task.payload).field)
        found.append(text if isinstance(text, str) else " ".join(values.get(tokens) or []))
    return found


# --------------------------------------------------------------------------------------------------------------- table


def table(results: Results, methods: Sequence[str]) -> list[tuple[str, str, list[str]]]:
    """Set, figure and the cells of all methods, the summary last."""
    rows = []
    for name, row in results.figures.items():
        for figure in dict.fromkeys(key for own in row.values() if isinstance(own, dict) for key in own):
            bound = results.gold.get(name, {}).get(figure)
            title = figure if bound is None else f"{figure} (gold {bound:.3f})"
            rows.append((name, title, [_cell(row[method], figure) for method in methods]))
    return rows + summary(results, methods)


def table_of_parts(results: Results) -> list[tuple[str, str, list[str]]]:
    """Set, figure and the cells of all parts."""
    return [
        (name, figure, [_cell(row.get(part, ""), figure) for part in PARTS])
        for name, row in results.parts.items()
        for figure in row["overton"]
        if figure != FLIPPED
    ]


def summary(results: Results, methods: Sequence[str]) -> list[tuple[str, str, list[str]]]:
    """Means over sets, and counts; a star marks what a method is missing sets for."""
    wanted: list[tuple[str, str | None, str | None]] = [
        ("accuracy, text sets", "accuracy", "text"),
        ("accuracy, crowd sets", "accuracy", "crowd"),
        ("F1 of entities", "F1 of entities", "token"),
        (f"{SOFT} labels", SOFT, "text"),
        (f"{HARD} labels", HARD, "text"),
        (LOG_LOSS, LOG_LOSS, None),
        (SECONDS, SECONDS, None),
    ]
    rows = []
    for title, figure, kinds in wanted:
        own = {method: results.of(method, figure, kinds=kinds) for method in methods}
        most = max((len(found) for found in own.values()), default=0)
        bounds = [row[figure] for row in results.gold.values() if figure in row]
        title += f" (gold {np.mean(bounds):.3f}, {len(bounds)} of {most} sets)" if bounds else ""
        cells = [
            _number(float(np.mean([*found.values()])), figure) + "*" * (len(found) < most) if found else "-"
            for found in own.values()
        ]
        rows.append(("mean", title, cells))
    first = {method: results.of(method) for method in methods}
    n_sets = len(results.figures)
    stars = ["*" * (len(first[method]) < n_sets) for method in methods]
    rank = ranks(first, results)
    rows.append(
        ("all", "average rank", [f"{rank[method]:.2f}{star}" for method, star in zip(methods, stars, strict=True)])
    )
    if BASE in first:
        below = [sum(value < first[BASE][name] - 0.01 for name, value in first[one].items()) for one in methods]
        rows.append(("all", f"sets > 1 point below {BASE}", [f"{n}{s}" for n, s in zip(below, stars, strict=True)]))
    turned = [sum(results.of(method, FLIPPED).values()) for method in methods]
    rows.append(("all", FLIPPED, [f"{n:.0f}{s}" for n, s in zip(turned, stars, strict=True)]))
    return rows


def ranks(first: Mapping[str, Mapping[str, float]], results: Results) -> dict[str, float]:
    """The mean rank of each method over the sets that it has; 1 is best, and ties share theirs."""
    found: dict[str, list[float]] = {method: [] for method in first}
    for name in results.figures:
        values = {method: own[name] for method, own in first.items() if name in own}
        for method, value in values.items():
            better = sum(other > value + TIE for other in values.values())
            same = sum(abs(other - value) <= TIE for other in values.values())
            found[method].append(better + (same + 1) / 2)
    return {method: float(np.mean(own)) if own else float("nan") for method, own in found.items()}


def _cell(figures: Figures | str, figure: str) -> str:
    return _number(figures[figure], figure) if isinstance(figures, dict) and figure in figures else "-"


def _number(value: float, figure: str | None) -> str:
    return f"{value:.0f}" if figure == FLIPPED else f"{value:.2f}" if figure == SECONDS else f"{value:.3f}"


def print_table(rows: Sequence[tuple[str, str, list[str]]], methods: Sequence[str], *, markdown: bool) -> None:
    """Print it with columns of one width, or as Markdown."""
    lines = [("set", "figure", list(methods)), *rows]
    wide = [max(len(line[place]) for line in lines) for place in (0, 1)]
    cell = max(9, *(len(text) for line in lines for text in line[2]))
    for number, (name, figure, cells) in enumerate(lines):
        words = [name.ljust(wide[0]), figure.ljust(wide[1]), *(text.rjust(cell) for text in cells)]
        print(f"| {' | '.join(words)} |" if markdown else "  ".join(words))
        if markdown and not number:
            print(f"|---|---|{'---:|' * len(methods)}")


if __name__ == "__main__":
    main()
