"""Spans of tokens out of their BIO classes, for all tokens at once.

A span begins at a B-x, and at an I-x that follows no token of the same type, as in conlleval, the scorer of the
CoNLL-2000 shared task (Tjong Kim Sang & Buchholz 2000, https://aclanthology.org/W00-0726).
"""

from dataclasses import dataclass

import numpy as np
from numpy import ndarray


@dataclass(frozen=True, slots=True)
class Spans:
    """Spans in the order of the text.

    Attributes:
        start: First token of each span, int64 of shape (span,).
        end: The token after its last one, likewise.
        type: Number of its type, likewise.
    """

    start: ndarray
    end: ndarray
    type: ndarray


@dataclass(frozen=True, slots=True)
class BioClasses:
    """BIO classes taken apart.

    Attributes:
        types: Names of the types of spans, sorted.
        type: Type of each class, -1 for `O`, int64 of shape (class + 1,); the last is for "no class", -1.
        begins: Whether the class is a B-x, bool of shape (class + 1,).
    """

    types: tuple[str, ...]
    type: ndarray
    begins: ndarray


def take_apart(classes: tuple[str, ...]) -> BioClasses:
    """The types of some BIO classes.

    Example:
        >>> take_apart(("B-city", "I-city", "O")).types
        ('city',)
    """
    types = tuple(sorted({_type(name) for name in classes if name != "O"}))
    number = {name: index for index, name in enumerate(types)}
    return BioClasses(
        types=types,
        type=np.array([*(-1 if name == "O" else number[_type(name)] for name in classes), -1], np.int64),
        begins=np.array([*(name.startswith("B-") for name in classes), False]),
    )


def find_spans(label: ndarray, first: ndarray, bio: BioClasses) -> Spans:
    """The spans of some sequences.

    Args:
        label: Class of each token, shape (token,); -1 for none, which counts as `O`.
        first: First token of each sequence, int64 of shape (sequence + 1,).
        bio: The classes.
    """
    if not len(label):
        return Spans(*(np.zeros(0, np.int64) for _ in range(3)))
    kind = bio.type[label]
    inside = kind >= 0
    opens = np.zeros(len(label), np.bool_)
    opens[first[:-1][first[:-1] < first[1:]]] = True
    changes = opens.copy()
    changes[1:] |= kind[1:] != kind[:-1]
    begins = inside & (bio.begins[label] | changes)
    breaks = np.flatnonzero(begins | ~inside | opens)
    is_start = begins[breaks]
    return Spans(
        start=breaks[is_start],
        end=np.append(breaks[1:], len(label))[is_start],
        type=kind[breaks[is_start]],
    )


def match_spans(said: Spans, held: Spans, n_tokens: int) -> tuple[ndarray, ndarray]:
    """Which predicted spans are exactly right, and which true spans were found: bool of shape (span,) each."""
    end = np.zeros(n_tokens, np.int64)
    kind = np.full(n_tokens, -1, np.int64)
    end[held.start], kind[held.start] = held.end, held.type
    right = (end[said.start] == said.end) & (kind[said.start] == said.type)
    hit = np.zeros(n_tokens, np.bool_)
    hit[said.start[right]] = True
    return right, hit[held.start]


def _type(name: str) -> str:
    """Type of the span that a class is part of; a stray class without B- or I- is a type of its own."""
    return name[2:] if name.startswith(("B-", "I-")) else name
