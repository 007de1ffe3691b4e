"""Records to the vectors of one payload: a row a record, a token or a member, each with the id of its record."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
from numpy import ndarray

from overton.artifact import open_session
from overton.batch.plan import Asked
from overton.batch.predict import batches, ids_of
from overton.batch.sinks import PARQUET
from overton.codec import Encoder, input_specs, reads_pieces
from overton.compile import Program
from overton.data import Batch, Column, Pool, Records
from overton.schema import Payload

DIGITS = 6  # behind the point, in JSON
WORDS_AT_ONCE = 1024
ROWS_AT_ONCE = 4096  # of JSON
NUMBERS_AT_ONCE = 1 << 23  # of the vectors that are in memory together: 32 MB


@dataclass(frozen=True, slots=True)
class Embedding:
    """How the vectors of a payload are computed: the graph that does nothing else, and what it reads.

    Attributes:
        program: The part of the program that computes them (`overton.compile.embedding_program`).
        onnx: Its graph.
        strings: What the codec has to know of strings, by name of payload.
        payload: Whose vectors they are.
        width: Numbers of a vector.
    """

    program: Program
    onnx: bytes
    strings: Mapping[str, str]
    payload: Payload
    width: int


class Embedder:
    """Computes the vectors of a payload; loaded once for any number of records.

    Args:
        embedding: How.
    """

    def __init__(self, embedding: Embedding) -> None:
        self.embedding = embedding
        self._session = open_session(embedding.onnx)
        read = {value.name for value in self._session.get_inputs()}
        self._inputs = [spec.name for spec in input_specs(embedding.program) if spec.name in read]
        self._encoder = Encoder(embedding.program, embedding.strings)

    def run(self, batch: Batch) -> ndarray:
        """The vectors of some records: float32 of shape (row, width), or (row, item, width)."""
        values = self._encoder.encode(batch)
        (vectors,) = self._session.run(None, {name: values[name] for name in self._inputs})
        found: ndarray = vectors
        return found


def embeddings(embedder: Embedder, records: Records, name: str, part: slice = slice(None)) -> dict[str, Any]:
    """The columns of a part of a table: `id`, for items `position` and `token` or `member`, and `vector`.

    A record that has no such payload has a row without a vector where the payload is a singleton, and none otherwise.

    Args:
        embedder: What computes them.
        records: The records.
        name: What ids of records without one begin with.
        part: Which of the records.
    """
    payload = embedder.embedding.payload
    ids, numbers = ids_of(records, name)[part], np.arange(records.n_rows)[part]
    found: list[Any] = [None] * len(ids)
    strings: list[Sequence[str]] = [()] * len(ids)
    for rows in batches(records.lengths()[part]):
        batch = records.gather(numbers[rows])
        vectors, column = embedder.run(batch), batch.columns[payload.name]
        for row, place, length, there in zip(
            range(len(rows)), rows.tolist(), column.length.tolist(), column.present.tolist(), strict=True
        ):
            if payload.type != "singleton":
                found[place] = vectors[row, :length]
                strings[place] = [batch.pool.texts[number] for number in column.strings[row, :length].tolist()]
            elif there:
                found[place] = vectors[row]
    width = embedder.embedding.width
    if payload.type == "singleton":
        missing = np.array([vector is None for vector in found], bool)
        whole = [np.zeros(width, np.float32) if vector is None else vector for vector in found]
        return {"id": ids, "vector": np.array(whole, np.float32).reshape(len(ids), width), "missing": missing}
    lengths = [len(one) for one in found]
    return {
        "id": [own for own, length in zip(ids, lengths, strict=True) for _ in range(length)],
        "position": np.concatenate([np.zeros(0, np.int32), *(np.arange(length, dtype=np.int32) for length in lengths)]),
        unit_of(payload): [text for one in strings for text in one],
        "vector": np.concatenate([np.zeros((0, width), np.float32), *found]),
    }


def word_vectors(embedder: Embedder, words: Sequence[str], counts: Sequence[int]) -> dict[str, Any]:
    """The columns of a table of words: `word`, `count`, and `vector`, of each word by itself."""
    payload, vectors = embedder.embedding.payload, []
    for start in range(0, len(words), WORDS_AT_ONCE):
        batch = _alone(words[start : start + WORDS_AT_ONCE], payload)
        vectors.append(embedder.run(batch)[:, 0])
    width = embedder.embedding.width
    return {
        "word": list(words),
        "count": list(counts),
        "vector": np.concatenate([np.zeros((0, width), np.float32), *vectors]),
    }


def _alone(words: Sequence[str], payload: Payload) -> Batch:
    """Each word as the one item of a record."""
    ones = np.ones(len(words), np.int32)
    spans = np.tile(np.array([[[0, 1]]], np.int32), (len(words), 1, 1)) if payload.range else None
    numbers = np.arange(len(words), dtype=np.int32)[:, None]
    return Batch({payload.name: Column(numbers, ones, ones.astype(bool), spans)}, Pool(words), len(words))


def make_embed(embedder: Embedder, asked: Asked) -> Callable[[Records, str], Iterator[Any]]:
    """What a piece does with some records: tables of vectors, or lines of them, one made when the other is written."""
    told = as_table if asked.format == PARQUET else as_lines

    def embed(records: Records, name: str) -> Iterator[Any]:
        return (told(embeddings(embedder, records, name, part)) for part in _parts(embedder.embedding, records))

    return embed


def _parts(embedding: Embedding, records: Records) -> Iterator[slice]:
    """Records that follow each other and whose vectors are in memory together, the same ones for everyone."""
    payload, rows = embedding.payload, np.arange(records.n_rows)
    if payload.type == "singleton":
        count = rows + 1
    else:
        count = np.cumsum(np.clip(records.given(payload.name), 0, payload.max_length), dtype=np.int64)
    part = count * embedding.width // NUMBERS_AT_ONCE
    begins = [0, *(np.flatnonzero(np.diff(part)) + 1).tolist(), len(rows)]
    return (slice(begin, end) for begin, end in pairwise(begins) if end > begin)


def unit_of(payload: Payload) -> str:
    """The column that says which item of a record a row is about."""
    return "member" if payload.type == "set" else "token"


def arrow_schema(payload: Payload, width: int, *, words: bool = False) -> Any:
    """The columns of embeddings, for Parquet."""
    import pyarrow as pa

    items = [pa.field("position", pa.int32()), pa.field(unit_of(payload), pa.string())]
    keys = [pa.field("id", pa.string()), *(items if payload.type != "singleton" else [])]
    if words:
        keys = [pa.field("word", pa.string()), pa.field("count", pa.int64())]
    return pa.schema([*keys, pa.field("vector", pa.list_(pa.float32(), width))])


def as_table(columns: Mapping[str, Any]) -> Any:
    """Columns as an Arrow table, its vectors lists of a fixed size."""
    import pyarrow as pa

    vector, missing = columns["vector"], columns.get("missing")
    flat = pa.array(np.ascontiguousarray(vector).reshape(-1), pa.float32())
    mask = None if missing is None or not missing.any() else pa.array(missing)
    lists = pa.FixedSizeListArray.from_arrays(flat, vector.shape[1], mask=mask)
    types = {"position": pa.int32(), "count": pa.int64()}
    plain = {
        name: pa.array(value, types.get(name, pa.string()))
        for name, value in columns.items()
        if name not in ("vector", "missing")
    }
    return pa.table({**plain, "vector": lists})


def as_lines(columns: Mapping[str, Any]) -> bytes:
    """Columns as lines of JSON, an object a row, its vector rounded."""
    n_rows = len(columns["vector"])
    return b"".join(_lines_of(columns, slice(start, start + ROWS_AT_ONCE)) for start in range(0, n_rows, ROWS_AT_ONCE))


def _lines_of(columns: Mapping[str, Any], rows: slice) -> bytes:
    """The lines of some rows: vectors take many times the memory as numbers of Python."""
    vectors = np.round(columns["vector"][rows].astype(np.float64), DIGITS).tolist()
    for place in np.flatnonzero(columns.get("missing", np.zeros(0, bool))[rows]).tolist():
        vectors[place] = None
    names = [name for name in columns if name not in ("vector", "missing")]
    some = [columns[name][rows] for name in names]
    values = [one if isinstance(one, list) else one.tolist() for one in some]
    told = [dict(zip((*names, "vector"), row, strict=True)) for row in zip(*values, vectors, strict=True)]
    lines: bytes = msgspec.json.Encoder().encode_lines(told)
    return lines


def strings_read(program: Program, strings: Mapping[str, str]) -> dict[str, str]:
    """Those of the codec's strings, by name of payload, that a part of a program reads."""
    read = {spec.name.rpartition(".")[::2] for spec in input_specs(program)}
    return {
        payload: text
        for payload, text in strings.items()
        if (payload, "rows") in read or reads_pieces(program, payload)
    }
