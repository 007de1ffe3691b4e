"""The page about every source, as a value: rows, classes, slices and warnings of one task or of several."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from overton.base import OvertonError, Problem, brief, did_you_mean
from overton.data import SPLITS, Splits, Tags, Votes, is_made_of_tags, with_expressions
from overton.supervision.analysis.classes import ClassRow, class_rows, what_is_said
from overton.supervision.analysis.copies import find_copies
from overton.supervision.analysis.facts import gather_facts
from overton.supervision.analysis.marginal import marginals
from overton.supervision.analysis.rows import Findings, SourceRow, rows_of
from overton.supervision.analysis.slices import SliceRow, slice_rows
from overton.supervision.analysis.tally import WHOLE, tally
from overton.supervision.analysis.warn import Evidence, SourceWarning, warnings_of
from overton.supervision.analysis.weighed import WeighedSlice, weighed_slices
from overton.supervision.combine import Combined

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class SourceReport:
    """What is known of every source.

    Attributes:
        rows: Figures of each source by task, split and tag, the one to look at first; those of tag `*` stand for a
            whole split.
        classes: How each source uses each class, by task.
        slices: Where sources disagree, by task, the worst first.
        warnings: What somebody should look at, by task, the gravest first.
        weighed: Slices in which votes count otherwise than elsewhere, by task.
    """

    rows: tuple[SourceRow, ...] = ()
    classes: tuple[ClassRow, ...] = ()
    slices: tuple[SliceRow, ...] = ()
    warnings: tuple[SourceWarning, ...] = ()
    weighed: tuple[WeighedSlice, ...] = ()

    __repr__ = brief

    def whole(self) -> tuple[SourceRow, ...]:
        """The rows about whole splits."""
        return tuple(row for row in self.rows if row.tag == WHOLE)

    def to_json(self) -> dict[str, Any]:
        """The document of `overton sources --json`."""
        return {
            "rows": [row.to_json() for row in self.rows],
            "classes": [row.to_json() for row in self.classes],
            "slices": [row.to_json() for row in self.slices],
            "weighed": [row.to_json() for row in self.weighed],
            "warnings": [warning.to_json() for warning in self.warnings],
        }

    def to_pandas(self) -> "pandas.DataFrame":
        """The rows as a pandas frame: one line a row; marginal values are columns `marginal_...`, warnings their codes.

        Its columns are the same whatever the data.
        """
        import pandas

        lines = []
        for row in self.rows:
            line = row.to_json()
            worth = line.pop("marginal") or {}
            line["copies"] = tuple(copy["source"] for copy in line["copies"])
            line["warnings"] = tuple(warning["code"] for warning in line["warnings"])
            line.update({f"marginal_{name}": worth.get(name) for name in ("changed", "lost", "expected", "gold")})
            lines.append(line)
        return pandas.DataFrame(lines, columns=COLUMNS)


COLUMNS = [
    *("task", "source", "split", "tag", "n", "coverage", "overlap", "conflict", "polarity", "estimated_accuracy"),
    *("estimated_change", "gold_accuracy", "gold_low", "gold_high", "n_gold", "marginal_changed", "marginal_lost"),
    *("marginal_expected", "marginal_gold", "copies", "warnings", "together"),
]


def source_report(
    votes: Votes,
    combined: Combined,
    splits: Splits,
    *,
    tags: Tags | None = None,
    shown: Iterable[str] = (),
    parent: Mapping[str, float] | None = None,
) -> SourceReport:
    """The report on the sources of one task.

    Args:
        votes: All votes of the task.
        combined: Their combined labels.
        splits: The splits of the records.
        tags: The tags of all records; None for no slices.
        shown: Tags, or expressions over tags, that get rows of their own beside the whole of each split. An expression
            is no slice, however it begins: nothing else on the page depends on what is shown.
        parent: Estimated accuracies of the version before, by source; None where there is none.
    """
    facts, shown = gather_facts(votes, combined, splits), list(shown)
    marked = None if tags is None else with_expressions(tags, shown)
    sums, said = tally(facts, marked, shown), what_is_said(facts)
    worth, gains = marginals(facts)
    copies = find_copies(facts)
    warnings = warnings_of(Evidence(facts, sums, said, gains, copies, parent))
    findings = Findings(said, worth, copies, warnings, parent)
    return SourceReport(
        rows=rows_of(facts, sums, findings),
        classes=class_rows(facts, said),
        slices=slice_rows(facts, tags) if tags is not None else (),
        warnings=warnings,
        weighed=weighed_slices(facts),
    )


def source_rows(votes: Votes, combined: Combined, splits: Splits) -> tuple[SourceRow, ...]:
    """The rows of a task about whole splits, the source to look at first."""
    return source_report(votes, combined, splits).rows


def join_reports(reports: Sequence[SourceReport]) -> SourceReport:
    """The reports on several tasks as one."""
    return SourceReport(
        rows=tuple(row for report in reports for row in report.rows),
        classes=tuple(row for report in reports for row in report.classes),
        slices=tuple(row for report in reports for row in report.slices),
        warnings=tuple(warning for report in reports for warning in report.warnings),
        weighed=tuple(row for report in reports for row in report.weighed),
    )


def tags_to_show(tags: Tags, asked: Iterable[str] | None) -> tuple[str, ...]:
    """The tags that get rows: those asked for, or all but the splits where None; `*` has rows without being asked for.

    Raises:
        OvertonError: Where no record has a tag that is asked for, or an expression over tags has a fault.
    """
    asked = None if asked is None else tuple(tag for tag in dict.fromkeys(asked) if tag != "*")
    known = [name for name in with_expressions(tags, asked or ()).names if name not in SPLITS]
    if asked is None:
        return tuple(known)
    unknown = [name for name in asked if name not in known]
    if unknown:
        raise OvertonError(
            Problem(
                message=f"{name!r} matches no record" if is_made_of_tags(name) else f"no record has the tag {name!r}",
                code="sources.unknown-tag",
                hint="It is a split: every table has its rows" if name in SPLITS else did_you_mean(name, known),
            )
            for name in unknown
        )
    return asked
