"""Lines of a data file to the numbers of a shard, a thousand or so at a time.

Lines are decoded by type and read by column, run by run; the numbers of the runs are joined, checked and laid out. A
line that this finds wanting is only *suspected*: the caller asks `line_faults` what is wrong with it, and encodes the
rest.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, compress
from operator import attrgetter, not_
from typing import Any

import msgspec
import numpy as np
from msgspec import UnsetType
from numpy import ndarray

from overton.base.ragged import lengths, starts_of
from overton.data.encode.decoder import LINE_FIELDS, UNDECODABLE, line_decoder
from overton.data.encode.items import Items, join_items, read_items
from overton.data.encode.keys import lost_keys
from overton.data.encode.labels import Labels, encode_labels
from overton.data.encode.lists import Lists, join_lists, no_lists, read_lists
from overton.data.encode.patterns import Mark, Patterns, TaskLabels
from overton.data.encode.rows import Rows, encode_rows
from overton.data.names import SPLITS, is_bad_tag, is_source_name
from overton.data.pool import Pool
from overton.data.rows.hashing import StringHashes, hash_bytes
from overton.data.rows.layout import Layout
from overton.schema import Schema

RUN_BYTES = 1 << 16  # of JSON read at once: its objects, ten times as large, stay in the cache (measured)
MOST_WORDS = 2000  # classes or tags that a decoder is made to expect
_ABSENT = -9  # no tag has this number
_get_fields = attrgetter(*LINE_FIELDS)
PAYLOADS, TASKS = LINE_FIELDS.index("payloads"), LINE_FIELDS.index("tasks")

_Columns = Sequence[Sequence[Any]]
"""The values of some lines by the fields of `LINE_FIELDS`."""

_NO_COLUMNS: _Columns = [()] * len(LINE_FIELDS)
_NOTHING: dict[str, Any] = {}  # of a record without labels; never changed


@dataclass(frozen=True, slots=True)
class Part:
    """The records of one kind in a chunk: those with payloads, or those that add to others.

    Attributes:
        place: Index in the chunk of each record, int64 of shape (record,).
        ids: Id of each record as bytes; empty where the line gives none.
        id_hash: Hash of each id, uint64 of shape (record,); 0 where there is none.
        tag_count: Number of tags of each record, int64 of shape (record,).
        tag: The tags of all records, int32.
        labels: Labels of each task of the schema.
        has_tasks: Whether the line of each record names `tasks` at all, bool of shape (record,).
        rows: The payloads; None for records that add to others.
    """

    place: ndarray
    ids: list[bytes]
    id_hash: ndarray
    tag_count: ndarray
    tag: ndarray
    labels: tuple[Labels, ...]
    has_tasks: ndarray
    rows: Rows | None


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some lines as numbers: records with payloads, and records that add labels and tags to others."""

    base: Part
    late: Part


@dataclass(frozen=True, slots=True)
class _Run:
    """What was read of the records of one kind in some lines that were decoded together."""

    place: ndarray
    ids: list[bytes]
    no_id: ndarray
    tag_count: ndarray
    tag: ndarray
    n_keys: ndarray
    has_tasks: ndarray
    items: tuple[Items, ...]
    texts: tuple[list[bytes], ...]
    lists: tuple[Lists, ...]


_Runs = tuple[_Run | None, _Run | None]
"""Of some lines the records with payloads, and those without."""


class Encoder:
    """Turns the lines of one file into numbers; it remembers the strings, sources, tags and labels seen so far.

    Args:
        schema: What the records should be.
        stored: Whether what only a store keeps is made as well: hashes of ids and of what a record holds, and the texts
            that are kept for people. Without, those are zero and empty.
    """

    def __init__(self, schema: Schema, *, stored: bool = True) -> None:
        self.schema = schema
        self._stored = stored
        self.layout = Layout(schema)
        self.strings = Pool()
        self.sources = Patterns()
        self.tags = Patterns()
        self._refused = np.zeros(0, bool)  # of each tag whether it is refused
        self.tasks = tuple(TaskLabels.of(schema, task) for task in schema.tasks)
        self._decode = self._decode_known = line_decoder(schema).decode
        self._words: dict[str, tuple[str, ...]] = {}
        self._hashes = StringHashes()

    def encode(self, lines: Sequence[bytes], *, keys_counted: bool = False) -> tuple[Chunk | None, list[int]]:
        """Encode lines, or say which of them have to be looked at.

        Args:
            lines: Lines that are not blank.
            keys_counted: The lines were looked at already: trust that no key stands twice.

        Returns:
            The chunk and nothing, or None and the indexes of the suspects.
        """
        mark = self._mark()
        try:
            runs = [self._read(lines[low:high], low) for low, high in _runs(lines)]
            chunk, suspects, n_keys = self._join(runs, mark, len(lines))
        except UNDECODABLE:
            self._reset(mark)
            return None, self._undecodable(lines)
        except (TypeError, OverflowError):  # a value that no type of ours could refuse, such as an enormous integer
            self._reset(mark)
            return None, list(range(len(lines)))
        if not keys_counted:
            suspects |= lost_keys(lines, n_keys)
        if suspects.any():
            self._reset(mark)
            return None, np.flatnonzero(suspects).tolist()
        self._expect_words()
        return chunk, []

    def encode_nothing(self) -> Chunk:
        """The chunk of no lines."""
        return self._join([], self._mark(), 0)[0]

    def _undecodable(self, lines: Sequence[bytes]) -> list[int]:
        suspects = []
        for number, line in enumerate(lines):
            try:
                self._decode(line)
            except UNDECODABLE:
                suspects.append(number)
        return suspects

    def _read(self, lines: Sequence[bytes], first: int) -> _Runs:
        """Decode some lines and read those with payloads and those without."""
        decoded = self._decode_run(lines)
        columns: _Columns = list(zip(*decoded, strict=True))
        place = np.arange(first, first + len(lines))
        if set(map(type, columns[PAYLOADS])) == {dict}:
            return self._read_part(columns, place, has_payloads=True), None
        is_base = [isinstance(payloads, dict) for payloads in columns[PAYLOADS]]
        chosen = np.array(is_base)
        base = [list(compress(column, is_base)) for column in columns]
        late = [list(compress(column, map(not_, is_base))) for column in columns]
        return (
            self._read_part(base, place[chosen], has_payloads=True) if chosen.any() else None,
            self._read_part(late, place[~chosen], has_payloads=False),
        )

    def _decode_run(self, lines: Sequence[bytes]) -> list[tuple[Any, ...]]:
        try:
            return list(map(_get_fields, map(self._decode_known, lines)))
        except msgspec.ValidationError:  # a class or a tag that was not seen before, or a fault
            return list(map(_get_fields, map(self._decode, lines)))

    def _expect_words(self) -> None:
        """Make a decoder that expects the classes and tags seen so far, where there are new ones."""
        for known in self.tasks:
            known.learn_classes()
        seen = {known.task.name: known.classes.seen for known in self.tasks if known.task.type != "select"} | {
            "": self.tags.seen
        }
        words = {name: tuple(names) for name, names in seen.items() if len(names) <= MOST_WORDS}
        if words != self._words:
            self._words = words
            self._decode_known = line_decoder(self.schema, words).decode

    def _read_part(self, columns: _Columns, place: ndarray, *, has_payloads: bool) -> _Run:
        n = len(place)
        ids, payloads, tasks, tags = columns
        given = [_given(column) for column in columns]
        n_keys: ndarray = np.add.reduce(given, axis=0, dtype=np.int64)
        items: tuple[Items, ...] = ()
        texts: tuple[list[bytes], ...] = ()
        if has_payloads:
            n_keys += lengths(payloads, n)
            items = tuple(
                read_items(p, [one.get(p.field) for one in payloads], self.strings) for p in self.layout.items
            )
            if self._stored:
                texts = tuple([_text(one.get(p.field)) for one in payloads] for p in self.layout.texts)
        lists = [no_lists(n) for _ in self.tasks]
        if any(tasks):  # most lines to predict on have no labels, and no tags
            tasks = [record or _NOTHING for record in tasks]
            n_keys += lengths(tasks, n)
            lists = [read_lists(tasks, known, self.sources) for known in self.tasks]
        tag_count, tag = np.zeros(n, np.int64), np.zeros(0, np.int32)
        if any(tags):
            tags = [record or () for record in tags]
            tag_count = lengths(tags, n)
            tag = np.fromiter(map(self.tags.__getitem__, chain.from_iterable(tags)), np.int32, int(tag_count.sum()))
        names, no_id = _names(ids, has_payloads=has_payloads)
        return _Run(
            place=place,
            ids=names,
            no_id=no_id,
            tag_count=tag_count,
            tag=tag,
            n_keys=n_keys,
            has_tasks=given[TASKS],
            items=items,
            texts=texts,
            lists=tuple(lists),
        )

    def _join(self, runs: list[_Runs], mark: "_Marks", n: int) -> tuple[Chunk, ndarray, ndarray]:
        """The chunk that some runs make, which of its lines are suspect, and how many keys were decoded of each."""
        suspects = np.zeros(n, bool)
        n_keys = np.zeros(n, np.int64)
        parts = []
        for number, has_payloads in enumerate((True, False)):
            kind = [run[number] for run in runs]
            there = [run for run in kind if run] or [
                self._read_part(_NO_COLUMNS, np.zeros(0, np.int64), has_payloads=has_payloads)
            ]
            part, bad, part_keys = self._join_part(there, mark, has_payloads=has_payloads)
            suspects[part.place[bad]] = True
            n_keys[part.place] = part_keys
            parts.append(part)
        if not all(map(is_source_name, self.sources.seen[mark.sources :])) or self._has_blank_label(mark):
            suspects[:] = True
        return Chunk(*parts), suspects, n_keys

    def _join_part(self, runs: list[_Run], mark: "_Marks", *, has_payloads: bool) -> tuple[Part, ndarray, ndarray]:
        tag_count, tag, bad, n_keys, has_tasks, place = (
            np.concatenate([getattr(run, name) for run in runs])
            for name in ("tag_count", "tag", "no_id", "n_keys", "has_tasks", "place")
        )
        bad |= self._bad_tags(tag_count, tag)
        rows = None
        if has_payloads:
            items = [join_items(column) for column in zip(*(run.items for run in runs), strict=True)]
            texts = [list(chain.from_iterable(column)) for column in zip(*(run.texts for run in runs), strict=True)]
            rows = encode_rows(items, texts, self.layout, self._hashes.of(self.strings) if self._stored else None)
            bad |= rows.bad
            n_keys += rows.n_keys
        labels = []
        for known, before, column in zip(
            self.tasks, mark.tasks, zip(*(run.lists for run in runs), strict=True), strict=True
        ):
            full = rows.full[:, self.layout.index.get(known.task.payload, 0)].astype(np.int64) if rows else None
            labels.append(encode_labels(join_lists(column), known, before, full))
            bad |= labels[-1].bad
            n_keys += labels[-1].n_keys
        ids = list(chain.from_iterable(run.ids for run in runs))
        id_hash = np.zeros(len(ids), np.uint64)
        if self._stored:
            id_hash = np.where(lengths(ids, len(ids)) > 0, hash_bytes(ids), id_hash)
        return Part(place, ids, id_hash, tag_count, tag, tuple(labels), has_tasks, rows), bad, n_keys

    def _has_blank_label(self, mark: "_Marks") -> bool:
        """Whether a label that was not seen before is empty or blank."""
        for known, (n_classes, n_sets, *_) in zip(self.tasks, mark.tasks, strict=True):
            names = chain(known.classes.seen[n_classes:], chain.from_iterable(known.sets.seen[n_sets:]))
            if known.task.type != "select" and not all(map(str.strip, names)):
                return True
        return False

    def _bad_tags(self, count: ndarray, tag: ndarray) -> ndarray:
        """Records with a tag that is refused, or in two splits."""
        new = self.tags.seen[len(self._refused) :]  # there may be one for every record
        if new:
            self._refused = np.concatenate([self._refused, np.fromiter(map(is_bad_tag, new), bool, len(new))])
        owner = np.repeat(np.arange(len(count)), count)
        bad = np.zeros(len(count), bool)
        bad[owner[self._refused[tag]]] = True
        in_splits = np.zeros(len(count), np.int64)
        for split in SPLITS:
            in_split = np.zeros(len(count), bool)
            in_split[owner[tag == self.tags.get(split, _ABSENT)]] = True
            in_splits += in_split
        return bad | (in_splits > 1)

    def _mark(self) -> "_Marks":
        tasks = tuple(known.mark() for known in self.tasks)
        return _Marks(len(self.strings.texts), len(self.sources.seen), len(self.tags.seen), tasks)

    def _reset(self, mark: "_Marks") -> None:
        self.strings.shrink(mark.strings)
        self._hashes.shrink(mark.strings)
        self.sources.shrink(mark.sources)
        self.tags.shrink(mark.tags)
        self._refused = self._refused[: mark.tags]
        for known, point in zip(self.tasks, mark.tasks, strict=True):
            known.reset(point)


@dataclass(frozen=True, slots=True)
class _Marks:
    """How much an encoder knew at some point."""

    strings: int
    sources: int
    tags: int
    tasks: tuple[Mark, ...]


def _runs(lines: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    """Bounds of runs of about `RUN_BYTES` each."""
    begin = starts_of(lengths(lines, len(lines)))
    low = 0
    while low < len(lines):
        high = min(int(np.searchsorted(begin, begin[low] + RUN_BYTES)), len(lines))
        yield low, high
        low = high


def _names(ids: Sequence[Any], *, has_payloads: bool) -> tuple[list[bytes], ndarray]:
    """Each id as bytes, and which are wanting: with payloads a record may have none, but no empty one."""
    if all(ids):
        return list(map(str.encode, ids)), np.zeros(len(ids), bool)
    wanting = np.fromiter((id_ == "" if has_payloads else not id_ for id_ in ids), bool, len(ids))
    return [id_.encode() if id_ else b"" for id_ in ids], wanting


def _given(column: Sequence[Any]) -> ndarray:
    """Which lines name a field, if only as null; bool of shape (line,)."""
    kinds = set(map(type, column))
    if UnsetType in kinds and len(kinds) > 1:
        return np.fromiter((not isinstance(value, UnsetType) for value in column), bool, len(column))
    return np.full(len(column), UnsetType not in kinds)


def _text(value: str | None) -> bytes:
    return b"" if value is None else value.encode() + b"\n"
