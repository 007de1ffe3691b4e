"""What a check of data files finds; and what is no fault of any line but makes a data set worth less.

Such warnings are told by `overton check` and never refused.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from overton.base import Problem
from overton.data.dataset import Dataset
from overton.data.label_check import alike_tags, label_warnings
from overton.data.names import COMBINED, GOLD, SLICE_PREFIX, SPLITS
from overton.data.tokens import tokenize

MUCH_CUT = 0.05  # of the records with a payload, from which on it is told that they are cut
UNREAD_WORDS = 0.2  # of the words of texts, from which on it is told that no model reads them
LOOKED_AT = 1000  # records, spread over the data, whose texts are read for that
ENOUGH = 0.99  # of them that the length which is proposed holds whole


@dataclass(frozen=True, slots=True)
class DataCheck:
    """What was found in some data files.

    Attributes:
        problems: Every fault, those of one kind counted together, most frequent first.
        warnings: What is suspicious, but right.
        n_records: Number of good records with payloads.
        n_lines: Number of lines that are not blank.
        counts: Other facts: `bad` lines, `amending` lines, `amended` records, `overridden` labels, records that lost
            items beyond `max_length`, `cut:<payload>` each, and labels that name such an item, `beyond:<task>` each.
    """

    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    n_records: int
    n_lines: int
    counts: Mapping[str, int]


def data_warnings(dataset: Dataset, named: Sequence[str] = ()) -> list[Problem]:
    """Everything suspicious in a data set; `named` are sources that the tuning names."""
    return [
        *cut_short(dataset),
        *same_text(dataset),
        *unread_text(dataset),
        *empty_splits(dataset),
        *empty_slices(dataset),
        *alike_tags(dataset.tags),
        *label_warnings(dataset, named),
        *counted_twice(dataset),
    ]


def counted_twice(dataset: Dataset) -> Iterator[Problem]:
    """That what was combined of the sources is one more source beside them."""
    if COMBINED in dataset.sources and set(dataset.sources) - {COMBINED, GOLD}:
        yield Problem(
            message=f"the source {COMBINED!r} is what `overton combine` writes: votes that it is made of count twice",
            code="data.counted-twice",
            hint="Take its file out of the data, or give a source of your own another name",
        )


def cut_short(dataset: Dataset) -> Iterator[Problem]:
    """Payloads of which many records lose the end, where what counts may stand."""
    for name, n_cut in dataset.cut.items():
        given = dataset.joined.full[:, dataset.joined.layout.index[name]]
        given = given[given > 0]
        if n_cut and n_cut >= MUCH_CUT * len(given):
            share, most = n_cut / len(given), dataset.schema.payload(name).max_length
            message = f"{n_cut:,} records ({share:.0%}) lose the end of {name!r}: more than its max_length of {most:,}"
            enough = int(np.quantile(given, ENOUGH, method="inverted_cdf"))  # that some record has
            hint = f"Set it in schema.json; {enough:,} would be enough for {ENOUGH:.0%} of them, and costs time"
            yield Problem(message, "data.cut-short", hint=hint, kind=name)


def same_text(dataset: Dataset) -> Iterator[Problem]:
    """Texts that stand in train and in test: the model is asked what it was told."""
    splits = dataset.splits
    content = dataset.joined.column("content")
    with_text = np.zeros(dataset.n_records, bool)
    for payload in dataset.joined.layout.items:
        if payload.type != "set":
            with_text |= dataset.item_lengths(payload.name) > 0
    train, test = splits.train[with_text[splits.train]], splits.test[with_text[splits.test]]
    again = test[np.isin(content[test], content[train])]
    if len(again):
        path, line = dataset.joined.place(int(again[0]))
        yield Problem(
            message=f"{len(again):,} of {len(splits.test):,} test records have the text of a training record",
            code="data.same-text",
            path=path,
            line=line,
            hint="Quality on test will look better than it is: keep each text in one split",
        )


def unread_text(dataset: Dataset) -> Iterator[Problem]:
    """Texts of payloads that are made of others: what these do not hold, no model reads."""
    schema = dataset.schema
    read_alone = {payload.field for payload in schema.payloads if not payload.base}
    made = [payload for payload in schema.payloads if payload.type == "singleton" and payload.field not in read_alone]
    rows = np.linspace(0, dataset.n_records - 1, min(LOOKED_AT, dataset.n_records)).astype(np.int64)
    records = dataset.payloads(rows) if made else []
    for payload in made:
        fields = {made_of.field for made_of in schema.made_of(payload.name)} - {payload.field}
        unread = total = 0
        for record in records:
            told = tokenize(str(record.get(payload.field) or "").casefold())
            words = [word for word in told if word.isalnum()]  # signs are often left out of tokens
            held = "".join("".join(_strings(record.get(name))).casefold() for name in fields)
            total += len(words)
            unread += sum(word not in held for word in words)
        if total and unread >= UNREAD_WORDS * total:
            share = f"{unread / total:.0%} of the words in the texts of {payload.name!r}"
            yield Problem(
                message=f"{share} are not in what it is made of, so that no model reads them",
                code="data.unread-text",
                hint=f"Make that text a payload of its own, and name it in the base of {payload.name!r}",
                kind=payload.name,
            )


def _strings(value: Any) -> Iterator[str]:
    """The words of the value of a payload; of members none, whose ids are no words."""
    if isinstance(value, str):
        yield from tokenize(value)
    elif isinstance(value, list | tuple):
        yield from (item for item in value if isinstance(item, str))


def empty_splits(dataset: Dataset) -> Iterator[Problem]:
    """Splits that no record is tagged with."""
    for split, note in zip(SPLITS[1:], (dataset.splits.dev, dataset.splits.test), strict=True):
        if not len(dataset.tags.rows(split)):
            held = (
                f"{len(note):,} training records are held out for it"
                if len(note)
                else "there are too few to hold any out"
            )
            yield Problem(
                message=f"no record is tagged {split!r}: {held}",
                code="data.empty-split",
                hint=f"Tag some records {split!r} so that it stays the same when data is added",
                kind=split,
            )
    if not len(dataset.splits.train):
        yield Problem(
            "no record is left to train on",
            "data.empty-split",
            hint="Records without a split are training data",
            kind="train",
        )


def empty_slices(dataset: Dataset) -> Iterator[Problem]:
    """Slices that cannot be learned, or cannot be judged, because a split has none of their records."""
    for name in dataset.tags.names:
        if not name.startswith(SLICE_PREFIX):
            continue
        has = dataset.tags.has(name)
        for split, rows in zip(SPLITS, (dataset.splits.train, dataset.splits.dev, dataset.splits.test), strict=True):
            if len(rows) and not has[rows].any():
                yield Problem(
                    message=f"the slice {name!r} has no record in {split}",
                    code="data.empty-slice",
                    hint="It cannot be learned" if split == "train" else "Its quality cannot be told",
                    kind=f"{name} {split}",
                )
