"""Shards to one data set: records are numbered through, late records find theirs, and what does not fit is told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy import ndarray

from overton.base import Problem
from overton.base.ragged import starts_of
from overton.data.names import SPLITS
from overton.data.rows.late import check_late, late_splits
from overton.data.rows.layout import Layout
from overton.data.rows.shard import Shard
from overton.schema import Schema


@dataclass(frozen=True)
class Joined:
    """The shards of a data set and how they hang together.

    Attributes:
        layout: The plan of a row.
        shards: The shards, by name of file.
        kept: Of each shard the records that count, int64; None where all do.
        late_row: Of each shard the record of the data set that each late record adds to, int64; -1 where to none.
        problems: Faults between lines: ids that clash or name nothing, labels that do not fit the record they name.
        bad_lines: Shard and line of every line that is left out for them.
        stranded: Lines that are right, but name a record that is left out for a fault of its own.
    """

    layout: Layout
    shards: tuple[Shard, ...]
    kept: tuple[ndarray | None, ...]
    late_row: tuple[ndarray, ...]
    problems: tuple[Problem, ...]
    bad_lines: tuple[tuple[int, int], ...]
    stranded: tuple[Problem, ...] = ()

    @property
    def n_bad(self) -> int:
        """Number of lines that are left out for a fault of their own or between lines."""
        own: int = sum(shard.meta["n_bad"] for shard in self.shards)
        return own + len(self.bad_lines)

    @property
    def schema(self) -> Schema:
        """The schema."""
        return self.layout.schema

    @cached_property
    def first(self) -> ndarray:
        """First record of each shard, and the end of the last, int64 of shape (shard + 1,)."""
        pairs = zip(self.shards, self.kept, strict=True)
        return starts_of(np.array([shard.n_records if kept is None else len(kept) for shard, kept in pairs], np.int64))

    @property
    def n_records(self) -> int:
        """Number of records."""
        return int(self.first[-1])

    def column(self, name: str) -> ndarray:
        """A section of the rows that has one value a record, over all shards."""
        return self.over_shards([shard.rows[name] for shard in self.shards])

    def over_shards(self, columns: Sequence[ndarray]) -> ndarray:
        """One column of the data set from one of every shard, the records that do not count left out."""
        kept = [column if rows is None else column[rows] for column, rows in zip(columns, self.kept, strict=True)]
        return kept[0] if len(kept) == 1 else np.concatenate(kept)

    @cached_property
    def full(self) -> ndarray:
        """Items of each payload as given, int32 of shape (record, payload with items); -1 where null."""
        return self.over_shards([shard.full_length(len(self.layout.items)) for shard in self.shards])

    def locate(self, row: int) -> tuple[Shard, int]:
        """The shard of a record, and its number there."""
        shard = int(np.searchsorted(self.first, row, side="right")) - 1
        local = row - int(self.first[shard])
        kept = self.kept[shard]
        return self.shards[shard], local if kept is None else int(kept[local])

    def place(self, row: int) -> tuple[str, int]:
        """The data file in which a record stands, and the number of its line there."""
        shard, local = self.locate(row)
        return shard.path, int(shard.rows["line"][local])

    def ids(self, rows: ndarray) -> list[str]:
        """Ids of some records."""
        found = [""] * len(rows)
        shard_of = np.searchsorted(self.first, rows, side="right") - 1
        for number in np.flatnonzero(np.bincount(shard_of)).tolist():
            places = np.flatnonzero(shard_of == number)
            local = rows[places] - self.first[number]
            kept = self.kept[number]
            for place, id_ in zip(
                places.tolist(), self.shards[number].ids(local if kept is None else kept[local]), strict=True
            ):
                found[place] = id_
        return found

    def is_left_out(self, place: int) -> bool:
        """Whether nothing of a shard counts: none of its records, and nothing that it adds to others."""
        kept = self.kept[place]
        return kept is not None and not len(kept) and not (self.late_row[place] >= 0).any()

    def only(self, rows: ndarray) -> "Joined":
        """The same shards as if no other records counted: their labels and tags, late ones too, are those of none.

        Args:
            rows: Numbers of the records that go on to count, int64, ascending.
        """
        number = np.full(self.n_records + 1, -1, np.int64)  # the last is what adds to no record as it is
        number[rows] = np.arange(len(rows))
        kept: list[ndarray | None] = []
        for place, part in enumerate(np.split(rows, np.searchsorted(rows, self.first[1:-1]))):
            local, own = part - self.first[place], self.kept[place]
            whole = own is None and len(local) == self.shards[place].n_records
            kept.append(None if whole else local if own is None else own[local])
        return replace(self, kept=tuple(kept), late_row=tuple(number[late] for late in self.late_row))


def join_shards(schema: Schema, shards: Sequence[Shard]) -> Joined:
    """Join shards, finding every fault between their lines."""
    layout = Layout(schema)
    hashes = shards[0].id_hash if len(shards) == 1 else np.concatenate([shard.id_hash for shard in shards])
    everything = Joined(layout, tuple(shards), (None,) * len(shards), (), (), ())
    dropped, problems, bad_lines = _clashes(everything, hashes)
    kept: tuple[ndarray | None, ...] = everything.kept
    if len(dropped):
        counts = np.ones(everything.n_records, bool)
        counts[dropped] = False
        parts = np.split(counts, everything.first[1:-1])
        kept = tuple(None if part.all() else np.flatnonzero(part) for part in parts)
        hashes = hashes[counts]
    joined = Joined(layout, tuple(shards), kept, (), (), ())
    late_row = _late_rows(joined, hashes)
    splits = _own_splits(joined) if any(shard.n_late for shard in shards) else np.zeros(0, np.int8)
    left_out = _left_out(shards) if any((rows < 0).any() for rows in late_row) else {}
    stranded: list[Problem] = []
    for number, shard in enumerate(shards):
        rows = late_row[number]
        unknown, without_record = _unmatched(shard, rows, left_out)
        stranded += without_record
        for faults in (
            unknown,
            check_late(shard, rows, joined.full, layout),
            late_splits(shard, rows, splits),
        ):
            for late, problem in list(faults):
                problems.append(problem)
                bad_lines.append((number, shard.late_line(late)))
                rows[late] = -1
    lines = tuple(dict.fromkeys(bad_lines))
    return Joined(layout, tuple(shards), kept, tuple(late_row), tuple(problems), lines, tuple(stranded))


def _clashes(joined: Joined, hashes: ndarray) -> tuple[ndarray, list[Problem], list[tuple[int, int]]]:
    """Records whose id another has before them."""
    if len(joined.shards) == 1 and joined.shards[0].meta["unique_ids"]:
        return np.zeros(0, np.int64), [], []
    ordered = np.sort(hashes)
    if not (ordered[1:] == ordered[:-1]).any():
        return np.zeros(0, np.int64), [], []
    order = np.argsort(hashes, kind="stable")
    same = hashes[order[1:]] == hashes[order[:-1]]
    suspects = np.unique(np.concatenate([order[1:][same], order[:-1][same]]))
    seen: dict[str, int] = {}
    dropped: list[int] = []
    problems: list[Problem] = []
    bad_lines: list[tuple[int, int]] = []
    for row, id_ in zip(suspects.tolist(), joined.ids(suspects), strict=True):
        other = seen.setdefault(id_, row)
        if other == row:
            continue
        (shard, _), (path, line), (first_path, first_line) = joined.locate(row), joined.place(row), joined.place(other)
        dropped.append(row)
        bad_lines.append((joined.shards.index(shard), line))
        problems.append(
            Problem(
                message=f"the id {id_!r} is taken by the record at {first_path}:{first_line}",
                code="record.id-clash",
                path=path,
                line=line,
                field="$.id",
                hint="Give every record its own id; to add labels to a record, name its id and leave out 'payloads'",
            )
        )
    return np.array(dropped, np.int64), problems, bad_lines


def _late_rows(joined: Joined, hashes: ndarray) -> list[ndarray]:
    """The record that each late record names; -1 where there is none."""
    if not any(shard.n_late for shard in joined.shards):
        return [np.zeros(0, np.int64) for _ in joined.shards]
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    found = []
    for shard in joined.shards:
        wanted = shard.votes["late.id.hash"]
        place = np.searchsorted(ordered, wanted)
        end = np.searchsorted(ordered, wanted, side="right")
        rows = np.full(len(wanted), -1, np.int64)
        there = np.flatnonzero(end > place)
        rows[there] = order[place[there]]
        names = shard.late_ids()
        for late, id_ in zip(there.tolist(), joined.ids(rows[there]), strict=True):
            if id_ != names[late]:  # two ids with one hash: look at the others
                others = order[place[late] : end[late]]
                right = [
                    row for row, other in zip(others.tolist(), joined.ids(others), strict=True) if other == names[late]
                ]
                rows[late] = right[0] if right else -1
        found.append(rows)
    return found


def _own_splits(joined: Joined) -> ndarray:
    """Number of the split that each record is tagged with, -1 where with none, int8 of shape (record,)."""
    columns = []
    for shard in joined.shards:
        split = np.full(shard.n_records, -1, np.int8)
        owner = np.repeat(np.arange(shard.n_records), np.diff(shard.votes["tag.first"]))
        for number, name in enumerate(SPLITS):
            if name in shard.tags:
                split[owner[shard.votes["tag"] == shard.tags.index(name)]] = number
        columns.append(split)
    return joined.over_shards(columns).copy()


def _left_out(shards: Sequence[Shard]) -> dict[str, str]:
    """Place of each record that is left out for a fault of its own, by its id."""
    places: dict[str, str] = {}
    for shard in shards:
        for id_, line in shard.bad_ids():
            places.setdefault(id_, f"{shard.path}:{line}")
    return places


def _unmatched(
    shard: Shard, late_row: ndarray, left_out: Mapping[str, str]
) -> tuple[list[tuple[int, Problem]], list[Problem]]:
    """Late records that name none: those that are at fault, and those whose record is left out for its own."""
    unknown: list[tuple[int, Problem]] = []
    stranded: list[Problem] = []
    lates = np.flatnonzero(late_row < 0).tolist()
    names = shard.late_ids() if lates else []
    for late in lates:
        place = left_out.get(names[late])
        if place is None:
            message, code = f"no record has the id {names[late]!r}", "record.unknown-id"
            hint = "A record without 'payloads' adds labels and tags to the record that it names"
        else:
            message, code = f"the record {names[late]!r} is left out for its fault at {place}", "record.left-out"
            hint = "Mend the record; what this line adds to it is left out with it"
        problem = Problem(message, code, shard.path, shard.late_line(late), "$.id", hint)
        if place is None:
            unknown.append((late, problem))
        else:
            stranded.append(problem)
    return unknown, stranded
