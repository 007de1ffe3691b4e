"""Tokens to the pieces of words that a pretrained transformer reads, by its own tokenizer.

Each token is cut by itself, so each different string of a pool is cut once; a row is its tokens' pieces between the
marks of beginning and end. The tokenizer is a JSON text that the package `tokenizers` runs, without transformers.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from overton.base import OvertonError, Problem
from overton.data import Pool

MARK, PADDING = -1, -2
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
        self._pieces: list[list[int]] = [[]]  # the first is that of padding
        self._flat, self._first, self._count = np.zeros(0, np.int32), np.zeros(1, np.int64), np.zeros(1, np.int64)

    def take(self, strings: ndarray, pool: Pool) -> tuple[ndarray, ndarray]:
        """The pieces of rows of tokens, and the number of the token that each is of.

        Args:
            strings: Places in the pool, int32 of shape (row, token); -1 is padding.
            pool: The pool.

        Returns:
            Two int32 arrays of shape (row, piece). For marks of beginning and end the second is -1, for padding -2.
        """
        if len(pool.texts) >= len(self._pieces):
            self._learn(pool)
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
        column = place - np.concatenate([[0], np.cumsum(count.sum(1))])[row] + edge
        found = self._flat[self._first[strings.ravel()[cell] + 1] + place - begin[cell]]
        kept = column < n_pieces[row] + edge
        pieces[row[kept], column[kept]], tokens[row[kept], column[kept]] = found[kept], token[kept]
        pieces[:, :edge], tokens[:, :edge] = self._before, MARK
        last = np.arange(n_rows)[:, None], (n_pieces + edge)[:, None] + np.arange(len(self._after))
        pieces[last], tokens[last] = self._after, MARK
        return pieces, tokens

    def _learn(self, pool: Pool) -> None:
        texts = pool.texts[len(self._pieces) - 1 :]
        self._pieces.extend(self._cut(texts))
        count = [len(found) for found in self._pieces]
        self._count = np.array(count, np.int64)
        self._first = np.cumsum(self._count) - self._count
        self._flat = np.array([piece for found in self._pieces for piece in found], np.int32)

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
