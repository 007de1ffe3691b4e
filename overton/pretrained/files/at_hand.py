"""Vectors that lie in an application and are named by nobody: what a search may try beside the hashed features."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from overton.base import OvertonError
from overton.codec import forms
from overton.pretrained.files.vectors import read_file

RESOURCES = "resources"
ENDS = (".txt", ".vec", ".txt.gz", ".vec.gz")
LOOKED_AT = 10_000  # lines of a file: of words these are, as a rule, the most frequent ones
LEAST_SHARE = 0.1  # of the strings of a payload, or of the words that were looked at where these are fewer
LEAST_WIDTH = 2  # numbers of a word: with one, a list of words and counts would do


def vectors_at_hand(folder: Path, texts: Callable[[str], Sequence[str]], payload: str) -> tuple[str, ...]:
    """Files of vectors in `resources/` that know the strings of a payload, as embeddings.

    Only the first lines of a file are read. What is no file of vectors is no fault here, since nobody said that it is.

    Args:
        folder: The directory of the application.
        texts: Gives the different strings of a payload; asked only where there is a file that may have them.
        payload: Name of the payload.
    """
    files = _files(folder / RESOURCES)
    wanted = {form for text in texts(payload) for form in forms(text)} if files else set()
    return tuple(f"vectors:{RESOURCES}/{path.name}" for path in files if _knows(path, wanted))


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [path for path in sorted(folder.iterdir()) if path.name.endswith(ENDS) and path.is_file()]


def _knows(path: Path, wanted: Collection[str]) -> bool:
    """Whether a file has vectors, and of many of the strings that are wanted or of many strings that it has."""
    try:
        found = read_file(path, wanted, LOOKED_AT)
    except (OvertonError, OSError):
        return False
    least = LEAST_SHARE * min(found.n_words, len(wanted))
    return found.matrix.shape[1] >= LEAST_WIDTH and len(found.words) >= max(least, 1)
