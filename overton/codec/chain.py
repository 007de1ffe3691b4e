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
FEW = (4, 10)  # classes of each token that are searched among first, and where it remains open, next
SMALL = 1 << 15  # scores of pairs that are looked at sooner than they are sifted: those of a few rows
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
            others, each counts half. Then how much more than a class another may score at the beginning, and at the
            end, each of shape (class,).
        beyond: The like of `onto`, `first` and `last` with one class more, which stands for any: its pairs score what
            the best of any class would.
        reach: How far the scores that are allowed lie apart at most.
    """

    onto: ndarray
    first: ndarray
    last: ndarray
    weight: ndarray
    gains: tuple[ndarray, ndarray, ndarray]
    beyond: tuple[ndarray, ndarray, ndarray]
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
        return cls(onto, first, last, weight, _gains(onto, first, last), _beyond(onto, first, last), reach)

    def divided(self, temperature: float) -> "Chain":
        """The chain whose scores are divided by a temperature."""
        onto, first, last = (scores / np.float32(temperature) for scores in (self.onto, self.first, self.last))
        return self._weighed(onto, first, last)

    def decode(self, scores: ndarray, lengths: ndarray, *, probabilities: bool) -> tuple[ndarray, ndarray | None]:
        """The likeliest classes and, where they are wanted, the probabilities of all.

        Args:
            scores: Logits of the tokens of all rows, one row after the other, float32 of shape (token, class).
            lengths: Tokens of each row, int of shape (row,).
            probabilities: Whether they are wanted.

        Returns:
            Int32 of shape (token,), and float32 of the shape of the scores or None.
        """
        return self.label(scores, lengths), self.marginals(scores, lengths) if probabilities else None

    def label(self, scores: ndarray, lengths: ndarray) -> ndarray:
        """The likeliest classes, int32 of shape (token,), of scores of shape (token, class).

        What most rows have is the best class of each token: where that scores more than what follows on it can bring
        elsewhere, there is nothing to search. The other rows are searched among the few best classes of each token and
        one that stands for all others (staggered decoding, Kaji et al. 2010, ACL), then among some more, then among
        all.
        """
        label, doubt = self._best_of_each(scores, lengths)
        for few in FEW:
            (rows,) = np.nonzero(doubt)
            if 2 * few < scores.shape[1] and len(rows) * scores.shape[1] ** 2 > SMALL:
                doubt[rows] = False
                doubt[self._search_few(scores, lengths, rows, few, label)] = True
        self._search_all(scores, lengths, np.flatnonzero(doubt), label)
        return label

    def search(self, scores: ndarray, lengths: ndarray) -> ndarray:
        """What `label` says, by the Viterbi algorithm over all classes."""
        label = np.zeros(len(scores), np.int32)
        self._search_all(scores, lengths, np.flatnonzero(lengths), label)
        return label

    def _search_all(self, scores: ndarray, lengths: ndarray, rows: ndarray, label: ndarray) -> None:
        """Write the labels of some rows, none of them empty, by the Viterbi algorithm."""
        for some, index, inside in _portions(lengths, rows, scores.shape[1] ** 2):
            onto = np.broadcast_to(self.onto, (index.shape[1] - 1, len(some), *self.onto.shape))
            found = _search(scores[index], lengths[some], onto, self.first, self.last)
            label[index[inside]] = found[inside]

    def _best_of_each(self, scores: ndarray, lengths: ndarray) -> tuple[ndarray, ndarray]:
        """The best class of each token by itself, int32 of shape (token,), and in which rows it may be another.

        A sequence with other classes at some tokens scores at least their lead less there, and its pairs at most as
        much more as the best pairs do: with the class that stays at the one end, or any where both ends change.
        """
        n_classes = scores.shape[1]
        flat, cells = scores.reshape(-1), np.arange(0, scores.size, n_classes)
        best = scores.argmax(axis=1)
        places = cells + best
        highest = flat[places]
        flat[places] = -np.inf  # for as long as the second best is looked for, which is quicker than in a copy
        second = flat[cells + scores.argmax(axis=1)] if n_classes > 1 else np.full(len(scores), -np.inf, np.float32)
        flat[places] = highest
        gain = np.full(len(scores), CLOSE, np.float32)
        ends = np.cumsum(lengths)
        begin, end = (ends - lengths)[lengths > 0], ends[lengths > 0] - 1
        pairs, first, last = self.gains
        gain[begin] += first[best[begin]]
        gain[end] += last[best[end]]
        neighbours = pairs.take(best[1:] * n_classes + best[:-1], axis=1)
        neighbours[:, end[:-1]] = 0  # of two rows
        gain[1:] += neighbours[0]
        gain[:-1] += neighbours[1]
        doubt, unsure = np.zeros(len(lengths), np.bool_), gain > highest - second
        if unsure.any():
            doubt[np.repeat(np.arange(len(lengths)), lengths)[unsure]] = True
        return best.astype(np.int32), doubt

    def _search_few(self, scores: ndarray, lengths: ndarray, rows: ndarray, few: int, label: ndarray) -> list[int]:
        """As `_search_all`, among so many classes of each token, the best by themselves, and one for all others.

        That one scores what the best of the others does, and its pairs what those of any class might. So a sequence
        without it that scores more than all with it is the best of all.

        Returns:
            The rows of which another sequence may be the best.
        """
        onto, first, last = self.beyond
        unsure: list[int] = []
        for some, index, inside in _portions(lengths, rows, int(lengths[rows].max(initial=1)) * (few + 1) ** 2):
            classes, reached = _leaders(scores[index], few)
            pairs = onto.take(classes[:, 1:, :, None] * np.intp(len(onto)) + classes[:, :-1, None, :])
            end = classes[np.arange(len(some)), lengths[some] - 1]
            found = _search(reached, lengths[some], pairs.swapaxes(0, 1), first[classes[:, 0]], last[end])
            label[index[inside]] = np.take_along_axis(classes, found[:, :, None], 2)[:, :, 0][inside]
            unsure += some[(inside & (found == few)).any(axis=1)].tolist()
        return unsure

    def marginals(self, scores: ndarray, lengths: ndarray) -> ndarray:
        """P(class) of each token given its row, float32 of the shape of the scores."""
        probability = np.zeros(scores.shape, np.float32)
        rows = np.flatnonzero(lengths)
        for some, index, inside in _portions(lengths, rows, scores.shape[1] * int(lengths.max(initial=1))):
            logits, length = scores[index], lengths[some]
            found = np.zeros(logits.shape, np.float32)
            far = np.ptp(logits, axis=(1, 2)) + self.reach > ROOM
            for chosen, add_up in ((~far, self._sum), (far, self._sum_apart)):
                if chosen.all():
                    found = add_up(logits, length)
                elif chosen.any():
                    found[chosen] = add_up(logits[chosen], length[chosen])
            probability[index[inside]] = found[inside]
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


def _portions(lengths: ndarray, rows: ndarray, cells: int) -> Iterator[tuple[ndarray, ndarray, ndarray]]:
    """Some rows longest first, so many at a time that so many cells a row are not too many.

    Args:
        lengths: Tokens of each row, those of all rows one after the other.
        rows: Which rows, none of them empty.
        cells: Cells of a row.

    Yields:
        The rows, the place of each of their tokens, of shape (row, token), the last again where a row has no more, and
        which cells are tokens.
    """
    begin = np.cumsum(lengths) - lengths
    rows = rows[np.argsort(-lengths[rows], kind="stable")]
    size = max(CELLS // max(cells, 1), 1)
    for start in range(0, len(rows), size):
        some = rows[start : start + size]
        length, token = lengths[some, None], np.arange(lengths[some[0]])
        yield some, begin[some, None] + np.minimum(token, length - 1), token < length


def _gains(onto: ndarray, first: ndarray, last: ndarray) -> tuple[ndarray, ndarray, ndarray]:
    half = (onto.max() - onto) / 2
    behind, before = onto.max(axis=0, keepdims=True) - onto, onto.max(axis=1, keepdims=True) - onto
    pairs = np.stack([np.maximum(behind, half).ravel(), np.maximum(before, half).ravel()]).astype(np.float32)
    return pairs, first.max() - first, last.max() - last


def _beyond(onto: ndarray, first: ndarray, last: ndarray) -> tuple[ndarray, ndarray, ndarray]:
    n = len(onto)
    wide = np.empty((n + 1, n + 1), np.float32)
    wide[:n, :n], wide[n, :n], wide[:n, n], wide[n, n] = onto, onto.max(axis=0), onto.max(axis=1), onto.max()
    wide[n] += np.float32(CLOSE)
    return wide, np.append(first, first.max() + np.float32(CLOSE)), np.append(last, last.max())


def _leaders(logits: ndarray, few: int) -> tuple[ndarray, ndarray]:
    """The best classes of each token in their order, then one more for all others, and their scores.

    Both are of shape (row, token, few + 1).
    """
    scores = logits.copy()
    flat, cells = scores.reshape(-1), np.arange(0, scores.size, scores.shape[2])
    by_token = scores.reshape(-1, scores.shape[2])
    classes = np.empty((len(cells), few + 1), np.intp)
    for place in range(few):
        classes[:, place] = by_token.argmax(axis=1)
        flat[cells + classes[:, place]] = -np.inf
    classes[:, :few].sort(axis=1)
    classes[:, few] = by_token.argmax(axis=1)
    found = logits.reshape(-1).take(cells[:, None] + classes)
    classes[:, few] = scores.shape[2]
    return classes.reshape(*logits.shape[:2], few + 1), found.reshape(*logits.shape[:2], few + 1)


def _scaled(mass: ndarray) -> ndarray:
    """Rows that sum to one."""
    scaled: ndarray = mass / np.maximum(mass.sum(axis=1, keepdims=True), LEAST)
    return scaled


def _search(logits: ndarray, lengths: ndarray, onto: ndarray, first: ndarray, last: ndarray) -> ndarray:
    """Viterbi; the rows come longest first, so that those with a token at some place are the first few.

    Args:
        logits: Of shape (row, token, class).
        lengths: Of shape (row,).
        onto: Scores of each class of the tokens but the first after those of the token before, of shape
            (token - 1, row, class, class).
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
        reached = score[:some, None, :] + onto[token - 1, :some]
        best = reached.argmax(axis=2, out=back[token, :some])
        np.add(reached.reshape(-1).take(cells[:some] + best), logits[:some, token], out=score[:some])
    path, every = np.zeros(logits.shape[:2], np.int32), np.arange(len(logits))
    state = (score + last).argmax(axis=1)
    for token in range(len(alive) - 1, -1, -1):
        some = alive[token]
        path[:some, token] = state[:some]
        state[:some] = back[token, every[:some], state[:some]]
    return path
