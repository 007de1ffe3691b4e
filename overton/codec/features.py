"""Strings to small numbers: each column of a feature function hashes one aspect of a string into a bucket.

Bucket 0 stands for nothing (padding, or an aspect that the string lacks). The hash is CRC-32 followed by one odd
multiplication per column, the same in every process and on every machine, so no vocabulary is kept anywhere.

Source: Weinberger et al. 2009, arXiv:0902.2206 (hashing trick); Serra & Karatzoglou 2017, arXiv:1706.03993 (several
hashes of one string).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from itertools import chain
from typing import Any
from zlib import crc32

import numpy as np
from numpy import ndarray

NO_ASPECT = ""
LONGEST = 256  # characters of a string that are looked at; nobody means a longer word
MOST_CODES = 1 << 16  # aspects whose code is remembered
DIGITS = str.maketrans("123456789", "000000000")
DIGIT, FEW_DIGITS = re.compile("[0-9]"), 2  # that tell more than that there is a number: `gate 4`, `42`, `b12`
RUN, LONGEST_RUN = re.compile(r"(.)\1{3,}"), 4
PARTS, NUMBER = re.compile(r"[^\W\d_]+"), re.compile("[0-9]+")


Aspects = Callable[[str], list[str]]
"""A text to one aspect a column."""


def without_digits(text: str) -> str:
    """A word in the normal form of `words.v1`: in lower case, every digit as 0."""
    return text.lower() if text.isalpha() else text.lower().translate(DIGITS)


def without_numbers(text: str) -> str:
    """A word in the normal form of `words.v2`: in lower case, the digits as 0 where they are more than a few.

    So that `gate 3` is not `gate 4`, and a year, a price or a time that was never seen is like others.

    Example:
        >>> [without_numbers(text) for text in ("Gate", "B12", "2014", "10:30")]
        ['gate', 'b12', '0000', '00:00']
    """
    return without_digits(text) if len(DIGIT.findall(text)) > FEW_DIGITS else text.lower()


def words(columns: Sequence[str], normal_of: Callable[[str], str] = without_numbers) -> Aspects:
    """The aspects of words: themselves in normal form, prefixes, suffixes and shape, and their characters by threes.

    Where there are more threes than columns, those at the end of a word are left out.

    Example:
        >>> words(("word", "prefix3", "suffix2", "shape", "gram", "gram"))("Paris-2024")
        ['paris-0000', '<par', '00>', 'Xxxxx-dddd', '<pa', 'par']
    """
    n_grams = columns.count("gram")
    grams = iter(range(n_grams))
    # What a column shows is a part of one of five sequences, which are made once a word.
    parts = [(4, next(grams)) if column == "gram" else _part_of_word(column) for column in columns]

    def aspects(text: str) -> list[str]:
        normal = normal_of(text)
        threes = _trigrams(f"<{normal}>")[:n_grams] if n_grams else []
        threes += [NO_ASPECT] * (n_grams - len(threes))
        made: Sequence[Any] = (normal, "<" + normal, normal + ">", _shape(text), threes)
        return [made[which][part] for which, part in parts]

    return aspects


def ids(columns: Sequence[str]) -> Aspects:
    """The aspects of ids: themselves, their words, the character trigrams of those, and how large their numbers are.

    A number is told by the count of its digits, and by that and the first of them. Catalogues number what they take in,
    the well-known first, so that of two namesakes never seen the smaller number is likelier to be meant.

    Example:
        >>> ids(("id", "part", "part", "part", "gram", "gram"))("Ice_tea")
        ['Ice_tea', 'ice', 'tea', '', '<ic', 'ice']
        >>> ids(("id", "size", "size", "size", "size"))("Q4071/007")
        ['Q4071/007', '4', '4:4', '1', '1:7']
    """

    def aspects(text: str) -> list[str]:
        parts = PARTS.findall(text.lower())
        grams = [gram for part in parts for gram in _trigrams(f"<{part}>")]
        sizes = (size for number in NUMBER.findall(text) for size in _sizes(number.lstrip("0")))
        made = {"part": iter(parts), "gram": iter(grams), "size": sizes}
        return [text if column == "id" else next(made[column], NO_ASPECT) for column in columns]

    return aspects


NORMAL_FORMS: Mapping[str, Callable[[str], str]] = {"words.v1": without_digits, "words.v2": without_numbers}
FUNCTIONS: Mapping[str, Callable[[Sequence[str]], Aspects]] = {
    "ids.v1": ids,  # of programs that ask for no sizes
    "ids.v2": ids,
    **{name: partial(words, normal_of=normal_of) for name, normal_of in NORMAL_FORMS.items()},
}


def hash_features(texts: Sequence[str], settings: Mapping[str, Any]) -> ndarray:
    """The buckets of some strings.

    Args:
        texts: The strings.
        settings: `function` (a name in `FUNCTIONS`), `columns` (the aspect that each column hashes) and `buckets`
            (how many of them each column has).

    Returns:
        Int32 of shape (text, column), from 0 to the buckets of the column - 1.
    """
    columns = settings["columns"]
    buckets = np.array(settings["buckets"], np.uint64)
    aspects = map(FUNCTIONS[settings["function"]](columns), [text[:LONGEST] for text in texts])
    n_cells = len(texts) * len(columns)
    told = np.fromiter(map(_code, chain.from_iterable(aspects)), np.int64, n_cells).reshape(len(texts), len(columns))
    codes = told.astype(np.uint64)  # of what is not given whatever comes, since it is left out below
    hashed = (codes + np.uint64(1)) * _multipliers(columns) >> np.uint64(33)
    found: ndarray = np.where(told >= 0, hashed % (buckets - np.uint64(1)) + np.uint64(1), 0).astype(np.int32)
    return found


@lru_cache(maxsize=MOST_CODES)
def _code(aspect: str) -> int:
    """CRC-32 of an aspect, -1 of none. Affixes and shapes recur in many words."""
    return crc32(aspect.encode("utf-8", "replace")) if aspect else -1


def _multipliers(columns: Sequence[str]) -> ndarray:
    """One odd 64-bit number a column; columns of one aspect that are to be exchangeable share theirs."""
    shared = {"part", "gram", "size"}
    keys = [
        column if column in shared else f"{column}:{columns[:number].count(column)}"
        for number, column in enumerate(columns)
    ]
    return np.array([(crc32(key.encode()) << 32 | crc32(key[::-1].encode()) | 1) for key in keys], np.uint64)


def _part_of_word(column: str) -> tuple[int, slice]:
    """Which of the sequences a column shows, and what of it; those of affixes begin or end with a mark."""
    if column == "word":
        return 0, slice(None)
    if column == "shape":
        return 3, slice(None)
    length = int(column[-1])
    return (1, slice(length + 1)) if column.startswith("prefix") else (2, slice(-length - 1, None))


def _shape(text: str) -> str:
    """Capitals as X, other letters as x, digits as d, the rest as it is; runs are cut at four."""
    if text.islower() and text.isalpha():
        return "x" * min(len(text), LONGEST_RUN)
    marks = text.translate(MARKS) if text.isascii() else "".join(map(_mark, text))
    return RUN.sub(r"\1\1\1\1", marks) if len(marks) > LONGEST_RUN else marks


def _mark(char: str) -> str:
    return "X" if char.isupper() else "x" if char.isalpha() else "d" if char.isdigit() else char


MARKS = {code: _mark(chr(code)) for code in range(128)}


def _sizes(digits: str) -> tuple[str, str]:
    return str(len(digits)), f"{len(digits)}:{digits[:1]}"


def _trigrams(text: str) -> list[str]:
    return [text[start : start + 3] for start in range(max(len(text) - 2, 1))]
