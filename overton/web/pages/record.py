"""One record with all that is known of it, task by task: what can be corrected, and what there is to choose from."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from overton.base import around
from overton.codec import Predictions
from overton.data import GOLD, SPLITS, Dataset, Gold, Votes
from overton.review import combined_label, names_of, plain_label, vote_label
from overton.review.labels import LEAST
from overton.supervision import Combined

MOST_LIKELY = 5  # labels that are told of a prediction
MOST_SHOWN = 200  # tokens or members
MOST_SUGGESTED = 9  # as many as there are keys for


@dataclass(frozen=True, slots=True)
class Vote:
    """What one source says of a unit, as in a data file."""

    source: str
    label: Any

    @property
    def label_key(self) -> str:
        """The label as a text, by which equal ones stand together."""
        return str(self.label)


@dataclass(frozen=True, slots=True)
class UnitView:
    """One record, token or member, on one task. Labels stand as in a data file.

    Attributes:
        place: Its place in the record, from 0.
        text: The token or member; empty where it is the record.
        gold: What is true; None where that is not known.
        prediction: What the version says; None where it has nothing to predict on.
        probability: The likeliest labels and their probabilities by the version.
        combined: The same of the combined votes; empty where nobody votes, or no class of a bitvector is likely.
        votes: What every source but gold says.
        suggested: Labels that somebody said, to choose from: the likely truth first.
    """

    place: int
    text: str
    gold: Any
    prediction: Any
    probability: Mapping[str, float]
    combined: Mapping[str, float]
    votes: tuple[Vote, ...]
    suggested: tuple[Any, ...] = ()

    @property
    def state(self) -> str:
        """`wrong` or `right` where the truth is known; else empty."""
        if self.gold is None:
            return ""
        same = sorted(self.gold) == sorted(self.prediction or ()) if isinstance(self.gold, list) else None
        return "right" if (self.gold == self.prediction if same is None else same) else "wrong"

    @property
    def said(self) -> tuple[tuple[str, float | None], ...]:
        """The labels that are predicted, each with its probability where that is among those told."""
        if self.prediction is None:
            return ()
        labels = self.prediction if isinstance(self.prediction, list) else [self.prediction]
        return tuple((str(label), self.probability.get(str(label))) for label in labels)

    @property
    def others(self) -> Mapping[str, float]:
        """The likeliest labels beside those that are predicted, and their probabilities."""
        told = {label for label, _ in self.said}
        return {label: share for label, share in self.probability.items() if label not in told}

    @property
    def labelled(self) -> bool:
        """Whether anybody says anything of it."""
        return bool(self.votes) or self.gold is not None

    @property
    def disputed(self) -> bool:
        """Whether two sources say different things."""
        return len({str(vote.label) for vote in self.votes}) > 1


@dataclass(frozen=True, slots=True)
class TaskView:
    """One task on the record.

    Attributes:
        task: Its name.
        type: `multiclass`, `bitvector` or `select`.
        unit: What it labels: `record`, `token` or `member`.
        classes: Its classes; the members for `select`.
        units: The units.
        fresh: Whether the combined votes are those of now.
        known: Whether the version knows the task.
        combined: Whether there are combined votes yet.
    """

    task: str
    type: str
    unit: str
    classes: tuple[str, ...]
    units: tuple[UnitView, ...]
    fresh: bool
    known: bool
    combined: bool = True

    @property
    def shown(self) -> tuple[UnitView, ...]:
        """The units that the page shows: the first; where none of them is wrong, those around the first that is."""
        wrong = next((unit.place for unit in self.units if unit.state == "wrong"), 0)
        places = around(wrong, len(self.units), MOST_SHOWN)
        return self.units[places.start : places.stop]

    def to_json(self) -> dict[str, Any]:
        """The task as a JSON value."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class RecordPage:
    """One record.

    Attributes:
        id: Its id.
        version: The version whose predictions are shown.
        split: `train`, `dev` or `test`; empty where it stands in none.
        tags: Its tags.
        text: What it says.
        payloads: Its payloads, as in a data file.
        tasks: The tasks, the one that was asked for first.
        task: The task that was asked for; empty where none was.
        before: The record before it in the list that it was opened from; empty where there is none.
        after: The record after it, likewise.
        place: Its place in that list, from 1; 0 where it stands in none.
        of: How long the list is.
    """

    id: str
    version: str
    split: str
    tags: tuple[str, ...]
    text: str
    payloads: Mapping[str, Any]
    tasks: tuple[TaskView, ...]
    task: str = ""
    before: str = ""
    after: str = ""
    place: int = 0
    of: int = 0

    @property
    def title(self) -> str:
        """What the page is called."""
        return self.id

    def to_json(self) -> dict[str, Any]:
        """The page as a JSON value."""
        return asdict(self)


def tags_of(dataset: Dataset, row: int) -> tuple[str, tuple[str, ...]]:
    """Split and tags of one record."""
    tags = dataset.tags
    names = tuple(tags.names[number] for number in tags.tag[tags.first[row] : tags.first[row + 1]].tolist())
    split = next((name for name in SPLITS if row in getattr(dataset.splits, name)), "")
    return split, tuple(name for name in names if name not in SPLITS)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of all records on one task.

    Attributes:
        dataset: The records.
        votes: What the sources say.
        gold: What is true.
        combined: The combined votes; None while they are made for the first time.
        fresh: Whether these are of now.
    """

    dataset: Dataset
    votes: Votes
    gold: Gold
    combined: Combined | None
    fresh: bool


def task_view(known: Known, row: int, said: Predictions | None) -> TaskView:
    """One task on one record.

    Args:
        known: What is known of the task.
        row: Number of the record.
        said: What the version says of this record alone; None where it does not know the task.
    """
    task, dataset = known.votes.task, known.dataset
    names = names_of(dataset, task.name, row)
    first, stop = known.votes.offsets[row : row + 2].tolist()
    units = tuple(_unit(known, place, names.unit(place), first + place, said) for place in range(stop - first))
    classes = tuple(task.classes or names.items)
    unit = dataset.schema.unit(task)
    return TaskView(
        task.name, task.type, unit, classes, units, known.fresh, said is not None, known.combined is not None
    )


def _unit(known: Known, place: int, text: str, unit: int, said: Predictions | None) -> UnitView:
    votes, combined = known.votes, known.combined
    cells = range(*np.searchsorted(votes.unit, [unit, unit + 1]).tolist())
    by_source = tuple(Vote(votes.sources[votes.source[cell]], vote_label(votes, cell)) for cell in cells)
    prediction, probability = _said(said, place) if said is not None else (None, {})
    view = UnitView(
        place=place,
        text=text,
        gold=plain_label(known.gold.label[unit], votes.task.classes) if known.gold.known[unit] else None,
        prediction=prediction,
        probability=probability,
        combined=combined_label(combined, unit) if combined else {},
        votes=tuple(vote for vote in by_source if vote.source != GOLD),
    )
    return replace(view, suggested=suggested(view, votes.task.type, votes.task.classes))


def _said(said: Predictions, place: int) -> tuple[Any, dict[str, float]]:
    """What a version says of a unit, and the likeliest labels."""
    if place >= len(said.label):  # cut, or not there
        return None, {}
    unknown = said.unknown is not None and bool(said.unknown[place])
    row = said.probability[place]
    order = [label for label in np.argsort(-row, kind="stable").tolist() if row[label] >= LEAST][:MOST_LIKELY]
    names = said.task.classes
    likely = {names[label] if names else str(label): round(float(row[label]), 4) for label in order}
    return (None, {}) if unknown else (plain_label(said.label[place], names), likely)


def suggested(view: UnitView, kind: str, classes: Sequence[str] = ()) -> tuple[Any, ...]:
    """Labels to choose from, none twice: gold, what is combined and predicted, what sources say, what is likely.

    All classes are among them where they are few.

    Args:
        view: What is said of the unit.
        kind: The type of the task.
        classes: Its classes.
    """
    if kind == "bitvector":
        held = [name for name, weight in view.combined.items() if weight >= 0.5]
        named = [view.gold, *([sorted(held)] if view.combined else []), view.prediction]
        named += [vote.label for vote in view.votes if isinstance(vote.label, list)]
        distinct = {tuple(sorted(label)): sorted(label) for label in named if label is not None}
        return tuple(distinct.values())[:MOST_SUGGESTED]
    named = [view.gold, next(iter(view.combined), None), view.prediction]
    for vote in view.votes:
        named.append(max(vote.label, key=vote.label.__getitem__) if isinstance(vote.label, Mapping) else vote.label)
    named += [*view.probability, *(classes if len(classes) <= MOST_SUGGESTED else ())]
    labels = [int(label) if kind == "select" and label is not None else label for label in named]
    return tuple(dict.fromkeys(label for label in labels if label is not None))[:MOST_SUGGESTED]
