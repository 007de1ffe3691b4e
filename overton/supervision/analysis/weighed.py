"""Slices in which the votes of sources count otherwise than elsewhere, as rows of the page about sources."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from overton.supervision.analysis.facts import Facts


@dataclass(frozen=True, slots=True)
class WeighedSlice:
    """What votes count in one slice and elsewhere.

    Attributes:
        task: Name of the task.
        tag: The slice.
        n: Number of records that are weighed so.
        counts: What a vote of each source that votes there counts, in the slice and elsewhere, by source; those that
            differ most first.
    """

    task: str
    tag: str
    n: int
    counts: Mapping[str, tuple[float, float]]

    def to_json(self) -> dict[str, Any]:
        """The row as it stands in `overton sources --json`."""
        counts = {
            source: {"here": round(here, 4), "elsewhere": round(elsewhere, 4)}
            for source, (here, elsewhere) in self.counts.items()
        }
        return {"task": self.task, "tag": self.tag, "n": self.n, "counts": counts}


def weighed_slices(facts: Facts) -> tuple[WeighedSlice, ...]:
    """The slices of a task in which votes count otherwise, that in which gold is surest of it first."""
    model, patterns = facts.combined.model, facts.patterns
    if model is None or patterns.group is None:
        return ()
    voted = np.flatnonzero(patterns.index >= 0)
    group = patterns.group[patterns.index[voted]]
    found = []
    for number, part in enumerate(model.slices, 1):
        voting = model.block[np.unique(patterns.cells.source[patterns.group[patterns.cells.row] == number])]
        pairs = {
            facts.votes.sources[source]: (float(part.weight[source]), float(model.weight[source])) for source in voting
        }
        ordered = sorted(pairs.items(), key=lambda item: (-abs(item[1][0] - item[1][1]), item[0]))
        n_records = len(np.unique(facts.record[voted[group == number]]))
        found.append(WeighedSlice(facts.votes.task.name, part.name, n_records, dict(ordered)))
    return tuple(found)
