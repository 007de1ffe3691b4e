"""Vectors that lie in an application and are named by nobody: what a search may try beside the hashed features."""

import gzip
import zlib
from collections.abc import Callable, Collection, Sequence
from itertools import islice
from pathlib import Path

from overton.base import OvertonError
from overton.codec import forms
from overton.pretrained.files.vectors import open_lines
from overton.pretrained.vectors import read_vectors

RESOURCES = "resources"
ENDS = (".txt", ".vec", ".txt.gz", ".vec.gz")
LOOKED_AT = 10_000  # lines of a file: of words these are, as a rule, the most frequent ones
LEAST_SHARE = 0.1  # of the strings of a payload, or of the words that were looked at where these are fewer
LEAST_WIDTH = 2  # numbers of a word: with one, a list of words and counts would do


def vectors_at_hand(
    folder: Path, payloads: Collection[str], texts: Callable[[str], Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    """Files of vectors in `resources/` that know the strings of some payloads, as embeddings by name of payload.

    Only the first lines of a file are read. What is no file of vectors is no fault here, since nobody said that it is.

    Args:
        folder: The directory of the application.
        payloads: Names of the payloads to look for.
        texts: Gives the different strings of a payload; asked only where there is a file that may have them.
    """
    files = _files(folder / RESOURCES)
    found: dict[str, tuple[str, ...]] = {}
    for payload in payloads if files else ():
        wanted = {form for text in texts(payload) for form in forms(text)}
        names = tuple(f"vectors:{RESOURCES}/{path.name}" for path in files if _knows(path, wanted))
        found |= {payload: names} if names else {}
    return found


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [path for path in sorted(folder.iterdir()) if path.name.endswith(ENDS) and path.is_file()]


def _knows(path: Path, wanted: Collection[str]) -> bool:
    """Whether a file has vectors, and of many of the strings that are wanted or of many strings that it has."""
    try:
        with open_lines(path) as lines:
            found = read_vectors(islice(lines, LOOKED_AT), wanted, str(path))
    except (OvertonError, OSError, EOFError, zlib.error, gzip.BadGzipFile):
        return False
    least = LEAST_SHARE * min(found.n_words, len(wanted))
    return found.matrix.shape[1] >= LEAST_WIDTH and len(found.words) >= max(least, 1)
