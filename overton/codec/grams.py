"""Texts to the buckets of what they contain: words, neighbouring words, and characters by twos to fives.

Codes are hashes modulo 2^64 that numpy computes for all strings at once: the same in every process and on every
machine. What a token is made of is found once for each different string; its neighbours are found row by row. Bucket
0 is padding. No vocabulary is kept anywhere.

Source: Joulin et al. 2016, arXiv:1607.01759 (word n-grams); Bojanowski et al. 2017, arXiv:1607.04606 (characters).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from overton.codec.features import LONGEST, NORMAL_FORMS
from overton.codec.tables import FIRST_SIZE, grown
from overton.data import Pool

UNSEEN = -1
BASE = np.uint64(0x9E3779B97F4A7C15)  # odd; the golden ratio
FINAL = np.uint64(0xD6E8FEB86659FD93)  # odd; of a mixer that is known to spread well
HALF = np.uint64(32)
MOST_CHARACTERS, MOST_WORDS = 64, 64  # that a piece may have: a program that tells more was not made here


class Grams:
    """Finds what rows of tokens contain, and looks at each different string once.

    Args:
        settings: `gram_buckets` (how many there are), `gram_lengths` (fewest and most characters of a piece of a word),
            `gram_words` (most words that are looked at together) and `function` (by whose normal form of a word).
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._buckets = np.uint64(settings["gram_buckets"] - 1)
        shortest, longest = settings["gram_lengths"]
        if not 0 < shortest <= longest <= MOST_CHARACTERS:
            raise ValueError(f"pieces of {shortest} to {longest} characters: they have 1 to {MOST_CHARACTERS}")
        self._lengths = range(shortest, longest + 1)
        self._words = int(settings["gram_words"])
        if not 0 <= self._words <= MOST_WORDS:
            raise ValueError(f"{self._words} words are looked at together: they are at most {MOST_WORDS}")
        self._normal_of = NORMAL_FORMS[settings["function"]]
        self.reset()

    def reset(self) -> None:
        """Forget all strings."""
        self._flat = np.zeros(FIRST_SIZE, np.int32)
        self._used = 0
        self._first = np.zeros(FIRST_SIZE, np.int64)
        self._count = np.full(FIRST_SIZE, UNSEEN, np.int64)
        self._count[0] = 0  # padding
        self._code = np.zeros(FIRST_SIZE, np.uint64)

    def take(self, strings: ndarray, pool: Pool) -> ndarray:
        """The buckets of rows of tokens.

        Args:
            strings: Places in the pool, int32 of shape (row, token); -1 is padding, which follows all tokens.
            pool: The pool.

        Returns:
            Int32 of shape (row, piece), at least one, with 0 for padding, which may stand anywhere.
        """
        places = strings + 1
        self._learn(places, pool)
        count, code = self._count.take(places), self._code.take(places)
        together, codes, given = code, [code], [places > 0]
        for width in range(1, self._words):
            if code.shape[1] <= width:
                break
            together = together[:, :-1] * BASE + code[:, width:]
            codes.append(together)
            given.append(given[0][:, width:])
        words = self._bucket(np.concatenate(codes, axis=1), np.concatenate(given, axis=1))
        found = np.concatenate([self._characters(places, count), words], axis=1)
        return found if found.shape[1] else np.zeros((len(strings), 1), np.int32)

    def _characters(self, places: ndarray, count: ndarray) -> ndarray:
        """What each row's tokens are made of, side by side."""
        if len(places) == 1 and places.shape[1]:  # the same as below, with a tenth of the calls
            first = self._first[places[0]].tolist()
            ends = (self._first[places[0]] + count[0]).tolist()
            return np.concatenate([self._flat[a:b] for a, b in zip(first, ends, strict=True)])[None]
        counts, per_row = count.ravel(), count.sum(1)
        ends = counts.cumsum()
        source = np.arange(int(counts.sum()))
        source += np.repeat(self._first.take(places.ravel()) - (ends - counts), counts)
        found = np.zeros((len(places), int(per_row.max(initial=0))), np.int32)
        found[np.arange(found.shape[1]) < per_row[:, None]] = self._flat.take(source)
        return found

    def _bucket(self, codes: ndarray, given: ndarray) -> ndarray:
        found: ndarray = np.where(given, _mixed(codes) % self._buckets + np.uint64(1), 0).astype(np.int32)
        return found

    def learn(self, strings: ndarray, pool: Pool) -> None:
        """Look at those strings that are new, of any shape."""
        self._learn(strings + 1, pool)

    def _learn(self, places: ndarray, pool: Pool) -> None:
        if len(pool.texts) >= len(self._count):
            size = len(pool.texts) + 1
            self._first, self._count = grown(self._first, size, 0), grown(self._count, size, UNSEEN)
            self._code = grown(self._code, size, 0)
        unseen = self._count.take(places) == UNSEEN
        if not unseen.any():
            return
        missing = np.unique(places[unseen])
        flat, count, code = self._pieces([pool.texts[place - 1] for place in missing.tolist()])
        if self._used + len(flat) > len(self._flat):
            self._flat = grown(self._flat, self._used + len(flat), 0)
        self._flat[self._used : self._used + len(flat)] = flat
        self._first[missing] = self._used + np.cumsum(count) - count
        self._count[missing], self._code[missing] = count, code
        self._used += len(flat)

    def _pieces(self, texts: Sequence[str]) -> tuple[ndarray, ndarray, ndarray]:
        """The buckets of the pieces of some strings in a row, how many each has, and the code of each string."""
        normal = [f"<{self._normal_of(text[:LONGEST])}>" for text in texts]
        size = np.array([len(text) for text in normal], np.int64)
        letters = np.frombuffer("".join(normal).encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
        letters = _mixed(letters + np.uint64(1))
        owner = np.repeat(np.arange(len(texts)), size)
        end = np.cumsum(size)[owner]
        start = np.arange(len(letters))
        total = letters * _powers(start - (end - size[owner]))
        code = np.add.reduceat(total, np.cumsum(size) - size)
        buckets, owners = [], []
        rolled = np.zeros(len(letters), np.uint64)
        for length in range(1, self._lengths.stop):
            shifted = letters[length - 1 :]
            rolled = rolled[: len(shifted)] * BASE + shifted
            if length in self._lengths:
                inside = start[: len(shifted)] + length <= end[: len(shifted)]
                salted = rolled[inside] + np.uint64(length)
                buckets.append(self._bucket(salted, np.ones(len(salted), bool)))
                owners.append(owner[: len(shifted)][inside])
        owned = np.concatenate(owners)
        order = np.argsort(owned, kind="stable")
        return np.concatenate(buckets)[order], np.bincount(owned, minlength=len(texts)), code


def _mixed(codes: ndarray) -> ndarray:
    """Codes whose bits all depend on all bits (a multiply and xor-shift mixer)."""
    codes = (codes ^ (codes >> HALF)) * FINAL
    found: ndarray = codes ^ (codes >> HALF)
    return found


def _powers(exponents: ndarray) -> ndarray:
    """Powers of an odd number, modulo 2^64."""
    table = np.cumprod(np.full(int(exponents.max(initial=0)) + 1, BASE, np.uint64))
    found: ndarray = table[exponents]
    return found
