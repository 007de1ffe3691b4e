"""The manifest: which files a version has, with the digest of each, and what a list of versions shows of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from overton.artifact.names import split_model
from overton.base import OvertonError, Problem, digest_bytes, digest_json, is_name

MANIFEST = "manifest.json"
FORMAT = 1
ID_DIGITS = 12
MAX_MANIFEST = 4 << 20  # bytes of a manifest
MAX_FILE = 4 << 30  # bytes of a file; an ONNX model has at most half of it, the limit of protocol buffers
MAX_FILES = 16 << 30  # bytes of all files together
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One file: its SHA-256 in hexadecimal and its size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a version consists of. Its identity is its content: the same files make the same version.

    Attributes:
        files: The files by name.
        created: When the version was made, as ISO 8601 text in UTC; no part of the identity.
        summary: What a list of versions shows: `{"quality": {"Intent accuracy": 0.87, ...}}`.
    """

    files: Mapping[str, Entry]
    created: str = ""
    summary: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The id of the version: the first 12 digits of the digest of its files."""
        return digest_json({name: entry.sha256 for name, entry in self.files.items()})[:ID_DIGITS]

    def to_json(self) -> dict[str, Any]:
        """The JSON value of `manifest.json`, with its own digest."""
        value = {
            "format": FORMAT,
            "id": self.id,
            "created": self.created,
            "summary": dict(self.summary),
            "files": {name: {"sha256": entry.sha256, "size": entry.size} for name, entry in self.files.items()},
        }
        return {**value, "digest": digest_json(value)}

    def to_bytes(self) -> bytes:
        """The content of `manifest.json`."""
        return msgspec.json.format(msgspec.json.encode(self.to_json()), indent=2)


def make_manifest(files: Mapping[str, bytes], created: str = "", summary: Mapping[str, Any] | None = None) -> Manifest:
    """The manifest of some files, in the order of their names."""
    entries = {name: Entry(digest_bytes(files[name]), len(files[name])) for name in sorted(files)}
    return Manifest(files=entries, created=created, summary=summary or {})


def parse_manifest(content: bytes, path: str = MANIFEST) -> Manifest:
    """Read a manifest and check it against its own id and digest.

    Raises:
        OvertonError: Where it is no manifest, is of another format, was changed, or tells sizes that no artefact has.
    """
    if len(content) > MAX_MANIFEST:
        raise _fault(f"a manifest of {len(content):,} bytes, at most {MAX_MANIFEST:,} are read", path)
    try:
        value = msgspec.json.decode(content)
        if isinstance(value, dict) and isinstance(value.get("format"), int) and value["format"] != FORMAT:
            raise _fault(f"a manifest of format {value['format']}; this Overton reads format {FORMAT}", path, "format")
        written = msgspec.convert(value, _Written)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _fault(f"not a manifest: {error}", path) from None
    for name, entry in written.files.items():
        if not is_name(split_model(name)[1]) or not SHA256.fullmatch(entry.sha256):
            raise _fault(f"{name!r} with digest {entry.sha256!r} is not a file of an artefact", path)
        if not 0 <= entry.size <= MAX_FILE:
            raise _fault(f"{name} of {entry.size:,} bytes, a file has at most {MAX_FILE:,}", path)
    total = sum(entry.size for entry in written.files.values())
    if total > MAX_FILES:
        raise _fault(f"files of {total:,} bytes together, an artefact has at most {MAX_FILES:,}", path)
    files = {name: Entry(entry.sha256, entry.size) for name, entry in written.files.items()}
    manifest = Manifest(files=files, created=written.created, summary=written.summary)
    if value != manifest.to_json():
        raise _fault("the manifest was changed after it was written: its digest does not fit", path)
    return manifest


def _fault(message: str, path: str, fault: str = "manifest") -> OvertonError:
    if fault == "format":
        hint = "Use the Overton that wrote it, or build the version again"
        return OvertonError(Problem(message=message, code="artifact.format", path=path, hint=hint))
    hint = "Fetch it again from where it came, or build the version again"
    return OvertonError(Problem(message=message, code="artifact.manifest", path=path, hint=hint))


class _File(msgspec.Struct):
    sha256: str
    size: int


class _Written(msgspec.Struct):
    format: int
    id: str
    files: dict[str, _File]
    digest: str
    created: str
    summary: dict[str, Any]
