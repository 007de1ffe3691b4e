"""Combining as a stage: the votes of all sources to one target a unit, and those targets as records.

The votes of each source are counted once and kept; after an edit only those of the sources it touched are counted anew.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import ndarray

from overton.base import Event, Observe, OvertonError, Problem, count_of, ignore
from overton.compile import SupervisionSettings
from overton.compile.tuning import DEFAULT_SUPERVISION
from overton.data import COMBINED, GOLD, SLICE_PREFIX, Dataset
from overton.supervision import (
    Combined,
    Kept,
    Tally,
    Targets,
    bring_up_to_date,
    combine,
    combined_labels,
    count_votes,
)

CHUNK = 4096  # records at a time, where a file is written from the row store


@dataclass(frozen=True, slots=True)
class Tallies:
    """Where the counted votes of each task are kept, so that after an edit only those of the edited sources are read.

    Attributes:
        load: Gives what was kept of a task by its name; None where there is nothing.
        save: Keeps the counted votes of a task.
        count: Counts the votes of some sources on a task, where none are kept.
    """

    load: Callable[[str], Kept | None]
    save: Callable[[str, Kept], None]
    count: Callable[[Dataset, str, Collection[str]], Tally] = count_votes


def combine_all(
    dataset: Dataset,
    *,
    supervision: SupervisionSettings = DEFAULT_SUPERVISION,
    tallies: Tallies | None = None,
    observe: Observe = ignore,
) -> dict[str, Combined]:
    """The combined votes of every task by name.

    Args:
        dataset: The records.
        supervision: What is said of the sources of labels.
        tallies: Where counted votes are kept; None for nowhere.
        observe: Told of the progress.

    Raises:
        OvertonError: Where no training record has a label of any task.
    """
    combined = {}
    silent = _silent(dataset, supervision.trusted)
    if silent:
        observe(Event("combine", f"no label of {', '.join(silent)}, though trusted"))
    for task in dataset.schema.learnable().tasks:
        found = combine_votes(dataset, task.name, supervision=supervision, tallies=tallies)
        combined[task.name] = found
        n_voted = int((found.targets.index >= 0).sum()) - found.n_certain
        certain = ", those of trusted sources among them" if supervision.trusted else ""
        parts = [f"{found.n_certain:,} gold targets{certain}"] if found.n_certain else []
        voted = f"{n_voted:,} targets from {count_of(len(found.accuracy), 'source')} by {found.method}"
        parts += [voted] if n_voted else []
        parts += [f"weighed on {found.n_known:,} gold labels"] if found.is_weighed and n_voted else []
        parts += [f"otherwise in {', '.join(part.name for part in found.slices)}"] if found.slices else []
        parts += ["none on a training record"] if parts and not found.targets.teach(dataset.splits.train) else []
        observe(Event("combine", f"{task.name}: {', '.join(parts) or 'no label to learn from'}"))
    if not any(found.targets.teach(dataset.splits.train) for found in combined.values()):
        hint = "Records are training data unless they are tagged dev or test; `overton sources` shows the labels"
        raise OvertonError(Problem("no training record has a label of any task", "build.no-labels", hint=hint))
    return combined


def untaught(dataset: Dataset, combined: Mapping[str, Combined]) -> tuple[str, ...]:
    """What a reader of figures should know of tasks that have labels, but none on training records."""
    silent = [name for name, found in combined.items() if not found.targets.teach(dataset.splits.train)]
    names = [name for name in silent if len(dataset.votes(name).unit)]
    return tuple(f"{name}: no training record has a label, so that its answers are chance" for name in names)


def _silent(dataset: Dataset, names: Sequence[str]) -> list[str]:
    """Those of some sources that label nothing: they are nowhere, or abstain wherever they are."""
    known = [name for name in names if name in dataset.sources]
    speaking: set[str] = set()
    for task in dataset.schema.tasks if known else ():
        speaking.update(dataset.votes(task.name, known).speaking)
    return [name for name in names if name not in speaking]


def combine_votes(
    dataset: Dataset,
    task: str,
    *,
    supervision: SupervisionSettings = DEFAULT_SUPERVISION,
    tallies: Tallies | None = None,
) -> Combined:
    """The combined votes of one task.

    Gold is certain where it stands in training data; on dev it shows what the sources are worth, and is no target. It
    is read anew each time; the votes of all other sources are counted once, and again where they have changed.
    """
    kept = tallies.load(task) if tallies else None
    counted = bring_up_to_date(dataset, task, kept, count_all=tallies.count if tallies else count_votes)
    if tallies and counted is not kept:
        tallies.save(task, counted)
    training, dev = (np.isin(np.arange(dataset.n_records), rows) for rows in (dataset.splits.train, dataset.splits.dev))
    gold = dataset.votes(task, [GOLD, *supervision.trusted])
    return combine(
        gold,
        counted.tally,
        training=training,
        dev=dev if supervision.use_dev_gold else None,
        trusted=supervision.trusted,
        slices=dataset.tags.rows_by_name(SLICE_PREFIX),
    )


def combined_records(dataset: Dataset, targets: Mapping[str, Targets]) -> Iterator[dict[str, Any]]:
    """The combined votes of some tasks as records of a data file that adds to the others; source `combined`."""
    listed = {task.name: dataset.schema.unit(task) != "record" for task in dataset.schema.tasks}
    for start in range(0, dataset.n_records, CHUNK):
        rows = np.arange(start, min(start + CHUNK, dataset.n_records))
        labels = {name: combined_labels(found, rows, per_item=listed[name]) for name, found in targets.items()}
        for name in labels:
            if listed[name]:
                _abstain_beyond(dataset, dataset.schema.task(name).payload, rows, labels[name])
        for position, record_id in enumerate(dataset.ids(rows)):
            said = {name: labels[name][position] for name in targets}
            tasks = {name: {COMBINED: label} for name, label in said.items() if label is not None}
            if tasks:
                yield {"id": record_id, "tasks": tasks}


def _abstain_beyond(dataset: Dataset, payload: str, rows: ndarray, labels: list[Any]) -> None:
    """A list of labels is as long as the payload as it was given, null for what was cut off: a valid label."""
    if not dataset.cut[payload]:
        return
    for place, row in enumerate(rows.tolist()):
        if labels[place] is not None:
            missing = (dataset.given_length(payload, row) or 0) - len(labels[place])
            labels[place] = [*labels[place], *[None] * missing]
