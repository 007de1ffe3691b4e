"""The stored labels of all shards to the votes of one task."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy import ndarray

from overton.base.ragged import positions, starts_of, steps
from overton.data.rows.codes import ABSTAIN, FIRST_SOFT
from overton.data.rows.join import Joined
from overton.data.rows.late import LateLists
from overton.data.votes import Votes
from overton.schema import Task

_CELLS = 1 << 17  # cells that are worked on at once: arrays that stay in the cache
_FEW = 0.25  # share of the lists below which their values alone are copied
_CELL_TYPES = (np.int64, np.int32, np.int32)  # of units, sources and rows
_NO_PLACES = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Lists:
    """Lists of labels, each of one source for one record, sorted by record, source and line.

    Attributes:
        record: Record of each list, int64.
        source: Source of each list, int32.
        start: First value of each list in `value`, int64.
        value: Row in the table of labels of each value of all lists, int32; -1 abstains.
    """

    record: ndarray
    source: ndarray
    start: ndarray
    value: ndarray


@dataclass(frozen=True, slots=True)
class Table:
    """The different labels of all shards, ragged: classes (or members) and probabilities of each."""

    first: ndarray
    label: ndarray
    probability: ndarray


@dataclass(frozen=True, slots=True)
class Gathered:
    """The votes of a task, and how many labels are none of them.

    Attributes:
        votes: The votes.
        overridden: Labels that a later line of their source replaced.
        beyond: Labels of a `select` task that name a member beyond those that are kept.
    """

    votes: Votes
    overridden: int
    beyond: int


def gather_votes(
    joined: Joined,
    number: int,
    task: Task,
    sources: tuple[str, ...],
    offsets: ndarray,
    wanted: Collection[str] | None = None,
) -> Gathered:
    """The votes of one task.

    A label that names a member beyond those that are kept replaces what its source said before, and says nothing.

    Args:
        joined: The shards.
        number: Number of the task in the schema.
        task: The task, its classes told.
        sources: Names of all sources, sorted.
        offsets: First unit of each record.
        wanted: The sources to read, all where None; labels of a shard that holds none of them are not looked at.
    """
    lists, table = _lists(joined, number, task, sources, frozenset(sources if wanted is None else wanted))
    unit, source, row, overridden = _cells(lists, offsets)
    candidates, beyond = None, 0
    if task.type == "select":
        candidates = set_sizes(joined, task)
        kept = ~_names_beyond(table, joined.schema.payload(task.payload).max_length)[row]
        beyond = int((~kept).sum())
        unit, source, row = (unit[kept], source[kept], row[kept]) if beyond else (unit, source, row)
    first, label, probability = _entries(row, table)
    ordered = joined.schema.unit(task) == "token"
    named = tuple(sorted({name for shard in joined.shards for name in shard.sources_of(number)}))
    votes = Votes(task, sources, offsets, unit, source, first, label, probability, candidates, ordered, named)
    return Gathered(votes, overridden, beyond)


def set_sizes(joined: Joined, task: Task) -> ndarray:
    """Number of members of each record's set that are kept, int32 of shape (record,)."""
    payload = joined.schema.payload(task.payload)
    kept: ndarray = np.clip(joined.full[:, joined.layout.index[payload.name]], 0, payload.max_length).astype(np.int32)
    return kept


def _lists(
    joined: Joined, number: int, task: Task, sources: tuple[str, ...], wanted: frozenset[str]
) -> tuple[Lists, Table]:
    source_number = {name: place for place, name in enumerate(sources)}
    parts: list[tuple[ndarray, ndarray, ndarray, ndarray]] = [(*_no_cells()[:2], _NO_PLACES, _NO_PLACES)]
    values: list[ndarray] = [_no_cells()[2]]
    tables: list[tuple[ndarray, ndarray, ndarray]] = [(_NO_PLACES, np.zeros(0, np.int32), np.zeros(0, np.float32))]
    n_values = n_rows = 0
    for place, shard in enumerate(joined.shards):
        chosen = np.array([name in wanted for name in shard.sources], np.bool_)
        if not chosen.any() or joined.is_left_out(place):
            continue
        remap = np.array([source_number[name] for name in shard.sources], np.int32)
        record, source, line, length, value = _shard_lists(joined, place, number, task)
        counted = (record >= 0) & chosen[source]
        start = starts_of(length)[:-1]
        if not counted.all():
            record, source, line = record[counted], source[counted], line[counted]
            start, length = start[counted], length[counted]
            if counted.mean() < _FEW:
                start, value = starts_of(length)[:-1], value[steps(start, length)]
        parts.append((record, remap[source], line + (place << 40), n_values + start))
        table = _table(joined, place, number, task, int(value.max(initial=-1)) + 1)
        n_plain = len(table[0]) - len(shard.votes[f"{number}.soft.length"])
        values.append(_table_rows(value, n_rows, n_plain))
        n_values += len(value)
        n_rows += len(table[0])
        tables.append(table)
    record, source, line, start = (_together(column) for column in zip(*parts, strict=True))
    key = record * len(sources) + source
    if not (key[1:] > key[:-1]).all():
        one_file = len(joined.shards) == 1 and not joined.shards[0].n_late
        order = np.argsort(key, kind="stable") if one_file else np.lexsort((line, key))
        record, source, start = record[order], source[order], start[order]
    length, label, probability = (_together(column) for column in zip(*tables, strict=True))
    return Lists(record, source, start, _together(values)), Table(starts_of(length), label, probability)


def _together(parts: Sequence[ndarray]) -> ndarray:
    """The parts one after the other, without a copy where only one has anything in it."""
    filled = [part for part in parts if len(part)] or parts[:1]
    return filled[0] if len(filled) == 1 else np.concatenate(filled)


def _shard_lists(
    joined: Joined, place: int, number: int, task: Task
) -> tuple[ndarray, ndarray, ndarray, ndarray, ndarray]:
    """Record (-1 where it does not count), source, line and length of each list of a shard, and all their values."""
    shard = joined.shards[place]
    late = LateLists(shard, number)
    late_record = joined.late_row[place][late.owner]
    base_record, base_length = _base_lists(joined, place, number, task)
    pairs = (
        (base_record, late_record),
        (shard.votes[f"{number}.source"], late.source),
        (_base_lines(joined, place, number), shard.votes["late.line"][late.owner]),
        (base_length, late.length),
        (shard.votes[f"{number}.value"], late.value),
    )
    record, source, line, length, value = (
        np.concatenate(pair) if len(late.owner) else np.asarray(pair[0]) for pair in pairs
    )
    if task.type == "select":  # one number for all members beyond those that are kept: the table has a row a number
        value = np.minimum(value.astype(np.int32), joined.schema.payload(task.payload).max_length)
    return record, source, line, length, value


def _names_beyond(table: Table, n_kept: int) -> ndarray:
    """Whether each label of a table names a member beyond so many."""
    named = np.zeros(len(table.first) - 1, np.bool_)
    owner = np.repeat(np.arange(len(named)), np.diff(table.first))
    named[owner[table.label >= n_kept]] = True
    return named


def _table_rows(value: ndarray, first: int, n_plain: int) -> ndarray:
    """The row in the table of each value of a shard, whose rows begin with `first`; int32, -1 abstains."""
    row = value.astype(np.int32)
    if int(row.min(initial=0)) <= FIRST_SOFT:
        row = np.where(row <= FIRST_SOFT, n_plain + FIRST_SOFT - row, row)
    if first:
        row += np.int32(first)
        row[value == ABSTAIN] = ABSTAIN
    return row


def _base_lists(joined: Joined, place: int, number: int, task: Task) -> tuple[ndarray, ndarray]:
    """Record of each list of a shard's own records, -1 where that does not count; and the number of its values."""
    shard, kept = joined.shards[place], joined.kept[place]
    row = np.full(shard.n_records, -1, np.int64)
    own = np.arange(joined.first[place], joined.first[place + 1])
    row[slice(None) if kept is None else kept] = own
    count = shard.votes[f"{number}.count"]
    if joined.schema.unit(task) == "record":
        return np.repeat(row, count), np.ones(int(count.sum()), np.int64)
    payload = joined.schema.payload(task.payload)
    full = shard.full_length(len(joined.layout.items))[:, joined.layout.index[payload.name]]
    return np.repeat(row, count), np.repeat(np.clip(full, 0, payload.max_length), count).astype(np.int64)


def _base_lines(joined: Joined, place: int, number: int) -> ndarray:
    shard = joined.shards[place]
    return np.repeat(shard.rows["line"], shard.votes[f"{number}.count"])


def _table(joined: Joined, place: int, number: int, task: Task, n_seen: int) -> tuple[ndarray, ndarray, ndarray]:
    """Length, labels and probabilities of the different labels of a shard: the plain ones, then the soft ones."""
    votes = joined.shards[place].votes
    soft_length, soft_label = votes[f"{number}.soft.length"].astype(np.int64), votes[f"{number}.soft.label"]
    soft_probability = votes[f"{number}.soft.probability"]
    if task.type == "select":
        plain_length, plain_label = np.ones(n_seen, np.int64), np.arange(n_seen, dtype=np.int32)
    else:
        class_number = {name: own for own, name in enumerate(task.classes)}
        remap = np.array([class_number[name] for name in joined.shards[place].classes(number)] or [0], np.int32)
        soft_label = remap[soft_label]
        if task.type == "bitvector":
            plain_length, plain_label = (
                votes[f"{number}.set.length"].astype(np.int64),
                remap[votes[f"{number}.set.label"]],
            )
        else:
            plain_length, plain_label = np.ones(len(remap), np.int64), remap
    return (
        np.concatenate([plain_length, soft_length]),
        np.concatenate([plain_label, soft_label]).astype(np.int32),
        np.concatenate([np.ones(len(plain_label), np.float32), soft_probability]),
    )


def _cells(lists: Lists, offsets: ndarray) -> tuple[ndarray, ndarray, ndarray, int]:
    """Unit, source and row of the table of every cell, by unit and source; and how many cells a later line overrode."""
    first_list = np.flatnonzero(np.diff(lists.record, prepend=-1))
    records = lists.record[first_list]
    n_lists = np.diff(first_list, append=len(lists.record))
    first_unit = offsets[records]
    n_units = offsets[records + 1] - first_unit
    n_cells = n_lists * n_units
    every_unit, every_source, every_row = (np.empty(int(n_cells.sum()), type_) for type_ in _CELL_TYPES)
    n = overridden = 0
    for low, high in _blocks(n_cells):
        owner = np.repeat(np.arange(low, high), n_units[low:high])
        in_record = positions(n_units[low:high])  # of each unit
        width = n_lists[owner]
        place = np.repeat(np.arange(len(owner)), width)  # of each cell's unit in the block
        one = np.arange(len(place)) + (first_list[owner] - starts_of(width)[:-1])[place]
        row = lists.value[lists.start[one] + in_record[place]]
        unit, source = (first_unit[owner] + in_record)[place], lists.source[one]
        if int(row.min(initial=0)) == ABSTAIN:
            said = row != ABSTAIN
            unit, source, row = unit[said], source[said], row[said]
        last = np.append((unit[1:] != unit[:-1]) | (source[1:] != source[:-1]), np.ones(min(len(unit), 1), bool))
        if not last.all():
            overridden += int((~last).sum())
            unit, source, row = unit[last], source[last], row[last]
        stop = n + len(unit)
        every_unit[n:stop], every_source[n:stop], every_row[n:stop] = unit, source, row
        n = stop
    return every_unit[:n], every_source[:n], every_row[:n], overridden


def _no_cells() -> tuple[ndarray, ndarray, ndarray]:
    unit, source, row = (np.zeros(0, type_) for type_ in _CELL_TYPES)
    return unit, source, row


def _blocks(n_cells: ndarray) -> list[tuple[int, int]]:
    """Runs of records with about `_CELLS` cells each."""
    end = np.cumsum(n_cells)
    total = int(end[-1]) if len(end) else 0
    cuts = np.unique(np.searchsorted(end, np.arange(_CELLS, total, _CELLS), side="right"))
    bounds = np.unique(np.concatenate([[0], cuts, [len(n_cells)]])).tolist()
    return list(pairwise(bounds))


def _entries(row: ndarray, table: Table) -> tuple[ndarray, ndarray, ndarray]:
    """First entry of each cell, and label and probability of each entry."""
    length = np.diff(table.first)
    if (length == 1).all() and (table.probability == 1).all():
        return np.arange(len(row) + 1), table.label[row], np.broadcast_to(np.float32(1), len(row))
    entries = steps(table.first[row], length[row])
    return starts_of(length[row]), table.label[entries], table.probability[entries]
