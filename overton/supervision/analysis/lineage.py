"""Where a target comes from: the votes on a unit, what each adds to the score of each label, and what they make.

A label model adds up what votes say, so the sums told here are its own scores, and no reading of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy import ndarray

from overton.data import Votes, gold_of
from overton.supervision.combine import Combined
from overton.supervision.models.evidence import label_count, option_counts, telling, voting_cells
from overton.supervision.models.label_model import keep_agreed
from overton.supervision.models.majority import majority_table
from overton.supervision.models.patterns import Cells, Patterns, keep_cells
from overton.supervision.models.probability import sigmoid

SAME = 1e-4  # within which a target is what the votes make it; targets are kept in single precision
LEAST = 1e-9
LEAST_SHOWN = 5e-4  # probability of a label that nobody names, from which it is told


@dataclass(frozen=True, slots=True)
class VoteLineage:
    """One vote on a unit.

    Attributes:
        source: Who gave it.
        says: The labels by number, with their probabilities: 1 for a plain vote.
        adds: What it adds to the score of each label, in log-odds, of shape (label,).
        weight: What it adds to the label that it says more than to the best other one; None for bits.
        copies: Sources that it votes with as one: together they count as one vote.
    """

    source: str
    says: tuple[tuple[int, float], ...]
    adds: ndarray
    weight: float | None
    copies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UnitLineage:
    """The target of one unit. `prior`, `silence`, `agreed`, `neighbours` and the votes make up its log-odds.

    Attributes:
        place: Place of the unit in its record, from 0.
        text: The token, the member, or nothing where the unit is the record.
        votes: All votes but gold's.
        prior: What the labels are worth before any vote, of shape (label,).
        silence: What the rules that did not vote add, to labels that nobody voted for, of shape (label,).
        agreed: What is added so that no label is lost that all votes agree on, of shape (label,).
        neighbours: What else lies in the target, beyond the votes on this unit, of shape (label,); zero up to rounding.
        probability: The target, of shape (label,); None where the unit has none.
        gold: Labels that gold says, by number; None where it says nothing.
        certain: Whether the target is gold, or where that says nothing a trusted source, whatever the votes say.
    """

    place: int
    text: str
    votes: tuple[VoteLineage, ...]
    prior: ndarray
    silence: ndarray
    agreed: ndarray
    neighbours: ndarray
    probability: ndarray | None
    gold: tuple[int, ...] | None
    certain: bool

    @property
    def made_by(self) -> str:
        """What the target is made by: `votes`, `gold`, `trusted` where a source counts as gold, or `nothing`."""
        if self.probability is None:
            return "nothing"
        return "votes" if not self.certain else "trusted" if self.gold is None else "gold"

    @property
    def score(self) -> ndarray:
        """Score of each label by the label model, of shape (label,): prior, silence and votes."""
        score: ndarray = self.prior + self.silence + sum((vote.adds for vote in self.votes), np.zeros(len(self.prior)))
        return score


@dataclass(frozen=True, slots=True)
class TaskLineage:
    """The targets of one record for one task.

    Attributes:
        task: Name of the task.
        type: Its type.
        method: The model that combined its votes; `majority` counts votes, so that what they add are votes.
        labels: Names of the labels: classes, or the members of the record's set.
        units: The units that have a vote, gold or a target.
        n_units: Number of all its units.
        weighed_as: The slice of the record by which its votes are weighed; nothing where by none.
    """

    task: str
    type: str
    method: str
    labels: tuple[str, ...]
    units: tuple[UnitLineage, ...]
    n_units: int
    weighed_as: str = ""

    def to_json(self) -> dict[str, Any]:
        """The task as it stands in `overton sources --record ID --json`; of the labels those that matter."""
        return {
            "task": self.task,
            "method": self.method,
            "n_units": self.n_units,
            "weighed_as": self.weighed_as or None,
            "units": [_unit_json(unit, self) for unit in self.units],
        }


@dataclass(frozen=True, slots=True)
class RecordLineage:
    """Where the targets of one record come from.

    Attributes:
        id: Id of the record.
        tags: Its tags.
        text: What it says.
        tasks: The tasks that were asked for.
    """

    id: str
    tags: tuple[str, ...]
    text: str
    tasks: tuple[TaskLineage, ...]

    def to_json(self) -> dict[str, Any]:
        """The document of `overton sources --record ID --json`."""
        return {
            "id": self.id,
            "tags": list(self.tags),
            "text": self.text,
            "tasks": [task.to_json() for task in self.tasks],
        }


def explain_task(
    votes: Votes, combined: Combined, record: int, *, texts: Sequence[str] = (), members: Sequence[str] = ()
) -> TaskLineage:
    """Where the targets of one record come from.

    Args:
        votes: All votes of the task.
        combined: Their combined labels.
        record: Number of the record.
        texts: Text of each of its units, where units are tokens or members.
        members: Names of the members of its set, for `select`.
    """
    first, end = (int(votes.offsets[record + step]) for step in (0, 1))
    units = np.arange(first, end)
    every = voting_cells(votes)
    cells = keep_cells(every, (every.row >= first) & (every.row < end))
    cells = replace(cells, row=cells.row - first)
    n_options = np.maximum(option_counts(votes)[first:end], 1)  # an empty set has nothing to choose from, and no vote
    group = combined.group_of(units)
    parts = _make_up(combined, cells, n_options, group, label_count(votes))
    gold = gold_of(votes)
    known = telling(gold)[first:end]
    targets = combined.targets
    index = targets.index[first:end]
    certain = combined.certain()[first:end]
    found = []
    for place in range(len(units)):
        own = np.flatnonzero(cells.row == place)
        if not len(own) and not known[place] and index[place] < 0:
            continue
        probability = targets.table[index[place]].astype(np.float64) if index[place] >= 0 else None
        beyond = np.zeros(parts.prior.shape[1])
        if probability is not None and not certain[place]:
            beyond = _beyond(probability, parts.made[place], bits=votes.task.type == "bitvector")
        found.append(
            UnitLineage(
                place=place,
                text=texts[place] if place < len(texts) else "",
                votes=_votes_of(votes, combined, cells, own, parts.adds, parts.prior[place]),
                prior=parts.prior[place],
                silence=parts.silence[place],
                agreed=parts.agreed[place],
                neighbours=beyond,
                probability=probability,
                gold=_gold_labels(gold.label[first + place]) if known[place] else None,
                certain=bool(certain[place]),
            )
        )
    labels = votes.task.classes or tuple(members)
    number = int(group.max(initial=0))  # the units of a record are weighed alike
    return TaskLineage(
        task=votes.task.name,
        type=votes.task.type,
        method=combined.method,
        labels=tuple(labels),
        units=tuple(found),
        n_units=len(units),
        weighed_as=combined.slices[number - 1].name if number else "",
    )


@dataclass(frozen=True, slots=True)
class _Parts:
    """What makes up the targets of some units.

    Attributes:
        adds: What each vote adds, of shape (cell, label).
        prior: Of shape (unit, label), as are the next three.
        silence: What silent rules add.
        agreed: What agreement adds.
        made: The probabilities that all of it makes.
    """

    adds: ndarray
    prior: ndarray
    silence: ndarray
    agreed: ndarray
    made: ndarray


def _make_up(combined: Combined, cells: Cells, n_options: ndarray, group: ndarray, n_labels: int) -> _Parts:
    n_units, model = len(n_options), combined.model
    patterns = Patterns(np.zeros(0, np.int64), np.ones(n_units), n_options, cells, group)
    nothing = np.zeros((n_units, n_labels))
    if model is None:
        place = cells.entry_cell * n_labels + cells.label
        adds: ndarray = np.bincount(place, cells.weight, len(cells.row) * n_labels).reshape(len(cells.row), n_labels)
        bits = combined.targets.task.type == "bitvector"
        return _Parts(adds, nothing, nothing, nothing, majority_table(patterns, n_labels, bits=bits))
    adds = model.contributions(cells, n_options, group) if len(cells.row) else np.zeros((0, n_labels))
    silence, prior = model.silence_of(cells, n_units), model.prior_of(group, n_units)
    scores = prior + silence
    np.add.at(scores, cells.row, adds)
    made = model.posterior(scores.copy(), patterns)
    if model.type == "bitvector":
        changed = np.abs(made - sigmoid(scores)) > LEAST
        agreed = np.where(changed, _log_odds(made) - scores, 0.0)
    else:
        agreed = keep_agreed(scores.copy(), cells) - scores
    return _Parts(adds, prior, silence, agreed, made)


def _votes_of(
    votes: Votes, combined: Combined, cells: Cells, own: ndarray, adds: ndarray, prior: ndarray
) -> tuple[VoteLineage, ...]:
    score = prior + adds[own].sum(0)
    found = []
    for cell in own.tolist():
        entries = slice(int(cells.first[cell]), int(cells.first[cell + 1]))
        says = tuple(zip(cells.label[entries].tolist(), cells.weight[entries].tolist(), strict=True))
        weight = None
        if votes.task.type != "bitvector" and says:
            said = max(says, key=lambda pair: pair[1])[0]
            others = np.where(np.arange(len(score)) == said, -np.inf, score)
            weight = float(adds[cell, said] - (adds[cell, others.argmax()] if len(score) > 1 else 0.0))
        name = votes.sources[cells.source[cell]]
        found.append(VoteLineage(name, says, adds[cell], weight, combined.copies.get(name, ())))
    return tuple(sorted(found, key=lambda vote: (-abs(vote.weight or 0.0), vote.source)))


def _beyond(target: ndarray, made: ndarray, *, bits: bool) -> ndarray:
    """What lies in a target beyond what its votes make, in log-odds, shape (label,)."""
    if np.abs(target - made).max(initial=0.0) <= SAME:
        return np.zeros(len(made))
    beyond: ndarray = (
        _log_odds(target) - _log_odds(made)
        if bits
        else np.log(np.maximum(target, LEAST)) - np.log(np.maximum(made, LEAST))
    )
    return beyond


def _log_odds(probability: ndarray) -> ndarray:
    safe = np.clip(probability, LEAST, 1 - LEAST)
    odds: ndarray = np.log(safe) - np.log1p(-safe)
    return odds


def _gold_labels(label: Any) -> tuple[int, ...]:
    return tuple(np.flatnonzero(label).tolist()) if np.ndim(label) else (int(label),)


def shown_labels(unit: UnitLineage, most: int, least: float = LEAST_SHOWN) -> list[int]:
    """Labels of a unit that are said or at least that probable, the most probable first, and one at least."""
    said = {label for vote in unit.votes for label, _ in vote.says} | set(unit.gold or ())
    probability = unit.probability if unit.probability is not None else np.zeros(len(unit.prior))
    order = np.argsort(-probability, kind="stable").tolist()
    chosen = [label for label in order if probability[label] >= least or label in said]
    return (chosen or order[:1])[:most]


def _unit_json(unit: UnitLineage, task: TaskLineage) -> dict[str, Any]:
    names = task.labels
    shown = shown_labels(unit, len(unit.prior))

    def by_label(values: ndarray) -> dict[str, float]:
        return {names[label]: float(values[label]) for label in shown}

    value: dict[str, Any] = {"unit": unit.place, "text": unit.text}
    value["gold"] = None if unit.gold is None else [names[label] for label in unit.gold]
    value["target"] = None if unit.probability is None else by_label(unit.probability)
    value["from"] = unit.made_by
    value["votes"] = [
        {
            "source": vote.source,
            "says": {names[label]: weight for label, weight in vote.says},
            "weight": vote.weight,
            "adds": by_label(vote.adds),
            "copies": list(vote.copies),
        }
        for vote in unit.votes
    ]
    names_of_parts = ("prior", "silence", "agreed", "neighbours", "score")
    return {**value, **{name: by_label(getattr(unit, name)) for name in names_of_parts}}
