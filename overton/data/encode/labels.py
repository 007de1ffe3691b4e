"""The labels of a chunk of records, checked against their payloads and cut with them."""

from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from overton.base.ragged import positions
from overton.data.encode.lists import Lists, SoftVotes, renumber_soft
from overton.data.encode.patterns import Mark, TaskLabels
from overton.data.record import HIGHEST_INDEX
from overton.data.rows.codes import ABSTAIN, FIRST_SOFT


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of one task in a chunk.

    Attributes:
        count: Lists of each record, int64 of shape (record,).
        source: Source of each list, int32 of shape (list,).
        length: Values of each list, int64 of shape (list,).
        value: The values of all lists, int64; soft votes are numbered through the shard.
        soft: The soft votes.
        bad: Records with a fault, bool of shape (record,).
        n_keys: Keys of JSON objects within the labels of each record, int64 of shape (record,).
    """

    count: ndarray
    source: ndarray
    length: ndarray
    value: ndarray
    soft: SoftVotes
    bad: ndarray
    n_keys: ndarray


def encode_labels(lists: Lists, known: TaskLabels, mark: Mark, full: ndarray | None) -> Labels:
    """Check and cut the labels of a task.

    Args:
        lists: The labels.
        known: What is known of the task's labels.
        mark: Where that stood before this chunk.
        full: Items of the task's payload as given, of each record, -1 where it is null; None for records that
            add labels to others: they are checked and cut when the other record is known.
    """
    bad = np.zeros(lists.n_records, bool)
    bad[lists.owner[lists.list_of(lists.wrong)]] = True
    if known.task.classes:
        undeclared = np.append(known.undeclared(mark), False)  # the last is what an abstention or a soft vote finds
        bad[lists.owner[lists.list_of(np.flatnonzero(undeclared[np.maximum(lists.value, ABSTAIN)]))]] = True
    owner, source, length, value = lists.owner, lists.source, lists.length, lists.value
    if known.unit == "record":
        keep = value != ABSTAIN
        if known.task.type == "select" and full is not None:
            bad[owner[_last_member(lists) >= np.maximum(full, 0)[owner]]] = True
        if not keep.all():
            owner, source, length, value = owner[keep], source[keep], length[keep], value[keep]
    elif full is not None:
        bad[owner[length != full[owner]]] = True
        if int(length.max(initial=0)) > known.max_length:
            value = value[positions(length) < known.max_length]
            length = np.minimum(length, known.max_length)
    value = renumber_soft(value, known.n_soft)
    known.n_soft += len(lists.soft.length)
    count = np.bincount(owner, minlength=lists.n_records)
    return Labels(count, source, length, value, lists.soft, bad, lists.n_keys)


def _last_member(lists: Lists) -> ndarray:
    """The highest member that each `select` label names; -1 where it names none."""
    last = lists.value.copy()
    is_soft = last <= FIRST_SOFT
    if is_soft.any():
        n = len(lists.soft.length)
        highest = np.full(n, ABSTAIN, np.int64)
        np.maximum.at(highest, np.repeat(np.arange(n), lists.soft.length), np.minimum(lists.soft.label, HIGHEST_INDEX))
        last[is_soft] = highest[FIRST_SOFT - last[is_soft]]
    return last
