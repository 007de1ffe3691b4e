"""A batch of records to the arrays that a model reads: the same code in training, batch work and serving."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy import ndarray

from overton.codec.features import hash_features
from overton.codec.grams import Grams
from overton.codec.pieces import Pieces
from overton.codec.rows import Rows
from overton.codec.tables import Table
from overton.codec.windows import Windows, n_windows
from overton.compile import Program
from overton.data import Batch, Column, Pool

PIECES = ("pieces", "piece_tokens")
READ_FEATURES = ("features", "windows")


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
    if part == "windows":
        return InputSpec(name, "int32", ("row", payload, n_windows(program.features[payload])))
    shapes: Mapping[str, tuple[int | str, ...]] = {
        "features": ("row", payload, len(_columns(program, payload))),
        "length": ("row",),
        "grams": ("row", f"{payload}.grams"),
        "range": ("row", payload, 2),
        "rows": ("row", payload),
        "pieces": ("row", f"{payload}.pieces"),
        "piece_tokens": ("row", f"{payload}.pieces"),
    }
    return InputSpec(name, "int32", shapes[part])


def _columns(program: Program, payload: str) -> tuple[str, ...]:
    columns = program.features.get(payload, {}).get("columns", ())
    assert isinstance(columns, tuple), "feature columns are a tuple of names"
    return columns


def reads_pieces(program: Program, payload: str) -> bool:
    """Whether a payload is read by a transformer, in pieces of words."""
    return any(f"{payload}.pieces" in node.inputs for node in program.nodes)


class Encoder:
    """Turns batches into model inputs.

    It keeps the features of every string it has seen of a pool in a growing table, so that a string is hashed once.
    A pool other than the last one empties the table.

    Args:
        program: The program.
        strings: What belongs to the pretrained part of embeddings, by name of payload: the words that have a vector, or
            the tokenizer of a transformer.
    """

    def __init__(self, program: Program, strings: Mapping[str, str] | None = None) -> None:
        self._program = program
        self._rows: dict[str, Rows] = {}
        self._pieces: dict[str, Pieces] = {}
        self._grams: dict[str, Grams] = {}
        self._windows: dict[str, Windows] = {}
        for payload, text in (strings or {}).items():
            if reads_pieces(program, payload):
                self._pieces[payload] = Pieces(text, program.features[payload])
            else:
                self._rows[payload] = Rows(text)
        self._tables: dict[str, Table] = {}
        self._row_tables: dict[str, Table] = {}
        self._pool: Pool | None = None
        self._parts: dict[str, list[str]] = {}
        for spec in input_specs(program):
            payload, _, part = spec.name.rpartition(".")
            if part == "grams":
                self._grams[payload] = Grams(program.features[payload])
            if part == "windows":
                self._windows[payload] = Windows(program.features[payload])
            if part not in PIECES:
                self._parts.setdefault(payload, []).append(part)

    def encode(self, batch: Batch) -> dict[str, ndarray]:
        """The model's inputs by name.

        Returns:
            For a payload p of the program: `p.features`, int32 of shape (row, item, column); `p.length`, int32 of
            shape (row,); `p.range`, int32 of shape (row, item, 2); `p.rows`, int32 of shape (row, item); `p.pieces`
            and `p.piece_tokens`, int32 of shape (row, piece); `p.grams`, int32 of shape (row, gram); `p.windows`,
            int32 of shape (row, item, window). There is at least one item, if only padding.
        """
        self._turn_to(batch.pool)
        inputs: dict[str, ndarray] = {}
        for payload, parts in self._parts.items():
            column = batch.columns[payload]
            if "features" in parts or "windows" in parts:
                strings = _at_least_one(column.strings, -1)
                features = self._tables[payload].take(strings, batch.pool)
                if "features" in parts:
                    inputs[f"{payload}.features"] = features
                if "windows" in parts:
                    inputs[f"{payload}.windows"] = self._windows[payload].of(features, strings >= 0)
            for part in parts:
                if part not in READ_FEATURES:
                    inputs[f"{payload}.{part}"] = self._encode(payload, part, column, batch.pool)
            if payload in self._pieces:
                found = self._pieces[payload].take(column.strings, batch.pool)
                inputs[f"{payload}.pieces"], inputs[f"{payload}.piece_tokens"] = found
        return inputs

    def learn(self, batches: Sequence[Batch]) -> None:
        """Look at the strings of some batches of one pool, at least one: at once, which costs less than one by one."""
        pool = batches[0].pool
        self._turn_to(pool)
        for payload, parts in self._parts.items():
            strings = np.concatenate([batch.columns[payload].strings.ravel() for batch in batches])
            if "features" in parts:
                self._tables[payload].learn(strings, pool)
            if "grams" in parts:
                self._grams[payload].learn(strings, pool)

    def reset(self) -> None:
        """Forget all strings, as when a pool has grown too large to keep."""
        self._tables = {
            payload: Table(len(_columns(self._program, payload)), partial(hash_features, settings=settings))
            for payload, settings in self._program.features.items()
        }
        for pieces in self._pieces.values():
            pieces.reset()
        for grams in self._grams.values():
            grams.reset()
        self._row_tables = {payload: Table(1, rows) for payload, rows in self._rows.items()}
        self._pool = None

    def _turn_to(self, pool: Pool) -> None:
        if pool is not self._pool:
            self.reset()
            self._pool = pool

    def _encode(self, payload: str, part: str, column: Column, pool: Pool) -> ndarray:
        if part == "length":
            return np.ascontiguousarray(column.length, np.int32)
        if part == "grams":
            return self._grams[payload].take(column.strings, pool)
        if part == "rows":
            return self._row_tables[payload].take(_at_least_one(column.strings, -1), pool)[..., 0]
        spans = column.range
        if spans is None:
            spans = np.zeros((*column.strings.shape, 2), np.int32)
        return np.ascontiguousarray(_at_least_one(spans, 0), np.int32)


def _at_least_one(cells: ndarray, padding: int) -> ndarray:
    """The same cells, or one column of padding where there is none."""
    if cells.shape[1]:
        return cells
    return np.full((cells.shape[0], 1, *cells.shape[2:]), padding, np.int32)
