"""One data file as stored: arrays that lie in memory maps, and what is read off them when it is first asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
from numpy import ndarray

from overton.data.rows.hashing import hash_bytes

Sections = Mapping[str, ndarray]


@dataclass(frozen=True)
class Shard:
    """What was made of one data file.

    Attributes:
        name: Name of the file; it stands in the ids of records that have none of their own.
        path: The file, for messages.
        meta: Counts and digests, as written by `files.ingest`.
        rows: Sections of the payloads.
        votes: Sections of labels and tags, and of the records that add to others ("late").
    """

    name: str
    path: str
    meta: Mapping[str, Any]
    rows: Sections
    votes: Sections

    @property
    def n_records(self) -> int:
        """Number of records with payloads."""
        return len(self.rows["line"])

    @property
    def n_late(self) -> int:
        """Number of records that add labels and tags to others."""
        return len(self.votes["late.line"])

    @cached_property
    def digest(self) -> Any:
        """What its records depend on: schema and content of its file; the name too where ids are made of it."""
        has_made_ids = not self.meta["unique_ids"] and bool((self.rows["id.hash"] == 0).any())
        return [self.meta["digest"], self.name] if has_made_ids else self.meta["digest"]

    @cached_property
    def strings(self) -> list[str]:
        """The strings of tokens and members by number."""
        return _texts(self.rows["strings"])

    @cached_property
    def sources(self) -> list[str]:
        """Names of sources by number."""
        return _texts(self.votes["sources"])

    @cached_property
    def tags(self) -> list[str]:
        """Tags by number."""
        return _texts(self.votes["tags"])

    def classes(self, task: int) -> list[str]:
        """Names of the classes of a task by number, in the order of their first sight."""
        return _texts(self.votes[f"{task}.classes"])

    def sources_of(self, task: int) -> list[str]:
        """Names of the sources that the labels of a task name, those that only abstain among them."""
        return _texts(self.votes[f"{task}.sources"])

    def full_length(self, n_payloads: int) -> ndarray:
        """Items of each payload as given, int32 of shape (record, payload with items); -1 where null."""
        return self.rows["full"].reshape(-1, n_payloads)

    @cached_property
    def id_hash(self) -> ndarray:
        """Hash of the id of each record, made ones too, uint64 of shape (record,)."""
        hashes = self.rows["id.hash"]
        nameless = np.flatnonzero(hashes == 0)
        if not len(nameless):
            return hashes
        hashes = hashes.copy()
        hashes[nameless] = hash_bytes(
            [made_id(self.name, line).encode() for line in self.rows["line"][nameless].tolist()]
        )
        return hashes

    def ids(self, rows: ndarray) -> list[str]:
        """Ids of some records."""
        content = self.rows["id.bytes"].data
        first, line = self.rows["id.first"], self.rows["line"]
        bounds = zip(first[rows].tolist(), first[rows + 1].tolist(), line[rows].tolist(), strict=True)
        return [str(content[start:end], "utf-8") or made_id(self.name, number) for start, end, number in bounds]

    def late_ids(self) -> list[str]:
        """The id that each late record names."""
        first, content = self.votes["late.id.first"].tolist(), self.votes["late.id.bytes"].tobytes()
        return [content[start:end].decode() for start, end in pairwise(first)]

    def late_line(self, late: int) -> int:
        """Line of a late record."""
        return int(self.votes["late.line"][late])

    def bad_ids(self) -> list[tuple[str, int]]:
        """Id and line of each record that is left out for a fault of its own."""
        first, content = self.rows["bad.id.first"].tolist(), self.rows["bad.id.bytes"].tobytes()
        ids = [content[start:end].decode(errors="replace") for start, end in pairwise(first)]
        return list(zip(ids, self.rows["bad.line"].tolist(), strict=True))

    def text(self, payload: int, row: int) -> str | None:
        """The text of a singleton."""
        first, content = self.rows[f"text.{payload}.first"], self.rows[f"text.{payload}.bytes"]
        text = content[first[row] : first[row + 1]].tobytes()
        return text[:-1].decode() if text else None


def made_id(name: str, line: int) -> str:
    """The id of a record that has none."""
    return f"{name}:{line}"


def _texts(section: ndarray) -> list[str]:
    return msgspec.msgpack.decode(section.tobytes(), type=list[str])
