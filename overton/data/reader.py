"""Lines of a data file to arrays, some thousands at a time: for batch work, and what making the row store begins with.

Lines are decoded by type and read by column (`overton.data.encode`). One that is suspected there is looked at by
`line_faults`, which has the last word; lines that have faults are told apart from the rest.
"""

import gc
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy import ndarray

from overton.base import Problem
from overton.base.ragged import starts_of
from overton.data.batch import Batch
from overton.data.encode.encoder import Chunk, Encoder
from overton.data.faults.line import line_faults
from overton.data.pool import Pool
from overton.data.rows.gather import cut_columns
from overton.data.rows.layout import Layout
from overton.schema import Schema

MOST_STRINGS = 200_000  # different strings that a reader remembers before it begins anew


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is left out, and why."""

    path: str
    number: int
    text: bytes
    problems: tuple[Problem, ...]

    def render(self) -> bytes:
        """A line of a quarantine: file and line, every problem, and the text."""
        problems: list[dict[str, Any]] = []
        for problem in self.problems:
            value = asdict(problem)
            problems.append({key: value[key] for key in ("code", "field", "message", "hint") if value[key]})
        text = self.text.decode("utf-8", errors="backslashreplace")
        told = {"file": self.path, "line": self.number, "problems": problems, "text": text}
        return json.dumps(told, ensure_ascii=False).encode("utf-8", errors="backslashreplace") + b"\n"


@dataclass(frozen=True, slots=True)
class Sifted:
    """Some lines, the good ones encoded, the bad ones with their faults.

    Attributes:
        lines: The good lines.
        numbers: Number of each in its file.
        chunk: What the good lines hold; None where there is none.
        bad: The others.
    """

    lines: Sequence[bytes]
    numbers: Sequence[int]
    chunk: Chunk | None
    bad: list[BadLine]


@dataclass(frozen=True)
class Records:
    """The good ones of some lines, ready to be gathered: a row for each record with payloads.

    Attributes:
        lines: The lines, those among them that only add to other records.
        numbers: Number of each in its file.
        place: Which line each row is, int64 of shape (row,).
        ids: Id of each row as UTF-8; empty where the line gives none.
        has_tasks: Whether its line names `tasks`, bool of shape (row,).
        full: Items of each payload that has any, as given, -1 for a null one; int32 of shape (row, payload).
        bad: The lines that have faults.
    """

    lines: Sequence[bytes]
    numbers: Sequence[int]
    place: ndarray
    ids: Sequence[bytes]
    has_tasks: ndarray
    full: ndarray
    bad: Sequence[BadLine]
    _words: ndarray
    _first: ndarray
    _layout: Layout
    _pool: Pool

    @property
    def n_rows(self) -> int:
        """Number of records with payloads."""
        return len(self.place)

    def lengths(self) -> ndarray:
        """Kept items of the longest payload of each row, int64 of shape (row,): what decides about padding."""
        most = np.array([payload.max_length for payload in self._layout.items])
        longest: ndarray = np.minimum(self.full, most).max(axis=1, initial=0)
        return longest

    def given(self, payload: str) -> ndarray:
        """Items of a payload as given, before cutting, int32 of shape (row,); -1 for a null one."""
        items: ndarray = self.full[:, self._layout.index[payload]]
        return items

    def gather(self, rows: ndarray) -> Batch:
        """Some rows as padded arrays, int64 of shape (row,)."""
        return Batch(cut_columns(self._words, self._first[rows], self._layout), self._pool, len(rows))


class LineReader:
    """Reads lines of one schema. It remembers strings, so that each is hashed once, but not for ever.

    The labels are only passed on, so they may name classes that the schema, of an older version, does not have.
    """

    def __init__(self, schema: Schema) -> None:
        self._schema = schema.without_classes()
        self._encoder = Encoder(self._schema, stored=False)

    def read(self, lines: Sequence[bytes], numbers: Sequence[int], path: str = "") -> Records:
        """Some lines that are not blank.

        Args:
            lines: The lines.
            numbers: Number of each in its file.
            path: Their file, for messages.
        """
        if len(self._encoder.strings.texts) > MOST_STRINGS:
            self._encoder = Encoder(self._schema, stored=False)
        encoder = self._encoder
        sifted = sift(encoder, lines, numbers, path)
        base = (sifted.chunk or encoder.encode_nothing()).base
        assert base.rows is not None, "records with payloads have rows"
        widest = int(base.rows.length.max(initial=0))
        words = np.concatenate([base.rows.words, np.zeros(widest, np.int32)])  # reading a width never leaves them
        return Records(
            lines=sifted.lines,
            numbers=sifted.numbers,
            place=base.place,
            ids=base.ids,
            has_tasks=base.has_tasks,
            full=base.rows.full,
            bad=sifted.bad,
            _words=words,
            _first=starts_of(base.rows.length),
            _layout=encoder.layout,
            _pool=encoder.strings,
        )


def sift(encoder: Encoder, lines: Sequence[bytes], numbers: Sequence[int], path: str) -> Sifted:
    """Encode the good ones of some lines, and tell the bad ones with all their faults."""
    bad: list[BadLine] = []
    cleared = False
    while lines:
        chunk, suspects = encoder.encode(lines, keys_counted=cleared)
        if chunk is not None:
            return Sifted(lines, numbers, chunk, bad)
        assert not cleared, f"{path}: line {numbers[suspects[0]]} is refused, but has no fault"
        faults = {place: line_faults(lines[place], encoder.schema, path, numbers[place]) for place in suspects}
        bad += [BadLine(path, numbers[place], lines[place], tuple(found)) for place, found in faults.items() if found]
        cleared = not any(faults.values())
        good = [place for place in range(len(lines)) if not faults.get(place)]
        lines, numbers = [lines[place] for place in good], [numbers[place] for place in good]
    return Sifted([], [], None, bad)


@contextmanager
def without_collection() -> Iterator[None]:
    """Pause the search for reference cycles: decoded lines form none, and looking for them takes most of the time."""
    paused = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if paused:
            gc.enable()
