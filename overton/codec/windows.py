"""Tokens to the buckets of what stands around them: words and pairs of neighbours by their place, and their affixes.

All is told from the features of the tokens, which are hashes already; so nothing is looked up, and no string is read
twice. Codes are sums of odd multiples modulo 2^64 (Dietzfelbinger 1996; Lemire & Kaser 2014, arXiv:1202.4961), the same
in every process and on every machine. Bucket 0 is padding.

Source: Lafferty et al. 2001 and the taggers that followed it, whose features these are; Weinberger et al. 2009,
arXiv:0902.2206 (hashing).
"""

from collections.abc import Mapping, Sequence
from typing import Any
from zlib import crc32

import numpy as np
from numpy import ndarray

from overton.codec.grams import mixed

PAIRS = ((-1, 0), (0, 1))  # of a token with each of its neighbours
WORD, READ_ONCE = "word", ("word", "gram")  # characters by threes tell little by their place in a word


class Windows:
    """Finds what stands around each token.

    Args:
        settings: `columns` of the tokens' features, `window_buckets` (how many there are, a power of two and the one of
            padding) and `window_words` (tokens that are looked at on each side).
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        columns: Sequence[str] = settings["columns"]
        self._words = [place for place, column in enumerate(columns) if column == WORD]
        self._affixes = [place for place, column in enumerate(columns) if column not in READ_ONCE]
        self._reach = int(settings["window_words"])
        self._last = np.uint64(settings["window_buckets"] - 2)
        self._word = _odd(*(f"word {place}" for place in self._words))
        self._near = {place: _odd(f"{place}", f"{place} is") for place in range(-self._reach, self._reach + 1)}
        self._pairs = {pair: _odd(*(f"{pair} {part}" for part in ("first", "second", "is"))) for pair in PAIRS}
        self._affix = _odd(*(f"affix {place}" for place in self._affixes))
        self._affix_is = _odd(*(f"affix {place} is" for place in self._affixes))

    def of(self, features: ndarray, given: ndarray) -> ndarray:
        """The buckets of what stands around some tokens.

        Args:
            features: Those of the tokens, int32 of shape (row, token, column).
            given: Which tokens there are, bool of shape (row, token); those that are not follow all others.

        Returns:
            Int32 of shape (row, token, `n_windows`), 0 for padding.
        """
        n_rows, n_tokens = given.shape
        found = np.empty((n_rows, n_tokens, n_windows(self._reach, len(self._affixes))), np.uint64)
        word = np.zeros((n_rows, n_tokens + 2 * self._reach), np.uint64)
        inside = slice(self._reach, self._reach + n_tokens)
        word[:, inside] = (features[..., self._words].astype(np.uint64) * self._word).sum(-1, dtype=np.uint64)
        at = {place: word[:, self._reach + place :][:, :n_tokens] for place in self._near}
        for number, (place, (factor, salt)) in enumerate(self._near.items()):
            found[..., number] = at[place] * factor + salt
        for number, ((one, other), (first, second, salt)) in enumerate(self._pairs.items(), len(self._near)):
            found[..., number] = at[one] * first + at[other] * second + salt
        affixes = features[..., self._affixes].astype(np.uint64)
        found[..., len(self._near) + len(self._pairs) :] = affixes * self._affix + self._affix_is
        buckets = (mixed(found) & self._last) + np.uint64(1)
        told: ndarray = np.where(given[..., None], buckets, np.uint64(0)).astype(np.int32)
        return told


def n_windows(reach: int, affixes: int) -> int:
    """How many buckets a token has that looks at so many words on each side and has so many affixes."""
    return 2 * reach + 1 + len(PAIRS) + affixes


def n_affixes(columns: Sequence[str]) -> int:
    """How many of a token's columns are affixes."""
    return sum(column not in READ_ONCE for column in columns)


def _odd(*keys: str) -> ndarray:
    """An odd 64-bit number for each key, spread evenly."""
    codes = np.array([crc32(key.encode()) << 32 | crc32(key[::-1].encode()) for key in keys], np.uint64)
    found: ndarray = mixed(codes) | np.uint64(1)
    return found
