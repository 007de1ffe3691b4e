"""Votes of one task to targets: the one door to this room's label models."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from overton.base import OvertonError, Problem, did_you_mean
from overton.data import Votes
from overton.schema import TaskType
from overton.supervision.bits import fit_bits
from overton.supervision.classes import fit_classes, fit_dawid_skene
from overton.supervision.evidence import Evidence, Fitted, gather_evidence
from overton.supervision.majority import majority_bits, majority_labels
from overton.supervision.members import fit_members
from overton.supervision.targets import Targets

Fit = Callable[[Evidence], Fitted]

# A select source has one accuracy and a bit two rates under every model but the vote, so two names mean one there.
METHODS: Mapping[str, Mapping[TaskType, Fit]] = {
    "auto": {"multiclass": fit_classes, "bitvector": fit_bits, "select": fit_members},
    "dawid_skene": {"multiclass": fit_dawid_skene, "bitvector": fit_bits, "select": fit_members},
    "majority": {"multiclass": majority_labels, "bitvector": majority_bits, "select": majority_labels},
}


@dataclass(frozen=True, slots=True)
class Combined:
    """The combined labels of one task, and what was learned of its sources.

    Attributes:
        targets: The targets of all records.
        method: The model that was used: `majority`, `leave_one_out` or `dawid_skene`.
        accuracy: Estimated probability that a vote is right, by source other than `gold` that votes at all; for
            bitvectors that all its bits are right.
        expected: Probability that the best guess is right, for each row of the table, shape (row,).
        prior: P(class) or P(bit), shape (label,); None where the model has none.
        n_patterns: Number of different rows of votes.
        n_certain: Number of units whose target is gold.
        n_certain_rows: Number of rows of the table that are gold; they are its last.
    """

    targets: Targets
    method: str
    accuracy: Mapping[str, float]
    expected: ndarray
    prior: ndarray | None
    n_patterns: int
    n_certain: int
    n_certain_rows: int


def combine(
    votes: Votes,
    *,
    method: str = "auto",
    training: ndarray | None = None,
    fit_units: int = 100_000,
    seed: int = 0,
) -> Combined:
    """Combine the votes of one task.

    Args:
        votes: All votes of the task; `gold` is never one of them.
        method: A name in `METHODS`.
        training: Records on which gold is certain truth, bool of shape (record,); none where None. Gold on other
            records is not looked at.
        fit_units: Most units that a model is fitted on; a sample of them where there are more.
        seed: Seed of that sample.

    Returns:
        Targets for every unit that anyone but `gold` voted on, and for those with gold in training.

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
    evidence, certain = gather_evidence(votes, training, fit_units=fit_units, seed=seed)
    fitted = METHODS[method][votes.task.type](evidence) if evidence.patterns.n_patterns else _unvoted(evidence)
    targets = _targets(votes, evidence, fitted, certain)
    voting = np.unique(evidence.patterns.cells.source)
    return Combined(
        targets=targets,
        method=fitted.method,
        accuracy={votes.sources[source]: float(fitted.accuracy[source]) for source in voting},
        expected=np.append(fitted.expected, np.ones(len(targets.table) - len(fitted.table))),
        prior=fitted.prior,
        n_patterns=evidence.patterns.n_patterns,
        n_certain=int(certain.sum()),
        n_certain_rows=len(targets.table) - len(fitted.table),
    )


def _unvoted(evidence: Evidence) -> Fitted:
    """Nobody but gold voted, so there is nothing to fit."""
    return Fitted(np.zeros((0, evidence.n_labels)), np.zeros(evidence.n_sources), np.zeros(0), "majority")


def _targets(votes: Votes, evidence: Evidence, fitted: Fitted, certain: ndarray) -> Targets:
    """The table of the patterns, and below it the rows that are certain."""
    rows, number = _distinct(evidence.known.truth)
    sure = rows if votes.task.type == "bitvector" else np.arange(evidence.n_labels) == rows[:, None]
    index = evidence.patterns.index.astype(np.int32)
    index[certain] = len(fitted.table) + number
    table = np.concatenate([fitted.table, sure.reshape(len(rows), evidence.n_labels)]).astype(np.float32)
    return Targets(votes.task, votes.offsets, index, table)


def _distinct(truth: ndarray) -> tuple[ndarray, ndarray]:
    """The different rows, and which of them each row is; rows of bits are compared packed."""
    if truth.ndim == 1:
        return np.unique(truth, return_inverse=True)
    if not truth.size:
        return truth[:0], np.zeros(len(truth), np.int64)
    packed = np.packbits(truth, axis=1)
    whole = packed.view(f"V{packed.shape[1]}").reshape(-1)
    _, example, number = np.unique(whole, return_index=True, return_inverse=True)
    return truth[example], number
