"""A data file to the two files of a shard, in one pass and with memory that does not grow with the records."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import msgspec
import numpy as np
from numpy import ndarray

from overton.base import Event, Observe
from overton.data.encode.encoder import Chunk, Encoder, Part
from overton.data.faults.line import faulty_id
from overton.data.faults.tally import Tally
from overton.data.files.container import SectionWriter
from overton.data.files.digests import Digested, refuse_change
from overton.data.files.lines import read_blocks
from overton.data.reader import BadLine, sift, without_collection
from overton.schema import Schema

OnBad = Callable[[BadLine], None]


def no_quarantine(bad: BadLine) -> None:
    """Leave a bad line unrecorded."""


def ingest(
    path: Path,
    schema: Schema,
    rows: Path,
    votes: Path,
    *,
    digest: str,
    file: Digested | None,
    on_bad: OnBad,
    observe: Observe,
) -> None:
    """Write the shard of a data file; its bad lines are left out, and told in its meta data.

    Args:
        path: The data file.
        schema: What its records should be.
        rows: Where the payloads go.
        votes: Where labels and tags go.
        digest: Digest of what the shard is made of; it becomes part of the digest of the data set.
        file: The file as it was when its digest was taken, by which the shard is kept; None for as it is.
        on_bad: Called with every bad line.
        observe: Told of the progress.

    Raises:
        OvertonError: Where the file cannot be read, or is not any more what it was.
    """
    encoder = Encoder(schema)
    with (
        SectionWriter(rows.parent) as row_sections,
        SectionWriter(votes.parent) as vote_sections,
        without_collection(),
    ):
        writer = _ShardWriter(encoder, row_sections, vote_sections)
        writer.add(encoder.encode_nothing(), np.zeros(0, np.int64))  # so that every section is there
        writer.add_bad([])
        faults = Tally()
        n_bad = n_lines = 0
        for block in read_blocks(path, file and file.size):
            sifted = sift(encoder, block.lines, block.numbers, str(path))
            for line in sifted.bad:
                on_bad(line)
                faults.add(line.problems)
            writer.add_bad(sifted.bad)
            n_bad += len(sifted.bad)
            n_lines += len(block.lines)
            if sifted.chunk is not None:
                writer.add(sifted.chunk, np.array(sifted.numbers, np.int64))
            observe(Event("ingest", done=n_lines, values={"file": path.name}))
        problems = [{**asdict(problem), "path": ""} for problem in faults.problems()]  # that is told by who opens it
        meta = {
            "digest": digest,
            "n_lines": n_lines,
            "n_bad": n_bad,
            "problems": problems,
            "unique_ids": writer.has_unique_ids(),
        }
        writer.finish()
        refuse_change(file)
        vote_sections.save(votes, "votes", {"n_lines": n_lines})
        row_sections.save(rows, "rows", meta)


class _ShardWriter:
    """Appends chunks to the sections of a shard."""

    def __init__(self, encoder: Encoder, rows: SectionWriter, votes: SectionWriter) -> None:
        self._encoder = encoder
        self._rows = rows
        self._votes = votes
        self._ends: dict[str, int] = {}
        self._widest = 0

    def add(self, chunk: Chunk, numbers: ndarray) -> None:
        """Append a chunk.

        Args:
            chunk: The records.
            numbers: Number of the line of each.
        """
        base, late, rows = chunk.base, chunk.late, chunk.base.rows
        assert rows is not None, "records with payloads have rows"
        self._rows.append("words", rows.words)
        self._ragged(self._rows, "row", rows.length)
        self._rows.append("full", rows.full.ravel())
        self._rows.append("content", rows.content)
        self._rows.append("line", numbers[base.place])
        self._ids(self._rows, "id", base)
        for number, texts in enumerate(rows.texts):
            self._bytes(self._rows, f"text.{number}", texts)
        self._widest = max(self._widest, int(rows.length.max(initial=0)))
        self._supervision("", base)
        self._votes.append("late.line", numbers[late.place])
        self._ids(self._votes, "late.id", late)
        self._supervision("late.", late)

    def add_bad(self, bad: list[BadLine]) -> None:
        """Append the ids of records that are left out: a line that names one is told why it is not there."""
        named = [(line.number, id_) for line in bad if (id_ := faulty_id(line.text))]
        self._rows.append("bad.line", np.array([number for number, _ in named], np.int64))
        self._bytes(self._rows, "bad.id", [id_ for _, id_ in named])

    def has_unique_ids(self) -> bool:
        """Whether every record has an id of its own for certain."""
        ordered = np.sort(self._rows.read("id.hash"))
        return bool(len(ordered) == 0 or (ordered[0] != 0 and (ordered[1:] != ordered[:-1]).all()))

    def finish(self) -> None:
        """Append what is known when all records are."""
        self._rows.append("words", np.zeros(self._widest, np.int32))  # so that reading a row's width stays in the map
        self._rows.append_bytes("strings", msgspec.msgpack.encode(self._encoder.strings.texts))
        for name, values in (("sources", self._encoder.sources), ("tags", self._encoder.tags)):
            self._votes.append_bytes(name, msgspec.msgpack.encode(values.seen))
        for number, known in enumerate(self._encoder.tasks):
            sets = known.set_classes()
            self._votes.append(f"{number}.set.length", np.array([len(one) for one in sets], np.int64))
            self._votes.append(f"{number}.set.label", np.array([label for one in sets for label in one], np.int32))
            self._votes.append_bytes(f"{number}.classes", msgspec.msgpack.encode(known.classes.seen))
            self._votes.append_bytes(f"{number}.sources", msgspec.msgpack.encode(known.sources.seen))

    def _supervision(self, prefix: str, part: Part) -> None:
        self._ragged(self._votes, f"{prefix}tag", part.tag_count)
        self._votes.append(f"{prefix}tag", _narrow(part.tag))
        for number, labels in enumerate(part.labels):
            name = f"{prefix}{number}"
            self._votes.append(f"{name}.count", _narrow(labels.count))
            self._votes.append(f"{name}.source", _narrow(labels.source))
            self._votes.append(f"{name}.value", _narrow(labels.value))
            if prefix:
                self._votes.append(f"{name}.length", _narrow(labels.length))
            self._votes.append(f"{number}.soft.length", _narrow(labels.soft.length))
            self._votes.append(f"{number}.soft.label", labels.soft.label)
            self._votes.append(f"{number}.soft.probability", labels.soft.probability)

    def _ids(self, sections: SectionWriter, name: str, part: Part) -> None:
        self._bytes(sections, name, part.ids)
        sections.append(f"{name}.hash", part.id_hash)

    def _bytes(self, sections: SectionWriter, name: str, strings: list[bytes]) -> None:
        sections.append_bytes(f"{name}.bytes", b"".join(strings))
        self._ragged(sections, name, np.fromiter(map(len, strings), np.int64, len(strings)))

    def _ragged(self, sections: SectionWriter, name: str, length: ndarray) -> None:
        """Append where rows begin: one number a row, and one for the end of the last."""
        begin = self._ends.get(name, 0)
        first = np.cumsum(length, dtype=np.int64) + begin
        if name not in self._ends:
            first = np.concatenate([np.zeros(1, np.int64), first])
        sections.append(f"{name}.first", first)
        self._ends[name] = int(first[-1]) if len(first) else begin


def _narrow(numbers: ndarray) -> ndarray:
    """The same numbers in the smallest type that holds them."""
    low, high = int(numbers.min(initial=0)), int(numbers.max(initial=0))
    dtype = next(
        t for t in (np.int8, np.int16, np.int32, np.int64) if np.iinfo(t).min <= low and high <= np.iinfo(t).max
    )
    return numbers.astype(dtype)
