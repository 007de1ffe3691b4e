"""The different strings of a payload and how often each is there: what a table of word vectors is made of.

Each piece has its strings counted into a file of its own, created once; when all are there, they are added up.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

import msgspec
import numpy as np

from overton.batch.files import Output
from overton.batch.sinks import Sink
from overton.batch.work import Made, Verb
from overton.data import Records
from overton.schema import Schema

_counts = msgspec.json.Decoder(tuple[str, int])


@dataclass(frozen=True, slots=True)
class Words:
    """Strings, the most frequent first, and equally frequent ones by their text.

    Attributes:
        texts: The strings.
        counts: How often each is there.
    """

    texts: tuple[str, ...]
    counts: tuple[int, ...]

    @classmethod
    def of(cls, counts: Mapping[str, int], least: int) -> "Words":
        """Those that are there so often."""
        kept = sorted((item for item in counts.items() if item[1] >= least), key=lambda item: (-item[1], item[0]))
        return cls(tuple(text for text, _ in kept), tuple(count for _, count in kept))


def counter_of(payload: str) -> Callable[[Records, str], Counter[str]]:
    """What counts the strings of a payload, after cutting, in some records."""

    def count(records: Records, name: str = "") -> Counter[str]:
        found: Counter[str] = Counter()
        if records.n_rows:
            batch = records.gather(np.arange(records.n_rows))
            numbers = batch.columns[payload].strings
            numbers, often = np.unique(numbers[numbers >= 0], return_counts=True)
            for number, n in zip(numbers.tolist(), often.tolist(), strict=True):
                found[batch.pool.texts[number]] += n
        return found

    return count


def count_verb(schema: Schema, payload: str) -> Verb:
    """What a piece does with records: count their strings."""
    count = counter_of(payload)
    return Verb(schema, lambda records, name: Made([count(records, name)]), _sink)


@contextmanager
def _sink(file: IO[bytes]) -> Iterator[Sink]:
    """Adds up counts, and writes them in the end, a line for each string."""
    total: Counter[str] = Counter()
    yield total.update
    file.write(msgspec.json.Encoder().encode_lines(sorted(total.items())))


def added_up(output: Output, names: Iterable[str]) -> Counter[str]:
    """What is counted in some files of an output."""
    total: Counter[str] = Counter()
    for name in names:
        total.update(dict(_counts.decode_lines(output.read(name) or b"")))
    return total
