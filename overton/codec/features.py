"""Strings to small numbers: each column of a feature function hashes one aspect of a string into a bucket.

Bucket 0 stands for nothing (padding, or an aspect that the string lacks). The hash is CRC-32 followed by one odd
multiplication per column, the same in every process and on every machine, so no vocabulary is kept anywhere.

Source: Weinberger et al. 2009, arXiv:0902.2206 (hashing trick); Serra & Karatzoglou 2017, arXiv:1706.03993 (several
hashes of one string).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from zlib import crc32

import numpy as np
from numpy import ndarray

NO_ASPECT = ""
LONGEST = 256  # characters of a string that are looked at; nobody means a longer word
DIGITS = str.maketrans("123456789", "000000000")
RUN, LONGEST_RUN = re.compile(r"(.)\1{3,}"), 4
PARTS = re.compile(r"[^\W\d_]+")


def words(text: str, columns: Sequence[str]) -> list[str]:
    """The aspects of a word: itself in normal form, its prefixes, suffixes and shape, and its characters by threes.

    Where there are more threes than columns, those at its end are left out.

    Example:
        >>> words("Paris-24", ("word", "prefix3", "suffix2", "shape", "gram", "gram"))
        ['paris-00', '<par', '00>', 'Xxxxx-dd', '<pa', 'par']
    """
    normal = text.lower().translate(DIGITS)
    grams = iter(_trigrams(f"<{normal}>"))
    return [next(grams, NO_ASPECT) if column == "gram" else _word_aspect(text, normal, column) for column in columns]


def ids(text: str, columns: Sequence[str]) -> list[str]:
    """The aspects of an id: itself, the words it is made of, and their character trigrams.

    Example:
        >>> ids("Ice_tea", ("id", "part", "part", "part", "gram", "gram"))
        ['Ice_tea', 'ice', 'tea', '', '<ic', 'ice']
    """
    parts = PARTS.findall(text.lower())
    grams = [gram for part in parts for gram in _trigrams(f"<{part}>")]
    aspects = {"part": iter(parts), "gram": iter(grams)}
    return [text if column == "id" else next(aspects[column], NO_ASPECT) for column in columns]


FUNCTIONS: Mapping[str, Callable[[str, Sequence[str]], list[str]]] = {"ids.v1": ids, "words.v1": words}


def hash_features(texts: Sequence[str], settings: Mapping[str, Any]) -> ndarray:
    """The buckets of some strings.

    Args:
        texts: The strings.
        settings: `function` (a name in `FUNCTIONS`), `columns` (the aspect that each column hashes) and `buckets`
            (how many of them each column has).

    Returns:
        Int32 of shape (text, column), from 0 to the buckets of the column - 1.
    """
    function, columns = FUNCTIONS[settings["function"]], settings["columns"]
    buckets = np.array(settings["buckets"], np.uint64)
    aspects = [function(text[:LONGEST], columns) for text in texts]
    codes = np.array([[crc32(aspect.encode("utf-8", "replace")) for aspect in row] for row in aspects], np.uint64)
    hashed = (codes.reshape(len(texts), len(columns)) + np.uint64(1)) * _multipliers(columns) >> np.uint64(33)
    given = np.array([list(map(bool, row)) for row in aspects], bool).reshape(hashed.shape)
    found: ndarray = np.where(given, hashed % (buckets - np.uint64(1)) + np.uint64(1), 0).astype(np.int32)
    return found


def _multipliers(columns: Sequence[str]) -> ndarray:
    """One odd 64-bit number a column; columns of one aspect that are to be exchangeable (parts, grams) share theirs."""
    shared = {"part", "gram"}
    keys = [
        column if column in shared else f"{column}:{columns[:number].count(column)}"
        for number, column in enumerate(columns)
    ]
    return np.array([(crc32(key.encode()) << 32 | crc32(key[::-1].encode()) | 1) for key in keys], np.uint64)


def _word_aspect(text: str, normal: str, column: str) -> str:
    if column == "word":
        return normal
    if column == "shape":
        return _shape(text)
    length = int(column[-1])
    return f"<{normal[:length]}" if column.startswith("prefix") else f"{normal[-length:]}>"


def _shape(text: str) -> str:
    """Capitals as X, other letters as x, digits as d, the rest as it is; runs are cut at four."""
    marks = text.translate(MARKS) if text.isascii() else "".join(map(_mark, text))
    return RUN.sub(r"\1\1\1\1", marks) if len(marks) > LONGEST_RUN else marks


def _mark(char: str) -> str:
    return "X" if char.isupper() else "x" if char.isalpha() else "d" if char.isdigit() else char


MARKS = {code: _mark(chr(code)) for code in range(128)}


def _trigrams(text: str) -> list[str]:
    return [text[start : start + 3] for start in range(max(len(text) - 2, 1))]
