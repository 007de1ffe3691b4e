"""Spans written as classes of tokens: O outside, B-x at the beginning of a span of x, I-x inside it.

An I-x stands only after a B-x or an I-x. A model that labels each token by itself breaks that rule now and then; the
likeliest sequence that keeps it is found by the Viterbi algorithm (Forney 1973, doi:10.1109/PROC.1973.9030), in time
linear in the number of classes, since the rule looks at one or two classes back only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy import ndarray

FORBIDDEN = np.float32(-1e30)


@dataclass(frozen=True, slots=True)
class BIO:
    """Which classes continue which.

    Attributes:
        inside: Numbers of the I-x that have a B-x, int64 of shape (inside,).
        begin: Number of the B-x of each of them, same shape.
        before: Which class may stand before which, bool of shape (class, class).
        first: Which class may stand first, bool of shape (class,).
    """

    inside: ndarray
    begin: ndarray
    before: ndarray
    first: ndarray

    def mend(self, logits: ndarray, label: ndarray, offsets: ndarray) -> ndarray:
        """The likeliest valid classes of some sequences.

        Args:
            logits: Float32 of shape (token, class), one sequence after the other.
            label: The best class of each token by itself, int32 of shape (token,).
            offsets: First token of each sequence, int64 of shape (sequence + 1,).

        Returns:
            The classes, int32 of shape (token,); `label` itself where it is valid already.
        """
        broken = self.broken(label, offsets)
        if not len(broken):
            return label
        mended = label.copy()
        lengths = np.diff(offsets)[broken]
        places = offsets[broken][:, None] + np.arange(lengths.max())
        inside = np.arange(lengths.max()) < lengths[:, None]
        mended[places[inside]] = self._search(logits[np.where(inside, places, 0)], lengths)[inside]
        return mended

    def broken(self, label: ndarray, offsets: ndarray) -> ndarray:
        """Numbers of the sequences that break the rule, ascending."""
        if not len(label):
            return np.zeros(0, np.int64)
        bad = np.empty(len(label), np.bool_)
        bad[0] = False
        np.logical_not(self.before[label[:-1], label[1:]], out=bad[1:])
        starts = offsets[:-1][offsets[:-1] < offsets[1:]]
        bad[starts] = ~self.first[label[starts]]
        if not bad.any():
            return np.zeros(0, np.int64)
        return np.unique(np.searchsorted(offsets, np.flatnonzero(bad), side="right") - 1)

    def _search(self, logits: ndarray, lengths: ndarray) -> ndarray:
        """Viterbi over padded sequences: logits (sequence, token, class) into classes (sequence, token)."""
        n_sequences, n_tokens, n_classes = logits.shape
        rows = np.arange(n_sequences)
        score = np.where(self.first, logits[:, 0], FORBIDDEN)
        back = np.empty((n_tokens, n_sequences, n_classes), np.int32)
        final = np.empty((n_tokens, n_sequences), np.int32)
        for token in range(n_tokens):
            if token:
                best = score.argmax(axis=1)
                reached = np.repeat(score[rows, best][:, None], n_classes, axis=1)
                back[token] = best[:, None]
                opened = score[:, self.begin] >= score[:, self.inside]
                back[token][:, self.inside] = np.where(opened, self.begin, self.inside)
                reached[:, self.inside] = np.where(opened, score[:, self.begin], score[:, self.inside])
                score = reached + logits[:, token]
            final[token] = score.argmax(axis=1)
        path = np.zeros((n_sequences, n_tokens), np.int32)
        state = np.zeros(n_sequences, np.int32)
        for token in range(n_tokens - 1, -1, -1):
            state = np.where(lengths - 1 == token, final[token], state)
            path[:, token] = state
            state = back[token, rows, state] if token else state
        return path


@lru_cache(maxsize=256)
def find_bio(classes: Sequence[str]) -> BIO | None:
    """The rule of some classes, or None where there is none to keep: they are not `O`, `B-x` and `I-x` alone.

    An `I-x` without a `B-x` among the classes may stand anywhere.
    """
    number = {name: index for index, name in enumerate(classes)}
    spans = [name for name in classes if name != "O"]
    if "O" not in number or not all(name[:2] in ("B-", "I-") and len(name) > 2 for name in spans):
        return None
    pairs = [(number[name], number["B-" + name[2:]]) for name in spans if name[0] == "I" and "B-" + name[2:] in number]
    if not pairs:
        return None
    before = np.ones((len(classes), len(classes)), np.bool_)
    first = np.ones(len(classes), np.bool_)
    for inside, begin in pairs:
        before[:, inside] = False
        before[[inside, begin], inside] = True
        first[inside] = False
    columns = np.array(pairs, np.int64).reshape(-1, 2)
    return BIO(inside=columns[:, 0], begin=columns[:, 1], before=before, first=first)
