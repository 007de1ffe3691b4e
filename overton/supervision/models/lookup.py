"""A label model as tables of packed votes: the posterior of every row of a matrix, in one pass over it.

The models are additive, so what some sources say together can be looked up: the votes of a group of sources on one row
make up a number, and a table holds what every such number adds to the score of each class. Where one group holds all
sources, the table holds the posterior itself. All else is done for a block of rows at a time, which stays in the cache.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy import ndarray

from overton.supervision.models.label_model import LEAST_LEAD, FittedModel, worth
from overton.supervision.models.majority import TIE
from overton.supervision.models.patterns import Cells

MOST_NUMBERS = 131_072  # in the table of one group: half a megabyte
MOST_OF_ALL = 16_000_000  # in all tables together, unless single sources need more
BLOCK_NUMBERS = 262_144  # scores held at once
MOST_ROWS = 16_384  # looked at at once
FEW_CLASSES = 12  # up to which a class at a time is faster than a row at a time


@dataclass(frozen=True, slots=True)
class Packed:
    """What some sources say together. Their votes on a row, abstentions too, are the digits of a number, the code.

    Attributes:
        columns: Numbers of the sources.
        scores: What the votes add to the score of each class, float32 of shape (code, class).
        n_votes: Number of votes, int32 of shape (code,).
        span: Highest label and the negative of the lowest, int32 of shape (code, 2); without a vote below any that
            votes have.
    """

    columns: tuple[int, ...]
    scores: ndarray
    n_votes: ndarray
    span: ndarray


@dataclass(frozen=True, slots=True)
class Lookup:
    """The tables of a model.

    Attributes:
        n_classes: Number of classes.
        parts: Groups of sources; those of a part with several groups are copies, which share one vote among them.
        log_prior: Float32 of shape (class,).
        worth: What a vote counts by the number of votes on its row, float32 of shape (source + 1,).
        no_votes: Probabilities of a row without votes, float32 of shape (class,).
        by_count: Whether scores are votes that are counted, and those with most of them share the probability.
        silence: What silent sources say of each label that has no vote, float32 of shape (class,); None where nothing.
        posterior: Where one group holds all sources, the posterior of each code, float32 of shape (code, class).
    """

    n_classes: int
    parts: tuple[tuple[Packed, ...], ...]
    log_prior: ndarray
    worth: ndarray
    no_votes: ndarray
    by_count: bool
    silence: ndarray | None = None
    posterior: ndarray | None = None

    @property
    def rows(self) -> int:
        """Number of rows looked at at once."""
        return max(min(BLOCK_NUMBERS // self.n_classes, MOST_ROWS), 64)

    def predict(self, votes: ndarray, out: ndarray) -> None:
        """Fill in the posterior of a block of rows.

        Args:
            votes: Labels, -1 where a source abstains, of a signed integer type and shape (source, row).
            out: Float32 of shape (row, class).
        """
        if self.posterior is not None:
            code = _codes(votes, self.parts[0][0].columns, self.n_classes)
            np.take(self.posterior, code, axis=0, out=out, mode="clip")
        else:
            scores = np.zeros(out.shape, np.float32, order=_order(self.n_classes))
            n_votes, span = self._add_up(votes, scores)
            _finish(self, scores, n_votes, span, None if self.silence is None else _silent(votes, self.silence))
            out[:] = scores

    def _add_up(self, votes: ndarray, scores: ndarray) -> tuple[ndarray, ndarray]:
        """Add what votes say to `scores`; return the number of votes and the span of the labels of each row."""
        n_votes = np.zeros(len(scores), np.int32)
        span = np.full((len(scores), 2), -self.n_classes - 1, np.int32)
        for part in self.parts:
            shared = np.zeros_like(scores) if len(part) > 1 else scores
            members = np.zeros_like(n_votes)
            for packed in part:
                code = _codes(votes, packed.columns, self.n_classes)
                _add_rows(shared, packed.scores, code)
                members += np.take(packed.n_votes, code, mode="clip")
                np.maximum(span, np.take(packed.span, code, axis=0, mode="clip"), out=span)
            if len(part) > 1:
                _each(np.divide, shared, np.maximum(members, 1).astype(np.float32))
                scores += shared
                members = np.minimum(members, 1)
            n_votes += members
        return n_votes, span


def lookup_of(model: FittedModel, n_sources: int, n_classes: int, no_votes: ndarray) -> Lookup:
    """The tables of a fitted model of classes.

    Args:
        model: The model; it may know more sources than stand in the matrix.
        n_sources: Number of sources of the matrix.
        n_classes: Number of classes.
        no_votes: Probabilities of a row without votes, shape (class,).
    """
    block = model.block[:n_sources]
    alone = Cells(
        row=np.arange(n_sources * n_classes),
        source=np.repeat(block, n_classes).astype(np.int32),
        first=np.arange(n_sources * n_classes + 1),
        label=np.tile(np.arange(n_classes, dtype=np.int32), n_sources),
        weight=np.ones(n_sources * n_classes),
    )
    n_options = np.full(len(alone.row), n_classes)
    said = model.scorer.scores(alone, n_options, model.weight[alone.source])
    said -= said.mean(1, keepdims=True)  # what is added to all classes alike only costs digits
    value = worth(np.arange(n_sources + 1), model.correlation)
    cube = said.reshape(n_sources, n_classes, n_classes)
    return _lookup(cube, block, model.log_prior, value, no_votes, silence=model.silence)


def majority_lookup(n_sources: int, n_classes: int) -> Lookup:
    """The tables of the majority vote."""
    said = np.broadcast_to(np.eye(n_classes), (n_sources, n_classes, n_classes))
    even = np.full(n_classes, 1 / n_classes)
    worth_of = np.ones(n_sources + 1)
    return _lookup(said, np.arange(n_sources), np.zeros(n_classes), worth_of, even, by_count=True)


def _lookup(
    said: ndarray,
    block: ndarray,
    log_prior: ndarray,
    value: ndarray,
    no_votes: ndarray,
    *,
    by_count: bool = False,
    silence: ndarray | None = None,
) -> Lookup:
    n_sources, n_classes = said.shape[:2]
    padded = np.concatenate([np.zeros((n_sources, 1, n_classes)), said], axis=1)  # an abstention adds nothing
    most = min(MOST_NUMBERS, MOST_OF_ALL // max(n_sources, 1)) // n_classes
    parts = tuple(tuple(_pack(padded, block, columns) for columns in part) for part in _split(block, n_classes, most))
    lookup = Lookup(
        n_classes=n_classes,
        parts=parts,
        log_prior=log_prior.astype(np.float32),
        worth=value.astype(np.float32),
        no_votes=no_votes.astype(np.float32),
        by_count=by_count,
        silence=None if silence is None else silence.astype(np.float32),
    )
    if len(parts) != 1 or len(parts[0]) != 1:
        return lookup
    packed = parts[0][0]
    posterior = packed.scores.copy()
    silent = None if silence is None else _silent(_votes_of(packed.columns, n_classes), silence)
    _finish(lookup, posterior, packed.n_votes, packed.span, silent)
    return replace(lookup, posterior=np.ascontiguousarray(posterior))


def _split(block: ndarray, n_classes: int, most: int) -> Iterator[Sequence[tuple[int, ...]]]:
    """Sources by part and group, so that no code reaches `most` but for single sources; blocks stay together."""
    widest = 1
    while (n_classes + 1) ** (widest + 1) <= most:
        widest += 1
    group: tuple[int, ...] = ()
    for number in np.unique(block):
        members = tuple(np.flatnonzero(block == number).tolist())
        if len(members) > widest:
            yield [members[at : at + widest] for at in range(0, len(members), widest)]
            continue
        if len(group) + len(members) > widest:
            yield [group]
            group = ()
        group += members
    if group:
        yield [group]


def _pack(padded: ndarray, block: ndarray, columns: tuple[int, ...]) -> Packed:
    """The table of some sources, block by block; `padded`, (source, 1 + label, class), is what each vote adds."""
    n_classes = padded.shape[2]
    scores, n_votes = np.zeros((1, n_classes)), np.zeros(1, np.int32)
    span = np.full((1, 2), [-1, -n_classes], np.int32)
    for number in dict.fromkeys(block[list(columns)].tolist()):
        members = tuple(column for column in columns if block[column] == number)
        added, voted, reach = _pack_block(padded, members, whole=int((block == number).sum()) == len(members))
        scores = (added[:, None] + scores).reshape(-1, n_classes)
        n_votes = (voted[:, None] + n_votes).reshape(-1)
        span = np.maximum(reach[:, None], span).reshape(-1, 2)
    return Packed(columns, scores.astype(np.float32, order=_order(n_classes)), n_votes, span)


def _pack_block(padded: ndarray, members: tuple[int, ...], *, whole: bool) -> tuple[ndarray, ndarray, ndarray]:
    """Scores, number of votes and span of sources of one block, which share a vote where they are all of it."""
    n_classes = padded.shape[2]
    code = np.arange((n_classes + 1) ** len(members))
    digits = np.stack([code // (n_classes + 1) ** place % (n_classes + 1) for place in range(len(members))])
    voted = np.count_nonzero(digits, axis=0).astype(np.int32)
    added = padded[np.array(members)[:, None], digits].sum(0)
    if whole:
        added, voted = added / np.maximum(voted, 1)[:, None], np.minimum(voted, 1)
    low = np.where(digits > 0, digits - 1, n_classes).min(0)
    return added, voted, np.stack([digits.max(0) - 1, -low], axis=1).astype(np.int32)


def _codes(votes: ndarray, columns: tuple[int, ...], n_classes: int) -> ndarray:
    """The code of each row, int32: digit 0 is an abstention, and the first source has the lowest digit."""
    base = n_classes + 1
    code: ndarray = votes[columns[-1]].astype(np.int32)
    for column in columns[-2::-1]:
        code *= base
        code += votes[column]
    code += (base ** len(columns) - 1) // n_classes  # the sum of all powers: one more for each digit
    return code


def _votes_of(columns: tuple[int, ...], n_classes: int) -> ndarray:
    """The votes of every code, of shape (column, code)."""
    code, base = np.arange((n_classes + 1) ** len(columns)), n_classes + 1
    return np.stack([code // base**place % base - 1 for place in range(len(columns))])


def _silent(votes: ndarray, silence: ndarray) -> ndarray:
    """What silent sources add to each label, float32 of shape (row, class), as `FittedModel.silence_of`."""
    voted = [(votes == number).any(0) for number in range(len(silence))]
    n_voted, level = np.zeros(votes.shape[1], np.float32), np.zeros(votes.shape[1], np.float32)
    for said, value in zip(voted, silence, strict=True):
        n_voted += said
        level += said * np.float32(value)
    level /= np.maximum(n_voted, 1)
    added = np.empty((votes.shape[1], len(silence)), np.float32, order=_order(len(silence)))
    for number, value in enumerate(silence):
        added[:, number] = np.where(voted[number], 0, np.float32(value) - level)
    return added


def _finish(lookup: Lookup, scores: ndarray, n_votes: ndarray, span: ndarray, silent: ndarray | None) -> None:
    """Scores of shape (row, class) to probabilities, in place; as `FittedModel.posterior` and `majority_table`."""
    if not lookup.by_count:
        _each(np.multiply, scores, np.take(lookup.worth, n_votes))
        for number, value in enumerate(lookup.log_prior):
            scores[:, number] += value
    if silent is not None:
        scores += silent
    top = _over_classes(np.maximum, scores)
    if lookup.by_count:
        scores[:] = scores >= (top - np.float32(TIE))[:, None]
    else:
        row = np.flatnonzero(span[:, 0] + span[:, 1] == 0)  # all votes agree
        label = span[row, 0]
        behind = (scores[row, label] < top[row]) | (_ties(scores, top)[row] > 1)
        row, label = row[behind], label[behind]
        lead = np.float32(LEAST_LEAD) * (scores[row].argmax(1) != label)
        top[row] += lead
        scores[row, label] = np.where(lead > 0, top[row], scores[row, label])
        _each(np.subtract, scores, top)
        np.exp(scores, out=scores)
    _each(np.divide, scores, _over_classes(np.add, scores))
    scores[np.flatnonzero(n_votes == 0)] = lookup.no_votes


# Scores of few classes lie class by class in memory, and are worked on a class at a time; of many, row by row.


def _order(n_classes: int) -> Literal["C", "F"]:
    return "F" if n_classes <= FEW_CLASSES else "C"


def _add_rows(scores: ndarray, table: ndarray, row: ndarray) -> None:
    """Add some rows of a table to scores."""
    if table.shape[1] > FEW_CLASSES:
        scores += np.take(table, row, axis=0, mode="clip")
    else:
        for number in range(table.shape[1]):
            scores[:, number] += np.take(table[:, number], row, mode="clip")


def _each(operation: np.ufunc, scores: ndarray, values: ndarray) -> None:
    """Every score changed by the value of its row."""
    if scores.shape[1] > FEW_CLASSES:
        operation(scores, values[:, None], out=scores)
    else:
        for number in range(scores.shape[1]):
            operation(scores[:, number], values, out=scores[:, number])


def _over_classes(operation: np.ufunc, scores: ndarray) -> ndarray:
    """One value for each row."""
    if scores.shape[1] > FEW_CLASSES:
        found: ndarray = operation.reduce(scores, axis=1)
        return found
    found = scores[:, 0].copy()
    for number in range(1, scores.shape[1]):
        operation(found, scores[:, number], out=found)
    return found


def _ties(scores: ndarray, top: ndarray) -> ndarray:
    """Number of classes of each row that have its highest score."""
    if scores.shape[1] > FEW_CLASSES:
        many: ndarray = (scores == top[:, None]).sum(1)
        return many
    ties = np.zeros(len(scores), np.int8)
    for number in range(scores.shape[1]):
        ties += scores[:, number] == top
    return ties
