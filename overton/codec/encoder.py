"""A batch of records to the arrays that a model reads: the same code in training, batch work and serving."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import ndarray

from overton.codec.features import hash_features
from overton.compile import Program
from overton.data import Batch, Column, Pool


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One input of a model.

    Attributes:
        name: Its name in the program.
        type: Its type of number.
        shape: Sizes; a text names a size that varies.
    """

    name: str
    type: str
    shape: tuple[int | str, ...]


def input_specs(program: Program) -> tuple[InputSpec, ...]:
    """The inputs of a program in the order in which its blocks first read them."""
    nodes = {node.name for node in program.nodes}
    read = dict.fromkeys(name for node in program.nodes for name in node.inputs if name not in nodes)
    return tuple(_spec(program, name) for name in read)


def _spec(program: Program, name: str) -> InputSpec:
    payload, _, part = name.rpartition(".")
    shapes: Mapping[str, tuple[int | str, ...]] = {
        "features": ("row", payload, len(_columns(program, payload))),
        "length": ("row",),
        "range": ("row", payload, 2),
    }
    return InputSpec(name, "int32", shapes[part])


def _columns(program: Program, payload: str) -> tuple[str, ...]:
    columns = program.features.get(payload, {}).get("columns", ())
    assert isinstance(columns, tuple), "feature columns are a tuple of names"
    return columns


class Encoder:
    """Turns batches into model inputs.

    It keeps the features of every string it has seen of a pool in a growing table, so that a string is hashed once.
    A pool other than the last one empties the table.
    """

    def __init__(self, program: Program) -> None:
        self._features = program.features
        self._tables: dict[str, _Table] = {}
        self._pool: Pool | None = None
        self._parts: dict[str, list[str]] = {}
        for spec in input_specs(program):
            payload, _, part = spec.name.rpartition(".")
            self._parts.setdefault(payload, []).append(part)

    def encode(self, batch: Batch) -> dict[str, ndarray]:
        """The model's inputs by name.

        Returns:
            For a payload p of the program: `p.features`, int32 of shape (row, item, column); `p.length`, int32 of
            shape (row,); `p.range`, int32 of shape (row, item, 2). There is at least one item, if only padding.
        """
        if batch.pool is not self._pool:
            self.reset()
            self._pool = batch.pool
        inputs: dict[str, ndarray] = {}
        for payload, parts in self._parts.items():
            column = batch.columns[payload]
            for part in parts:
                inputs[f"{payload}.{part}"] = self._encode(payload, part, column, batch.pool)
        return inputs

    def reset(self) -> None:
        """Forget all strings, as when a pool has grown too large to keep."""
        self._tables = {payload: _Table(settings) for payload, settings in self._features.items()}
        self._pool = None

    def _encode(self, payload: str, part: str, column: Column, pool: Pool) -> ndarray:
        if part == "length":
            return np.ascontiguousarray(column.length, np.int32)
        if part == "features":
            return self._tables[payload].take(_at_least_one(column.strings, -1), pool)
        spans = column.range
        if spans is None:
            spans = np.zeros((*column.strings.shape, 2), np.int32)
        return np.ascontiguousarray(_at_least_one(spans, 0), np.int32)


class _Table:
    """The features of the strings of a pool, a row each, made when first asked for; row 0 is that of padding."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self._rows = np.zeros((1024, len(settings["columns"])), np.int32)
        self._known = np.zeros(1024, bool)
        self._known[0] = True

    def take(self, strings: ndarray, pool: Pool) -> ndarray:
        """Features of strings by their numbers, int32 of shape (row, item, column)."""
        rows = strings + 1
        if len(pool.texts) >= len(self._known):
            self._grow(len(pool.texts) + 1)
        if not self._known.take(rows).all():
            self._learn(rows, pool)
        features: ndarray = self._rows.take(rows, axis=0)
        return features

    def _grow(self, size: int) -> None:
        more = max(size, 2 * len(self._known)) - len(self._known)
        self._rows = np.concatenate([self._rows, np.zeros((more, self._rows.shape[1]), np.int32)])
        self._known = np.concatenate([self._known, np.zeros(more, bool)])

    def _learn(self, rows: ndarray, pool: Pool) -> None:
        missing = np.unique(rows)
        missing = missing[~self._known[missing]]
        self._rows[missing] = hash_features([pool.texts[row - 1] for row in missing.tolist()], self._settings)
        self._known[missing] = True


def _at_least_one(cells: ndarray, padding: int) -> ndarray:
    """The same cells, or one column of padding where there is none."""
    if cells.shape[1]:
        return cells
    return np.full((cells.shape[0], 1, *cells.shape[2:]), padding, np.int32)
