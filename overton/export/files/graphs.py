"""Graphs of programs on disk, one file each: derived from the programs, and safe to delete."""

from dataclasses import asdict
from pathlib import Path

import msgspec
import numpy as np
import zstandard

from overton.base.files import write_atomic
from overton.export.graph import Filling, Graph, Graphs

MOST = 64  # files that are kept, of a search for instance; the oldest go first


class _Part(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    shape: tuple[int, ...]
    start: int
    turned: bool
    places: bytes | None


class _Written(msgspec.Struct, forbid_unknown_fields=True):
    model: bytes
    fillings: list[_Part]


def graph_store(folder: Path) -> Graphs:
    """Graphs kept in a folder. A file that is damaged is as good as none."""

    def load(key: str) -> Graph | None:
        try:
            content = zstandard.ZstdDecompressor().decompress((folder / key).read_bytes())
            return _graph_of(msgspec.msgpack.decode(content, type=_Written))
        except (OSError, ValueError, msgspec.MsgspecError, zstandard.ZstdError):
            return None

    def save(key: str, graph: Graph) -> None:
        fillings = [
            _Part(**{**asdict(one), "places": None if one.places is None else one.places.tobytes()})
            for one in graph.fillings
        ]
        content = msgspec.msgpack.encode(_Written(graph.model, fillings))
        write_atomic(folder / key, zstandard.ZstdCompressor(write_checksum=True).compress(content))
        for path in sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)[MOST:]:
            path.unlink(missing_ok=True)

    return Graphs(load, save)


def _graph_of(written: _Written) -> Graph:
    fillings = []
    for one in written.fillings:
        places = None if one.places is None else np.frombuffer(one.places, np.int32).reshape(one.shape)
        fillings.append(Filling(one.name, one.shape, one.start, one.turned, places))
    return Graph(written.model, tuple(fillings))
