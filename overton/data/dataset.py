"""All records of an application, read straight from the maps of their shards."""

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy import ndarray

from overton.base import count_of, digest_bytes, digest_json
from overton.base.ragged import starts_of
from overton.data.batch import Batch
from overton.data.names import GOLD, SPLITS, is_near_gold
from overton.data.pool import Pool
from overton.data.rows.gather import cut_columns, take_words
from overton.data.rows.holders import holders_of
from overton.data.rows.join import Joined
from overton.data.rows.stamps import Stamps, digest_records, digest_shards, stamp_votes
from overton.data.rows.votes import Gathered, gather_votes
from overton.data.tag_expression import with_expressions
from overton.data.tags import Splits, Tags, join_tags, split_records
from overton.data.votes import Votes
from overton.schema import Payload, Schema

CHUNK = 4096  # records at a time, where all are looked at


class Dataset:
    """Records by number, in the order of their files and lines. What is costly is made when it is first asked for.

    Attributes:
        schema: The schema with the classes told: its own, or those seen in the data, sorted.
        n_records: Number of records with payloads.
        sources: Names of all sources, sorted.
        digest: Digest of schema and data files, and of the names of those whose records are named after them.
    """

    def __init__(self, joined: Joined) -> None:
        self.joined = joined
        self.n_records = joined.n_records
        self.sources: tuple[str, ...] = tuple(sorted({name for shard in joined.shards for name in shard.sources}))
        self.schema: Schema = joined.schema.with_classes(_classes(joined))
        self.digest = digest_json([joined.schema.digest(), [shard.digest for shard in joined.shards]])

    @cached_property
    def pool(self) -> Pool:
        """The strings of all records."""
        pool = Pool()
        first, *others = (shard.strings for shard in self.joined.shards)
        pool.texts = list(first)
        pool.update(zip(first, range(len(first)), strict=True))
        for strings in others:
            for text in strings:
                pool[text]
        return pool

    @cached_property
    def tags(self) -> Tags:
        """The tags of all records, those that came late among them."""
        joined = self.joined
        names, tags, rows = [], [], []
        for place, shard in enumerate(joined.shards):
            own = np.full(shard.n_records, -1, np.int64)
            kept = joined.kept[place]
            own[slice(None) if kept is None else kept] = np.arange(joined.first[place], joined.first[place + 1])
            row = np.concatenate(
                [
                    np.repeat(own, np.diff(shard.votes["tag.first"])),
                    np.repeat(joined.late_row[place], np.diff(shard.votes["late.tag.first"])),
                ]
            )
            tag = np.concatenate([shard.votes["tag"], shard.votes["late.tag"]]).astype(np.int64)
            names.append(shard.tags)
            tags.append(tag[row >= 0])
            rows.append(row[row >= 0])
        return join_tags(names, tags, rows, self.n_records)

    @cached_property
    def splits(self) -> Splits:
        """The records to train on, choose by and report on."""
        return split_records(self.tags, self.joined.over_shards([shard.id_hash for shard in self.joined.shards]))

    def tagged_splits(self) -> Splits:
        """The splits of records that are evaluated only: what is not tagged train or dev counts as test."""
        train, dev, test = (self.tags.has(name) for name in SPLITS)
        tested = test | ~(train | dev)
        return Splits(np.flatnonzero(train & ~dev & ~test), np.flatnonzero(dev), np.flatnonzero(tested))

    @property
    def files(self) -> Mapping[str, str]:
        """Digest of content and schema of each data file, by name."""
        return {shard.name: shard.meta["digest"] for shard in self.joined.shards}

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What a reader of a report should know of the data."""
        cut = (_cut_note(self.schema.payload(name), n) for name, n in self.cut.items() if n)
        return (*self.splits.notes, *cut, *self.left_out())

    def left_out(self, answered: Collection[str] = ()) -> tuple[str, ...]:
        """Which tasks are left out of what is made of the data, and why; those that a version answers are not."""
        left = sorted((task.name, task.classes) for task in self.schema.tasks if not task.is_learnable)
        return tuple(
            f"{name}: {_too_few(classes)}: the task is left out" for name, classes in left if name not in answered
        )

    def remarks(self, votes: Mapping[str, Votes], answered: Collection[str] = ()) -> tuple[str, ...]:
        """What a reader of figures should know: lines and tasks that are left out, tasks without labels, near gold.

        Args:
            votes: The labels of each task.
            answered: Tasks that the version answers which is looked at, however few classes these records name.
        """
        asked = [task.name for task in self.schema.tasks if task.is_learnable or task.name in answered]
        silent = [name for name in asked if not len(votes[name].unit)]
        near = [name for name in self.sources if is_near_gold(name)]
        n_bad = self.joined.n_bad
        lines = f"{count_of(n_bad, 'line')} with faults {'was' if n_bad == 1 else 'were'} left out"
        return (
            *([f"{lines}: no figure tells of what stands there"] if n_bad else []),
            *self.left_out(answered),
            *(f"{name}: no record has a label" for name in silent),
            *(f"the source {name!r} is one among others: gold is {GOLD!r}" for name in near),
        )

    @cached_property
    def cut(self) -> Mapping[str, int]:
        """How many records lost items beyond `max_length`, by name of payload."""
        longest = np.array([payload.max_length for payload in self.joined.layout.items])
        n = (self.joined.full > longest).sum(axis=0)
        return {payload.name: int(count) for payload, count in zip(self.joined.layout.items, n, strict=True)}

    def n_cut(self, payload: str, rows: ndarray) -> int:
        """How many of some records lost items of a payload beyond its `max_length`."""
        full = self.joined.full[rows, self.joined.layout.index[payload]]
        return int((full > self.schema.payload(payload).max_length).sum())

    def subset(self, rows: ndarray) -> "Dataset":
        """The data set as if it held no other records than some: nobody sees a vote or a tag of the others.

        No file is read or written for it. Sources and classes stay those of the whole, and every record its split.

        Args:
            rows: Numbers of the records, int64, ascending.
        """
        if len(rows) == self.n_records:
            return self
        part = Dataset(self.joined.only(rows))
        part.splits = self.splits.only(rows)
        part.digest = digest_json([self.digest, digest_bytes(np.ascontiguousarray(rows, np.int64).view(np.uint8).data)])
        return part

    def with_tags(self, expressions: Sequence[str]) -> "Dataset":
        """The same records, with every expression over tags as one more tag, by its text.

        Raises:
            OvertonError: Where a text is no expression, or names a tag that no record has.
        """
        tags = with_expressions(self.tags, expressions)
        if tags is self.tags:
            return self
        tagged = Dataset(self.joined)
        tagged.splits, tagged.digest, tagged.tags = self.splits, self.digest, tags
        return tagged

    def gather(self, rows: ndarray) -> Batch:
        """Some records as padded arrays.

        Args:
            rows: Numbers of records, int64 of shape (record,), in any order.
        """
        joined = self.joined
        if len(joined.shards) == 1 and joined.kept[0] is None:
            stored = joined.shards[0].rows
            columns = cut_columns(stored["words"], stored["row.first"][rows], joined.layout)
            return Batch(columns, self.pool, len(rows))
        words, begin, shard = self._copy_rows(np.asarray(rows))
        columns = cut_columns(words, begin, joined.layout, self._remap[0], self._remap[1][shard])
        return Batch(columns, self.pool, len(rows))

    def lengths(self, payload: str) -> ndarray:
        """Number of units of a payload in each record after cutting, int32 of shape (record,); 1 for singletons."""
        found = self.schema.payload(payload)
        if found.type == "singleton":
            return np.ones(self.n_records, np.int32)
        return self.item_lengths(payload)

    def item_lengths(self, payload: str) -> ndarray:
        """Number of tokens or members in each record after cutting, int32 of shape (record,); 0 for a null payload."""
        full = self.joined.full[:, self.joined.layout.index[payload]]
        kept: ndarray = np.clip(full, 0, self.schema.payload(payload).max_length)
        return kept

    def record_lengths(self) -> ndarray:
        """Items of the longest payload of every record, int32 of shape (record,): what decides about padding."""
        lengths = np.ones(self.n_records, np.int32)
        for payload in self.schema.payloads:
            if payload.has_items:
                lengths = np.maximum(lengths, self.item_lengths(payload.name))
        return lengths

    def offsets(self, task: str) -> ndarray:
        """First unit of each record, int64 of shape (record + 1,)."""
        found = self.schema.task(task)
        if self.schema.unit(found) == "record":
            return np.arange(self.n_records + 1)
        return starts_of(self.lengths(found.payload))

    def votes(self, task: str, sources: Collection[str] | None = None) -> Votes:
        """The labels of a task.

        Args:
            task: Its name.
            sources: The sources whose labels to read, all where None; they keep their numbers. Labels in data files
                that hold none of them are not looked at.
        """
        return self._gathered(task, sources).votes

    def stamps(self, task: str) -> Stamps:
        """Digests of what the votes of a task depend on, made without reading the votes."""
        number = self._number(task)
        records, shards = self._stamped
        return stamp_votes(self.joined, number, self.schema.tasks[number], self.offsets(task), records, shards)

    def holders(self, task: str, source: str, row: int) -> list[str]:
        """Names of the files in which a source labels a record, in the order in which they count."""
        return holders_of(self.joined, self._number(task), source, row)

    def given_length(self, payload: str, row: int) -> int | None:
        """Number of tokens or members of a record as given, before cutting; None for a null payload."""
        length = int(self.joined.full[row, self.joined.layout.index[payload]])
        return None if length < 0 else length

    def n_overridden(self, task: str) -> int:
        """Number of labels that a later line of the same source replaced."""
        return self._lost[task][0]

    def n_beyond(self, task: str) -> int:
        """Number of labels of a `select` task that name a member beyond those that are kept: they say nothing."""
        return self._lost[task][1]

    def texts(self, payload: str) -> list[str]:
        """The different strings of a payload, after cutting: tokens of a sequence or a text, ids of a set."""
        used = np.zeros(len(self.pool.texts) + 1, np.bool_)
        for start in range(0, self.n_records, CHUNK):
            column = self.gather(np.arange(start, min(start + CHUNK, self.n_records))).columns[payload]
            used[column.strings + 1] = True
        return [self.pool.texts[number] for number in np.flatnonzero(used[1:]).tolist()]

    def ids(self, rows: ndarray) -> list[str]:
        """Ids of some records."""
        return self.joined.ids(np.asarray(rows))

    def rows_of(self, ids: Collection[str]) -> dict[str, int]:
        """Numbers of the records that have some ids, by id; an id that no record has is left out."""
        found: dict[str, int] = {}
        for start in range(0, self.n_records, CHUNK):
            if len(found) == len(ids):
                break
            chunk = self.ids(np.arange(start, min(start + CHUNK, self.n_records)))
            found |= {one: start + place for place, one in enumerate(chunk) if one in ids}
        return found

    def payloads(self, rows: ndarray) -> list[dict[str, Any]]:
        """The payloads of some records as JSON values by field, cut ones as they are kept.

        Of a field that several payloads read, what the one has that keeps the most of it.
        """
        rows = np.asarray(rows)
        batch = self.gather(rows)
        texts = self.pool.texts
        values: list[dict[str, Any]] = [
            {payload.field: None for payload in self.schema.payloads} for _ in range(len(rows))
        ]
        for payload in self.joined.layout.items:
            column = batch.columns[payload.name]
            strings, ranges = column.strings.tolist(), None if column.range is None else column.range.tolist()
            for place, length in enumerate(column.length.tolist()):
                if payload.is_text or not column.present[place]:
                    continue
                names = [texts[number] for number in strings[place][:length]]
                kept = names if payload.type == "sequence" else _members(names, ranges[place] if ranges else None)
                values[place][payload.field] = _fuller(values[place][payload.field], kept)
        located = [self.joined.locate(row) for row in rows.tolist()]
        for number, payload in enumerate(self.joined.layout.texts):
            for value, (shard, local) in zip(values, located, strict=True):
                value[payload.field] = shard.text(number, local)
        return values

    def _gathered(self, task: str, sources: Collection[str] | None = None) -> Gathered:
        number = self._number(task)
        return gather_votes(self.joined, number, self.schema.tasks[number], self.sources, self.offsets(task), sources)

    @cached_property
    def _lost(self) -> Mapping[str, tuple[int, int]]:
        """Labels of each task that are overridden, and that name a member beyond those that are kept."""
        found = ((task.name, self._gathered(task.name)) for task in self.schema.tasks)  # one at a time in memory
        return {name: (gathered.overridden, gathered.beyond) for name, gathered in found}

    def _number(self, task: str) -> int:
        return [one.name for one in self.schema.tasks].index(task)

    @cached_property
    def _stamped(self) -> tuple[str, list[str]]:
        return digest_records(self.joined), digest_shards(self.joined)

    def _copy_rows(self, rows: ndarray) -> tuple[ndarray, ndarray, ndarray]:
        """The words of some records that may lie in any shard, the first word of each, and the shard of each."""
        joined = self.joined
        shard_of = np.searchsorted(joined.first, rows, side="right") - 1
        parts = []
        width = len(joined.layout.items)
        for number in np.unique(shard_of).tolist():
            places = np.flatnonzero(shard_of == number)
            local = rows[places] - joined.first[number]
            kept = joined.kept[number]
            local = local if kept is None else kept[local]
            stored = joined.shards[number].rows
            begin = stored["row.first"][local]
            own_width = int((stored["row.first"][local + 1] - begin).max())
            parts.append((places, take_words(stored["words"], begin, own_width)))
            width = max(width, own_width)
        block = np.zeros((len(rows) + 1, width), np.int32)  # the row at the end is for reading behind the last
        for places, words in parts:
            block[places, : words.shape[1]] = words
        return block.reshape(-1), np.arange(len(rows)) * width, shard_of

    @cached_property
    def _remap(self) -> tuple[ndarray, ndarray]:
        """Number in the common pool of every shard's strings, and where each shard begins there."""
        counts = [len(shard.strings) for shard in self.joined.shards]
        numbers = [self.pool[text] for shard in self.joined.shards for text in shard.strings]
        return np.array(numbers or [0], np.int32), starts_of(np.array(counts))


def _classes(joined: Joined) -> dict[str, tuple[str, ...]]:
    return {
        task.name: task.classes or tuple(sorted({name for shard in joined.shards for name in shard.classes(number)}))
        for number, task in enumerate(joined.schema.tasks)
        if task.type != "select"
    }


def _too_few(classes: tuple[str, ...]) -> str:
    return f"{classes[0]!r} is the only class in its labels" if classes else "no class in the schema or in a label"


def _fuller(one: Sequence[Any] | None, other: Sequence[Any]) -> list[Any]:
    """Of what two payloads keep of one field the longer, each member with the longer of its ranges."""
    short, long = sorted((one or [], other), key=len)
    if not short or isinstance(long[0], str):
        return list(long)
    return [*(max(pair, key=_end) for pair in zip(short, long, strict=False)), *long[len(short) :]]


def _end(member: dict[str, Any]) -> int:
    return int(member.get("range", (0, 0))[1])


def _members(names: list[str], ranges: list[list[int]] | None) -> list[dict[str, Any]]:
    if ranges is None:
        return [{"id": name} for name in names]
    pairs = zip(names, ranges, strict=False)
    return [{"id": name, "range": span} if span[1] else {"id": name} for name, span in pairs]


def _cut_note(payload: Payload, n: int) -> str:
    many = f"more than {payload.max_length} items in {payload.name!r}"
    return f"{count_of(n, 'record')} with {many}: the rest of them is cut"
