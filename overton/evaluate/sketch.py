"""A set of words in a few bits a word: it never denies a word that is in it, and rarely knows one that is not.

Source: Bloom 1970, doi:10.1145/362686.362692.
"""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import ndarray

BITS_PER_WORD = 10  # with seven places a word, about 1 % of other words are taken for known
MOST_BITS = 1 << 21
PLACES = 7


@dataclass(frozen=True, slots=True)
class Sketch:
    """The bits, uint8 of shape (byte,)."""

    bits: ndarray

    def holds(self, words: Iterable[str]) -> ndarray:
        """Whether each word is in the set, bool of shape (word,)."""
        places = _places(words, 8 * len(self.bits))
        held: ndarray = ((self.bits[places >> 3] >> (places & 7).astype(np.uint8)) & 1).all(axis=1)
        return held

    def to_json(self) -> str:
        """The bits as text."""
        return base64.b64encode(self.bits.tobytes()).decode()


def sketch_of(words: Iterable[str]) -> Sketch:
    """The set of some words."""
    words = list(words)
    n_bits = min(max(BITS_PER_WORD * len(words), 64), MOST_BITS)
    bits = np.zeros((n_bits + 7) // 8, np.uint8)
    places = _places(words, 8 * len(bits)).ravel()
    np.bitwise_or.at(bits, places >> 3, (1 << (places & 7)).astype(np.uint8))
    return Sketch(bits)


def parse_sketch(text: Any) -> Sketch:
    """The sketch that `Sketch.to_json` told.

    Raises:
        ValueError: Where the text tells none.
    """
    bits = np.frombuffer(base64.b64decode(text, validate=True), np.uint8)
    if not len(bits):
        raise ValueError("an empty sketch")
    return Sketch(bits)


def _places(words: Iterable[str], n_bits: int) -> ndarray:
    """The bits of each word, int64 of shape (word, place)."""
    digests = b"".join(hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest() for word in words)
    halves = np.frombuffer(digests, "<u4").reshape(-1, 2).astype(np.int64)
    # Kirsch & Mitzenmacher 2008, doi:10.1002/rsa.20208: two hashes serve for all places.
    places: ndarray = (halves[:, :1] + np.arange(PLACES) * (halves[:, 1:] | 1)) % n_bits
    return places
