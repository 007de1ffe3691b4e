"""Lines of word2vec or GloVe text to the vectors of the strings in use.

A line is a word and its numbers, parted by blanks. A first line of two whole numbers (how many words, how many numbers)
is the header of word2vec. Only the lines of words in use are turned into numbers, so that a file of gigabytes costs the
time to read it and the memory of the rows that are kept.

Source: Mikolov et al. 2013, arXiv:1301.3781 (word2vec); Pennington et al. 2014, doi:10.3115/v1/D14-1162 (GloVe).
"""

from codecs import BOM_UTF8
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy import ndarray

from overton.base import OvertonError, Problem
from overton.codec import forms
from overton.compile import Pretrained
from overton.pretrained.given import Part

HINT = "Each line is a word and its numbers, separated by spaces; all lines have as many numbers"
HEADER_FIELDS = 2
DIGEST_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Found:
    """The vectors of the words that were asked for.

    Attributes:
        words: Those words that have one, by the order of their lines.
        matrix: Their vectors, float32 of shape (word, number).
        n_words: How many words the file has.
    """

    words: tuple[str, ...]
    matrix: ndarray
    n_words: int


def read_vectors(lines: Iterable[bytes], wanted: Collection[str], path: str = "") -> Found:
    """Read the lines of a file and keep the words that are wanted; where a word stands twice, its first line.

    Raises:
        OvertonError: Where a line has another number of numbers than the first, or something that is no number.
    """
    keys = {word.encode("utf-8", "surrogatepass"): word for word in wanted}
    rows: dict[str, ndarray] = {}
    numbered = enumerate(lines, 1)
    first = next(numbered, (1, b""))[1].removeprefix(BOM_UTF8)
    head = first.split()
    header = len(head) == HEADER_FIELDS and all(field.isdigit() for field in head)
    width = int(head[1]) if header else len(head) - 1
    if width < 1:
        raise _fault(path, 1, "expected a word and its numbers, or the header of word2vec")
    n_words = 0
    for line, content in numbered if header else chain([(1, first)], numbered):
        stripped = content.rstrip()
        if not stripped:
            continue
        n_words += 1
        word = stripped[: stripped.find(b" ")]
        if stripped.count(b" ") != width or b"\t" in word:
            word = _odd_word(stripped, width, path, line)
        key = keys.get(word)
        if key is not None and key not in rows:
            rows[key] = _numbers(stripped[len(word) :], width, path, line)
    matrix = np.stack(list(rows.values())) if rows else np.zeros((0, width), np.float32)
    return Found(tuple(rows), matrix, n_words)


def choose_vectors(
    name: str, found: Found, texts: Sequence[str], *, digest: str = "", path: str = "", tune: bool = False
) -> Part:
    """Keep one row for each string that has a vector under one of its forms (`overton.codec.forms`).

    The numbers are divided by their root mean square, so that vectors of any file begin alike beside other features.

    Raises:
        OvertonError: Where no string has one.
    """
    row = {word: number for number, word in enumerate(found.words)}
    best = [next((form for form in forms(text) if form in row), "") for text in texts]
    n_found = sum(map(bool, best))
    kept = sorted(set(best) - {""}, key=row.__getitem__)
    if not kept:
        message = f"none of its {found.n_words:,} words is among the {len(texts):,} strings of the payload"
        hint = "Words are looked for as they are written and in lower case; look at the first column of the file"
        raise OvertonError(Problem(message, "pretrained.no-words", path=path, hint=hint))
    matrix = found.matrix[[row[word] for word in kept]]
    scale = float(np.sqrt(np.square(matrix, dtype=np.float64).mean())) or 1.0
    rows, width = matrix.shape
    return Part(
        name=name,
        facts=Pretrained(
            op="vectors.v1",
            inputs=("rows",),
            width=width,
            features={"pretrained": name, "digest": digest[:DIGEST_DIGITS]},
            settings={"rows": rows, "width": width},
        ),
        strings="\n".join(kept),
        weights={"vectors": (matrix / scale).astype(np.float32)},
        lineage={"name": name, "digest": digest, "tuned": tune, "strings": len(texts), "found": n_found, "rows": rows},
        note=f"{n_found:,} of {len(texts):,} strings are in {name}, {rows:,} of its {found.n_words:,} rows are kept",
    )


def _odd_word(line: bytes, width: int, path: str, number: int) -> bytes:
    """The word of a line with more blanks than numbers: some are doubled or tabs, or the word itself has blanks."""
    fields = line.split()
    if len(fields) <= width:
        raise _fault(path, number, f"expected a word and {width} numbers, got {max(len(fields) - 1, 0)} numbers")
    if len(fields) > width + 1 and _is_number(fields[-width - 1]):
        raise _fault(path, number, f"expected a word and {width} numbers, got {len(fields) - 1} numbers")
    return line.rsplit(None, width)[0]


def _numbers(text: bytes, width: int, path: str, line: int) -> ndarray:
    try:
        with np.errstate(over="ignore"):  # what is too large is told below
            row = np.array([float(field) for field in text.split()], np.float32)
    except ValueError as error:
        raise _fault(path, line, f"expected numbers: {error}") from None
    if len(row) != width:  # a doubled blank may stand in the place of a number
        raise _fault(path, line, f"expected a word and {width} numbers, got {len(row)} numbers")
    if not np.isfinite(row).all():
        raise _fault(path, line, "expected finite numbers, got one that is not")
    return row


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _fault(path: str, line: int, message: str) -> OvertonError:
    return OvertonError(Problem(message, "pretrained.bad-vectors", path=path, line=line, hint=HINT))
