"""Where an annotation would help most: training records whose combined label is likely to be another than gold.

What is true of a unit is not known, so it is taken to be what combined votes and version say on average. What an
annotation promises is the probability, by that, that it changes the label that the model learns from. It is great where
the combined label is uncertain and the version says something else, and where nobody votes and the version is unsure.
That two views disagree as a reason to ask is query by committee.

Source: Seung, Opper & Sompolinsky 1992, doi:10.1145/130385.130417.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import ndarray

from overton.base import legible
from overton.base.ragged import spread
from overton.codec import Predictions, widened
from overton.data import GOLD, Dataset, gold_of
from overton.review.labels import LEAST, combined_label, names_of
from overton.supervision import Combined

NOBODY, NO_CLASS = "nobody labels it", "none of its classes"
CONSIDERED = 4000  # records that the version predicts for it, those with the least certain combined labels


@dataclass(frozen=True, slots=True)
class Candidate:
    """One record whose annotation promises much.

    Attributes:
        id: Its id.
        text: What it says.
        unit: Place of the unit that promises most, from 0.
        item: The token or member there; empty where the unit is the record.
        combined: Its combined labels with their probabilities; empty where nobody votes on it.
        prediction: What the version says of it, with probabilities likewise.
        promise: Probability that gold is not the combined label, or not the prediction where there is none; of a
            bitvector that of one bit, the greatest.
        n_units: Number of labels that the task wants of the record.
        listed: Whether these stand in a list.
        members: The members to choose among, for `select`.
        labelled: Whether somebody votes on it; then no combined label says that no class of a bitvector is likely.
        doubted: Of a bitvector the class whose bit promises most; else empty.
    """

    id: str
    text: str
    unit: int
    item: str
    combined: Mapping[str, float]
    prediction: Mapping[str, float]
    promise: float
    n_units: int
    listed: bool
    members: tuple[str, ...] = ()
    labelled: bool = True
    doubted: str = ""

    @property
    def unsaid(self) -> str:
        """What to say in place of combined labels where there are none."""
        return NO_CLASS if self.labelled else NOBODY

    @property
    def doubt(self) -> str:
        """What is said of the bit that promises most; empty where no bits are labelled."""
        if not self.doubted:
            return ""
        combined = f"combined {self.combined.get(self.doubted, 0.0):.2f}" if self.labelled else NOBODY
        return f"{self.doubted}: {combined}, predicted {self.prediction.get(self.doubted, 0.0):.2f}"

    def named(self, by_label: Mapping[str, float]) -> str:
        """The likeliest labels with their probabilities, three at most; members by their names."""
        names = {str(number): f"{number} {member}" for number, member in enumerate(self.members)}
        return ", ".join(f"{names.get(label, label)} {share:.2f}" for label, share in list(by_label.items())[:3])


def uncertain_rows(dataset: Dataset, combined: Combined, rows: ndarray) -> ndarray:
    """The records whose least certain unit is the least certain, int64, ascending; those with gold throughout left out.

    Args:
        dataset: The records.
        combined: The combined votes of the task.
        rows: Numbers of the records to choose from, int64.
    """
    targets = combined.targets
    certain = np.append(combined.expected, 0.0)[targets.index]  # a unit without a target is the last row
    certain[gold_of(dataset.votes(targets.task.name, [GOLD])).known] = 1.0
    first = targets.offsets
    filled = rows[first[rows + 1] > first[rows]]
    least = np.minimum.reduceat(np.append(certain, 1.0), first[:-1])[filled] if len(filled) else np.zeros(0)
    order = np.argsort(least, kind="stable")
    chosen: ndarray = np.sort(filled[order[: min(CONSIDERED, int((least < 1).sum()))]])
    return chosen


def candidates(
    dataset: Dataset, combined: Combined, rows: ndarray, said: Predictions, limit: int
) -> tuple[Candidate, ...]:
    """The records whose annotation promises most, the most promising first; of several that say the same, one.

    Args:
        dataset: The records.
        combined: The combined votes of the task.
        rows: Numbers of the records to choose from, as `uncertain_rows` gives them.
        said: What the version says of these, in their order.
        limit: Most records that are told.
    """
    if not len(rows) or not len(said.label):
        return ()
    targets = combined.targets
    unit = spread(targets.offsets, rows)
    known = gold_of(dataset.votes(targets.task.name, [GOLD])).known | combined.certain()
    promise, certainty, bit = _promise(combined, unit, said)
    names = _names(combined, said)
    promise[known[unit]] = 0.0
    place = np.lexsort((certainty, -promise))
    record = np.repeat(np.arange(len(rows)), targets.offsets[rows + 1] - targets.offsets[rows])
    _, best = np.unique(record[place], return_index=True)
    found: dict[str, Candidate] = {}
    for at in place[np.sort(best)].tolist():
        if len(found) >= limit or promise[at] <= 0:
            break
        number = int(record[at])
        doubted = names[bit[at]] if bit[at] >= 0 else ""
        one = _candidate(dataset, combined, said, int(rows[number]), int(unit[at]), at, float(promise[at]), doubted)
        found.setdefault(one.text or one.id, one)
    return tuple(found.values())


def skeleton(task: str, chosen: Sequence[Candidate]) -> Iterator[dict[str, Any]]:
    """Lines of a data file that add gold to records, with a null where an annotator is to put the label."""
    for one in chosen:
        yield {"id": one.id, "tasks": {task: {GOLD: [None] * one.n_units if one.listed else None}}}


def heading(task: str) -> str:
    """The first line of what is read beside a skeleton."""
    return f"{task}: the records of the file beside this one, line by line; put each label in place of its null"


def reading(task: str, chosen: Sequence[Candidate], *, before: str = "", first: int = 1) -> str:
    """The records of a skeleton to read, one a paragraph, in the same order.

    Args:
        task: Name of the task.
        chosen: The records.
        before: What there is to read of records before them; nothing for the first.
        first: Number of the first of them.
    """
    parts = [before.rstrip("\n") or heading(task)]
    for number, one in enumerate(chosen, first):
        lines = [f"{number}. {one.id}", f"   {one.text}"]
        if one.item:
            lines.append(f"   look at {one.unit} {one.item}")
        lines.append(f"   combined: {one.named(one.combined) or one.unsaid}")
        lines.append(f"   predicted: {one.named(one.prediction) or 'nothing'}")
        lines += [f"   most in doubt: {one.doubt}"] if one.doubted else []
        parts.append(legible("\n".join(lines)))
    return "\n\n".join(parts) + "\n"


def _promise(combined: Combined, unit: ndarray, said: Predictions) -> tuple[ndarray, ndarray, ndarray]:
    """What the annotation of each unit promises, how certain its combined label is, and which bit promises most.

    Each of shape (unit,); the last are numbers of `_names`, -1 where no bits are labelled.
    """
    bit = np.full(len(unit), -1)
    index = combined.targets.index[unit]
    predicted, target, column = _alike(combined, said)
    nobody = index < 0
    voted = np.where(nobody[:, None], predicted, target[np.maximum(index, 0)]) if len(target) else predicted
    truth = (voted + predicted) / 2
    # Where nobody votes it is what the version says, which need not be what it holds for likeliest by itself.
    if combined.targets.task.type == "bitvector":
        holds = voted > 0.5
        holds[np.ix_(nobody, column)] = said.label[nobody]
        by_bit = np.where(holds, 1 - truth, truth)
        promise = by_bit.max(axis=1, initial=0)
        bit = by_bit.argmax(axis=1) if by_bit.shape[1] else bit
    else:
        best = np.where(nobody & ~said.nothing, column[said.label], voted.argmax(axis=1))
        promise = 1 - truth[np.arange(len(unit)), best]
    promise[said.nothing] = 0.0
    certainty = np.append(combined.expected, 0.0)[index]
    return promise, certainty, bit


def _names(combined: Combined, said: Predictions) -> list[str]:
    """The classes of the data, then those that the version alone has."""
    names = [*combined.targets.task.classes]
    return names + [name for name in said.task.classes if name not in names]


def _alike(combined: Combined, said: Predictions) -> tuple[ndarray, ndarray, ndarray]:
    """Predictions and table of targets with the same labels in their columns, float64; and the column of each label.

    The last are those of the predictions, int64 of shape (label,).
    """
    table, probability = combined.targets.table.astype(np.float64), said.probability.astype(np.float64)
    if not said.task.classes:
        width = max(table.shape[1], probability.shape[1], 1)
        return widened(probability, width), widened(table, width), np.arange(width)
    names = _names(combined, said)
    column = np.array([names.index(name) for name in said.task.classes], np.int64)
    predicted = np.zeros((len(probability), len(names)))
    predicted[:, column] = probability
    return predicted, widened(table, len(names)), column


def _candidate(
    dataset: Dataset,
    combined: Combined,
    said: Predictions,
    row: int,
    unit: int,
    at: int,
    promise: float,
    doubted: str,
) -> Candidate:
    names = names_of(dataset, said.task.name, row)
    first, stop = combined.targets.offsets[row : row + 2].tolist()
    number, probability = unit - first, said.probability[at]
    order = [label for label in np.argsort(-probability, kind="stable").tolist() if probability[label] >= LEAST]
    classes = said.task.classes
    return Candidate(
        id=names.id,
        text=names.text,
        unit=number,
        item=names.unit(number),
        combined=combined_label(combined, unit),
        prediction={classes[k] if classes else str(k): round(float(probability[k]), 4) for k in order},
        promise=promise,
        n_units=stop - first,
        listed=names.listed,
        members=() if classes else names.items,
        labelled=bool(combined.targets.index[unit] >= 0),
        doubted=doubted,
    )
