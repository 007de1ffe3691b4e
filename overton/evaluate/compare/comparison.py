"""Two versions on the same records: every task on every tag, what got worse, where, and what the gate says."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from overton.base import Problem, brief, count_of, share_text
from overton.codec import Predictions
from overton.data import Gold, Tags
from overton.evaluate.compare.better import shown_better, shown_within_margin
from overton.evaluate.compare.calibrated import ece_change
from overton.evaluate.compare.changes import SourceChange, TagChange
from overton.evaluate.compare.flips import Flip, Overlap, Pairing, flips_of
from overton.evaluate.compare.gate import Gate
from overton.evaluate.compare.paired import change_of, pair
from overton.evaluate.compare.rows import ECE, HALF, REGRESSED, UNKNOWN, ComparedRow, TaskChange, compared_rows
from overton.evaluate.groups import WHOLE, group_records
from overton.evaluate.judge import judge
from overton.notebook import comparison_html

if TYPE_CHECKING:
    from pandas import DataFrame

FORMAT = 1
ONE_VERSION = "both are one version, so no figure can differ: name another one to compare it with"
CLASSES = 5  # that one version alone knows, and are told
NO_GOLD = "no gold on these records"  # why a task is left out


@dataclass(frozen=True, slots=True)
class Compared:
    """What the predictions of two versions tell.

    Attributes:
        rows: Every task on every tag, the strongest evidence for a change for the worse first.
        examples: Records that got worse, for the first rows.
        left_out: Why tasks were not compared, by name.
        overlaps: How far the falls of the first rows are that of one slice.
        classes: Which classes one version alone knows, in words, by name of task.
    """

    rows: tuple[ComparedRow, ...]
    examples: tuple[Flip, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    overlaps: tuple[Overlap, ...] = ()
    classes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """All that is known of a new version beside an old one.

    Attributes:
        old: Id of the old version.
        new: Id of the new version.
        gate: What the new one must keep to.
        compared: What their predictions tell.
        records: Number of records that both predicted.
        data: Digest of content and schema of each data file of these records, by name.
        tags: How frequent every tag is in the training data of both and now.
        sources: What both learned of every source.
        latency: Milliseconds of single records, `{"records", "p50_ms", "p99_ms"}` of the new version; None where the
            gate asks for none.
        unknown: Tags that the gate names and that no record has, with the names that may have been meant.
        cut: Where a version reads more of the records than their schema leaves, in words.
        notes: Things that a reader should know.
    """

    old: str
    new: str
    gate: Gate
    compared: Compared
    records: int = 0
    data: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[TagChange, ...] = ()
    sources: tuple[SourceChange, ...] = ()
    latency: Mapping[str, float] | None = None
    unknown: Mapping[str, str] = field(default_factory=dict)
    cut: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    __repr__ = brief

    @property
    def rows(self) -> tuple[ComparedRow, ...]:
        """Every task on every tag, the strongest evidence for a change for the worse first."""
        return self.compared.rows

    @property
    def worse(self) -> tuple[ComparedRow, ...]:
        """The rows in which a change for the worse is shown, or is likelier than none, in their order."""
        return tuple(row for row in self.rows if row.verdict == REGRESSED or (row.fall > 0 and row.p < HALF))

    @property
    def whole(self) -> tuple[ComparedRow, ...]:
        """The rows of the whole split, by task, calibration errors behind the rest."""
        whole = (row for row in self.rows if row.tag == WHOLE)
        return tuple(sorted(whole, key=lambda row: (row.task, row.metric == ECE)))

    @property
    def regressed(self) -> tuple[ComparedRow, ...]:
        """The rows in which a change for the worse is shown."""
        return tuple(row for row in self.rows if row.verdict == REGRESSED)

    @property
    def better(self) -> tuple[ComparedRow, ...]:
        """The rows in which a rise is shown beyond noise, corrected for their number; the greatest first."""
        return shown_better(self.rows, self.gate.alpha)

    @property
    def within_margin(self) -> tuple[ComparedRow, ...]:
        """The rows in which a fall is shown that the gate allows, likewise corrected; the greatest first."""
        return shown_within_margin(self.rows, self.gate.alpha)

    @property
    def refusals(self) -> tuple[Problem, ...]:
        """Why the gate refuses the new version; none where it does not."""
        return (*map(_regression, self.regressed), *self._unseen(), *self._unsupported(), *self._slow())

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a verdict rests on and does not tell.

        Margins that the gate gives to tags that no record has (critical ones are among the refusals), classes that one
        version alone knows, and payloads of which a version reads more than the records have left.
        """
        return (*self._margins_in_vain(), *self.compared.classes.values(), *self.cut)

    def _margins_in_vain(self) -> Iterator[str]:
        return (
            f"no record has the tag {tag!r}, to which gate.json gives a margin{f'. {hint}' if hint else ''}"
            for tag, hint in self.unknown.items()
            if tag not in self.gate.critical
        )

    def to_json(self) -> dict[str, Any]:
        """The document of `overton compare --json`."""
        return {
            "format": FORMAT,
            "old": self.old,
            "new": self.new,
            "records": self.records,
            "data": dict(self.data),
            "gate": self.gate.to_json(),
            "refused": [{"code": refusal.code, "message": refusal.message} for refusal in self.refusals],
            "warnings": list(self.warnings),
            "rows": [row.to_json() for row in self.rows],
            "better": [{"task": row.task, "tag": row.tag} for row in self.better],
            "examples": [flip.to_json() for flip in self.compared.examples],
            "overlaps": [overlap.to_json() for overlap in self.compared.overlaps],
            "left_out": dict(self.compared.left_out),
            "tags": [row.to_json() for row in self.tags],
            "sources": [row.to_json() for row in self.sources],
            "latency": dict(self.latency) if self.latency else None,
            "notes": list(self.notes),
        }

    def _repr_html_(self) -> str:
        """How a notebook shows it."""
        return comparison_html(self.to_json())

    def to_pandas(self) -> "DataFrame":
        """The rows as a pandas frame, one column an attribute of `ComparedRow`."""
        from pandas import DataFrame

        return DataFrame([row.to_json() for row in self.rows], columns=list(ComparedRow.__dataclass_fields__))

    def _unseen(self) -> list[Problem]:
        """That no task can be judged on the whole split: a gate that sees nothing lets nothing pass."""
        whole = [row for row in self.rows if row.tag == WHOLE and row.metric != ECE]
        if any(row.verdict != UNKNOWN for row in whole):
            return []
        label = "Label more test records with the source gold"
        if not whole:
            return [self._nothing_compared(label)]
        most = max(whole, key=lambda row: row.records)
        seen = "" if most.detectable is None else f", which would show a fall of {most.detectable:.2f}"
        n = f"{most.records:,} record{'' if most.records == 1 else 's'}"
        message = f"no task has enough gold to tell whether it fell: the most is {most.task} with {n}"
        hint = f"{label}, or raise `resolution` or lower `minimum_support` in gate.json"
        return [Problem(f"{message}{seen}", "gate.no-evidence", hint=hint)]

    def _nothing_compared(self, label: str) -> Problem:
        """Why there is no row at all: for want of gold, or since the versions and the records are of other schemas."""
        other = {name: why for name, why in self.compared.left_out.items() if why != NO_GOLD}
        if not other:
            return Problem("nothing can be compared: no task has gold on these records", "gate.no-evidence", hint=label)
        told = "; ".join(f"{name} is left out: {why}" for name, why in other.items())
        hint = "Compare versions of one schema: build again what was built before it changed"
        return Problem(f"nothing can be compared: {told}", "gate.no-evidence", hint=hint)

    def _unsupported(self) -> list[Problem]:
        """Critical tags that no task has enough records for, or no figure of both versions."""
        support = self.gate.minimum_support
        enough = {row.tag for row in self.rows if row.records >= support and row.change is not None}
        few = f"no task has {self.gate.minimum_support} records with gold in the critical"
        return [
            Problem(
                message=f"no record has the tag {tag!r}, which gate.json declares critical",
                code="gate.no-support",
                hint=self.unknown[tag] or "Tag records so, or take it out of gate.json",
            )
            if tag in self.unknown
            else Problem(
                f"{few} {tag}", "gate.no-support", hint="Label some with the source gold, or lower minimum_support"
            )
            for tag in self.gate.critical
            if tag not in enough
        ]

    def _slow(self) -> list[Problem]:
        bound, found = self.gate.p99_ms, self.latency
        if bound is None or found is None or found["p99_ms"] <= bound:
            return []
        message = f"99 of 100 single records take up to {found['p99_ms']:.2f} ms, the gate allows {bound:g} ms"
        return [Problem(message, "gate.latency", hint="Choose a smaller encoder or size in tuning.json")]


def compare_predictions(
    old: Mapping[str, Predictions],
    new: Mapping[str, Predictions],
    gold: Mapping[str, Gold],
    tags: Tags,
    numbers: ndarray,
    gate: Gate,
    *,
    ids: Callable[[ndarray], Sequence[str]],
    seed: int = 0,
) -> Compared:
    """Compare what two versions said of the same records.

    Args:
        old: What the old version said of these records, in their order, by name of task.
        new: What the new version said, likewise.
        gold: What is true, over the whole data set, by name of task.
        tags: The tags of the whole data set, expressions among them.
        numbers: Numbers of the records in the data set, int64, ascending.
        gate: What the verdicts go by.
        ids: Gives the ids of records by their numbers.
        seed: Seed of the bootstrap of calibration errors.
    """
    groups = group_records(tags, numbers)
    changes: list[TaskChange] = []
    pairings: dict[str, Pairing] = {}
    left_out, classes = {}, {}
    for name in [*old, *(name for name in new if name not in old)]:
        reason = _why_not(old.get(name), new.get(name), gold.get(name), numbers)
        if reason:
            left_out[name] = reason
            continue
        first, second = (judge(said[name], gold[name], np.arange(len(numbers)), numbers) for said in (old, new))
        if first.kind != second.kind or not first.n_records:
            left_out[name] = NO_GOLD if first.kind == second.kind else "judged by other metrics"
            continue
        classes[name] = _classes_apart(name, old[name], new[name])
        paired = pair(name, first, second)
        ece = ece_change(first, second, seed=seed)
        change = change_of(paired, groups)
        changes.append(TaskChange(name, paired.metric, change, ece))
        pairings[name] = Pairing(paired, change.both, old[name], new[name], gold[name])
    rows = compared_rows(changes, groups.names, gate)
    examples, overlaps = flips_of(rows, pairings, groups, numbers, ids)
    return Compared(rows, examples, left_out, overlaps, {name: told for name, told in classes.items() if told})


def _classes_apart(task: str, old: Predictions, new: Predictions) -> str:
    """Which classes one of two versions alone knows, as where one was renamed; empty where there is none."""
    first, second = set(old.task.classes), set(new.task.classes)
    told = []
    for which, names in (("old version", first - second), ("new version", second - first)):
        some = ", ".join(map(repr, sorted(names)[:CLASSES]))
        more = f" and {len(names) - CLASSES:,} more" if len(names) > CLASSES else ""
        told += [f"only the {which} knows {some}{more}"] if names else []
    known = "what gold calls by a class that a version does not know is wrong of it"
    return f"classes of {task} are others: {'; '.join(told)}; {known}" if told else ""


def _why_not(old: Predictions | None, new: Predictions | None, gold: Gold | None, numbers: ndarray) -> str:
    """Why a task cannot be compared; empty where it can."""
    if old is None or new is None:
        return f"only in the {'new' if old is None else 'old'} version"
    if gold is None:
        return "not in the schema of the records"
    kinds = {(said.task.type, said.task.payload) for said in (old, new, gold)}
    if len(kinds) > 1:
        return "of another type, or on another payload"
    lengths = gold.offsets[numbers + 1] - gold.offsets[numbers]
    first, second = np.diff(old.offsets), np.diff(new.offsets)
    if not np.array_equal(first, second):
        return "the versions cut its payload at different lengths"
    return (
        ""
        if np.array_equal(first, lengths)
        else "both versions cut its payload where the schema of the records does not"
    )


def _regression(row: ComparedRow) -> Problem:
    where = "the whole split" if row.tag == WHOLE else row.tag
    what = "rose" if row.metric == ECE else "fell"
    assert row.old is not None, "a row that regressed has a figure of both versions"
    assert row.new is not None, "a row that regressed has a figure of both versions"
    message = f"{row.task} {row.metric} {what} from {share_text(row.old)} to {share_text(row.new)} on {where}"
    detail = f"{count_of(row.worse, 'record')} worse, {row.better} better; " if row.metric != ECE else ""
    return Problem(
        message=f"{message} (n {row.n:,}; {detail}p {row.p_adjusted:.2g})",
        code="gate.regressed",
        hint="Look at its examples with `overton compare`" if row.metric != ECE else "",
    )
