"""Graphs of programs on disk, one file each: derived from the programs, and safe to delete."""

from contextlib import suppress
from pathlib import Path

import msgspec
import numpy as np
import zstandard
from numpy import ndarray

from overton.base.files import write_atomic
from overton.export.graph import Graph, Graphs

MOST = 64  # files that are kept, of a search for instance; the oldest go first


def graph_store(folder: Path) -> Graphs:
    """Graphs kept in a folder. A file that is damaged is as good as none; where none can be written, none is kept."""

    def load(key: str) -> Graph | None:
        try:
            content = zstandard.ZstdDecompressor().decompress((folder / key).read_bytes())
            return msgspec.msgpack.decode(content, type=Graph, dec_hook=_places_of)
        except (OSError, ValueError, msgspec.MsgspecError, zstandard.ZstdError):
            return None

    def save(key: str, graph: Graph) -> None:
        content = msgspec.msgpack.encode(graph, enc_hook=ndarray.tobytes)
        with suppress(OSError):
            write_atomic(folder / key, zstandard.ZstdCompressor(write_checksum=True).compress(content))
            for path in sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)[MOST:]:
                path.unlink(missing_ok=True)

    return Graphs(load, save)


def _places_of(kind: type, content: bytes) -> ndarray:
    assert kind is ndarray, "nothing else in a graph is written in a way of its own"
    return np.frombuffer(content, np.int32)
