"""Sources of labels as a page: how much each labels, how often others disagree, how right it seems and is."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from overton.data import GOLD
from overton.supervision import SourceReport, SourceRow

TRAIN = "train"


@dataclass(frozen=True, slots=True)
class SourceLine:
    """One source of one task.

    Attributes:
        task: Name of the task.
        source: Name of the source; `combined` and `majority` are the votes taken together, in parentheses where
            a source has that name.
        n: Units of train that it labels; None where only what was learned of it is known, as the next three.
        coverage: Their share of all units.
        overlap: Share of units that it labels and another source too.
        conflict: Share of units that it labels and another source labels otherwise.
        learned: How often it is right, as the label model estimates; None where there is no estimate.
        gold: How often it is right where gold stands, in the split with most of it; None where none stands.
        gold_low: Lower end of its 95 % interval.
        gold_high: Upper end.
        n_gold: Units that this rests on.
        gold_split: That split.
        copies: Sources of which it may be a copy, or that may be copies of it.
        warnings: What somebody should look at, and what to do about it.
        together: Whether it is not a source, but all votes taken together.
    """

    task: str
    source: str
    n: int | None
    coverage: float | None
    overlap: float | None
    conflict: float | None
    learned: float | None
    gold: float | None = None
    gold_low: float | None = None
    gold_high: float | None = None
    n_gold: int = 0
    gold_split: str = ""
    copies: tuple[str, ...] = ()
    warnings: tuple[tuple[str, str], ...] = ()
    together: bool = False

    def to_json(self) -> dict[str, Any]:
        """The line as a JSON value."""
        return asdict(self)


def source_lines(report: SourceReport) -> tuple[SourceLine, ...]:
    """The lines of a report on sources, by task: first what has a warning, then what labels most."""
    by_key: dict[tuple[str, str], list[SourceRow]] = {}
    for row in report.whole():
        if row.source != GOLD:
            by_key.setdefault((row.task, row.source), []).append(row)
    place = {task: number for number, task in enumerate(dict.fromkeys(task for task, _ in by_key))}
    lines = [_line(task, source, rows) for (task, source), rows in by_key.items()]
    return tuple(sorted(lines, key=lambda line: (place[line.task], line.together, not line.warnings, -(line.n or 0))))


def learned_lines(learned: Mapping[str, Mapping[str, float]]) -> tuple[SourceLine, ...]:
    """The lines of what a lineage tells of sources, where there are no records to look at."""
    return tuple(
        SourceLine(task, source, None, None, None, None, accuracy)
        for task, by_source in learned.items()
        for source, accuracy in by_source.items()
    )


def _line(task: str, source: str, rows: Sequence[SourceRow]) -> SourceLine:
    train = next((row for row in rows if row.split == TRAIN), rows[0])
    judged = max(rows, key=lambda row: row.n_gold)
    warnings = {warning.code: (warning.message, warning.hint) for row in rows for warning in row.warnings}
    return SourceLine(
        task=task,
        source=source,
        n=train.n,
        coverage=train.coverage,
        overlap=train.overlap,
        conflict=train.conflict,
        learned=next((row.estimated_accuracy for row in rows if row.estimated_accuracy is not None), None),
        gold=judged.gold_accuracy,
        gold_low=judged.gold_low,
        gold_high=judged.gold_high,
        n_gold=judged.n_gold,
        gold_split=judged.split if judged.n_gold else "",
        copies=tuple(dict.fromkeys(copy.source for row in rows for copy in row.copies)),
        warnings=tuple(warnings.values()),
        together=train.together,
    )
