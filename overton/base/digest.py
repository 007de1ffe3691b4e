"""Stable digests of content: the same value gives the same digest in every process and version of Python."""

import hashlib
import json
from typing import Any


def digest_bytes(*parts: bytes | memoryview) -> str:
    """SHA-256 of the parts one after the other, in hexadecimal."""
    state = hashlib.sha256()
    for part in parts:
        state.update(part)
    return state.hexdigest()


def digest_json(value: Any) -> str:
    """SHA-256 of a JSON value; the order of keys does not matter.

    Example:
        >>> digest_json({"a": 1, "b": 2}) == digest_json({"b": 2, "a": 1})
        True
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return digest_bytes(text.encode())
