"""Tokens to the buckets of what stands around them: words and pairs of neighbours by their place, and their affixes.

All is told from the features of the tokens, which are hashes already; so nothing is looked up, and no string is read
twice. Codes are sums of odd multiples modulo 2^32 (Lemire & Kaser 2014, arXiv:1202.4961), the same in every process and
on every machine. Bucket 0 is padding.

Source: Lafferty et al. 2001 and the taggers that followed it, whose features these are; Weinberger et al. 2009,
arXiv:0902.2206 (hashing).
"""

from collections.abc import Mapping, Sequence
from typing import Any
from zlib import crc32

import numpy as np
from numpy import ndarray

ONE = np.uint32(1)
# Shifts and odd factors of a mixer that spreads well (Appleby's of MurmurHash3).
ROUNDS = ((np.uint32(16), np.uint32(0x85EBCA6B)), (np.uint32(13), np.uint32(0xC2B2AE35)))
PAIRS = 2  # of a token with each of its neighbours
WORD, READ_ONCE = "word", ("word", "gram")  # characters by threes tell little by their place in a word
MOST_WORDS = 64  # on each side: a program that tells more was not made here


class Windows:
    """Finds what stands around each token.

    Args:
        settings: `columns` of the tokens' features, `window_buckets` (how many there are, a power of two and the one of
            padding) and `window_words` (tokens that are looked at on each side).
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        columns: Sequence[str] = settings["columns"]
        self._words = [place for place, column in enumerate(columns) if column == WORD]
        self._affixes = _affixes(columns)
        self._reach = int(settings["window_words"])
        if not 0 < self._reach <= MOST_WORDS:
            raise ValueError(f"{self._reach} tokens are looked at on each side: they are 1 to {MOST_WORDS}")
        self._last = np.uint32(settings["window_buckets"] - 2)
        self._word = _odd(*(f"word {place}" for place in self._words))
        self._by_place = _odd(*map(str, range(2 * self._reach + 1)))[:, None]
        self._first, self._second = (
            _odd(*keys)[:, None] for keys in (("left one", "right one"), ("left other", "right other"))
        )
        self._by_affix = _odd(*(f"affix {place}" for place in self._affixes))
        self._kind = _odd(*(f"kind {place}" for place in range(n_windows(settings))))[:, None]

    def of(self, features: ndarray, given: ndarray) -> ndarray:
        """The buckets of what stands around some tokens.

        Args:
            features: Those of the tokens, int32 of shape (row, token, column).
            given: Which tokens there are, bool of shape (row, token); those that are not follow all others.

        Returns:
            Int32 of shape (row, token, `n_windows`), 0 for padding: words from the farthest on the left to the farthest
            on the right, the pairs with the left and the right neighbour, and the affixes.
        """
        # What is looked at stands in the first place until the end: numpy is quick where what it repeats is long.
        (n_rows, n_tokens), reach, n_near = given.shape, self._reach, len(self._by_place)
        columns = np.ascontiguousarray(features.reshape(-1, features.shape[2]).T).view(np.uint32)
        words = np.zeros((n_rows, n_tokens + 2 * reach), np.uint32)
        own = columns[self._words] * self._word
        words[:, reach : reach + n_tokens] = np.add.reduce(own, 0, np.uint32).reshape(given.shape)
        near: ndarray = np.ndarray((n_near, n_rows, n_tokens), np.uint32, words, 0, (4, words.strides[0], 4))
        codes = np.empty((len(self._kind), n_rows, n_tokens), np.uint32)
        np.multiply(near, self._by_place, out=codes[:n_near])
        pairs, affixes = codes[n_near : n_near + PAIRS], codes[n_near + PAIRS :]
        np.multiply(near[reach - 1 : reach + 1], self._first, out=pairs)
        pairs += near[reach : reach + 2] * self._second
        np.multiply(columns[self._affixes], self._by_affix, out=affixes.reshape(len(affixes), -1))
        codes += self._kind
        codes = _mixed(codes)
        codes &= self._last
        codes += ONE
        if not given.all():
            codes *= given
        found: ndarray = np.ascontiguousarray(codes.reshape(len(codes), -1).T).view(np.int32)
        return found.reshape(n_rows, n_tokens, len(codes))


def n_windows(settings: Mapping[str, Any]) -> int:
    """How many buckets a token has."""
    return 2 * int(settings["window_words"]) + 1 + PAIRS + len(_affixes(settings["columns"]))


def _affixes(columns: Sequence[str]) -> list[int]:
    """The places of the columns that are affixes."""
    return [place for place, column in enumerate(columns) if column not in READ_ONCE]


def _odd(*keys: str) -> ndarray:
    """An odd 32-bit number for each key, spread evenly, of shape (key, 1)."""
    found: ndarray = _mixed(np.array([[crc32(key.encode())] for key in keys], np.uint32)) | ONE
    return found


def _mixed(codes: ndarray) -> ndarray:
    """The same array, its codes mixed: low bits depend on all bits (two rounds of multiply and xor-shift)."""
    for shift, factor in ROUNDS:
        codes ^= codes >> shift
        codes *= factor
    codes ^= codes >> ROUNDS[0][0]
    return codes
