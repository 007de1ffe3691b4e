"""Models that compute vectors, kept on disk so that only the first run of a version has to import torch.

One file each: the SHA-256 of the ONNX model as hexadecimal, then the model. Derived from versions, and safe to delete.
"""

from contextlib import suppress
from pathlib import Path

from overton.base import digest_bytes
from overton.base.files import write_atomic

MOST = 8  # files that are kept, since weights are in them; the oldest go first
DIGITS = 64  # of a digest


def load_model(folder: Path, key: str) -> bytes | None:
    """The model of a key; None where there is none, or one that is damaged."""
    try:
        content = (folder / key).read_bytes()
    except OSError:
        return None
    model = content[DIGITS:]
    return model if content[:DIGITS] == digest_bytes(model).encode() else None


def save_model(folder: Path, key: str, model: bytes) -> None:
    """Keep a model; where none can be written, none is kept."""
    with suppress(OSError):
        write_atomic(folder / key, digest_bytes(model).encode() + model)
        for path in sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)[MOST:]:
            path.unlink(missing_ok=True)
