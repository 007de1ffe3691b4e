"""Named arrays in one file that is opened by mapping it: the form of both files of a shard.

    magic       8 bytes
    version     uint32    format of this file
    header      uint32    bytes of the header
    size        uint64    bytes of the whole file, so that a truncated one is noticed
    checksum    32 bytes  SHA-256 of the header
    header      JSON      {"kind", "meta", "sections": {name: [dtype, count, offset]}}
    sections    each from a multiple of 64 bytes, little endian
    checksum    uint32    CRC-32 of everything between the header and itself

All numbers are little endian. Opening reads the header alone, so it takes as long for a terabyte as for a page;
`verify_container` reads the whole file.
"""

import hashlib
import mmap
import struct
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import msgspec
import numpy as np
from numpy import ndarray

from overton.base import OvertonError, Problem, os_reason
from overton.base.files import atomic_writer

MAGIC = b"\x89OVT\r\n\x1a\n"  # as in PNG: a transfer that meddles with line ends or the eighth bit breaks it
VERSION = 4
_HEAD = struct.Struct("<8sIIQ32s")
_TAIL = struct.Struct("<I")
_ALIGN = 64
_BLOCK = 1 << 20  # bytes read at once


class SectionWriter:
    """Collects arrays that grow, on disk: memory holds no more than where each piece went.

    Args:
        directory: Where the temporary file lies; it has no name and vanishes with the process.
    """

    def __init__(self, directory: Path) -> None:
        self._spool: IO[bytes] = tempfile.TemporaryFile(dir=directory)  # noqa: SIM115  closed by __exit__
        self._pieces: dict[str, list[tuple[int, int, np.dtype[Any]]]] = {}
        self._end = 0

    def __enter__(self) -> "SectionWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._spool.close()

    def append(self, name: str, array: ndarray) -> None:
        """Add to the end of a section; a section's type is the widest of those that were added."""
        pieces = self._pieces.setdefault(name, [])
        if len(array) or not pieces:
            self._spool.write(np.ascontiguousarray(array).view(np.uint8).data)
            pieces.append((self._end, len(array), array.dtype))
            self._end += array.nbytes

    def append_bytes(self, name: str, content: bytes) -> None:
        """Add bytes to the end of a section."""
        self.append(name, np.frombuffer(content, np.uint8))

    def read(self, name: str) -> ndarray:
        """A section as far as it was collected, in memory."""
        parts = [np.zeros(0, np.uint8)]
        for place, count, dtype in self._pieces.get(name, []):
            self._spool.seek(place)
            parts.append(np.frombuffer(self._spool.read(count * dtype.itemsize), dtype))
        self._spool.seek(0, 2)
        return np.concatenate(parts[1:] or parts)

    def save(self, path: Path, kind: str, meta: Mapping[str, Any]) -> None:
        """Write everything collected to a file, or nothing."""
        sections: dict[str, tuple[str, int, int]] = {}
        offset = 0
        for name, pieces in self._pieces.items():
            dtype = np.result_type(*(piece[2] for piece in pieces)).newbyteorder("<")
            count = sum(piece[1] for piece in pieces)
            sections[name] = (dtype.str, count, offset)
            offset = _aligned(offset + count * dtype.itemsize)
        header = msgspec.json.encode({"kind": kind, "meta": meta, "sections": sections})
        begin = _aligned(_HEAD.size + len(header))
        size = begin + offset + _TAIL.size
        with atomic_writer(path) as file:
            file.write(_HEAD.pack(MAGIC, VERSION, len(header), size, hashlib.sha256(header).digest()))
            file.write(header)
            checksum = 0

            def write(content: bytes) -> None:
                nonlocal checksum
                checksum = zlib.crc32(content, checksum)
                file.write(content)

            for name, (dtype_name, _, place) in sections.items():
                write(bytes(begin + place - file.tell()))
                for piece in self._pieces[name]:
                    write(self._read_as(piece, np.dtype(dtype_name)))
            write(bytes(begin + offset - file.tell()))
            file.write(_TAIL.pack(checksum))

    def _read_as(self, piece: tuple[int, int, np.dtype[Any]], dtype: np.dtype[Any]) -> bytes:
        place, count, own = piece
        self._spool.seek(place)
        content = self._spool.read(count * own.itemsize)
        return content if own == dtype else np.frombuffer(content, own).astype(dtype).tobytes()


def open_container(path: Path, kind: str) -> tuple[dict[str, Any], dict[str, ndarray]]:
    """The meta data and the sections of a file, read-only and straight from the map.

    Raises:
        OvertonError: Where it is missing, of another format, or damaged.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD.size)
            if len(head) < _HEAD.size:
                raise _damaged(path, "it is too short to be a row store")
            magic, version, n_header, size, checksum = _HEAD.unpack(head)
            if magic != MAGIC:
                raise _damaged(path, "it is not a row store")
            if version != VERSION:
                raise _damaged(path, f"it has format {version}; this Overton reads format {VERSION}")
            header = file.read(n_header)
            actual = file.seek(0, 2)
            if actual != size:
                raise _damaged(path, f"it has {actual:,} bytes where {size:,} were written")
            if hashlib.sha256(header).digest() != checksum:
                raise _damaged(path, "its header is damaged")
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise _damaged(path, os_reason(error)) from None
    value = msgspec.json.decode(header)
    if value["kind"] != kind:
        raise _damaged(path, f"it holds {value['kind']} where {kind} were looked for")
    begin = _aligned(_HEAD.size + n_header)
    sections = {
        name: np.frombuffer(content, np.dtype(dtype), count, begin + offset)
        for name, (dtype, count, offset) in value["sections"].items()
    }
    return value["meta"], sections


def verify_container(path: Path) -> None:
    """Read a whole file, which `open_container` found to be one, and compare its checksum.

    Raises:
        OvertonError: Where a byte of it has changed since it was written, or it cannot be read.
    """
    try:
        with path.open("rb") as file:
            _, _, n_header, size, _ = _HEAD.unpack(file.read(_HEAD.size))
            file.seek(_HEAD.size + n_header)
            left = size - file.tell() - _TAIL.size
            checksum = 0
            while left and (content := file.read(min(_BLOCK, left))):
                checksum = zlib.crc32(content, checksum)
                left -= len(content)
            tail = file.read(_TAIL.size)
    except OSError as error:
        raise _damaged(path, os_reason(error)) from None
    if tail != _TAIL.pack(checksum):
        raise _damaged(path, "its content has changed since it was written")


def _aligned(offset: int) -> int:
    return -(-offset // _ALIGN) * _ALIGN


def _damaged(path: Path, reason: str) -> OvertonError:
    return OvertonError(
        Problem(
            message=f"the row store cannot be used: {reason}",
            code="data.damaged-store",
            path=str(path),
            hint="It is derived from the data files: remove it, and it is built again",
        )
    )
