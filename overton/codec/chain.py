"""Classes of tokens that hang together: the linear-chain CRF of a task, decoded outside the graph.

The graph scores each class of each token; a chain adds a score for each pair of neighbouring classes, for the first
and for the last. The likeliest sequence is found by the Viterbi algorithm, the probability of each token's class by
the forward-backward algorithm (Lafferty et al. 2001, ICML; Rabiner 1989, doi:10.1109/5.18626). Numpy only, vectorised
over the records of a batch.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from overton.base.ragged import reaching
from overton.codec.bio import FORBIDDEN, find_bio
from overton.compile import Program

CHAIN_HEADS = ("chain_head.v1", "chain_head.v2")
CELLS = 1 << 19  # scores of pairs that are looked at in one go: they should stay in the cache
FEW_CLASSES = 12
CLOSE = 1e-4  # two scores so close may be equal but for rounding
LEAST = 1e-300
ROOM = 300.0  # how far scores may lie apart before a product of exponentials, of which one follows on the other, is 0


@dataclass(frozen=True, slots=True)
class Chain:
    """What it scores when one class follows another.

    Attributes:
        onto: `onto[b, a]` is the score of class `b` right after class `a`, float32 of shape (class, class).
        first: Score of each class at the beginning, float32 of shape (class,).
        last: Likewise at the end.
        weight: `exp` of the transpose of `onto`, divided by its greatest, float64.
        gains: How much more than a pair another one may score in whose place the class behind is another, and in whose
            place the class before is, float32 of shape (2, class * class), by the place in `onto`; where both are
            others, each counts half.
        reach: How far the scores that are allowed lie apart at most.
    """

    onto: ndarray
    first: ndarray
    last: ndarray
    weight: ndarray
    gains: ndarray
    reach: float

    @classmethod
    def of(cls, transitions: ndarray, classes: tuple[str, ...]) -> "Chain":
        """The chain of the weights of a head, from which what the rule of BIO classes forbids is taken out.

        Args:
            transitions: Float32 of shape (class + 2, class): a row for the class before, then one for the beginning,
                then one for what each class scores at the end.
            classes: The classes of the task.

        Raises:
            ValueError: Where the transitions are not of that shape.
        """
        if transitions.shape != (len(classes) + 2, len(classes)):
            raise ValueError(f"transitions of shape {transitions.shape} for {len(classes)} classes")
        pairs, first, last = transitions[:-2], transitions[-2], transitions[-1]
        bio = find_bio(classes)
        if bio is not None:
            pairs, first = np.where(bio.before, pairs, FORBIDDEN), np.where(bio.first, first, FORBIDDEN)
        return cls._weighed(np.ascontiguousarray(pairs.T), first, last)

    @classmethod
    def _weighed(cls, onto: ndarray, first: ndarray, last: ndarray) -> "Chain":
        weight = np.exp(np.ascontiguousarray(onto.T).astype(np.float64) - float(onto.max()))
        allowed = (scores[scores > FORBIDDEN / 2] for scores in (onto, first, last))
        reach = max(float(np.ptp(scores)) if len(scores) else 0.0 for scores in allowed)
        return cls(onto, first, last, weight, _gains(onto), reach)

    def divided(self, temperature: float) -> "Chain":
        """The chain whose scores are divided by a temperature."""
        onto, first, last = (scores / np.float32(temperature) for scores in (self.onto, self.first, self.last))
        return self._weighed(onto, first, last)

    def decode(self, logits: ndarray, lengths: ndarray, *, probabilities: bool) -> tuple[ndarray, ndarray | None]:
        """The likeliest classes and, where they are wanted, the probabilities of all.

        Args:
            logits: Float32 of shape (row, token, class).
            lengths: Tokens of each row, int of shape (row,); what stands behind them is not looked at.
            probabilities: Whether they are wanted.

        Returns:
            Int32 of shape (row, token), and float32 of the shape of the logits or None; 0 at padding.
        """
        return self.label(logits, lengths), self.marginals(logits, lengths) if probabilities else None

    def label(self, logits: ndarray, lengths: ndarray) -> ndarray:
        """The likeliest classes, int32 of shape (row, token), of logits of shape (row, token, class); 0 at padding.

        What most rows have is the best class of each token: where that scores more than what follows on it can bring
        elsewhere, there is nothing to search. The other rows are searched, and among few classes where by the same
        reckoning no sequence with another one can be the best.
        """
        path, gain = np.zeros(logits.shape[:2], np.int32), np.zeros(logits.shape[:2], np.float32)
        inside = np.arange(logits.shape[1]) < lengths[:, None]
        path[inside], gain[inside], doubt = self._bounds(logits[inside], lengths)
        (rows,) = np.nonzero(doubt)
        if len(rows):
            path[rows] = self._search_where_few(logits[rows], lengths[rows], gain[rows])
        return path

    def search(self, logits: ndarray, lengths: ndarray) -> ndarray:
        """What `label` says, by the Viterbi algorithm over all classes."""
        path = np.zeros(logits.shape[:2], np.int32)
        for rows in _portions(lengths, logits.shape[2] ** 2):
            path[rows] = _search(logits[rows], lengths[rows], self.onto, self.first, self.last)
        return path

    def _bounds(self, scores: ndarray, lengths: ndarray) -> tuple[ndarray, ndarray, ndarray]:
        """The best class of each token by itself, and how far a sequence with other classes may be better.

        A sequence with other classes at some tokens scores at least their lead less there, and its pairs at most as
        much more as the best pairs do: with the class that stays at the one end, or any where both ends change.

        Args:
            scores: Those of all tokens of all rows, float32 of shape (token, class), which is made use of.
            lengths: Tokens of each row.

        Returns:
            The best class of each token; the most that can be won by pairs, ends and other tokens where it is another,
            float32; and in which rows the best classes may not be the best sequence.
        """
        every, row = np.arange(len(scores)), np.repeat(np.arange(len(lengths)), lengths)
        best = scores.argmax(axis=1)
        lead = scores[every, best]
        scores[every, best] = -np.inf
        lead -= np.maximum.reduce(scores, axis=1, initial=-np.inf)
        gain = np.zeros(len(scores), np.float32)
        ends = np.flatnonzero(np.diff(row, prepend=-1)), np.flatnonzero(np.diff(row, append=-1))
        gain[ends[0]] += self.first.max() - self.first[best[ends[0]]]
        gain[ends[1]] += self.last.max() - self.last[best[ends[1]]]
        (left,) = np.nonzero(row[1:] == row[:-1])
        pairs = best[left + 1] * len(self.onto) + best[left]
        gain[left + 1] += self.gains[0].take(pairs)
        gain[left] += self.gains[1].take(pairs)
        won = np.maximum(gain - lead + CLOSE, 0)
        in_row = np.bincount(row, won, len(lengths))
        return best, gain + (in_row[row] - won), in_row > 0

    def _search_where_few(self, logits: ndarray, lengths: ndarray, gain: ndarray) -> ndarray:
        """As `search`; a class further behind the best of its token than `gain`, (row, token), is in no best one."""
        inside = np.arange(logits.shape[1]) < lengths[:, None]
        path, certain = np.zeros(logits.shape[:2], np.int32), np.zeros(len(logits), np.bool_)
        if logits.shape[2] > 2 * FEW_CLASSES:
            scores = np.where(inside[:, :, None], logits, -np.inf)
            reached = (scores + np.where(inside, gain - scores.max(axis=2), 0)[:, :, None]).max(axis=1)
            certain = (reached > -CLOSE).sum(axis=1) <= FEW_CLASSES
            (few_rows,) = np.nonzero(certain)
            for part in _portions(lengths[few_rows], FEW_CLASSES**2):
                rows = few_rows[part]
                few = np.argpartition(-reached[rows], FEW_CLASSES, axis=1)[:, :FEW_CLASSES]
                onto = self.onto[few[:, :, None], few[:, None, :]]
                scores = np.take_along_axis(logits[rows], few[:, None, :], 2)
                found = _search(scores, lengths[rows], onto, self.first[few], self.last[few])
                path[rows] = np.where(inside[rows], np.take_along_axis(few, found, 1), 0)
        if not certain.all():
            path[~certain] = self.search(logits[~certain], lengths[~certain])
        return path

    def marginals(self, logits: ndarray, lengths: ndarray) -> ndarray:
        """P(class) of each token given the record, float32 of the shape of the logits; 0 at padding."""
        probability = np.zeros(logits.shape, np.float32)
        for rows in _portions(lengths, logits.shape[2] * logits.shape[1]):
            inside = np.arange(logits.shape[1]) < lengths[rows, None]
            some = np.where(inside[:, :, None], logits[rows], np.float32(0))  # what stands there may be no number
            if not some.size or some.max() - some.min() + self.reach <= ROOM:
                probability[rows] = self._sum(some, lengths[rows])
                continue
            far = np.ptp(some, axis=2).max(axis=1) + self.reach > ROOM
            for chosen, add_up in ((~far, self._sum), (far, self._sum_apart)):
                probability[rows[chosen]] = add_up(some[chosen], lengths[rows[chosen]])
        return probability

    def _sum(self, logits: ndarray, lengths: ndarray) -> ndarray:
        """Forward and backward; every step is scaled, which leaves the ratios between the classes of a token."""
        alive = reaching(lengths)
        emission = np.exp((logits - logits.max(axis=2, keepdims=True)).astype(np.float64))
        first, last = (np.exp(scores.astype(np.float64) - scores.max()) for scores in (self.first, self.last))
        onward = np.zeros(logits.shape)
        backward = np.broadcast_to(last, emission[:, 0].shape).copy()
        for token, some in enumerate(alive):
            reached = onward[:some, token - 1] @ self.weight if token else first
            onward[:some, token] = _scaled(reached * emission[:some, token])
        for token in range(len(alive) - 1, -1, -1):
            some = alive[token]
            onward[:some, token] = _scaled(onward[:some, token] * backward[:some])
            backward[:some] = _scaled((backward[:some] * emission[:some, token]) @ self.weight.T)
        return onward

    def _sum_apart(self, logits: ndarray, lengths: ndarray) -> ndarray:
        """As `_sum`, of scores that lie so far apart that their exponentials would be lost: slower, in logarithms."""
        onto, onward = self.onto.astype(np.float64), logits.astype(np.float64)
        size = max(CELLS // onto.size, 1)
        behind = np.broadcast_to(self.last.astype(np.float64), onward[:, 0].shape).copy()
        for start in range(0, len(logits), size):
            part = slice(start, start + size)
            alive, scores, after = reaching(lengths[part]), onward[part].copy(), behind[part]
            for token, some in enumerate(alive):
                before = onward[part][:some, token - 1, None, :] + onto if token else self.first[None, :, None]
                onward[part][:some, token] += np.logaddexp.reduce(before, axis=2)
            for token in range(len(alive) - 1, -1, -1):
                some = alive[token]
                onward[part][:some, token] += after[:some]
                ahead = (after[:some] + scores[:some, token])[:, :, None] + onto
                after[:some] = np.logaddexp.reduce(ahead, axis=1)
        inside = (np.arange(logits.shape[1]) < lengths[:, None])[:, :, None]
        return np.where(inside, np.exp(onward - np.logaddexp.reduce(onward, axis=2, keepdims=True)), 0)


def chained_tasks(program: Program) -> tuple[str, ...]:
    """The tasks of a program that have a chain."""
    heads = {node.name for node in program.nodes if node.op in CHAIN_HEADS}
    return tuple(task for task, head in program.outputs.items() if head in heads)


def chains_of(program: Program, weights: Mapping[str, ndarray]) -> dict[str, Chain]:
    """The chains of a program by task; none for a program without. Made once, since it takes a while."""
    return {
        task: Chain.of(weights[transitions_name(program.outputs[task])], program.schema.task(task).classes)
        for task in chained_tasks(program)
    }


def transitions_name(head: str) -> str:
    """The name that the transitions of a head have among the weights."""
    return f"blocks.{head.replace('.', '/')}.transitions"


def _portions(lengths: ndarray, cells: int) -> Iterator[ndarray]:
    """The rows longest first, so many at a time that so many cells a row are not too many."""
    order = np.argsort(-lengths, kind="stable")
    size = max(CELLS // max(cells, 1), 1)
    for start in range(0, len(order), size):
        yield order[start : start + size]


def _gains(onto: ndarray) -> ndarray:
    half = (onto.max() - onto) / 2
    behind, before = onto.max(axis=0, keepdims=True) - onto, onto.max(axis=1, keepdims=True) - onto
    gains: ndarray = np.stack([np.maximum(behind, half).ravel(), np.maximum(before, half).ravel()]).astype(np.float32)
    return gains


def _scaled(mass: ndarray) -> ndarray:
    """Rows that sum to one."""
    scaled: ndarray = mass / np.maximum(mass.sum(axis=1, keepdims=True), LEAST)
    return scaled


def _search(logits: ndarray, lengths: ndarray, onto: ndarray, first: ndarray, last: ndarray) -> ndarray:
    """Viterbi; the rows come longest first, so that those with a token at some place are the first few.

    Args:
        logits: Of shape (row, token, class).
        lengths: Of shape (row,).
        onto: Scores of one class after another, of shape (class, class), or (row, class, class).
        first: Scores of each class at the beginning, of shape (class,), or (row, class).
        last: Likewise at the end.

    Returns:
        The best classes, int32 of shape (row, token).
    """
    alive = reaching(lengths)
    score = logits[:, 0] + first
    back = np.zeros((len(alive), *score.shape), np.intp)
    cells = np.arange(0, score.size * score.shape[1], score.shape[1]).reshape(score.shape)  # the first of each row
    for token in range(1, len(alive)):
        some = alive[token]
        reached = score[:some, None, :] + (onto if onto.ndim == 2 else onto[:some])
        best = reached.argmax(axis=2, out=back[token, :some])
        np.add(reached.reshape(-1).take(cells[:some] + best), logits[:some, token], out=score[:some])
    path, every = np.zeros(logits.shape[:2], np.int32), np.arange(len(logits))
    state = (score + last).argmax(axis=1)
    for token in range(len(alive) - 1, -1, -1):
        some = alive[token]
        path[:some, token] = state[:some]
        state[:some] = back[token, every[:some], state[:some]]
    return path
