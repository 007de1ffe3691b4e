"""Accuracies of sources by leave-one-out moments: one number a source, fitted on votes alone.

A source is right with its accuracy and else says one of the other labels, each as likely. For a vote v of source j let
C be the posterior of the row given the votes of the *other* sources. Then, with a the accuracy, k the number of
labels and R the sum of C(y)^2,

    E[C(v)] = a R + (1 - a) (1 - R) / (k - 1),

which is solved for a over all votes of j. A source never confirms itself, so the estimate does not drift as plain
expectation maximisation does. The number of labels may differ from
row to row, so that the same code serves classes and the members of sets.
"""

from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from overton.supervision.models.evidence import Known
from overton.supervision.models.patterns import Cells, keep_rows
from overton.supervision.models.probability import sigmoid

LEAST_INFORMATION = 0.05  # per vote: below it the others say next to nothing about the source
TAKEN_AWAY = 0.35  # in each round, of the difference between sources of one label and all, where it is borne out
BORNE_OUT = 0.15  # by which sources of a label vote together more or less than those of all
STRENGTHS = (1.0, 200.0)  # votes that the mean of all sources is worth, at least and at most
LOWEST_MEAN = 0.05
UNDAMPED = 3  # rounds before estimates are averaged with those before
BELOW = 0.98  # of a guess, from which a source is worse than one
ENOUGH_CHANGE = 3e-5
SPEAKS = 3.0  # how much likelier known truth has to be, as a logarithm


@dataclass(frozen=True, slots=True)
class OneCoinSettings:
    """What is assumed of sources before a vote is seen.

    Attributes:
        accuracy: Accuracy of a source of which nothing is known.
        strength: Votes that this assumption is worth.
        lowest: Lowest accuracy, as a share of that of a source that guesses.
        highest: Highest accuracy.
        by_information: Whether a vote counts against what is assumed as much as the others tell of it: next to nothing
            where they are little better than a guess, so that luck does not turn all of them.
        rounds: Most rounds.
    """

    accuracy: float
    strength: float
    lowest: float
    highest: float
    by_information: bool = False
    rounds: int = 100


@dataclass(frozen=True, slots=True)
class Slots:
    """The different labels voted for in each row.

    Attributes:
        row: Row of each slot, int64 of shape (slot,), ascending.
        label: Label of each slot, int64 of shape (slot,).
        first: First slot of each row, int64 of shape (row,).
        n_unvoted: Number of labels without a vote in each row, float64 of shape (row,).
        of_entry: Slot of each entry of the cells, int64 of shape (entry,).
    """

    row: ndarray
    label: ndarray
    first: ndarray
    n_unvoted: ndarray
    of_entry: ndarray


def find_slots(cells: Cells, n_options: ndarray) -> Slots:
    """The slots of rows, each of which has a vote; `n_options` labels to choose among in each, shape (row,)."""
    stride = int(cells.label.max(initial=0)) + 1
    keys, of_entry = np.unique(cells.row[cells.entry_cell] * stride + cells.label, return_inverse=True)
    row = keys // stride
    first = np.searchsorted(row, np.arange(len(n_options)))
    size = np.bincount(row, minlength=len(n_options))
    return Slots(row, keys % stride, first, (n_options - size).astype(np.float64), of_entry)


def log_odds(accuracy: ndarray, n_options: ndarray) -> ndarray:
    """Log-odds that a vote gives its label against any one other label."""
    odds: ndarray = np.log(accuracy) - np.log1p(-accuracy) + np.log(np.maximum(n_options - 1, 1))
    return odds


def right_votes(known: Known, n_sources: int) -> tuple[ndarray, ndarray]:
    """How many votes of each source stand beside known truth, and how many of them are right, of shape (source,)."""
    cells = known.cells
    cell = cells.entry_cell
    counts = cells.weight * (known.count * (known.n_options > 1))[cells.row[cell]]
    right = counts * (cells.label == known.truth[cells.row[cell]])
    source = cells.source[cell]
    return np.bincount(source, counts, n_sources), np.bincount(source, right, n_sources)


def fit_one_coin(
    cells: Cells,
    count: ndarray,
    n_options: ndarray,
    n_sources: int,
    settings: OneCoinSettings,
    gold: tuple[ndarray, ndarray] | None = None,
    *,
    together: ndarray | None = None,
) -> ndarray:
    """Accuracy of every source.

    Args:
        cells: Votes of the patterns, every pattern with at least one.
        count: Number of units of each pattern, shape (row,).
        n_options: Number of labels to choose among in each pattern, shape (row,).
        n_sources: Number of sources.
        settings: What is assumed beforehand.
        gold: Per source, how many of its votes stand beside known truth and how many of them are right.
        together: Where sources only ever say one label, how far those of each label vote together more than those of
            all, of shape (label,); nan where a label has one source. A conflict does not tell which label's sources are
            at fault; left alone, the estimate takes one side, ever more. So a side is taken only where this bears it
            out. For labels that mean the same in every row.

    Returns:
        Accuracies, shape (source,).
    """
    slots = find_slots(cells, n_options)
    witnessed = (np.bincount(cells.row, minlength=len(count))[cells.row] > 1) & (n_options[cells.row] > 1)
    times = count[cells.row] * witnessed
    n_gold, n_right = gold or (np.zeros(n_sources), np.zeros(n_sources))
    guess = float(count.sum() / max(float((n_options * count).sum()), 1.0))  # nothing where gold is all there is
    # Votes of two sides that contradict each other are explained as well either way: known truth says which one it is.
    accuracy = (n_right + settings.accuracy * settings.strength) / (n_gold + settings.strength)
    accuracy = np.clip(accuracy, settings.lowest * guess, settings.highest)
    said = label_votes(cells, count, n_sources, None if together is None else len(together))
    log_others = np.log(np.maximum(n_options - 1, 1))[cells.row]
    size = _per_cell(cells, cells.weight)
    weight = np.bincount(cells.source, times * size, n_sources) + n_gold
    for number in range(settings.rounds):
        odds = (np.log(accuracy) - np.log1p(-accuracy))[cells.source] + log_others  # as `log_odds`, source by source
        hit, sure = _leave_one_out(cells, slots, n_options, odds)
        chance = (1 - sure) / np.maximum(n_options[cells.row] - 1, 1)
        excess = np.bincount(cells.source, times * (hit - size * chance), n_sources) + n_right
        information = np.bincount(cells.source, times * size * (sure - chance), n_sources) + n_gold
        estimate = np.clip(excess / np.maximum(information, np.maximum(LEAST_INFORMATION * weight, 1e-9)), 0, 1)
        told = weight
        if settings.by_information:
            told = (information - n_gold) ** 2 / np.maximum(weight - n_gold, 1e-9) + n_gold
        shrunk = (estimate * told + settings.accuracy * settings.strength) / (told + settings.strength)
        new = np.clip(shrunk, settings.lowest * guess, settings.highest)
        if together is not None:
            new = np.clip(_level(new, said, together), settings.lowest * guess, settings.highest)
        if number >= UNDAMPED:  # sources that are judged by each other may else change sides for ever
            new = (new + accuracy) / 2
        change, accuracy = np.abs(new - accuracy).max(initial=0), new
        if change < ENOUGH_CHANGE:
            break
    return accuracy


def spread_of(cells: Cells, count: ndarray, n_options: ndarray, accuracy: ndarray) -> tuple[float, float]:
    """Mean accuracy of all sources, and how many votes that is worth for one: many where they are much alike.

    By moments: what the estimates of the sources differ by beyond what so few votes make them differ, each source
    judged by the votes of the others. Source: Kleinman 1973, doi:10.1080/01621459.1973.10481332.
    """
    witnessed = (np.bincount(cells.row, minlength=len(count))[cells.row] > 1) & (n_options[cells.row] > 1)
    times = count[cells.row] * witnessed
    n_sources = len(accuracy)
    odds = log_odds(accuracy[cells.source], n_options[cells.row])
    hit, sure = _leave_one_out(cells, find_slots(cells, n_options), n_options, odds)
    size = _per_cell(cells, cells.weight)
    chance = (1 - sure) / np.maximum(n_options[cells.row] - 1, 1)
    information = np.bincount(cells.source, times * size * (sure - chance), n_sources)
    excess = np.bincount(cells.source, times * (hit - size * chance), n_sources)
    mean = float(np.clip(excess.sum() / max(float(information.sum()), 1e-9), LOWEST_MEAN, 1 - LOWEST_MEAN))
    residual = times * (hit - size * (chance + mean * (sure - chance)))
    noise = np.bincount(cells.source, residual**2 / np.maximum(times, 1e-9), n_sources)
    told = information > 0
    apart = float(((excess - mean * information)[told] ** 2).sum() - noise[told].sum())
    variance = apart / max(float((information[told] ** 2).sum()), 1e-9)
    strength = mean * (1 - mean) / max(variance, 1e-9) - 1
    return mean, float(np.clip(strength, *STRENGTHS))


def mostly_below_chance(cells: Cells, count: ndarray, n_options: ndarray, accuracy: ndarray) -> bool:
    """Whether at least half of the votes are of sources that are believed to be worse than a guess."""
    times = count[cells.row] * (n_options[cells.row] > 1)
    below = accuracy[cells.source] < BELOW / n_options[cells.row]
    return bool((times * below).sum() >= 0.5 * max(float(times.sum()), 1e-9))


def borne_out(gold: tuple[ndarray, ndarray], accuracy: ndarray, other: ndarray) -> bool:
    """Whether known truth speaks for some accuracies against others, as `right_votes` counts it."""
    n_gold, n_right = gold
    gained = n_right * np.log(accuracy / other) + (n_gold - n_right) * np.log((1 - accuracy) / (1 - other))
    return float(gained.sum()) > SPEAKS


def accuracy_beside(cells: Cells, count: ndarray, n_options: ndarray, accuracy: ndarray, source: int) -> float | None:
    """Accuracy of one source by the votes of others whose accuracies are given.

    Args:
        cells: Votes of the source and of the others.
        count: Number of units of each pattern, shape (row,).
        n_options: Number of labels to choose among in each pattern, shape (row,).
        accuracy: Accuracies of the others, shape (source,).
        source: Number of the source.

    Returns:
        The accuracy; None where the others say next to nothing about it.
    """
    kept = np.flatnonzero((np.bincount(cells.row, minlength=len(count)) > 1) & (n_options > 1))
    cells = keep_rows(cells, np.isin(np.arange(len(count)), kept))
    count, n_options = count[kept], n_options[kept]
    if not len(kept):
        return None
    odds, size = log_odds(accuracy[cells.source], n_options[cells.row]), _per_cell(cells, cells.weight)
    hit, sure = _leave_one_out(cells, find_slots(cells, n_options), n_options, odds)
    own = cells.source == source
    times, chance = count[cells.row], (1 - sure) / (n_options[cells.row] - 1)
    information = float((times * size * (sure - chance))[own].sum())
    if information <= LEAST_INFORMATION * float((times * size)[own].sum()):
        return None
    return float(np.clip((times * (hit - size * chance))[own].sum() / information, 0, 1))


def label_votes(cells: Cells, count: ndarray, n_sources: int, n_labels: int | None = None) -> ndarray:
    """Number of votes of each source for each label, of shape (source, label)."""
    width = int(cells.label.max(initial=0)) + 1 if n_labels is None else n_labels
    cell = cells.entry_cell
    vote = cells.source[cell].astype(np.int64) * width + cells.label
    times = cells.weight * count[cells.row][cell]
    return np.bincount(vote, times, n_sources * width).reshape(-1, width)


def _level(accuracy: ndarray, said: ndarray, together: ndarray) -> ndarray:
    """Accuracies less how far, in log-odds, the sources of a label are apart from all without its being borne out."""
    odds = np.log(accuracy) - np.log1p(-accuracy)
    n_votes = said.sum(1)
    of_label = odds @ said / np.maximum(said.sum(0), 1e-9)
    apart = of_label - odds @ n_votes / max(float(n_votes.sum()), 1e-9)
    borne_out = np.isnan(together) | (np.abs(together) >= BORNE_OUT) & (np.sign(together) == np.sign(apart))
    taken_away = np.where(borne_out, TAKEN_AWAY, 1.0) * apart
    profile = said / np.maximum(n_votes, 1e-9)[:, None]
    return sigmoid(odds - profile @ taken_away * (n_votes > 0))


def _leave_one_out(cells: Cells, slots: Slots, n_options: ndarray, odds: ndarray) -> tuple[ndarray, ndarray]:
    """For each cell, given the other cells of its row: P(what it says), and the sum of P(y)^2.

    Args:
        cells: The votes.
        slots: The different labels voted for in each row.
        n_options: Number of labels to choose among in each row, shape (row,).
        odds: Log-odds of the votes, shape (cell,).
    """
    cell = cells.entry_cell
    odds = odds[cell] * cells.weight
    score = np.bincount(slots.of_entry, odds, len(slots.row))
    top = np.maximum.reduceat(score, slots.first)
    top = np.where(slots.n_unvoted > 0, np.maximum(top, 0), top)
    mass = np.exp(score - top[slots.row])
    unvoted = np.exp(-np.where(slots.n_unvoted > 0, top, 0))
    total = np.add.reduceat(mass, slots.first) + slots.n_unvoted * unvoted
    squares = np.add.reduceat(mass**2, slots.first) + slots.n_unvoted * unvoted**2
    with_it = mass[slots.of_entry]
    without = with_it * np.exp(-odds)
    total_without = np.maximum(total[cells.row] + _per_cell(cells, without - with_it), 1e-300)
    squares_without = squares[cells.row] + _per_cell(cells, without**2 - with_it**2)
    hit = _per_cell(cells, cells.weight * without) / total_without
    sure = np.clip(squares_without / total_without**2, 1 / np.maximum(n_options[cells.row], 1), 1)
    return hit, sure


def _per_cell(cells: Cells, values: ndarray) -> ndarray:
    """Sums of the values of the entries of each cell."""
    if len(values) == len(cells.row) and (np.diff(cells.first) == 1).all():
        return values
    return np.bincount(cells.entry_cell, values, len(cells.row))
