"""The different strings of a payload and how often each is there: what a table of word vectors is made of."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from overton.base import Event, Observe, ignore
from overton.batch.files import opened
from overton.batch.lines import read_lines
from overton.batch.plan import Piece, Plan
from overton.data import LineReader, without_collection
from overton.engine import Engine
from overton.schema import Schema


@dataclass(frozen=True, slots=True)
class Words:
    """Strings, the most frequent first, and equally frequent ones by their text.

    Attributes:
        texts: The strings.
        counts: How often each is there.
        records: Good lines that were read.
        errors: Lines that have faults, and were left out.
    """

    texts: tuple[str, ...]
    counts: tuple[int, ...]
    records: int
    errors: int

    def at_least(self, n: int) -> "Words":
        """Those that are there so often."""
        kept = sum(count >= n for count in self.counts)
        return Words(self.texts[:kept], self.counts[:kept], self.records, self.errors)


def count_words(plan: Plan, schema: Schema, payload: str, engine: Engine, *, observe: Observe = ignore) -> Words:
    """Count the strings of a payload, after cutting."""
    total: Counter[str] = Counter()
    records = errors = 0
    work = partial(_make_count, plan, schema, payload)
    for number, (counts, n_records, n_errors) in enumerate(engine.run(work, plan.pieces, observe=observe), 1):
        total.update(counts)
        records, errors = records + n_records, errors + n_errors
        observe(Event("words", f"{len(total):,} different in {records:,} records", number, len(plan.pieces)))
    ordered = sorted(total.items(), key=lambda item: (-item[1], item[0]))
    return Words(tuple(text for text, _ in ordered), tuple(count for _, count in ordered), records, errors)


def _make_count(
    plan: Plan, schema: Schema, payload: str
) -> Callable[[Piece, Observe], tuple[dict[str, int], int, int]]:
    def count(piece: Piece, observe: Observe) -> tuple[dict[str, int], int, int]:
        one, reader = plan.inputs[piece.input], LineReader(schema)
        found: Counter[str] = Counter()
        n_records = n_errors = 0
        with opened(one, piece) as contents, without_collection():
            for lines in read_lines(contents, piece):
                records = reader.read(lines.lines, lines.numbers, one.name)
                n_records += len(records.lines)
                n_errors += len(records.bad) + len(lines.too_long)
                if records.n_rows:
                    batch = records.gather(np.arange(records.n_rows))
                    numbers = batch.columns[payload].strings
                    numbers, n = np.unique(numbers[numbers >= 0], return_counts=True)
                    for number, often in zip(numbers.tolist(), n.tolist(), strict=True):
                        found[batch.pool.texts[number]] += often
        return dict(found), n_records, n_errors

    return count
