"""A comparison as a page: what it comes to in a sentence, what regressed and on which records, and every change."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from overton.base import count_of
from overton.evaluate import ComparedRow, Comparison, TagChange, gate_json_schema, moved_most
from overton.evaluate.compare.render import WORST
from overton.evaluate.compare.rows import ECE, REGRESSED, UNKNOWN
from overton.evaluate.groups import WHOLE
from overton.web.pages.examples import Example
from overton.web.text import figure, tag_name

MOST_ROWS = 200  # of the matrix of changes
MOST_TAGS = 40  # whose frequency is told

State = Literal["better", "same", "refused", "unknown", "alone"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to make of a version, in one sentence.

    Attributes:
        state: `refused` by the gate; `better` or `same` where it passes; `unknown` where it cannot be compared; `alone`
            where there is no other version to compare with.
        sentence: The sentence.
        detail: What qualifies it; may be empty.
    """

    state: State
    sentence: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Worse:
    """A row that got worse.

    Attributes:
        row: The row.
        note: How far its fall is that of another tag; empty where it is not.
        examples: Records that got worse; `before` of each tells what the old version said.
        left_out: How many more examples there are, for which the page has no room.
    """

    row: ComparedRow
    note: str = ""
    examples: tuple[Example, ...] = ()
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One tag in the matrix of changes.

    Attributes:
        tag: The tag.
        n: The most items that a figure of it rests on.
        rows: A row of the comparison for each task; None where there is none.
        better: Of each, whether a rise is shown.
    """

    tag: str
    n: int
    rows: tuple[ComparedRow | None, ...]
    better: tuple[bool, ...]

    @property
    def marks(self) -> tuple[str, ...]:
        """What a filter may ask for: the verdicts of its rows, and `better`."""
        there = [row for row in self.rows if row is not None]
        better = ("better",) if any(self.better) else ()
        return tuple(sorted({row.verdict.replace(" ", "-") for row in there})) + better


@dataclass(frozen=True, slots=True)
class ComparisonPage:
    """A comparison of two versions as a page.

    Attributes:
        application: Name of the application; empty for artefacts outside one.
        old: Id of the old version.
        new: Id of the new version.
        old_name: What the old version is called: an alias, or its id.
        verdict: What it comes to.
        comparison: The comparison.
        tasks: Names of the tasks that were compared, and their metrics.
        whole: The whole split.
        worse: What got worse, the strongest evidence first.
        hidden_worse: How many more got worse, within noise.
        better: What is shown to have got better, the greatest rise first.
        changes: The matrix of changes, first the tag that got worse by the strongest evidence.
        hidden: Tags that the matrix leaves out.
        made: When the page was made, as ISO 8601 text.
    """

    application: str
    old: str
    new: str
    old_name: str
    verdict: Verdict
    comparison: Comparison
    tasks: tuple[tuple[str, str], ...]
    whole: tuple[ComparedRow, ...]
    worse: tuple[Worse, ...]
    hidden_worse: int
    better: tuple[ComparedRow, ...]
    changes: tuple[ChangeRow, ...]
    hidden: int = 0
    made: str = ""

    @property
    def reach(self) -> float:
        """The greatest change that a scale about zero has to show: of what was judged, up to the next tenth."""
        judged = [row for row in self.comparison.rows if row.metric != ECE and row.p_adjusted is not None]
        ends = [abs(end) for row in judged for end in (row.low, row.high) if end is not None]
        return math.ceil(max(ends, default=0.1) * 10) / 10 or 0.1

    @property
    def allowed(self) -> int:
        """Figures that fell, and are not among those that got worse: by what chance or their margin allows."""
        worse = set(self.comparison.worse)
        return sum(row.fall > 0 and row not in worse for row in self.comparison.rows)

    @property
    def as_they_were(self) -> bool:
        """Whether sources and tags are the same behind both versions."""
        statuses = [row.status for row in self.comparison.sources] + [row.status for row in self.comparison.tags]
        return all(status == "same" for status in statuses)

    @property
    def tags(self) -> tuple[TagChange, ...]:
        """How frequent tags are in training data, then and now: those that changed most."""
        return moved_most(self.comparison.tags)[:MOST_TAGS]

    @property
    def hidden_tags(self) -> tuple[int, float]:
        """How many more tags there are, and by how much the share of one of them moved at most."""
        rest = moved_most(self.comparison.tags)[MOST_TAGS:]
        return len(rest), max((row.moved for row in rest), default=0.0)

    @property
    def apart(self) -> int:
        """Figures that no slice is counted by: calibration errors, which are judged on whole splits alone."""
        return sum(row.metric == ECE for row in self.comparison.rows)

    @property
    def gate(self) -> tuple[tuple[str, str, str], ...]:
        """What the new version must keep to: each setting that asks something, with its value and meaning."""
        meaning = gate_json_schema()["properties"]
        told = []
        for name, value in self.comparison.gate.to_json().items():
            if isinstance(value, dict):
                value = ", ".join(f"{tag} {margin:g}" for tag, margin in value.items())
            elif isinstance(value, list):
                value = ", ".join(value)
            if value not in (None, ""):
                told.append((name, str(value), meaning[name]["description"]))
        return tuple(told)

    def whole_of(self, task: str) -> ComparedRow | None:
        """The whole split of a task; None where it was not compared."""
        return next((row for row in self.whole if row.task == task and row.metric != ECE), None)

    @property
    def title(self) -> str:
        """What the page is called."""
        return f"{self.application + ': ' if self.application else ''}{self.old} to {self.new}"

    def to_json(self) -> dict[str, Any]:
        """The page as a JSON value: the document of `overton compare --json`, and what the page adds to it."""
        return {
            "application": self.application,
            "made": self.made,
            "verdict": asdict(self.verdict),
            "comparison": self.comparison.to_json(),
            "worse": [
                {
                    "task": worse.row.task,
                    "tag": worse.row.tag,
                    "note": worse.note,
                    "examples": [example.to_json() for example in worse.examples],
                }
                for worse in self.worse
            ],
        }


def comparison_page(
    comparison: Comparison,
    *,
    application: str = "",
    old_name: str = "",
    examples: Mapping[tuple[str, str], Sequence[Example]] | None = None,
    made: str = "",
) -> ComparisonPage:
    """The page of a comparison.

    Args:
        comparison: The comparison.
        application: Name of the application.
        old_name: What the old version is called beside its id, such as `live`.
        examples: Records that got worse, by task and tag.
        made: When the page is made, as ISO 8601 text.
    """
    rows = comparison.rows
    worse = comparison.worse
    told = [row for place, row in enumerate(worse) if place < WORST or row.verdict == REGRESSED]
    tasks = {row.task: row.metric for row in rows if row.metric != ECE}
    better = comparison.better
    rises = set(better)
    by_tag: dict[str, dict[str, ComparedRow]] = {}
    for row in rows:
        if row.metric != ECE:
            by_tag.setdefault(row.tag, {})[row.task] = row
    changes = [
        ChangeRow(
            tag,
            max(row.n for row in of.values()),
            tuple(of.get(task) for task in tasks),
            tuple(of.get(task) in rises for task in tasks),
        )
        for tag, of in by_tag.items()
        if tag != WHOLE
    ]
    return ComparisonPage(
        application=application,
        old=comparison.old,
        new=comparison.new,
        old_name=old_name,
        verdict=verdict_of(comparison, old_name, better),
        comparison=comparison,
        tasks=tuple(tasks.items()),
        whole=tuple(sorted((r for r in rows if r.tag == WHOLE), key=lambda row: (row.metric == ECE, row.task))),
        worse=tuple(_worse(row, comparison, examples or {}) for row in told),
        hidden_worse=len(worse) - len(told),
        better=better,
        changes=tuple(changes[:MOST_ROWS]),
        hidden=max(len(changes) - MOST_ROWS, 0),
        made=made,
    )


def verdict_of(comparison: Comparison, old_name: str = "", better: Sequence[ComparedRow] | None = None) -> Verdict:
    """What a comparison comes to, in one sentence.

    Args:
        comparison: The comparison.
        old_name: What the old version is called beside its id.
        better: What is shown to have got better; asked where None.
    """
    old = f"{old_name} ({comparison.old})" if old_name else comparison.old
    rows = [row for row in comparison.rows if row.metric != ECE]
    better = comparison.better if better is None else better
    unknown = sum(row.verdict == UNKNOWN for row in rows)
    rest = f"{unknown:,} of {count_of(len(rows), 'figure')} cannot rule out a fall that matters: too little data."
    apart = len(comparison.rows) - len(rows)
    rest += f" {count_of(apart, 'calibration error')} of whole splits, judged too, not among them." if apart else ""
    detail = rest if unknown else ""
    if comparison.refusals:
        worst = comparison.regressed[0] if comparison.regressed else None
        why = f"{_told(worst)} regressed" if worst else comparison.refusals[0].message
        others = len(comparison.refusals) - 1
        more = f", and {count_of(others, 'other reason')}" if others else ""
        if not worst and comparison.refusals[0].code == "gate.no-evidence":
            return Verdict("unknown", f"Whether it may replace {old} cannot be told: {why}{more}.", detail)
        return Verdict("refused", f"Not fit to replace {old}: {why}{more}.", detail)
    allowed = comparison.within_margin
    besides = f", and {count_of(len(allowed) - 1, 'other figure')} by theirs" if len(allowed) > 1 else ""
    held = f"nothing regressed, but {_told(allowed[0])} fell by what its margin allows{besides}" if allowed else ""
    if better:
        sentence = f"Better than {old} beyond noise {_rises(better)}, and {held or 'nothing regressed'}."
        return Verdict("better", sentence, detail)
    if held:
        return Verdict("same", f"Not better than {old} beyond noise; {held}.", detail)
    return Verdict("same", f"No change from {old} is shown beyond noise, and nothing regressed.", detail)


def _told(row: ComparedRow) -> str:
    where = "" if row.tag == WHOLE else f" on {tag_name(row.tag)}"
    metric = "calibration error" if row.metric == ECE else row.metric.replace("_", " ")
    return f"{row.task} {metric}{where} ({figure(row.old)} to {figure(row.new)})"


def _rises(better: Sequence[ComparedRow]) -> str:
    """What got better: tasks as a whole, then the tag that rose most."""
    whole = [row for row in better if row.tag == WHOLE]
    tags = [row for row in better if row.tag != WHOLE]
    if not whole:
        return f"on {_told(tags[0])}" + (f" and {count_of(len(tags) - 1, 'other figure')}" if len(tags) > 1 else "")
    if len(whole) == 1:
        named = _told(whole[0])
    else:
        names = [row.task for row in whole]
        named = f"{', '.join(names[:-1])} and {names[-1]}"
    return f"on {named}" + (f", most on {_told(tags[0])}" if tags else "")


def _worse(row: ComparedRow, comparison: Comparison, examples: Mapping[tuple[str, str], Sequence[Example]]) -> Worse:
    key = (row.task, row.tag)
    overlap = next((one for one in comparison.compared.overlaps if (one.task, one.tag) == key), None)
    if row.metric == ECE:
        return Worse(row)
    if overlap and overlap.shared > overlap.worse / 2:
        note = f"{overlap.shared:,} of the {count_of(overlap.worse, 'record')} that got worse are of {overlap.of}"
        return Worse(row, note)
    return Worse(row, "", tuple(examples.get(key, ())))
