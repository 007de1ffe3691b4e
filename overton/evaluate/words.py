"""The words of records: tokens, members of sets, and the tokens of texts, each once a record and in lower case."""

from collections.abc import Sequence

import numpy as np
from numpy import ndarray

from overton.data import Dataset
from overton.schema import Payload

CHUNK = 4096


def item_payloads(dataset: Dataset) -> Sequence[Payload]:
    """The payloads with tokens or members, of those that read one field the first."""
    by_field: dict[str, Payload] = {}
    for payload in dataset.schema.payloads:
        if payload.has_items:
            by_field.setdefault(payload.field, payload)
    return tuple(by_field.values())


def lower_items(dataset: Dataset, payload: Payload, rows: ndarray) -> tuple[ndarray, ndarray, list[str]]:
    """The words of some records.

    Args:
        dataset: The records.
        payload: A payload with items.
        rows: Numbers of the records, int64.

    Returns:
        Place of the record among these and number of the word, for each different word of each record, int64 of shape
        (pair,), by record; and the words by number.
    """
    numbers: dict[str, int] = {}
    of_string: dict[int, int] = {}
    keys = []
    for start in range(0, len(rows), CHUNK):
        column = dataset.gather(rows[start : start + CHUNK]).columns[payload.name]
        record, _ = np.nonzero(column.mask)
        different, place = np.unique(column.strings[column.mask], return_inverse=True)
        for one in different.tolist():
            if one not in of_string:
                of_string[one] = numbers.setdefault(dataset.pool.texts[one].lower(), len(numbers))
        word = np.array([of_string[one] for one in different.tolist()], np.int64)[place]
        keys.append(((record + start) << 32) | word)
    key = np.unique(np.concatenate([np.zeros(0, np.int64), *keys]))
    return key >> 32, key & 0xFFFFFFFF, list(numbers)
