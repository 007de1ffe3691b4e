"""64-bit hashes of many strings and records at once: for looking up ids and finding equal texts, never for safety.

Hashes are the same in every process; equal hashes are compared as strings where a wrong match would matter.
"""

import numpy as np
from numpy import ndarray

from overton.data.pool import Pool

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_BYTE = np.random.default_rng(0x0E7).integers(0, 2**64, 256, np.uint64)  # a fixed table: part of the file format
_POWERS = np.cumprod(np.full(64, _MULTIPLIER), dtype=np.uint64)


def hash_strings(blob: ndarray, length: ndarray) -> ndarray:
    """Hash of each string.

    Args:
        blob: The bytes of the strings, one after the other, uint8.
        length: Number of bytes of each, int of shape (string,).

    Returns:
        Uint64 of shape (string,).
    """
    return hash_rows(_BYTE[blob], length)


def hash_bytes(strings: list[bytes]) -> ndarray:
    """Hash of each string, uint64 of shape (string,)."""
    length = np.fromiter(map(len, strings), np.int64, len(strings))
    return hash_strings(np.frombuffer(b"".join(strings), np.uint8), length)


def hash_rows(items: ndarray, length: ndarray) -> ndarray:
    """Hash of each row of items, in which order counts.

    Args:
        items: Hashes of the items of all rows, one row after the other, uint64.
        length: Number of items of each row, int of shape (row,).

    Returns:
        Uint64 of shape (row,).
    """
    end = np.cumsum(length, dtype=np.int64)
    position = np.arange(len(items)) - np.repeat(end - length, length)
    total = np.concatenate(
        [np.zeros(1, np.uint64), np.cumsum(items * _powers(int(length.max(initial=0)))[position], dtype=np.uint64)]
    )
    return _mix(total[end] - total[end - length] + length.astype(np.uint64))


def _powers(n: int) -> ndarray:
    return _POWERS if n <= len(_POWERS) else np.cumprod(np.full(n, _MULTIPLIER), dtype=np.uint64)


def _mix(hashes: ndarray) -> ndarray:
    # The finaliser of splitmix64: every bit of the sum reaches every bit of the hash.
    hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    hashes = (hashes ^ (hashes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: ndarray = hashes ^ (hashes >> np.uint64(31))
    return mixed


class StringHashes:
    """Hashes of the strings of a growing pool, each computed once."""

    def __init__(self) -> None:
        self._hashes = np.zeros(0, np.uint64)

    def of(self, pool: Pool) -> ndarray:
        """Hash of every string of the pool, uint64 of shape (string,)."""
        known = len(self._hashes)
        if known < len(pool.texts):
            new = [text.encode() for text in pool.texts[known:]]
            self._hashes = np.concatenate([self._hashes, hash_bytes(new)])
        return self._hashes

    def shrink(self, n: int) -> None:
        """Forget the strings from number `n` on."""
        self._hashes = self._hashes[:n]
