"""What a label model of one task is fitted on: vote patterns, and votes beside known truth."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy import ndarray

from overton.data import GOLD, Gold, Votes, gold_of
from overton.schema import TaskType
from overton.supervision.models.blocks import MOST_SOURCES, collapse_blocks, count_pairs, find_blocks
from overton.supervision.models.patterns import Cells, Patterns, cells_of, keep_rows, select_patterns, take_cells

CORRELATION = 0.2  # of the errors of two votes on one row; judged by log loss on labelled sets
BROAD = 0.9  # a source is broad that uses this share of the classes, mean of: share of all classes, share of all votes
EARNEST = 0.5  # the same for sources whose agreement tells whether one copies another
FOLDS = 4  # parts of the units whose truth is known
CHUNK = 32  # neighbouring units that stand in one part: the tokens of a record have much in common
LEAST_KNOWN = 50  # units with known truth, below which they do not tell what sources are worth
FIT_VOTES = 400_000  # votes that a model is fitted on


@dataclass(frozen=True, slots=True)
class Known:
    """Votes on units whose truth is known, counted: units of one part with the same votes and truth are one row.

    Attributes:
        cells: The votes; `row` numbers the rows from 0, those without votes too.
        n_options: Number of labels to choose among in each row, int64 of shape (row,).
        truth: The right label, int64 of shape (row,), or for bitvectors bool of shape (row, label).
        count: Number of units of each row, float64 of shape (row,).
        fold: Part of the units that each row stands for, int64 of shape (row,); a fit without it is judged on it.
    """

    cells: Cells
    n_options: ndarray
    truth: ndarray
    count: ndarray
    fold: ndarray

    def take(self, keep: ndarray) -> "Known":
        """Some of the rows; `keep` is bool of shape (row,)."""
        cells = keep_rows(self.cells, keep)
        return Known(cells, self.n_options[keep], self.truth[keep], self.count[keep], self.fold[keep])


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that a label model of one task needs.

    Attributes:
        type: Type of the task.
        n_sources: Number of sources; the numbers in the cells are below it.
        n_labels: Width of the table of targets.
        sample: The patterns that the model is fitted on, with their counts; `index` is empty.
        known: Votes beside known truth.
        block: Number of the block of each source, of shape (source,); each block votes once, under that number.
    """

    type: TaskType
    n_sources: int
    n_labels: int
    sample: Patterns
    known: Known
    block: ndarray

    @property
    def voting(self) -> ndarray:
        """Numbers of the blocks that vote at all."""
        return np.unique(np.concatenate([self.sample.cells.source, self.known.cells.source]))


def evidence_of(
    task_type: TaskType, n_sources: int, n_labels: int, sample: Patterns, known: Known, *, seed: int
) -> Evidence:
    """Patterns and known votes to evidence: blocks of copies are found and vote once from here on."""
    block = np.arange(n_sources)
    if n_sources <= MOST_SOURCES:  # of more nobody is taken for a copy, and their pairs would fill the memory
        block = _blocks(task_type, n_sources, n_labels, sample, seed)
    return Evidence(
        type=task_type,
        n_sources=n_sources,
        n_labels=n_labels,
        sample=replace(sample, cells=collapse_blocks(sample.cells, block)),
        known=replace(known, cells=collapse_blocks(known.cells, block)),
        block=block,
    )


def _blocks(task_type: TaskType, n_sources: int, n_labels: int, sample: Patterns, seed: int) -> ndarray:
    """Number of the block of each source."""
    pairs = count_pairs(sample.cells, sample.count, n_sources, n_labels, seed=seed)
    chance = None
    judged = np.ones(n_sources, np.bool_)
    if task_type == "select":
        chance = float((sample.count / np.maximum(sample.n_options, 1)).sum() / max(sample.count.sum(), 1.0))
    elif task_type == "multiclass":
        judged = breadth(pairs.said) >= EARNEST
    return find_blocks(pairs, chance=chance, judged=judged)


def thin(patterns: Patterns, most_votes: int, seed: int) -> Patterns:
    """The patterns of a random part of the units, where there are more votes than a model needs.

    A function of the counts alone, so that it does not matter how they were gathered.
    """
    if len(patterns.cells.row) <= most_votes:
        return patterns
    share = most_votes / len(patterns.cells.row)
    kept = np.random.default_rng(seed).binomial(patterns.count.astype(np.int64), share).astype(np.float64)
    return select_patterns(patterns, kept)


def breadth(said: ndarray) -> ndarray:
    """How many of the classes each source uses, shape (source,): mean of the share of all, and of all votes."""
    used = said > 0
    shares: ndarray = 0.5 * (used.mean(1) + used @ (said.sum(0) / max(said.sum(), 1e-9)))
    return np.where(used.sum(1) > 1, shares, 0.0)


def known_of(patterns: Patterns, n_options: ndarray, gold: Gold, units: ndarray, fold: ndarray) -> Known:
    """The votes beside gold on some units.

    Args:
        patterns: The votes.
        n_options: Number of labels to choose among in each unit, shape (unit,).
        gold: The truth.
        units: Which units, int64, ascending.
        fold: Part that each unit is of, int64 of shape (unit,), of all units.
    """
    fold = fold[units]
    pattern, truth = patterns.index[units].astype(np.int64), gold.label[units]
    _, number = distinct_rows(truth)
    key = (fold * (patterns.n_patterns + 1) + pattern + 1) * (int(number.max(initial=0)) + 1) + number
    _, example, count = np.unique(key, return_index=True, return_counts=True)
    cells = cells_of(patterns, pattern[example])
    return Known(cells, n_options[units[example]], truth[example], count.astype(np.float64), fold[example])


def distinct_rows(truth: ndarray) -> tuple[ndarray, ndarray]:
    """The different labels, or rows of bits, and which of them each one is; rows of bits are compared packed."""
    if truth.ndim == 1:
        return np.unique(truth, return_inverse=True)
    if not truth.size:
        return truth[:0], np.zeros(len(truth), np.int64)
    packed = np.packbits(truth, axis=1)
    whole = packed.view(f"V{packed.shape[1]}").reshape(-1)
    _, example, number = np.unique(whole, return_index=True, return_inverse=True)
    return truth[example], number


def voting_cells(votes: Votes) -> Cells:
    """The votes of all sources but `gold`; `row` is the unit."""
    is_gold = votes.source == (votes.sources.index(GOLD) if GOLD in votes.sources else -1)
    return take_cells(votes, ~is_gold, share=votes.task.type != "bitvector")


def label_count(votes: Votes) -> int:
    """Width of the table of targets: number of classes, or size of the largest set."""
    if votes.candidates is None:
        return len(votes.task.classes)
    return max(int(votes.candidates.max(initial=0)), 1)


def option_counts(votes: Votes) -> ndarray:
    """Number of labels to choose among in each unit, int64 of shape (unit,)."""
    if votes.candidates is None:
        return np.full(votes.n_units, label_count(votes))
    return votes.candidates.astype(np.int64)


def vote_count(cells: Cells, n_rows: int) -> ndarray:
    """Number of sources that voted on each row, float64 of shape (row,)."""
    return np.bincount(cells.row, minlength=n_rows).astype(np.float64)


def telling(gold: Gold) -> ndarray:
    """Units whose gold label says something, bool of shape (unit,)."""
    says: ndarray = gold.known if gold.task.type == "bitvector" else gold.known & (gold.label >= 0)
    return says


@dataclass(frozen=True, slots=True)
class KnownUnits:
    """Where the truth of a task is known, and what for.

    Attributes:
        gold: The truth.
        certain: Units whose target it is: those in training, bool of shape (unit,).
        shown: Units on which it shows what sources are worth: those, and those of dev.
        typical: Of these the ones that stand for all units: gold of dev, which is drawn at random, where there is
            enough of it. What people label in training is chosen, mostly since sources err there.
    """

    gold: Gold
    certain: ndarray
    shown: ndarray
    typical: ndarray

    def folds(self) -> ndarray:
        """Part that each unit is of, int64 of shape (unit,).

        The typical ones are parted by themselves: a unit of a slice is then judged by the model that was fitted without
        its part, however much other gold stands among them.
        """
        fold = np.zeros(len(self.shown), np.int64)
        for part in (self.typical, self.shown & ~self.typical):
            units = np.flatnonzero(part)
            fold[units] = np.arange(len(units)) // CHUNK % FOLDS
        return fold


def known_units(votes: Votes, training: ndarray | None, dev: ndarray | None, trusted: Sequence[str] = ()) -> KnownUnits:
    """Where the truth is known.

    On training units that gold does not know, the first of `trusted` that does speaks for it.
    """
    gold, length = gold_of(votes), np.diff(votes.offsets)
    none = np.zeros(votes.n_records, np.bool_)
    in_training, in_dev = (np.repeat(none if part is None else part, length) for part in (training, dev))
    for source in trusted:
        told = gold_of(votes, source)
        new = in_training & told.known & ~gold.known
        gold.known[new], gold.label[new] = True, told.label[new]
    says = telling(gold)
    certain, shown = says & in_training, says & (in_training | in_dev)
    typical = shown & in_dev
    return KnownUnits(gold, certain, shown, typical if typical.sum() >= LEAST_KNOWN else shown)
