"""Checks of records that add to others, made when the other record is known: do the labels fit it?"""

from collections.abc import Iterator

import numpy as np
from numpy import ndarray

from overton.base import Problem, count_of, json_path
from overton.base.ragged import starts_of
from overton.data.names import SPLITS
from overton.data.rows.codes import FIRST_SOFT
from overton.data.rows.layout import Layout
from overton.data.rows.shard import Shard
from overton.schema import Task


def check_late(shard: Shard, late_row: ndarray, full: ndarray, layout: Layout) -> Iterator[tuple[int, Problem]]:
    """Late records whose labels do not fit the record that they name.

    Args:
        shard: The shard that the late records are in.
        late_row: The record that each names; -1 where there is none.
        full: Items of each payload of all records as given, shape (record, payload with items); -1 where null.
        layout: The plan of a row.
    """
    if not (late_row >= 0).any():
        return
    for number, task in enumerate(layout.schema.tasks):
        unit = layout.schema.unit(task)
        if unit == "record" and task.type != "select":
            continue
        items = full[:, layout.index[task.payload]]
        lists = LateLists(shard, number)
        there = late_row[lists.owner] >= 0
        n_items = np.where(there, items[np.maximum(late_row[lists.owner], 0)], 0)
        if task.type == "select":
            wrong = there & (lists.last_member() >= np.maximum(n_items, 0))
        else:
            wrong = there & (lists.length != n_items)
        for place in np.flatnonzero(wrong).tolist():
            yield int(lists.owner[place]), _problem(shard, lists, place, task, int(n_items[place]))


def late_splits(shard: Shard, late_row: ndarray, splits: ndarray) -> Iterator[tuple[int, Problem]]:
    """Late records that put their record into a second split.

    Args:
        shard: The shard that the late records are in.
        late_row: The record that each names; -1 where there is none.
        splits: Number in `SPLITS` of the split of each record, -1 where it has none, int of shape (record,); late
            splits are written into it.
    """
    if not set(SPLITS) & set(shard.tags):
        return
    first, tag = shard.votes["late.tag.first"], shard.votes["late.tag"]
    for late, row in enumerate(late_row.tolist()):
        for number in tag[first[late] : first[late + 1]].tolist() if row >= 0 else ():
            name = shard.tags[number]
            if name not in SPLITS:
                continue
            if splits[row] not in (-1, SPLITS.index(name)):
                yield (
                    late,
                    Problem(
                        message=f"the tag {name!r} is added to a record that is in {SPLITS[splits[row]]!r}",
                        code="record.two-splits",
                        path=shard.path,
                        line=shard.late_line(late),
                        field="$.tags",
                        hint="A record is in one split",
                    ),
                )
                break
            splits[row] = SPLITS.index(name)


class LateLists:
    """The lists of labels of one task in the late records of a shard.

    Attributes:
        owner: Late record of each list, int64.
        source: Source of each list.
        length: Values of each list, int64.
        value: Values of all lists.
    """

    def __init__(self, shard: Shard, task: int) -> None:
        count = shard.votes[f"late.{task}.count"].astype(np.int64)
        self.owner = np.repeat(np.arange(len(count)), count)
        self.source = shard.votes[f"late.{task}.source"]
        self.length = shard.votes[f"late.{task}.length"].astype(np.int64)
        self.value = shard.votes[f"late.{task}.value"]
        self._soft_length = shard.votes[f"{task}.soft.length"]
        self._soft_label = shard.votes[f"{task}.soft.label"]

    def last_member(self) -> ndarray:
        """The highest member that each label of a `select` task names."""
        last = self.value.astype(np.int64)
        soft = np.flatnonzero(last <= FIRST_SOFT)
        first = starts_of(self._soft_length)
        for place in soft.tolist():
            vote = FIRST_SOFT - int(last[place])
            last[place] = int(self._soft_label[first[vote] : first[vote + 1]].max(initial=-1))
        return last


def _problem(shard: Shard, lists: LateLists, place: int, task: Task, n_items: int) -> Problem:
    source = shard.sources[int(lists.source[place])]
    has = f"has {count_of(n_items, 'item')}" if n_items >= 0 else "is null"
    seen = (
        f"member {int(lists.last_member()[place])}"
        if task.type == "select"
        else count_of(int(lists.length[place]), "label")
    )
    return Problem(
        message=f"{seen} for the record that this line names, but its {task.payload!r} {has}",
        code="record.select-index" if task.type == "select" else "record.label-length",
        path=shard.path,
        line=shard.late_line(int(lists.owner[place])),
        field=json_path(["tasks", task.name, source]),
        kind=f"late {task.name}",
    )
