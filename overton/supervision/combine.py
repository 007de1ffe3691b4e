"""Votes of one task to targets: the one door to this room's label models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy import ndarray

from overton.base import OvertonError, Problem, brief, did_you_mean
from overton.base.ragged import ranges
from overton.data import Votes
from overton.schema import TaskType
from overton.supervision.models.bits import fit_bits
from overton.supervision.models.blocks import collapse_blocks
from overton.supervision.models.chain import chain_targets
from overton.supervision.models.classes import fit_classes, fit_dawid_skene
from overton.supervision.models.evidence import (
    FIT_VOTES,
    Known,
    KnownUnits,
    distinct_rows,
    evidence_of,
    known_of,
    known_units,
    label_count,
    option_counts,
    thin,
)
from overton.supervision.models.label_model import FittedModel, SliceWeights
from overton.supervision.models.majority import agreement, exact_agreement, likeliest_gain, majority_table
from overton.supervision.models.members import fit_members
from overton.supervision.models.one_coin import accuracy_beside
from overton.supervision.models.patterns import Patterns, keep_cells, split_patterns, without_units
from overton.supervision.models.weigh import Fit, fit_weighed
from overton.supervision.models.weigh_slices import LEAST_KNOWN, weigh_slices
from overton.supervision.tally import Tally, count
from overton.supervision.targets import Targets

MAJORITY = "majority"
# A select source has one accuracy and a bit two rates under every model but the vote, so two names mean one there.
FITS: Mapping[str, Mapping[TaskType, Fit]] = {
    "auto": {"multiclass": fit_classes, "bitvector": fit_bits, "select": fit_members},
    "dawid_skene": {"multiclass": fit_dawid_skene, "bitvector": fit_bits, "select": fit_members},
}
METHODS = (*FITS, MAJORITY)
ERRORS = 2.0  # standard errors from which on gold shows that neighbours mislead


@dataclass(frozen=True, slots=True)
class Combined:
    """The combined labels of one task, and what was learned of its sources.

    Attributes:
        targets: The targets of all records.
        model: The fitted model; None for `majority`, and where nobody but gold votes.
        patterns: The different rows of votes; `index` is the pattern of each unit.
        accuracy: Estimated probability that a vote is right, of one that knows its doubt that its likeliest label is,
            by source other than `gold` that votes at all; for bitvectors that all its bits are right.
        copies: Sources that vote as one, each with the others of its block.
        expected: Probability that the best guess is right, for each row of the table, shape (row,).
        n_certain: Number of units whose target is gold.
        n_known: Number of units with votes whose gold showed what sources are worth.
        n_certain_rows: Number of rows of the table that are gold; they are its last.
    """

    targets: Targets
    model: FittedModel | None
    patterns: Patterns
    accuracy: Mapping[str, float]
    copies: Mapping[str, tuple[str, ...]]
    expected: ndarray
    n_certain: int
    n_known: int
    n_certain_rows: int

    __repr__ = brief

    @property
    def method(self) -> str:
        """The model that was used: `majority`, `leave_one_out` or `dawid_skene`."""
        return self.model.method if self.model else MAJORITY

    @property
    def prior(self) -> ndarray | None:
        """P(class) or P(bit), shape (label,); None where the model has none."""
        return self.model.prior if self.model else None

    @property
    def slices(self) -> tuple[SliceWeights, ...]:
        """Slices in which gold shows that votes count otherwise than elsewhere, the surest first.

        A record of several is weighed as one of the first of them.
        """
        return self.model.slices if self.model else ()

    @property
    def n_patterns(self) -> int:
        """Number of different rows of votes."""
        return self.patterns.n_patterns

    def certain(self) -> ndarray:
        """Units whose target is gold, or what a trusted source says, bool of shape (unit,)."""
        certain: ndarray = self.targets.index >= len(self.targets.table) - self.n_certain_rows
        return certain

    @property
    def is_weighed(self) -> bool:
        """Whether enough gold stood beside votes to tell what those of each source should count."""
        return self.model is not None and bool((self.model.weight != 1).any())

    def group_of(self, units: ndarray) -> ndarray:
        """By which of `slices` the votes on some units are weighed, from 1; 0 for none. Int64 of shape (unit,)."""
        pattern = self.patterns.index[units]
        if self.patterns.group is None:
            return np.zeros(len(pattern), np.int64)
        return np.where(pattern < 0, 0, self.patterns.group[pattern])


def combine(
    votes: Votes,
    tally: Tally | None = None,
    *,
    method: str = "auto",
    training: ndarray | None = None,
    dev: ndarray | None = None,
    trusted: Sequence[str] = (),
    slices: Mapping[str, ndarray] | None = None,
    chain: bool = True,
    fit_votes: int = FIT_VOTES,
    seed: int = 0,
    model: FittedModel | None = None,
) -> Combined:
    """Combine the votes of one task.

    Args:
        votes: All votes of the task; `gold` is never one of them, but shows what they are worth.
        tally: The votes but for `gold`, where they are counted: `votes` may then hold `gold` and the trusted alone.
        method: A name in `METHODS`.
        training: Records on which gold is certain truth, bool of shape (record,); none where None.
        dev: Records whose gold shows what the sources are worth, but is no target.
        trusted: Sources whose labels count as gold on records of `training` that have none; the first that knows.
        slices: Records in which votes may count otherwise, int64, ascending, by tag.
        chain: Whether neighbouring tokens inform each other where sources disagree, unless gold of `dev` shows that
            they mislead.
        fit_votes: Most votes, in different patterns, that a model is fitted on; where there are more, on a sample.
        seed: Seed of that sample.
        model: A model of the same sources and labels that was fitted before; without it one is fitted on these votes.

    Returns:
        Targets for every unit that anyone but `gold` voted on, and for those with gold in training.

    Raises:
        OvertonError: Where there is no such method.
    """
    check_method(method)
    patterns = (tally or count(votes)).patterns
    told = known_units(votes, training, dev, trusted)
    if method == MAJORITY or not patterns.n_patterns or not label_count(votes):
        model = None  # without votes, or of bits that no vote has
    elif model is None:
        sample = thin(without_units(patterns, told.typical), fit_votes, seed)
        known = _known(votes, patterns, told, slices or {}, trusted)
        model = fit_model(votes, sample, *known, method=method, seed=seed)
    if model and model.slices:
        patterns = split_patterns(patterns, _groups(votes, model, slices or {}))
    table = model.table(patterns) if model else _majority(votes, patterns)
    targets, n_certain_rows = _targets(votes, patterns, table, told, model if chain else None)
    return Combined(
        targets=targets,
        model=model,
        patterns=patterns,
        accuracy=_accuracy(votes, patterns, model, table),
        copies=_copies(votes, model),
        expected=_expected(targets),
        n_certain=int(told.certain.sum()),
        n_known=int((told.typical & (patterns.index >= 0)).sum()),
        n_certain_rows=n_certain_rows,
    )


def check_method(method: str) -> None:
    """Refuse a name of no method.

    Raises:
        OvertonError: Where there is no such method.
    """
    if method not in METHODS:
        raise OvertonError(
            Problem(
                message=f"there is no method {method!r} of combining votes",
                code="supervision.unknown-method",
                hint=did_you_mean(method, METHODS),
            )
        )


def fit_model(
    votes: Votes, patterns: Patterns, known: Known, slices: Mapping[str, Known], *, method: str, seed: int
) -> FittedModel:
    """Fit the label model of a task on the patterns of its votes, and on votes beside known truth, by slice too."""
    task_type = votes.task.type
    evidence = evidence_of(task_type, len(votes.sources), label_count(votes), patterns, known, seed=seed)
    model, without = fit_weighed(FITS[method][task_type], evidence, seed=seed)
    if not without:
        return model
    collapsed = {name: replace(part, cells=collapse_blocks(part.cells, model.block)) for name, part in slices.items()}
    return replace(model, slices=weigh_slices(model, without, collapsed, seed=seed))


def _known(
    votes: Votes,
    patterns: Patterns,
    told: KnownUnits,
    slices: Mapping[str, ndarray],
    trusted: Sequence[str],
) -> tuple[Known, dict[str, Known]]:
    """The votes beside gold on typical units, and on all of each slice that has enough of them.

    Votes of trusted sources are left out: where they are the truth, they would explain it, and leave nothing to tell
    what the others are worth.
    """
    record = np.repeat(np.arange(votes.n_records), np.diff(votes.offsets))
    n_known = np.bincount(record[told.shown & (patterns.index >= 0)], minlength=votes.n_records)
    n_options = option_counts(votes)
    numbers = [votes.sources.index(name) for name in trusted if name in votes.sources]

    fold = told.folds()

    def beside(units: ndarray) -> Known:
        known = known_of(patterns, n_options, told.gold, units, fold)
        return replace(known, cells=keep_cells(known.cells, ~np.isin(known.cells.source, numbers)))

    def shown_in(records: ndarray) -> ndarray:
        units = ranges(votes.offsets[records], votes.offsets[records + 1])
        shown: ndarray = units[told.shown[units]]
        return shown

    return beside(np.flatnonzero(told.typical)), {
        name: beside(shown_in(records)) for name, records in slices.items() if n_known[records].sum() >= LEAST_KNOWN
    }


def _groups(votes: Votes, model: FittedModel, slices: Mapping[str, ndarray]) -> ndarray:
    """The slice by which each unit is weighed, int64 of shape (unit,): from 1, 0 for none."""
    group = np.zeros(votes.n_records, np.int64)
    for number, found in reversed(list(enumerate(model.slices, 1))):
        if found.name in slices:
            group[slices[found.name]] = number
    return np.repeat(group, np.diff(votes.offsets))


def _majority(votes: Votes, patterns: Patterns) -> ndarray:
    return majority_table(patterns, label_count(votes), bits=votes.task.type == "bitvector")


def _expected(targets: Targets) -> ndarray:
    """Probability that the best guess of each row is right, of shape (row,)."""
    table = targets.table
    is_bits = targets.task.type == "bitvector"
    right: ndarray = np.maximum(table, 1 - table).prod(1) if is_bits else table.max(1, initial=0)
    return right


def _chained(targets: Targets, patterns: Patterns, model: FittedModel, n_certain_rows: int) -> Targets:
    """The targets of tokens informed by their neighbours; the rows that are certain stay the last.

    Between neighbours nobody's silence counts: it speaks for labels without a vote, and the chain would repeat it.
    """
    alone = targets.table
    if model.silence is not None:
        alone = alone.copy()
        alone[: patterns.n_patterns] = replace(model, silence=None).table(patterns)
    agreed = np.ones(len(targets.table), np.bool_)
    agreed[: patterns.n_patterns] = patterns.agreed()
    index, rows = chain_targets(targets.index, alone, agreed, targets.offsets, targets.task.classes)
    last = len(targets.table) - n_certain_rows
    certain, added = (index >= last) & (index < len(targets.table)), index >= len(targets.table)
    index = np.where(certain, index + len(rows), np.where(added, index - n_certain_rows, index)).astype(np.int32)
    table = np.concatenate([targets.table[:last], rows.astype(np.float32), targets.table[last:]])
    return replace(targets, index=index, table=table)


def _accuracy(votes: Votes, patterns: Patterns, model: FittedModel | None, table: ndarray) -> dict[str, float]:
    """Estimated accuracy of the sources that vote: the model's own, of copies by the votes of all but their block."""
    estimate = exact_agreement if votes.task.type == "bitvector" else agreement
    voting = np.unique(patterns.cells.source)
    if model is None:
        accuracy = estimate(patterns, table, len(votes.sources))
    else:
        accuracy = _of_all_units(votes, patterns, model.accuracy)
        copies = voting[np.isin(model.block[voting], _shared_blocks(model))]
        # Of a bit source that votes on units alone that the model was not fitted on it has no estimate.
        others = np.union1d(copies, voting[np.isnan(accuracy[voting])])
        if len(others):
            accuracy[others] = estimate(patterns, table, len(votes.sources))[others]
        for source in copies if votes.task.type != "bitvector" else ():
            beside = _beside_others(patterns, model, int(source))
            if beside is not None:
                accuracy[source] = _of_all_units(votes, patterns, np.full(len(accuracy), beside))[source]
    if votes.task.type != "bitvector":
        accuracy = np.clip(accuracy + likeliest_gain(patterns, table, len(votes.sources)), 0.0, 1.0)
    return {votes.sources[source]: float(accuracy[source]) for source in voting}


def _of_all_units(votes: Votes, patterns: Patterns, accuracy: ndarray) -> ndarray:
    """Accuracies of sources where there is a choice to those on all units: of a set with one member all are right."""
    if votes.task.type != "select":
        return accuracy.copy()
    cells = patterns.cells
    times = patterns.count[cells.row]
    forced = times * (patterns.n_options[cells.row] == 1)
    n_votes, n_forced = (np.bincount(cells.source, weight, len(accuracy)) for weight in (times, forced))
    share = n_forced / np.maximum(n_votes, 1e-9)
    of_all: ndarray = share + (1 - share) * accuracy
    return of_all


def _beside_others(patterns: Patterns, model: FittedModel, source: int) -> float | None:
    """Accuracy of a source by the votes of those outside its block."""
    cells, block = patterns.cells, model.block.copy()
    cells = keep_cells(cells, (block[cells.source] != block[source]) | (cells.source == source))
    block[source] = source
    beside = collapse_blocks(cells, block)
    return accuracy_beside(beside, patterns.count, patterns.n_options, model.accuracy, source)


def _shared_blocks(model: FittedModel) -> ndarray:
    blocks, size = np.unique(model.block, return_counts=True)
    return blocks[size > 1]


def _copies(votes: Votes, model: FittedModel | None) -> dict[str, tuple[str, ...]]:
    if model is None:
        return {}
    copies = {}
    for block in _shared_blocks(model):
        names = [votes.sources[source] for source in np.flatnonzero(model.block == block)]
        copies.update({name: tuple(other for other in names if other != name) for name in names})
    return copies


def _targets(
    votes: Votes, patterns: Patterns, table: ndarray, told: KnownUnits, chain: FittedModel | None
) -> tuple[Targets, int]:
    """The table of the patterns, and below it the rows that are certain, whose number is told; in a chain, if any."""
    rows, number = distinct_rows(told.gold.label[told.certain])
    n_labels = table.shape[1]
    sure = rows if votes.task.type == "bitvector" else np.arange(n_labels) == rows[:, None]
    index = patterns.index.copy()
    index[told.certain] = len(table) + number
    whole = np.concatenate([table, sure.reshape(len(rows), n_labels)]).astype(np.float32)
    targets = Targets(votes.task, votes.offsets, index, whole)
    if chain and votes.ordered and votes.task.type == "multiclass":
        chained = _chained(targets, patterns, chain, len(rows))
        return targets if _misled(targets, chained, told) else chained, len(rows)
    return targets, len(rows)


def _misled(alone: Targets, chained: Targets, told: KnownUnits) -> bool:
    """Whether gold that is no target shows that tokens know their labels better without their neighbours.

    What follows what is learned where sources agree. Where they never agree on some class, since one that does not know
    it says another in its place, the chain holds that class for improbable everywhere.
    """
    units = np.flatnonzero(told.shown & ~told.certain & (alone.index >= 0))
    truth = told.gold.label[units]
    by_itself, in_chain = (targets.table[targets.index[units]].argmax(1) == truth for targets in (alone, chained))
    record = np.searchsorted(alone.offsets, units, side="right")  # errors of one record go together
    lost = np.bincount(record, by_itself.astype(np.float64) - in_chain)
    return bool(lost.sum() > ERRORS * np.sqrt(np.square(lost).sum()))
