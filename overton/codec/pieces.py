"""Tokens to the pieces of words that a pretrained transformer reads, by its own tokenizer.

Each token is cut by itself, so each different string of a pool is cut once; a row is its tokens' pieces between the
marks of beginning and end. The tokenizer is a JSON text that the package `tokenizers` runs, without transformers.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from overton.base import OvertonError, Problem
from overton.base.ragged import starts_of
from overton.codec.tables import FIRST_SIZE, grown
from overton.data import Pool

MARK, PADDING = -1, -2
UNSEEN = -1
LONGEST = 256  # characters of a token that are looked at, as for hashed features


class Pieces:
    """Cuts the strings of a pool into pieces, each string once.

    Args:
        tokenizer: The content of a `tokenizer.json`.
        settings: `longest` (most pieces of a row, marks included) and `pad` (the piece of padding).
    """

    def __init__(self, tokenizer: str, settings: Mapping[str, Any]) -> None:
        self._tokenizer = _load(tokenizer)
        self._longest, self._pad = int(settings["longest"]), int(settings["pad"])
        self._before, self._after = self._marks()
        self.reset()

    def reset(self) -> None:
        """Forget all strings."""
        self._flat = np.zeros(FIRST_SIZE, np.int32)
        self._used = 0
        self._first = np.zeros(FIRST_SIZE, np.int64)
        self._count = np.full(FIRST_SIZE, UNSEEN, np.int64)
        self._count[0] = 0  # padding

    def take(self, strings: ndarray, pool: Pool) -> tuple[ndarray, ndarray]:
        """The pieces of rows of tokens, and the number of the token that each is of.

        Args:
            strings: Places in the pool, int32 of shape (row, token); -1 is padding.
            pool: The pool.

        Returns:
            Two int32 arrays of shape (row, piece). For marks of beginning and end the second is -1, for padding -2.
        """
        if len(pool.texts) >= len(self._count):
            self._first = grown(self._first, len(pool.texts) + 1, 0)
            self._count = grown(self._count, len(pool.texts) + 1, UNSEEN)
        count = self._count[strings + 1]
        if (count == UNSEEN).any():
            self._learn(strings + 1, pool)
            count = self._count[strings + 1]
        n_rows, n_tokens = strings.shape
        edge, end = len(self._before), self._longest - len(self._after)
        n_pieces = np.minimum(count.sum(1), end - edge)
        width = int(n_pieces.max(initial=0)) + edge + len(self._after)
        pieces = np.full((n_rows, width), self._pad, np.int32)
        tokens = np.full((n_rows, width), PADDING, np.int32)
        cell = np.repeat(np.arange(n_rows * n_tokens), count.ravel())
        begin = np.cumsum(count.ravel()) - count.ravel()
        place = np.arange(len(cell))
        row, token = cell // max(n_tokens, 1), cell % max(n_tokens, 1)
        column = place - starts_of(count.sum(1))[row] + edge
        found = self._flat[self._first[strings.ravel()[cell] + 1] + place - begin[cell]]
        kept = column < n_pieces[row] + edge
        pieces[row[kept], column[kept]], tokens[row[kept], column[kept]] = found[kept], token[kept]
        pieces[:, :edge], tokens[:, :edge] = self._before, MARK
        last = np.arange(n_rows)[:, None], (n_pieces + edge)[:, None] + np.arange(len(self._after))
        pieces[last], tokens[last] = self._after, MARK
        return pieces, tokens

    def _learn(self, rows: ndarray, pool: Pool) -> None:
        missing = np.unique(rows)
        missing = missing[self._count[missing] == UNSEEN]
        cut = self._cut([pool.texts[row - 1] for row in missing.tolist()])
        count = np.array([len(found) for found in cut], np.int64)
        end = self._used + int(count.sum())
        if end > len(self._flat):
            self._flat = grown(self._flat, end, 0)
        self._flat[self._used : end] = [piece for found in cut for piece in found]
        self._first[missing] = self._used + np.cumsum(count) - count
        self._count[missing] = count
        self._used = end

    def _cut(self, texts: Sequence[str]) -> list[list[int]]:
        encoded = self._tokenizer.encode_batch(
            [[text[:LONGEST]] for text in texts], is_pretokenized=True, add_special_tokens=False
        )
        return [list(found.ids) for found in encoded]

    def _marks(self) -> tuple[list[int], list[int]]:
        """What stands before and after the pieces of a row."""
        whole = self._tokenizer.encode(["a"], is_pretokenized=True)
        inside = [place for place, mark in enumerate(whole.special_tokens_mask) if not mark]
        return list(whole.ids[: inside[0]]), list(whole.ids[inside[-1] + 1 :])


def _load(text: str) -> Any:
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise OvertonError(
            Problem(
                message="the model reads pieces of words, and `tokenizers`, which makes them, is not installed",
                code="artifact.needs-tokenizers",
                hint="pip install tokenizers",
            )
        ) from None
    tokenizer = Tokenizer.from_str(text)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
