"""The errors of a version on one task: what it said, what is true, and what every source said of each.

An error is a *unit* (a record, a token or a member) whose prediction is not the gold label; the errors of one record
stand together, and the records come by how sure the version was of the worst of theirs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from overton.base import brief
from overton.codec import Predictions
from overton.data import COMBINED, GOLD, Dataset, Gold, Votes, gold_of
from overton.evaluate import Judged, confidence_of, judge, right_units
from overton.notebook import error_html, errors_html
from overton.review.labels import HALF, Names, combined_label, names_of, plain_label, vote_label
from overton.supervision import Combined, PairOfSources, disagreement_in

if TYPE_CHECKING:
    from pandas import DataFrame

    from overton.review.annotate import Candidate


@dataclass(frozen=True, slots=True)
class UnitError:
    """One unit that was predicted wrongly. Labels are told as in a data file: a class, an index, or a list of classes.

    Attributes:
        unit: Its place in the record, from 0.
        text: The token or member; empty where the unit is the record.
        prediction: What the version said; None where it had nothing to predict on.
        probability: Probability of that; of bits, of the surest wrong one.
        gold: What is true.
        votes: What every source but gold said, by source.
        combined: Labels of the combined votes with their probabilities, those below 0.005 left out; empty where none.
    """

    unit: int
    text: str
    prediction: Any
    probability: float
    gold: Any
    votes: Mapping[str, Any]
    combined: Mapping[str, float]

    @property
    def said_by(self) -> list[tuple[Any, str]]:
        """What each source says, and what all together do, each with who says it.

        Together they say the likeliest label, with its probability, or all where several are; of bits those that hold.
        """
        said = [(label, source) for source, label in self.votes.items()]
        if not self.combined:
            return said
        if isinstance(self.gold, list):
            return [*said, ([name for name, share in self.combined.items() if share >= HALF], COMBINED)]
        (name, share), *others = self.combined.items()
        if others and others[0][1] == share:
            return [*said, (self.combined, COMBINED)]
        return [*said, (int(name) if isinstance(self.gold, int) else name, f"{COMBINED} {share:.2f}")]


@dataclass(frozen=True, slots=True)
class RecordError:
    """One record with errors.

    Attributes:
        id: Its id.
        tags: Its tags.
        text: What it says.
        payloads: Its payloads, as in a data file.
        units: Its errors, in the order of the record.
        probability: Probability of the surest of them.
        payload: The field of its payloads whose items the task labels or chooses among, or that it labels as a whole.
        range: The field of its payloads whose tokens these items point to; empty where they point to none.
    """

    id: str
    tags: tuple[str, ...]
    text: str
    payloads: Mapping[str, Any]
    units: tuple[UnitError, ...]
    probability: float
    payload: str = ""
    range: str = ""

    def to_json(self) -> dict[str, Any]:
        """The record as it stands in the document."""
        return asdict(self)

    def _repr_html_(self) -> str:
        """How a notebook shows it: its labels in place, its candidates with their spans, what every source says."""
        return error_html(self.to_json())


@dataclass(frozen=True, slots=True)
class SourceOnErrors:
    """What one source said of the units that the version got wrong.

    Attributes:
        source: Its name.
        n: How many of them it labels; where it holds two labels for equally likely it says none.
        right: Share of these on which it says what gold says.
        same: Share of these on which it says what the version said.
    """

    source: str
    n: int
    right: float
    same: float


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """The errors of a version on one task, on the records that were chosen.

    Attributes:
        version: Id of the version.
        task: Name of the task.
        split: The split.
        tags: Tags that all chosen records bear.
        n_records: Chosen records with gold.
        n_units: Units of them with gold.
        n_wrong_records: Records with errors.
        n_wrong_units: Units that were predicted wrongly.
        records: Records with errors, the surest first; not more than were asked for.
        sources: What the sources said of all these errors, the one that most often says the same as the version first.
        pairs: Sources that disagree most on the records with errors, at most three pairs.
        disagreement: Share of the units of the records with errors on which two sources disagree.
        disagreement_elsewhere: The same of all units of the data.
        annotate: Records of train whose annotation promises most, the most promising first.
    """

    version: str
    task: str
    split: str
    tags: tuple[str, ...]
    n_records: int
    n_units: int
    n_wrong_records: int
    n_wrong_units: int
    records: tuple[RecordError, ...]
    sources: tuple[SourceOnErrors, ...]
    pairs: tuple[PairOfSources, ...]
    disagreement: float | None
    disagreement_elsewhere: float | None
    annotate: tuple["Candidate", ...] = field(default=())

    __repr__ = brief

    def to_json(self) -> dict[str, Any]:
        """The document of `overton errors --json`."""
        return asdict(self)

    def _repr_html_(self) -> str:
        """How a notebook shows it."""
        return errors_html(self.to_json())

    def to_pandas(self) -> "DataFrame":
        """The errors as a pandas frame, one row a wrong unit."""
        from pandas import DataFrame

        columns = ("id", "unit", "text", "prediction", "probability", "gold", "votes", "combined")
        rows = [
            (record.id, unit.unit, unit.text or record.text, *(getattr(unit, name) for name in columns[3:]))
            for record in self.records
            for unit in record.units
        ]
        return DataFrame(rows, columns=list(columns))


def find_errors(
    dataset: Dataset,
    rows: ndarray,
    said: Predictions,
    combined: Combined,
    *,
    version: str,
    split: str,
    tags: Sequence[str] = (),
    limit: int = 20,
) -> ErrorPage:
    """The page of errors, without what to annotate.

    Args:
        dataset: The records.
        rows: Numbers of the chosen records, int64, ascending.
        said: What the version said of these, in their order.
        combined: The combined votes of the task.
        version: Id of the version.
        split: What the chosen records are called.
        tags: Tags by which they were chosen.
        limit: Most records that are told.
    """
    votes = dataset.votes(said.task.name)
    gold = gold_of(votes)
    judged = judge(said, gold, np.arange(len(rows)), rows)
    wrong = np.flatnonzero(judged.known & ~right_units(judged))
    sure = _surest(judged, wrong)
    record = judged.records[judged.record[wrong]]
    places, surest = _by_sureness(record, sure)
    wrong_rows = rows[np.sort(places)]
    differ = disagreement_in(votes, combined, dataset.splits, wrong_rows)
    unit = _units_of(gold, rows)[judged.place]
    shown = places[:limit]
    told = _Told(dataset, votes, gold, combined, judged, unit)
    return ErrorPage(
        version=version,
        task=said.task.name,
        split=split,
        tags=tuple(tags),
        n_records=judged.n_records,
        n_units=int(judged.known.sum()),
        n_wrong_records=len(places),
        n_wrong_units=len(wrong),
        records=tuple(
            told.record(int(rows[place]), wrong[record == place], sure[record == place], float(probability))
            for place, probability in zip(shown, surest[:limit], strict=True)
        ),
        sources=_source_rows(votes, judged, unit, wrong),
        pairs=differ.pairs if differ else (),
        disagreement=differ.disagreement if differ else None,
        disagreement_elsewhere=differ.whole if differ else None,
    )


@dataclass(frozen=True)
class _Told:
    """Tells the wrong units of a record; `unit` is the unit in the data set of each judged one."""

    dataset: Dataset
    votes: Votes
    gold: Gold
    combined: Combined
    judged: Judged
    unit: ndarray

    def record(self, row: int, wrong: ndarray, sure: ndarray, probability: float) -> RecordError:
        """One record.

        Args:
            row: Its number in the data set.
            wrong: Its errors, as places among the judged units.
            sure: How sure the version was of each.
            probability: The greatest of these.
        """
        names = names_of(self.dataset, self.votes.task.name, row)
        tags = self.dataset.tags
        own = tags.tag[tags.first[row] : tags.first[row + 1]]
        first = int(self.votes.offsets[row])
        units = tuple(
            self._unit(place, int(self.unit[place]) - first, float(how), names)
            for place, how in zip(wrong.tolist(), sure.tolist(), strict=True)
        )
        told = tuple(tags.names[tag] for tag in own)
        return RecordError(names.id, told, names.text, names.payloads, units, probability, names.payload, names.range)

    def _unit(self, place: int, number: int, sure: float, names: Names) -> UnitError:
        unit, classes = int(self.unit[place]), self.judged.classes
        cells = range(*np.searchsorted(self.votes.unit, [unit, unit + 1]).tolist())
        return UnitError(
            unit=number,
            text=names.unit(number),
            prediction=None if self.judged.nothing[place] else plain_label(self.judged.said[place], classes),
            probability=sure,
            gold=plain_label(self.judged.gold[place], classes),
            votes={
                self.votes.sources[self.votes.source[cell]]: vote_label(self.votes, cell)
                for cell in cells
                if self.votes.sources[self.votes.source[cell]] != GOLD
            },
            combined=combined_label(self.combined, unit),
        )


def _units_of(gold: Gold, rows: ndarray) -> ndarray:
    """Units of some records in the data set, one record after the other."""
    lengths = gold.offsets[rows + 1] - gold.offsets[rows]
    ends = np.cumsum(lengths)
    units: ndarray = np.arange(lengths.sum()) + np.repeat(gold.offsets[rows] - (ends - lengths), lengths)
    return units


def _surest(judged: Judged, wrong: ndarray) -> ndarray:
    """How sure the version was of what is wrong: its probability; of bits, that of the surest wrong one.

    It was not sure at all where it had nothing to predict on.
    """
    if judged.kind != "bitvector":
        sure: ndarray = confidence_of(judged)[wrong]
        return sure
    said, gold = judged.said[wrong], judged.gold[wrong]
    probability = judged.predictions.probability[judged.place[wrong]]
    probability = np.pad(probability, ((0, 0), (0, said.shape[1] - probability.shape[1])))
    surest = (np.where(said, probability, 1 - probability) * (said != gold)).max(axis=1, initial=0)
    bits: ndarray = surest * ~judged.nothing[wrong]
    return bits


def _by_sureness(record: ndarray, sure: ndarray) -> tuple[ndarray, ndarray]:
    """The records with errors, the surest first, and the greatest probability of each; equal ones as they stand."""
    places, inverse = np.unique(record, return_inverse=True)
    surest = np.zeros(len(places))
    np.maximum.at(surest, inverse, sure)
    order = np.argsort(-surest, kind="stable")
    return places[order], surest[order]


def _source_rows(votes: Votes, judged: Judged, unit: ndarray, wrong: ndarray) -> tuple[SourceOnErrors, ...]:
    """What each source says of the wrong units, beside gold and the prediction."""
    found = []
    for name in votes.sources:
        if name == GOLD:
            continue
        own = gold_of(votes, name)
        there = wrong[own.known[unit[wrong]]]
        if not len(there):
            continue
        label, gold, said = own.label[unit[there]], judged.gold[there], judged.said[there]
        if label.ndim == 1 and judged.classes:
            # The classes of the model come first here, so a number means another class than in the data.
            number = {name: index for index, name in enumerate(judged.classes)}
            label = np.array([number[name] for name in votes.task.classes], np.int64)[label]
        elif label.ndim == 2:
            place = [votes.task.classes.index(name) if name in votes.task.classes else -1 for name in judged.classes]
            label = np.pad(label, ((0, 0), (0, 1)))[:, place]
        right, same = _equal(label, gold).mean(), (_equal(label, said) & ~judged.nothing[there]).mean()
        found.append(SourceOnErrors(name, len(there), float(right), float(same)))
    return tuple(sorted(found, key=lambda row: (-row.same * row.n, row.source)))


def _equal(label: ndarray, other: ndarray) -> ndarray:
    same = label == other
    equal: ndarray = same.all(axis=1) if same.ndim == 2 else same
    return equal
