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

from overton.codec.bio import FORBIDDEN, find_bio
from overton.compile import Program

CHAIN_HEADS = ("chain_head.v1", "chain_head.v2")
CELLS = 1 << 19  # scores of pairs that are looked at in one go: they should stay in the cache
FEW_ROWS = 4  # up to so many rows the search costs no more than the probabilities
MOST_DOUBT = 0.49
FEW_CLASSES = 12
CLOSE = 1e-4  # two probabilities so close may be equal but for rounding
LEAST = 1e-300
TINY = np.float32(1e-25)
# How far scores may lie apart before a product of their exponentials, of which one follows on the other, becomes 0.
ROOM, QUICK_ROOM = 300.0, 60.0


@dataclass(frozen=True, slots=True)
class Chain:
    """What it scores when one class follows another.

    Attributes:
        onto: `onto[b, a]` is the score of class `b` right after class `a`, float32 of shape (class, class).
        first: Score of each class at the beginning, float32 of shape (class,).
        last: Likewise at the end.
        weight: `exp` of the transpose of `onto`, divided by its greatest, float64.
        quick: The same in float32: for what need not be exact.
        shift: The greatest of `onto`.
        reach: How far the scores that are allowed lie apart at most.
    """

    onto: ndarray
    first: ndarray
    last: ndarray
    weight: ndarray
    quick: ndarray
    shift: float
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
        shift = float(onto.max())
        weight = np.exp(np.ascontiguousarray(onto.T).astype(np.float64) - shift)
        allowed = (scores[scores > FORBIDDEN / 2] for scores in (onto, first, last))
        reach = max(float(np.ptp(scores)) if len(scores) else 0.0 for scores in allowed)
        return cls(onto, first, last, weight, weight.astype(np.float32), shift, reach)

    def divided(self, temperature: float) -> "Chain":
        """The chain whose scores are divided by a temperature."""
        onto, first, last = (scores / np.float32(temperature) for scores in (self.onto, self.first, self.last))
        return self._weighed(onto, first, last)

    def decode(self, logits: ndarray, lengths: ndarray, *, probabilities: bool) -> tuple[ndarray, ndarray | None]:
        """The likeliest classes and, where they are wanted, the probabilities of all.

        The probabilities are products of matrices and cheap; the search is not. A sequence that is likelier than a half
        is likelier than all others. One is found on the way: by the doubts about the likeliest class of each token,
        where they sum to less than a half, or by going back over what was summed up. Only the other records are
        searched, and among few classes first.

        Args:
            logits: Float32 of shape (row, token, class).
            lengths: Tokens of each row, int of shape (row,); what stands behind them is not looked at.
            probabilities: Whether they are wanted.

        Returns:
            Int32 of shape (row, token), and float32 of the shape of the logits or None; 0 at padding.
        """
        if not probabilities:
            return self.label(logits, lengths) if len(lengths) <= FEW_ROWS else self._label_many(logits, lengths), None
        probability, log_total = self._marginals(logits, lengths)
        label = probability.argmax(axis=2).astype(np.int32)
        inside = np.arange(logits.shape[1]) < lengths[:, None]
        doubt = ((1 - probability.max(axis=2)) * inside).sum(axis=1)
        (rows,) = np.nonzero(doubt > MOST_DOUBT)
        if len(rows):
            label[rows] = self._label_doubtful(logits[rows], lengths[rows], probability[rows], log_total[rows])
        return label, probability

    def label(self, logits: ndarray, lengths: ndarray) -> ndarray:
        """The likeliest classes, int32 of shape (row, token), of logits of shape (row, token, class); 0 at padding."""
        path = np.zeros(logits.shape[:2], np.int32)
        for rows in _portions(lengths, logits.shape[2] ** 2):
            path[rows], _ = _search(logits[rows], lengths[rows], self.onto, self.first, self.last)
        return path

    def _label_many(self, logits: ndarray, lengths: ndarray) -> ndarray:
        """As `label`, for many rows."""
        path, sure = np.zeros(logits.shape[:2], np.int32), np.zeros(len(logits), np.float32)
        for rows in _portions(lengths, logits.shape[2] * logits.shape[1]):
            path[rows], sure[rows] = self._guess(logits, rows, lengths[rows])
        (rows,) = np.nonzero(sure <= 1 - MOST_DOUBT)
        if len(rows):
            probability, log_total = self._marginals(logits[rows], lengths[rows])
            path[rows] = self._label_doubtful(logits[rows], lengths[rows], probability, log_total)
        return path

    def _guess(self, logits: ndarray, rows: ndarray, lengths: ndarray) -> tuple[ndarray, ndarray]:
        """A likely sequence of some rows, and its probability given the record; they come longest first.

        The last class is the likeliest, and each before it the likeliest given the one behind it. Reckoned with six
        digits; where they do not suffice, the probability is said to be 0. Token by token, so that it all stays in the
        cache, and without a look at padding.
        """
        alive, every = _alive(lengths), np.arange(len(rows))
        least = np.exp(min(self.reach - QUICK_ROOM, 0.0), dtype=np.float32)
        first, last = (np.exp(scores - scores.max(), dtype=np.float32) for scores in (self.first, self.last))
        onward: list[ndarray] = []
        reached: list[ndarray] = []
        path, sure = np.zeros((len(rows), logits.shape[1]), np.int32), np.ones(len(rows), np.float32)
        for token, some in enumerate(alive):
            mass = logits[rows[:some], token]
            mass -= np.maximum.reduce(mass, axis=1, keepdims=True)
            np.exp(mass, out=mass)
            if mass.min() < least:
                sure[:some][mass.min(axis=1) < least] = 0
            reached.append(onward[-1][:some] @ self.quick if token else first)
            mass *= reached[-1]
            total = np.add.reduce(mass, axis=1, keepdims=True)
            sure[:some][total[:, 0] < TINY] = 0
            mass /= np.maximum(total, TINY)
            onward.append(mass)
        behind = np.ascontiguousarray(self.quick.T)
        state, going = np.zeros(len(rows), np.int64), 0
        for token in range(len(alive) - 1, -1, -1):
            some, mass = alive[token], onward[token]
            total = np.empty(some, np.float32)
            if going:  # by what the sum over the classes of this token was, times the way to the one behind it
                total[:going] = reached[token + 1][every[:going], state[:going]]
                mass[:going] *= behind[state[:going]]
            if some > going:
                mass[going:] *= last
                total[going:] = np.add.reduce(mass[going:], axis=1)
            state[:some] = path[:some, token] = mass.argmax(axis=1)
            sure[:some] *= mass[every[:some], state[:some]] / np.maximum(total, TINY)
            going = some
        return path, sure

    def _label_doubtful(self, logits: ndarray, lengths: ndarray, probability: ndarray, log_total: ndarray) -> ndarray:
        """As `label`, but each row is first searched among its likeliest classes.

        What is found there is the best of all where it is likelier than each class left out is at any token, since a
        sequence is at most as likely as its least likely token.
        """
        if logits.shape[2] <= 2 * FEW_CLASSES:
            return self.label(logits, lengths)
        path, certain = np.zeros(logits.shape[:2], np.int32), np.zeros(len(logits), np.bool_)
        for rows in _portions(lengths, logits.shape[1] * logits.shape[2]):
            mass = probability[rows].max(axis=1)
            order = np.argpartition(-mass, FEW_CLASSES, axis=1)
            left_out = np.take_along_axis(mass, order[:, FEW_CLASSES, None], 1)[:, 0]
            few = order[:, :FEW_CLASSES]
            onto = self.onto[few[:, :, None], few[:, None, :]]
            scores = np.take_along_axis(logits[rows], few[:, None, :], 2)
            found, score = _search(scores, lengths[rows], onto, self.first[few], self.last[few])
            inside = np.arange(logits.shape[1]) < lengths[rows, None]
            path[rows] = np.where(inside, np.take_along_axis(few, found, 1), 0)
            certain[rows] = np.exp(score - log_total[rows]) > left_out + CLOSE
        if not certain.all():
            path[~certain] = self.label(logits[~certain], lengths[~certain])
        return path

    def marginals(self, logits: ndarray, lengths: ndarray) -> ndarray:
        """P(class) of each token given the record, float32 of the shape of the logits; 0 at padding."""
        return self._marginals(logits, lengths)[0]

    def _marginals(self, logits: ndarray, lengths: ndarray) -> tuple[ndarray, ndarray]:
        """Beside the marginals the log of the sum over all sequences, float64 of shape (row,)."""
        probability, log_total = np.zeros(logits.shape, np.float32), np.zeros(len(logits))
        for rows in _portions(lengths, logits.shape[2] * logits.shape[1]):
            inside = np.arange(logits.shape[1]) < lengths[rows, None]
            some = np.where(inside[:, :, None], logits[rows], np.float32(0))  # what stands there may be no number
            if not some.size or some.max() - some.min() + self.reach <= ROOM:
                probability[rows], log_total[rows] = self._sum(some, lengths[rows])
                continue
            far = np.ptp(some, axis=2).max(axis=1) + self.reach > ROOM
            for chosen, add_up in ((~far, self._sum), (far, self._sum_apart)):
                probability[rows[chosen]], log_total[rows[chosen]] = add_up(some[chosen], lengths[rows[chosen]])
        return probability, log_total

    def _sum(self, logits: ndarray, lengths: ndarray) -> tuple[ndarray, ndarray]:
        """Forward and backward; every step is scaled, which leaves the ratios between the classes of a token."""
        alive = _alive(lengths)
        highest = logits.max(axis=2, keepdims=True)
        emission = np.exp((logits - highest).astype(np.float64))
        first, last = (np.exp(scores.astype(np.float64) - scores.max()) for scores in (self.first, self.last))
        onward, log_total = np.zeros(logits.shape), np.full(len(logits), float(self.first.max() + self.last.max()))
        backward = np.broadcast_to(last, emission[:, 0].shape).copy()
        for token, some in enumerate(alive):
            reached = onward[:some, token - 1] @ self.weight if token else first
            mass = reached * emission[:some, token]
            onward[:some, token], total = _scaled(mass)
            log_total[:some] += np.log(total) + highest[:some, token, 0] + (self.shift if token else 0.0)
        ends = np.flatnonzero(lengths)
        log_total[ends] += np.log(np.maximum(onward[ends, lengths[ends] - 1] @ last, LEAST))
        for token in range(len(alive) - 1, -1, -1):
            some = alive[token]
            onward[:some, token], _ = _scaled(onward[:some, token] * backward[:some])
            backward[:some], _ = _scaled((backward[:some] * emission[:some, token]) @ self.weight.T)
        return onward, log_total

    def _sum_apart(self, logits: ndarray, lengths: ndarray) -> tuple[ndarray, ndarray]:
        """As `_sum`, of scores that lie so far apart that their exponentials would be lost: slower, in logarithms."""
        onto, onward = self.onto.astype(np.float64), logits.astype(np.float64)
        size = max(CELLS // onto.size, 1)
        behind = np.broadcast_to(self.last.astype(np.float64), onward[:, 0].shape).copy()
        log_total = np.full(len(logits), np.logaddexp.reduce(self.first.astype(np.float64) + self.last))
        for start in range(0, len(logits), size):
            part = slice(start, start + size)
            alive, scores, after = _alive(lengths[part]), onward[part].copy(), behind[part]
            for token, some in enumerate(alive):
                before = onward[part][:some, token - 1, None, :] + onto if token else self.first[None, :, None]
                onward[part][:some, token] += np.logaddexp.reduce(before, axis=2)
            for token in range(len(alive) - 1, -1, -1):
                some = alive[token]
                onward[part][:some, token] += after[:some]
                ahead = (after[:some] + scores[:some, token])[:, :, None] + onto
                after[:some] = np.logaddexp.reduce(ahead, axis=1)
        ends = np.flatnonzero(lengths)
        log_total[ends] = np.logaddexp.reduce(onward[ends, 0], axis=1)
        inside = (np.arange(logits.shape[1]) < lengths[:, None])[:, :, None]
        return np.where(inside, np.exp(onward - np.logaddexp.reduce(onward, axis=2, keepdims=True)), 0), log_total


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


def _alive(lengths: ndarray) -> list[int]:
    """How many rows have a token at each place, up to the longest row."""
    longest = int(lengths.max(initial=0))
    counts: list[int] = (lengths[:, None] > np.arange(longest)).sum(axis=0).tolist()
    return counts


def _scaled(mass: ndarray) -> tuple[ndarray, ndarray]:
    """Rows that sum to one, and what they summed to before."""
    total = np.maximum(mass.sum(axis=1, keepdims=True), LEAST)
    return mass / total, total[:, 0]


def _search(logits: ndarray, lengths: ndarray, onto: ndarray, first: ndarray, last: ndarray) -> tuple[ndarray, ndarray]:
    """Viterbi; the rows come longest first, so that those with a token at some place are the first few.

    Args:
        logits: Of shape (row, token, class).
        lengths: Of shape (row,).
        onto: Scores of one class after another, of shape (class, class), or (row, class, class).
        first: Scores of each class at the beginning, of shape (class,), or (row, class).
        last: Likewise at the end.

    Returns:
        The best classes, int32 of shape (row, token), and their score, of shape (row,).
    """
    alive = _alive(lengths)
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
    highest = (score + last).max(axis=1)
    for token in range(len(alive) - 1, -1, -1):
        some = alive[token]
        path[:some, token] = state[:some]
        state[:some] = back[token, every[:some], state[:some]]
    return path, highest
