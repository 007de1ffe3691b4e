"""Changes of tasks in groups to tidy rows with a verdict each, corrected for their number."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy import ndarray

from overton.evaluate.compare.calibrated import EceChange
from overton.evaluate.compare.correct import Family, benjamini_hochberg, first_level, holm, weights
from overton.evaluate.compare.gate import Gate
from overton.evaluate.compare.paired import Change, detectable_fall
from overton.evaluate.compare.swap import lower_tail, upper_point
from overton.evaluate.groups import WHOLE

Verdict = Literal["ok", "regressed", "not enough data"]
OK: Verdict = "ok"
REGRESSED: Verdict = "regressed"
UNKNOWN: Verdict = "not enough data"
ECE = "ece"
HALF = 0.5  # the p below which a change for the worse is likelier than none


@dataclass(frozen=True, slots=True)
class ComparedRow:
    """One task on one tag, old and new.

    Attributes:
        task: Name of the task.
        tag: A tag or an expression; `*` for the whole split.
        metric: The main metric of the task, or `ece`, of which less is better.
        n: Units with gold.
        records: Records that the figure rests on.
        old: The figure of the old version.
        new: The figure of the new version.
        change: New minus old.
        low: Lower end of its 95 % interval, by itself and not corrected for the number of rows.
        high: Upper end.
        worse: Records that got worse.
        better: Records that got better.
        p: Probability of so much worse a figure where nothing changed beyond the margin.
        p_adjusted: The same corrected for the number of rows; None where the tag has too few records to be judged.
        critical: Whether the gate names the tag as critical.
        margin: By how much the figure may get worse.
        detectable: The least change for the worse that would have been shown four times out of five; None where the
            tag has too few records to be judged, or a version no figure.
        verdict: `regressed` where a change beyond the margin is shown, `ok` where one of more than the resolution of
            the gate is ruled out, else `not enough data`.
    """

    task: str
    tag: str
    metric: str
    n: int
    records: int
    old: float | None
    new: float | None
    change: float | None
    low: float | None
    high: float | None
    worse: int
    better: int
    p: float
    p_adjusted: float | None
    critical: bool
    margin: float
    detectable: float | None
    verdict: Verdict

    @property
    def fall(self) -> float:
        """By how much the figure got worse; below 0 where it got better."""
        change = self.change or 0.0
        return change if self.metric == ECE else -change

    def to_json(self) -> dict[str, Any]:
        """The row as it stands in the document."""
        return asdict(self)


@dataclass(frozen=True)
class TaskChange:
    """What changed of one task.

    Attributes:
        task: Name of the task.
        metric: Its main metric.
        change: By group.
        ece: Its calibration on the whole split; None where no probability can be judged.
    """

    task: str
    metric: str
    change: Change
    ece: EceChange | None


def compared_rows(changes: Sequence[TaskChange], tags: Sequence[str], gate: Gate) -> tuple[ComparedRow, ...]:
    """The rows of all tasks, first the one for which the evidence is strongest that it got worse.

    Rows that the gate declares critical are corrected among each other by Holm, the others by Benjamini and Hochberg;
    each has half of `alpha` where there are both.

    Args:
        changes: What changed of each task, by group.
        tags: The groups; the first is the whole split.
        gate: What the verdicts go by.
    """
    drafts = [draft for found in changes for draft in _drafts(found, tags, gate)]
    judged = [draft for draft in drafts if draft.row.records >= gate.minimum_support]
    families = [[draft for draft in judged if draft.row.critical is critical] for critical in (True, False)]
    alpha = gate.alpha / max(sum(map(bool, families)), 1)
    rows = [draft.row for draft in drafts if draft.row.records < gate.minimum_support]
    for family, correct in zip(families, (holm, benjamini_hochberg), strict=True):
        tests = Family(
            np.array([draft.row.p for draft in family]),
            tuple(draft.levels for draft in family),
            _weights(family, alpha),
        )
        level = first_level(tests, alpha)
        adjusted = (correct(tests) * (gate.alpha / alpha)).tolist() if family else []
        rows += [_judged(draft, min(p, 1.0), level, gate) for draft, p in zip(family, adjusted, strict=True)]
    return tuple(sorted(rows, key=_urgency))


@dataclass(frozen=True, slots=True)
class _Draft:
    """A row before it is corrected.

    Attributes:
        row: The row.
        levels: The p-values that it could have had.
        usual: How many records usually differ in such a group; not a number where that may not tell of its weight.
        error: Standard error of its change.
        growth: By how much the squared error rises for each unit that the figure falls.
        noise: What of a change for the worse noise alone explains.
    """

    row: ComparedRow
    levels: ndarray | None
    usual: float
    error: float
    growth: float
    noise: float = 0.0


def _weights(family: Sequence[_Draft], alpha: float) -> ndarray:
    """What the tests of a family weigh."""
    differ = np.array([draft.row.worse + draft.row.better for draft in family], np.float64)
    usual = np.array([draft.usual for draft in family], np.float64)
    records = np.array([draft.row.records for draft in family], np.float64)
    return weights(differ, usual, records, alpha)


def _drafts(found: TaskChange, tags: Sequence[str], gate: Gate) -> Iterator[_Draft]:
    """The rows of one task."""
    change = found.change
    margin = np.array([gate.margin_of(tag) for tag in tags])
    # Beyond a margin, which records differ does tell of the direction, so it may not decide about weights.
    share = (change.worse[0] + change.better[0]) / max(change.records[0], 1)
    usual = np.where(margin > 0, np.nan, change.records * share)
    usual[0] = np.nan  # the whole is what is usual
    p = change.p_beyond(margin)
    columns = (change.n, change.records, change.old, change.new, change.low, change.high, change.worse, change.better)
    listed = [column.tolist() for column in (*columns, p, usual, change.error, change.growth)]
    for number, tag in enumerate(tags):
        n, records, old, new, low, high, worse, better, p_value, expected, error, growth = (
            column[number] for column in listed
        )
        row = ComparedRow(
            task=found.task,
            tag=tag,
            metric=found.metric,
            n=int(n),
            records=int(records),
            old=_figure(old),
            new=_figure(new),
            change=_figure(new - old),
            low=_figure(low),
            high=_figure(high),
            worse=int(worse),
            better=int(better),
            p=p_value,
            p_adjusted=None,
            critical=tag in gate.critical,
            margin=float(margin[number]),
            detectable=None,
            verdict=UNKNOWN,
        )
        # Beyond a margin the p-value is no longer one of those that swaps can give.
        yield _Draft(row, None if margin[number] > 0 else change.test.levels[number], expected, error, growth)
    if found.ece is not None:
        yield _ece_draft(found, found.ece, gate)


def _ece_draft(found: TaskChange, ece: EceChange, gate: Gate) -> _Draft:
    change, half = ece.new - ece.old, upper_point(0.025) * ece.error
    beyond = change - ece.noise - gate.ece
    far = beyond / ece.error if ece.error > 0 else (np.inf if beyond > 0 else -np.inf)
    row = ComparedRow(
        task=found.task,
        tag=WHOLE,
        metric=ECE,
        n=int(found.change.n[0]),
        records=int(found.change.records[0]),
        old=ece.old,
        new=ece.new,
        change=change,
        low=change - ece.noise - half,
        high=change + half,
        worse=0,
        better=0,
        p=float(lower_tail(np.array(-far))),
        p_adjusted=None,
        critical=WHOLE in gate.critical,
        margin=gate.ece,
        detectable=None,
        verdict=UNKNOWN,
    )
    return _Draft(row, None, np.nan, ece.error, 0.0, ece.noise)


def _judged(draft: _Draft, adjusted: float, level: float, gate: Gate) -> ComparedRow:
    row = draft.row
    worst = None if row.low is None or row.high is None else row.high if row.metric == ECE else -row.low
    fine = worst is not None and worst <= row.margin + gate.resolution
    shown = detectable_fall(level, draft.error, draft.growth) + draft.noise + row.margin
    return replace(
        row,
        p_adjusted=adjusted,
        detectable=_figure(min(shown, 1.0)),
        verdict=REGRESSED if adjusted <= gate.alpha and row.fall > 0 else OK if fine else UNKNOWN,
    )


def _figure(value: float) -> float | None:
    return None if value != value else value


def _urgency(row: ComparedRow) -> tuple[bool, bool, float, float, str, str]:
    """Sorts first what got worse, by evidence, then by how far."""
    return row.verdict != REGRESSED, row.fall <= 0, row.p, -row.fall, row.task, row.tag
