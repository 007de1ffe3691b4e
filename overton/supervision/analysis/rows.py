"""What each source of a task is worth: how much it labels, how often others disagree, how often it is right."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy import ndarray

from overton.data import GOLD, SPLITS
from overton.supervision.analysis.classes import Said
from overton.supervision.analysis.copies import Copy
from overton.supervision.analysis.facts import Facts
from overton.supervision.analysis.marginal import Marginal
from overton.supervision.analysis.tally import CONFLICT, EXPECTED, JUDGED, OVERLAP, RIGHT, WHOLE, N, Tally
from overton.supervision.analysis.warn import CODES, COMBINED, MAJORITY, SourceWarning

QUIET = ("new",)  # warnings that do not bring a row to the top


@dataclass(frozen=True, slots=True)
class SourceRow:
    """Figures of one source of one task on one split, or on the records of a split that have a tag.

    Attributes:
        task: Name of the task.
        source: Name of the source; `combined` and `majority` are the votes taken together, in parentheses where a
            source has that name.
        split: `train`, `dev` or `test`.
        coverage: Share of the units that it labels.
        overlap: Share of the units that it labels and another source does too.
        conflict: Share of the units that it labels and another source labels otherwise.
        estimated_accuracy: How often it is right, by the label model; None where there is none. Of a tag: that of the
            whole, and by how much more the combined labels agree with it there than in the whole split.
        gold_accuracy: How often it is right where gold stands; None where none stands. A bitvector is right where
            all its bits are.
        n: Number of units that it labels.
        tag: The tag; `*` for the whole split.
        polarity: The classes that it says; None for `select`, for single tags and for the last rows of a split.
        n_gold: Number of units that `gold_accuracy` rests on.
        gold_low: Lower end of its 95 % interval; None where there is none.
        gold_high: Upper end.
        copies: Sources that it agrees with beyond chance, and which may be copies; for the whole split alone.
        marginal: What the combined labels lose without it; for the whole split alone.
        estimated_change: By how much `estimated_accuracy` is higher than in the version before; None where there is
            none, or it did not have the source.
        warnings: What somebody should look at; for the whole split alone.
        together: Whether it is not a source, but all votes taken together.
    """

    task: str
    source: str
    split: str
    coverage: float
    overlap: float
    conflict: float
    estimated_accuracy: float | None
    gold_accuracy: float | None
    n: int
    tag: str = WHOLE
    polarity: tuple[str, ...] | None = None
    n_gold: int = 0
    gold_low: float | None = None
    gold_high: float | None = None
    copies: tuple[Copy, ...] = ()
    marginal: Marginal | None = None
    estimated_change: float | None = None
    warnings: tuple[SourceWarning, ...] = ()
    together: bool = False

    def to_json(self) -> dict[str, Any]:
        """The row of `overton sources --json`."""
        row = asdict(self)
        row["warnings"] = [{key: warning[key] for key in ("code", "message", "hint")} for warning in row["warnings"]]
        return row


@dataclass(frozen=True)
class Findings:
    """What was found of the sources of one task, beside the sums.

    Attributes:
        said: Every class that a source says.
        marginals: What each source is worth to the combined labels, by source and split.
        copies: Suspected copies by source.
        warnings: All warnings.
        parent: Estimated accuracies of the version before, by source; None where there is none.
    """

    said: Said
    marginals: Mapping[str, Mapping[str, Marginal]]
    copies: Mapping[str, tuple[Copy, ...]]
    warnings: Sequence[SourceWarning]
    parent: Mapping[str, float] | None


def rows_of(facts: Facts, sums: Tally, findings: Findings) -> tuple[SourceRow, ...]:
    """The rows of a task: split by split and tag by tag, first the source to look at.

    That is one with a warning, and among the others the one that likely gives the most wrong labels. A source that
    abstains everywhere has a row of each whole split, without coverage. The rows of the combined labels, of the
    majority vote and of gold close each, where there are any.
    """
    writer = _Writer(facts, sums, findings)
    rows: list[SourceRow] = []
    for split in range(len(SPLITS)):
        for tag in range(len(sums.tags)):
            if sums.units[split, tag]:
                rows += writer.rows(split, tag)
    return tuple(rows)


class _Writer:
    """Sums to rows."""

    def __init__(self, facts: Facts, sums: Tally, findings: Findings) -> None:
        self.facts, self.sums, self.findings = facts, sums, findings
        self.task = facts.votes.task.name
        sources = facts.votes.sources
        together = (f"({name})" if name in sources else name for name in (COMBINED, MAJORITY))
        self.names = (*sources, *together, GOLD)
        self.bounds = {
            (split, actor): sums.interval(split, actor)
            for split in range(len(SPLITS))
            for actor in np.flatnonzero(sums.sums[JUDGED, split, 0]).tolist()
        }
        self.polarity = _polarity(facts, findings.said)

    def rows(self, split: int, tag: int) -> list[SourceRow]:
        """The rows of a tag of a split."""
        n = self.sums.sums[N, split, tag]
        combined, majority, gold = range(len(n) - 3, len(n))
        sources = [*np.flatnonzero(n[:combined]).tolist(), *(self.facts.silent if tag == 0 else ())]
        rows = sorted((self.row(split, tag, source) for source in sources), key=_urgency)
        if len(self.facts.said) and (tag == 0 or n[combined]):
            rows += [self.row(split, tag, combined), self.row(split, tag, majority)]
        return [*rows, self.row(split, tag, gold)] if n[gold] else rows

    def row(self, split: int, tag: int, actor: int) -> SourceRow:
        """One row."""
        sums, n_units = self.sums.sums[:, split, tag, actor], self.sums.units[split, tag]
        name, n_sources = self.names[actor], len(self.names) - 3
        is_source, found = actor < n_sources, self.findings
        low, high = (float(ends[tag]) for ends in self.bounds[split, actor]) if sums[JUDGED] else (None, None)
        estimated = self._estimated(split, tag, actor)
        before = (found.parent or {}).get(name) if is_source else None
        whole = tag == 0 and is_source
        told = COMBINED if actor == n_sources else name
        return SourceRow(
            task=self.task,
            source=name,
            split=SPLITS[split],
            coverage=float(sums[N] / n_units),
            overlap=float(sums[OVERLAP] / n_units),
            conflict=float(sums[CONFLICT] / n_units),
            estimated_accuracy=estimated,
            gold_accuracy=float(sums[RIGHT] / sums[JUDGED]) if sums[JUDGED] else None,
            n=int(sums[N]),
            tag=self.sums.tags[tag],
            polarity=self.polarity.get((split, actor)) if whole else None,
            n_gold=int(sums[JUDGED]),
            gold_low=low,
            gold_high=high,
            copies=found.copies.get(name, ()) if whole else (),
            marginal=found.marginals.get(name, {}).get(SPLITS[split]) if whole else None,
            estimated_change=estimated - before if tag == 0 and estimated is not None and before is not None else None,
            warnings=tuple(warning for warning in found.warnings if warning.source == told) if tag == 0 else (),
            together=n_sources <= actor < n_sources + 2,
        )

    def _estimated(self, split: int, tag: int, actor: int) -> float | None:
        sums, name = self.sums.sums[:, split, tag, actor], self.names[actor]
        if actor == len(self.names) - 3:
            return float(sums[EXPECTED] / sums[N]) if sums[N] else None
        whole = self.facts.combined.accuracy.get(name) if actor < len(self.names) - 3 else None
        if whole is None or tag == 0:
            return whole
        everywhere = self.sums.sums[:, split, 0, actor]
        return float(np.clip(whole + sums[EXPECTED] / sums[N] - everywhere[EXPECTED] / everywhere[N], 0.0, 1.0))


def _polarity(facts: Facts, said: Said) -> dict[tuple[int, int], tuple[str, ...]]:
    """The classes that each source says, by split and source; none for `select`."""
    if facts.votes.task.type == "select":
        return {}
    n_sources, n_labels = len(facts.votes.sources), max(facts.n_labels, 1)
    split = facts.split[facts.record[said.unit]]
    used = np.unique((split * n_sources + said.source) * n_labels + said.label)
    cells: ndarray = np.unique(facts.split[facts.record[facts.cells.row]] * n_sources + facts.cells.source)
    found: dict[tuple[int, int], list[str]] = {divmod(key, n_sources): [] for key in cells.tolist() if key >= 0}
    for key in used[used >= 0].tolist():
        found[divmod(key // n_labels, n_sources)].append(facts.votes.task.classes[key % n_labels])
    return {key: tuple(names) for key, names in found.items()}


def _urgency(row: SourceRow) -> tuple[int, float, str]:
    ranks = [CODES.index(warning.code) for warning in row.warnings if warning.code not in QUIET]
    accuracy = row.gold_accuracy if row.gold_accuracy is not None else row.estimated_accuracy
    wrong = row.coverage * (1 - (accuracy if accuracy is not None else 1.0))
    return min(ranks, default=len(CODES)), -wrong, row.source
