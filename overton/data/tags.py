"""Tags of records, and the splits that they make."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from overton.data.names import DEV, SPLITS, TEST

HELD_OUT = 10  # one in so many training records is held out where a split is missing


@dataclass(frozen=True, slots=True)
class Tags:
    """Which records have which tags.

    Attributes:
        names: The tags, sorted.
        first: First entry of each record in `tag`, int64 of shape (record + 1,).
        tag: Numbers of the tags of all records, int32, ascending within a record, none twice.
    """

    names: tuple[str, ...]
    first: ndarray
    tag: ndarray

    def rows(self, name: str) -> ndarray:
        """The records that have a tag, int64, ascending."""
        if name not in self.names:
            return np.zeros(0, np.int64)
        entries = np.flatnonzero(self.tag == self.names.index(name))
        rows: ndarray = np.searchsorted(self.first, entries, side="right") - 1
        return rows

    def rows_by_name(self, prefix: str) -> dict[str, ndarray]:
        """The records that have each tag that begins so, int64, ascending, by tag; all tags are looked at once."""
        order = np.argsort(self.tag, kind="stable")
        record = (np.searchsorted(self.first, np.arange(len(self.tag)), side="right") - 1)[order]
        ends = np.searchsorted(self.tag[order], np.arange(len(self.names) + 1))
        return {
            name: record[ends[number] : ends[number + 1]]
            for number, name in enumerate(self.names)
            if name.startswith(prefix)
        }

    def has(self, name: str) -> ndarray:
        """Whether each record has a tag, bool of shape (record,)."""
        found = np.zeros(len(self.first) - 1, bool)
        found[self.rows(name)] = True
        return found

    def count(self, prefix: str, rows: ndarray) -> dict[str, int]:
        """How many of some records, each named once, have each tag that begins so; zeros are told too."""
        inside = np.zeros(len(self.first) - 1, bool)
        inside[rows] = True
        counts = np.bincount(self.tag[np.repeat(inside, np.diff(self.first))], minlength=len(self.names))
        return {name: int(n) for name, n in zip(self.names, counts, strict=True) if name.startswith(prefix)}

    def by_split(self, splits: "Splits") -> dict[str, dict[str, int]]:
        """How many records of each split have each tag, by split and tag; none of the splits among the tags."""
        counts = {split: self.count("", getattr(splits, split)) for split in SPLITS}
        return {
            split: {tag: n for tag, n in found.items() if n and tag not in SPLITS} for split, found in counts.items()
        }


@dataclass(frozen=True, slots=True)
class Splits:
    """The records to train on, to choose by and to report on, int64 each, ascending.

    Attributes:
        train: Records tagged `train`, or with no split at all.
        dev: Records tagged `dev`, or held out for it.
        test: Records tagged `test`, or held out for it.
        notes: What was held out, and why.
    """

    train: ndarray
    dev: ndarray
    test: ndarray
    notes: tuple[str, ...] = ()

    def sizes(self) -> dict[str, int]:
        """How many records each split has, by its name."""
        return {name: len(getattr(self, name)) for name in SPLITS}

    def only(self, rows: ndarray) -> "Splits":
        """The same splits where no other records are left than some, int64, ascending, which are numbered anew."""
        train, dev, test = (np.flatnonzero(np.isin(rows, split)) for split in (self.train, self.dev, self.test))
        return Splits(train, dev, test, self.notes)


def split_records(tags: Tags, id_hash: ndarray) -> Splits:
    """The splits that tags make; a tenth of the training records each stands in for a missing `dev` and `test`.

    Args:
        tags: Tags of all records.
        id_hash: Hash of each record's id, uint64 of shape (record,), which decides what is held out: a record stays in
            its split when others come and go.
    """
    by_split = {split: tags.rows(split) for split in SPLITS}
    taken = tags.has(DEV) | tags.has(TEST)
    train = np.flatnonzero(~taken)
    notes = []
    for bucket, split in enumerate((DEV, TEST)):
        if len(by_split[split]) or len(train) < HELD_OUT:
            continue
        held = _held_out(train, id_hash, bucket)
        by_split[split] = held
        train = np.setdiff1d(train, held, assume_unique=True)
        notes.append(
            f"no record is tagged {split}: {len(held):,} training records are held out for it, by a hash of their id"
        )
    return Splits(train=train, dev=by_split[DEV], test=by_split[TEST], notes=tuple(notes))


def _held_out(rows: ndarray, id_hash: ndarray, bucket: int) -> ndarray:
    held: ndarray = rows[id_hash[rows] % np.uint64(HELD_OUT) == bucket]
    return held if len(held) else rows[[int(np.argmin(id_hash[rows]))]]


def join_tags(names: Sequence[Sequence[str]], tag: Sequence[ndarray], row: Sequence[ndarray], n_records: int) -> Tags:
    """One table of the tags of several shards.

    Args:
        names: Tags of each shard by number.
        tag: Numbers of tags, of each shard.
        row: The record that each stands on, of each shard.
        n_records: Number of records.
    """
    used = [np.flatnonzero(np.bincount(numbers)) for numbers in tag]
    every = sorted({own[number] for own, numbers in zip(names, used, strict=True) for number in numbers.tolist()})
    number_of = {name: number for number, name in enumerate(every)}
    remapped = [
        np.array([number_of.get(name, -1) for name in own] or [0], np.int64)[t]
        for own, t in zip(names, tag, strict=True)
    ]
    width = max(len(every), 1)
    key = np.sort(np.concatenate([np.zeros(0, np.int64), *(r * width + t for r, t in zip(row, remapped, strict=True))]))
    key = key[np.append(key[1:] != key[:-1], np.ones(min(len(key), 1), bool))]
    first = np.searchsorted(key, np.arange(n_records + 1) * width)
    return Tags(tuple(every), first, (key % width).astype(np.int32))
